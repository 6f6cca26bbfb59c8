/* SPDX-License-Identifier: Apache-2.0 */
/* Files below a directory descriptor: opening, reading, and replacing them as a whole. */
#include "base/fs.h"
#include "base/fault.h"
#include "base/fs_inner.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void fs_fd_clear(int *fd)
{
    int saved = errno;
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    errno = saved;
}

int fs_fd_steal(int *fd)
{
    int stolen = *fd;
    *fd = -1;
    return stolen;
}

char *fs_display(const char *path)
{
    GString *shown = g_string_new(NULL);
    for (const char *p = path; *p;) {
        gunichar c = g_utf8_get_char_validated(p, -1);
        if (c == (gunichar)-1 || c == (gunichar)-2 || !g_unichar_isprint(c)) {
            g_string_append_printf(shown, "\\x%02x", (guchar)*p++);
            continue;
        }
        const char *next = g_utf8_next_char(p);
        g_string_append_len(shown, p, next - p);
        p = next;
    }
    /* A path of ten thousand levels tells no more than its two ends. */
    enum { KEEP = 500 };
    if (shown->len > 2 * KEEP + 3) {
        const char *head_end = g_utf8_find_prev_char(shown->str, shown->str + KEEP);
        const char *tail = g_utf8_find_next_char(shown->str + shown->len - KEEP, NULL);
        char *cut = g_strdup_printf("%.*s...%s", (int)(head_end - shown->str), shown->str, tail);
        g_string_free(shown, TRUE);
        return cut;
    }
    return g_string_free(shown, FALSE);
}

gboolean fs_refuse(GError **error, int errno_value, const char *verb, const char *path)
{
    g_autofree char *shown = fs_display(path);
    return fault_errno(error, FAULT_SYSTEM, errno_value, "cannot %s '%s'", verb, shown);
}

gboolean fs_refuse_open(GError **error, int errno_value, const char *path)
{
    if (errno_value != ELOOP && errno_value != EXDEV)
        return fs_refuse(error, errno_value, "open", path);
    g_autofree char *shown = fs_display(path);
    return fault_set(error, FAULT_SYSTEM, "cannot open '%s': %s", shown,
                     errno_value == ELOOP ? "a symbolic link is in the way" : "it leaves its directory");
}

int fs_openat2(int dirfd, const char *path, int flags, mode_t mode, guint64 more)
{
    struct open_how how = {
        .flags = (guint64)(flags | O_CLOEXEC | (flags & O_PATH ? 0 : O_NOCTTY)),
        .mode = flags & (O_CREAT | __O_TMPFILE) ? mode : 0,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | more,
    };
    /* The kernel says EAGAIN when a rename elsewhere got in between: a bounded number of tries ends. */
    for (int attempt = 0;; attempt++) {
        int fd = (int)syscall(SYS_openat2, dirfd, path, &how, sizeof how);
        if (fd >= 0 || (errno != EINTR && (errno != EAGAIN || attempt >= 100)))
            return fd;
    }
}

int fs_open_dir(const char *path, GError **error)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        fs_refuse(error, errno, "open", path);
    return fd;
}

int fs_open_beneath(int dirfd, const char *path, int flags, mode_t mode, GError **error)
{
    int fd = fs_openat2(dirfd, path, flags, mode, 0);
    if (fd < 0)
        fs_refuse_open(error, errno, path);
    return fd;
}

int fs_open_parent(int dirfd, const char *path, char **name)
{
    gsize end = strlen(path);
    while (end > 1 && path[end - 1] == '/')
        end--;
    gsize start = end;
    while (start > 0 && path[start - 1] != '/')
        start--;
    *name = g_strndup(path + start, end - start);
    errno = 0;
    if (path[0] == '/' || g_str_equal(*name, ".."))
        errno = EXDEV;
    else if (!**name || g_str_equal(*name, "."))
        errno = EINVAL;
    int fd = -1;
    if (errno == 0) {
        g_autofree char *parent = start > 0 ? g_strndup(path, start) : g_strdup(".");
        fd = fs_openat2(dirfd, parent, O_RDONLY | O_DIRECTORY, 0, 0);
    }
    if (fd < 0)
        g_clear_pointer(name, g_free);
    return fd;
}

char *fs_temporary_name(void)
{
    guint64 random = 0;
    if (getrandom(&random, sizeof random, 0) != sizeof random)
        random = (guint64)g_get_monotonic_time();
    return g_strdup_printf(".liftlock-%ld-%016" G_GINT64_MODIFIER "x.tmp", (long)getpid(), random);
}

#define ABANDONED_AFTER_S 3600

