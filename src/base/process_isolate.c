/* SPDX-License-Identifier: Apache-2.0 */
/* Namespaces for one program: no network, and a release at the path that it will have. Runs between fork and exec:
 * system calls only. */
#include "base/process_inner.h"
#include "base/sandbox_inner.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef OPEN_TREE_CLONE
#define OPEN_TREE_CLONE 1
#endif
#ifndef MOVE_MOUNT_F_EMPTY_PATH
#define MOVE_MOUNT_F_EMPTY_PATH 0x00000004
#endif
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif
#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

static gboolean put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return FALSE;
    gssize n = write(fd, text, strlen(text));
    close(fd);
    return n == (gssize)strlen(text);
}

/* As root directly; else by a user namespace in which we are who we were. */
static gboolean unshare_as_allowed(const ProcessLaunch *launch, int flags)
{
    if (geteuid() == 0)
        return unshare(flags) == 0;
    if (unshare(CLONE_NEWUSER | flags) < 0)
        return FALSE;
    put("/proc/self/setgroups", "deny");
    return put("/proc/self/uid_map", launch->user_map) && put("/proc/self/gid_map", launch->group_map);
}

/* Programs talk to themselves over the loopback also where there is no network. */
static gboolean raise_loopback(void)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return FALSE;
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    gboolean good = ioctl(fd, SIOCSIFFLAGS, &request) == 0;
    close(fd);
    return good;
}

/* What lies around the stage is the live app: a build may look at it, but not change it. Mount flags that are there
 * already stay: in a user namespace they may not be dropped. */
static gboolean freeze(const char *path)
{
    const struct {
        guint64 set, clear, propagation, user_namespace;
    } read_only = {.set = 1 /* MOUNT_ATTR_RDONLY */};
    if (mount(path, path, NULL, MS_BIND | MS_REC, NULL) < 0)
        return FALSE;
    if (syscall(SYS_mount_setattr, AT_FDCWD, path, AT_RECURSIVE, &read_only, sizeof read_only) == 0)
        return TRUE;
    umount2(path, MNT_DETACH);
    return FALSE;
}

/* Nothing shows before the tmpfs does, and if something fails after it, it goes again. */
static gboolean mount_stage(const ProcessLaunch *launch)
{
    const unsigned long flags = MS_NOSUID | MS_NODEV;
    char around[PATH_MAX];
    const char *slash = strrchr(launch->stage_parent, '/');
    gsize size = slash ? (gsize)(slash - launch->stage_parent) : 0;
    if (size == 0 || size >= sizeof around || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return FALSE;
    memcpy(around, launch->stage_parent, size);
    around[size] = '\0';
    int tree = (int)syscall(SYS_open_tree, AT_FDCWD, launch->stage_from, OPEN_TREE_CLONE | O_CLOEXEC | AT_RECURSIVE);
    if (tree < 0 || !freeze(around)) {
        if (tree >= 0)
            close(tree);
        return FALSE;
    }
    gboolean mounted = mount("tmpfs", launch->stage_parent, "tmpfs", flags, "mode=0755,size=64k,nr_inodes=16") == 0;
    gboolean good = mounted && mkdir(launch->stage_target, 0755) == 0 &&
                    syscall(SYS_move_mount, tree, "", AT_FDCWD, launch->stage_target, MOVE_MOUNT_F_EMPTY_PATH) == 0 &&
                    mount(NULL, launch->stage_parent, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | flags, NULL) == 0;
    close(tree);
    if (mounted && !good)
        umount2(launch->stage_parent, MNT_DETACH);
    if (!good)
        umount2(around, MNT_DETACH);
    return good;
}

gboolean process_isolate(const ProcessLaunch *launch, gboolean *staged)
{
    gboolean stage = launch->stage_parent != NULL, good = TRUE;
    int flags = (launch->no_network ? CLONE_NEWNET : 0) | (stage ? CLONE_NEWNS : 0);
    *staged = FALSE;
    if (flags != 0) {
        gboolean apart = unshare_as_allowed(launch, flags);
        *staged = apart && stage && mount_stage(launch);
        good = apart && (!stage || *staged) && (!launch->no_network || raise_loopback());
    }
    if (launch->no_new_privs)
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (launch->read_only && !sandbox_restrict_writes((const char *const *)launch->write_paths))
        good = FALSE;
    return good;
}
