/* SPDX-License-Identifier: Apache-2.0 */
/* The audit of a repository: whether archive, pack and deltas of a release lead to the tree that was signed. */
#include "base/digest.h"
#include "base/fault.h"
#include "base/fs.h"
#include "delta/delta_assemble.h"
#include "publish/repo_block.h"
#include "publish/repo_inner.h"
#include "publish/repo_tree.h"
#include "publish/repo_verify_inner.h"

#include <string.h>
#include <unistd.h>

typedef struct WaysCheck {
    Audit *audit;
    const RepoScratch *scratch;
    const RepoFile *app;
    GPtrArray *blocks;  /* of the app */
    GHashTable *looked; /* names of deltas that were looked at, or are wrong already */
} WaysCheck;

static const char *version_of(const Node *node)
{
    return node_get_text(node, "version", "");
}

/* NULL: the release does not say. */
static const char *tree_of(const Node *block)
{
    const char *tree = node_get_text(block, "tree", "");
    return digest_is_valid(tree) ? tree : NULL;
}

static gboolean is_good(const WaysCheck *check, const TufFile *file)
{
    return file && g_hash_table_contains(check->audit->good, file->name);
}

/* What is wrong with a file goes to the result; what this machine could not do is handed on. */
static gboolean blame(const WaysCheck *check, const TufFile *file, GError *fault, GError **error)
{
    if (!repo_tree_is_theirs(fault) && !g_error_matches(fault, FAULT, FAULT_REQUIREMENT)) {
        g_propagate_error(error, fault);
        return FALSE;
    }
    g_autofree char *path = repo_target_file(file->name, file->sha256), *text = fault_text(fault);
    audit_wrong(check->audit, "%s: %s", path, text);
    g_error_free(fault);
    return TRUE;
}

static gboolean is_delta(const TufFile *file)
{
    return g_str_equal(node_get_text(file->custom, "kind", ""), "delta");
}

/* --- archive and pack --------------------------------------------------------------------------------------- */

/* *tree (may be NULL after success): what is in the archive, if that is good. */
static gboolean check_archive(const WaysCheck *check, const Node *block, RepoTree **tree, GError **error)
{
    const TufFile *archive = repo_tree_file(check->app->metadata, block, "archive");
    const char *wanted = tree_of(block);
    GError *local = NULL;
    if (!is_good(check, archive))
        return TRUE;
    fs_fd int fd = repo_target_open(check->audit->dirfd, archive, &local);
    g_autoptr(RepoTree) own = fd < 0 ? NULL : repo_tree_new(check->scratch, "base", &local);
    if (!own || !repo_tree_unpack(own, fd, repo_target_name(archive), &local) || !repo_tree_read(own, &local))
        return blame(check, archive, local, error);
    if (wanted && !g_str_equal(own->digest, wanted)) {
        fault_set(&local, FAULT_VERIFY, "it holds another tree than the release");
        return blame(check, archive, local, error);
    }
    *tree = g_steal_pointer(&own);
    return TRUE;
}

static gboolean check_pack(const WaysCheck *check, const Node *block, RepoTree **tree, GError **error)
{
    const TufFile *table = repo_tree_file(check->app->metadata, block, "table"),
                  *pack = repo_tree_file(check->app->metadata, block, "pack");
    GError *local = NULL;
    if (!table != !pack)
        audit_wrong(check->audit, "%s: %s has a %s and no %s", check->app->path, version_of(block),
                    table ? "table" : "pack", table ? "pack" : "table");
    if (!tree_of(block) || !is_good(check, table) || !is_good(check, pack))
        return TRUE;
    fs_fd int table_fd = repo_target_open(check->audit->dirfd, table, &local), pack_fd = -1;
    if (table_fd < 0 || (pack_fd = repo_target_open(check->audit->dirfd, pack, &local)) < 0)
        return blame(check, table_fd < 0 ? table : pack, local, error);
    g_autoptr(RepoTree) own = repo_tree_new(check->scratch, *tree ? "made" : "base", error);
    if (!own)
        return FALSE;
    if (!repo_tree_assemble(own, table_fd, pack_fd, tree_of(block), &local)) {
        gboolean tables = !own->text || g_error_matches(local, FAULT, FAULT_ARCHIVE);
        return blame(check, tables ? table : pack, local, error);
    }
    if (!*tree)
        *tree = g_steal_pointer(&own);
    return TRUE;
}

/* --- deltas ------------------------------------------------------------------------------------------------- */

/* The release that lists it; NULL. */
static const Node *owner_of(const WaysCheck *check, const TufFile *delta)
{
    for (guint i = 0; i < check->blocks->len; i++) {
        const Node *files = node_get(check->blocks->pdata[i], "files");
        for (guint k = 0; files && files->kind == NODE_LIST && k < files->items->len; k++)
            if (g_strcmp0(((const Node *)files->items->pdata[k])->text, delta->name) == 0)
                return check->blocks->pdata[i];
    }
    return NULL;
}

