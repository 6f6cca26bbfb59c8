/* SPDX-License-Identifier: Apache-2.0 */
#include "parts/layout/kin.h"

#include "base/fault.h"
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { ANY_WRITE = 0222 };

void kin_clear(Kin *kin)
{
    g_clear_pointer(&kin->inodes, g_hash_table_unref);
}

static gboolean note(int parent, const char *name, const char *path, const struct stat *st, gpointer data,
                     GError **error)
{
    Kin *kin = data;
    if (S_ISREG(st->st_mode) && st->st_uid == 0 && !(st->st_mode & ANY_WRITE) && st->st_dev == kin->device)
        g_hash_table_add(kin->inodes, g_memdup2(&(gint64){(gint64)st->st_ino}, sizeof(gint64)));
    return TRUE;
}

gboolean kin_read(const PartContext *context, int releases, Kin *kin, GError **error)
{
    struct stat st;
    if (!context->kin || geteuid() != 0)
        return TRUE;
    fs_fd int tree = fs_open_beneath(releases, context->kin, O_RDONLY | O_DIRECTORY, 0, error);
    if (tree < 0)
        return FALSE;
    if (fstat(tree, &st) < 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot read releases/%s", context->kin);
    kin->device = st.st_dev;
    kin->inodes = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    return fs_walk(tree, ".", note, kin, error);
}

gboolean kin_has(const Kin *kin, const struct stat *st)
{
    const gint64 inode = (gint64)st->st_ino;
    return kin->inodes && S_ISREG(st->st_mode) && st->st_nlink > 1 && st->st_dev == kin->device &&
           g_hash_table_contains(kin->inodes, &inode);
}
