/* SPDX-License-Identifier: Apache-2.0 */
#include "delta/delta_assemble.h"

#include "base/fault.h"
#include "base/fs.h"
#include "base/remote_child.h"
#include "base/sandbox.h"
#include "delta/delta_child.h"
#include "delta/delta_share.h"
#include "delta/tree_build.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { THREADS = 2, PIPE_BYTES = 1024 * 1024 };

typedef struct Making {
    const DeltaAssembly *assembly;
    const TreeInventory *old;
    TreeBuild *build;
    DeltaPlan *plan;
    int content; /* reading end of the pipe */
    GPtrArray *threads;
} Making;

/* --- what the child says ------------------------------------------------------------------------------------ */

/* FALSE and errno, 0 at the end of the file. */
static gboolean read_all(int fd, void *bytes, gsize size)
{
    for (gsize at = 0; at < size;) {
        gssize n = read(fd, (guint8 *)bytes + at, size - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            errno = n == 0 ? 0 : errno;
            return FALSE;
        }
        at += (gsize)n;
    }
    return TRUE;
}

static DeltaPlan *take_plan(const Making *making, GError **error)
{
    guint64 size = 0, tree_bytes = making->assembly->limits.tree_bytes;
    g_autofree char *text = NULL;
    gboolean good = read_all(making->content, &size, sizeof size);
    size = GUINT64_FROM_LE(size);
    good = good && size <= TREE_MAX_TEXT && (text = g_try_malloc0(size + 1)) && read_all(making->content, text, size);
    if (good)
        return delta_plan_read(g_steal_pointer(&text), size, making->old, tree_bytes ? tree_bytes : DELTA_TREE_BYTES,
                               error);
    fault_set(error, FAULT_ARCHIVE, "the delta is damaged");
    return NULL;
}

static gpointer make(gpointer data)
{
    Making *making = data;
    GError *error = NULL;
    making->plan = take_plan(making, &error);
    if (making->plan)
        tree_build_make(making->build, making->plan, making->content);
    else
        tree_build_fail(making->build, error);
    fs_fd_clear(&making->content); /* the child need not go on */
    return NULL;
}

static gpointer help(gpointer data)
{
    tree_build_help(((Making *)data)->build);
    return NULL;
}

static void give_up(Making *making, const GError *cause)
{
    GError *error = NULL;
    fault_set(&error, FAULT_SYSTEM, "cannot start a thread: %s", cause->message);
    tree_build_fail(making->build, error);
    fs_fd_clear(&making->content);
}

/* After the fork of the child, which shall not copy a process with threads. Without the first one nothing is made; the
 * others only make it faster. */
static void begin(gpointer data)
{
    Making *making = data;
    guint n_threads = making->assembly->n_threads ? making->assembly->n_threads : THREADS;
    for (guint i = 0; i < n_threads; i++) {
        g_autoptr(GError) error = NULL;
        GThread *thread = g_thread_try_new("build", i == 0 ? make : help, making, &error);
        if (thread)
            g_ptr_array_add(making->threads, thread);
        else if (i == 0)
            give_up(making, error);
    }
}

/* --- the call ----------------------------------------------------------------------------------------------- */

static gboolean call(Making *making, GError **error)
{
    const DeltaAssembly *assembly = making->assembly;
    g_autoptr(Node) answer = NULL;
    g_autoptr(GError) blame = NULL;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot make a pipe");
    fs_fd int give = ends[1];
    making->content = ends[0];
    fcntl(give, F_SETPIPE_SZ, PIPE_BYTES); /* or as large as it is */
    DeltaChildCall child = {.operation = "delta", .doing = "applying the delta"};
    child.text = assembly->old_text;
    child.text_size = assembly->old_size;
    child.fds[0] = assembly->old_dirfd;
    child.fds[1] = assembly->delta_fd;
    child.fds[2] = give;
    child.memory_bytes = assembly->limits.memory_bytes;
    child.tree_bytes = assembly->limits.tree_bytes;
    child.progress = assembly->progress;
    child.data = assembly->data;
    child.started = begin;
    child.build = making;
    gboolean good = delta_child_call(&child, &answer, &blame);
    fs_fd_clear(&give); /* the last one: whoever reads is at the end of the file */
    for (guint i = 0; i < making->threads->len; i++)
        g_thread_join(making->threads->pdata[i]);
    fs_fd_clear(&making->content);
    /* A stream that broke off is the child's failure, an error of our own its reason to stop. */
    g_autoptr(GError) own = NULL;
    if (!tree_build_end(making->build, &own) && (good || !g_error_matches(own, FAULT, FAULT_ARCHIVE))) {
        g_propagate_error(error, g_steal_pointer(&own));
        return FALSE;
    }
    if (!good)
        g_propagate_error(error, g_steal_pointer(&blame));
    return good;
}

static gboolean check(const Making *making, char **text, gsize *size, GError **error)
{
    const DeltaAssembly *assembly = making->assembly;
    gsize length = 0;
    char *lines = tree_build_text(making->build, assembly->n_threads ? assembly->n_threads : THREADS, &length, error);
    return share_check(lines, length, assembly->new_digest, "the delta does not lead to the release", text, size,
                       error);
}

gboolean delta_assemble(const DeltaAssembly *assembly, char **text, gsize *size, GError **error)
{
    g_autoptr(TreeInventory) old =
        tree_inventory_parse(assembly->old_text, assembly->old_size, "the installed inventory", error);
    if (!old)
        return FALSE;
    /* Without Landlock an ordinary user's child could write wherever we can. */
    gboolean early = geteuid() == 0 || sandbox_available();
    g_autoptr(TreeBuild) build = tree_build_new(assembly->old_dirfd, assembly->new_dirfd, old, assembly->link, early);
    g_autoptr(GPtrArray) threads = g_ptr_array_new();
    Making making = {.assembly = assembly, .old = old, .build = build, .content = -1, .threads = threads};
    gboolean good = call(&making, error) && check(&making, text, size, error);
    g_clear_pointer(&making.plan, delta_plan_free);
    return good;
}
