/* SPDX-License-Identifier: Apache-2.0 */
/* Running programs: the side that stays. */
#include "base/process.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/fs.h"
#include "base/process_inner.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LINE_LIMIT = 4096, OUTPUT_LIMIT = 65536 };

/* --- descriptors --- */

/* Above the standard three, which are overwritten on the way to the program. */
static int raise_fd(int fd)
{
    if (fd < 0 || fd > 2)
        return fd;
    int raised = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    close(fd);
    return raised;
}

static gboolean open_pipe(int fds[2])
{
    if (pipe2(fds, O_CLOEXEC) < 0)
        return FALSE;
    fds[0] = raise_fd(fds[0]);
    fds[1] = raise_fd(fds[1]);
    return fds[0] >= 0 && fds[1] >= 0;
}

static int open_null(void)
{
    return raise_fd(open("/dev/null", O_RDWR | O_CLOEXEC));
}

/* --- output --- */

typedef struct Stream {
    int fd;
    GString *kept; /* gets the bytes up to limit; else they go to on_line */
    gsize limit;
    GString *line; /* not yet complete */
    ProcessLine on_line;
    gpointer data;
} Stream;

static void give_line(Stream *stream, gsize size)
{
    gsize shown = size > 0 && stream->line->str[size - 1] == '\r' ? size - 1 : size;
    g_autofree char *valid = g_utf8_make_valid(stream->line->str, (gssize)shown);
    stream->on_line(valid, stream->data);
}

/* Where to cut a line that is too long: not inside a character. */
static gsize cut_at(const GString *line)
{
    gsize at = LINE_LIMIT;
    while (at > LINE_LIMIT - 4 && ((guchar)line->str[at] & 0xc0) == 0x80)
        at--;
    return at;
}

static void give_lines(Stream *stream)
{
    for (;;) {
        const char *end = memchr(stream->line->str, '\n', stream->line->len);
        gsize size = end ? (gsize)(end - stream->line->str) : stream->line->len;
        if (size > LINE_LIMIT) {
            size = cut_at(stream->line);
            give_line(stream, size);
            g_string_erase(stream->line, 0, (gssize)size);
        } else if (end) {
            give_line(stream, size);
            g_string_erase(stream->line, 0, (gssize)size + 1);
        } else {
            return;
        }
    }
}

static void take_bytes(Stream *stream, const char *bytes, gsize size)
{
    if (stream->kept) {
        gsize room = stream->limit > stream->kept->len ? stream->limit - stream->kept->len : 0;
        g_string_append_len(stream->kept, bytes, (gssize)MIN(room, size));
    } else if (stream->on_line) {
        g_string_append_len(stream->line, bytes, (gssize)size);
        give_lines(stream);
    }
}

/* Takes what is there now, a bounded amount of it: others want their turn. */
static void stream_read(Stream *stream, guint rounds)
{
    char buffer[16384];
    for (guint i = 0; i < rounds && stream->fd >= 0; i++) {
        gssize n = read(stream->fd, buffer, sizeof buffer);
        if (n > 0)
            take_bytes(stream, buffer, (gsize)n);
        else if (n < 0 && errno == EAGAIN)
            return;
        else if (n == 0 || errno != EINTR)
            fs_fd_clear(&stream->fd);
    }
}

static void stream_end(Stream *stream)
{
    /* Who still holds the pipe was not ours to end, and does not hold us. */
    stream_read(stream, 64);
    fs_fd_clear(&stream->fd);
    if (stream->line->len > 0)
        give_line(stream, stream->line->len);
    g_string_free(stream->line, TRUE);
}

/* --- running --- */

typedef struct Run {
    ProcessLaunch launch;
    Stream output, error;
    int verdict_fd; /* the supervisor's last word */
    pid_t supervisor;
    char *marker; /* "LIFTLOCK_RUN=..." */
    char *private_tmp;
} Run;

