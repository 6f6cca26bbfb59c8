/* SPDX-License-Identifier: Apache-2.0 */
/* The table of state-changing system calls, the seccomp filter made from it, and the reading of their arguments. */
#include "calls.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/fs.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>

#if defined(__x86_64__)
#define OUR_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OUR_ARCH AUDIT_ARCH_AARCH64
#else
#error "the fault tracer knows x86-64 and arm64 only"
#endif

/* Where a call says what it acts on; the numbers are positions of arguments. */
typedef enum {
    ON_NOTHING,
    ON_FD,        /* fd at 0 */
    ON_FD_2,      /* fd at 2: copy_file_range */
    ON_PATH,      /* path at 0 */
    ON_AT,        /* directory fd at 0, path at 1 */
    ON_PATH_1,    /* path at 1: mount's target */
    ON_PATHS,     /* old path at 0, new at 1 */
    ON_ATS,       /* old at 0 and 1, new at 2 and 3 */
    ON_SYMLINK,   /* text at 0, path at 1 */
    ON_SYMLINKAT, /* text at 0, directory fd at 1, path at 2 */
    ON_ADDRESS,   /* sockaddr at 1, its length at 2 */
    ON_PROCESS,   /* pid at 0, signal at 1 */
} CallOn;

/* Only some uses of open, ioctl and clone change anything; most of that the filter can see by itself. */
typedef enum { ALWAYS, ANY_BIT, NO_BIT, EQUALS } CallTest;

struct Call {
    long number;
    const char *name;
    CallOn on;
    CallFails fails;
    CallTest test;
    int argument; /* of test */
    guint32 value;
    gboolean pointed; /* the tested value is the first 64-bit word of a struct that the argument points to */
};

enum { CREATING = O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY) };

#define CALL(name, ...)                                                                                                \
    {                                                                                                                  \
        SYS_##name, #name, __VA_ARGS__                                                                                 \
    }

static const Call calls[] = {
    CALL(write, ON_FD, FAILS_SPACE),
    CALL(pwrite64, ON_FD, FAILS_SPACE),
    CALL(writev, ON_FD, FAILS_SPACE),
    CALL(pwritev, ON_FD, FAILS_SPACE),
    CALL(pwritev2, ON_FD, FAILS_SPACE),
    CALL(fsync, ON_FD, FAILS_SPACE),
    CALL(fdatasync, ON_FD, FAILS_SPACE),
    CALL(syncfs, ON_FD, FAILS_SPACE),
    CALL(sync_file_range, ON_FD, FAILS_SPACE),
    CALL(renameat, ON_ATS, FAILS_SPACE),
    CALL(renameat2, ON_ATS, FAILS_SPACE),
    CALL(linkat, ON_ATS, FAILS_SPACE),
    CALL(symlinkat, ON_SYMLINKAT, FAILS_SPACE),
    CALL(unlinkat, ON_AT, FAILS_DISK),
    CALL(mkdirat, ON_AT, FAILS_SPACE),
    CALL(mknodat, ON_AT, FAILS_SPACE),
    CALL(ftruncate, ON_FD, FAILS_SPACE),
    CALL(truncate, ON_PATH, FAILS_SPACE),
    CALL(fallocate, ON_FD, FAILS_SPACE),
    CALL(fchmod, ON_FD, FAILS_DISK),
    CALL(fchmodat, ON_AT, FAILS_DISK),
    CALL(fchown, ON_FD, FAILS_DISK),
    CALL(fchownat, ON_AT, FAILS_DISK),
    CALL(copy_file_range, ON_FD_2, FAILS_SPACE),
    CALL(sendfile, ON_FD, FAILS_SPACE),
    CALL(splice, ON_FD_2, FAILS_SPACE),
    CALL(ioctl, ON_FD, FAILS_SPACE, EQUALS, 1, FICLONE),
    CALL(ioctl, ON_FD, FAILS_SPACE, EQUALS, 1, FICLONERANGE),
    CALL(openat, ON_AT, FAILS_SPACE, ANY_BIT, 2, CREATING),
    CALL(openat2, ON_AT, FAILS_SPACE, ANY_BIT, 2, CREATING, TRUE),
    CALL(connect, ON_ADDRESS, FAILS_NEVER),
    CALL(sendto, ON_FD, FAILS_NEVER),
    CALL(sendmsg, ON_FD, FAILS_NEVER),
    CALL(sendmmsg, ON_FD, FAILS_NEVER),
    CALL(clone, ON_NOTHING, FAILS_NEVER, NO_BIT, 0, CLONE_THREAD),
    CALL(clone3, ON_NOTHING, FAILS_NEVER, NO_BIT, 0, CLONE_THREAD, TRUE),
    CALL(execve, ON_PATH, FAILS_NEVER),
    CALL(execveat, ON_AT, FAILS_NEVER),
    CALL(kill, ON_PROCESS, FAILS_NEVER),
    CALL(pidfd_send_signal, ON_FD, FAILS_NEVER),
    CALL(mount, ON_PATH_1, FAILS_NEVER),
    CALL(umount2, ON_PATH, FAILS_NEVER),
#ifdef SYS_open /* the calls that newer architectures never had */
    CALL(open, ON_PATH, FAILS_SPACE, ANY_BIT, 1, CREATING),
    CALL(creat, ON_PATH, FAILS_SPACE),
    CALL(rename, ON_PATHS, FAILS_SPACE),
    CALL(link, ON_PATHS, FAILS_SPACE),
    CALL(symlink, ON_SYMLINK, FAILS_SPACE),
    CALL(unlink, ON_PATH, FAILS_DISK),
    CALL(rmdir, ON_PATH, FAILS_DISK),
    CALL(mkdir, ON_PATH, FAILS_SPACE),
    CALL(mknod, ON_PATH, FAILS_SPACE),
    CALL(chmod, ON_PATH, FAILS_DISK),
    CALL(chown, ON_PATH, FAILS_DISK),
    CALL(lchown, ON_PATH, FAILS_DISK),
    CALL(fork, ON_NOTHING, FAILS_NEVER),
    CALL(vfork, ON_NOTHING, FAILS_NEVER),
#endif
};

