/* SPDX-License-Identifier: Apache-2.0 */
/* From decisions to edits, where entries are whole lines. */
#include "merge/merge_inner.h"

#include <string.h>

/* --- neighbours --------------------------------------------------------------------------------------------------- */

/* For what arrives: the twins of its nearest neighbours in the release that have one. */
static void find_neighbours(MergeDoc *release)
{
    for (guint i = 0; i < release->places->len; i++) {
        const GPtrArray *entries = ((MergePlace *)g_ptr_array_index(release->places, i))->entries;
        MergeItem *near = NULL;
        for (guint j = 0; j < entries->len; j++) {
            MergeItem *item = g_ptr_array_index(entries, j);
            item->behind = near;
            near = item->twin && item->twin->in ? item->twin : near;
        }
        near = NULL;
        for (guint j = entries->len; j-- > 0;) {
            MergeItem *item = g_ptr_array_index(entries, j);
            item->before = near;
            near = item->twin && item->twin->in ? item->twin : near;
        }
    }
}

MergeItem *merge_neighbour_behind(const MergePlace *place, const MergeArrival *arrival)
{
    MergeItem *behind = arrival->item->behind, *before = arrival->item->before;
    if (behind && behind->in == place)
        return behind;
    gboolean none = !(before && before->in == place) && place->entries->len;
    return none ? g_ptr_array_index(place->entries, place->entries->len - 1) : NULL;
}

MergeItem *merge_neighbour_before(const MergePlace *place, const MergeArrival *arrival)
{
    MergeItem *before = arrival->item->before;
    return before && before->in == place ? before : NULL;
}

static int arrival_compare(gconstpointer a, gconstpointer b)
{
    gsize x = (*(MergeArrival *const *)a)->item->block.start, y = (*(MergeArrival *const *)b)->item->block.start;
    return (x > y) - (x < y);
}

void merge_sort_arrivals(MergePlace *place)
{
    g_ptr_array_sort(place->arrivals, arrival_compare);
}

/* --- blank lines -------------------------------------------------------------------------------------------------- */

static guint blanks_above(const Reading *reading, gsize at)
{
    guint n = 0;
    while (at > 0) {
        at = merge_line_start(reading, at - 1);
        if (!merge_line_is_blank(reading, at))
            break;
        n++;
    }
    return n;
}

static guint blanks_below(const Reading *reading, gsize at)
{
    guint n = 0;
    for (; at < reading->size && merge_line_is_blank(reading, at); at = merge_line_end(reading, at))
        n++;
    return n;
}

static void append_blanks(const MergeWriter *writer, GString *text, guint n)
{
    for (guint i = 0; i < MIN(n, 2); i++)
        g_string_append(text, merge_newline(writer));
}

/* --- arriving ----------------------------------------------------------------------------------------------------- */

/* The white space that what arrives in a place begins with: that of its neighbour. The caller frees. */
static char *indent_beside(const MergeWriter *writer, const MergePlace *place, const MergeArrival *arrival)
{
    const MergeItem *item = arrival->item, *beside = merge_neighbour_behind(place, arrival);
    const Reading *user = &writer->user->reading, *release = &writer->release->reading;
    if (!beside)
        beside = merge_neighbour_before(place, arrival);
    if (beside)
        return merge_indent_at(user, beside->block.start);
    g_autofree char *own = merge_indent_at(release, item->block.start);
    if (writer->language->shift != SHIFT_ALL || !place->owner || !place->owner->parent || writer->user->sections)
        return g_steal_pointer(&own);
    g_autofree char *outer = merge_indent_at(release, item->parent->block.start);
    g_autofree char *here = merge_indent_at(user, place->owner->block.start);
    return g_strconcat(here, g_str_has_prefix(own, outer) ? own + strlen(outer) : own, NULL);
}

/* The lines of an item of the release, without its lead. */
static void append_block(const MergeWriter *writer, GString *text, const MergeArrival *arrival, const char *from,
                         const char *to)
{
    const MergeItem *item = arrival->item;
    gboolean all = writer->language->shift == SHIFT_ALL;
    MergeSpan block = item->block;
    if (arrival->header_only)
        block.end = item->holds->start;
    if (arrival->bare || arrival->prefix || writer->language->shift == SHIFT_FIRST) {
        g_string_append(text, to);
        if (arrival->prefix)
            g_string_append(text, arrival->prefix);
        block.start = arrival->bare || arrival->prefix ? item->name : item->block.start + strlen(from);
    }
    gsize header = item->in->owner || !item->holds ? block.end : item->holds->start; /* of a section only that shifts */
    merge_carry(writer, text, (MergeSpan){block.start, header}, all ? from : NULL, to);
    merge_carry(writer, text, (MergeSpan){header, block.end}, NULL, NULL);
    merge_end_line(writer, text);
}

