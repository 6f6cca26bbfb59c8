/* SPDX-License-Identifier: Apache-2.0 */
#include "delta/delta_choose.h"

#include "base/digest.h"
#include "base/fault.h"
#include "base/fs.h"
#include "base/shown.h"
#include "delta/delta_inner.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define BATCH_BYTES (160 * 1024 * 1024)  /* of old files: sorting their suffixes takes five times that */
#define TRY_ALL_BYTES (64 * 1024 * 1024) /* where trying every encoder on all of it is cheap enough */
#define SMALLER_BEST 0.6                 /* what a prefix gains from the best level and company, by experience */

/* Files laid out one behind the other. */
typedef struct Laid {
    GArray *files;  /* of guint32 */
    GArray *starts; /* of gsize, one more than files */
    guint8 *bytes;
    gsize size;
} Laid;

typedef struct Batch {
    const DeltaChoice *choice;
    Laid old, content; /* indices: into the old inventory, into choice->written */
    GPtrArray *ops;    /* of each file: GArray of DifferOp; empty if there is nothing old */
    GArray *nearest;   /* of each file: gint, place among old of the one most bytes came from; -1: none */
    GArray *by_ops;    /* of each file: gboolean, whether ops are likely to be smaller */
} Batch;

static void free_coded(gpointer coded)
{
    delta_coded_free(coded);
}

static void free_ops(gpointer ops)
{
    g_array_free(ops, TRUE);
}

static guint32 index_at(const GArray *array, guint i)
{
    return g_array_index(array, guint32, i);
}

static DeltaSpan laid_span(const Laid *laid, guint i)
{
    gsize start = g_array_index(laid->starts, gsize, i);
    return (DeltaSpan){laid->bytes + start, g_array_index(laid->starts, gsize, i + 1) - start};
}

static DeltaSpan laid_all(const Laid *laid)
{
    return (DeltaSpan){laid->bytes, laid->size};
}

/* --- batches ------------------------------------------------------------------------------------------------ */

static void laid_init(Laid *laid)
{
    gsize zero = 0;
    laid->files = g_array_new(FALSE, FALSE, sizeof(guint32));
    laid->starts = g_array_new(FALSE, FALSE, sizeof(gsize));
    g_array_append_val(laid->starts, zero);
}

static void laid_note(Laid *laid, guint32 i, guint64 size)
{
    g_array_append_val(laid->files, i);
    laid->size += size;
    g_array_append_val(laid->starts, laid->size);
}

static void laid_clear(Laid *laid)
{
    g_array_free(laid->files, TRUE);
    g_array_free(laid->starts, TRUE);
    g_free(laid->bytes);
}

static Batch *batch_new(const DeltaChoice *choice)
{
    Batch *batch = g_new0(Batch, 1);
    batch->choice = choice;
    laid_init(&batch->old);
    laid_init(&batch->content);
    batch->ops = g_ptr_array_new_with_free_func(free_ops);
    batch->nearest = g_array_new(FALSE, FALSE, sizeof(gint));
    batch->by_ops = g_array_new(FALSE, FALSE, sizeof(gboolean));
    return batch;
}

static void batch_free(Batch *batch)
{
    laid_clear(&batch->old);
    laid_clear(&batch->content);
    g_ptr_array_free(batch->ops, TRUE);
    g_array_free(batch->nearest, TRUE);
    g_array_free(batch->by_ops, TRUE);
    g_free(batch);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Batch, batch_free)

static gboolean laid_read(Laid *laid, int dirfd, const TreeInventory *inventory, const GArray *indices, GError **error)
{
    laid->bytes = g_malloc(laid->size + 1);
    for (guint i = 0; i < laid->files->len; i++) {
        guint32 k = index_at(laid->files, i);
        const TreeEntry *entry = tree_inventory_at(inventory, indices ? index_at(indices, k) : k);
        if (!tree_entry_load(dirfd, entry, laid->bytes + g_array_index(laid->starts, gsize, i), error))
            return FALSE;
    }
    return TRUE;
}

/* --- likelihoods -------------------------------------------------------------------------------------------- */

