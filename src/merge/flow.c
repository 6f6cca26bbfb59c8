/* SPDX-License-Identifier: Apache-2.0 */
/* From decisions to edits, where entries stand in braces, between commas. */
#include "merge/merge_inner.h"

#include <string.h>

/* What will stand in the braces, in order: entries of the user, and what arrives. */
typedef struct Slot {
    const MergeItem *item;
    const MergeArrival *arrival; /* NULL: it is there */
} Slot;

typedef struct Flow {
    MergeWriter *writer;
    MergePlace *place;
    GArray *slots;               /* of Slot: what goes is not among them */
    GHashTable *behind, *before; /* MergeItem * or NULL -> GPtrArray of MergeArrival * */
    gboolean last_comma;         /* the style of this place: a comma behind the last entry, too */
} Flow;

static const MergeItem *entry_at(const MergePlace *place, guint i)
{
    return g_ptr_array_index(place->entries, i);
}

/* --- order -------------------------------------------------------------------------------------------------------- */

static void group(GHashTable *groups, gpointer entry, gpointer arrival)
{
    GPtrArray *list = g_hash_table_lookup(groups, entry);
    if (!list) {
        list = g_ptr_array_new();
        g_hash_table_insert(groups, entry, list);
    }
    g_ptr_array_add(list, arrival);
}

static void add_group(Flow *flow, GHashTable *groups, gconstpointer entry)
{
    const GPtrArray *list = g_hash_table_lookup(groups, entry);
    for (guint i = 0; list && i < list->len; i++) {
        const MergeArrival *arrival = g_ptr_array_index(list, i);
        Slot slot = {arrival->item, arrival};
        g_array_append_val(flow->slots, slot);
    }
}

static void order_slots(Flow *flow)
{
    const MergePlace *place = flow->place;
    for (guint i = 0; i < place->arrivals->len; i++) {
        MergeArrival *arrival = g_ptr_array_index(place->arrivals, i);
        MergeItem *behind = merge_neighbour_behind(place, arrival), *before = merge_neighbour_before(place, arrival);
        group(behind ? flow->behind : flow->before, behind ? behind : before, arrival);
    }
    add_group(flow, flow->before, NULL);
    for (guint i = 0; i < place->entries->len; i++) {
        const MergeItem *entry = entry_at(place, i);
        add_group(flow, flow->before, entry);
        Slot slot = {entry, NULL};
        if (entry->fate != FATE_GOES)
            g_array_append_val(flow->slots, slot);
        add_group(flow, flow->behind, entry);
    }
}

static gboolean needs_comma(const Flow *flow, guint i)
{
    return i + 1 < flow->slots->len || flow->last_comma;
}

/* --- what is there ------------------------------------------------------------------------------------------------ */

static void lay_commas(Flow *flow)
{
    for (guint i = 0; i < flow->slots->len; i++) {
        const Slot *slot = &g_array_index(flow->slots, Slot, i);
        const MergeItem *item = slot->item;
        gboolean needs = needs_comma(flow, i);
        if (!slot->arrival && needs && !item->comma)
            merge_edit_add(flow->writer, item->block.end, item->block.end, g_strdup(","), FALSE);
        else if (!slot->arrival && !needs && item->comma)
            merge_edit_add(flow->writer, item->comma, item->comma + 1, NULL, FALSE);
    }
}

static void lay_gone(Flow *flow, guint i)
{
    const Reading *reading = &flow->writer->user->reading;
    const MergeItem *item = entry_at(flow->place, i);
    gsize start = item->block.start, end = item->tail;
    if (item->own_lines) {
        gsize line = item->lead.end;
        if (line > item->lead.start && merge_lead_goes(flow->writer, item))
            merge_edit_add(flow->writer, item->lead.start, line, NULL, TRUE);
        merge_edit_add(flow->writer, line, end, NULL, TRUE);
        return;
    }
    gsize next = merge_skip_space(reading, end, flow->place->close);
    if (i + 1 < flow->place->entries->len)
        end = next;
    else if (i > 0 && entry_at(flow->place, i - 1)->fate != FATE_GOES && !entry_at(flow->place, i - 1)->own_lines)
        start = merge_trim(reading, entry_at(flow->place, i - 1)->tail, start);
    merge_edit_add(flow->writer, start, end, NULL, FALSE);
}

/* --- what arrives ------------------------------------------------------------------------------------------------- */

/* The entry as the release has it, with its comma. */
static void append_entry(const Flow *flow, GString *text, const Slot *slot, const char *to, gboolean comma)
{
    const MergeItem *item = slot->item;
    const Reading *release = &flow->writer->release->reading;
    gboolean shifts = merge_has_lines(release, item->block);
    g_autofree char *from = shifts ? merge_indent_at(release, item->block.start) : NULL;
    merge_carry(flow->writer, text, item->block, from, to);
    if (comma)
        g_string_append_c(text, ',');
}

