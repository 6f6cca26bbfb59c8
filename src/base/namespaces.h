/* SPDX-License-Identifier: Apache-2.0 */
/* What a process sets up in namespaces of its own. System calls only: all of it may run between fork and exec. */
#pragma once

#include <glib.h>
#include <sys/syscall.h>

/* Of kernels and C libraries that are older than these calls. */
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

/* unshare(2): root directly, others with a user namespace in which they are who they were; the maps are "ID ID 1".
 * FALSE and errno. */
gboolean namespaces_unshare(int flags, const char *user_map, const char *group_map);

/* Programs talk to themselves over the loopback also where there is no network. */
gboolean namespaces_raise_loopback(void);

/* All mounts at and below `path` become read-only in this namespace of mounts. Flags that are there already stay: in a
 * user namespace they may not be dropped. */
gboolean namespaces_freeze(const char *path);