/* The old file that most of a file's bytes were copied from. */
static gint find_nearest(const Batch *batch, const GArray *ops)
{
    g_autofree guint64 *copied = g_new0(guint64, batch->old.files->len + 1);
    gint best = -1;
    for (guint i = 0; i < ops->len; i++) {
        const DifferOp *op = &g_array_index(ops, DifferOp, i);
        guint low = 0, high = batch->old.files->len;
        while (high - low > 1) {
            guint middle = low + (high - low) / 2;
            *(g_array_index(batch->old.starts, gsize, middle) <= op->old_at ? &low : &high) = middle;
        }
        copied[low] += op->copied;
        if (copied[low] > 0 && (best < 0 || copied[low] > copied[best]))
            best = (gint)low;
    }
    return best;
}

static void weigh_file(Batch *batch, guint i, const Differ *differ)
{
    DeltaSpan content = laid_span(&batch->content, i);
    GArray *ops = differ_run(differ, content.bytes, content.size);
    gint nearest = find_nearest(batch, ops);
    DeltaSpan prefix = nearest < 0 ? (DeltaSpan){NULL, 0} : laid_span(&batch->old, (guint)nearest);
    guint64 by_ops =
        delta_estimate_ops((const DifferOp *)(const void *)ops->data, ops->len, content, laid_all(&batch->old));
    g_autoptr(GByteArray) frame = delta_zstd(content, prefix, FALSE);
    gboolean likely = (double)by_ops < SMALLER_BEST * (double)frame->len;
    g_ptr_array_add(batch->ops, ops);
    g_array_append_val(batch->nearest, nearest);
    g_array_append_val(batch->by_ops, likely);
}

static void weigh(Batch *batch)
{
    g_autoptr(Differ) differ = differ_new(batch->old.bytes, batch->old.size);
    for (guint i = 0; differ && i < batch->content.files->len; i++)
        weigh_file(batch, i, differ);
    for (guint i = batch->ops->len; i < batch->content.files->len; i++) {
        g_ptr_array_add(batch->ops, g_array_new(FALSE, FALSE, sizeof(DifferOp)));
        g_array_append_val(batch->nearest, ((gint){-1}));
        g_array_append_val(batch->by_ops, ((gboolean){FALSE}));
    }
}

/* --- groups ------------------------------------------------------------------------------------------------- */

/* Files of a batch that go into one group; the caller frees what it points to. */
static GByteArray *content_of(const Batch *batch, const GArray *members)
{
    GByteArray *content = g_byte_array_new();
    for (guint i = 0; i < members->len; i++) {
        DeltaSpan span = laid_span(&batch->content, index_at(members, i));
        g_byte_array_append(content, span.bytes, (guint)span.size);
    }
    return content;
}

static DeltaGroup *group_of(const Batch *batch, const GArray *members, guint64 size)
{
    DeltaGroup *group = delta_group_new(DELTA_PLAIN);
    for (guint i = 0; i < members->len; i++) {
        guint32 file = index_at(batch->content.files, index_at(members, i));
        g_array_append_val(group->files, file);
    }
    group->size = size;
    return group;
}

static void add_old(const Batch *batch, DeltaGroup *group, guint i)
{
    guint32 old = index_at(batch->old.files, i);
    g_array_append_val(group->old, old);
    group->old_size += laid_span(&batch->old, i).size;
}

static DeltaCoded *code_by_ops(const Batch *batch, const GArray *members)
{
    g_autoptr(GByteArray) content = content_of(batch, members);
    g_autoptr(GArray) ops = g_array_new(FALSE, FALSE, sizeof(DifferOp));
    DeltaGroup *group = group_of(batch, members, content->len);
    for (guint i = 0; i < members->len; i++) {
        const GArray *own = batch->ops->pdata[index_at(members, i)];
        g_array_append_vals(ops, own->data, own->len);
    }
    for (guint i = 0; i < batch->old.files->len; i++)
        add_old(batch, group, i);
    return delta_code_ops(group, ops, (DeltaSpan){content->data, content->len}, laid_all(&batch->old));
}

