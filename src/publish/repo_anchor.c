/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which repository is ours. A publisher may have fetched it from a server that strangers have taken over, with a root
 * of their own that names our keys beside theirs: what we then signed would vouch for what they have added. So the last
 * root that we have seen lies beside our keys.
 */
#include "base/digest.h"
#include "base/fault.h"
#include "base/fs.h"
#include "publish/repo_inner.h"

#include <string.h>

#define ANCHOR "root.json"
enum { ANCHOR_MAX_BYTES = 512000 };

/* The roots are a chain that repo_open has verified: the one that we know must be in it, byte for byte. */
static gboolean is_in_line(const Repo *repo, const RepoFile *anchor)
{
    g_autofree char *path = repo_metadata_path("root", anchor->metadata->version);
    gsize size = 0;
    g_autofree char *bytes = fs_read(repo->dirfd, path, ANCHOR_MAX_BYTES, &size, NULL);
    return bytes && size == anchor->size && memcmp(bytes, anchor->bytes, size) == 0;
}

gboolean repo_anchor_check(const Repo *repo, const RepoKeys *keys, GError **error)
{
    const char *directory = repo_keys_directory(keys);
    g_autoptr(GError) local = NULL;
    gsize size = 0;
    if (!directory)
        return TRUE;
    g_autofree char *name = g_build_filename(directory, ANCHOR, NULL);
    fs_fd int dir = fs_open_dir(directory, error);
    g_autofree char *bytes = dir >= 0 ? fs_read(dir, ANCHOR, ANCHOR_MAX_BYTES, &size, &local) : NULL;
    if (!bytes && dir >= 0 && fault_code_of(local) == FAULT_ABSENT)
        return TRUE;
    if (local)
        return g_propagate_error(error, g_steal_pointer(&local)), FALSE;
    g_autoptr(RepoFile) anchor = bytes ? repo_file_parse(name, "root", bytes, size, error) : NULL;
    if (!anchor || is_in_line(repo, anchor))
        return anchor != NULL;
    fault_set(error, FAULT_VERIFY, "%s is not the repository that these keys belong to: %s is not among its roots",
              repo->path, name);
    return fault_hint(error, "somebody may have changed it; if you have begun anew yourself, remove %s", name);
}

void repo_anchor_write(const char *bytes, gsize size, const RepoKeys *keys)
{
    const char *directory = repo_keys_directory(keys);
    fs_fd int dir = directory ? fs_open_dir(directory, NULL) : -1;
    gsize old_size = 0;
    g_autofree char *before = dir >= 0 ? fs_read(dir, ANCHOR, ANCHOR_MAX_BYTES, &old_size, NULL) : NULL;
    if (dir >= 0 && !(before && old_size == size && memcmp(before, bytes, size) == 0))
        fs_write_atomic(dir, ANCHOR, bytes, size, 0644, NULL);
}

static gboolean is_published(const Repo *repo, GError **error)
{
    if (repo->root)
        return TRUE;
    gint64 missing = repo_root_missing(repo->pending, NULL);
    fault_set(error, FAULT_POLICY, "%s: its first root is not published yet", repo->path);
    return fault_hint(error, "it needs %" G_GINT64_FORMAT " more signature%s: see 'liftlock repo sign'", missing,
                      missing == 1 ? "" : "s");
}

RepoEdit *repo_begin(const char *path, const RepoKeySources *sources, GError **error)
{
    g_autoptr(Repo) repo = repo_open(path, error);
    g_autoptr(RepoKeys) keys = repo && is_published(repo, error) ? repo_keys_open(sources, path, error) : NULL;
    if (!keys || !repo_anchor_check(repo, keys, error))
        return NULL;
    repo_anchor_write(repo->root->bytes, repo->root->size, keys);
    return repo_edit_new(g_steal_pointer(&repo), g_steal_pointer(&keys));
}
