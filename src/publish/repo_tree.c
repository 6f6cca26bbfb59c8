/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/repo_tree.h"

#include "base/digest.h"
#include "base/fault.h"
#include "base/fs.h"
#include "base/remote.h"
#include "delta/pack_assemble.h"
#include "publish/repo_inner.h"

#include <fcntl.h>
#include <string.h>

enum { THREADS = 2 };

RepoTree *repo_tree_new(const RepoScratch *scratch, const char *name, GError **error)
{
    int fd = repo_scratch_tree(scratch, name, error);
    if (fd < 0)
        return NULL;
    RepoTree *tree = g_new0(RepoTree, 1);
    tree->scratch = scratch;
    tree->name = g_strdup(name);
    tree->dirfd = fd;
    return tree;
}

void repo_tree_free(RepoTree *tree)
{
    fs_fd_clear(&tree->dirfd);
    fs_remove_tree(tree->scratch->dirfd, tree->name, NULL);
    g_free(tree->name);
    g_free(tree->text);
    g_free(tree->digest);
    g_free(tree);
}

gboolean repo_tree_unpack(RepoTree *tree, int archive_fd, const char *name, GError **error)
{
    return remote_unpack(archive_fd, name, tree->dirfd, NULL, NULL, NULL, error) && fs_level(tree->dirfd, error);
}

gboolean repo_tree_read(RepoTree *tree, GError **error)
{
    g_autoptr(TreeInventory) inventory =
        tree_inventory_read(tree->dirfd, ".", THREADS, &tree->text, &tree->size, error);
    tree->digest = inventory ? g_strdup(inventory->digest) : NULL;
    return inventory != NULL;
}

gboolean repo_tree_assemble(RepoTree *tree, int table_fd, int pack_fd, const char *digest, GError **error)
{
    PackAssembly assembly = {.old_dirfd = -1, .new_digest = digest, .table_fd = table_fd, .pack_fd = pack_fd};
    if (!pack_inventory(table_fd, digest, &tree->text, &tree->size, error))
        return FALSE;
    assembly.new_text = tree->text;
    assembly.new_size = tree->size;
    assembly.new_dirfd = tree->dirfd;
    tree->digest = g_strdup(digest);
    return pack_assemble(&assembly, error);
}

/* --- files that were signed --------------------------------------------------------------------------------- */

const TufFile *repo_tree_file(const TufMetadata *role, const Node *block, const char *kind)
{
    const Node *files = node_get(block, "files");
    for (guint i = 0; files && files->kind == NODE_LIST && i < files->items->len; i++) {
        const Node *path = files->items->pdata[i];
        const TufFile *file = path->kind == NODE_SCALAR ? tuf_metadata_file(role, path->text) : NULL;
        if (file && g_str_equal(node_get_text(file->custom, "kind", ""), kind))
            return file;
    }
    return NULL;
}

int repo_target_open(int repo_dirfd, const TufFile *file, GError **error)
{
    struct stat st;
    guint64 size = 0;
    g_autofree char *path = repo_target_file(file->name, file->sha256 ? file->sha256 : "");
    fs_fd int fd = file->sha256 ? fs_open_beneath(repo_dirfd, path, O_RDONLY | O_NONBLOCK, 0, NULL) : -1;
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        fault_set(error, FAULT_VERIFY, "%s: it is missing", path);
        return -1;
    }
    g_autofree char *sha256 = digest_fd(fd, &size, error);
    if (!sha256)
        return -1;
    if ((gint64)size != file->length || !g_str_equal(sha256, file->sha256)) {
        fault_set(error, FAULT_VERIFY, "%s: its content is not what its name says", path);
        return -1;
    }
    return fs_fd_steal(&fd);
}

/* --- a release's tree --------------------------------------------------------------------------------------- */

/* Where a tree is wanted. */
typedef struct Wanted {
    const RepoScratch *scratch;
    const char *name;
    int repo;
    const TufMetadata *role;
    const Node *block;
    const char *digest; /* NULL: the release does not say */
} Wanted;

const char *repo_target_name(const TufFile *file)
{
    const char *slash = strrchr(file->name, '/');
    return slash ? slash + 1 : file->name;
}

static RepoTree *from_archive(const Wanted *wanted, const TufFile *archive, GError **error)
{
    fs_fd int fd = repo_target_open(wanted->repo, archive, error);
    g_autoptr(RepoTree) tree = fd < 0 ? NULL : repo_tree_new(wanted->scratch, wanted->name, error);
    if (!tree || !repo_tree_unpack(tree, fd, repo_target_name(archive), error) || !repo_tree_read(tree, error))
        return NULL;
    if (!wanted->digest || g_str_equal(tree->digest, wanted->digest))
        return g_steal_pointer(&tree);
    g_autofree char *path = repo_target_file(archive->name, archive->sha256);
    fault_set(error, FAULT_VERIFY, "%s: it holds another tree than the release", path);
    return NULL;
}

static RepoTree *from_pack(const Wanted *wanted, const TufFile *table, const TufFile *pack, GError **error)
{
    fs_fd int table_fd = repo_target_open(wanted->repo, table, error), pack_fd = -1;
    if (table_fd < 0 || (pack_fd = repo_target_open(wanted->repo, pack, error)) < 0)
        return NULL;
    g_autoptr(RepoTree) tree = repo_tree_new(wanted->scratch, wanted->name, error);
    return tree && repo_tree_assemble(tree, table_fd, pack_fd, wanted->digest, error) ? g_steal_pointer(&tree) : NULL;
}

gboolean repo_tree_is_theirs(const GError *error)
{
    return g_error_matches(error, FAULT, FAULT_VERIFY) || g_error_matches(error, FAULT, FAULT_ARCHIVE);
}

RepoTree *repo_tree_of_release(const RepoScratch *scratch, const char *name, int repo_dirfd, const TufMetadata *role,
                               const Node *block, GError **error)
{
    const char *said = node_get_text(block, "tree", NULL);
    Wanted wanted = {.scratch = scratch, .name = name, .repo = repo_dirfd, .role = role, .block = block};
    const TufFile *archive = repo_tree_file(role, block, "archive"), *table = repo_tree_file(role, block, "table"),
                  *pack = repo_tree_file(role, block, "pack");
    wanted.digest = said && digest_is_valid(said) ? said : NULL;
    g_autoptr(GError) first = NULL, second = NULL;
    RepoTree *tree = archive ? from_archive(&wanted, archive, &first) : NULL;
    gboolean other = table && pack && wanted.digest && (!first || repo_tree_is_theirs(first));
    if (!tree && other)
        tree = from_pack(&wanted, table, pack, first ? &second : &first);
    if (!tree && second && !repo_tree_is_theirs(second))
        g_propagate_error(error, g_steal_pointer(&second));
    else if (!tree && first)
        g_propagate_error(error, g_steal_pointer(&first));
    else if (!tree)
        fault_set(error, FAULT_VERIFY, "it has neither an archive nor a pack");
    return tree;
}
