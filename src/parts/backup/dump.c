/* SPDX-License-Identifier: Apache-2.0 */
/* Dumps, and the hand over of files between the app's user and us. */
#include "parts/backup/dump.h"
#include "base/digest.h"
#include "base/fault.h"
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define IMAGE "image"

/* --- hands --- */

static gboolean give(const Place *place, int fd, mode_t mode, GError **error)
{
    if ((place->change_user && fchown(fd, place->uid, place->gid) < 0) || fchmod(fd, mode) < 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot hand over to the app's user");
    return TRUE;
}

static gboolean take(int fd, mode_t mode, GError **error)
{
    if ((geteuid() == 0 && fchown(fd, 0, 0) < 0) || fchmod(fd, mode) < 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot take over from the app's user");
    return TRUE;
}

int hand_open(const Place *place, int parent, const char *name, GError **error)
{
    if (!fs_remove_tree(parent, name, error) || !fs_make_dirs(parent, name, 0700, error))
        return -1;
    fs_fd int hand = fs_open_beneath(parent, name, O_RDONLY | O_DIRECTORY, 0, error);
    if (hand < 0 || !give(place, hand, 0700, error))
        return -1;
    return fs_fd_steal(&hand);
}

/* The image, whatever its maker put there in its place: a link is not followed, a second name not taken over. */
static int open_image(int hand, GError **error)
{
    struct stat st;
    if (!fs_exists(hand, IMAGE)) {
        fault_set(error, FAULT_BACKUP, "no file was written");
        return -1;
    }
    fs_fd int fd = fs_open_beneath(hand, IMAGE, O_RDONLY | O_NONBLOCK, 0, error);
    if (fd < 0)
        return -1;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1) {
        fault_set(error, FAULT_BACKUP, "what was written is not a regular file of its own");
        return -1;
    }
    return fs_fd_steal(&fd);
}

gboolean hand_take(int hand, GError **error)
{
    /* The directory first: from then on its names stay what they are. */
    if (!take(hand, 0700, error))
        return FALSE;
    fs_fd int fd = open_image(hand, error);
    if (fd < 0 || !take(fd, 0600, error))
        return FALSE;
    if (fsync(fd) < 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot sync a dump");
    return fs_sync_dir(hand, error);
}

gboolean hand_lend(const Place *place, int hand, GError **error)
{
    fs_fd int fd = open_image(hand, error);
    return fd >= 0 && give(place, fd, 0400, error) && give(place, hand, 0500, error);
}

static gboolean sync_file(int directory, const char *name, GError **error)
{
    fs_fd int fd = fs_open_beneath(directory, name, O_RDONLY, 0, error);
    if (fd < 0)
        return FALSE;
    return fsync(fd) == 0 || fault_errno(error, FAULT_SYSTEM, errno, "cannot sync '%s'", name);
}

gboolean hand_move(int hand, int directory, const char *name, GError **error)
{
    if (!fs_remove_tree(directory, name, error))
        return FALSE;
    if (renameat(hand, IMAGE, directory, name) == 0)
        return fs_sync_dir(directory, error);
    if (errno != EXDEV)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot move a dump to '%s'", name);
    return fs_copy_tree(hand, IMAGE, directory, name, error) && sync_file(directory, name, error) &&
           fs_sync_dir(directory, error);
}

/* --- digests --- */

/* NULL without *error: there is nothing of this name. */
static char *digest_of(int directory, const char *name, GError **error)
{
    struct stat st;
    if (fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno != ENOENT)
            fault_errno(error, FAULT_SYSTEM, errno, "cannot read '%s'", name);
        return NULL;
    }
    if (S_ISDIR(st.st_mode))
        return digest_tree(directory, name, error);
    fs_fd int fd = fs_open_beneath(directory, name, O_RDONLY | O_NONBLOCK, 0, error);
    return fd < 0 ? NULL : digest_fd(fd, NULL, error);
}

gboolean dump_note(int directory, const char *name, GError **error)
{
    g_autoptr(GError) problem = NULL;
    g_autofree char *digest = digest_of(directory, name, &problem);
    if (problem) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return FALSE;
    }
    g_autofree char *note = g_strconcat(name, ".sha256", NULL);
    g_autofree char *text = g_strconcat(digest ? digest : "absent", "\n", NULL);
    return fs_write_atomic(directory, note, text, strlen(text), 0600, error);
}

gboolean dump_check(int directory, const char *name, gboolean *absent, GError **error)
{
    g_autofree char *note = g_strconcat(name, ".sha256", NULL);
    g_autofree char *noted = fs_read(directory, note, 1024, NULL, error);
    if (!noted)
        return FALSE;
    g_strstrip(noted);
    g_autoptr(GError) problem = NULL;
    g_autofree char *digest = digest_of(directory, name, &problem);
    if (problem) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return FALSE;
    }
    *absent = g_str_equal(noted, "absent");
    if (*absent ? digest == NULL : g_strcmp0(digest, noted) == 0)
        return TRUE;
    if (!digest)
        return fault_set(error, FAULT_BACKUP, "the dump is gone");
    return fault_set(error, FAULT_BACKUP, "the dump is not what was written");
}
