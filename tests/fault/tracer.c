/* SPDX-License-Identifier: Apache-2.0 */
/* fault-tracer: runs a command, numbers the state-changing system calls of all its processes, and strikes at one of
 * them.
 *
 * The tracer is a child of the program that you start ("front"). Front leaves with the command's exit status as soon as
 * the job is over; the tracer stays for processes that outlive the job, because their seccomp filter would refuse every
 * system call of theirs (ENOSYS) without a tracer. It counts and strikes no more then. */
#include "calls.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <glib/gstdio.h>
#include <linux/elf.h>
#include <linux/fs.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct Options {
    guint64 at, from; /* 0: never */
    char *strike;     /* the text of --do */
    char *list, *count;
    char *only, *spare;
    gboolean until_main, until_struck, hurry;
} Options;

/* What happens at the call: one row each, chosen by --do. */
typedef struct Tracer Tracer;
typedef struct Task Task;
typedef struct Strike {
    const char *name;
    int number; /* errno of an injected error; 0: not an error */
    void (*kill)(Tracer *tracer, const Task *task);
} Strike;

struct Task {
    pid_t tid, tgid;
    gboolean counted; /* matches --only */
    gboolean spared;  /* matches --spare, or descends from one that does */
};

struct Tracer {
    Options options;
    const Strike *strike;
    int doomed_fd; /* directory on the file system to be shut down; -1 */
    pid_t victim;  /* a process that is not of the job */
    FILE *list;
    GHashTable *tasks; /* tid -> Task */
    GHashTable *early; /* tids whose first stop came before their parent's fork event */
    pid_t main_pid;
    int main_status;
    gboolean started, main_ended, doomed, over;
    guint64 calls, faults;
    int report_fd;
};

/* Nobody may have waited for it yet. */
static gboolean is_dead(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", pid);
    g_autofree char *text = NULL;
    const char *rest = g_file_get_contents(path, &text, NULL, NULL) ? strrchr(text, ')') : NULL;
    return !rest || strchr("ZX", rest[2]);
}

static void proceed(pid_t tid, int signal_number)
{
    ptrace(PTRACE_CONT, tid, NULL,
           (void *)(glong)signal_number); /* ESRCH: killed meanwhile; its end will be reported */
}

static void kill_one(Tracer *tracer, const Task *task)
{
    kill(task->tgid, SIGKILL);
}

static void kill_all(Tracer *tracer, const Task *task)
{
    GHashTableIter iter;
    gpointer each;
    tracer->doomed = TRUE;
    kill(task->tgid, SIGKILL);
    g_hash_table_iter_init(&iter, tracer->tasks);
    while (g_hash_table_iter_next(&iter, NULL, &each))
        if (!((Task *)each)->spared)
            kill(((Task *)each)->tgid, SIGKILL);
}

/* As a power cut: what no barrier made durable is gone at the next mount. */
static void shut_down(Tracer *tracer, const Task *task)
{
    const guint32 no_log_flush = 2;
    if (ioctl(tracer->doomed_fd, _IOR('X', 125, guint32), &no_log_flush) != 0)
        g_printerr("fault-tracer: shutdown: %s\n", g_strerror(errno));
    kill_all(tracer, task);
}

/* A server that the job needs. It is gone when the call is made. */
static void kill_victim(Tracer *tracer, const Task *task)
{
    kill(tracer->victim, SIGKILL);
    for (int try = 0; try < 1000 && !is_dead(tracer->victim); try++)
        g_usleep(1000);
}

static const Strike strikes[] = {
    {"kill-one", 0, kill_one}, {"kill-all", 0, kill_all},   {"error=ENOSPC", ENOSPC, NULL},
    {"error=EIO", EIO, NULL},  {"shutdown=", 0, shut_down}, {"kill=", 0, kill_victim},
};

static gboolean matches(const char *glob, pid_t pid, gboolean command_line)
{
    g_autofree char *exe_link = g_strdup_printf("/proc/%d/exe", pid);
    g_autofree char *comm_path = g_strdup_printf("/proc/%d/comm", pid);
    g_autofree char *line_path = g_strdup_printf("/proc/%d/cmdline", pid);
    g_autofree char *exe = g_file_read_link(exe_link, NULL);
    g_autofree char *base = exe ? g_path_get_basename(exe) : NULL;
    g_autofree char *comm = NULL, *line = NULL;
    gsize length = 0;
    if (g_file_get_contents(comm_path, &comm, NULL, NULL))
        g_strchomp(comm);
    if (command_line && g_file_get_contents(line_path, &line, &length, NULL))
        for (gsize i = 0; i + 1 < length; i++)
            line[i] = line[i] ? line[i] : ' ';
    const char *const texts[] = {exe, base, comm, line};
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++)
        if (texts[i] && fnmatch(glob, texts[i], 0) == 0)
            return TRUE;
    return FALSE;
}

