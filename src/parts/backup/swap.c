/* SPDX-License-Identifier: Apache-2.0 */
/* The swap of data by renames. */
#include "parts/backup/swap.h"
#include "base/fault.h"
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

static char *part_name(const Swap *swap, const SwapPart *part)
{
    return g_strconcat(swap->name, part->suffix, NULL);
}

gboolean swap_is_near(int a, int b)
{
    struct statx first, second;
    const unsigned mask = STATX_TYPE | STATX_INO | STATX_MNT_ID;
    if (statx(a, "", AT_EMPTY_PATH, mask, &first) < 0 || statx(b, "", AT_EMPTY_PATH, mask, &second) < 0)
        return FALSE;
    gboolean tells_mount = (first.stx_mask & second.stx_mask & STATX_MNT_ID) != 0;
    gboolean same_device = first.stx_dev_major == second.stx_dev_major && first.stx_dev_minor == second.stx_dev_minor;
    if (!tells_mount)
        return same_device;
    return first.stx_mnt_id == second.stx_mnt_id && (same_device || !S_ISDIR(second.stx_mode));
}

/* Inodes are told apart within one file system: that of the directory that they came from. */
static gboolean has_inode(const Swap *swap, int dirfd, const char *name, ino_t inode)
{
    fs_fd int fd = inode == 0 ? -1 : openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;
    return fd >= 0 && fstat(fd, &st) == 0 && st.st_ino == inode && swap_is_near(swap->incoming, fd);
}

static gboolean is_placed(const Swap *swap, const SwapPart *part)
{
    g_autofree char *name = part_name(swap, part);
    return has_inode(swap, swap->live, name, part->inode);
}

gboolean swap_is_done(const Swap *swap)
{
    return is_placed(swap, &swap->parts[swap->n_parts - 1]);
}

static gboolean check_incoming(const Swap *swap, GError **error)
{
    for (guint i = 0; i < swap->n_parts; i++) {
        const SwapPart *part = &swap->parts[i];
        g_autofree char *name = part_name(swap, part);
        if (part->inode != 0 && !is_placed(swap, part) && !has_inode(swap, swap->incoming, name, part->inode))
            return fault_set(error, FAULT_STATE, "the copy of '%s' is gone", name);
    }
    return TRUE;
}

static gboolean move_aside(const Swap *swap, const SwapPart *part, GError **error)
{
    g_autofree char *name = part_name(swap, part);
    if (is_placed(swap, part))
        return TRUE;
    for (guint n = 0;; n++) {
        g_autofree char *to = n == 0 ? g_strdup(name) : g_strdup_printf("%s.%u", name, n);
        if (renameat2(swap->live, name, swap->aside, to, RENAME_NOREPLACE) == 0 || errno == ENOENT)
            return TRUE;
        if (errno != EEXIST)
            return fault_errno(error, FAULT_SYSTEM, errno, "cannot move '%s' aside", name);
    }
}

static gboolean let_in(const Swap *swap, const SwapPart *part, GError **error)
{
    g_autofree char *name = part_name(swap, part);
    if (part->inode == 0 || is_placed(swap, part) ||
        renameat2(swap->incoming, name, swap->live, name, RENAME_NOREPLACE) == 0)
        return TRUE;
    return fault_errno(error, FAULT_SYSTEM, errno, "cannot put '%s' back", name);
}

gboolean swap_run(const Swap *swap, GError **error)
{
    guint last = swap->n_parts - 1;
    if (swap_is_done(swap))
        return fs_sync_dir(swap->live, error) && fs_sync_dir(swap->incoming, error);
    if (!check_incoming(swap, error))
        return FALSE;
    for (guint i = 0; i < swap->n_parts; i++)
        if (!move_aside(swap, &swap->parts[i], error))
            return FALSE;
    if (!fs_sync_dir(swap->aside, error) || !fs_sync_dir(swap->live, error))
        return FALSE;
    /* A main file is never live without the journal that belongs to it: not even after a power cut. */
    for (guint i = 0; i < last; i++)
        if (!let_in(swap, &swap->parts[i], error))
            return FALSE;
    if (!fs_sync_dir(swap->live, error) || !let_in(swap, &swap->parts[last], error))
        return FALSE;
    return fs_sync_dir(swap->live, error) && fs_sync_dir(swap->incoming, error);
}