gboolean fs_is_abandoned(int dirfd, const char *name)
{
    static const char prefix[] = ".liftlock-";
    enum { RANDOM_DIGITS = 16 };
    if (!g_str_has_prefix(name, prefix) || !g_ascii_isdigit(name[strlen(prefix)]))
        return FALSE;
    char *end;
    gint64 pid = g_ascii_strtoll(name + strlen(prefix), &end, 10);
    if (*end != '-' || strspn(end + 1, "0123456789abcdef") != RANDOM_DIGITS ||
        !g_str_equal(end + 1 + RANDOM_DIGITS, ".tmp"))
        return FALSE;
    struct stat st;
    if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || S_ISDIR(st.st_mode) ||
        time(NULL) - st.st_mtime < ABANDONED_AFTER_S)
        return FALSE;
    return pid <= 0 || pid > G_MAXINT || (kill((pid_t)pid, 0) != 0 && errno == ESRCH);
}

/* --- directories --- */

/* Makes one directory and opens it. umask does not count; only what is really ours is changed. */
static int make_one(int parent, const char *name, mode_t mode, gboolean trusted)
{
    gboolean made = mkdirat(parent, name, mode & 0777) == 0;
    if (!made && errno != EEXIST)
        return -1;
    fs_fd int fd = trusted ? openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
                           : fs_openat2(parent, name, O_RDONLY | O_DIRECTORY, 0, 0);
    if (fd < 0)
        return -1;
    struct stat st;
    if (made && (fstat(fd, &st) < 0 || (st.st_uid == geteuid() && fchmod(fd, mode) < 0)))
        return -1;
    return fs_fd_steal(&fd);
}

static gboolean is_last(char *const *part)
{
    while (*++part)
        if (**part && !g_str_equal(*part, "."))
            return FALSE;
    return TRUE;
}

static gboolean make_all(int start, const char *path, mode_t mode, mode_t parents_mode, gboolean trusted,
                         GError **error)
{
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);
    fs_fd int at = openat(start, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (at < 0)
        return fs_refuse(error, errno, "make", path);
    for (char **part = parts; *part; part++) {
        if (!**part || g_str_equal(*part, "."))
            continue;
        if (!trusted && g_str_equal(*part, "..")) {
            errno = EXDEV;
            return fs_refuse_open(error, errno, path);
        }
        int next = make_one(at, *part, is_last(part) ? mode : parents_mode, trusted);
        if (next < 0)
            return errno == ELOOP || errno == EXDEV ? fs_refuse_open(error, errno, path)
                                                    : fs_refuse(error, errno, "make", path);
        close(at);
        at = next;
    }
    return TRUE;
}

gboolean fs_make_dirs(int dirfd, const char *path, mode_t mode, GError **error)
{
    return path[0] == '/' ? fs_refuse_open(error, EXDEV, path) : make_all(dirfd, path, mode, mode, FALSE, error);
}