static gboolean memory_read(pid_t tid, guint64 address, void *to, gsize length)
{
    struct iovec local = {to, length}, remote = {(void *)(guintptr)address, length};
    return process_vm_readv(tid, &local, 1, &remote, 1, 0) == (ssize_t)length;
}

/* Reads in small aligned pieces, because the page after the string's last may not exist. */
static char *memory_string(pid_t tid, guint64 address)
{
    g_autoptr(GString) text = g_string_new(NULL);
    while (text->len < 4096) {
        char piece[64];
        gsize length = sizeof piece - address % sizeof piece;
        if (!memory_read(tid, address, piece, length))
            break;
        gsize n = strnlen(piece, length);
        g_string_append_len(text, piece, n);
        if (n < length)
            break;
        address += length;
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static char *proc_link(pid_t tid, const char *name)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/%s", tid, name);
    char *target = g_file_read_link(path, NULL);
    return target ? target : g_strdup("?");
}

static char *fd_target(pid_t tid, guint64 fd)
{
    g_autofree char *name = g_strdup_printf("fd/%d", (int)fd);
    return proc_link(tid, name);
}

static char *at_target(pid_t tid, guint64 directory, guint64 address)
{
    g_autofree char *path = memory_string(tid, address);
    if (path[0] == '/')
        return g_steal_pointer(&path);
    g_autofree char *base = (int)directory == AT_FDCWD ? proc_link(tid, "cwd") : fd_target(tid, directory);
    return path[0] == '\0' ? g_steal_pointer(&base) : g_build_filename(base, path, NULL);
}

static char *arrow(char *from, char *to)
{
    char *text = g_strdup_printf("%s -> %s", from, to);
    g_free(from);
    g_free(to);
    return text;
}

static char *address_target(pid_t tid, guint64 address, guint64 length)
{
    union {
        struct sockaddr any;
        struct sockaddr_un local;
        struct sockaddr_in inet;
        struct sockaddr_in6 inet6;
    } to = {0};
    if (!memory_read(tid, address, &to, MIN(length, sizeof to.local)))
        return g_strdup("?");
    if (to.any.sa_family == AF_UNIX)
        return to.local.sun_path[0] ? g_strndup(to.local.sun_path, sizeof to.local.sun_path)
                                    : g_strdup_printf("@%.100s", to.local.sun_path + 1);
    if (to.any.sa_family == AF_INET)
        return g_strdup_printf("port %d", ntohs(to.inet.sin_port));
    return to.any.sa_family == AF_INET6 ? g_strdup_printf("port %d", ntohs(to.inet6.sin6_port)) : g_strdup("?");
}

/* Waking another thread through an eventfd is talk inside one process; how often it happens is chance. */
static gboolean is_wakeup(const Call *call, pid_t tid, const guint64 arguments[6])
{
    if (call->number != SYS_write)
        return FALSE;
    g_autofree char *target = fd_target(tid, arguments[0]);
    return g_str_has_prefix(target, "anon_inode:[eventfd");
}

static gboolean test_holds(const Call *call, pid_t tid, const guint64 arguments[6])
{
    guint64 value = arguments[call->argument];
    if (call->pointed && !memory_read(tid, value, &value, sizeof value))
        return FALSE;
    switch (call->test) {
    case ANY_BIT:
        return (value & call->value) != 0;
    case NO_BIT:
        return (value & call->value) == 0;
    case EQUALS:
        return (guint32)value == call->value;
    default:
        return TRUE;
    }
}

const Call *call_match(pid_t tid, guint64 number, const guint64 arguments[6])
{
    for (gsize i = 0; i < G_N_ELEMENTS(calls); i++)
        if ((guint64)calls[i].number == number && test_holds(&calls[i], tid, arguments))
            return is_wakeup(&calls[i], tid, arguments) ? NULL : &calls[i];
    return NULL;
}

const char *call_name(const Call *call)
{
    return call->name;
}

char *call_target(const Call *call, pid_t tid, const guint64 a[6])
{
    const guint64 here = (guint64)AT_FDCWD;
    switch (call->on) {
    case ON_FD:
        return fd_target(tid, a[0]);
    case ON_FD_2:
        return fd_target(tid, a[2]);
    case ON_PATH:
        return at_target(tid, here, a[0]);
    case ON_PATH_1:
        return at_target(tid, here, a[1]);
    case ON_AT:
        return at_target(tid, a[0], a[1]);
    case ON_PATHS:
        return arrow(at_target(tid, here, a[0]), at_target(tid, here, a[1]));
    case ON_ATS:
        return arrow(at_target(tid, a[0], a[1]), at_target(tid, a[2], a[3]));
    case ON_SYMLINK:
        return arrow(memory_string(tid, a[0]), at_target(tid, here, a[1]));
    case ON_SYMLINKAT:
        return arrow(memory_string(tid, a[0]), at_target(tid, a[1], a[2]));
    case ON_ADDRESS:
        return address_target(tid, a[1], a[2]);
    case ON_PROCESS:
        return g_strdup_printf("pid %d signal %d", (int)a[0], (int)a[1]);
    case ON_NOTHING:
        break;
    }
    return g_strdup("-");
}

static gboolean on_disk(const char *path)
{
    static const char *const elsewhere[] = {"/proc/", "/sys/", "/dev/"};
    for (gsize i = 0; i < G_N_ELEMENTS(elsewhere); i++)
        if (g_str_has_prefix(path, elsewhere[i]))
            return FALSE;
    return path[0] == '/';
}

CallFails call_fails(const Call *call, pid_t tid, const guint64 arguments[6])
{
    if (call->fails == FAILS_NEVER)
        return FAILS_NEVER;
    g_autofree char *target = call_target(call, tid, arguments);
    struct stat at;
    if (call->on == ON_FD || call->on == ON_FD_2) {
        g_autofree char *link = g_strdup_printf("/proc/%d/fd/%d", tid, (int)arguments[call->on == ON_FD ? 0 : 2]);
        gboolean stored = stat(link, &at) == 0 && (S_ISREG(at.st_mode) || S_ISDIR(at.st_mode));
        if (!stored || !on_disk(target))
            return FAILS_NEVER;
        return S_ISDIR(at.st_mode) ? FAILS_DISK : call->fails; /* names have their room since they were made */
    }
    gboolean opens = g_str_has_prefix(call->name, "open") || g_str_equal(call->name, "creat");
    if (opens) {
        g_autofree char *seen = g_strdup_printf("/proc/%d/root%s", tid, target);
        if (stat(seen, &at) == 0)
            return FAILS_NEVER;
    }
    const char *path = strstr(target, " -> ") ? strstr(target, " -> ") + 4 : target;
    return on_disk(path) ? call->fails : FAILS_NEVER;
}

static void emit(GArray *filter, struct sock_filter instruction)
{
    g_array_append_val(filter, instruction);
}

static void load(GArray *filter, gsize offset)
{
    emit(filter, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (guint32)offset));
}

