/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files, always below a directory descriptor.
 *
 * "Beneath" means: no component of the path leaves the directory, no symbolic link is followed (openat2 with
 * RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS). Whatever liftlock touches with rights in a place
 * where somebody else can write goes this way. Faults are FAULT_SYSTEM (FAULT_SPACE for a full disk) and name the path.
 */
#pragma once

#include <glib.h>
#include <sys/stat.h>
#include <sys/types.h>

/* A descriptor that closes itself: `fs_fd int fd = -1;` */
void fs_fd_clear(int *fd);
#define fs_fd __attribute__((cleanup(fs_fd_clear)))
int fs_fd_steal(int *fd);

/* A path for people: valid UTF-8 on one line (other bytes as \xHH), the middle of a very long one left out.
 * The caller frees. */
char *fs_display(const char *path);

/* Opens a directory that the caller trusts (links in the path are followed). -1 on failure. Close-on-exec. */
int fs_open_dir(const char *path, GError **error);

/* Opens `path` beneath `dirfd`; flags and mode as for open(2), O_CLOEXEC is added. -1 on failure. */
int fs_open_beneath(int dirfd, const char *path, int flags, mode_t mode, GError **error);

/* Makes `path` and its missing parents beneath dirfd, each with `mode`. An existing directory is good. */
gboolean fs_make_dirs(int dirfd, const char *path, mode_t mode, GError **error);

/* The same for an absolute path that the caller trusts; its missing parents are for all to pass (0755), only the last
 * one gets `mode`. */
gboolean fs_make_path(const char *path, mode_t mode, GError **error);

/* Replaces a file as a whole: temporary file beside it, fsync, rename, fsync of the directory.
 * After a crash the old or the new content is there, never a mixture. */
gboolean fs_write_atomic(int dirfd, const char *name, const void *bytes, gsize size, mode_t mode, GError **error);

/* Writes all of it at the descriptor's offset; FALSE and errno on failure. */
gboolean fs_write_all(int fd, const void *data, gsize size);

/* Reads a regular file beneath dirfd of at most `limit` bytes; NUL is appended and not counted. The caller frees.
 * *size may be NULL. A missing file is FAULT_ABSENT. */
char *fs_read(int dirfd, const char *path, gsize limit, gsize *size, GError **error);

/* Makes `name` (beneath dirfd) a symbolic link to `target` by rename over what is there (a link or nothing), and
 * syncs the directory. A reader sees the old or the new target at any moment, never none. */
gboolean fs_link_atomic(int dirfd, const char *target, const char *name, GError **error);

/* The target of a symbolic link, or NULL with *error unset if `name` does not exist, set if it is no link. */
char *fs_read_link(int dirfd, const char *name, GError **error);

gboolean fs_exists(int dirfd, const char *path); /* beneath; a dangling link exists */
gboolean fs_rename(int from_dirfd, const char *from, int to_dirfd, const char *to,
                   GError **error); /* + fsync of both directories */
gboolean fs_remove_tree(int dirfd, const char *path,
                        GError **error); /* absent is good; never follows a link; clears read-only */
/* Whether it is a temporary file of fs_write_atomic or fs_link_atomic that nobody will put in its place any more: the
 * process is gone, and it is older than an hour (which speaks for processes that we cannot see). */
gboolean fs_is_abandoned(int dirfd, const char *name);
gboolean fs_sync_dir(int dirfd, GError **error);
gboolean fs_sync_file_system(int fd, GError **error); /* syncfs: all of the file system that fd is on */

/* Copies the content of one descriptor to another: reflink (FICLONE) if the file system can, else copy_file_range,
 * else read and write. *shared (may be NULL) says whether the blocks are shared. */
gboolean fs_copy_content(int from_fd, int to_fd, gboolean *shared, GError **error);

/* Copies so many bytes to the same place in another file, and touches nothing else of it. FAULT_SYSTEM also if the
 * file ends before. */
gboolean fs_copy_part(int from_fd, int to_fd, guint64 at, guint64 size, GError **error);

/* Copies a tree (files, directories, links, FIFOs refused) with modes and times, and with owners when run with
 * rights; `to` must not exist, and does not if it fails. A file that vanishes meanwhile is left out. Not synced. */
gboolean fs_copy_tree(int from_dirfd, const char *from, int to_dirfd, const char *to, GError **error);

/* In a tree that came out of an archive and is ours alone: what a single leading directory holds moves up to its place.
 */
gboolean fs_lift(int dirfd, GError **error);

/* The same, once its owner has all rights in it. What is there then is the tree of a release. */
gboolean fs_level(int dirfd, GError **error);

typedef struct FsUsage {
    guint64 bytes;   /* allocated */
    guint64 entries; /* files, directories and links */
} FsUsage;
gboolean fs_usage(int dirfd, const char *path, FsUsage *usage, GError **error);

typedef struct FsRoom {
    dev_t device;
    guint64 free_bytes, free_inodes; /* for an ordinary user; inodes G_MAXUINT64 where the file system has no limit */
} FsRoom;
gboolean fs_room(const char *path, FsRoom *room, GError **error); /* of the nearest existing parent */

/* Reserves `bytes` in a file (posix_fallocate) so that a way back needs no room that others may take. */
gboolean fs_reserve(int dirfd, const char *name, guint64 bytes, GError **error);

/* Called for each entry of a tree (not for the start itself), parents before children, names in bytewise order. `path`
 * is relative to the start. Returning FALSE with *error set ends the walk. */
typedef gboolean (*FsVisit)(int parent_fd, const char *name, const char *path, const struct stat *st, gpointer data,
                            GError **error);
gboolean fs_walk(int dirfd, const char *path, FsVisit visit, gpointer data, GError **error);
