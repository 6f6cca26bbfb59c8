/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at data without reading them. */
#include "parts/backup/look.h"
#include "base/fault.h"
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct Look {
    GChecksum *sum;
    struct timespec latest; /* change in it */
} Look;

static gboolean look_at(int parent, const char *name, const char *path, const struct stat *st, gpointer data,
                        GError **error)
{
    Look *look = data;
    g_autofree char *line = g_strdup_printf("%s\n%o %ju %jd %jd.%09ld %jd.%09ld\n", path, st->st_mode,
                                            (uintmax_t)st->st_ino, (intmax_t)st->st_size, (intmax_t)st->st_mtim.tv_sec,
                                            st->st_mtim.tv_nsec, (intmax_t)st->st_ctim.tv_sec, st->st_ctim.tv_nsec);
    g_checksum_update(look->sum, (const guchar *)line, (gssize)strlen(line));
    if (st->st_ctim.tv_sec > look->latest.tv_sec ||
        (st->st_ctim.tv_sec == look->latest.tv_sec && st->st_ctim.tv_nsec > look->latest.tv_nsec))
        look->latest = st->st_ctim;
    return TRUE;
}

char *look_see(int live, const char *name, gboolean empty_is_absent, struct timespec *latest, GError **error)
{
    struct stat st;
    if (fstatat(live, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno == ENOENT)
            return g_strdup("-");
        fault_errno(error, FAULT_SYSTEM, errno, "cannot read '%s'", name);
        return NULL;
    }
    if (empty_is_absent && S_ISREG(st.st_mode) && st.st_size == 0)
        return g_strdup("-");
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    Look look = {.sum = sum};
    look_at(live, name, "", &st, &look, NULL);
    if (S_ISDIR(st.st_mode) && !fs_walk(live, name, look_at, &look, error))
        return NULL;
    if (latest)
        *latest = look.latest;
    return g_strdup(g_checksum_get_string(sum));
}

void look_pass_tick(const struct timespec *latest)
{
    struct timespec now;
    for (guint n = 0; n < 50; n++) {
        clock_gettime(CLOCK_REALTIME_COARSE, &now);
        if (now.tv_sec > latest->tv_sec || (now.tv_sec == latest->tv_sec && now.tv_nsec > latest->tv_nsec))
            return;
        g_usleep(1000);
    }
}

gboolean look_shares_blocks(int dirfd)
{
    static const char block[4096];
    fs_fd int from = openat(dirfd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    fs_fd int to = openat(dirfd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    gboolean shared = FALSE;
    if (from < 0 || to < 0 || pwrite(from, block, sizeof block, 0) != (gssize)sizeof block)
        return FALSE;
    return fs_copy_content(from, to, &shared, NULL) && shared;
}
