/* SPDX-License-Identifier: Apache-2.0 */
/* liftlock-unpack: the only program that takes apart archives from elsewhere. Does one request from descriptor 3. */
#include "base/archive.h"
#include "base/fault.h"
#include "base/fs.h"
#include "base/git_tree.h"
#include "base/sandbox.h"
#include "libexec/child.h"

#include <errno.h>
#include <locale.h>
#include <string.h>
#include <unistd.h>

#define MEMORY_BYTES (3ull * 1024 * 1024 * 1024) /* a million names and the largest zstd window */
#define CPU_SECONDS 3600

static void answer(gboolean done, Node *result, const GError *error)
{
    if (done) {
        child_result(result);
        return;
    }
    node_free(result);
    child_fault(error, NULL);
}

static void tell(guint64 done, guint64 total, gpointer data)
{
    child_progress(done, total, NULL);
}

/* fds: archive, empty directory */
static void do_unpack(const ChildRequest *request)
{
    const Node *node = request->node;
    ArchiveLimits limits = {
        .bytes = (guint64)node_get_int(node, "bytes", 0),
        .entries = (guint64)node_get_int(node, "entries", 0),
        .file_bytes = (guint64)node_get_int(node, "file_bytes", 0),
        .host = node_get_bool(node, "host", FALSE),
        .progress = tell,
    };
    g_autoptr(GError) error = NULL;
    gboolean done =
        archive_unpack(request->fds[0], node_get_text(node, "name", ""), request->fds[1], &limits, NULL, NULL, &error);
    answer(done, node_new_map(), error);
}

/* fds: archive, where the file's bytes go */
static void do_member(const ChildRequest *request)
{
    const Node *node = request->node;
    g_autofree const char **paths = child_strings(node_get(node, "paths"));
    g_autofree char *found = NULL;
    gsize size = 0;
    g_autoptr(GError) error = NULL;
    g_autofree char *bytes =
        archive_read_file(request->fds[0], node_get_text(node, "name", ""), paths, &found, &size, &error);
    gboolean done = bytes != NULL;
    if (done && !fs_write_all(request->fds[1], bytes, size))
        done = fault_errno(&error, FAULT_SYSTEM, errno, "cannot hand over '%s'", found);
    Node *result = node_new_map();
    if (found)
        child_set_text(result, "found", found, strlen(found));
    answer(done, result, error);
}

/* fds: tree, where the archive goes */
static void do_pack(const ChildRequest *request)
{
    const Node *node = request->node;
    g_autofree const char **exclude = child_strings(node_get(node, "exclude"));
    g_autoptr(GError) error = NULL;
    gboolean done = archive_pack(request->fds[0], node_get_text(node, "name", ""), request->fds[1],
                                 node_get_int(node, "mtime_s", 0), exclude, &error);
    answer(done, node_new_map(), error);
}

/* fds: archive */
static void do_git_tree(const ChildRequest *request)
{
    const Node *node = request->node;
    g_autoptr(GError) error = NULL;
    g_autofree char *tree =
        git_tree_name(request->fds[0], node_get_text(node, "name", ""), node_get_bool(node, "wide", FALSE), &error);
    Node *result = node_new_map();
    if (tree)
        node_set_text(result, "tree", tree);
    answer(tree != NULL, result, error);
}

/* What each may touch besides its open files: the directory at this place among the descriptors, -1: nothing. */
static const struct {
    const char *name;
    guint n_fds;
    int reads, writes;
    void (*run)(const ChildRequest *request);
} operations[] = {
    {"unpack", 2, -1, 1, do_unpack},
    {"member", 2, -1, -1, do_member},
    {"pack", 2, 0, -1, do_pack},
    {"git-tree", 1, -1, -1, do_git_tree},
};

static gboolean confine(const ChildRequest *request, int reads, int writes, GError **error)
{
    g_autofree char *read_path = reads >= 0 ? g_strdup_printf("/proc/self/fd/%d", request->fds[reads]) : NULL;
    const char *read_paths[] = {read_path, NULL};
    SandboxRules rules = {.read_paths = read_paths};
    if (writes >= 0) {
        rules.write_fds = &request->fds[writes];
        rules.n_write_fds = 1;
    }
    return sandbox_enter(&rules, &(gboolean){FALSE}, error);
}

int main(void)
{
    child_begin("liftlock-unpack", FALSE, MEMORY_BYTES, 64);
    child_limit_time(CPU_SECONDS);
    setlocale(LC_CTYPE, "C.UTF-8"); /* libarchive writes names through the locale */
    ChildRequest request;
    g_autoptr(GError) error = NULL;
    if (!child_receive(&request))
        _exit(1);
    const char *name = node_get_text(request.node, "do", "");
    for (gsize i = 0; i < G_N_ELEMENTS(operations); i++) {
        if (!g_str_equal(name, operations[i].name) || request.n_fds != operations[i].n_fds)
            continue;
        if (confine(&request, operations[i].reads, operations[i].writes, &error))
            operations[i].run(&request);
        else
            child_fault(error, NULL);
        _exit(0); /* nothing is left to be written, and what exit handlers do is not worth its risk */
    }
    fault_set(&error, FAULT_USAGE, "liftlock-unpack: unknown request");
    child_fault(error, NULL);
    _exit(0);
}
