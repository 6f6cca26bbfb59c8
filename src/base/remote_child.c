/* SPDX-License-Identifier: Apache-2.0 */
/* The side with rights, towards a child that may have been taken over by what it reads. */
#include "base/remote_child.h"

#include "base/fault.h"
#include "base/fs.h"
#include "base/process.h"
#include "base/shown.h"
#include "base/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    FIRST_FREE_FD = 10, /* above all that the child gets under fixed numbers */
    SEND_TIMEOUT_S = 10,
    END_GRACE_MS = 1000,
    GROUP_END_MS = 2000,
    TEXT_MAX_BYTES = 600,
    ETAG_MAX_BYTES = 256,
};

struct RemoteChild {
    const char *program;
    pid_t pid; /* 0: ended and reaped */
    int pidfd, socket;
    int status;      /* of waitpid, once ended */
    gboolean killed; /* it did not end by itself */
};

/* What a child may blame something for. A child that was taken over shall not be able to send an operator after
 * damaged records or foreign rights. */
static const enum fault_code allowed_codes[] = {
    FAULT_USAGE,   FAULT_CONFIG, FAULT_MANIFEST, FAULT_SOURCE, FAULT_NETWORK,     FAULT_VERIFY,
    FAULT_ARCHIVE, FAULT_SPACE,  FAULT_SYSTEM,   FAULT_ABSENT, FAULT_REQUIREMENT,
};

gboolean remote_child_user(uid_t *uid, gid_t *gid, GError **error)
{
    *uid = geteuid();
    *gid = getegid();
    if (*uid != 0)
        return TRUE;
    char room[16384];
    struct passwd user, *found = NULL;
    int number = getpwnam_r("liftlock", &user, room, sizeof room, &found);
    if (number == 0 && found && user.pw_uid != 0) {
        *uid = user.pw_uid;
        *gid = user.pw_gid;
        return TRUE;
    }
    fault_set(error, FAULT_CONFIG,
              found ? "the user 'liftlock' has the rights of root" : "the user 'liftlock' does not exist");
    return fault_hint(error, "useradd --system --no-create-home --shell /usr/sbin/nologin liftlock");
}

/* --- starting ----------------------------------------------------------------------------------------------- */

/* All that the new process needs between fork and exec, where it may allocate nothing. */
typedef struct Launch {
    int program_fd, null_fd, socket, report;
    gboolean change_user;
    uid_t uid;
    gid_t gid;
    gid_t *groups; /* beyond that; NULL: none */
    int n_groups;
    pid_t parent;
    char *argv[2];
    char *environment[4];
} Launch;

static void launch_clear(Launch *launch)
{
    fs_fd_clear(&launch->program_fd);
    fs_fd_clear(&launch->null_fd);
    fs_fd_clear(&launch->socket);
    fs_fd_clear(&launch->report);
    g_clear_pointer(&launch->groups, g_free);
}

/* Raw calls: the C library's would involve threads that do not exist on this side of fork. */
static gboolean become_user(const Launch *launch)
{
    if (!launch->change_user)
        return TRUE;
    return syscall(SYS_setgroups, launch->n_groups, launch->groups) == 0 &&
           syscall(SYS_setresgid, launch->gid, launch->gid, launch->gid) == 0 &&
           syscall(SYS_setresuid, launch->uid, launch->uid, launch->uid) == 0;
}

static gboolean arrange(const Launch *launch)
{
    sigset_t none;
    sigemptyset(&none);
    signal(SIGPIPE, SIG_DFL);
    return setpgid(0, 0) == 0 && sigprocmask(SIG_SETMASK, &none, NULL) == 0 && chdir("/") == 0 &&
           dup2(launch->null_fd, 0) == 0 && dup2(launch->null_fd, 1) == 1 && dup2(launch->null_fd, 2) == 2 &&
           dup2(launch->socket, 3) == 3 && close_range(4, ~0u, CLOSE_RANGE_CLOEXEC) == 0 && become_user(launch) &&
           prctl(PR_SET_PDEATHSIG, SIGKILL) == 0;
}