/* What the metadata say of it is what it says of itself. */
static gboolean check_words(const TufFile *delta, int fd, const RepoTree *base, const char *to, GError **error)
{
    guint8 bytes[DELTA_HEAD_BYTES];
    DeltaHead head;
    gssize n = pread(fd, bytes, sizeof bytes, 0);
    gint64 memory = node_get_int(delta->custom, "memory", 0);
    if (!delta_head_read(bytes, (gsize)MAX(n, 0), &head, error))
        return FALSE;
    if (!g_str_equal(node_get_text(delta->custom, "from_tree", ""), base->digest) ||
        !g_str_equal(head.old_digest, base->digest))
        return fault_set(error, FAULT_VERIFY, "it starts from another tree than that of %s",
                         node_get_text(delta->custom, "from", ""));
    if (!g_str_equal(head.new_digest, to))
        return fault_set(error, FAULT_VERIFY, "it leads to another tree than that of %s", version_of(delta->custom));
    return head.memory_bytes == (guint64)memory ||
           fault_set(error, FAULT_VERIFY,
                     "applying it takes %" G_GUINT64_FORMAT " bytes of memory, not %" G_GINT64_FORMAT,
                     head.memory_bytes, memory);
}

static gboolean check_delta(const WaysCheck *check, const TufFile *delta, const RepoTree *base, GError **error)
{
    const Node *owner = owner_of(check, delta);
    const char *to = owner ? tree_of(owner) : NULL;
    GError *local = NULL;
    g_hash_table_add(check->looked, (gpointer)delta->name);
    if (!to) {
        fault_set(&local, FAULT_VERIFY, owner ? "its release does not say which tree it has" : "no release lists it");
        return blame(check, delta, local, error);
    }
    fs_fd int fd = repo_target_open(check->audit->dirfd, delta, &local);
    if (fd < 0 || !check_words(delta, fd, base, to, &local))
        return blame(check, delta, local, error);
    g_autoptr(RepoTree) made = repo_tree_new(check->scratch, "made", error);
    if (!made)
        return FALSE;
    DeltaAssembly assembly = {.old_dirfd = base->dirfd,
                              .new_dirfd = made->dirfd,
                              .delta_fd = fd,
                              .old_text = base->text,
                              .old_size = base->size,
                              .new_digest = to,
                              .link = TRUE};
    return delta_assemble(&assembly, NULL, NULL, &local) || blame(check, delta, local, error);
}

/* All that start from a release, whose tree is here. */
static gboolean check_deltas(const WaysCheck *check, const Node *block, const RepoTree *base, GError **error)
{
    for (guint i = 0; i < check->app->metadata->files->len; i++) {
        const TufFile *file = check->app->metadata->files->pdata[i];
        if (is_delta(file) && is_good(check, file) &&
            g_str_equal(node_get_text(file->custom, "from", ""), version_of(block)) &&
            !check_delta(check, file, base, error))
            return FALSE;
    }
    return TRUE;
}

/* --- all of them -------------------------------------------------------------------------------------------- */

static void collect(const char *path, Node *block, gpointer data)
{
    g_ptr_array_add(data, block);
}

static gboolean is_base(const WaysCheck *check, const Node *block)
{
    for (guint i = 0; i < check->app->metadata->files->len; i++) {
        const TufFile *file = check->app->metadata->files->pdata[i];
        if (is_delta(file) && g_str_equal(node_get_text(file->custom, "from", ""), version_of(block)))
            return TRUE;
    }
    return FALSE;
}

static gboolean check_app(const WaysCheck *check, GError **error)
{
    repo_blocks(check->app->metadata->node, collect, check->blocks);
    for (guint i = 0; i < check->blocks->len; i++) {
        const Node *block = check->blocks->pdata[i];
        g_autoptr(RepoTree) tree = NULL;
        if (!tree_of(block) && !is_base(check, block))
            continue;
        if (!check_archive(check, block, &tree, error) || !check_pack(check, block, &tree, error) ||
            (tree && !check_deltas(check, block, tree, error)))
            return FALSE;
    }
    for (guint i = 0; i < check->app->metadata->files->len; i++) {
        const TufFile *file = check->app->metadata->files->pdata[i];
        if (!is_delta(file) || !is_good(check, file) || g_hash_table_contains(check->looked, file->name))
            continue;
        g_autofree char *path = repo_target_file(file->name, file->sha256);
        audit_note(check->audit, "%s: where it leads was not looked at: the tree of %s is not here", path,
                   node_get_text(file->custom, "from", "?"));
    }
    return TRUE;
}

gboolean audit_ways(Audit *audit, GError **error)
{
    if (audit->light || g_hash_table_size(audit->good) == 0)
        return TRUE;
    g_autoptr(RepoScratch) scratch = repo_scratch_open(error);
    gboolean good = scratch != NULL;
    for (guint i = 0; good && i < audit->apps->len; i++) {
        g_autoptr(GPtrArray) blocks = g_ptr_array_new();
        g_autoptr(GHashTable) looked = g_hash_table_new(g_str_hash, g_str_equal);
        WaysCheck check = {
            .audit = audit, .scratch = scratch, .app = audit->apps->pdata[i], .blocks = blocks, .looked = looked};
        good = check_app(&check, error);
    }
    return good;
}
