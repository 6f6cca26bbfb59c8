/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/lock.h"

#include "base/clock.h"
#include "base/document.h"
#include "base/fault.h"
#include "base/fs.h"
#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOOKS 5
#define WORK_POLL_MS 10

void lock_holder_free(LockHolder *holder)
{
    if (!holder)
        return;
    g_free(holder->job);
    g_free(holder->verb);
    g_free(holder->who);
    g_free(holder);
}

/* What the file says is a courtesy for people and for telling a live holder from its orphans; the lock itself is
 * flock's. */
static LockHolder *holder_read(int fd)
{
    char bytes[1024];
    ssize_t size = pread(fd, bytes, sizeof bytes, 0);
    g_autoptr(Node) node =
        size > 0 ? document_parse(DOCUMENT_JSON, bytes, (gsize)size, "lock", FAULT_STATE, NULL) : NULL;
    LockHolder *holder = g_new0(LockHolder, 1);
    holder->pid = node_get_int(node, "pid", 0);
    holder->since_s = node_get_int(node, "since", 0);
    holder->job = g_strdup(node_get_text(node, "job", ""));
    holder->verb = g_strdup(node_get_text(node, "verb", "another job"));
    holder->who = g_strdup(node_get_text(node, "who", "?"));
    guint64 start = holder->pid > 0 ? process_start_time((pid_t)holder->pid) : 0;
    holder->alive = start != 0 && (gint64)start == node_get_int(node, "start", 0);
    return holder;
}

static gboolean holder_write(int fd, const char *job, const char *verb, const char *who, GError **error)
{
    g_autoptr(Node) node = node_new_map();
    node_set_int(node, "pid", getpid());
    node_set_int(node, "start", (gint64)process_start_time(getpid()));
    node_set_int(node, "since", clock_now_s());
    node_set_text(node, "job", job);
    node_set_text(node, "verb", verb);
    node_set_text(node, "who", who);
    g_autofree char *json = node_to_json(node, 0);
    gsize size = strlen(json);
    if (ftruncate(fd, 0) != 0 || pwrite(fd, json, size, 0) != (ssize_t)size)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot write the lock");
    return TRUE;
}

static gboolean busy(const Place *place, int fd, GError **error)
{
    g_autoptr(LockHolder) holder = holder_read(fd);
    time_t since = (time_t)holder->since_s;
    struct tm tm;
    char when[16];
    strftime(when, sizeof when, "%H:%M:%S", localtime_r(&since, &tm));
    fault_set(error, FAULT_BUSY, "%s: %s is at work since %s (job %s, process %" G_GINT64_FORMAT ", started by %s)",
              place->app, holder->verb, when, holder->job, holder->pid, holder->who);
    return fault_hint(error, "watch it with 'liftlock logs %s -f'", place->app);
}

static int lock_file_open(const char *path, int flags, GError **error)
{
    g_autofree char *directory = g_path_get_dirname(path);
    if (!fs_make_path(directory, 0755, error))
        return -1;
    int fd = open(path, flags | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        fault_errno(error, FAULT_SYSTEM, errno, "cannot open %s", path);
    return fd;
}

int lock_take(const Place *place, const char *job, const char *verb, const char *who, GError **error)
{
    fs_fd int fd = lock_file_open(place->lock, O_RDWR, error);
    if (fd < 0)
        return -1;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        busy(place, fd, error);
        return -1;
    }
    if (!holder_write(fd, job, verb, who, error))
        return -1;
    return fs_fd_steal(&fd);
}

static gboolean still_at_work(const Place *place, GError **error)
{
    const char *const paths[] = {place->work, NULL};
    g_autoptr(GPtrArray) holders = process_find_by_open_file(paths);
    if (holders->len == 0)
        return fault_set(error, FAULT_BUSY, "%s: something still does the work of an earlier job", place->app);
    const ProcessInfo *info = g_ptr_array_index(holders, 0);
    fault_set(error, FAULT_BUSY, "%s: process %d (%s) still does the work of an earlier job", place->app,
              (int)info->pid, info->name);
    return fault_hint(error, "'ps -fp %d' shows what it is; end it", (int)info->pid);
}

/* To see that nobody holds it takes another open file than the one that is handed on: a lock belongs to the open file,
 * and a file that cannot be written is not locked for oneself on every file system. */
int lock_work(const Place *place, gint64 timeout_ms, GError **error)
{
    fs_fd int alone = lock_file_open(place->work, O_RDWR, error);
    if (alone < 0)
        return -1;
    for (gint64 until = clock_monotonic_ms() + timeout_ms; flock(alone, LOCK_EX | LOCK_NB) != 0;) {
        if (clock_monotonic_ms() >= until) {
            still_at_work(place, error);
            return -1;
        }
        clock_sleep_ms(WORK_POLL_MS);
    }
    fs_fd_clear(&alone);
    fs_fd int fd = lock_file_open(place->work, O_RDONLY, error);
    if (fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0) {
        fault_errno(error, FAULT_SYSTEM, errno, "cannot lock %s", place->work);
        return -1;
    }
    return fs_fd_steal(&fd);
}

/* /proc/locks names the inode of every lock. Opening the file to ask would make us look like a holder ourselves. */
static gboolean inode_is_locked(const char *path)
{
    struct stat st;
    g_autofree char *locks = NULL;
    if (stat(path, &st) != 0 || !g_file_get_contents("/proc/locks", &locks, NULL, NULL))
        return FALSE;
    g_autofree char *inode = g_strdup_printf(":%" G_GUINT64_FORMAT " ", (guint64)st.st_ino);
    g_auto(GStrv) lines = g_strsplit(locks, "\n", -1);
    for (guint i = 0; lines[i]; i++)
        if (strstr(lines[i], "FLOCK") && strstr(lines[i], inode))
            return TRUE;
    return FALSE;
}

/* The list is read in pieces, and what others let go meanwhile moves the rest: a read may leave a lock out, though it
 * never makes one up. So while the process that wrote itself down is alive, one look is not believed. When it is gone,
 * so is its lock: nobody inherits that, and the list is not asked for, because to print it the kernel waits for all
 * processors, up to 20 ms. */
LockHolder *lock_holder(const Place *place)
{
    fs_fd int fd = open(place->lock, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    LockHolder *holder = fd < 0 ? NULL : holder_read(fd);
    for (int look = 0; holder && holder->alive && look < LOOKS; look++)
        if (inode_is_locked(place->lock)) {
            lock_holder_free(holder);
            return holder_read(fd); /* as it is now: it may have changed hands */
        }
    lock_holder_free(holder);
    return NULL;
}