static void launch(const Launch *launch) G_GNUC_NORETURN;
static void launch(const Launch *launch)
{
    /* Executed by descriptor: the child's user need not be able to reach the directory. */
    if (arrange(launch) && getppid() == launch->parent)
        syscall(SYS_execveat, launch->program_fd, "", launch->argv, launch->environment, AT_EMPTY_PATH);
    int number = errno;
    if (write(launch->report, &number, sizeof number) < 0)
        _exit(126);
    _exit(127);
}

/* A descriptor moved out of the way of 0 to 3. */
static int move_up(int fd)
{
    int moved = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FREE_FD);
    fs_fd_clear(&fd);
    return moved;
}

static int open_program(const char *program, GError **error)
{
    g_autofree char *own = process_own_directory();
    g_autofree char *beside = own ? g_build_filename(own, program, NULL) : NULL;
    int fd = beside ? open(beside, O_PATH | O_CLOEXEC) : -1;
    if (fd >= 0)
        return move_up(fd);
    g_autofree char *installed = g_build_filename(LIFTLOCK_LIBEXECDIR, program, NULL);
    fd = open(installed, O_PATH | O_CLOEXEC);
    if (fd < 0)
        fault_errno(error, FAULT_SYSTEM, errno, "cannot start '%s'", installed);
    return move_up(fd);
}

/* Waits for the exec. FALSE: errno of what failed. */
static gboolean has_started(int report)
{
    int number = 0;
    ssize_t n;
    do
        n = read(report, &number, sizeof number);
    while (n < 0 && errno == EINTR);
    errno = number;
    return n == 0;
}

static gboolean prepare(Launch *launch, const char *program, int *own_socket, int *own_report, GError **error)
{
    launch->program_fd = open_program(program, error);
    if (launch->program_fd < 0)
        return FALSE;
    int sockets[2] = {-1, -1}, report[2] = {-1, -1};
    launch->null_fd = move_up(open("/dev/null", O_RDWR | O_CLOEXEC));
    gboolean good = launch->null_fd >= 0 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) == 0 &&
                    pipe2(report, O_CLOEXEC) == 0;
    int saved = errno;
    *own_socket = sockets[0];
    *own_report = report[0];
    launch->socket = move_up(sockets[1]);
    launch->report = move_up(report[1]);
    if (!good || launch->socket < 0 || launch->report < 0)
        return fault_errno(error, FAULT_SYSTEM, good ? errno : saved, "cannot start '%s'", program);
    struct timeval patience = {.tv_sec = SEND_TIMEOUT_S};
    setsockopt(*own_socket, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    return TRUE;
}

