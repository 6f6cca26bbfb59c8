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

/* O_NONBLOCK: a FIFO planted here must not make us wait for a reader; it is refused later. */
static int open_or_make(int logs_fd, const char *name, gboolean *made, GError **error)
{
    const int flags = O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY;
    g_autoptr(GError) local = NULL;
    int fd = fs_exists(logs_fd, name) ? -1 : fs_open_beneath(logs_fd, name, flags | O_CREAT | O_EXCL, 0640, &local);
    *made = fd >= 0;
    if (fd >= 0 || fs_exists(logs_fd, name))
        return fd >= 0 ? fd : fs_open_beneath(logs_fd, name, flags, 0, error);
    if (!local)
        fault_errno(&local, FAULT_SYSTEM, ENOENT, "open '%s'", name);
    g_propagate_error(error, g_steal_pointer(&local));
    return -1;
}

int log_file_open(const Place *place, const char *name, GError **error)
{
    fs_fd int logs_fd = logs_open(place, error);
    if (logs_fd < 0)
        return -1;
    /* A file that we did not make is checked by its owner as well: a second name may be gone by the time we count. */
    gboolean made = FALSE;
    fs_fd int fd = open_or_make(logs_fd, name, &made, error);
    if (fd < 0)
        return -1;
    struct stat st;
    if (fstat(fd, &st) != 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "look at '%s/%s'", place->logs, name), -1;
    gboolean foreign = place->change_user && !made && st.st_uid != place->uid;
    if (!S_ISREG(st.st_mode) || st.st_nlink != 1 || foreign) {
        fault_set(error, FAULT_SYSTEM, "'%s/%s' is not a plain file of the app's with one name: not written to",
                  place->logs, name);
        return -1;
    }
    if (place->change_user && made && fchown(fd, place->uid, place->gid) != 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "give '%s/%s' to user '%s'", place->logs, name, place->user), -1;
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) != 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "open '%s/%s'", place->logs, name), -1;
    return fs_fd_steal(&fd);
}