static void append_arrival(MergeWriter *writer, GString *text, const MergePlace *place, const MergeArrival *arrival,
                           gboolean with_lead)
{
    const MergeItem *item = arrival->item;
    gboolean shifts = place->owner && writer->language->shift != SHIFT_NONE;
    gboolean outdents =
        !place->owner && writer->language->shift == SHIFT_ALL; /* else it could go on with what is above */
    g_autofree char *from = merge_indent_at(&writer->release->reading, item->block.start);
    g_autofree char *to = shifts ? indent_beside(writer, place, arrival) : g_strdup(outdents ? "" : from);
    if (with_lead)
        merge_carry(writer, text, item->lead, from, to);
    append_block(writer, text, arrival, from, to);
    if (!arrival->header_only)
        return;
    merge_sort_arrivals(item->holds);
    for (guint i = 0; i < item->holds->arrivals->len; i++) {
        const MergeArrival *line = g_ptr_array_index(item->holds->arrivals, i);
        merge_carry(writer, text, line->item->lead, NULL, NULL);
        merge_carry(writer, text, line->item->block, NULL, NULL);
        merge_end_line(writer, text);
    }
}

/* Blank lines between what arrives and what stands above it. */
static guint gap_above(const MergeWriter *writer, const MergePlace *place, const MergeItem *item, gsize at)
{
    guint n = blanks_above(&writer->release->reading, item->lead.start);
    gboolean first = place == writer->user->sections && g_ptr_array_index(item->in->entries, 0) == item;
    const Reading *user = &writer->user->reading;
    if (first && n == 0)
        n = 1;
    return at == 0 || (at == user->size && blanks_above(user, at)) ? 0 : n;
}

static void lay_behind(MergeWriter *writer, MergePlace *place, const MergeArrival *arrival, gsize at)
{
    GString *text = g_string_new(NULL);
    append_blanks(writer, text, gap_above(writer, place, arrival->item, at));
    append_arrival(writer, text, place, arrival, TRUE);
    merge_edit_add(writer, at, at, g_string_free(text, FALSE), TRUE);
}

/* Above the first entry; a comment that heads the whole file stays above all. */
static void lay_before(MergeWriter *writer, MergePlace *place, const MergeArrival *arrival, const MergeItem *before)
{
    const Reading *user = &writer->user->reading, *release = &writer->release->reading;
    const MergeItem *item = arrival->item;
    gboolean shared = item->lead.end > item->lead.start && merge_same_text(user, before->lead, release, item->lead);
    gsize at = shared ? before->block.start : before->lead.start;
    GString *text = g_string_new(NULL);
    append_arrival(writer, text, place, arrival, !shared);
    append_blanks(writer, text, blanks_below(release, item->block.end));
    merge_edit_add(writer, at, at, g_string_free(text, FALSE), TRUE);
}

/* Into a place without entries. */
static void lay_first(MergeWriter *writer, MergePlace *place, const MergeArrival *arrival, gboolean last)
{
    const Reading *user = &writer->user->reading;
    if (place == writer->user->sections || place->start == user->size) {
        lay_behind(writer, place, arrival, place->start);
        return;
    }
    GString *text = g_string_new(NULL);
    append_arrival(writer, text, place, arrival, TRUE);
    gboolean above_sections = last && place->owner == writer->user->root && place->start < user->size;
    append_blanks(writer, text, above_sections && !merge_line_is_blank(user, place->start));
    merge_edit_add(writer, place->start, place->start, g_string_free(text, FALSE), TRUE);
}

static void lay_arrivals(MergeWriter *writer, MergePlace *place)
{
    merge_sort_arrivals(place);
    for (guint i = 0; i < place->arrivals->len; i++) {
        const MergeArrival *arrival = g_ptr_array_index(place->arrivals, i);
        const MergeItem *behind = merge_neighbour_behind(place, arrival);
        const MergeItem *before = merge_neighbour_before(place, arrival);
        if (behind)
            lay_behind(writer, place, arrival, behind->block.end);
        else if (before)
            lay_before(writer, place, arrival, before);
        else
            lay_first(writer, place, arrival, i + 1 == place->arrivals->len);
    }
}

/* --- changing and going --- */

