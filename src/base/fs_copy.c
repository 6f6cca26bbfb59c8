/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of files and trees, as cheap as the file system makes them. */
#include "base/fault.h"
#include "base/fs.h"
#include "base/fs_inner.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

static gboolean write_at(int fd, const char *bytes, gsize size, off_t offset)
{
    while (size > 0) {
        gssize n = pwrite(fd, bytes, size, offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return FALSE;
        bytes += n;
        size -= (gsize)n;
        offset += n;
    }
    return TRUE;
}

/* Copies [*at, end) with read and write; stops early at the end of the file. */
static gboolean copy_by_hand(int from, int to, off_t *at, off_t end)
{
    enum { CHUNK = 128 * 1024 };
    g_autofree char *buffer = g_malloc(CHUNK);
    while (*at < end) {
        gssize n = pread(from, buffer, (gsize)MIN((off_t)CHUNK, end - *at), *at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0;
        if (!write_at(to, buffer, (gsize)n, *at))
            return FALSE;
        *at += n;
    }
    return TRUE;
}

/* The kernel's own copying; where it declines, by hand. */
static gboolean copy_range(int from, int to, off_t *at, off_t end)
{
    while (*at < end) {
        off_t in = *at, out = *at;
        gssize n = copy_file_range(from, &in, to, &out, (gsize)MIN(end - *at, (off_t)1 << 30), 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EIO || errno == EFBIG))
            return FALSE;
        if (n <= 0)
            return copy_by_hand(from, to, at, end);
        *at += n;
    }
    return TRUE;
}

/* Copies only where there are data, so that holes stay holes. */
static gboolean copy_sparse(int from, int to, off_t size)
{
    for (off_t at = 0; at < size;) {
        off_t data = lseek(from, at, SEEK_DATA);
        if (data < 0 && errno == ENXIO)
            break;
        off_t hole = data < 0 ? size : lseek(from, data, SEEK_HOLE);
        off_t start = data < 0 ? at : data;
        off_t end = hole < 0 ? size : MIN(hole, size);
        at = start;
        if (!copy_range(from, to, &at, end))
            return FALSE;
        if (at < end) /* it shrank while we copied */
            size = at;
    }
    return ftruncate(to, size) == 0;
}

/* As fs_copy_content, but with errno. */
static gboolean copy_content(int from, int to, gboolean *shared)
{
    struct stat st;
    *shared = FALSE;
    if (fstat(from, &st) < 0 || ftruncate(to, 0) < 0)
        return FALSE;
    if (!S_ISREG(st.st_mode)) {
        errno = EINVAL;
        return FALSE;
    }
    *shared = ioctl(to, FICLONE, from) == 0;
    return *shared || copy_sparse(from, to, st.st_size);
}

gboolean fs_copy_content(int from_fd, int to_fd, gboolean *shared, GError **error)
{
    gboolean unasked;
    return copy_content(from_fd, to_fd, shared ? shared : &unasked) ||
           fault_errno(error, FAULT_SYSTEM, errno, "cannot copy");
}

gboolean fs_copy_part(int from_fd, int to_fd, guint64 at, guint64 size, GError **error)
{
    off_t place = (off_t)at, end = (off_t)(at + size);
    if (!copy_range(from_fd, to_fd, &place, end))
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot copy");
    return place == end || fault_set(error, FAULT_SYSTEM, "cannot copy: the file has ended");
}

/* --- trees --- */

typedef struct Copy {
    FsChain *to; /* the directories being filled */
    gboolean keep_owner;
} Copy;

/* Owner before mode: a change of owner takes setuid away, and without the owner nobody may get the bit. */
static gboolean set_metadata(int fd, const struct stat *st, gboolean keep_owner)
{
    if (keep_owner && fchown(fd, st->st_uid, st->st_gid) < 0)
        return FALSE;
    struct stat now;
    if (fstat(fd, &now) < 0)
        return FALSE;
    gboolean same = now.st_uid == st->st_uid && now.st_gid == st->st_gid;
    const struct timespec times[2] = {st->st_atim, st->st_mtim};
    return fchmod(fd, st->st_mode & (same ? 07777 : 01777)) == 0 && futimens(fd, times) == 0;
}

static gboolean copy_file(Copy *copy, int parent, const char *name, const char *to_name, GError **error)
{
    fs_fd int from = fs_openat2(parent, name, O_RDONLY | O_NONBLOCK, 0, 0);
    struct stat st;
    if (from < 0 && errno == ENOENT) /* gone since it was listed */
        return TRUE;
    if (from < 0 || fstat(from, &st) < 0)
        return fs_refuse(error, errno, "copy", name);
    if (!S_ISREG(st.st_mode))
        return fs_refuse(error, ESTALE, "copy", name);
    fs_fd int to = openat(fs_chain_last(copy->to), to_name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (to < 0)
        return fs_refuse(error, errno, "copy", name);
    gboolean shared;
    if (!copy_content(from, to, &shared) || !set_metadata(to, &st, copy->keep_owner))
        return fs_refuse(error, errno, "copy", name);
    return TRUE;
}

static gboolean copy_link(Copy *copy, int parent, const char *name, const char *to_name, const struct stat *st,
                          GError **error)
{
    char target[4097];
    gssize n = readlinkat(parent, name, target, sizeof target - 1);
    if (n < 0)
        return fs_refuse(error, errno, "copy", name);
    target[n] = '\0';
    int to = fs_chain_last(copy->to);
    const struct timespec times[2] = {st->st_atim, st->st_mtim};
    if (symlinkat(target, to, to_name) < 0 ||
        (copy->keep_owner && fchownat(to, to_name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0) ||
        utimensat(to, to_name, times, AT_SYMLINK_NOFOLLOW) < 0)
        return fs_refuse(error, errno, "copy", name);
    return TRUE;
}

/* Makes a directory that nobody else can enter until it is complete. */
static gboolean copy_dir(Copy *copy, const char *to_name, GError **error)
{
    int to = fs_chain_last(copy->to);
    if (mkdirat(to, to_name, 0700) < 0)
        return fs_refuse(error, errno, "make", to_name);
    int fd = fs_openat2(to, to_name, O_RDONLY | O_DIRECTORY, 0, 0);
    if (fd < 0 || !fs_chain_push(copy->to, fd))
        return fs_refuse(error, errno, "open", to_name);
    return TRUE;
}

static gboolean copy_one(Copy *copy, int parent, const char *name, const char *to_name, const struct stat *st,
                         GError **error)
{
    if (S_ISREG(st->st_mode))
        return copy_file(copy, parent, name, to_name, error);
    if (S_ISLNK(st->st_mode))
        return copy_link(copy, parent, name, to_name, st, error);
    if (S_ISDIR(st->st_mode))
        return copy_dir(copy, to_name, error);
    g_autofree char *shown = fs_display(name);
    return fault_set(error, FAULT_SYSTEM, "cannot copy '%s': not a file, directory or link", shown);
}

static gboolean copy_visit(int parent, const char *name, const char *path, const struct stat *st, gpointer data,
                           GError **error)
{
    return copy_one(data, parent, name, name, st, error);
}

/* Mode and times come last: filling a directory changes them, and a read-only one cannot be filled. */
static gboolean copy_leave(int parent, const char *name, const char *path, const struct stat *st, gpointer data,
                           GError **error)
{
    Copy *copy = data;
    if (!set_metadata(fs_chain_last(copy->to), st, copy->keep_owner) || !fs_chain_pop(copy->to))
        return fs_refuse(error, errno, "copy", name);
    return TRUE;
}

static gboolean copy_start(Copy *copy, int parent, const char *name, const char *to_name, GError **error)
{
    struct stat st;
    if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return fs_refuse(error, errno, "copy", name);
    if (!copy_one(copy, parent, name, to_name, &st, error))
        return FALSE;
    if (!S_ISDIR(st.st_mode))
        return TRUE;
    return fs_walk_both(parent, name, copy_visit, copy_leave, copy, error) &&
           copy_leave(parent, name, name, &st, copy, error);
}

gboolean fs_copy_tree(int from_dirfd, const char *from, int to_dirfd, const char *to, GError **error)
{
    g_autofree char *from_base = NULL, *to_base = NULL;
    gboolean whole = g_str_equal(from, ".");
    fs_fd int from_parent = whole ? fs_openat2(from_dirfd, ".", O_RDONLY | O_DIRECTORY, 0, 0)
                                  : fs_open_parent(from_dirfd, from, &from_base);
    if (from_parent < 0)
        return fs_refuse_open(error, errno, from);
    int to_parent = fs_open_parent(to_dirfd, to, &to_base);
    struct stat st;
    if (to_parent < 0)
        return fs_refuse_open(error, errno, to);
    if (fstatat(to_parent, to_base, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        fs_fd_clear(&to_parent);
        return fs_refuse(error, EEXIST, "copy to", to);
    }
    g_autoptr(FsChain) chain = fs_chain_new();
    if (!fs_chain_push(chain, to_parent))
        return fs_refuse(error, errno, "copy to", to);
    Copy copy = {.to = chain, .keep_owner = geteuid() == 0};
    if (copy_start(&copy, from_parent, whole ? "." : from_base, to_base, error))
        return TRUE;
    /* Half a copy is of no use to anybody, and its room may be what the way back needs. */
    fs_remove_tree(to_dirfd, to, NULL);
    return FALSE;
}
