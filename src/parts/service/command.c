/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Services started by a shell line of the release, for hosts and users without a service manager.
 *
 * All processes of a service carry LIFTLOCK_UNIT in their environment and hold a file of its own open; children inherit
 * both, and by either they are found again: no PID files. One that clears its environment still holds the file, one
 * that closes what it inherited still has its environment. Nothing starts them at boot but liftlock itself, so a hold
 * only has to stop `start`.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/process.h"
#include "parts/log_file.h"
#include "parts/service/drivers.h"

/* A start that lives so long is a start; what dies later is for the probes to see. */
#define PROOF_OF_LIFE_MS 40

/* Two hosts below two LIFTLOCK_ROOTs may have an app of the same name: the marker tells them apart. */
static char *service_marker(const Place *place, const Service *service)
{
    g_autofree char *tail = g_strdup_printf("/etc/liftlock/apps/%s.toml", place->app);
    gsize root_length = g_str_has_suffix(place->config, tail) ? strlen(place->config) - strlen(tail) : 0;
    return g_strdup_printf("LIFTLOCK_UNIT=%s/%s%s%.*s", place->app, service->name, root_length ? "@" : "",
                           (int)root_length, place->config);
}

typedef struct Marked {
    const Place *place;
    char *marker, *file;
} Marked;

static void marked_clear(Marked *marked)
{
    g_free(marked->marker);
    g_free(marked->file);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Marked, marked_clear)

/* RUN/NAME.services/SERVICE */
static char *service_file(const Place *place, const Service *service)
{
    g_autofree char *run = g_path_get_dirname(place->lock), *directory = g_strconcat(place->app, ".services", NULL);
    return g_build_filename(run, directory, service->name, NULL);
}

static Marked mark_of(const PartContext *context, const Service *service)
{
    const Place *place = context->place;
    return (Marked){place, service_marker(place, service), service_file(place, service)};
}

/* Anybody can put our marker into his environment; only the app's own processes and root's count. */
static gboolean belongs_to_app(const ProcessInfo *info, const Place *place)
{
    g_autofree char *path = g_strdup_printf("/proc/%d", (int)info->pid);
    struct stat st;
    return stat(path, &st) == 0 && (st.st_uid == place->uid || st.st_uid == 0 || st.st_uid == geteuid());
}

static GPtrArray *marked_processes(gpointer data)
{
    const Marked *marked = data;
    GPtrArray *all = process_find_by_environment(marked->marker);
    const char *const paths[] = {marked->file, NULL};
    g_autoptr(GPtrArray) holders = process_find_by_open_file(paths);
    while (holders->len > 0) {
        ProcessInfo *holder = g_ptr_array_steal_index(holders, holders->len - 1);
        gboolean known = FALSE;
        for (guint i = 0; !known && i < all->len; i++)
            known = ((const ProcessInfo *)g_ptr_array_index(all, i))->pid == holder->pid;
        if (known)
            process_info_free(holder);
        else
            g_ptr_array_add(all, holder);
    }
    for (guint i = all->len; i-- > 0;)
        if (!belongs_to_app(g_ptr_array_index(all, i), marked->place))
            g_ptr_array_remove_index_fast(all, i);
    return all;
}

static char *started_key(const Service *service)
{
    return g_strdup_printf("service.%s.started", service->name);
}

/* The shell that this job started is a child of ours: it waits to be asked how it ended. FALSE: it cannot be told. */
static gboolean ended_how(const PartContext *context, const Service *service, ProcessOutcome *outcome)
{
    g_autofree char *key = started_key(service);
    const char *started = context->facts ? context->facts->get(context->facts, key) : NULL;
    pid_t pid = started ? (pid_t)g_ascii_strtoll(started, NULL, 10) : 0;
    siginfo_t info = {0};
    if (pid <= 0 || waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid != pid)
        return FALSE;
    *outcome = (ProcessOutcome){.exited = info.si_code == CLD_EXITED, .status = info.si_status};
    return TRUE;
}

static void describe_end(const PartContext *context, const Service *service, ServiceState *state)
{
    ProcessOutcome outcome = {0};
    gboolean known = ended_how(context, service, &outcome);
    state->killed = known && process_was_killed(&outcome);
    state->description = known ? process_describe(&outcome) : g_strdup("not running");
}

static gboolean command_observe(const PartContext *context, const Service *service, ServiceState *state, GError **error)
{
    g_auto(Marked) marked = mark_of(context, service);
    g_autoptr(GPtrArray) all = marked_processes(&marked);
    const ProcessInfo *oldest = NULL;
    for (guint i = 0; i < all->len; i++) {
        const ProcessInfo *info = g_ptr_array_index(all, i);
        if (!oldest || info->start_time < oldest->start_time ||
            (info->start_time == oldest->start_time && info->pid < oldest->pid))
            oldest = info;
    }
    *state =
        (ServiceState){.known = TRUE, .enabled = TRUE, .active = oldest != NULL, .enablement = g_strdup("enabled")};
    if (oldest) {
        state->main_pid = oldest->pid;
        state->main_start = oldest->start_time;
        state->description = g_strdup_printf("running, process %d (%s)%s", (int)oldest->pid, oldest->name,
                                             all->len > 1 ? " and its children" : "");
    } else {
        describe_end(context, service, state);
    }
    return TRUE;
}

