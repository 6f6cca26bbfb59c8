/* SPDX-License-Identifier: Apache-2.0 */
/* From the wish to the program: what is prepared before fork, and what happens after it. Other threads may exist, so
 * that after fork only system calls are made: no allocation, no locks. */
#include "base/process_inner.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CLEAN_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* --- before fork --- */

/* Sets "NAME=value" in a list, in place of an earlier value. */
static void set_variable(GPtrArray *list, const char *name_and_value)
{
    const char *equals = strchr(name_and_value, '=');
    gsize size = equals ? (gsize)(equals - name_and_value) + 1 : strlen(name_and_value);
    for (guint i = 0; i < list->len; i++) {
        if (strncmp(list->pdata[i], name_and_value, size) != 0)
            continue;
        g_free(list->pdata[i]);
        list->pdata[i] = g_strdup(name_and_value);
        return;
    }
    g_ptr_array_add(list, g_strdup(name_and_value));
}

static void set_variables(GPtrArray *list, const char *const *more)
{
    for (; more && *more; more++)
        set_variable(list, *more);
}

static void prepare_user(ProcessLaunch *launch, const ProcessSpec *spec, GPtrArray *environment)
{
    launch->uid = spec->change_user ? spec->uid : geteuid();
    launch->gid = spec->change_user ? spec->gid : getegid();
    /* Without rights there is nothing to change to; to become who one is needs none. */
    launch->change_user = spec->change_user && (geteuid() == 0 || spec->uid != geteuid() || spec->gid != getegid());
    struct passwd entry, *found = NULL;
    enum { ROOM = 65536 };
    g_autofree char *buffer = g_malloc(ROOM);
    if (getpwuid_r(launch->uid, &entry, buffer, ROOM, &found) != 0)
        found = NULL;
    g_autofree char *home = g_strconcat("HOME=", found ? found->pw_dir : "/", NULL);
    g_autofree char *user =
        found ? g_strconcat("USER=", found->pw_name, NULL) : g_strdup_printf("USER=%lu", (unsigned long)launch->uid);
    g_ptr_array_add(environment, g_steal_pointer(&home));
    g_ptr_array_add(environment, g_steal_pointer(&user));
    launch->n_groups = 1;
    launch->groups = g_new(gid_t, 1);
    launch->groups[0] = launch->gid;
    if (!launch->change_user || !found)
        return;
    int n = 64;
    do {
        launch->n_groups = n;
        launch->groups = g_renew(gid_t, launch->groups, (gsize)n);
    } while (getgrouplist(found->pw_name, launch->gid, launch->groups, &n) < 0 && n > launch->n_groups);
    launch->n_groups = n;
}

static const char *value_of(GPtrArray *environment, const char *name_and_equals)
{
    for (guint i = 0; i < environment->len; i++)
        if (g_str_has_prefix(environment->pdata[i], name_and_equals))
            return (const char *)environment->pdata[i] + strlen(name_and_equals);
    return "";
}

static char **find_candidates(const char *program, GPtrArray *environment)
{
    if (strchr(program, '/'))
        return g_strdupv((char *[]){(char *)program, NULL});
    char **candidates = g_strsplit(value_of(environment, "PATH="), ":", -1);
    for (char **at = candidates; *at; at++) {
        char *path = g_strconcat(**at ? *at : ".", "/", program, NULL);
        g_free(*at);
        *at = path;
    }
    return candidates;
}

