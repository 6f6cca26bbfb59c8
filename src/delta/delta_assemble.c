/* SPDX-License-Identifier: Apache-2.0 */
#include "delta/delta_assemble.h"

#include "base/fault.h"
#include "base/fs.h"
#include "base/remote_child.h"
#include "base/shown.h"
#include "delta/delta_child.h"
#include "delta/delta_share.h"

#include <string.h>

enum { THREADS = 2 };

/* Says which of the old files the new tree has, and puts them there. What the child says can only make a tree that has
 * another digest. */
static gboolean take_kept(Share *share, const TreeInventory *old, const char *kept, GError **error)
{
    for (const char *at = kept; *at;) {
        char *end = NULL;
        guint64 first = g_ascii_strtoull(at, &end, 10), count = *end == ' ' ? g_ascii_strtoull(end, &end, 10) : 0;
        if (first >= old->entries->len || count == 0 || count > old->entries->len - first || (*end && *end != ' '))
            return fault_set(error, FAULT_ARCHIVE, "the delta is damaged");
        for (guint i = (guint)first; i < first + count; i++) {
            const TreeEntry *entry = tree_inventory_at(old, i);
            if (entry->kind == 'f' && !share_file(share, entry, entry->path, entry->runs, error))
                return FALSE;
        }
        at = *end ? end + 1 : end;
    }
    return TRUE;
}

/* "OLD x PATH" or "OLD - PATH" each. */
static gboolean take_moved(Share *share, const TreeInventory *old, const Node *moved, GError **error)
{
    for (guint i = 0; moved && moved->kind == NODE_LIST && i < moved->items->len; i++) {
        const Node *item = moved->items->pdata[i];
        char *end = NULL;
        guint64 k = item->kind == NODE_SCALAR ? g_ascii_strtoull(item->text, &end, 10) : G_MAXUINT64;
        if (k >= old->entries->len || *end != ' ' || !strchr("x-", end[1]) || !end[1] || end[2] != ' ' ||
            tree_path_fault(end + 3) || tree_inventory_at(old, (guint)k)->kind != 'f')
            return fault_set(error, FAULT_ARCHIVE, "the delta is damaged");
        if (!share_file(share, tree_inventory_at(old, (guint)k), end + 3, end[1] == 'x', error))
            return FALSE;
    }
    return TRUE;
}

static gboolean call(const DeltaAssembly *assembly, Node **answer, GError **error)
{
    DeltaChildCall child = {.operation = "delta", .doing = "applying the delta"};
    child.text = assembly->old_text;
    child.text_size = assembly->old_size;
    child.fds[0] = assembly->old_dirfd;
    child.fds[1] = assembly->delta_fd;
    child.fds[2] = assembly->new_dirfd;
    child.memory_bytes = assembly->limits.memory_bytes;
    child.tree_bytes = assembly->limits.tree_bytes;
    child.progress = assembly->progress;
    child.data = assembly->data;
    return delta_child_call(&child, answer, error);
}

gboolean delta_assemble(const DeltaAssembly *assembly, char **text, gsize *size, GError **error)
{
    g_autoptr(Node) answer = NULL;
    g_autoptr(TreeInventory) old =
        tree_inventory_parse(assembly->old_text, assembly->old_size, "the installed inventory", error);
    if (!old || !call(assembly, &answer, error))
        return FALSE;
    g_auto(Share) share = {.from = assembly->old_dirfd, .to = assembly->new_dirfd, .link = assembly->link};
    if (!take_kept(&share, old, node_get_text(answer, "kept", ""), error) ||
        !take_moved(&share, old, node_get(answer, "moved"), error))
        return FALSE;
    return share_check(assembly->new_dirfd, assembly->n_threads ? assembly->n_threads : THREADS, assembly->new_digest,
                       "the delta does not lead to the release", text, size, error);
}
