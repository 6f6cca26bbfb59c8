/* SPDX-License-Identifier: Apache-2.0 */
/* An unpacked archive becomes the tree of a release: a single leading directory is lifted. */
#include "base/fault.h"
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static GPtrArray *list(int fd, GError **error)
{
    g_autofree char *self = g_strdup_printf("/proc/self/fd/%d", fd);
    g_autoptr(GDir) dir = g_dir_open(self, 0, error);
    if (!dir)
        return NULL;
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    for (const char *name; (name = g_dir_read_name(dir));)
        g_ptr_array_add(names, g_strdup(name));
    return names;
}

static gboolean move_up(int tree, int inner, GError **error)
{
    g_autoptr(GPtrArray) names = list(inner, error);
    if (!names)
        return FALSE;
    for (guint i = 0; i < names->len; i++)
        if (renameat(inner, names->pdata[i], tree, names->pdata[i]) < 0)
            return fault_errno(error, FAULT_SYSTEM, errno, "cannot move '%s' up", (const char *)names->pdata[i]);
    return TRUE;
}

/* The directory steps aside first, because it may hold an entry of its own name. */
gboolean fs_lift(int tree, GError **error)
{
    g_autoptr(GPtrArray) names = list(tree, error);
    if (!names)
        return FALSE;
    struct stat st;
    const char *only = names->len == 1 ? names->pdata[0] : NULL;
    if (!only || fstatat(tree, only, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode))
        return TRUE;
    fs_fd int inner = fs_open_beneath(tree, only, O_RDONLY | O_DIRECTORY, 0, error);
    if (inner < 0)
        return FALSE;
    g_autofree char *aside = NULL;
    do {
        g_free(aside);
        aside = g_strdup_printf(".liftlock-%08x", g_random_int());
    } while (fs_exists(inner, aside));
    if (renameat(tree, only, tree, aside) < 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot lift '%s'", only);
    if (!move_up(tree, inner, error))
        return FALSE;
    return unlinkat(tree, aside, AT_REMOVEDIR) == 0 ||
           fault_errno(error, FAULT_SYSTEM, errno, "cannot lift '%s'", only);
}

static gboolean claim(int parent, const char *name, const char *path, const struct stat *st, gpointer data,
                      GError **error)
{
    mode_t mode = (st->st_mode & 0777) | (S_ISDIR(st->st_mode) ? 0700 : 0600);
    return S_ISLNK(st->st_mode) || mode == (st->st_mode & 07777) ||
           fchmodat(parent, name, mode, AT_SYMLINK_NOFOLLOW) == 0 ||
           fault_errno(error, FAULT_SYSTEM, errno, "cannot open '%s' for its owner", path);
}

gboolean fs_level(int tree, GError **error)
{
    return fs_walk(tree, ".", claim, NULL, error) && fs_lift(tree, error);
}
