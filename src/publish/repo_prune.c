/* SPDX-License-Identifier: Apache-2.0 */
/* Which releases go, and which files. */
#include "publish/repo_prune.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/fs.h"
#include "model/version.h"
#include "publish/repo_block.h"
#include "publish/repo_former.h"
#include "publish/repo_inner.h"

#include <fcntl.h>
#include <string.h>

typedef struct Candidate {
    const char *version;
    const Node *block;
    gint64 released_s;
    gboolean stays;
} Candidate;

void repo_pruned_clear(RepoPruned *pruned)
{
    g_clear_pointer(&pruned->releases, g_ptr_array_unref);
    g_clear_pointer(&pruned->removed, g_ptr_array_unref);
}

/* --- which stay --------------------------------------------------------------------------------------------- */

static void collect(const char *path, Node *block, gpointer data)
{
    Candidate *candidate = g_new0(Candidate, 1);
    candidate->version = node_get_text(block, "version", "");
    candidate->block = block;
    clock_parse(node_get_text(block, "released", ""), &candidate->released_s);
    g_ptr_array_add(data, candidate);
}

static int compare_dates(gconstpointer a, gconstpointer b)
{
    const Candidate *x = *(const Candidate *const *)a, *y = *(const Candidate *const *)b;
    return x->released_s < y->released_s ? 1 : x->released_s > y->released_s ? -1 : 0;
}

static int compare_versions(gconstpointer a, gconstpointer b)
{
    return version_compare((*(const Candidate *const *)b)->version, (*(const Candidate *const *)a)->version);
}

/* Newest first; by date where there are versions that have no order. */
static GPtrArray *newest_first(Node *content)
{
    GPtrArray *all = g_ptr_array_new_with_free_func(g_free);
    repo_blocks(content, collect, all);
    gboolean ordered = TRUE;
    for (guint i = 0; i < all->len; i++)
        ordered = ordered && version_is_ordered(((const Candidate *)all->pdata[i])->version);
    g_ptr_array_sort(all, ordered ? compare_versions : compare_dates);
    return all;
}

static gboolean is_named(const Candidate *candidate)
{
    const Node *channels = node_get(candidate->block, "channels");
    return channels && channels->kind == NODE_LIST && channels->items->len > 0;
}

static gboolean is_good(const Candidate *candidate)
{
    return !repo_block_is_withdrawn(candidate->block);
}

/* Hosts take the newest good release below one that was withdrawn: of any kind, and the newest that is no
 * pre-release. */
static void keep_below(const GPtrArray *all, guint at)
{
    gboolean any = FALSE;
    for (guint i = at + 1; i < all->len; i++) {
        Candidate *candidate = all->pdata[i];
        gboolean plain = !version_is_prerelease(candidate->version);
        if (!is_good(candidate) || (any && !plain))
            continue;
        candidate->stays = any = TRUE;
        if (plain)
            return;
    }
}

static void choose(const GPtrArray *all, int keep)
{
    for (guint i = 0, n_good = 0; i < all->len; i++) {
        Candidate *candidate = all->pdata[i];
        gboolean gate = node_get(candidate->block, "gate") && is_good(candidate);
        candidate->stays = candidate->stays || n_good < (guint)keep || gate || is_named(candidate);
        if (is_named(candidate) && !is_good(candidate))
            keep_below(all, i);
        n_good += is_good(candidate);
    }
}

/* --- the metadata ------------------------------------------------------------------------------------------- */

static void add_files(GHashTable *listed, const Node *block)
{
    const Node *files = node_get(block, "files");
    for (guint i = 0; files && files->kind == NODE_LIST && i < files->items->len; i++) {
        const Node *file = files->items->pdata[i];
        if (file->kind == NODE_SCALAR)
            g_hash_table_add(listed, g_strdup(file->text));
    }
}

static void sort_out(const GPtrArray *all, RepoPruned *pruned, GHashTable *gone, GHashTable *listed)
{
    for (guint i = 0; i < all->len; i++) {
        const Candidate *candidate = all->pdata[i];
        if (candidate->stays) {
            pruned->stay++;
            add_files(listed, candidate->block);
            continue;
        }
        g_ptr_array_add(pruned->releases, g_strdup(candidate->version));
        g_hash_table_add(gone, g_strdup(candidate->version));
    }
}