static gboolean start(RemoteChild *child, Launch *prepared, int report, GError **error)
{
    pid_t pid = fork();
    if (pid == 0)
        launch(prepared);
    if (pid < 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot start '%s'", child->program);
    child->pid = pid;
    child->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    launch_clear(prepared);
    if (has_started(report))
        return child->pidfd >= 0 || fault_errno(error, FAULT_SYSTEM, errno, "cannot watch '%s'", child->program);
    return fault_errno(error, FAULT_SYSTEM, errno, "cannot start '%s'", child->program);
}

static gboolean choose_user(Launch *launch, const RemoteUser *as, GError **error)
{
    if (!as || geteuid() != 0)
        return remote_child_user(&launch->uid, &launch->gid, error);
    enum { ROOM = 16384, GROUPS = 256 };
    g_autofree char *room = g_malloc(ROOM);
    struct passwd user, *found = NULL;
    launch->uid = as->uid;
    launch->gid = as->gid;
    if (getpwuid_r(as->uid, &user, room, ROOM, &found) != 0 || !found)
        return TRUE;
    launch->groups = g_new(gid_t, GROUPS);
    launch->n_groups = GROUPS;
    if (getgrouplist(user.pw_name, as->gid, launch->groups, &launch->n_groups) < 0)
        launch->n_groups = GROUPS; /* those that have room */
    return TRUE;
}

RemoteChild *remote_child_start(const char *program, GError **error)
{
    return remote_child_start_as(program, NULL, error);
}

RemoteChild *remote_child_start_as(const char *program, const RemoteUser *user, GError **error)
{
    Launch prepared = {.program_fd = -1,
                       .null_fd = -1,
                       .socket = -1,
                       .report = -1,
                       .change_user = geteuid() == 0,
                       .parent = getpid(),
                       .argv = {(char *)program, NULL},
                       /* Large pages for large buffers: a decoder's window is touched once, a fault a page. */
                       .environment = {(char *)"PATH=/usr/bin:/bin", (char *)"LANG=C.UTF-8",
                                       (char *)"GLIBC_TUNABLES=glibc.malloc.hugetlb=1", NULL}};
    g_autoptr(RemoteChild) child = g_new0(RemoteChild, 1);
    *child = (RemoteChild){.program = program, .pidfd = -1, .socket = -1};
    fs_fd int report = -1;
    gboolean good = choose_user(&prepared, user, error) &&
                    prepare(&prepared, program, &child->socket, &report, error) &&
                    start(child, &prepared, report, error);
    launch_clear(&prepared);
    return good ? g_steal_pointer(&child) : NULL;
}

RemoteChild *remote_child_adopt(const char *program, int socket)
{
    RemoteChild *child = g_new0(RemoteChild, 1);
    *child = (RemoteChild){.program = program, .pidfd = -1, .socket = socket};
    return child;
}

/* --- ending ------------------------------------------------------------------------------------------------- */

/* A child that is not busy ends when its socket closes. */
static void stop(RemoteChild *child, gboolean patient)
{
    if (child->pid <= 0)
        return;
    fs_fd_clear(&child->socket);
    struct pollfd wait = {.fd = child->pidfd, .events = POLLIN};
    child->killed = !patient || child->pidfd < 0 || poll(&wait, 1, END_GRACE_MS) <= 0;
    /* The group's number is not given anew while its leader has not been reaped. */
    kill(-child->pid, SIGKILL);
    kill(child->pid, SIGKILL);
    while (waitpid(child->pid, &child->status, 0) < 0 && errno == EINTR)
        ;
    /* Those that it ran have been killed with it; they must also be gone before anybody reads what they wrote. */
    for (int i = 0; i < GROUP_END_MS && kill(-child->pid, 0) == 0; i++)
        g_usleep(1000);
    child->pid = 0;
}

void remote_child_end(RemoteChild *child)
{
    stop(child, TRUE);
    fs_fd_clear(&child->socket);
    fs_fd_clear(&child->pidfd);
    g_free(child);
}

gboolean remote_child_is_alive(const RemoteChild *child)
{
    return child->pid > 0;
}

gboolean remote_child_distrust(RemoteChild *child, const RemoteCall *call, GError **error)
{
    stop(child, FALSE);
    return fault_set(error, call->code, "%s gave a senseless answer while %s", child->program, call->doing);
}

static gboolean say_late(RemoteChild *child, const RemoteCall *call, gboolean silent, GError **error)
{
    stop(child, FALSE);
    double limit_s = (double)(silent ? call->silence_ms : call->total_ms) / 1000;
    return fault_set(error, call->code,
                     silent ? "%s gave no answer for %g s while %s" : "%s did not end within %g s while %s",
                     child->program, limit_s, call->doing);
}

static gboolean say_dead(RemoteChild *child, const RemoteCall *call, GError **error)
{
    stop(child, TRUE);
    if (child->killed)
        return remote_child_distrust(child, call, error);
    /* No limit of the child's own ends it by SIGKILL: that came from this host, and says nothing of what was read. */
    if (WIFSIGNALED(child->status))
        return fault_set(error, WTERMSIG(child->status) == SIGKILL ? FAULT_SYSTEM : call->code,
                         "%s was killed by signal %d while %s", child->program, WTERMSIG(child->status), call->doing);
    return fault_set(error, call->code, "%s ended with status %d while %s", child->program, WEXITSTATUS(child->status),
                     call->doing);
}

/* --- asking ------------------------------------------------------------------------------------------------- */

static gboolean receive(RemoteChild *child, const RemoteCall *call, gint64 end_ms, char **bytes, gsize *size,
                        GError **error)
{
    gint64 silence_ms = call->silence_ms ? call->silence_ms : call->total_ms;
    gint64 silent_ms = g_get_monotonic_time() / 1000 + silence_ms;
    switch (wire_receive(child->socket, MIN(silent_ms, end_ms), bytes, size)) {
    case WIRE_MESSAGE:
        return TRUE;
    case WIRE_LATE:
        return say_late(child, call, silent_ms < end_ms, error);
    case WIRE_END:
        return say_dead(child, call, error);
    case WIRE_BROKEN:
        break;
    }
    return remote_child_distrust(child, call, error);
}

static enum fault_code judge_code(gint64 code, int otherwise)
{
    for (gsize i = 0; i < G_N_ELEMENTS(allowed_codes); i++) {
        if (code == (gint64)allowed_codes[i])
            return allowed_codes[i];
    }
    return (enum fault_code)otherwise;
}

/* The child's words, made harmless. Its code counts if a child may say it, or if it is the one that we asked it to use.
 */
static gboolean take_fault(const RemoteChild *child, const RemoteCall *call, const Node *answer, GError **error)
{
    const char *text = node_get_text(answer, "text", ""), *hint = node_get_text(answer, "hint", NULL);
    g_autofree char *shown = shown_bytes(text, strlen(text), TEXT_MAX_BYTES);
    fault_set(error, judge_code(node_get_int(answer, "code", -1), call->code), "%s%s", *shown ? shown : child->program,
              *shown ? "" : " gave no reason");
    if (hint) {
        g_autofree char *shown_hint = shown_bytes(hint, strlen(hint), TEXT_MAX_BYTES);
        fault_hint(error, "%s", shown_hint);
    }
    return FALSE;
}

static void take_progress(const RemoteCall *call, const Node *answer)
{
    gint64 done = node_get_int(answer, "done", 0), total = node_get_int(answer, "total", 0);
    const char *etag = node_get_text(answer, "etag", NULL);
    if (call->etag && !*call->etag && etag)
        *call->etag = shown_bytes(etag, strlen(etag), ETAG_MAX_BYTES);
    if (call->progress && done >= 0 && total >= 0)
        call->progress((guint64)done, (guint64)total, call->progress_data);
}

gboolean remote_child_call(RemoteChild *child, const RemoteCall *call, Node **answer, GError **error)
{
    gint64 end_ms = g_get_monotonic_time() / 1000 + call->total_ms;
    g_autofree char *records = node_to_records(call->request);
    if (!wire_send(child->socket, records, strlen(records), call->fds, call->n_fds))
        return errno == EMSGSIZE ? fault_set(error, FAULT_SYSTEM, "a request to %s is too large", child->program)
                                 : say_dead(child, call, error);
    for (;;) {
        g_autofree char *bytes = NULL;
        gsize size = 0;
        if (!receive(child, call, end_ms, &bytes, &size, error))
            return FALSE;
        g_autoptr(Node) node = node_from_records(bytes, size, NULL);
        const char *kind = node_get_text(node, "answer", "");
        if (g_str_equal(kind, "progress")) {
            take_progress(call, node);
            continue;
        }
        gboolean result = g_str_equal(kind, "result");
        if (!result && !g_str_equal(kind, "fault"))
            return remote_child_distrust(child, call, error);
        if (!result)
            take_fault(child, call, node, error);
        *answer = g_steal_pointer(&node);
        return result;
    }
}

Node *remote_child_document(RemoteChild *child, const RemoteCall *call, GError **error)
{
    g_autofree char *bytes = NULL;
    gsize size = 0;
    if (!receive(child, call, g_get_monotonic_time() / 1000 + call->total_ms, &bytes, &size, error))
        return NULL;
    Node *document = node_from_records(bytes, size, NULL);
    if (!document)
        remote_child_distrust(child, call, error);
    return document;
}
