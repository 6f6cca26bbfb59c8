/* SPDX-License-Identifier: Apache-2.0 */
/* The table of a pack, and what to fetch by it. */
#include "base/fault.h"
#include "base/shown.h"
#include "delta/bytes.h"
#include "delta/pack.h"

#include <string.h>

void pack_table_free(PackTable *table)
{
    g_array_free(table->frames, TRUE);
    g_array_free(table->contents, TRUE);
    g_free(table);
}

/* Contents of a frame: each as the distance from the one before. */
static gboolean read_contents(PackTable *table, PackFrame *frame, ByteReader *reader, const TreeInventory *inventory,
                              GHashTable *seen, gint64 *last)
{
    frame->first = table->contents->len;
    frame->n = (guint)bytes_number_upto(reader, inventory->entries->len);
    for (guint i = 0; i < frame->n && !reader->broken; i++) {
        gint64 k = *last + bytes_unfolded(bytes_number_upto(reader, 2 * (guint64)TREE_MAX_ENTRIES));
        if (k < 0 || k >= inventory->entries->len)
            return FALSE;
        const TreeEntry *entry = tree_inventory_at(inventory, (guint)k);
        if (entry->kind != 'f' || entry->size == 0 || !g_hash_table_add(seen, (gpointer)entry->content) ||
            entry->size > DELTA_MAX_TREE - frame->size)
            return FALSE;
        frame->size += entry->size;
        guint32 number = (guint32)k;
        g_array_append_val(table->contents, number);
        *last = k;
    }
    return !reader->broken && frame->n > 0;
}

static gboolean read_frames(PackTable *table, ByteReader *reader, const TreeInventory *inventory)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    guint64 n = bytes_number_upto(reader, PACK_MAX_FRAMES);
    gint64 last = 0;
    for (; n > 0; n--) {
        PackFrame frame = {.at = table->pack_size};
        frame.stored = bytes_number_upto(reader, DELTA_MAX_TREE);
        if (!read_contents(table, &frame, reader, inventory, seen, &last) || !bytes_digest(reader, frame.digest) ||
            frame.stored > DELTA_MAX_TREE - table->pack_size)
            return FALSE;
        table->pack_size += frame.stored;
        g_array_append_val(table->frames, frame);
    }
    for (guint i = 0; i < inventory->entries->len; i++) {
        const TreeEntry *entry = tree_inventory_at(inventory, i);
        if (entry->kind == 'f' && entry->size > 0 && !g_hash_table_contains(seen, entry->content))
            return FALSE;
    }
    return !reader->broken && reader->at == reader->end;
}

/* All that stands before the frames. */
static gboolean read_head(ByteReader *reader, gsize size, char *digest, const guint8 **frame, gsize *frame_size,
                          gsize *text_size, GError **error)
{
    const guint8 *magic = bytes_take(reader, strlen(PACK_MAGIC));
    if (!magic || memcmp(magic, PACK_MAGIC, strlen(PACK_MAGIC)) != 0)
        return fault_set(error, FAULT_ARCHIVE, "this is no pack's table of version 1");
    bytes_digest(reader, digest);
    *text_size = (gsize)bytes_number_upto(reader, TREE_MAX_TEXT);
    *frame_size = (gsize)bytes_number(reader);
    *frame = bytes_take(reader, *frame_size);
    return (*frame && size <= PACK_MAX_TABLE) || fault_set(error, FAULT_ARCHIVE, "the pack's table is damaged");
}

gboolean pack_table_inventory(const guint8 *table, gsize size, const guint8 **frame, gsize *frame_size,
                              gsize *text_size, GError **error)
{
    ByteReader reader = {.at = table, .end = table + size};
    char digest[65];
    return read_head(&reader, size, digest, frame, frame_size, text_size, error);
}

PackTable *pack_table_read(const guint8 *bytes, gsize size, const TreeInventory *inventory, GError **error)
{
    ByteReader reader = {.at = bytes, .end = bytes + size};
    char digest[65] = "";
    const guint8 *frame = NULL;
    gsize frame_size = 0, text_size = 0;
    g_autoptr(PackTable) table = g_new0(PackTable, 1);
    table->frames = g_array_new(FALSE, FALSE, sizeof(PackFrame));
    table->contents = g_array_new(FALSE, FALSE, sizeof(guint32));
    if (!read_head(&reader, size, digest, &frame, &frame_size, &text_size, error))
        return NULL;
    if (strcmp(digest, inventory->digest) != 0) {
        fault_set(error, FAULT_ARCHIVE, "the pack's table belongs to another tree");
        return NULL;
    }
    if (!read_frames(table, &reader, inventory)) {
        fault_set(error, FAULT_ARCHIVE, "the pack's table is damaged");
        return NULL;
    }
    return g_steal_pointer(&table);
}

gboolean *pack_frames_with(const PackTable *table, const TreeInventory *inventory, const gboolean *entries)
{
    g_autoptr(GHashTable) wanted = g_hash_table_new(g_str_hash, g_str_equal);
    gboolean *frames = g_new0(gboolean, table->frames->len + 1);
    for (guint i = 0; i < inventory->entries->len; i++)
        if (entries[i] && tree_inventory_at(inventory, i)->kind == 'f')
            g_hash_table_add(wanted, (gpointer)tree_inventory_at(inventory, i)->content);
    for (guint i = 0; i < table->frames->len; i++) {
        const PackFrame *frame = &g_array_index(table->frames, PackFrame, i);
        for (guint k = frame->first; k < frame->first + frame->n && !frames[i]; k++)
            frames[i] = g_hash_table_contains(
                wanted, tree_inventory_at(inventory, g_array_index(table->contents, guint32, k))->content);
    }
    return frames;
}

GArray *pack_ranges(const PackTable *table, const gboolean *frames, guint64 gap_bytes)
{
    GArray *ranges = g_array_new(FALSE, FALSE, sizeof(PackRange));
    for (guint i = 0; i < table->frames->len; i++) {
        const PackFrame *frame = &g_array_index(table->frames, PackFrame, i);
        PackRange *last = ranges->len > 0 ? &g_array_index(ranges, PackRange, ranges->len - 1) : NULL;
        if (!frames[i])
            continue;
        if (last && frame->at - (last->at + last->size) <= gap_bytes) {
            last->size = frame->at + frame->stored - last->at;
        } else {
            PackRange range = {.at = frame->at, .size = frame->stored};
            g_array_append_val(ranges, range);
        }
    }
    return ranges;
}

gboolean pack_check(const TreeInventory *inventory, GError **error)
{
    for (guint i = 0; i < inventory->entries->len; i++) {
        const TreeEntry *entry = tree_inventory_at(inventory, i);
        g_autofree char *shown = shown_text(entry->path);
        if (entry->kind == 'f' && entry->size > PACK_MAX_CONTENT)
            return fault_set(error, FAULT_ARCHIVE, "'%s' is larger than 1 GiB", shown);
    }
    return TRUE;
}
