/* SPDX-License-Identifier: Apache-2.0 */
/* Making a delta file: which entries change, and the file's own layout. How their content is coded: delta_choose.c. */
#include "delta/delta_make.h"

#include "base/fault.h"
#include "base/fs.h"
#include "delta/bytes.h"
#include "delta/delta_choose.h"
#include "delta/delta_inner.h"

#include <string.h>

enum { THREADS = 2 };

void delta_made_clear(DeltaMade *made)
{
    if (made->bytes)
        g_byte_array_unref(made->bytes);
    *made = (DeltaMade){.bytes = NULL};
}

/* --- the entries -------------------------------------------------------------------------------------------- */

/* Steps of the same kind are told as one, with their number. */
typedef struct Steps {
    GByteArray *out, *pending;
    guint step;
    guint64 count;
    const char *last_path;
} Steps;

static void steps_flush(Steps *steps)
{
    if (steps->count > 0)
        bytes_put_number(steps->out, steps->count * STEP_N + steps->step);
    g_byte_array_append(steps->out, steps->pending->data, steps->pending->len);
    g_byte_array_set_size(steps->pending, 0);
    steps->count = 0;
}

static GByteArray *step(Steps *steps, guint step)
{
    if (steps->step != step)
        steps_flush(steps);
    steps->step = step;
    steps->count++;
    return steps->pending;
}

typedef struct Comparing {
    const TreeInventory *old, *new;
    GHashTable *old_content; /* digest -> index + 1 of the first old file with it */
    GArray *written;         /* of guint32: entries of new */
    GArray *changed;         /* of guint32: old files that do not stay */
    DeltaMade *made;
    Steps steps;
} Comparing;

static void put_attributes(Comparing *comparing, GByteArray *out, guint32 i)
{
    const TreeEntry *entry = tree_inventory_at(comparing->new, i);
    guint runs = entry->runs ? ATTRIBUTE_RUNS : 0;
    guint old = entry->kind == 'f' ? GPOINTER_TO_UINT(g_hash_table_lookup(comparing->old_content, entry->content)) : 0;
    if (entry->kind == 'd') {
        bytes_put_number(out, ATTRIBUTE_DIRECTORY);
    } else if (entry->kind == 'l') {
        bytes_put_number(out, ATTRIBUTE_LINK);
        bytes_put_text(out, entry->content, entry->size);
    } else if (old > 0) {
        bytes_put_number(out, ATTRIBUTE_MOVED + runs);
        bytes_put_number(out, old - 1);
        comparing->made->n_moved++;
    } else {
        bytes_put_number(out, ATTRIBUTE_WRITTEN + runs);
        bytes_put_number(out, entry->size);
        g_array_append_val(comparing->written, i);
    }
}

static void put_added(Comparing *comparing, guint32 i)
{
    GByteArray *out = step(&comparing->steps, STEP_ADD);
    const char *path = tree_inventory_at(comparing->new, i)->path;
    const char *last = i > 0 ? tree_inventory_at(comparing->new, i - 1)->path : "";
    gsize shared = 0;
    while (last[shared] && last[shared] == path[shared])
        shared++;
    bytes_put_number(out, shared);
    bytes_put_text(out, path + shared, strlen(path + shared));
    put_attributes(comparing, out, i);
}

static void leave(Comparing *comparing, guint32 i)
{
    if (tree_inventory_at(comparing->old, i)->kind == 'f')
        g_array_append_val(comparing->changed, i);
}

static void compare_entries(Comparing *comparing)
{
    guint32 i = 0, k = 0, n_old = comparing->old->entries->len, n_new = comparing->new->entries->len;
    while (i < n_old || k < n_new) {
        const TreeEntry *old = i < n_old ? tree_inventory_at(comparing->old, i) : NULL;
        const TreeEntry *new = k < n_new ? tree_inventory_at(comparing->new, k) : NULL;
        int order = !old ? 1 : !new ? -1 : strcmp(old->path, new->path);
        if (order < 0) {
            step(&comparing->steps, STEP_DROP);
            leave(comparing, i++);
        } else if (order > 0) {
            put_added(comparing, k++);
        } else if (tree_entry_same(old, new)) {
            step(&comparing->steps, STEP_KEEP);
            comparing->made->n_kept += new->kind == 'f';
            i++, k++;
        } else {
            put_attributes(comparing, step(&comparing->steps, STEP_EDIT), k++);
            leave(comparing, i++);
        }
    }
    steps_flush(&comparing->steps);
}