/* A number from /proc/PID/status: "Tgid:", "PPid:". */
static pid_t status_number(pid_t pid, const char *field)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/status", pid);
    g_autofree char *text = NULL;
    if (!g_file_get_contents(path, &text, NULL, NULL))
        return 0;
    const char *at = strstr(text, field);
    return at ? atoi(at + strlen(field)) : 0;
}

static Task *task_find(Tracer *tracer, pid_t tid)
{
    return g_hash_table_lookup(tracer->tasks, GINT_TO_POINTER(tid));
}

static void task_judge(Tracer *tracer, Task *task)
{
    task->counted = !tracer->options.only || matches(tracer->options.only, task->tgid, FALSE);
    if (tracer->options.spare && matches(tracer->options.spare, task->tgid, TRUE))
        task->spared = TRUE;
}

static Task *task_new(Tracer *tracer, pid_t tid, const Task *parent)
{
    Task *task = g_new0(Task, 1);
    pid_t tgid = status_number(tid, "Tgid:");
    task->tid = tid;
    task->tgid = tgid ? tgid : tid;
    if (parent) {
        task->counted = parent->counted;
        task->spared = parent->spared;
    } else {
        task_judge(tracer, task);
    }
    g_hash_table_insert(tracer->tasks, GINT_TO_POINTER(tid), task);
    if (tracer->doomed && !task->spared)
        kill(task->tgid, SIGKILL);
    return task;
}

/* A child may stop for the first time before its parent's fork event is seen, or after. */
static Task *task_met(Tracer *tracer, pid_t tid)
{
    Task *task = task_find(tracer, tid);
    if (task)
        return task;
    pid_t tgid = status_number(tid, "Tgid:");
    g_hash_table_add(tracer->early, GINT_TO_POINTER(tid));
    return task_new(tracer, tid, task_find(tracer, tgid != tid ? tgid : status_number(tid, "PPid:")));
}

static void on_fork(Tracer *tracer, const Task *parent)
{
    gulong child = 0;
    if (ptrace(PTRACE_GETEVENTMSG, parent->tid, NULL, &child) != 0)
        return;
    if (!g_hash_table_remove(tracer->early, GINT_TO_POINTER((pid_t)child)) && !task_find(tracer, (pid_t)child))
        task_new(tracer, (pid_t)child, parent);
}

static gboolean is_other_thread(gpointer key, gpointer value, gpointer data)
{
    const Task *task = value, *survivor = data;
    return task->tgid == survivor->tgid && task != survivor;
}

static void on_exec(Tracer *tracer, Task *task)
{
    g_hash_table_foreach_remove(tracer->tasks, is_other_thread, task); /* exec ends all other threads */
    task_judge(tracer, task);
    if (task->tid == tracer->main_pid)
        tracer->started = TRUE;
}

/* Makes the call that the task is about to make return an error instead. */
static void skip_with_error(pid_t tid, int number)
{
#if defined(__x86_64__)
    struct user_regs_struct registers;
    struct iovec set = {&registers, sizeof registers};
    if (ptrace(PTRACE_GETREGSET, tid, NT_PRSTATUS, &set) != 0)
        return;
    registers.orig_rax = (unsigned long long)-1;
    registers.rax = (unsigned long long)-number;
    ptrace(PTRACE_SETREGSET, tid, NT_PRSTATUS, &set);
#elif defined(__aarch64__)
    struct user_regs_struct registers;
    int none = -1;
    struct iovec set = {&registers, sizeof registers}, call = {&none, sizeof none};
    if (ptrace(PTRACE_GETREGSET, tid, NT_PRSTATUS, &set) != 0)
        return;
    registers.regs[0] = (unsigned long long)-number;
    ptrace(PTRACE_SETREGSET, tid, NT_PRSTATUS, &set);
    ptrace(PTRACE_SETREGSET, tid, NT_ARM_SYSTEM_CALL, &call);
#endif
}

static gboolean error_possible(int number, CallFails fails)
{
    return fails == FAILS_SPACE || (fails == FAILS_DISK && number == EIO);
}