/* With all that is old as prefix, or with what is marked. */
static DeltaCoded *code_by_prefix(const Batch *batch, const GArray *members, const gboolean *marked)
{
    g_autoptr(GByteArray) content = content_of(batch, members), prefix = g_byte_array_new();
    DeltaGroup *group = group_of(batch, members, content->len);
    for (guint i = 0; i < batch->old.files->len; i++) {
        if (marked && !marked[i])
            continue;
        DeltaSpan span = laid_span(&batch->old, i);
        add_old(batch, group, i);
        if (marked)
            g_byte_array_append(prefix, span.bytes, (guint)span.size);
    }
    DeltaSpan before = marked ? (DeltaSpan){prefix->data, prefix->len} : laid_all(&batch->old);
    return delta_code_prefix(group, (DeltaSpan){content->data, content->len}, before);
}

static gint same_path(const Batch *batch, guint member)
{
    const DeltaChoice *choice = batch->choice;
    const char *path =
        tree_inventory_at(choice->new, index_at(choice->written, index_at(batch->content.files, member)))->path;
    gint64 i = tree_inventory_find(choice->old, path);
    for (guint k = 0; i >= 0 && k < batch->old.files->len; k++)
        if (index_at(batch->old.files, k) == (guint32)i)
            return (gint)k;
    return -1;
}

/* What marking the old files that resemble a member would add to the memory. */
static guint64 mark(const Batch *batch, guint member, gboolean *marked, gboolean really)
{
    gint near[] = {g_array_index(batch->nearest, gint, member), same_path(batch, member)};
    guint64 more = 0;
    for (guint i = 0; i < G_N_ELEMENTS(near); i++) {
        if (near[i] < 0 || marked[near[i]] || (i == 1 && near[1] == near[0]))
            continue;
        more += laid_span(&batch->old, (guint)near[i]).size;
        if (really)
            marked[near[i]] = TRUE;
    }
    return more;
}

/* As few groups as the memory allows. */
static void code_prefixes(const Batch *batch, const GArray *members, GPtrArray *groups)
{
    guint64 limit = batch->choice->memory_bytes - DELTA_OWN_BYTES, size = 0;
    for (guint i = 0; i < members->len; i++)
        size += laid_span(&batch->content, index_at(members, i)).size;
    if (members->len > 0 && size + batch->old.size <= limit) {
        g_ptr_array_add(groups, code_by_prefix(batch, members, NULL));
        return;
    }
    for (guint next = 0; next < members->len;) {
        g_autoptr(GArray) some = g_array_new(FALSE, FALSE, sizeof(guint32));
        g_autofree gboolean *marked = g_new0(gboolean, batch->old.files->len + 1);
        for (guint64 taken = 0; next < members->len; next++) {
            guint32 member = index_at(members, next);
            guint64 own = laid_span(&batch->content, member).size;
            if (taken + own + mark(batch, member, marked, FALSE) > limit && (some->len > 0 || own > limit / 2))
                break;
            taken += own + mark(batch, member, marked, TRUE);
            g_array_append_val(some, member);
        }
        guint32 alone = index_at(members, MIN(next, members->len - 1));
        if (some->len == 0) { /* too large to be made in memory: by itself, streaming */
            g_array_append_val(some, alone);
            next++;
        }
        g_ptr_array_add(groups, code_by_prefix(batch, some, marked));
    }
}

static gint compare_numbers(gconstpointer a, gconstpointer b)
{
    guint32 x = *(const guint32 *)a, y = *(const guint32 *)b;
    return (x > y) - (x < y);
}

static guint64 stored_bytes(const GPtrArray *groups)
{
    guint64 bytes = 0;
    for (guint i = 0; i < groups->len; i++)
        bytes += ((const DeltaCoded *)groups->pdata[i])->stored;
    return bytes;
}

