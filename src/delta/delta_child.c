/* SPDX-License-Identifier: Apache-2.0 */
#include "delta/delta_child.h"

#include "base/fault.h"
#include "base/fs.h"
#include "base/remote_child.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#define ASSEMBLER "liftlock-assemble"

enum {
    SILENCE_MS = 5 * 60 * 1000,
    TOTAL_MS = 60 * 60 * 1000,
};

/* The text as a file that only exists in memory. */
static int text_file(const char *text, gsize size, GError **error)
{
    fs_fd int fd = memfd_create("inventory", MFD_CLOEXEC);
    if (fd < 0 || !fs_write_all(fd, text, size)) {
        fault_errno(error, FAULT_SYSTEM, errno, "cannot hand over an inventory");
        return -1;
    }
    return fs_fd_steal(&fd);
}

gboolean delta_child_call(const DeltaChildCall *call, Node **answer, GError **error)
{
    fs_fd int text = call->text ? text_file(call->text, call->text_size, error) : -1;
    if (call->text && text < 0)
        return FALSE;
    g_autoptr(Node) request = node_new_map();
    node_set_text(request, "do", call->operation);
    node_set_int(request, "memory_bytes", (gint64)(call->memory_bytes ? call->memory_bytes : DELTA_MEMORY_BYTES));
    node_set_int(request, "tree_bytes", (gint64)(call->tree_bytes ? call->tree_bytes : DELTA_TREE_BYTES));
    node_set_text(request, "frames", call->frames ? call->frames : "");
    const int fds[] = {call->fds[0], call->fds[1], call->fds[2], text};
    RemoteCall remote = {
        .request = request,
        .fds = fds,
        .n_fds = call->text ? G_N_ELEMENTS(fds) : 2,
        .doing = call->doing,
        .code = FAULT_ARCHIVE,
        .total_ms = TOTAL_MS,
        .silence_ms = SILENCE_MS,
        .progress = call->progress,
        .progress_data = call->data,
    };
    g_autoptr(RemoteChild) child = remote_child_start(ASSEMBLER, error);
    if (child && call->started)
        call->started(call->build);
    return child && remote_child_call(child, &remote, answer, error);
}