static GHashTable *contents_of(const TreeInventory *inventory)
{
    GHashTable *contents = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < inventory->entries->len; i++) {
        const TreeEntry *entry = tree_inventory_at(inventory, i);
        if (entry->kind == 'f' && !g_hash_table_contains(contents, entry->content))
            g_hash_table_insert(contents, (gpointer)entry->content, GUINT_TO_POINTER(i + 1));
    }
    return contents;
}

/* --- the file ----------------------------------------------------------------------------------------------- */

static void put_rising(GByteArray *out, const GArray *numbers)
{
    guint32 next = 0;
    bytes_put_number(out, numbers->len);
    for (guint i = 0; i < numbers->len; i++) {
        guint32 number = g_array_index(numbers, guint32, i);
        bytes_put_number(out, number - next);
        next = number + 1;
    }
}

static void put_group(GByteArray *out, const DeltaGroup *group)
{
    bytes_put_number(out, group->codec);
    if (group->codec == DELTA_OPS)
        bytes_put_number(out, group->width);
    put_rising(out, group->files);
    put_rising(out, group->old);
    for (guint i = 0; i < group->n_streams; i++) {
        bytes_put_number(out, group->streams[i].size);
        bytes_put_number(out, group->streams[i].stored);
    }
}

static void put_all(DeltaMade *made, GByteArray *meta, const GPtrArray *coded)
{
    GByteArray *out = made->bytes = g_byte_array_new();
    bytes_put_number(meta, coded->len);
    for (guint i = 0; i < coded->len; i++) {
        const DeltaCoded *one = coded->pdata[i];
        put_group(meta, one->group);
        made->memory_bytes = MAX(made->memory_bytes, delta_group_memory(one->group));
        *(one->group->codec == DELTA_OPS ? &made->ops_bytes : &made->prefix_bytes) += one->stored;
    }
    g_autoptr(GByteArray) packed = delta_zstd((DeltaSpan){meta->data, meta->len}, (DeltaSpan){NULL, 0}, TRUE);
    const GByteArray *smaller = packed->len < meta->len ? packed : meta;
    g_byte_array_append(out, (const guint8 *)DELTA_MAGIC, (guint)strlen(DELTA_MAGIC));
    bytes_put_digest(out, made->old_digest);
    bytes_put_digest(out, made->new_digest);
    bytes_put_number(out, made->memory_bytes);
    bytes_put_number(out, meta->len);
    bytes_put_number(out, smaller->len);
    g_byte_array_append(out, smaller->data, smaller->len);
    for (guint i = 0; i < coded->len; i++) {
        const DeltaCoded *one = coded->pdata[i];
        for (guint k = 0; k < one->group->n_streams; k++)
            g_byte_array_append(out, one->bodies[k]->data, one->bodies[k]->len);
    }
}

gboolean delta_make(int old_dirfd, int new_dirfd, guint64 memory_bytes, DeltaMade *made, GError **error)
{
    *made = (DeltaMade){.bytes = NULL};
    g_autoptr(TreeInventory) old = tree_inventory_read(old_dirfd, ".", THREADS, NULL, NULL, error);
    g_autoptr(TreeInventory) new = old ? tree_inventory_read(new_dirfd, ".", THREADS, NULL, NULL, error) : NULL;
    if (!new)
        return FALSE;
    memcpy(made->old_digest, old->digest, sizeof made->old_digest);
    memcpy(made->new_digest, new->digest, sizeof made->new_digest);
    g_autoptr(GHashTable) contents = contents_of(old);
    g_autoptr(GArray) written = g_array_new(FALSE, FALSE, sizeof(guint32));
    g_autoptr(GArray) changed = g_array_new(FALSE, FALSE, sizeof(guint32));
    g_autoptr(GByteArray) meta = g_byte_array_new(), pending = g_byte_array_new();
    Comparing comparing = {.old = old, .new = new, .old_content = contents, .written = written, .changed = changed};
    comparing.made = made;
    comparing.steps = (Steps){.out = meta, .pending = pending};
    bytes_put_number(meta, new->entries->len);
    compare_entries(&comparing);
    made->n_written = written->len;
    DeltaChoice choice = {
        .old = old, .new = new, .old_dirfd = old_dirfd, .new_dirfd = new_dirfd, .written = written, .changed = changed};
    choice.memory_bytes = MAX(memory_bytes ? memory_bytes : DELTA_MEMORY_BYTES, (guint64)2 * DELTA_OWN_BYTES);
    g_autoptr(GPtrArray) coded = delta_choose(&choice, error);
    if (!coded)
        return FALSE;
    made->n_groups = coded->len;
    put_all(made, meta, coded);
    return TRUE;
}