static gboolean strike_now(const Tracer *tracer)
{
    const Options *o = &tracer->options;
    return tracer->strike && ((o->at && tracer->calls == o->at) || (o->from && tracer->calls >= o->from));
}

static void list_call(const Tracer *tracer, const Task *task, const Call *call, const char *target, CallFails fails,
                      gboolean struck)
{
    static const char *const classes[] = {[FAILS_NEVER] = "-", [FAILS_DISK] = "disk", [FAILS_SPACE] = "space"};
    g_autofree char *path = g_strdup_printf("/proc/%d/comm", task->tid);
    g_autofree char *comm = NULL;
    if (g_file_get_contents(path, &comm, NULL, NULL))
        g_strdelimit(g_strchomp(comm), " \t\n", '_');
    fprintf(tracer->list, "%" G_GUINT64_FORMAT " %d %s %s %s %s%s%s\n", tracer->calls, task->tgid, comm ? comm : "?",
            call_name(call), classes[fails], target, struck ? " <- " : "", struck ? tracer->options.strike : "");
}

/* Whoever waits for what will not come need not wait for long. */
static void hurry(const Tracer *tracer, const Task *task)
{
    if (tracer->strike && tracer->faults == 0)
        return;
    g_usleep(1000);
    skip_with_error(task->tid, 0);
}

static void on_call(Tracer *tracer, const Task *task)
{
    struct __ptrace_syscall_info info = {0};
    if (!tracer->started || tracer->over || task->spared || !task->counted)
        return;
    if (ptrace(PTRACE_GET_SYSCALL_INFO, task->tid, (void *)sizeof info, &info) <= 0 ||
        info.op != PTRACE_SYSCALL_INFO_SECCOMP)
        return;
    if (call_sleeps(info.seccomp.nr)) {
        hurry(tracer, task);
        return;
    }
    guint64 arguments[6];
    for (int i = 0; i < 6; i++)
        arguments[i] = info.seccomp.args[i];
    const Call *call = call_match(task->tid, info.seccomp.nr, arguments);
    if (!call)
        return;
    tracer->calls++;
    gboolean struck = strike_now(tracer);
    CallFails fails = tracer->list || struck ? call_fails(call, task->tid, arguments) : FAILS_NEVER;
    if (struck && tracer->strike->number && !error_possible(tracer->strike->number, fails))
        struck = FALSE;
    if (tracer->list) {
        g_autofree char *target = call_target(call, task->tid, arguments);
        list_call(tracer, task, call, target, fails, struck);
    }
    if (!struck)
        return;
    tracer->faults++;
    if (tracer->strike->kill)
        tracer->strike->kill(tracer, task); /* a call that stopped here is not made if its process dies */
    else
        skip_with_error(task->tid, tracer->strike->number);
}

static void on_stop(Tracer *tracer, Task *task, int status)
{
    int signal_number = WSTOPSIG(status);
    switch (status >> 16) {
    case 0:
        proceed(task->tid, signal_number);
        return;
    case PTRACE_EVENT_FORK:
    case PTRACE_EVENT_VFORK:
    case PTRACE_EVENT_CLONE:
        on_fork(tracer, task);
        break;
    case PTRACE_EVENT_EXEC:
        on_exec(tracer, task);
        break;
    case PTRACE_EVENT_SECCOMP:
        on_call(tracer, task);
        break;
    case PTRACE_EVENT_STOP:
        if (signal_number == SIGTRAP)
            break;
        ptrace(PTRACE_LISTEN, task->tid, NULL, NULL); /* stays stopped until SIGCONT, as it would without us */
        return;
    }
    proceed(task->tid, 0);
}

static gboolean job_is_over(const Tracer *tracer)
{
    GHashTableIter iter;
    gpointer each;
    if (tracer->options.until_struck && tracer->faults > 0)
        return TRUE;
    if (!tracer->main_ended || tracer->options.until_main)
        return tracer->main_ended;
    g_hash_table_iter_init(&iter, tracer->tasks);
    while (g_hash_table_iter_next(&iter, NULL, &each))
        if (!((Task *)each)->spared)
            return FALSE;
    return TRUE;
}

