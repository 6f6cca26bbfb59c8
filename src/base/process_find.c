/* SPDX-License-Identifier: Apache-2.0 */
/* Seeing what runs, by /proc, and ending it. */
#include "base/clock.h"
#include "base/fs.h"
#include "base/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

void process_info_free(ProcessInfo *info)
{
    g_free(info->name);
    g_free(info);
}

/* Reads /proc/PID/stat: name (may be NULL; the caller frees) and start time. FALSE for none and for zombies. */
static gboolean read_stat(pid_t pid, char **name, guint64 *start_time)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    fs_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    gssize n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (n <= 0)
        return FALSE;
    text[n] = '\0';
    char *open_bracket = strchr(text, '('), *close_bracket = strrchr(text, ')');
    if (!open_bracket || !close_bracket || close_bracket[1] == '\0' || strchr("ZXx", close_bracket[2]))
        return FALSE;
    const char *at = close_bracket + 2; /* field 3 */
    for (int field = 3; field < 22; field++) {
        at = strchr(at, ' ');
        if (!at++)
            return FALSE;
    }
    *start_time = g_ascii_strtoull(at, NULL, 10);
    *close_bracket = '\0';
    if (name)
        *name = g_utf8_make_valid(open_bracket + 1, -1);
    return TRUE;
}

guint64 process_start_time(pid_t pid)
{
    guint64 start_time = 0;
    return read_stat(pid, NULL, &start_time) ? start_time : 0;
}

/* Adds a process if it still is the one that was looked at. */
static void add_found(GPtrArray *found, pid_t pid)
{
    ProcessInfo *info = g_new0(ProcessInfo, 1);
    info->pid = pid;
    if (read_stat(pid, &info->name, &info->start_time))
        g_ptr_array_add(found, info);
    else
        process_info_free(info);
}

typedef gboolean (*Look)(int proc, const char *pid, gpointer data);

static GPtrArray *find(Look look, gpointer data)
{
    GPtrArray *found = g_ptr_array_new_with_free_func((GDestroyNotify)process_info_free);
    DIR *proc = opendir("/proc");
    for (struct dirent *entry; proc && (entry = readdir(proc));) {
        if (!g_ascii_isdigit(entry->d_name[0]))
            continue;
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (pid != getpid() && look(dirfd(proc), entry->d_name, data))
            add_found(found, pid);
    }
    if (proc)
        closedir(proc);
    return found;
}

/* --- by environment --- */

typedef struct Wanted {
    const char *entry;
    GString *environment; /* used again and again */
} Wanted;

static gboolean read_environment(int proc, const char *pid, GString *text)
{
    enum { LIMIT = 8 * 1024 * 1024, STEP = 16384 };
    char path[64];
    snprintf(path, sizeof path, "%s/environ", pid);
    fs_fd int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return FALSE;
    for (gsize size = 0;;) {
        g_string_set_size(text, size + STEP);
        gssize n = read(fd, text->str + size, STEP);
        if (n < 0 && errno == EINTR)
            continue;
        else if (n <= 0 || size > LIMIT) {
            g_string_set_size(text, size);
            return n == 0;
        }
        size += (gsize)n;
    }
}

/* In the middle of an exec a process shows neither arguments nor environment, though it has an executable. (Kernel
 * threads and zombies have none.) */
static gboolean is_between_programs(int proc, const char *pid)
{
    char path[64], byte;
    snprintf(path, sizeof path, "%s/exe", pid);
    if (readlinkat(proc, path, &byte, 1) < 0)
        return FALSE;
    snprintf(path, sizeof path, "%s/cmdline", pid);
    fs_fd int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
    return fd >= 0 && read(fd, &byte, 1) == 0;
}

/* Whoever is looked for must not be missed for having just begun another program: what was opened before the exec reads
 * as empty after it. So an empty environment is believed only when it is so twice, with arguments seen in between. */
static gboolean read_environment_surely(int proc, const char *pid, GString *text)
{
    enum { TRIES = 50, PAUSE_US = 1000 };
    gboolean settled = FALSE;
    for (int try = 1;; try++) {
        if (!read_environment(proc, pid, text))
            return FALSE;
        if (text->len > 0 || settled || try == TRIES)
            return TRUE;
        settled = !is_between_programs(proc, pid);
        if (!settled)
            g_usleep(PAUSE_US);
    }
}

static gboolean has_entry(int proc, const char *pid, gpointer data)
{
    Wanted *wanted = data;
    if (!read_environment_surely(proc, pid, wanted->environment))
        return FALSE;
    const char *end = wanted->environment->str + wanted->environment->len;
    for (const char *at = wanted->environment->str; at < end; at += strlen(at) + 1)
        if (strcmp(at, wanted->entry) == 0)
            return TRUE;
    return FALSE;
}