static void answer(GArray *filter, guint32 action)
{
    emit(filter, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
}

static void emit_number(GArray *filter, long number)
{
    emit(filter, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (guint32)number, 0, 1));
    answer(filter, SECCOMP_RET_TRACE);
}

static void emit_row(GArray *filter, const Call *call)
{
    if (call->test == ALWAYS || call->pointed) {
        emit_number(filter, call->number);
        return;
    }
    /* Both architectures are little-endian: the low half of an argument comes first. */
    gsize argument = offsetof(struct seccomp_data, args) + 8 * (gsize)call->argument;
    guint16 compare = BPF_JMP | BPF_K | (call->test == EQUALS ? BPF_JEQ : BPF_JSET);
    emit(filter, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (guint32)call->number, 0, 4));
    load(filter, argument);
    emit(filter, (struct sock_filter)BPF_JUMP(compare, call->value, call->test == NO_BIT, call->test != NO_BIT));
    answer(filter, SECCOMP_RET_TRACE);
    load(filter, offsetof(struct seccomp_data, nr));
}

gboolean call_sleeps(guint64 number)
{
    return number == SYS_clock_nanosleep || number == SYS_nanosleep;
}

GArray *call_filter(gboolean sleeps)
{
    GArray *filter = g_array_new(FALSE, FALSE, sizeof(struct sock_filter));
    load(filter, offsetof(struct seccomp_data, arch));
    emit(filter, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OUR_ARCH, 1, 0));
    answer(filter, SECCOMP_RET_ALLOW);
    load(filter, offsetof(struct seccomp_data, nr));
    for (gsize i = 0; i < G_N_ELEMENTS(calls); i++)
        emit_row(filter, &calls[i]);
    if (sleeps) {
        emit_number(filter, SYS_clock_nanosleep);
        emit_number(filter, SYS_nanosleep);
    }
    answer(filter, SECCOMP_RET_ALLOW);
    return filter;
}
