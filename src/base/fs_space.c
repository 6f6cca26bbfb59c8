/* SPDX-License-Identifier: Apache-2.0 */
/* Room: what a tree takes, what a file system has, and what we keep for ourselves. */
#include "base/fault.h"
#include "base/fs.h"
#include "base/fs_inner.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

typedef struct FileId {
    dev_t device;
    ino_t inode;
} FileId;

static guint file_id_hash(gconstpointer key)
{
    const FileId *id = key;
    guint64 mixed = (guint64)id->inode * 0x9e3779b97f4a7c15u ^ (guint64)id->device;
    return (guint)(mixed >> 32 ^ mixed);
}

static gboolean file_id_equal(gconstpointer a, gconstpointer b)
{
    const FileId *x = a, *y = b;
    return x->device == y->device && x->inode == y->inode;
}

typedef struct Count {
    FsUsage *usage;
    GHashTable *seen; /* of FileId: files with several names take their room once */
} Count;

static gboolean count_entry(int parent, const char *name, const char *path, const struct stat *st, gpointer data,
                            GError **error)
{
    Count *count = data;
    count->usage->entries++;
    if (!S_ISDIR(st->st_mode) && st->st_nlink > 1) {
        FileId id = {.device = st->st_dev, .inode = st->st_ino};
        if (!g_hash_table_add(count->seen, g_memdup2(&id, sizeof id)))
            return TRUE;
    }
    count->usage->bytes += (guint64)st->st_blocks * 512;
    return TRUE;
}

gboolean fs_usage(int dirfd, const char *path, FsUsage *usage, GError **error)
{
    memset(usage, 0, sizeof *usage);
    fs_fd int fd = fs_open_beneath(dirfd, *path ? path : ".", O_PATH | O_NOFOLLOW, 0, error);
    struct stat st;
    if (fd < 0)
        return FALSE;
    if (fstat(fd, &st) < 0)
        return fs_refuse(error, errno, "read", path);
    g_autoptr(GHashTable) seen = g_hash_table_new_full(file_id_hash, file_id_equal, g_free, NULL);
    Count count = {.usage = usage, .seen = seen};
    count_entry(-1, path, path, &st, &count, NULL);
    return !S_ISDIR(st.st_mode) || fs_walk(fd, ".", count_entry, &count, error);
}

gboolean fs_room(const char *path, FsRoom *room, GError **error)
{
    g_autofree char *at = g_strdup(path);
    struct stat st;
    while (stat(at, &st) < 0) {
        if ((errno != ENOENT && errno != ENOTDIR) || g_str_equal(at, "/") || g_str_equal(at, "."))
            return fs_refuse(error, errno, "see the room at", path);
        char *parent = g_path_get_dirname(at);
        g_free(at);
        at = parent;
    }
    struct statvfs fs;
    if (statvfs(at, &fs) < 0)
        return fs_refuse(error, errno, "see the room at", path);
    room->device = st.st_dev;
    room->free_bytes = (guint64)fs.f_bavail * fs.f_frsize;
    room->free_inodes = fs.f_files == 0 ? G_MAXUINT64 : fs.f_favail;
    return TRUE;
}

gboolean fs_reserve(int dirfd, const char *name, guint64 bytes, GError **error)
{
    fs_fd int fd = fs_open_beneath(dirfd, name, O_WRONLY | O_CREAT | O_NONBLOCK, 0600, error);
    if (fd < 0)
        return FALSE;
    int why = bytes == 0 ? 0 : bytes > G_MAXINT64 ? EFBIG : posix_fallocate(fd, 0, (off_t)bytes);
    if (why == 0 && fsync(fd) < 0)
        why = errno;
    if (why == 0)
        return TRUE;
    /* What little it got would only be in the way. */
    fs_remove_tree(dirfd, name, NULL);
    return fs_refuse(error, why, "reserve room in", name);
}