static gboolean command_nothing(const PartContext *context, const Service *service, GError **error)
{
    return TRUE;
}

/* The job's id stays out: a service outlives the job that started it. */
static char **service_environment(const PartContext *context, const Service *service, const char *marker)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    for (const char *const *entry = context->environment; entry && *entry; entry++)
        if (!g_str_has_prefix(*entry, "LIFTLOCK_JOB=") && !g_str_has_prefix(*entry, "LIFTLOCK_UNIT="))
            g_strv_builder_add(builder, *entry);
    for (guint i = 0; service->environment && i < service->environment->len; i++) {
        const KeyPair *pair = g_ptr_array_index(service->environment, i);
        g_autofree char *entry = g_strdup_printf("%s=%s", pair->name, pair->value);
        g_strv_builder_add(builder, entry);
    }
    if (marker)
        g_strv_builder_add(builder, marker);
    return g_strv_builder_end(builder);
}

static void tell(const PartContext *context, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void tell(const PartContext *context, const char *format, ...)
{
    if (!context->on_line)
        return;
    va_list args;
    va_start(args, format);
    g_autofree char *line = g_strdup_vprintf(format, args);
    va_end(args);
    context->on_line(line, context->on_line_data);
}

/* A log that cannot be written is no reason to leave the app down. */
static int service_log_open(const PartContext *context, const Service *service)
{
    g_autofree char *name = g_strconcat(service->name, ".log", NULL);
    g_autoptr(GError) error = NULL;
    int fd = log_file_open(context->place, name, &error);
    if (fd < 0)
        tell(context, "service '%s': its output is thrown away: %s", service->name, error->message);
    return fd;
}

/* Waits until the process ends or has lived for PROOF_OF_LIFE_MS. TRUE if it ended with something to say. */
static gboolean ended_at_once(pid_t pid, ProcessOutcome *outcome)
{
    fs_fd int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    gint64 deadline_ms = clock_monotonic_ms() + PROOF_OF_LIFE_MS;
    for (;;) {
        int status;
        pid_t got = waitpid(pid, &status, WNOHANG);
        if (got == pid) {
            outcome->exited = WIFEXITED(status);
            outcome->status = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
            return TRUE;
        }
        gint64 left_ms = deadline_ms - clock_monotonic_ms();
        if (left_ms <= 0)
            return FALSE;
        struct pollfd wait = {.fd = pidfd, .events = POLLIN};
        poll(&wait, 1, pidfd < 0 ? MIN(left_ms, 5) : left_ms);
    }
}

/* The line stopped itself before its first command (see command_line): only once it is in a unit of its own does it go
 * on. */
static gboolean move_to_scope(const PartContext *context, const Service *service, pid_t pid, GError **error)
{
    siginfo_t info = {0};
    int got;
    while ((got = waitid(P_PID, pid, &info, WSTOPPED | WEXITED | WNOWAIT)) != 0 && errno == EINTR)
        ;
    if (got != 0 || info.si_code != CLD_STOPPED)
        return TRUE; /* it ended: the caller will see how */
    gboolean moved = service_scope_process(context->place, service, pid, error);
    kill(-pid, moved ? SIGCONT : SIGKILL);
    if (!moved)
        waitpid(pid, NULL, 0);
    return moved;
}

static char *command_line(const Service *service, gboolean scoped)
{
    return g_strconcat(scoped ? "kill -STOP $$\n" : "", service->start, NULL);
}

/* A detached process is nobody's child at once; as reaper of what is orphaned while we start it, it becomes ours, and
 * we can learn how it ended. */
static pid_t start_as_ours(const ProcessSpec *spec, int log_fd, GError **error)
{
    int was_reaper = 0;
    prctl(PR_GET_CHILD_SUBREAPER, &was_reaper, 0, 0, 0);
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    pid_t pid = process_start(spec, TRUE, log_fd, error);
    prctl(PR_SET_CHILD_SUBREAPER, was_reaper, 0, 0, 0);
    return pid;
}

/* For reading, and nobody's but ours: others come to it by inheritance alone. */
static int mark_open(const Marked *marked, GError **error)
{
    g_autofree char *directory = g_path_get_dirname(marked->file);
    if (!fs_make_path(directory, 0755, error))
        return -1;
    int fd = open(marked->file, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        fault_errno(error, FAULT_SYSTEM, errno, "cannot open %s", marked->file);
    return fd;
}

static gboolean launch(const PartContext *context, const Service *service, const Marked *marked, pid_t *pid,
                       GError **error)
{
    const Place *place = context->place;
    gboolean scoped = !context->in_scene && service_needs_scope();
    g_autofree char *line = command_line(service, scoped);
    g_auto(GStrv) environment = service_environment(context, service, marked->marker);
    fs_fd int log_fd = service_log_open(context, service);
    fs_fd int mark_fd = mark_open(marked, error);
    if (mark_fd < 0)
        return fault_prefix(error, "service '%s'", service->name);
    ProcessSpec spec = {
        .keep_fds = &mark_fd,
        .n_keep_fds = 1,
        .shell = line,
        .directory = place->current,
        .environment = (const char *const *)environment,
        .change_user = place->change_user,
        .uid = place->uid,
        .gid = place->gid,
    };
    *pid = start_as_ours(&spec, log_fd, error);
    if (*pid < 0) {
        fault_prefix(error, "service '%s'", service->name);
        return FALSE;
    }
    return !scoped || move_to_scope(context, service, *pid, error);
}

static gboolean command_start(const PartContext *context, const Service *service, GError **error)
{
    if (!service_check_hold(context->place, service, error))
        return FALSE;
    g_auto(Marked) marked = mark_of(context, service);
    g_autoptr(GPtrArray) before = marked_processes(&marked);
    if (before->len > 0)
        return TRUE;
    pid_t pid = -1;
    if (!launch(context, service, &marked, &pid, error))
        return FALSE;
    g_autofree char *key = started_key(service), *number = g_strdup_printf("%d", (int)pid);
    if (context->facts && !context->no_new_facts && !context->facts->set(context->facts, key, number, error))
        return FALSE;
    ProcessOutcome outcome = {0};
    if (!ended_at_once(pid, &outcome) || (outcome.exited && outcome.status == 0))
        return TRUE; /* status 0: it put itself into the background, or told another to start */
    g_autofree char *how = process_describe(&outcome);
    /* Somebody's SIGKILL (out of memory, an operator) says nothing of the release. */
    fault_set(error, process_was_killed(&outcome) ? FAULT_SYSTEM : FAULT_START, "service '%s' ended at once: %s",
              service->name, how);
    return fault_hint(error, "its output is in '%s/%s.log'", context->place->logs, service->name);
}

/* The publisher's own way to stop; whatever it says, what counts is that nothing is left. */
static void run_stop_line(const PartContext *context, const Service *service, Marked *marked, gint64 deadline_ms)
{
    const Place *place = context->place;
    g_auto(GStrv) environment = service_environment(context, service, NULL);
    int keep_fds[] = {context->lock_fd};
    ProcessSpec spec = {
        .shell = service->stop,
        .directory = place->current,
        .environment = (const char *const *)environment,
        .change_user = place->change_user,
        .uid = place->uid,
        .gid = place->gid,
        .timeout_ms = service_stop_limit_ms(service),
        .keep_fds = keep_fds,
        .n_keep_fds = context->lock_fd >= 0 ? 1 : 0,
        .on_line = context->on_line,
        .on_line_data = context->on_line_data,
    };
    ProcessOutcome outcome = {0};
    g_autoptr(GError) error = NULL;
    if (!process_run(&spec, &outcome, &error)) {
        tell(context, "service '%s': its stop line: %s", service->name, error->message);
        return;
    }
    if (!outcome.exited || outcome.status != 0) {
        g_autofree char *how = process_describe(&outcome);
        tell(context, "service '%s': its stop line: %s", service->name, how);
        return;
    }
    while (clock_monotonic_ms() < deadline_ms) {
        g_autoptr(GPtrArray) left = marked_processes(marked);
        if (left->len == 0)
            return;
        clock_sleep_ms(10);
    }
}

static gboolean command_stop(const PartContext *context, const Service *service, GError **error)
{
    g_auto(Marked) marked = mark_of(context, service);
    g_autoptr(GPtrArray) running = marked_processes(&marked);
    if (running->len == 0)
        return TRUE;
    gint64 limit_ms = service_stop_limit_ms(service), deadline_ms = clock_monotonic_ms() + limit_ms;
    if (service->stop)
        run_stop_line(context, service, &marked, deadline_ms);
    gint64 grace_ms = MAX(deadline_ms - clock_monotonic_ms(), 500);
    g_autofree char *left = NULL;
    if (process_end_all(marked_processes, &marked, grace_ms, grace_ms + 10 * 1000, &left))
        return TRUE;
    return fault_set(error, FAULT_DRAIN, "service '%s' does not end: process %s is left", service->name, left);
}

static GArray *command_processes(const PartContext *context, const Service *service)
{
    g_auto(Marked) marked = mark_of(context, service);
    g_autoptr(GPtrArray) all = marked_processes(&marked);
    GArray *pids = g_array_new(FALSE, FALSE, sizeof(pid_t));
    for (guint i = 0; i < all->len; i++)
        g_array_append_val(pids, ((const ProcessInfo *)g_ptr_array_index(all, i))->pid);
    return pids;
}

const ServiceDriver service_command = {
    .name = "command",
    .summary = "processes started by a shell line of the release",
    .observe = command_observe,
    .equip = command_nothing,
    .retire = command_nothing,
    .start = command_start,
    .stop = command_stop,
    .processes = command_processes,
};
