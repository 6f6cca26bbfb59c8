/* SPDX-License-Identifier: Apache-2.0 */
/* Programs that liftlock-transfer runs: started, watched for silence, and ended with it. */
#include "libexec/transfer.h"

#include "base/fault.h"
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TICK_MS = 100, COMPLAINTS_MAX = 8192 };

gint64 transfer_now_ms(void)
{
    return g_get_monotonic_time() / 1000;
}

gboolean transfer_write(const char *name, const char *text, GError **error)
{
    fs_fd int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || !fs_write_all(fd, text, strlen(text)))
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot write '%s' into the scratch directory", name);
    return TRUE;
}

/* --- starting ------------------------------------------------------------------------------------------------ */

static void become(const Transfer *transfer, const TransferRun *run, int in, int out, int err) G_GNUC_NORETURN;
static void become(const Transfer *transfer, const TransferRun *run, int in, int out, int err)
{
    const struct rlimit size = {.rlim_cur = (rlim_t)transfer->limit_bytes, .rlim_max = (rlim_t)transfer->limit_bytes};
    signal(SIGPIPE, SIG_DFL);
    if (dup2(in, 0) == 0 && dup2(out, 1) == 1 && dup2(err, 2) == 2 && setrlimit(RLIMIT_FSIZE, &size) == 0 &&
        prctl(PR_SET_PDEATHSIG, SIGKILL) == 0)
        execve(run->argv[0], (char **)run->argv, (char **)run->environment);
    _exit(127);
}

pid_t transfer_start(const Transfer *transfer, const TransferRun *run, int *in, int *out, int *complaints,
                     GError **error)
{
    int to[2] = {-1, -1}, from[2] = {-1, -1}, err[2] = {-1, -1};
    fs_fd int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    gboolean good = null >= 0 && (!in || pipe2(to, O_CLOEXEC) == 0) && (!out || pipe2(from, O_CLOEXEC) == 0) &&
                    pipe2(err, O_CLOEXEC | O_NONBLOCK) == 0;
    pid_t pid = good ? fork() : -1;
    if (pid == 0)
        become(transfer, run, in ? to[0] : null, out ? from[1] : run->output_fd >= 0 ? run->output_fd : null, err[1]);
    int saved = errno;
    fs_fd_clear(&to[0]);
    fs_fd_clear(&from[1]);
    fs_fd_clear(&err[1]);
    if (pid < 0) {
        fs_fd_clear(&to[1]);
        fs_fd_clear(&from[0]);
        fs_fd_clear(&err[0]);
        fault_errno(error, FAULT_SYSTEM, saved, "cannot start '%s'", run->argv[0]);
        return -1;
    }
    if (in)
        *in = to[1];
    if (out)
        *out = from[0];
    *complaints = err[0];
    return pid;
}

/* --- watching ------------------------------------------------------------------------------------------------ */

typedef struct Watch {
    const Transfer *transfer;
    const TransferRun *run;
    pid_t pid;
    int out, err;
    guint64 seen; /* size of output_fd */
    gint64 heard_ms;
} Watch;

static void take_complaints(const TransferRun *run, const char *bytes, gsize size)
{
    if (!run->complaints)
        return;
    g_string_append_len(run->complaints, bytes, (gssize)size);
    if (run->complaints->len > COMPLAINTS_MAX)
        g_string_erase(run->complaints, 0, (gssize)(run->complaints->len - COMPLAINTS_MAX));
}

/* FALSE: *error is set. A closed pipe becomes -1. */
static gboolean drain(Watch *watch, int *fd, GError **error)
{
    char buffer[64 * 1024];
    ssize_t n = read(*fd, buffer, sizeof buffer);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return TRUE;
    if (n <= 0) {
        fs_fd_clear(fd);
        return TRUE;
    }
    watch->heard_ms = transfer_now_ms();
    if (fd == &watch->err) {
        take_complaints(watch->run, buffer, (gsize)n);
        return TRUE;
    }
    return !watch->run->sink || watch->run->sink(buffer, (gsize)n, watch->run->data, error);
}

static void look_at_output(Watch *watch)
{
    struct stat st;
    if (watch->run->output_fd >= 0 && fstat(watch->run->output_fd, &st) == 0 && (guint64)st.st_size != watch->seen) {
        watch->seen = (guint64)st.st_size;
        watch->heard_ms = transfer_now_ms();
    }
    child_progress(watch->seen, 0, NULL);
}

static gboolean check_time(const Watch *watch, GError **error)
{
    const Transfer *transfer = watch->transfer;
    gint64 now = transfer_now_ms();
    if (now - watch->heard_ms > transfer->stall_ms)
        return fault_set(error, FAULT_NETWORK, "fetch %s: no data for %g s", transfer->shown,
                         (double)transfer->stall_ms / 1000);
    if (now > transfer->end_ms)
        return fault_set(error, FAULT_NETWORK, "fetch %s: it took too long", transfer->shown);
    return TRUE;
}

static gboolean watch_it(Watch *watch, int *status, GError **error)
{
    gboolean ended = FALSE;
    while (!ended || watch->out >= 0 || watch->err >= 0) {
        struct pollfd fds[] = {{.fd = watch->out, .events = POLLIN}, {.fd = watch->err, .events = POLLIN}};
        poll(fds, 2, TICK_MS);
        if ((fds[0].revents && !drain(watch, &watch->out, error)) ||
            (fds[1].revents && !drain(watch, &watch->err, error)))
            return FALSE;
        look_at_output(watch);
        if (!ended && waitpid(watch->pid, status, WNOHANG) == watch->pid)
            ended = TRUE;
        /* What it left behind may hold the pipes; its own end is what counts. */
        if (ended && !fds[0].revents && !fds[1].revents)
            return TRUE;
        if (!check_time(watch, error))
            return FALSE;
    }
    return TRUE;
}

gboolean transfer_run(const Transfer *transfer, const TransferRun *run, int *status, GError **error)
{
    Watch watch = {.transfer = transfer, .run = run, .out = -1, .err = -1, .heard_ms = transfer_now_ms()};
    watch.pid = transfer_start(transfer, run, NULL, run->sink ? &watch.out : NULL, &watch.err, error);
    if (watch.pid < 0)
        return FALSE;
    gboolean good = watch_it(&watch, status, error);
    if (!good) {
        kill(watch.pid, SIGKILL); /* its children end with our group, when the parent ends us */
        waitpid(watch.pid, status, 0);
    }
    fs_fd_clear(&watch.out);
    fs_fd_clear(&watch.err);
    return good;
}