/* Those that are `likely` by ops, or (NULL) all of them if `ops`. */
static GPtrArray *code_split(const Batch *batch, const GArray *likely, gboolean ops)
{
    g_autoptr(GArray) by_ops = g_array_new(FALSE, FALSE, sizeof(guint32));
    g_autoptr(GArray) by_prefix = g_array_new(FALSE, FALSE, sizeof(guint32));
    GPtrArray *groups = g_ptr_array_new_with_free_func(free_coded);
    for (guint32 i = 0; i < batch->content.files->len; i++) {
        gboolean here = likely ? g_array_index(likely, gboolean, i) : ops;
        /* What nothing was found for has no ops at all, unless it is empty. */
        if (((GArray *)batch->ops->pdata[i])->len == 0 && laid_span(&batch->content, i).size > 0)
            here = FALSE;
        g_array_append_val(here ? by_ops : by_prefix, i);
    }
    if (by_ops->len > 0) {
        DeltaCoded *coded = code_by_ops(batch, by_ops);
        if (delta_group_memory(coded->group) <= batch->choice->memory_bytes) {
            g_ptr_array_add(groups, coded);
        } else {
            delta_coded_free(coded);
            g_array_append_vals(by_prefix, by_ops->data, by_ops->len);
            g_array_sort(by_prefix, compare_numbers);
        }
    }
    code_prefixes(batch, by_prefix, groups);
    return groups;
}

/* Takes both. */
static GPtrArray *smaller(GPtrArray *a, GPtrArray *b)
{
    gboolean first = stored_bytes(a) <= stored_bytes(b);
    g_ptr_array_free(first ? b : a, TRUE);
    return first ? a : b;
}

static gboolean is_split(const Batch *batch)
{
    guint n = 0;
    for (guint i = 0; i < batch->by_ops->len; i++)
        n += g_array_index(batch->by_ops, gboolean, i) ? 1 : 0;
    return n > 0 && n < batch->by_ops->len;
}

/* Moves the groups of the smallest way to `groups`. */
static void code_batch(Batch *batch, GPtrArray *groups)
{
    weigh(batch);
    GPtrArray *best = code_split(batch, batch->by_ops, FALSE);
    if (batch->content.size <= TRY_ALL_BYTES) {
        best = smaller(best, code_split(batch, NULL, FALSE));
        best = smaller(best, code_split(batch, NULL, TRUE));
    } else if (is_split(batch)) {
        best = smaller(best, code_split(batch, NULL, TRUE));
    }
    g_ptr_array_extend_and_steal(groups, best);
}

/* --- all ---------------------------------------------------------------------------------------------------- */

static gboolean batch_ends(const Batch *batch)
{
    return batch->old.size > BATCH_BYTES || batch->content.size > BATCH_BYTES;
}

static gboolean check_size(const TreeEntry *entry, GError **error)
{
    g_autofree char *shown = shown_text(entry->path);
    return entry->size <= DIFFER_MAX_BYTES || fault_set(error, FAULT_ARCHIVE, "'%s' is too large for a delta", shown);
}

/* Files of both sides in the order of their paths, until there are enough. */
static gboolean batch_fill(Batch *batch, guint *next_old, guint *next_new, GError **error)
{
    const DeltaChoice *choice = batch->choice;
    while (!batch_ends(batch) && (*next_old < choice->changed->len || *next_new < choice->written->len)) {
        const TreeEntry *old = NULL, *new = NULL;
        if (*next_old < choice->changed->len)
            old = tree_inventory_at(choice->old, index_at(choice->changed, *next_old));
        if (*next_new < choice->written->len)
            new = tree_inventory_at(choice->new, index_at(choice->written, *next_new));
        int order = !old ? 1 : !new ? -1 : strcmp(old->path, new->path);
        if (order >= 0) {
            if (!check_size(new, error))
                return FALSE;
            laid_note(&batch->content, (*next_new)++, new->size);
        }
        if (order <= 0) {
            if (old->size <= DIFFER_MAX_BYTES)
                laid_note(&batch->old, index_at(choice->changed, *next_old), old->size);
            (*next_old)++;
        }
    }
    return laid_read(&batch->old, choice->old_dirfd, choice->old, NULL, error) &&
           laid_read(&batch->content, choice->new_dirfd, choice->new, choice->written, error);
}

GPtrArray *delta_choose(const DeltaChoice *choice, GError **error)
{
    g_autoptr(GPtrArray) groups = g_ptr_array_new_with_free_func(free_coded);
    for (guint next_old = 0, next_new = 0; next_new < choice->written->len;) {
        g_autoptr(Batch) batch = batch_new(choice);
        if (!batch_fill(batch, &next_old, &next_new, error))
            return NULL;
        if (batch->content.files->len > 0)
            code_batch(batch, groups);
    }
    return g_steal_pointer(&groups);
}