/* In lines of its own, with the comments above it and behind it. */
static void append_lines(const Flow *flow, GString *text, const Slot *slot, const char *to, gboolean comma)
{
    const MergeItem *item = slot->item;
    const Reading *release = &flow->writer->release->reading;
    g_autofree char *from = item->own_lines ? merge_indent_at(release, item->block.start) : NULL;
    merge_carry(flow->writer, text, item->lead, from, to);
    g_string_append(text, to);
    append_entry(flow, text, slot, to, comma);
    if (item->own_lines)
        merge_carry(flow->writer, text, (MergeSpan){item->comma ? item->comma + 1 : item->block.end, item->tail}, NULL,
                    NULL);
    merge_end_line(flow->writer, text);
}

static void append_gap(const Flow *flow, GString *text, const MergeItem *item)
{
    const Reading *release = &flow->writer->release->reading;
    gsize line = item->lead.start;
    if (item->own_lines && line > 0 && merge_line_is_blank(release, merge_line_start(release, line - 1)))
        g_string_append(text, merge_newline(flow->writer));
}

/* Next to an entry of the user, as that one stands. */
static void lay_beside(Flow *flow, const Slot *slot, const MergeItem *entry, gboolean behind, gboolean comma)
{
    const Reading *user = &flow->writer->user->reading;
    gboolean shifts = entry->own_lines || merge_has_lines(&flow->writer->release->reading, slot->item->block);
    g_autofree char *to = shifts ? merge_indent_at(user, entry->block.start) : NULL;
    GString *text = g_string_new(NULL);
    gsize at = behind ? entry->tail : entry->own_lines ? entry->lead.start : entry->block.start;
    if (entry->own_lines) {
        if (behind)
            append_gap(flow, text, slot->item);
        append_lines(flow, text, slot, to, comma);
    } else {
        if (behind)
            g_string_append_c(text, ' ');
        append_entry(flow, text, slot, to, comma);
        if (!behind)
            g_string_append_c(text, ' ');
    }
    merge_edit_add(flow->writer, at, at, g_string_free(text, FALSE), entry->own_lines);
}

/* All into braces that have no entry, but may have comments. */
static void lay_only(Flow *flow)
{
    const Reading *user = &flow->writer->user->reading, *release = &flow->writer->release->reading;
    const MergePlace *place = flow->place;
    const Slot *first = &g_array_index(flow->slots, Slot, 0);
    gsize start = place->start; /* behind comments, if there are any: then lines are needed */
    for (gsize at = place->start; at < place->close; at++) {
        if (!strchr(" \t\r\n", user->bytes[at]))
            start = at + 1;
    }
    gboolean own_lines = first->item->own_lines || start > place->start;
    g_autofree char *outer = merge_indent_at(user, place->start - 1);
    g_autofree char *from = merge_indent_at(release, first->item->block.start);
    g_autofree char *around = merge_indent_at(release, first->item->in->start - 1);
    g_autofree char *to = g_strconcat(outer, g_str_has_prefix(from, around) ? from + strlen(around) : from, NULL);
    GString *text = g_string_new(own_lines ? merge_newline(flow->writer) : NULL);
    for (guint i = 0; i < flow->slots->len; i++) {
        const Slot *slot = &g_array_index(flow->slots, Slot, i);
        if (own_lines)
            append_lines(flow, text, slot, to, needs_comma(flow, i));
        else
            append_entry(flow, text, slot, to, needs_comma(flow, i));
        if (!own_lines && i + 1 < flow->slots->len)
            g_string_append_c(text, ' ');
    }
    if (own_lines)
        g_string_append(text, outer);
    merge_edit_add(flow->writer, start, place->close, g_string_free(text, FALSE), FALSE);
}

static void lay_arrivals(Flow *flow)
{
    if (flow->place->arrivals->len && !flow->place->entries->len) {
        lay_only(flow);
        return;
    }
    for (guint i = 0; i < flow->slots->len; i++) {
        const Slot *slot = &g_array_index(flow->slots, Slot, i);
        if (!slot->arrival)
            continue;
        const MergeItem *behind = merge_neighbour_behind(flow->place, slot->arrival);
        const MergeItem *before = merge_neighbour_before(flow->place, slot->arrival);
        lay_beside(flow, slot, behind ? behind : before, behind != NULL, needs_comma(flow, i));
    }
}

void merge_lay_flow(MergeWriter *writer, MergePlace *place)
{
    guint n = place->entries->len;
    Flow flow = {.writer = writer, .place = place, .last_comma = n && entry_at(place, n - 1)->comma};
    g_autoptr(GArray) slots = g_array_new(FALSE, FALSE, sizeof(Slot));
    g_autoptr(GHashTable) behind = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_ptr_array_unref);
    g_autoptr(GHashTable) before = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_ptr_array_unref);
    flow.slots = slots;
    flow.behind = behind;
    flow.before = before;
    merge_sort_arrivals(place);
    order_slots(&flow);
    gboolean same = place->arrivals->len == 0 && slots->len == n;
    if (same)
        return;
    lay_commas(&flow);
    for (guint i = 0; i < n; i++) {
        if (entry_at(place, i)->fate == FATE_GOES)
            lay_gone(&flow, i);
    }
    lay_arrivals(&flow);
}
