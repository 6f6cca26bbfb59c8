/* SPDX-License-Identifier: Apache-2.0 */
#include "base/namespaces.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static gboolean put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return FALSE;
    gssize n = write(fd, text, strlen(text));
    close(fd);
    return n == (gssize)strlen(text);
}

gboolean namespaces_unshare(int flags, const char *user_map, const char *group_map)
{
    if (geteuid() == 0)
        return unshare(flags) == 0;
    if (unshare(CLONE_NEWUSER | flags) < 0)
        return FALSE;
    put("/proc/self/setgroups", "deny");
    return put("/proc/self/uid_map", user_map) && put("/proc/self/gid_map", group_map);
}

gboolean namespaces_raise_loopback(void)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return FALSE;
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    gboolean good = ioctl(fd, SIOCSIFFLAGS, &request) == 0;
    close(fd);
    return good;
}

gboolean namespaces_freeze(const char *path)
{
    const struct {
        guint64 set, clear, propagation, user_namespace;
    } read_only = {.set = 1 /* MOUNT_ATTR_RDONLY */};
    return syscall(SYS_mount_setattr, AT_FDCWD, path, AT_RECURSIVE, &read_only, sizeof read_only) == 0;
}