static int compare_ints(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

static void prepare_fds(ProcessLaunch *launch, const ProcessSpec *spec)
{
    launch->keep_fds = g_new0(int, spec->n_keep_fds + 1);
    for (guint i = 0; i < spec->n_keep_fds; i++)
        if (spec->keep_fds[i] > 2)
            launch->keep_fds[launch->n_keep_fds++] = spec->keep_fds[i];
    qsort(launch->keep_fds, launch->n_keep_fds, sizeof(int), compare_ints);
    struct rlimit limit = {.rlim_cur = 1024};
    getrlimit(RLIMIT_NOFILE, &limit);
    launch->n_fds = (guint)MIN(limit.rlim_cur, 65536);
}

static void prepare_isolation(ProcessLaunch *launch, const ProcessSpec *spec)
{
    launch->no_network = spec->no_network;
    launch->read_only = spec->read_only;
    launch->write_paths = g_strdupv((char **)spec->write_paths);
    if (spec->stage_parent) {
        launch->stage_parent = g_strdup(spec->stage_parent);
        launch->stage_from = g_strdup(spec->stage_from);
        launch->stage_target = g_build_filename(spec->stage_parent, spec->stage_as, NULL);
        gsize size = strlen(launch->stage_target);
        /* Where there is no stage, the release is still where it was. */
        if (strncmp(launch->directory, launch->stage_target, size) == 0 && strchr("/", launch->directory[size])) {
            g_free(launch->directory_unstaged);
            launch->directory_unstaged = g_strconcat(spec->stage_from, launch->directory + size, NULL);
        }
    }
    launch->no_new_privs = spec->no_network || spec->read_only || spec->stage_parent;
    g_snprintf(launch->user_map, sizeof launch->user_map, "%lu %lu 1", (unsigned long)geteuid(),
               (unsigned long)geteuid());
    g_snprintf(launch->group_map, sizeof launch->group_map, "%lu %lu 1", (unsigned long)getegid(),
               (unsigned long)getegid());
}

void process_launch_init(ProcessLaunch *launch, const ProcessSpec *spec, const char *const *extra)
{
    memset(launch, 0, sizeof *launch);
    launch->null_fd = launch->output_fd = launch->error_fd = launch->report_fd = -1;
    launch->argv = spec->shell ? g_strdupv((char *[]){(char *)"/bin/sh", (char *)"-c", (char *)spec->shell, NULL})
                               : g_strdupv((char **)spec->argv);
    launch->directory = g_strdup(spec->directory ? spec->directory : "/");
    launch->directory_unstaged = g_strdup(launch->directory);
    GPtrArray *environment = g_ptr_array_new();
    g_ptr_array_add(environment, g_strdup("PATH=" CLEAN_PATH));
    g_ptr_array_add(environment, g_strdup("LANG=C.UTF-8"));
    prepare_user(launch, spec, environment);
    set_variables(environment, spec->environment);
    set_variables(environment, extra);
    launch->candidates = find_candidates(launch->argv[0], environment);
    g_ptr_array_add(environment, NULL);
    launch->environment = (char **)g_ptr_array_free(environment, FALSE);
    prepare_fds(launch, spec);
    prepare_isolation(launch, spec);
}

void process_launch_clear(ProcessLaunch *launch)
{
    g_strfreev(launch->argv);
    g_strfreev(launch->environment);
    g_strfreev(launch->candidates);
    g_strfreev(launch->write_paths);
    g_free(launch->directory);
    g_free(launch->directory_unstaged);
    g_free(launch->groups);
    g_free(launch->keep_fds);
    g_free(launch->stage_parent);
    g_free(launch->stage_from);
    g_free(launch->stage_target);
}

/* --- after fork --- */

static void report(const ProcessLaunch *launch, ProcessReportKind kind, int value)
{
    ProcessReport record = {.kind = (int)kind, .value = value};
    gssize n = write(launch->report_fd, &record, sizeof record);
    (void)n; /* nobody reads it any more: then nobody needs it */
}

static void fail(const ProcessLaunch *launch, ProcessReportKind kind)
{
    report(launch, kind, errno);
    _exit(127);
}

static void close_between(unsigned first, unsigned last, unsigned n_fds)
{
    if (first > last || syscall(SYS_close_range, first, last, 0) == 0)
        return;
    for (unsigned fd = first; fd <= last && fd < n_fds; fd++)
        close((int)fd);
}

void process_launch_close_fds(const ProcessLaunch *launch, int also)
{
    unsigned from = 3, n_fds = launch->n_fds;
    for (guint i = 0;; i++) {
        /* Merges `also` into the sorted list. */
        int kept = i < launch->n_keep_fds ? launch->keep_fds[i] : G_MAXINT;
        if (also >= (int)from && also < kept) {
            close_between(from, (unsigned)also - 1, n_fds);
            from = (unsigned)also + 1;
        }
        if (kept == G_MAXINT)
            break;
        if (kept >= (int)from) {
            close_between(from, (unsigned)kept - 1, n_fds);
            from = (unsigned)kept + 1;
        }
    }
    close_between(from, ~0u, n_fds);
}

static void reset_signals(void)
{
    struct sigaction standard = {.sa_handler = SIG_DFL};
    for (int number = 1; number < NSIG; number++)
        sigaction(number, &standard, NULL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void set_fds(const ProcessLaunch *launch)
{
    if (dup2(launch->null_fd, 0) < 0 || dup2(launch->output_fd, 1) < 0 || dup2(launch->error_fd, 2) < 0)
        fail(launch, REPORT_SETUP);
    process_launch_close_fds(launch, launch->report_fd);
    for (guint i = 0; i < launch->n_keep_fds; i++)
        if (fcntl(launch->keep_fds[i], F_SETFD, 0) < 0)
            fail(launch, REPORT_SETUP);
}

static void set_user(const ProcessLaunch *launch)
{
    if (!launch->change_user)
        return;
    if (setgroups((gsize)launch->n_groups, launch->groups) < 0 ||
        setresgid(launch->gid, launch->gid, launch->gid) < 0 || setresuid(launch->uid, launch->uid, launch->uid) < 0)
        fail(launch, REPORT_USER);
}

void process_launch_exec(const ProcessLaunch *launch)
{
    if (launch->session)
        setsid();
    else
        setpgid(0, 0);
    umask(022);
    set_fds(launch);
    gboolean staged;
    report(launch, REPORT_ISOLATED, process_isolate(launch, &staged));
    set_user(launch);
    if (chdir(staged ? launch->directory : launch->directory_unstaged) < 0)
        fail(launch, REPORT_ENTER);
    reset_signals();
    int why = ENOENT;
    for (char **path = launch->candidates; *path; path++) {
        execve(*path, launch->argv, launch->environment);
        /* As the shell does it: one that may not be run is worth naming, one that is not there is not. */
        if (errno != ENOENT && errno != ENOTDIR)
            why = errno;
        if (errno != ENOENT && errno != ENOTDIR && errno != EACCES)
            break;
    }
    errno = why;
    fail(launch, REPORT_RUN);
    _exit(127);
}
