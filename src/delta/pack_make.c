/* SPDX-License-Identifier: Apache-2.0 */
/* Making a pack, for publishers. */
#include "base/digest.h"
#include "base/fault.h"
#include "base/fs.h"
#include "delta/bytes.h"
#include "delta/pack.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

enum {
    THREADS = 2,
    LEVEL = 19,
    FRAME_BYTES = 1024 * 1024, /* smaller files share a frame, up to so much */
};

typedef struct Content {
    const TreeEntry *entry;
    guint32 index;
    const char *name, *suffix; /* of the path */
} Content;

typedef struct Frame {
    guint first, n;
    GByteArray *stored;
    GError *error;
} Frame;

typedef struct Packing {
    int tree;
    GArray *contents; /* of Content, in the order of the pack */
    GArray *frames;   /* of Frame */
} Packing;

static int compare_contents(gconstpointer a, gconstpointer b)
{
    const Content *x = a, *y = b;
    int order = strcmp(x->suffix, y->suffix);
    if (order == 0)
        order = strcmp(x->name, y->name);
    return order != 0 ? order : strcmp(x->entry->path, y->entry->path);
}

/* Files of one kind side by side, and among them those of the same name. */
static GArray *order_contents(const TreeInventory *inventory)
{
    GArray *contents = g_array_new(FALSE, FALSE, sizeof(Content));
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint32 i = 0; i < inventory->entries->len; i++) {
        const TreeEntry *entry = tree_inventory_at(inventory, i);
        if (entry->kind != 'f' || entry->size == 0 || !g_hash_table_add(seen, (gpointer)entry->content))
            continue;
        const char *slash = strrchr(entry->path, '/');
        Content content = {.entry = entry, .index = i, .name = slash ? slash + 1 : entry->path};
        const char *dot = strrchr(content.name, '.');
        content.suffix = dot ? dot : "";
        g_array_append_val(contents, content);
    }
    g_array_sort(contents, compare_contents);
    return contents;
}

static GArray *cut_frames(const GArray *contents)
{
    GArray *frames = g_array_new(FALSE, FALSE, sizeof(Frame));
    guint64 size = 0;
    for (guint i = 0; i < contents->len; i++) {
        guint64 own = g_array_index(contents, Content, i).entry->size;
        if (frames->len == 0 || size + own > FRAME_BYTES) {
            Frame frame = {.first = i};
            g_array_append_val(frames, frame);
            size = 0;
        }
        g_array_index(frames, Frame, frames->len - 1).n++;
        size += own;
    }
    return frames;
}

static GByteArray *compress(const guint8 *bytes, gsize size)
{
    ZSTD_CCtx *context = ZSTD_createCCtx();
    GByteArray *stored = g_byte_array_new();
    if (!context)
        g_error("there is no memory to compress");
    g_byte_array_set_size(stored, (guint)ZSTD_compressBound(size));
    ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, LEVEL);
    ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, (int)CLAMP(g_bit_storage(size), 10, PACK_WINDOW_LOG));
    ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
    gsize n = ZSTD_compress2(context, stored->data, stored->len, bytes, size);
    ZSTD_freeCCtx(context);
    if (ZSTD_isError(n))
        g_error("zstd: %s", ZSTD_getErrorName(n));
    g_byte_array_set_size(stored, (guint)n);
    return stored;
}

static void make_frame(gpointer task, gpointer data)
{
    Packing *packing = data;
    Frame *frame = task;
    guint64 size = 0, at = 0;
    for (guint i = 0; i < frame->n; i++)
        size += g_array_index(packing->contents, Content, frame->first + i).entry->size;
    g_autofree guint8 *bytes = g_malloc(size + 1);
    for (guint i = 0; i < frame->n; i++) {
        const TreeEntry *entry = g_array_index(packing->contents, Content, frame->first + i).entry;
        if (!tree_entry_load(packing->tree, entry, bytes + at, &frame->error))
            return;
        at += entry->size;
    }
    frame->stored = compress(bytes, size);
}

static void make_frames(Packing *packing)
{
    GThreadPool *pool = g_thread_pool_new(make_frame, packing, THREADS, FALSE, NULL);
    for (guint i = 0; i < packing->frames->len; i++)
        g_thread_pool_push(pool, &g_array_index(packing->frames, Frame, i), NULL);
    g_thread_pool_free(pool, FALSE, TRUE);
}

static void put_head(GByteArray *table, const TreeInventory *inventory, const char *text, gsize size)
{
    g_autoptr(GByteArray) frame = compress((const guint8 *)text, size);
    g_byte_array_append(table, (const guint8 *)PACK_MAGIC, (guint)strlen(PACK_MAGIC));
    bytes_put_digest(table, inventory->digest);
    bytes_put_number(table, size);
    bytes_put_number(table, frame->len);
    g_byte_array_append(table, frame->data, frame->len);
}

static GByteArray *table_of(const Packing *packing, const TreeInventory *inventory, const char *text, gsize size,
                            GError **error)
{
    g_autoptr(GByteArray) table = g_byte_array_new();
    gint64 last = 0;
    put_head(table, inventory, text, size);
    bytes_put_number(table, packing->frames->len);
    for (guint i = 0; i < packing->frames->len; i++) {
        const Frame *frame = &g_array_index(packing->frames, Frame, i);
        g_autofree char *digest = digest_bytes(frame->stored->data, frame->stored->len);
        bytes_put_number(table, frame->stored->len);
        bytes_put_number(table, frame->n);
        for (guint k = 0; k < frame->n; k++) {
            guint32 index = g_array_index(packing->contents, Content, frame->first + k).index;
            bytes_put_number(table, bytes_folded((gint64)index - last));
            last = index;
        }
        bytes_put_digest(table, digest);
    }
    if (table->len <= PACK_MAX_TABLE)
        return g_steal_pointer(&table);
    fault_set(error, FAULT_ARCHIVE, "the table of a pack of so many files is larger than 64 MiB");
    return NULL;
}

static gboolean finish(const Packing *packing, int pack_fd, GError **error)
{
    for (guint i = 0; i < packing->frames->len; i++) {
        Frame *frame = &g_array_index(packing->frames, Frame, i);
        if (frame->error) {
            g_propagate_error(error, g_steal_pointer(&frame->error));
            return FALSE;
        }
    }
    for (guint i = 0; i < packing->frames->len; i++) {
        const Frame *frame = &g_array_index(packing->frames, Frame, i);
        if (!fs_write_all(pack_fd, frame->stored->data, frame->stored->len))
            return fault_errno(error, FAULT_SYSTEM, errno, "cannot write the pack");
    }
    return TRUE;
}

GByteArray *pack_make(int tree_dirfd, int pack_fd, GError **error)
{
    g_autofree char *text = NULL;
    gsize size = 0;
    g_autoptr(TreeInventory) inventory = tree_inventory_read(tree_dirfd, ".", THREADS, &text, &size, error);
    if (!inventory || !pack_check(inventory, error))
        return NULL;
    Packing packing = {.tree = tree_dirfd, .contents = order_contents(inventory)};
    packing.frames = cut_frames(packing.contents);
    make_frames(&packing);
    GByteArray *table = finish(&packing, pack_fd, error) ? table_of(&packing, inventory, text, size, error) : NULL;
    for (guint i = 0; i < packing.frames->len; i++) {
        Frame *frame = &g_array_index(packing.frames, Frame, i);
        g_clear_pointer(&frame->stored, g_byte_array_unref);
        g_clear_error(&frame->error);
    }
    g_array_free(packing.frames, TRUE);
    g_array_free(packing.contents, TRUE);
    return table;
}