static char *random_marker(void)
{
    guint64 random[2] = {0};
    if (getrandom(random, sizeof random, 0) != sizeof random)
        random[0] = (guint64)g_get_monotonic_time();
    return g_strdup_printf("LIFTLOCK_RUN=%016" G_GINT64_MODIFIER "x%016" G_GINT64_MODIFIER "x", random[0], random[1]);
}

/* A temporary folder that only the program's user can enter. */
static gboolean make_private_tmp(Run *run, const ProcessSpec *spec, GError **error)
{
    g_autofree char *path = g_strdup("/tmp/liftlock-XXXXXX");
    if (!g_mkdtemp(path))
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot make a temporary folder in '/tmp'");
    run->private_tmp = g_steal_pointer(&path);
    fs_fd int fd = open(run->private_tmp, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || (spec->change_user && fchown(fd, spec->uid, spec->gid) < 0))
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot make a temporary folder in '/tmp'");
    return TRUE;
}

static void remove_private_tmp(Run *run)
{
    fs_fd int parent = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (run->private_tmp && parent >= 0)
        fs_remove_tree(parent, run->private_tmp + strlen("/tmp/"), NULL);
    g_clear_pointer(&run->private_tmp, g_free);
}

static void run_clear(Run *run)
{
    remove_private_tmp(run);
    process_launch_clear(&run->launch);
    fs_fd_clear(&run->verdict_fd);
    g_free(run->marker);
}

static gboolean run_prepare(Run *run, const ProcessSpec *spec, GError **error)
{
    memset(run, 0, sizeof *run);
    run->verdict_fd = -1;
    run->marker = random_marker();
    if (spec->read_only && !make_private_tmp(run, spec, error))
        return FALSE;
    g_autofree char *tmp = run->private_tmp ? g_strconcat("TMPDIR=", run->private_tmp, NULL) : NULL;
    const char *extra[] = {run->marker, tmp, NULL};
    process_launch_init(&run->launch, spec, extra);
    if (run->private_tmp) {
        guint n = run->launch.write_paths ? g_strv_length(run->launch.write_paths) : 0;
        run->launch.write_paths = g_renew(char *, run->launch.write_paths, n + 2);
        run->launch.write_paths[n] = g_strdup(run->private_tmp);
        run->launch.write_paths[n + 1] = NULL;
    }
    run->output =
        (Stream){.fd = -1, .kept = spec->output, .limit = spec->output_limit ? spec->output_limit : OUTPUT_LIMIT};
    run->output.on_line = run->error.on_line = spec->on_line;
    run->output.data = run->error.data = spec->on_line_data;
    run->error.fd = -1;
    return TRUE;
}

static const char *program_of(const ProcessSpec *spec)
{
    return spec->shell ? "/bin/sh" : spec->argv[0];
}

static gboolean refuse_run(GError **error, const ProcessSpec *spec, int errno_value)
{
    g_autofree char *shown = fs_display(program_of(spec));
    return fault_errno(error, FAULT_SYSTEM, errno_value, "cannot run '%s'", shown);
}

/* What the child said before it became the program. FALSE if it did not. */
static gboolean read_reports(const ProcessLaunch *launch, int fd, const ProcessSpec *spec, gboolean *isolated,
                             GError **error)
{
    ProcessReport report;
    *isolated = FALSE;
    for (;;) {
        gssize n = read(fd, &report, sizeof report);
        if (n < 0 && errno == EINTR)
            continue;
        if (n != sizeof report)
            return TRUE;
        if (report.kind == REPORT_ISOLATED) {
            *isolated = report.value != 0;
            continue;
        }
        g_autofree char *directory = fs_display(launch->directory);
        if (report.kind == REPORT_ENTER)
            return fault_errno(error, FAULT_SYSTEM, report.value, "cannot enter '%s'", directory);
        if (report.kind == REPORT_USER)
            return fault_errno(error, FAULT_SYSTEM, report.value, "cannot become user %lu", (unsigned long)launch->uid);
        return refuse_run(error, spec, report.value);
    }
}

