/* SPDX-License-Identifier: Apache-2.0 */
/* The part that both children without rights share. */
#include "libexec/child.h"

#include "base/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PROGRESS_INTERVAL_MS = 100 };

#if defined(__x86_64__)
#define OWN_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OWN_ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define OWN_ARCH AUDIT_ARCH_RISCV64
#endif

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

/* --- giving up ---------------------------------------------------------------------------------------------- */

/* The parent hashes what we wrote once we are gone: nothing may be left behind that could still write. */
static const int program_calls[] = {
#ifdef SYS_fork
    SYS_fork,   SYS_vfork,
#endif
    SYS_execve, SYS_execveat, SYS_kill,
};
/* Whoever runs programs keeps them in its group, so that one signal of the parent's reaches them all. */
static const int group_calls[] = {SYS_setsid, SYS_setpgid};
static const int forbidden_calls[] = {
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_pidfd_getfd,
    SYS_pidfd_send_signal,
    SYS_io_uring_setup,
    SYS_bpf,
    SYS_userfaultfd,
    SYS_perf_event_open,
    SYS_unshare,
    SYS_setns,
    SYS_mount,
    SYS_umount2,
    SYS_add_key,
    SYS_request_key,
    SYS_keyctl,
};
static const int network_calls[] = {SYS_socket, SYS_socketpair, SYS_connect, SYS_bind};

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (guint32)(field))
#define UNLESS_EQUAL(value, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (guint32)(value), 0, skip)
#define UNLESS_BITS(value, skip) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (guint32)(value), 0, skip)
#define ANSWER(what) BPF_STMT(BPF_RET | BPF_K, (guint32)(what))

static void add(GArray *program, struct sock_filter statement)
{
    g_array_append_val(program, statement);
}

static void forbid(GArray *program, const int *calls, gsize n_calls)
{
    for (gsize i = 0; i < n_calls; i++) {
        add(program, (struct sock_filter)UNLESS_EQUAL(calls[i], 1));
        add(program, (struct sock_filter)ANSWER(SECCOMP_RET_ERRNO | EPERM));
    }
}

/* New processes share our namespaces, or are none: threads alone. */
static void forbid_clones(GArray *program, gboolean programs)
{
    const guint32 namespaces =
        CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
    add(program, (struct sock_filter)UNLESS_EQUAL(SYS_clone, 3));
    add(program, (struct sock_filter)LOAD(offsetof(struct seccomp_data, args[0]))); /* little-endian: the low half */
    if (programs)
        add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, namespaces, 0, 1));
    else
        add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 1, 0));
    add(program, (struct sock_filter)ANSWER(SECCOMP_RET_ERRNO | EPERM));
}

static gboolean filter_calls(gboolean network, gboolean programs)
{
#ifndef OWN_ARCH
    return TRUE; /* the other walls stand */
#else
    g_autoptr(GArray) program = g_array_new(FALSE, FALSE, sizeof(struct sock_filter));
    add(program, (struct sock_filter)LOAD(offsetof(struct seccomp_data, arch)));
    add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OWN_ARCH, 1, 0));
    add(program, (struct sock_filter)ANSWER(SECCOMP_RET_KILL_PROCESS));
    add(program, (struct sock_filter)LOAD(offsetof(struct seccomp_data, nr)));
    add(program, (struct sock_filter)UNLESS_BITS(0x40000000, 1)); /* x32: the same calls by other numbers */
    add(program, (struct sock_filter)ANSWER(SECCOMP_RET_ERRNO | ENOSYS));
    forbid(program, forbidden_calls, G_N_ELEMENTS(forbidden_calls));
    if (programs)
        forbid(program, group_calls, G_N_ELEMENTS(group_calls));
    else
        forbid(program, program_calls, G_N_ELEMENTS(program_calls));
    if (!network)
        forbid(program, network_calls, G_N_ELEMENTS(network_calls));
    /* What clone3 is to do lies in memory that a filter cannot see; the C library then takes clone. */
    add(program, (struct sock_filter)UNLESS_EQUAL(SYS_clone3, 1));
    add(program, (struct sock_filter)ANSWER(SECCOMP_RET_ERRNO | ENOSYS));
    forbid_clones(program, programs);
    add(program, (struct sock_filter)ANSWER(SECCOMP_RET_ALLOW));
    struct sock_fprog whole = {.len = (unsigned short)program->len,
                               .filter = (struct sock_filter *)(void *)program->data};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &whole) == 0 || errno == EINVAL; /* a kernel without it */
#endif
}

