/* SPDX-License-Identifier: Apache-2.0 */
/* liftlock-assemble: makes files out of deltas and packs. Does one request from descriptor 3. */
#include "base/fault.h"
#include "base/fs.h"
#include "base/sandbox.h"
#include "delta/delta_write.h"
#include "delta/pack.h"
#include "libexec/child.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SPACE_BYTES (8ull * 1024 * 1024 * 1024) /* of addresses: old files are mapped */
#define CPU_SECONDS 3600

/* Old tree, pack or what is to be filled; delta or table; new tree, or a pipe to who makes it; inventory. */
enum { FIRST, SECOND, TREE, INVENTORY, N_FDS };

static void tell(guint64 done, guint64 total, gpointer data)
{
    child_progress(done, total, NULL);
}

/* A file of the parent's as bytes. */
static const guint8 *map(int fd, gsize *size, GError **error)
{
    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        fault_set(error, FAULT_ARCHIVE, "what was handed over is no file");
        return NULL;
    }
    *size = (gsize)st.st_size;
    void *bytes = st.st_size > 0 ? mmap(NULL, *size, PROT_READ, MAP_PRIVATE, fd, 0) : (void *)"";
    if (bytes == MAP_FAILED) {
        fault_errno(error, FAULT_SYSTEM, errno, "cannot read what was handed over");
        return NULL;
    }
    return bytes;
}

static TreeInventory *take_inventory(const ChildRequest *request, const char *name, GError **error)
{
    gsize size = 0;
    const guint8 *text = map(request->fds[INVENTORY], &size, error);
    return text ? tree_inventory_parse((const char *)text, size, name, error) : NULL;
}

static Node *do_delta(const ChildRequest *request, GError **error)
{
    DeltaLimits limits = {
        .memory_bytes = (guint64)node_get_int(request->node, "memory_bytes", 0),
        .tree_bytes = (guint64)node_get_int(request->node, "tree_bytes", 0),
    };
    gsize size = 0;
    g_autoptr(TreeInventory) old = take_inventory(request, "the installed inventory", error);
    const guint8 *bytes = old ? map(request->fds[SECOND], &size, error) : NULL;
    g_autoptr(DeltaFile) file = bytes ? delta_file_read(bytes, size, old, &limits, error) : NULL;
    if (!file || !delta_write(file, old, request->fds[FIRST], request->fds[TREE], tell, NULL, error))
        return NULL;
    return node_new_map();
}

/* "0 1 7 ": the places of those marked. */
static gboolean *take_frames(const PackTable *table, const char *text)
{
    gboolean *frames = g_new0(gboolean, table->frames->len + 1);
    for (char *at = (char *)text, *end = NULL; *at; at = end) {
        guint64 i = g_ascii_strtoull(at, &end, 10);
        if (end == at)
            break;
        if (i < table->frames->len)
            frames[i] = TRUE;
    }
    return frames;
}

static Node *do_frames(const ChildRequest *request, GError **error)
{
    gsize pack_size = 0, table_size = 0;
    g_autoptr(TreeInventory) inventory = take_inventory(request, "the release's inventory", error);
    const guint8 *bytes = inventory ? map(request->fds[SECOND], &table_size, error) : NULL;
    g_autoptr(PackTable) table = bytes ? pack_table_read(bytes, table_size, inventory, error) : NULL;
    const guint8 *pack = table ? map(request->fds[FIRST], &pack_size, error) : NULL;
    if (!pack)
        return NULL;
    g_autofree gboolean *frames = take_frames(table, node_get_text(request->node, "frames", ""));
    if (!pack_write(table, inventory, frames, pack, pack_size, request->fds[TREE], tell, NULL, error))
        return NULL;
    return node_new_map();
}

static Node *do_inventory(const ChildRequest *request, GError **error)
{
    gsize size = 0, frame_size = 0, text_size = 0;
    const guint8 *frame = NULL, *table = map(request->fds[SECOND], &size, error);
    if (!table || !pack_table_inventory(table, size, &frame, &frame_size, &text_size, error) ||
        !pack_write_inventory(frame, frame_size, text_size, request->fds[FIRST], error))
        return NULL;
    return node_new_map();
}

static const struct {
    const char *name;
    gboolean reads, writes; /* below the first descriptor; below the third */
    guint n_fds;
    Node *(*run)(const ChildRequest *request, GError **error);
} operations[] = {
    {"delta", TRUE, FALSE, N_FDS, do_delta},
    {"frames", FALSE, TRUE, N_FDS, do_frames},
    {"inventory", FALSE, FALSE, TREE, do_inventory},
};

static gboolean confine(const ChildRequest *request, gboolean reads, gboolean writes, GError **error)
{
    g_autofree char *read_path = reads ? g_strdup_printf("/proc/self/fd/%d", request->fds[FIRST]) : NULL;
    const char *read_paths[] = {read_path, NULL};
    SandboxRules rules = {.read_paths = read_paths, .write_fds = &request->fds[TREE], .n_write_fds = writes};
    return sandbox_enter(&rules, &(gboolean){FALSE}, error);
}

int main(void)
{
    child_begin("liftlock-assemble", FALSE, SPACE_BYTES, 64);
    child_limit_time(CPU_SECONDS);
    umask(022);
    signal(SIGPIPE, SIG_IGN);
    ChildRequest request;
    g_autoptr(GError) error = NULL;
    Node *answer = NULL;
    gboolean known = FALSE;
    if (!child_receive(&request))
        _exit(1);
    const char *name = node_get_text(request.node, "do", "");
    for (gsize i = 0; i < G_N_ELEMENTS(operations) && !known; i++) {
        known = g_str_equal(name, operations[i].name) && request.n_fds == operations[i].n_fds;
        if (known && confine(&request, operations[i].reads, operations[i].writes, &error))
            answer = operations[i].run(&request, &error);
    }
    if (!known)
        fault_set(&error, FAULT_USAGE, "liftlock-assemble: unknown request");
    if (answer)
        child_result(answer);
    else
        child_fault(error, NULL);
    _exit(0); /* nothing is left to be written, and what exit handlers do is not worth its risk */
}
