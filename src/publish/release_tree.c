/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at a tree that is to be published. */
#include "publish/release_tree.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/fs.h"
#include "base/remote.h"
#include "publish/own_manifest.h"

#include <fnmatch.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void release_tree_free(ReleaseTree *tree)
{
    if (!tree)
        return;
    fs_fd_clear(&tree->dirfd);
    g_free(tree->path);
    g_free(tree->manifest_name);
    g_free(tree->manifest_bytes);
    manifest_free(tree->manifest);
    g_clear_pointer(&tree->exclude, g_ptr_array_unref);
    g_free(tree);
}

static gboolean read_manifest(ReleaseTree *tree, const char *app, GError **error)
{
    if (!own_manifest_find(tree->dirfd, tree->path, &tree->manifest_name, error))
        return FALSE;
    if (!tree->manifest_name) {
        fault_set(error, FAULT_MANIFEST, "%s holds no manifest", tree->path);
        return fault_hint(error, "put a file %s into it that names at least 'app' and 'version'", manifest_names[0]);
    }
    tree->manifest =
        own_manifest_read(tree->dirfd, tree->manifest_name, app, &tree->manifest_bytes, &tree->manifest_size, error);
    return tree->manifest && own_manifest_check_app(tree->manifest, tree->manifest_name, app, error);
}

/* --- what is packed ----------------------------------------------------------------------------------------- */

/* A path as a glob that matches nothing else. */
static char *glob_escape(const char *path)
{
    GString *glob = g_string_new(NULL);
    for (; *path; path++) {
        if (strchr("*?[\\", *path))
            g_string_append_c(glob, '\\');
        g_string_append_c(glob, *path);
    }
    return g_string_free(glob, FALSE);
}

static gboolean set_exclude(ReleaseTree *tree, const char *out, GError **error)
{
    tree->exclude = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(tree->exclude, g_strdup(".git"));
    char real[PATH_MAX];
    gsize size = strlen(tree->path);
    if (realpath(out, real) && strcmp(real, tree->path) == 0)
        return fault_set(error, FAULT_USAGE, "%s cannot be both what is published and where it is published",
                         tree->path);
    if (realpath(out, real) && strncmp(real, tree->path, size) == 0 && real[size] == '/')
        g_ptr_array_add(tree->exclude, glob_escape(real + size + 1));
    g_ptr_array_add(tree->exclude, NULL);
    return TRUE;
}

static gboolean is_excluded(const ReleaseTree *tree, const char *path)
{
    for (guint i = 0; tree->exclude->pdata[i]; i++)
        if (fnmatch(tree->exclude->pdata[i], path, FNM_PATHNAME | FNM_LEADING_DIR) == 0)
            return TRUE;
    return FALSE;
}

static gboolean count_entry(int parent_fd, const char *name, const char *path, const struct stat *st, gpointer data,
                            GError **error)
{
    ReleaseTree *tree = data;
    if (is_excluded(tree, path))
        return TRUE;
    tree->entries++;
    if (S_ISREG(st->st_mode)) {
        tree->bytes += st->st_size;
        tree->time_s = MAX(tree->time_s, (gint64)st->st_mtim.tv_sec);
    }
    return TRUE;
}

/* The same tree makes the same archive: a time that is said beats the times of files. */
static void set_time(ReleaseTree *tree)
{
    const char *epoch = g_getenv("SOURCE_DATE_EPOCH");
    guint64 said;
    if (tree->manifest->released && clock_parse(tree->manifest->released, &tree->time_s))
        return;
    if (epoch && g_ascii_string_to_unsigned(epoch, 10, 0, G_MAXINT64, &said, NULL))
        tree->time_s = (gint64)said;
    else
        tree->time_s = MIN(tree->time_s, clock_now_s());
}

ReleaseTree *release_tree_open(const char *path, const char *app, const char *out, GError **error)
{
    g_autoptr(ReleaseTree) tree = g_new0(ReleaseTree, 1);
    char real[PATH_MAX];
    g_autoptr(GError) local = NULL;
    tree->dirfd = fs_open_dir(path, &local);
    tree->path = g_strdup(realpath(path, real) ? real : path);
    if (tree->dirfd < 0) {
        fault_set(error, FAULT_USAGE, "%s", local->message);
        return NULL;
    }
    if (!read_manifest(tree, app, error) || !set_exclude(tree, out, error) ||
        !fs_walk(tree->dirfd, ".", count_entry, tree, error))
        return NULL;
    set_time(tree);
    return g_steal_pointer(&tree);
}

gboolean release_tree_pack(const ReleaseTree *tree, const char *name, int output_fd, GError **error)
{
    const char *const names[] = {tree->manifest_name, NULL};
    gsize size = 0;
    if (!remote_pack(tree->dirfd, name, output_fd, tree->time_s, (const char *const *)tree->exclude->pdata, error))
        return FALSE;
    g_autofree char *bytes = remote_read_member(output_fd, name, names, NULL, &size, error);
    if (!bytes)
        return FALSE;
    if (size != tree->manifest_size || memcmp(bytes, tree->manifest_bytes, size) != 0)
        return fault_set(error, FAULT_USAGE, "%s has changed while it was packed", tree->path);
    return TRUE;
}