/* Forks with all signals blocked, so that no handler of ours runs in the child. */
static pid_t fork_quietly(sigset_t *saved)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, saved);
    return fork();
}

/* The descriptors of one run, all of them closed on return but those that the run keeps. */
static gboolean run_start(Run *run, const ProcessSpec *spec, int *report_fd, GError **error)
{
    ProcessLaunch *launch = &run->launch;
    fs_fd int null_fd = open_null();
    int out[2] = {-1, -1}, err[2] = {-1, -1}, report[2] = {-1, -1}, verdict[2] = {-1, -1};
    gboolean good =
        null_fd >= 0 && open_pipe(out) && (!spec->output || open_pipe(err)) && open_pipe(report) && open_pipe(verdict);
    fs_fd int out_write = out[1], err_write = err[1], report_write = report[1], verdict_write = verdict[1];
    run->output.fd = out[0];
    run->error.fd = err[0];
    run->verdict_fd = verdict[0];
    *report_fd = report[0];
    if (!good)
        return refuse_run(error, spec, errno);
    launch->null_fd = null_fd;
    launch->output_fd = out_write;
    launch->error_fd = spec->output ? err_write : out_write;
    launch->report_fd = report_write;
    sigset_t saved;
    run->supervisor = fork_quietly(&saved);
    if (run->supervisor == 0)
        process_supervise(launch, spec->timeout_ms, verdict_write);
    int why = errno;
    pthread_sigmask(SIG_SETMASK, &saved, NULL);
    return run->supervisor > 0 || refuse_run(error, spec, why);
}

static void set_nonblocking(int fd)
{
    if (fd >= 0)
        fcntl(fd, F_SETFL, O_NONBLOCK);
}

/* Takes output until the supervisor says that all is over. FALSE if it died without a word. */
static gboolean run_watch(Run *run, ProcessVerdict *verdict)
{
    set_nonblocking(run->output.fd);
    set_nonblocking(run->error.fd);
    for (;;) {
        struct pollfd fds[] = {{.fd = run->verdict_fd, .events = POLLIN},
                               {.fd = run->output.fd, .events = POLLIN},
                               {.fd = run->error.fd, .events = POLLIN}};
        if (poll(fds, G_N_ELEMENTS(fds), -1) < 0)
            continue;
        if (fds[1].revents)
            stream_read(&run->output, 4);
        if (fds[2].revents)
            stream_read(&run->error, 4);
        if (fds[0].revents)
            return read(run->verdict_fd, verdict, sizeof *verdict) == sizeof *verdict;
    }
}

static GPtrArray *find_marked(gpointer marker)
{
    return process_find_by_environment(marker);
}

static void wait_for_pid(pid_t pid)
{
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
}

gboolean process_run(const ProcessSpec *spec, ProcessOutcome *outcome, GError **error)
{
    gint64 start = clock_monotonic_ms();
    memset(outcome, 0, sizeof *outcome);
    Run run;
    if (!run_prepare(&run, spec, error)) {
        run_clear(&run);
        return FALSE;
    }
    run.output.line = g_string_new(NULL);
    run.error.line = g_string_new(NULL);
    fs_fd int report_fd = -1;
    gboolean good = run_start(&run, spec, &report_fd, error) &&
                    read_reports(&run.launch, report_fd, spec, &outcome->isolated, error);
    ProcessVerdict verdict = {0};
    if (run.supervisor > 0 && !run_watch(&run, &verdict)) {
        /* Somebody killed the supervisor. What it watched over is then known by its environment alone. */
        verdict.wait_status = SIGKILL;
        process_end_all(find_marked, run.marker, 0, 5000, NULL);
    }
    if (run.supervisor > 0)
        wait_for_pid(run.supervisor);
    stream_end(&run.output);
    stream_end(&run.error);
    run_clear(&run);
    outcome->exited = WIFEXITED(verdict.wait_status);
    outcome->status = outcome->exited ? WEXITSTATUS(verdict.wait_status) : WTERMSIG(verdict.wait_status);
    outcome->timed_out = verdict.timed_out;
    outcome->duration_ms = verdict.timed_out ? spec->timeout_ms : clock_monotonic_ms() - start;
    return good;
}