static void lay_replaced(MergeWriter *writer, const MergeItem *item)
{
    const MergeItem *with = item->with;
    gboolean section = item->in && item->in == writer->user->sections, loose = item->loose || with->loose;
    gboolean shifts = writer->language->shift == SHIFT_ALL && item->parent && !section;
    MergeSpan old = loose ? item->rest : item->text, new = loose ? with->rest : with->text;
    shifts = shifts && merge_has_lines(&writer->release->reading, new);
    g_autofree char *from = shifts ? merge_indent_at(&writer->release->reading, with->block.start) : NULL;
    g_autofree char *to = shifts ? merge_indent_at(&writer->user->reading, item->block.start) : NULL;
    GString *text = g_string_new(NULL);
    merge_carry(writer, text, new, from, to);
    gboolean counts = loose && writer->language->last_newline_counts && old.end == writer->user->reading.size;
    if (section || (counts && new.end < writer->release->reading.size))
        merge_end_line(writer, text);
    merge_edit_add(writer, old.start, old.end, g_string_free(text, FALSE), section);
}

gboolean merge_lead_goes(const MergeWriter *writer, const MergeItem *item)
{
    return writer->base && item->old &&
           merge_same_text(&writer->user->reading, item->lead, &writer->base->reading, item->old->lead);
}

static void lay_gone(MergeWriter *writer, const MergeItem *item, gsize end)
{
    gsize start = merge_lead_goes(writer, item) ? item->lead.start : item->block.start;
    if (start < item->block.start)
        merge_edit_add(writer, start, item->block.start, NULL, TRUE);
    merge_edit_add(writer, item->block.start, end, NULL, TRUE);
}

/* All of a map goes in one piece, if the user has written nothing into it. */
static gboolean goes_whole(const MergeWriter *writer, const MergeItem *item)
{
    return item->fate == FATE_GOES && item->in && item->old && item->old->in && writer->base &&
           merge_same_text(&writer->user->reading, item->block, &writer->base->reading, item->old->block);
}

static void lay_item(MergeWriter *writer, MergeItem *item, const MergePlace *covered);

static gboolean is_emptied(const MergeItem *map)
{
    for (guint i = 0; i < map->items->len; i++) {
        if (((const MergeItem *)g_ptr_array_index(map->items, i))->fate != FATE_GOES)
            return FALSE;
    }
    return map->items->len && !map->holds->arrivals->len;
}

static void lay_map(MergeWriter *writer, MergeItem *map, const MergePlace *covered)
{
    gboolean lines = map->in && !map->in->flow && map->in != covered;
    if (map->fate == FATE_GOES && map->in && map->in->flow)
        return; /* with its braces */
    if (lines && goes_whole(writer, map)) {
        lay_gone(writer, map, map->block.end);
        covered = map->holds;
    } else if (lines && map->fate == FATE_GOES) {
        lay_gone(writer, map, map->holds->start);
    } else if (lines && map->rest.end && map->holds && !map->holds->flow && is_emptied(map)) {
        merge_edit_add(writer, map->rest.start, map->rest.start, g_strdup(" {}"), FALSE);
    }
    for (guint i = 0; i < map->items->len; i++)
        lay_item(writer, g_ptr_array_index(map->items, i), covered);
    if (!map->holds || map->holds == covered)
        return;
    if (map->holds->flow)
        merge_lay_flow(writer, map->holds);
    else
        lay_arrivals(writer, map->holds);
}

/* `covered`: a place whose bytes go with those of its owner. */
static void lay_item(MergeWriter *writer, MergeItem *item, const MergePlace *covered)
{
    if (item->fate == FATE_REPLACED)
        lay_replaced(writer, item);
    else if (item->map)
        lay_map(writer, item, covered);
    else if (item->fate == FATE_GOES && item->in && !item->in->flow && item->in != covered)
        lay_gone(writer, item, item->block.end);
}

static void edit_clear(gpointer data)
{
    g_free(((MergeEdit *)data)->text);
}

char *merge_write(const MergeLanguage *language, MergeDoc *base, MergeDoc *user, MergeDoc *release, gsize *size)
{
    MergeWriter writer = {.language = language, .base = base, .user = user, .release = release};
    writer.edits = g_array_new(FALSE, FALSE, sizeof(MergeEdit));
    find_neighbours(release);
    lay_item(&writer, user->root, NULL);
    if (user->sections)
        lay_arrivals(&writer, user->sections);
    char *bytes = merge_edits_apply(&writer, size);
    g_array_set_clear_func(writer.edits, edit_clear);
    g_array_unref(writer.edits);
    return bytes;
}