GPtrArray *process_find_by_environment(const char *name_and_value)
{
    g_autoptr(GString) environment = g_string_new(NULL);
    Wanted wanted = {.entry = name_and_value, .environment = environment};
    return find(has_entry, &wanted);
}

/* --- by open file --- */

static gboolean is_one_of(const struct stat *st, const GArray *files)
{
    for (guint i = 0; i < files->len; i++) {
        const struct stat *file = &g_array_index(files, struct stat, i);
        if (file->st_ino == st->st_ino && file->st_dev == st->st_dev)
            return TRUE;
    }
    return FALSE;
}

static gboolean holds_file(int proc, const char *pid, gpointer data)
{
    char path[64];
    snprintf(path, sizeof path, "%s/fd", pid);
    int fd = openat(proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        fs_fd_clear(&fd);
        return FALSE;
    }
    gboolean holds = FALSE;
    struct stat st;
    for (struct dirent *entry; !holds && (entry = readdir(dir));)
        holds = g_ascii_isdigit(entry->d_name[0]) && fstatat(dirfd(dir), entry->d_name, &st, 0) == 0 &&
                S_ISREG(st.st_mode) && is_one_of(&st, data);
    closedir(dir);
    return holds;
}

GPtrArray *process_find_by_open_file(const char *const *paths)
{
    g_autoptr(GArray) files = g_array_new(FALSE, FALSE, sizeof(struct stat));
    struct stat st;
    for (; paths && *paths; paths++)
        if (stat(*paths, &st) == 0 && S_ISREG(st.st_mode))
            g_array_append_val(files, st);
    if (files->len == 0)
        return g_ptr_array_new_with_free_func((GDestroyNotify)process_info_free);
    return find(holds_file, files);
}

/* --- ending --- */

/* Signals exactly this process, not one that got its pid since. */
static void signal_exactly(const ProcessInfo *info, int number)
{
    fs_fd int fd = (int)syscall(SYS_pidfd_open, info->pid, 0);
    if (fd >= 0 && process_start_time(info->pid) == info->start_time)
        syscall(SYS_pidfd_send_signal, fd, number, NULL, 0);
}

/* Takes our own dead children among `found` and those that are gone off the list. */
static void drop_gone(GPtrArray *found)
{
    for (guint i = found->len; i-- > 0;) {
        const ProcessInfo *info = found->pdata[i];
        if (info->pid == getpid() || process_start_time(info->pid) != info->start_time)
            g_ptr_array_remove_index_fast(found, i);
    }
}

static void reap_known(GHashTable *known)
{
    GHashTableIter iter;
    gpointer pid;
    g_hash_table_iter_init(&iter, known);
    while (g_hash_table_iter_next(&iter, &pid, NULL))
        if (waitpid((pid_t)GPOINTER_TO_INT(pid), NULL, WNOHANG) > 0)
            g_hash_table_iter_remove(&iter);
}

/* SIGTERM once to each, and then SIGKILL each time. A stopped process sees SIGTERM only when it goes on. */
static void signal_all(const GPtrArray *found, GHashTable *known, gboolean forcibly)
{
    for (guint i = 0; i < found->len; i++) {
        const ProcessInfo *info = found->pdata[i];
        gboolean first = g_hash_table_add(known, GINT_TO_POINTER(info->pid));
        if (forcibly)
            signal_exactly(info, SIGKILL);
        else if (first)
            signal_exactly(info, SIGTERM);
        signal_exactly(info, SIGCONT);
    }
}

/* A pause that is over as soon as the first of them ends. */
static void pause_for(const GPtrArray *found, gint64 pause_ms)
{
    const ProcessInfo *info = found->pdata[0];
    struct pollfd end = {.fd = (int)syscall(SYS_pidfd_open, info->pid, 0), .events = POLLIN};
    if (end.fd < 0 || poll(&end, 1, (int)pause_ms) < 0)
        clock_sleep_ms(pause_ms);
    fs_fd_clear(&end.fd);
}

gboolean process_end_all(ProcessFind find_them, gpointer data, gint64 grace_ms, gint64 timeout_ms, char **left)
{
    g_autoptr(GHashTable) known = g_hash_table_new(NULL, NULL);
    gint64 start = clock_monotonic_ms();
    if (left)
        *left = NULL;
    for (gint64 pause_ms = 5;; pause_ms = MIN(pause_ms * 2, 50)) {
        g_autoptr(GPtrArray) found = find_them(data);
        drop_gone(found);
        reap_known(known);
        if (found->len == 0)
            return TRUE;
        gint64 passed = clock_monotonic_ms() - start;
        if (passed >= timeout_ms) {
            const ProcessInfo *info = found->pdata[0];
            if (left)
                *left = g_strdup_printf("%ld (%s)", (long)info->pid, info->name);
            return FALSE;
        }
        signal_all(found, known, passed >= grace_ms);
        pause_for(found, pause_ms);
    }
}
