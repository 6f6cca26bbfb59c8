/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/repo_ways.h"

#include "base/digest.h"
#include "base/fault.h"
#include "base/fs.h"
#include "base/process.h"
#include "delta/delta_file.h"
#include "delta/pack.h"
#include "model/version.h"
#include "publish/program.h"
#include "publish/repo_block.h"
#include "publish/repo_inner.h"
#include "trust/tuf_write.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define MAKER "liftlock-delta"

enum { MAKER_LIMIT_S = 12 * 60 * 60 };

static void way_free(gpointer data)
{
    RepoWay *way = data;
    char *const texts[] = {way->path, way->partial, way->sha256, way->from, way->from_tree};
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(texts[i]);
    g_free(way);
}

void repo_ways_init(RepoWays *ways, int repo_dirfd)
{
    *ways = (RepoWays){.repo = repo_dirfd, .ways = g_ptr_array_new_with_free_func(way_free)};
}

void repo_ways_clear(RepoWays *ways)
{
    for (guint i = 0; ways->ways && i < ways->ways->len; i++) {
        const RepoWay *way = ways->ways->pdata[i];
        if (way->partial)
            unlinkat(ways->repo, way->partial, 0);
    }
    g_clear_pointer(&ways->ways, g_ptr_array_unref);
    g_clear_pointer(&ways->tree, g_free);
}

/* --- from where ----------------------------------------------------------------------------------------------- */

typedef struct Bases {
    const char *version;
    GPtrArray *blocks;
    guint n_older;
} Bases;

static void consider(const char *path, Node *block, gpointer data)
{
    Bases *bases = data;
    const char *version = node_get_text(block, "version", "");
    if (!version_is_valid(version) || version_compare(version, bases->version) >= 0)
        return;
    bases->n_older++;
    if (repo_block_is_named(block) || repo_block_was_named(block))
        g_ptr_array_add(bases->blocks, block);
}

/* What a channel names is what most hosts have. */
static int compare_bases(gconstpointer a, gconstpointer b)
{
    const Node *x = *(const Node *const *)a, *y = *(const Node *const *)b;
    int by_name = repo_block_is_named(y) - repo_block_is_named(x);
    return by_name ? by_name : version_compare(node_get_text(y, "version", ""), node_get_text(x, "version", ""));
}

GPtrArray *repo_ways_bases(const RepoFile *role, const char *version, guint n, RepoReport *report)
{
    Bases bases = {.version = version, .blocks = g_ptr_array_new()};
    if (role)
        repo_blocks(role->metadata->node, consider, &bases);
    g_ptr_array_sort(bases.blocks, compare_bases);
    g_ptr_array_set_size(bases.blocks, (int)MIN(bases.blocks->len, n));
    if (n > 0 && bases.n_older > 0 && bases.blocks->len == 0)
        repo_report_note(report, "no delta leads to %s: no channel has named a release before it, so no host has one",
                         version);
    return bases.blocks;
}

/* --- making --------------------------------------------------------------------------------------------------- */

typedef struct Making {
    RepoWays *ways;
    const RepoWaysWish *wish;
    RepoReport *report;
    RepoScratch *scratch;
    RepoTree *new;
    char *maker;
} Making;