/* --- starting --- */

/* The first child of two: tells the pid of the second and goes, so that nobody has to wait for it. */
static void start_detached(const ProcessLaunch *launch, int pid_fd)
{
    pid_t pid = _Fork();
    if (pid == 0)
        process_launch_exec(launch);
    gssize n = write(pid_fd, &pid, sizeof pid);
    _exit(n == sizeof pid ? 0 : 127);
}

static pid_t start_launch(const ProcessLaunch *launch, gboolean detached)
{
    int pids[2] = {-1, -1};
    if (detached && !open_pipe(pids))
        return -1;
    sigset_t saved;
    pid_t pid = fork_quietly(&saved);
    if (pid == 0 && detached)
        start_detached(launch, pids[1]);
    if (pid == 0)
        process_launch_exec(launch);
    int why = errno;
    pthread_sigmask(SIG_SETMASK, &saved, NULL);
    fs_fd_clear(&pids[1]);
    if (pid > 0 && detached) {
        pid_t first = pid;
        if (read(pids[0], &pid, sizeof pid) != sizeof pid)
            pid = -1;
        wait_for_pid(first);
        why = EAGAIN;
    }
    fs_fd_clear(&pids[0]);
    errno = why;
    return pid;
}

pid_t process_start(const ProcessSpec *spec, gboolean detached, int output_fd, GError **error)
{
    ProcessLaunch launch;
    process_launch_init(&launch, spec, NULL);
    fs_fd int null_fd = open_null();
    fs_fd int output = output_fd >= 0 ? fcntl(output_fd, F_DUPFD_CLOEXEC, 3) : fcntl(null_fd, F_DUPFD_CLOEXEC, 3);
    int report[2] = {-1, -1};
    gboolean good = null_fd >= 0 && output >= 0 && open_pipe(report), isolated;
    fs_fd int report_read = report[0], report_write = report[1];
    launch.null_fd = null_fd;
    launch.output_fd = launch.error_fd = output;
    launch.report_fd = report_write;
    launch.session = detached;
    pid_t pid = good ? start_launch(&launch, detached) : -1;
    if (pid < 0)
        refuse_run(error, spec, errno);
    fs_fd_clear(&report_write);
    if (pid > 0 && !read_reports(&launch, report_read, spec, &isolated, error)) {
        if (!detached)
            wait_for_pid(pid);
        else
            waitpid(pid, NULL, 0); /* ours only where we are the reaper */
        pid = -1;
    }
    process_launch_clear(&launch);
    return pid;
}

/* --- telling --- */

gboolean process_was_killed(const ProcessOutcome *outcome)
{
    return !outcome->timed_out && !outcome->exited && outcome->status == SIGKILL;
}

char *process_describe(const ProcessOutcome *outcome)
{
    if (outcome->timed_out && outcome->duration_ms < 1000)
        return g_strdup_printf("no end after %" G_GINT64_FORMAT " ms", outcome->duration_ms);
    if (outcome->timed_out)
        return g_strdup_printf("no end after %g s", (double)(outcome->duration_ms / 100) / 10);
    if (outcome->exited)
        return g_strdup_printf("exit status %d", outcome->status);
    return g_strdup_printf("killed by signal %d (%s)", outcome->status, g_strsignal(outcome->status));
}

void process_become_reaper(void)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

char *process_own_directory(void)
{
    g_autofree char *path = g_file_read_link("/proc/self/exe", NULL);
    return path ? g_path_get_dirname(path) : g_strdup(".");
}