/* Tells front, and lets go of everything that a caller could wait for. */
static void report(Tracer *tracer)
{
    tracer->over = TRUE;
    if (tracer->list)
        fclose(tracer->list);
    if (tracer->options.count) {
        g_autofree char *text =
            g_strdup_printf("%" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT "\n", tracer->calls, tracer->faults);
        g_autoptr(GError) error = NULL;
        if (!g_file_set_contents_full(tracer->options.count, text, -1, G_FILE_SET_CONTENTS_NONE, 0644, &error))
            g_printerr("fault-tracer: %s\n", error->message);
    }
    prctl(PR_SET_PDEATHSIG, 0);
    setsid();
    if (write(tracer->report_fd, &tracer->main_status, sizeof tracer->main_status) < 0)
        return;
    int nothing = open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 3; fd++)
        dup2(nothing, fd);
    syscall(SYS_close_range, 3, ~0U, 0);
    if (chdir("/") != 0)
        return;
}

static void trace(Tracer *tracer)
{
    while (!tracer->over || g_hash_table_size(tracer->tasks) > 0) {
        int status;
        pid_t tid = waitpid(-1, &status, __WALL);
        if (tid < 0 && errno == EINTR)
            continue;
        if (tid < 0)
            break;
        if (WIFSTOPPED(status)) {
            on_stop(tracer, task_met(tracer, tid), status);
            continue;
        }
        g_hash_table_remove(tracer->tasks, GINT_TO_POINTER(tid));
        if (tid == tracer->main_pid) {
            tracer->main_ended = TRUE;
            tracer->main_status = status;
        }
        if (!tracer->over && job_is_over(tracer))
            report(tracer);
    }
}

/* The traced side: waits for the tracer, puts the filter on, becomes the command. Returns only on failure. */
static void become_command(const Tracer *tracer, int go_fd, char **command)
{
    g_autoptr(GArray) filter = call_filter(tracer->options.hurry);
    struct sock_fprog program = {(unsigned short)filter->len, (struct sock_filter *)(gpointer)filter->data};
    char go;
    if (read(go_fd, &go, 1) != 1)
        return;
    close(go_fd);
    if (geteuid() != 0)
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        g_printerr("fault-tracer: seccomp: %s\n", g_strerror(errno));
    else if (execvp(command[0], command) != 0)
        g_printerr("fault-tracer: %s: %s\n", command[0], g_strerror(errno));
}

static gboolean start_command(Tracer *tracer, char **command)
{
    const glong options = PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC |
                          PTRACE_O_TRACESECCOMP | PTRACE_O_EXITKILL;
    int go[2];
    if (pipe2(go, O_CLOEXEC) != 0)
        return FALSE;
    tracer->main_pid = fork();
    if (tracer->main_pid == 0) {
        close(go[1]);
        become_command(tracer, go[0], command);
        _exit(127);
    }
    close(go[0]);
    gboolean seized = tracer->main_pid > 0 && ptrace(PTRACE_SEIZE, tracer->main_pid, NULL, (void *)options) == 0;
    if (!seized)
        g_printerr("fault-tracer: ptrace: %s\n", g_strerror(errno));
    else
        task_new(tracer, tracer->main_pid, NULL);
    gboolean told = seized && write(go[1], "g", 1) == 1;
    close(go[1]);
    return told;
}

static int run_tracer(Tracer *tracer, pid_t front, char **command)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* and EXITKILL takes the command along */
    if (getppid() != front)
        return 1;
    tracer->tasks = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    tracer->early = g_hash_table_new(NULL, NULL);
    gboolean started = start_command(tracer, command);
    if (started)
        trace(tracer);
    g_hash_table_unref(tracer->tasks);
    g_hash_table_unref(tracer->early);
    return started ? 0 : 1;
}