gboolean fs_make_path(const char *path, mode_t mode, GError **error)
{
    fs_fd int start = open(path[0] == '/' ? "/" : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (start < 0)
        return fs_refuse(error, errno, "make", path);
    return make_all(start, path, mode, 0755, TRUE, error);
}

/* --- files as a whole --- */

gboolean fs_write_all(int fd, const void *data, gsize size)
{
    const char *bytes = data;
    while (size > 0) {
        gssize n = write(fd, bytes, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return FALSE;
        bytes += n;
        size -= (gsize)n;
    }
    return TRUE;
}

/* FUSE and the like cannot sync directories; there is nothing more to be had then. */
static gboolean sync_dir(int fd)
{
    return fsync(fd) == 0 || errno == EINVAL;
}

/* Renames the temporary to its name and makes that durable; takes the temporary away if it cannot. */
static gboolean put_in_place(int parent, const char *temporary, const char *name)
{
    if (renameat(parent, temporary, parent, name) == 0)
        return sync_dir(parent);
    int saved = errno;
    unlinkat(parent, temporary, 0);
    errno = saved;
    return FALSE;
}

gboolean fs_write_atomic(int dirfd, const char *name, const void *bytes, gsize size, mode_t mode, GError **error)
{
    g_autofree char *base = NULL;
    fs_fd int parent = fs_open_parent(dirfd, name, &base);
    if (parent < 0)
        return fs_refuse_open(error, errno, name);
    g_autofree char *temporary = fs_temporary_name();
    fs_fd int fd = openat(parent, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return fs_refuse(error, errno, "write", name);
    if (!fs_write_all(fd, bytes, size) || fchmod(fd, mode) < 0 || fsync(fd) < 0) {
        int saved = errno;
        unlinkat(parent, temporary, 0);
        return fs_refuse(error, saved, "write", name);
    }
    return put_in_place(parent, temporary, base) || fs_refuse(error, errno, "write", name);
}

static char *read_all(int fd, const char *path, gsize limit, gsize *size, GError **error)
{
    struct stat st;
    if (fstat(fd, &st) < 0) {
        fs_refuse(error, errno, "read", path);
        return NULL;
    }
    gsize room = (guint64)st.st_size < limit ? (gsize)st.st_size : limit;
    g_autoptr(GString) text = g_string_sized_new(room + 1);
    char buffer[16384];
    for (;;) {
        gssize n = read(fd, buffer, sizeof buffer);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            fs_refuse(error, errno, "read", path);
            return NULL;
        }
        if (n == 0)
            break;
        if ((gsize)n > limit - text->len) {
            g_autofree char *shown = fs_display(path);
            fault_set(error, FAULT_SYSTEM, "'%s' is larger than %" G_GSIZE_FORMAT " bytes", shown, limit);
            return NULL;
        }
        g_string_append_len(text, buffer, n);
    }
    if (size)
        *size = text->len;
    return g_string_free(g_steal_pointer(&text), FALSE);
}

char *fs_read(int dirfd, const char *path, gsize limit, gsize *size, GError **error)
{
    /* O_NONBLOCK: a FIFO planted here must not hold us. */
    fs_fd int fd = fs_openat2(dirfd, path, O_RDONLY | O_NONBLOCK, 0, 0);
    if (fd < 0 && errno == ENOENT) {
        g_autofree char *shown = fs_display(path);
        fault_set(error, FAULT_ABSENT, "'%s' does not exist", shown);
        return NULL;
    }
    if (fd < 0) {
        fs_refuse_open(error, errno, path);
        return NULL;
    }
    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        g_autofree char *shown = fs_display(path);
        fault_set(error, FAULT_SYSTEM, "'%s' is not a regular file", shown);
        return NULL;
    }
    return read_all(fd, path, limit, size, error);
}

/* --- links and names --- */

gboolean fs_link_atomic(int dirfd, const char *target, const char *name, GError **error)
{
    g_autofree char *base = NULL;
    fs_fd int parent = fs_open_parent(dirfd, name, &base);
    if (parent < 0)
        return fs_refuse_open(error, errno, name);
    struct stat st;
    if (fstatat(parent, base, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISLNK(st.st_mode)) {
        g_autofree char *shown = fs_display(name);
        return fault_set(error, FAULT_SYSTEM, "'%s' is not a symbolic link", shown);
    }
    g_autofree char *temporary = fs_temporary_name();
    if (symlinkat(target, parent, temporary) < 0)
        return fs_refuse(error, errno, "link", name);
    return put_in_place(parent, temporary, base) || fs_refuse(error, errno, "link", name);
}

char *fs_read_link(int dirfd, const char *name, GError **error)
{
    fs_fd int fd = fs_openat2(dirfd, name, O_PATH | O_NOFOLLOW, 0, 0);
    if (fd < 0) {
        if (errno != ENOENT)
            fs_refuse_open(error, errno, name);
        return NULL;
    }
    struct stat st;
    if (fstat(fd, &st) == 0 && !S_ISLNK(st.st_mode)) {
        g_autofree char *shown = fs_display(name);
        fault_set(error, FAULT_SYSTEM, "'%s' is not a symbolic link", shown);
        return NULL;
    }
    char target[4096];
    gssize n = readlinkat(fd, "", target, sizeof target);
    if (n < 0) {
        fs_refuse(error, errno, "read", name);
        return NULL;
    }
    return g_strndup(target, (gsize)n);
}

gboolean fs_exists(int dirfd, const char *path)
{
    fs_fd int fd = fs_openat2(dirfd, path, O_PATH | O_NOFOLLOW, 0, 0);
    return fd >= 0;
}

gboolean fs_rename(int from_dirfd, const char *from, int to_dirfd, const char *to, GError **error)
{
    g_autofree char *from_base = NULL, *to_base = NULL;
    fs_fd int from_parent = fs_open_parent(from_dirfd, from, &from_base);
    if (from_parent < 0)
        return fs_refuse_open(error, errno, from);
    fs_fd int to_parent = fs_open_parent(to_dirfd, to, &to_base);
    if (to_parent < 0)
        return fs_refuse_open(error, errno, to);
    /* The new place first: a crash between the two syncs may show both names, never none. */
    if (renameat(from_parent, from_base, to_parent, to_base) == 0 && sync_dir(to_parent) && sync_dir(from_parent))
        return TRUE;
    int saved = errno;
    g_autofree char *shown_from = fs_display(from), *shown_to = fs_display(to);
    return fault_errno(error, FAULT_SYSTEM, saved, "cannot rename '%s' to '%s'", shown_from, shown_to);
}

gboolean fs_sync_dir(int dirfd, GError **error)
{
    /* Opened anew, because a descriptor from O_PATH cannot be synced. */
    fs_fd int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return (fd >= 0 && sync_dir(fd)) || fault_errno(error, FAULT_SYSTEM, errno, "cannot sync a directory");
}

gboolean fs_sync_file_system(int fd, GError **error)
{
    return syncfs(fd) == 0 || fault_errno(error, FAULT_SYSTEM, errno, "cannot sync a file system");
}
