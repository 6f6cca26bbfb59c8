/* SPDX-License-Identifier: Apache-2.0 */
/*
 * liftlock-transfer: runs git(1) and ssh(1) for sources that speak no http. Does one request from descriptor 3.
 *
 * Like liftlock-fetch it has no rights; unlike it, it may start programs, which can write to its scratch directory and
 * to the descriptors that it hands them, and to nothing else.
 */
#include "libexec/transfer.h"

#include "base/fault.h"
#include "base/sandbox.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define MEMORY_BYTES (3ull * 1024 * 1024 * 1024) /* of each of them */

/* The programs, and what they and TLS, name service and resolver read. */
static const char *const read_paths[] = {"/etc",
                                         "/usr",
                                         "/bin",
                                         "/lib",
                                         "/lib64",
                                         "/dev/urandom",
                                         "/run/systemd/resolve",
                                         "/run/resolvconf",
                                         "/run/NetworkManager",
                                         "/run/nscd",
                                         NULL};
static const char *const write_paths[] = {"/dev/null", NULL};

static const struct {
    const char *name;
    guint n_fds;
    Node *(*run)(const Transfer *transfer, GError **error);
} operations[] = {
    {"git-refs", 1, transfer_git_refs},
    {"git-archive", 2, transfer_git_archive},
    {"git-holds", 1, transfer_git_holds},
    {"sftp", 2, transfer_sftp},
};

static gboolean confine(const ChildRequest *request, const Transfer *transfer, GError **error)
{
    SandboxRules rules = {.read_paths = read_paths,
                          .write_paths = write_paths,
                          .write_fds = request->fds,
                          .n_write_fds = 1,
                          .allow_exec = TRUE};
    if (chdir(transfer->scratch) < 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot enter %s", transfer->scratch);
    return sandbox_enter(&rules, &(gboolean){FALSE}, error);
}

int main(void)
{
    child_begin_spawning("liftlock-transfer", MEMORY_BYTES, 256);
    ChildRequest request;
    g_autoptr(GError) error = NULL;
    if (!child_receive(&request))
        _exit(1);
    const char *name = node_get_text(request.node, "do", "");
    gint64 total_ms = node_get_int(request.node, "total_timeout_ms", 0);
    Transfer transfer = {
        .request = request.node,
        .fds = request.fds,
        .scratch = node_get_text(request.node, "scratch", ""),
        .shown = node_get_text(request.node, "shown", ""),
        .stall_ms = node_get_int(request.node, "stall_timeout_ms", 0),
        .end_ms = transfer_now_ms() + total_ms,
        .limit_bytes = (guint64)node_get_int(request.node, "limit_bytes", 0),
    };
    Node *answer = NULL;
    gboolean known = FALSE;
    for (gsize i = 0; i < G_N_ELEMENTS(operations); i++)
        if (g_str_equal(name, operations[i].name) && request.n_fds == operations[i].n_fds) {
            known = TRUE;
            if (confine(&request, &transfer, &error))
                answer = operations[i].run(&transfer, &error);
        }
    if (!known)
        fault_set(&error, FAULT_USAGE, "liftlock-transfer: unknown request");
    if (answer) {
        child_result(NULL);
        child_document(answer);
    } else {
        child_fault(error, NULL);
    }
    _exit(0); /* nothing is left to be written, and what exit handlers do is not worth its risk */
}