static int exit_status(int status)
{
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static gboolean choose_strike(Tracer *tracer)
{
    const Options *o = &tracer->options;
    for (gsize i = 0; o->strike && i < G_N_ELEMENTS(strikes); i++) {
        gsize length = strlen(strikes[i].name);
        gboolean takes_value = strikes[i].name[length - 1] == '=';
        if (takes_value ? !strncmp(o->strike, strikes[i].name, length) : !strcmp(o->strike, strikes[i].name))
            tracer->strike = &strikes[i];
        if (tracer->strike == &strikes[i] && strikes[i].kill == kill_victim)
            tracer->victim = atoi(o->strike + length);
        else if (tracer->strike == &strikes[i] && takes_value)
            tracer->doomed_fd = open(o->strike + length, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    gboolean has_place = o->at || o->from;
    if (o->strike && !tracer->strike)
        g_printerr("fault-tracer: --do %s: give kill-one, kill-all, kill=PID, error=ENOSPC, error=EIO or "
                   "shutdown=MOUNTPOINT\n",
                   o->strike);
    else if (has_place != (tracer->strike != NULL) || (o->at && o->from))
        g_printerr("fault-tracer: give one of --at and --from together with --do\n");
    else if (o->from && !tracer->strike->number)
        g_printerr("fault-tracer: --from is for errors: a process dies once\n");
    else if (tracer->strike && tracer->strike->kill == shut_down && tracer->doomed_fd < 0)
        g_printerr("fault-tracer: --do %s: %s\n", o->strike, g_strerror(errno));
    else if (tracer->strike && tracer->strike->kill == kill_victim && tracer->victim <= 1)
        g_printerr("fault-tracer: --do %s: that is no process to end\n", o->strike);
    else
        return TRUE;
    return FALSE;
}

static gboolean read_options(Options *options, int *argc, char ***argv)
{
    gint64 at = 0, from = 0;
    const GOptionEntry entries[] = {
        {"at", 0, 0, G_OPTION_ARG_INT64, &at, "strike at call N only", "N"},
        {"from", 0, 0, G_OPTION_ARG_INT64, &from, "strike at every call from N to the end (errors only)", "N"},
        {"do", 0, 0, G_OPTION_ARG_STRING, &options->strike,
         "kill-one, kill-all, kill=PID (of another), error=ENOSPC, error=EIO, shutdown=MOUNTPOINT", "WHAT"},
        {"list", 0, 0, G_OPTION_ARG_FILENAME, &options->list,
         "write a line per call: N PID COMM CALL CLASS TARGET [<- WHAT]", "FILE"},
        {"count", 0, 0, G_OPTION_ARG_FILENAME, &options->count, "write the number of calls and the number of strikes",
         "FILE"},
        {"only", 0, 0, G_OPTION_ARG_STRING, &options->only, "count processes whose executable or name matches", "GLOB"},
        {"spare", 0, 0, G_OPTION_ARG_STRING, &options->spare,
         "leave processes alone whose executable, name or command line matches, and their children", "GLOB"},
        {"until-main", 0, 0, G_OPTION_ARG_NONE, &options->until_main, "the job is over when the command itself ends",
         NULL},
        {"until-struck", 0, 0, G_OPTION_ARG_NONE, &options->until_struck,
         "the job is over once a process was struck dead, whatever else still runs", NULL},
        {"hurry", 0, 0, G_OPTION_ARG_NONE, &options->hurry, "pauses are over at once, after the strike if there is one",
         NULL},
        {0},
    };
    g_autoptr(GOptionContext) context = g_option_context_new("COMMAND [ARGUMENT...]");
    g_autoptr(GError) error = NULL;
    g_option_context_set_summary(context,
                                 "Numbers the state-changing system calls of a command and strikes at one of them.\n"
                                 "Classes: space (a full disk can refuse it), disk (a broken one can), - (neither;\n"
                                 "--do error=... passes by).");
    g_option_context_set_strict_posix(context, TRUE);
    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, argc, argv, &error) || at < 0 || from < 0) {
        g_printerr("fault-tracer: %s\n", error ? error->message : "calls are numbered from 1");
        return FALSE;
    }
    options->at = (guint64)at;
    options->from = (guint64)from;
    if (*argc > 1 && g_str_equal((*argv)[1], "--"))
        (*argv)++, (*argc)--;
    if (*argc < 2)
        g_printerr("fault-tracer: which command?\n");
    return *argc >= 2;
}

static void options_clear(Options *options)
{
    g_free(options->strike);
    g_free(options->list);
    g_free(options->count);
    g_free(options->only);
    g_free(options->spare);
}

int main(int argc, char **argv)
{
    Tracer tracer = {.doomed_fd = -1};
    int result[2], status, code = 2;
    if (read_options(&tracer.options, &argc, &argv) && choose_strike(&tracer) && pipe2(result, O_CLOEXEC) == 0) {
        if (tracer.options.list && !(tracer.list = fopen(tracer.options.list, "we"))) {
            g_printerr("fault-tracer: %s: %s\n", tracer.options.list, g_strerror(errno));
        } else {
            pid_t front = getpid();
            tracer.report_fd = result[1];
            if (fork() == 0) {
                code = run_tracer(&tracer, front, argv + 1);
                options_clear(&tracer.options);
                _exit(code);
            }
            close(result[1]);
            code = read(result[0], &status, sizeof status) == sizeof status ? exit_status(status) : 1;
        }
    }
    options_clear(&tracer.options);
    return code;
}
