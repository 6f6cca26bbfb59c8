/* SPDX-License-Identifier: Apache-2.0 */
/* Namespaces for one program: no network, and a release at the path that it will have. Runs between fork and exec:
 * system calls only. */
#include "base/namespaces.h"
#include "base/process_inner.h"
#include "base/sandbox_inner.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* What lies around the stage is the live app: a build may look at it, but not change it. */
static gboolean freeze(const char *path)
{
    if (mount(path, path, NULL, MS_BIND | MS_REC, NULL) < 0)
        return FALSE;
    if (namespaces_freeze(path))
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
        gboolean apart = namespaces_unshare(flags, launch->user_map, launch->group_map);
        *staged = apart && stage && mount_stage(launch);
        good = apart && (!stage || *staged) && (!launch->no_network || namespaces_raise_loopback());
    }
    if (launch->no_new_privs)
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (launch->read_only && !sandbox_restrict_writes((const char *const *)launch->write_paths))
        good = FALSE;
    return good;
}
