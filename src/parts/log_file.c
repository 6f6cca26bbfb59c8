/* SPDX-License-Identifier: Apache-2.0 */
/* Opens log files in a folder that is not ours. */
#include "parts/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fs.h"
#include "parts/part.h"

/* The folder, made if it is missing. Only what is above it is trusted: the folder itself may be the app's. */
static int logs_open(const Place *place, GError **error)
{
    g_autofree char *name = g_path_get_basename(place->logs);
    fs_fd int parent_fd = part_open_root(place, error);
    if (parent_fd < 0)
        return -1;
    gboolean made = !fs_exists(parent_fd, name);
    if (made && !fs_make_dirs(parent_fd, name, 0755, error))
        return -1;
    int fd = fs_open_beneath(parent_fd, name, O_RDONLY | O_DIRECTORY, 0, error);
    if (fd >= 0 && made && place->change_user && fchown(fd, place->uid, place->gid) != 0) {
        fault_errno(error, FAULT_SYSTEM, errno, "give '%s' to user '%s'", place->logs, place->user);
        close(fd);
        return -1;
    }
    return fd;
}

int log_file_open(const Place *place, const char *name, GError **error)
{
    fs_fd int logs_fd = logs_open(place, error);
    if (logs_fd < 0)
        return -1;
    /* O_NONBLOCK: a FIFO planted here must not make us wait for a reader; it is refused below. */
    fs_fd int fd = fs_open_beneath(logs_fd, name, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY, 0640, error);
    if (fd < 0)
        return -1;
    struct stat st;
    if (fstat(fd, &st) != 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "look at '%s/%s'", place->logs, name), -1;
    if (!S_ISREG(st.st_mode) || st.st_nlink != 1) {
        fault_set(error, FAULT_SYSTEM, "'%s/%s' is not a plain file with one name: not written to", place->logs, name);
        return -1;
    }
    if (place->change_user && st.st_uid == geteuid() && st.st_size == 0 && fchown(fd, place->uid, place->gid) != 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "give '%s/%s' to user '%s'", place->logs, name, place->user), -1;
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) != 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "open '%s/%s'", place->logs, name), -1;
    return fs_fd_steal(&fd);
}