static void making_clear(Making *making)
{
    g_clear_pointer(&making->new, repo_tree_free);
    g_clear_pointer(&making->scratch, repo_scratch_free);
    g_clear_pointer(&making->maker, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Making, making_clear)

static void tell(const Making *making, const char *doing, const char *what)
{
    g_autofree char *text = g_strconcat(doing, what, NULL);
    if (making->wish->tell)
        making->wish->tell(text, making->wish->tell_data);
}

/* It compresses, and we do not link what does. */
static char *find_maker(void)
{
    g_autofree char *own = process_own_directory();
    g_autofree char *beside = own ? g_build_filename(own, MAKER, NULL) : NULL;
    return beside && access(beside, X_OK) == 0 ? g_steal_pointer(&beside)
                                               : g_build_filename(LIFTLOCK_LIBEXECDIR, MAKER, NULL);
}

/* Runs it on things in the scratch directory. */
static gboolean run_maker(const Making *making, const char *verb, const char *a, const char *b, const char *c,
                          GError **error)
{
    const char *const argv[] = {making->maker, verb, a, b, c, NULL};
    g_auto(ProgramAnswer) answer = {0};
    if (!program_run(argv, making->scratch->path, MAKER_LIMIT_S, &answer, error))
        return FALSE;
    if (answer.status == 0)
        return TRUE;
    fault_set(error, FAULT_SYSTEM, "%s", answer.status < 0 ? MAKER " was ended by a signal" : answer.complaint);
    return fault_hint(error, "it needs memory, and room in %s", making->scratch->path);
}

/* A file out of the scratch directory, to the repository. */
static gboolean take_file(const Making *making, RepoWay *way, int from, GError **error)
{
    int repo = making->ways->repo;
    guint64 size = 0;
    const char *name = strchr(way->path, '/') + 1;
    way->partial = g_strdup_printf("targets/%s/.%s.partial", making->wish->app, name);
    fs_fd int to = fs_open_beneath(repo, way->partial, O_RDWR | O_CREAT | O_TRUNC, 0644, error);
    if (to < 0)
        return FALSE;
    if (!fs_copy_content(from, to, NULL, error))
        return fault_prefix(error, "%s", way->partial);
    if (fchmod(to, 0644) < 0 || fsync(to) < 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot write %s", way->partial);
    way->sha256 = digest_fd(to, &size, error);
    way->size = (gint64)size;
    return way->sha256 != NULL;
}

static RepoWay *add_way(const Making *making, const char *kind, char *path)
{
    RepoWay *way = g_new0(RepoWay, 1);
    way->kind = kind;
    way->path = path;
    g_ptr_array_add(making->ways->ways, way);
    return way;
}

static int open_made(const Making *making, const char *name, GError **error)
{
    return fs_open_beneath(making->scratch->dirfd, name, O_RDONLY, 0, error);
}

/* --- pack and table --- */

/* The tree that a host has that unpacks the archive. */
static gboolean unpack(Making *making, gboolean *can_be_packed, GError **error)
{
    const RepoWaysWish *wish = making->wish;
    g_autoptr(GError) local = NULL;
    making->new = repo_tree_new(making->scratch, "new", error);
    if (!making->new || !repo_tree_unpack(making->new, wish->archive, wish->archive_name, error))
        return FALSE;
    g_autoptr(TreeInventory) inventory =
        repo_tree_read(making->new, &local)
            ? tree_inventory_parse(making->new->text, making->new->size, "the tree", &local)
            : NULL;
    *can_be_packed = inventory && pack_check(inventory, &local);
    if (*can_be_packed)
        return TRUE;
    if (!g_error_matches(local, FAULT, FAULT_ARCHIVE)) {
        g_propagate_error(error, g_steal_pointer(&local));
        return FALSE;
    }
    repo_report_note(making->report, "there is only the archive, no pack and no delta: %s", local->message);
    return TRUE;
}

static gboolean make_pack(const Making *making, GError **error)
{
    static const char *const kinds[] = {"table", "pack"};
    const RepoWaysWish *wish = making->wish;
    tell(making, "making the pack", "");
    if (!run_maker(making, "pack", "new", "pack", "table", error))
        return FALSE;
    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
        fs_fd int fd = open_made(making, kinds[i], error);
        char *path = g_strdup_printf("%s/%s-%s.%s", wish->app, wish->app, wish->version, kinds[i]);
        RepoWay *way = add_way(making, kinds[i], path);
        if (fd < 0 || !take_file(making, way, fd, error))
            return FALSE;
    }
    return TRUE;
}

/* --- deltas --- */

static gboolean read_head(const Making *making, int fd, const RepoTree *old, DeltaHead *head, GError **error)
{
    guint8 bytes[DELTA_HEAD_BYTES];
    gssize n = pread(fd, bytes, sizeof bytes, 0);
    if (n < 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot read the delta");
    if (!delta_head_read(bytes, (gsize)n, head, error))
        return FALSE;
    return (g_str_equal(head->old_digest, old->digest) && g_str_equal(head->new_digest, making->new->digest)) ||
           fault_set(error, FAULT_SYSTEM, "the delta was made of other trees");
}

static gboolean take_delta(const Making *making, const char *from, const RepoTree *old, GError **error)
{
    const RepoWaysWish *wish = making->wish;
    struct stat st;
    DeltaHead head;
    fs_fd int fd = open_made(making, "delta", error);
    if (fd < 0 || !read_head(making, fd, old, &head, error))
        return FALSE;
    if (fstat(fd, &st) < 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot read the delta");
    if (st.st_size >= wish->archive_bytes) {
        repo_report_note(making->report, "no delta from %s: it would be no smaller than the archive", from);
        return TRUE;
    }
    char *path = g_strdup_printf("%s/%s-%s-from-%s.delta", wish->app, wish->app, wish->version, from);
    RepoWay *way = add_way(making, "delta", path);
    way->from = g_strdup(from);
    way->from_tree = g_strdup(old->digest);
    way->memory = (gint64)head.memory_bytes;
    return take_file(making, way, fd, error);
}

static gboolean make_delta(const Making *making, const Node *base, GError **error)
{
    const char *from = node_get_text(base, "version", "");
    g_autoptr(GError) local = NULL;
    tell(making, "making the delta from ", from);
    g_autoptr(RepoTree) old =
        repo_tree_of_release(making->scratch, "old", making->ways->repo, making->wish->role->metadata, base, &local);
    if (old)
        return run_maker(making, "make", "old", "new", "delta", error) && take_delta(making, from, old, error);
    if (!repo_tree_is_theirs(local)) {
        g_propagate_error(error, g_steal_pointer(&local));
        return FALSE;
    }
    repo_report_note(making->report, "no delta from %s: %s", from, local->message);
    return TRUE;
}

gboolean repo_ways_make(RepoWays *ways, const RepoWaysWish *wish, RepoReport *report, GError **error)
{
    g_auto(Making) making = {.ways = ways, .wish = wish, .report = report, .maker = find_maker()};
    gboolean can_be_packed = FALSE;
    making.scratch = repo_scratch_open(error);
    if (!making.scratch || !unpack(&making, &can_be_packed, error))
        return FALSE;
    if (!can_be_packed)
        return TRUE;
    g_autoptr(GPtrArray) bases = repo_ways_bases(wish->role, wish->version, wish->n_deltas, report);
    for (guint i = 0; i < bases->len; i++)
        if (!make_delta(&making, bases->pdata[i], error))
            return FALSE;
    ways->tree = g_strdup(making.new->digest);
    return make_pack(&making, error);
}

/* --- publishing ----------------------------------------------------------------------------------------------- */

gboolean repo_ways_put(RepoWays *ways, GPtrArray *written, GError **error)
{
    for (guint i = 0; i < ways->ways->len; i++) {
        RepoWay *way = ways->ways->pdata[i];
        char *path = repo_target_file(way->path, way->sha256);
        g_ptr_array_add(written, path);
        if (!fs_rename(ways->repo, way->partial, ways->repo, path, error))
            return FALSE;
        g_clear_pointer(&way->partial, g_free);
    }
    return TRUE;
}

void repo_ways_list(const RepoWays *ways, Node *content, const char *version)
{
    for (guint i = 0; i < ways->ways->len; i++) {
        const RepoWay *way = ways->ways->pdata[i];
        Node *custom = node_new_map();
        node_set_text(custom, "kind", way->kind);
        node_set_text(custom, "version", version);
        if (way->from) {
            node_set_text(custom, "from", way->from);
            node_set_text(custom, "from_tree", way->from_tree);
            node_set_int(custom, "memory", way->memory);
        }
        tuf_write_target(content, way->path, way->size, way->sha256, custom);
    }
}

/* --- forgetting ----------------------------------------------------------------------------------------------- */

static void collect(const char *path, Node *block, gpointer data)
{
    if (!repo_block_is_named(block) && repo_block_was_named(block))
        g_ptr_array_add(data, block);
}

static void drop(Node *map, const char *key)
{
    for (guint i = 0; i < map->items->len; i++)
        if (g_str_equal(((const Entry *)map->items->pdata[i])->key, key)) {
            g_ptr_array_remove_index(map->items, i);
            return;
        }
}

/* TRUE: it had some. */
static gboolean drop_deltas(Node *targets, const Node *block)
{
    const Node *files = node_get(block, "files");
    guint before = files && files->kind == NODE_LIST ? files->items->len : 0;
    for (guint i = before; i > 0; i--) {
        const Node *file = files->items->pdata[i - 1];
        const Node *target = file->text ? node_get(targets, file->text) : NULL;
        if (!g_str_equal(node_get_text(node_get(target, "custom"), "kind", ""), "delta"))
            continue;
        drop(targets, file->text);
        g_ptr_array_remove_index(files->items, i - 1);
    }
    return before && files->items->len < before;
}

void repo_ways_forget(Node *content, RepoReport *report)
{
    Node *targets = (Node *)node_get(content, "targets"); /* the content is the caller's to change */
    g_autoptr(GPtrArray) blocks = g_ptr_array_new();
    repo_blocks(content, collect, blocks);
    for (guint i = 0; i < blocks->len; i++)
        if (drop_deltas(targets, blocks->pdata[i]))
            repo_report_note(report, "no delta leads to %s any more: no channel names it",
                             node_get_text(blocks->pdata[i], "version", ""));
}
