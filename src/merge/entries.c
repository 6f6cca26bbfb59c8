/* SPDX-License-Identifier: Apache-2.0 */
/* Lines "KEY=VALUE", as .env and INI files have them: dialects differ, so a value is what was written. */
#include "merge/merge_inner.h"

#include <string.h>

const char merge_goes_on[] = "the file ends in a line that goes on";

/* Line ends do not count, nor does the indentation of lines that go on: an edit may shift it. */
static void append_text(GString *form, const MergeDoc *doc, MergeSpan text)
{
    const Reading *reading = &doc->reading;
    g_autoptr(GString) bytes = g_string_new(NULL);
    for (gsize i = text.start; i < text.end; i++) {
        if (reading->bytes[i] != '\r')
            g_string_append_c(bytes, reading->bytes[i]);
        if (reading->bytes[i] == '\n' && doc->trims)
            i = merge_skip_space(reading, i + 1, text.end) - 1;
    }
    merge_value_scalar(form, 's', bytes->str);
}

void merge_entry_more(MergeDoc *doc, MergeItem *item, const MergeLine *line)
{
    item->last.end = merge_trim(&doc->reading, line->start, line->end);
    if (item->scattered)
        return;
    item->text.end = item->rest.end = item->last.end;
    item->block.end = line->next;
}

static MergeItem *add_again(MergeDoc *doc, MergePlace *place, MergeItem *item, const MergeEntry *entry)
{
    const MergeItem *above = g_ptr_array_index(place->entries, place->entries->len - 1);
    if (!item->more)
        item->more = g_string_new(NULL);
    append_text(item->more, doc, item->last);
    item->last = entry->text;
    if (above != item || item->scattered || item->block.end != entry->lead.start ||
        entry->lead.start != entry->lead.end) {
        item->scattered = TRUE;
        item->closed = "the key stands there more than once";
    } else {
        item->block.end = entry->block.end;
        item->text.end = item->rest.end = entry->text.end;
    }
    return item;
}

MergeItem *merge_entry_add(MergeDoc *doc, MergePlace *place, const MergeEntry *entry, GError **error)
{
    MergeItem *item = merge_item_get(place->owner, entry->key);
    if (item && item->in == place) {
        g_free(entry->key);
        return add_again(doc, place, item, entry);
    }
    item = merge_item_new(doc, place->owner, entry->key, FALSE, entry->line, entry->column, error);
    if (!item)
        return NULL;
    item->lead = entry->lead;
    item->block = entry->block;
    item->text = item->last = entry->text;
    item->rest = (MergeSpan){entry->key_end, entry->text.end};
    item->loose = entry->bare;
    item->name = item->key_start = entry->block.start;
    item->in = place;
    g_ptr_array_add(place->entries, item);
    return item;
}

void merge_entries_close(MergeDoc *doc)
{
    for (guint i = 0; i < doc->items->len; i++) {
        MergeItem *item = g_ptr_array_index(doc->items, i);
        if (item->map)
            continue;
        GString *form = g_string_new(item->more ? item->more->str : NULL);
        append_text(form, doc, item->last);
        item->value = g_string_free(form, FALSE);
    }
}