static gboolean limit(__rlimit_resource_t resource, guint64 value)
{
    struct rlimit both = {.rlim_cur = value, .rlim_max = value};
    struct rlimit old;
    if (getrlimit(resource, &old) == 0 && old.rlim_max < both.rlim_max)
        both.rlim_cur = both.rlim_max = old.rlim_max;
    return setrlimit(resource, &both) == 0;
}

static void begin(const char *name, gboolean network, gboolean programs, guint64 memory_bytes, guint64 n_files)
{
    prctl(PR_SET_NAME, name);
    gboolean good = prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
    good = good && fcntl(CHILD_SOCKET, F_SETFD, FD_CLOEXEC) == 0; /* also: it is there */
    good = good && limit(RLIMIT_CORE, 0) && limit(RLIMIT_NOFILE, n_files);
#ifndef SANITIZED /* which reserves most of the address space */
    good = good && limit(RLIMIT_AS, memory_bytes);
#endif
    if (!good || !filter_calls(network, programs))
        _exit(125);
}

void child_begin(const char *name, gboolean network, guint64 memory_bytes, guint64 n_files)
{
    begin(name, network, FALSE, memory_bytes, n_files);
}

void child_begin_spawning(const char *name, guint64 memory_bytes, guint64 n_files)
{
    begin(name, TRUE, TRUE, memory_bytes, n_files);
}

void child_limit_time(guint64 seconds)
{
    setrlimit(RLIMIT_CPU, &(struct rlimit){.rlim_cur = seconds, .rlim_max = seconds + 1});
}

/* --- requests ----------------------------------------------------------------------------------------------- */

gboolean child_receive(ChildRequest *request)
{
    g_autofree char *bytes = NULL;
    gsize size;
    *request = (ChildRequest){.fds = {-1, -1, -1, -1}};
    if (wire_receive_fds(CHILD_SOCKET, -1, &bytes, &size, request->fds, &request->n_fds) != WIRE_MESSAGE)
        return FALSE;
    request->node = node_from_records(bytes, size, NULL);
    if (request->node)
        return TRUE;
    child_request_clear(request);
    return FALSE;
}

void child_request_clear(ChildRequest *request)
{
    for (guint i = 0; i < request->n_fds; i++)
        close(request->fds[i]);
    request->n_fds = 0;
    g_clear_pointer(&request->node, node_free);
}

const char **child_strings(const Node *list)
{
    gsize n = list && list->kind == NODE_LIST ? list->items->len : 0;
    const char **strings = g_new0(const char *, n + 1);
    gsize used = 0;
    for (gsize i = 0; i < n; i++) {
        const Node *item = g_ptr_array_index(list->items, i);
        if (item->kind == NODE_SCALAR)
            strings[used++] = item->text;
    }
    return strings;
}

/* --- answers ------------------------------------------------------------------------------------------------ */

static void send_records(const Node *node)
{
    g_autofree char *records = node_to_records(node);
    if (!wire_send(CHILD_SOCKET, records, strlen(records), NULL, 0))
        _exit(1); /* the parent is gone */
}

void child_set_text(Node *map, const char *key, const char *bytes, gsize size)
{
    g_autofree char *text = g_utf8_make_valid(bytes, (gssize)size);
    node_set_text(map, key, text);
}

void child_progress(guint64 done, guint64 total, const char *etag)
{
    static gint64 last_ms; /* of a process that does one thing */
    gint64 now = g_get_monotonic_time() / 1000;
    if (now - last_ms < PROGRESS_INTERVAL_MS)
        return;
    last_ms = now;
    g_autoptr(Node) answer = node_new_map();
    node_set_text(answer, "answer", "progress");
    node_set_int(answer, "done", (gint64)done);
    node_set_int(answer, "total", (gint64)total);
    if (etag)
        child_set_text(answer, "etag", etag, strlen(etag));
    send_records(answer);
}

void child_result(Node *answer)
{
    g_autoptr(Node) whole = answer ? answer : node_new_map();
    node_set_text(whole, "answer", "result");
    send_records(whole);
}

void child_fault(const GError *error, Node *answer)
{
    g_autoptr(Node) whole = answer ? answer : node_new_map();
    g_autofree char *text = fault_text(error), *hint = fault_hint_of(error);
    node_set_text(whole, "answer", "fault");
    node_set_int(whole, "code", (gint64)fault_code_of(error));
    child_set_text(whole, "text", text, strlen(text));
    if (hint)
        child_set_text(whole, "hint", hint, strlen(hint));
    send_records(whole);
}

void child_document(const Node *document)
{
    send_records(document);
}
