/* SPDX-License-Identifier: Apache-2.0 */
/* The inner program wait-hold: keeps a start waiting while a hold stands. Woken by inotify; looks every second all the
 * same, for the directories come and go. */
#include <poll.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "parts/service/service.h"
#include "parts/service/systemd_units.h"

/* What cannot be read counts as held: a start too late can be mended, one too early cannot. */
static gboolean hold_stands(const char *hold)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GDir) dir = g_dir_open(hold, 0, &error);
    if (!dir)
        return !g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOENT);
    return g_dir_read_name(dir) != NULL;
}

static void watch(int fd, const char *hold, const char *pass_dir, const char *pass_dir_parent)
{
    const guint32 events = IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE_SELF | IN_ONLYDIR;
    inotify_add_watch(fd, hold, events);
    inotify_add_watch(fd, pass_dir_parent, events); /* first: the other may come while we are at it */
    inotify_add_watch(fd, pass_dir, events);
}

int service_wait_hold_main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "wait-hold: needs HOLD and PASS\n");
        return 2;
    }
    const char *hold = argv[1], *pass = argv[2];
    g_autofree char *pass_dir = g_path_get_dirname(pass), *pass_dir_parent = g_path_get_dirname(pass_dir);
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    for (;;) {
        if (fd >= 0)
            watch(fd, hold, pass_dir, pass_dir_parent); /* before looking, so that nothing is missed in between */
        if (!hold_stands(hold) || (g_str_has_suffix(pass, WAIT_HOLD_ONCE) && unlink(pass) == 0) ||
            access(pass, F_OK) == 0)
            break;
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        poll(&wait, 1, 1000);
        char events[4096];
        while (fd >= 0 && read(fd, events, sizeof events) > 0)
            ;
    }
    if (fd >= 0)
        close(fd);
    return 0;
}
