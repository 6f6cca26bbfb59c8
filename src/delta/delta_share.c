/* SPDX-License-Identifier: Apache-2.0 */
#include "delta/delta_share.h"

#include "base/digest.h"
#include "base/fault.h"
#include "base/fs.h"
#include "base/shown.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

void share_clear(Share *share)
{
    if (share->from_parent)
        fs_fd_clear(&share->from_fd);
    if (share->to_parent)
        fs_fd_clear(&share->to_fd);
    g_clear_pointer(&share->from_parent, g_free);
    g_clear_pointer(&share->to_parent, g_free);
}

/* The directory that holds `path`, and its last name: the one used last, if it is the same. -1 on failure. */
static int parent_of(int dirfd, const char *path, char **last, int *last_fd, const char **name, GError **error)
{
    const char *slash = strrchr(path, '/');
    gsize size = slash ? (gsize)(slash - path) : 0;
    *name = slash ? slash + 1 : path;
    if (*last && strlen(*last) == size && strncmp(*last, path, size) == 0)
        return *last_fd;
    g_autofree char *parent = g_strndup(path, size);
    int fd = fs_open_beneath(dirfd, size > 0 ? parent : ".", O_PATH | O_DIRECTORY, 0, error);
    if (fd < 0)
        return -1;
    if (*last)
        fs_fd_clear(last_fd);
    g_free(*last);
    *last = g_steal_pointer(&parent);
    *last_fd = fd;
    return fd;
}

static gboolean refuse(GError **error, const char *verb, const char *path)
{
    g_autofree char *shown = shown_text(path);
    return fault_errno(error, FAULT_SYSTEM, errno, "cannot %s '%s'", verb, shown);
}

int share_parent(Share *share, const char *path, const char **name, GError **error)
{
    return parent_of(share->to, path, &share->to_parent, &share->to_fd, name, error);
}

int share_open(Share *share, const char *path, GError **error)
{
    const char *name;
    int parent = share_parent(share, path, &name, error);
    int fd = parent < 0 ? -1 : openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (parent >= 0 && fd < 0)
        refuse(error, "read", path);
    return fd;
}

static gboolean copy_file(int from, const char *name, int to, const char *to_name, gboolean runs, const char *path,
                          GError **error)
{
    fs_fd int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat st;
    if (in < 0 || fstat(in, &st) < 0 || !S_ISREG(st.st_mode))
        return refuse(error, "read", path);
    fs_fd int out = openat(to, to_name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (out < 0 && errno == EEXIST)
        return TRUE;
    if (out < 0)
        return refuse(error, "make", path);
    if (!fs_copy_content(in, out, NULL, error))
        return FALSE;
    return fchmod(out, runs ? 0755 : 0644) == 0 || refuse(error, "make", path);
}

gboolean share_file(Share *share, const TreeEntry *entry, const char *path, gboolean runs, GError **error)
{
    const char *from_name, *to_name;
    int from = parent_of(share->from, entry->path, &share->from_parent, &share->from_fd, &from_name, error);
    int to = from < 0 ? -1 : share_parent(share, path, &to_name, error);
    if (to < 0)
        return FALSE;
    if (!share->link || runs != entry->runs)
        return copy_file(from, from_name, to, to_name, runs, path, error);
    if (linkat(from, from_name, to, to_name, 0) == 0 || errno == EEXIST)
        return TRUE;
    if (errno == EXDEV || errno == EMLINK || errno == EPERM) /* another file system; too many links; not ours */
        return copy_file(from, from_name, to, to_name, runs, path, error);
    return refuse(error, "link", path);
}

gboolean share_check(char *read, gsize length, const char *digest, const char *fault, char **text, gsize *size,
                     GError **error)
{
    g_autofree char *lines = read;
    g_autofree char *found = lines ? digest_bytes(lines, length) : NULL;
    if (!found)
        return FALSE;
    if (strcmp(found, digest) != 0)
        return fault_set(error, FAULT_VERIFY, "%s", fault);
    if (text) {
        *text = g_steal_pointer(&lines);
        *size = length;
    }
    return TRUE;
}