/* Every target says of which version it is; what a release that stays lists is its own, whatever it says. */
static void forget(Node *content, GHashTable *gone, GHashTable *listed)
{
    const Node *targets = node_get(content, "targets");
    Node *left = node_new_map();
    for (guint i = 0; i < targets->items->len; i++) {
        const Entry *entry = targets->items->pdata[i];
        const char *version = node_get_text(node_get(entry->value, "custom"), "version", NULL);
        if (!version || !g_hash_table_contains(gone, version) || g_hash_table_contains(listed, entry->key))
            node_set(left, entry->key, repo_copy(entry->value));
    }
    node_set(content, "targets", left);
}

static gboolean forget_releases(RepoEdit *edit, const RepoPruneOptions *options, RepoPruned *pruned, RepoReport *report,
                                GError **error)
{
    Node *content = repo_edit_app(edit, options->app);
    g_autoptr(GPtrArray) all = newest_first(content);
    g_autoptr(GHashTable) gone = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
                          listed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    choose(all, options->keep);
    sort_out(all, pruned, gone, listed);
    if (options->dry_run || pruned->releases->len == 0)
        return TRUE;
    forget(content, gone, listed);
    gboolean good = repo_edit_commit(edit, error);
    repo_report_written(report, edit->written);
    return good;
}

/* --- the files ---------------------------------------------------------------------------------------------- */

static gboolean remove_file(const Repo *repo, const char *path, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(path), *name = g_path_get_basename(path);
    fs_fd int fd = fs_open_beneath(repo->dirfd, folder, O_RDONLY | O_DIRECTORY, 0, error);
    return fd >= 0 && fs_remove_tree(fd, name, error);
}

static int compare_texts(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Those that were let go so long ago that no reader can have metadata which lead to them. */
static gboolean remove_files(const Repo *repo, GHashTable *former, gboolean dry_run, RepoPruned *pruned, GError **error)
{
    GHashTableIter each;
    gpointer path, until;
    g_hash_table_iter_init(&each, former);
    while (g_hash_table_iter_next(&each, &path, &until)) {
        gint64 until_s = *(const gint64 *)until;
        if (!fs_exists(repo->dirfd, path))
            continue;
        if (until_s > repo->now_s) {
            pruned->waiting++;
            pruned->until_s = MAX(pruned->until_s, until_s);
            continue;
        }
        if (!dry_run && !remove_file(repo, path, error))
            return FALSE;
        g_ptr_array_add(pruned->removed, g_strdup(path));
    }
    g_ptr_array_sort(pruned->removed, compare_texts);
    return TRUE;
}

/* As the repository is now: what has just left its metadata is among those that wait. */
static gboolean remove_former(const RepoPruneOptions *options, RepoPruned *pruned, GError **error)
{
    g_autoptr(Repo) repo = repo_open(options->path, error);
    const RepoFile *app = repo ? repo_app(repo, options->app) : NULL;
    g_autoptr(GHashTable) former = app ? repo_former_targets(repo->dirfd, app) : NULL;
    return former && remove_files(repo, former, options->dry_run, pruned, error);
}

/* --- both --------------------------------------------------------------------------------------------------- */

static gboolean prune(const RepoPruneOptions *options, RepoPruned *pruned, RepoReport *report, GError **error)
{
    g_autoptr(RepoEdit) edit = repo_begin(options->path, &options->keys, error);
    if (!edit)
        return FALSE;
    if (!repo_app(edit->repo, options->app)) {
        g_autofree char *quoted = schema_quote(options->app);
        return fault_set(error, FAULT_ABSENT, "%s holds no app %s", options->path, quoted);
    }
    return forget_releases(edit, options, pruned, report, error);
}

gboolean repo_prune(const RepoPruneOptions *options, RepoPruned *pruned, RepoReport *report, GError **error)
{
    repo_report_init(report);
    report->app = g_strdup(options->app);
    *pruned = (RepoPruned){.releases = g_ptr_array_new_with_free_func(g_free),
                           .removed = g_ptr_array_new_with_free_func(g_free)};
    if (options->keep < 1) {
        fault_set(error, FAULT_USAGE, "repo prune: nothing says how many of the newest releases stay");
        return fault_hint(error, "--keep 10 keeps ten, and those that a channel names, and gates");
    }
    gboolean good = prune(options, pruned, report, error) && remove_former(options, pruned, error);
    report->nothing_to_do = good && pruned->releases->len == 0 && pruned->removed->len == 0;
    return good;
}
