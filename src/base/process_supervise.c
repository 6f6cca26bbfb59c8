/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor: a process between us and a program that we run. It is the reaper of all that the program leaves
 * behind, whatever that does to its session, group or environment, and so can end it all; and it keeps the time limit
 * also when we are no more. Runs after fork: system calls only.
 */
#include "base/process_inner.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    GRACE_MS = 2000, /* between SIGTERM and SIGKILL at the time limit */
    LINGER_MS = 200, /* in which what was left behind may end by itself: the last "tee" of a pipeline */
    POLITE_MS = 200, /* between SIGTERM and SIGKILL for what was left behind */
    GIVE_UP_MS = 10000,
    ROUND_MS = 20,
};

typedef struct Watch {
    pid_t program;
    int wait_status;
    gboolean ended;     /* the program */
    gboolean childless; /* nothing is left */
    gboolean asked;     /* by SIGTERM, to end it now */
} Watch;

static gint64 now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (gint64)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void reap(Watch *watch)
{
    for (;;) {
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG | __WALL);
        if (pid == watch->program) {
            watch->ended = TRUE;
            watch->wait_status = status;
        }
        if (pid < 0 && errno == ECHILD)
            watch->childless = TRUE;
        if (pid <= 0)
            return;
    }
}

/* Waits until *flag, at most until `until` (-1: for ever) or until asked to end. The signals are blocked, so that none
 * is lost in between. */
static void wait_for(Watch *watch, const gboolean *flag, gint64 until)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGCHLD);
    if (!watch->asked)
        sigaddset(&signals, SIGTERM);
    for (reap(watch); !*flag && !watch->childless; reap(watch)) {
        gint64 left = until < 0 ? 3600 * 1000 : until - now_ms();
        if (left <= 0)
            return;
        struct timespec span = {.tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000};
        if (sigtimedwait(&signals, NULL, &span) == SIGTERM) {
            watch->asked = TRUE;
            return;
        }
    }
}

/* The parent of a process by /proc/PID/stat, 0 if it cannot be told. */
static pid_t parent_of(int proc, const char *pid)
{
    char path[32] = "", text[512];
    gsize size = strlen(pid);
    if (size > 16)
        return 0;
    memcpy(path, pid, size);
    memcpy(path + size, "/stat", 6);
    int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    gssize n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    /* The name may hold anything, but nothing after it holds a bracket: ") S 123 " */
    const char *at = strrchr(text, ')');
    if (!at || strlen(at) < 5)
        return 0;
    pid_t parent = 0;
    for (at += 4; *at >= '0' && *at <= '9'; at++)
        parent = parent * 10 + (*at - '0');
    return parent;
}

static pid_t number_of(const char *text)
{
    pid_t number = 0;
    for (; *text >= '0' && *text <= '9'; text++)
        number = number * 10 + (*text - '0');
    return *text ? 0 : number;
}

/* Signals all children. Those below them become children when they end. */
static void signal_children(int number)
{
    struct dirent64_head {
        guint64 inode, offset;
        unsigned short size;
        unsigned char type;
        char name[];
    };
    _Alignas(8) char buffer[8192];
    int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    pid_t self = getpid();
    for (long n; proc >= 0 && (n = syscall(SYS_getdents64, proc, buffer, sizeof buffer)) > 0;) {
        for (long at = 0; at < n;) {
            const struct dirent64_head *entry = (const void *)(buffer + at);
            pid_t pid = number_of(entry->name);
            if (pid > 0 && parent_of(proc, entry->name) == self) {
                kill(pid, number);
                kill(pid, SIGCONT);
            }
            at += entry->size;
        }
    }
    if (proc >= 0)
        close(proc);
}

static void signal_group(const Watch *watch, int number)
{
    if (kill(-watch->program, number) < 0) /* it left its group, which then is empty */
        kill(watch->program, number);
    kill(-watch->program, SIGCONT);
    kill(watch->program, SIGCONT);
}

static void end_rest(Watch *watch, gboolean at_once)
{
    if (!at_once)
        wait_for(watch, &watch->childless, now_ms() + LINGER_MS);
    if (watch->childless)
        return;
    signal_children(SIGTERM);
    wait_for(watch, &watch->childless, now_ms() + POLITE_MS);
    for (gint64 until = now_ms() + GIVE_UP_MS; !watch->childless && now_ms() < until;) {
        signal_children(SIGKILL);
        wait_for(watch, &watch->childless, now_ms() + ROUND_MS);
    }
}

static void become_supervisor(const ProcessLaunch *launch, int verdict_fd)
{
    prctl(PR_SET_NAME, PROCESS_SUPERVISOR, 0, 0, 0);
    for (int fd = 0; fd <= 2; fd++)
        dup2(launch->null_fd, fd);
    process_launch_close_fds(launch, verdict_fd);
    if (chdir("/") < 0)
        _exit(127);
}

void process_supervise(const ProcessLaunch *launch, gint64 timeout_ms, int verdict_fd)
{
    gint64 until = timeout_ms > 0 ? now_ms() + timeout_ms : -1;
    struct sigaction standard = {.sa_handler = SIG_DFL};
    sigaction(SIGCHLD, &standard, NULL);
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    Watch watch = {.program = _Fork()};
    if (watch.program == 0)
        process_launch_exec(launch);
    setpgid(watch.program, watch.program);
    ProcessReport failure = {.kind = REPORT_SETUP, .value = errno};
    if (watch.program < 0 && write(launch->report_fd, &failure, sizeof failure) < 0)
        _exit(127);
    become_supervisor(launch, verdict_fd);
    ProcessVerdict verdict = {0};
    wait_for(&watch, &watch.ended, until);
    if (!watch.ended && !watch.childless) {
        verdict.timed_out = !watch.asked;
        watch.asked = TRUE; /* once is enough */
        signal_group(&watch, SIGTERM);
        wait_for(&watch, &watch.ended, now_ms() + GRACE_MS);
        if (!watch.ended)
            signal_group(&watch, SIGKILL);
        if (!watch.ended)
            kill(watch.program, SIGKILL);
        wait_for(&watch, &watch.ended, now_ms() + GIVE_UP_MS);
    }
    end_rest(&watch, watch.asked);
    verdict.wait_status = watch.ended ? watch.wait_status : SIGKILL;
    gssize n = write(verdict_fd, &verdict, sizeof verdict);
    (void)n; /* nobody waits for it any more */
    _exit(0);
}
