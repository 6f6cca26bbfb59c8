/* SPDX-License-Identifier: Apache-2.0 */
/* The file that a proxy's configuration includes. */
#include "parts/switch/switch.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fs.h"
#include "parts/switch/drivers.h"

const SwitchDriver *const switch_drivers[] = {&switch_caddy, &switch_nginx, NULL};

static const SwitchDriver *driver_find(const char *name, GError **error)
{
    for (guint i = 0; switch_drivers[i]; i++)
        if (strcmp(switch_drivers[i]->name, name) == 0)
            return switch_drivers[i];
    fault_set(error, FAULT_MANIFEST, "there is no switch for the proxy '%s'", name);
    return NULL;
}

char *switch_caveat(const char *proxy)
{
    const SwitchDriver *driver = driver_find(proxy, NULL);
    return driver && driver->caveat ? driver->caveat() : NULL;
}

/* What a program with rights includes must be out of the reach of the app's user: the whole way down is. */
static int open_system(const Place *place, GError **error)
{
    fs_fd int root = part_open_root(place, error);
    if (root < 0 || !fs_make_dirs(root, "system", 0755, error))
        return -1;
    fs_fd int fd = fs_open_beneath(root, "system", O_RDONLY | O_DIRECTORY, 0, error);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0)
        return -1;
    if (st.st_uid != geteuid() || (place->change_user && (st.st_mode & (S_IWGRP | S_IWOTH)))) {
        fault_set(error, FAULT_CONFIG, "%s can be written by others than root", place->system);
        fault_hint(error, "chown root:root %s && chmod 755 %s", place->system, place->system);
        return -1;
    }
    return fs_fd_steal(&fd);
}

static const char *name_of(const char *file)
{
    const char *slash = strrchr(file, '/');
    return slash ? slash + 1 : file;
}

gboolean switch_write(const Place *place, const char *proxy, const char *file, const char *socket, GError **error)
{
    const SwitchDriver *driver = driver_find(proxy, error);
    fs_fd int fd = driver ? open_system(place, error) : -1;
    if (fd < 0)
        return FALSE;
    g_autofree char *directive = driver->directive(socket);
    g_autofree char *text =
        g_strdup_printf("# Written by liftlock at each switch: the instance that users reach.\n%s\n", directive);
    return fs_write_atomic(fd, name_of(file), text, strlen(text), 0644, error);
}

gboolean switch_remove(const Place *place, const char *file, gboolean *removed, GError **error)
{
    *removed = FALSE;
    fs_fd int root = part_open_root(place, error);
    if (root < 0)
        return FALSE;
    if (!fs_exists(root, "system"))
        return TRUE;
    fs_fd int fd = open_system(place, error);
    if (fd < 0)
        return FALSE;
    *removed = unlinkat(fd, name_of(file), 0) == 0;
    if (!*removed && errno != ENOENT)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot remove %s/%s", place->root, file);
    return fs_sync_dir(fd, error);
}
