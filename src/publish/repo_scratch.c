/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/repo_scratch.h"

#include "base/fault.h"
#include "base/fs.h"
#include "base/remote.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define PREFIX "liftlock-repo-"

enum { TRIES = 10 };

/* Trees can be large, and /tmp is often memory. */
static const char *place(void)
{
    const char *said = g_getenv("TMPDIR");
    if (said && g_path_is_absolute(said))
        return said;
    return access("/var/tmp", W_OK | X_OK) == 0 ? "/var/tmp" : "/tmp";
}

/* If it is ours and nobody holds it, the process that made it is gone. */
static void sweep_one(int parent, const char *name)
{
    struct stat st;
    if (!g_str_has_prefix(name, PREFIX))
        return;
    fs_fd int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == geteuid() && flock(fd, LOCK_EX | LOCK_NB) == 0)
        fs_remove_tree(parent, name, NULL);
}

static void sweep(int parent)
{
    int fd = fs_open_beneath(parent, ".", O_RDONLY | O_DIRECTORY, 0, NULL);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    for (const struct dirent *entry; dir && (entry = readdir(dir));)
        sweep_one(parent, entry->d_name);
    if (dir)
        closedir(dir);
}

/* Made and locked. -1 with errno 0: somebody took it for one that was left. */
static int make(RepoScratch *scratch)
{
    struct stat there, ours;
    g_free(scratch->path);
    g_free(scratch->name);
    scratch->path = g_build_filename(place(), PREFIX "XXXXXX", NULL);
    scratch->name = NULL;
    if (!mkdtemp(scratch->path))
        return -1;
    scratch->name = g_path_get_basename(scratch->path);
    fs_fd int fd = openat(scratch->parent, scratch->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    gboolean good = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &ours) == 0 &&
                    fstatat(scratch->parent, scratch->name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
                    there.st_ino == ours.st_ino && there.st_dev == ours.st_dev;
    errno = 0;
    return good ? fs_fd_steal(&fd) : -1;
}

RepoScratch *repo_scratch_open(GError **error)
{
    g_autoptr(RepoScratch) scratch = g_new0(RepoScratch, 1);
    scratch->dirfd = -1;
    scratch->parent = fs_open_dir(place(), error);
    if (scratch->parent < 0)
        return NULL;
    sweep(scratch->parent);
    for (int i = 0; i < TRIES && scratch->dirfd < 0; i++) {
        scratch->dirfd = make(scratch);
        if (scratch->dirfd < 0 && errno)
            break;
    }
    if (scratch->dirfd >= 0)
        return g_steal_pointer(&scratch);
    fault_errno(error, FAULT_SYSTEM, errno ? errno : EBUSY, "cannot make a directory in %s", place());
    fault_hint(error, "TMPDIR=DIR in the environment names another place");
    return NULL;
}

void repo_scratch_free(RepoScratch *scratch)
{
    if (scratch->dirfd >= 0)
        fs_remove_tree(scratch->parent, scratch->name, NULL);
    fs_fd_clear(&scratch->dirfd);
    fs_fd_clear(&scratch->parent);
    g_free(scratch->path);
    g_free(scratch->name);
    g_free(scratch);
}

int repo_scratch_tree(const RepoScratch *scratch, const char *name, GError **error)
{
    uid_t uid;
    gid_t gid;
    if (!remote_child_user(&uid, &gid, error) || !fs_remove_tree(scratch->dirfd, name, error) ||
        !fs_make_dirs(scratch->dirfd, name, 0700, error))
        return -1;
    fs_fd int fd = fs_open_beneath(scratch->dirfd, name, O_RDONLY | O_DIRECTORY, 0, error);
    if (fd >= 0 && geteuid() == 0 && fchown(fd, uid, gid) < 0) {
        fault_errno(error, FAULT_SYSTEM, errno, "cannot hand over the place to unpack");
        return -1;
    }
    return fs_fd_steal(&fd);
}

char *repo_scratch_path(const RepoScratch *scratch, const char *name)
{
    return g_build_filename(scratch->path, name, NULL);
}
