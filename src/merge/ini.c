/* SPDX-License-Identifier: Apache-2.0 */
/*
 * INI files: [section], key = value, key: value, key. Readers differ in comments behind values, quotes and repeated
 * keys, so all behind the '=' counts as written. A line that is indented deeper than its key goes on with the value, as
 * does one below a backslash.
 */
#include "merge/merge_inner.h"

#include <string.h>

typedef struct Ini {
    MergeDoc *doc;
    const Reading *reading;
    MergePlace *place; /* of the section */
    MergeItem *item;   /* the key whose value may go on; NULL: none */
    gsize indent;      /* of its line */
    gboolean goes_on;  /* by a backslash */
    gsize lead;        /* the first of the comment lines directly above */
} Ini;

/* The ']' behind which nothing but a comment stands; 0 if there is none. */
static gsize header_end(const Reading *reading, gsize at, gsize end)
{
    for (gsize i = at; i < end; i++) {
        gsize next = merge_skip_space(reading, i + 1, end);
        if (reading->bytes[i] == ']' && (next == end || strchr("#;", reading->bytes[next])))
            return i;
    }
    return 0;
}

static gboolean read_header(Ini *ini, const MergeLine *line, gsize at, GError **error)
{
    gsize end = header_end(ini->reading, at, line->end);
    if (!end)
        return merge_fault_at(ini->reading, line->end, error, "expected ']' after the name of the section");
    g_autofree char *name = g_strndup(ini->reading->bytes + at + 1, end - at - 1);
    MergeItem *section = merge_item_get(ini->doc->root, name);
    if (section && section->in == ini->doc->sections) {
        section->closed = "the section stands there more than once";
        section->block.end = line->next;
    } else if (section) {
        g_autofree char *shown = reading_quote(name);
        return reading_fault(ini->reading, line->number, 1, error, "%s is a key above the sections (line %u)", shown,
                             section->line);
    } else {
        section = merge_item_new(ini->doc, ini->doc->root, g_steal_pointer(&name), TRUE, line->number,
                                 (guint)(at - line->start) + 1, error);
        if (!section)
            return FALSE;
        section->lead = (MergeSpan){ini->lead, line->start};
        section->block = (MergeSpan){line->start, line->next};
        section->in = ini->doc->sections;
        g_ptr_array_add(section->in->entries, section);
        section->holds = merge_place_new(ini->doc, section);
        section->holds->start = line->next;
    }
    ini->place = section->holds;
    return TRUE;
}

static gboolean read_key(Ini *ini, const MergeLine *line, gsize at, GError **error)
{
    const Reading *reading = ini->reading;
    gsize equals = at;
    while (equals < line->end && !strchr("=:", reading->bytes[equals]))
        equals++;
    gsize end = merge_trim(reading, at, equals);
    if (end == at)
        return merge_fault_at(ini->reading, at, error, "a key is missing");
    MergeEntry entry = {.key = g_strndup(reading->bytes + at, end - at),
                        .line = line->number,
                        .column = (guint)g_utf8_strlen(reading->bytes + line->start, (gssize)(at - line->start)) + 1,
                        .lead = {ini->lead, line->start},
                        .block = {line->start, line->next},
                        .key_end = end,
                        .bare = equals == line->end};
    gsize text = equals < line->end ? merge_skip_space(reading, equals + 1, line->end) : end;
    entry.text = (MergeSpan){text, merge_trim(reading, text, line->end)};
    ini->item = merge_entry_add(ini->doc, ini->place, &entry, error);
    ini->indent = at - line->start;
    return ini->item != NULL;
}

static gboolean read_line(Ini *ini, const MergeLine *line, GError **error)
{
    gsize at = merge_skip_space(ini->reading, line->start, line->end);
    gboolean blank = at == line->end, comment = !blank && strchr("#;", ini->reading->bytes[at]);
    gboolean good = TRUE;
    if (ini->item && (ini->goes_on || (!blank && !comment && at - line->start > ini->indent))) {
        merge_entry_more(ini->doc, ini->item, line);
    } else if (comment) {
        return TRUE;
    } else if (!blank && ini->reading->bytes[at] == '[') {
        ini->item = NULL;
        good = read_header(ini, line, at, error);
    } else if (!blank) {
        good = read_key(ini, line, at, error);
    }
    if (!blank) /* a key may stand there again, or the section */
        ini->place->owner->block.end = line->next;
    ini->goes_on = !blank && ini->item && merge_ends_in_backslash(ini->reading, line);
    ini->lead = line->next;
    return good;
}

/* A section reaches to its last key, and to comments directly below that. */
static void close_sections(MergeDoc *doc)
{
    const Reading *reading = &doc->reading;
    for (guint i = 0; i < doc->sections->entries->len; i++) {
        MergeItem *section = g_ptr_array_index(doc->sections->entries, i);
        const MergeItem *next =
            i + 1 < doc->sections->entries->len ? g_ptr_array_index(doc->sections->entries, i + 1) : NULL;
        MergePlace *above =
            i ? ((MergeItem *)g_ptr_array_index(doc->sections->entries, i - 1))->holds : doc->root->holds;
        if (strchr(" \t", reading->bytes[section->block.start])) /* it would go on with a key above it */
            above->shut = "the header below it is indented";
        gsize limit = next ? next->lead.start : reading->size, at = section->block.end;
        while (at < limit && !section->closed) {
            gsize first = merge_skip_space(reading, at, limit);
            if (first == limit || !strchr("#;", reading->bytes[first]))
                break;
            at = merge_line_end(reading, at);
        }
        section->block.end = at;
    }
}

gboolean merge_read_ini(MergeDoc *doc, GError **error)
{
    Ini ini = {.doc = doc, .reading = &doc->reading};
    doc->root = merge_item_new(doc, NULL, NULL, TRUE, 1, 1, error);
    ini.place = doc->root->holds = merge_place_new(doc, doc->root);
    doc->trims = TRUE;
    doc->sections = merge_place_new(doc, NULL);
    doc->sections->start = doc->reading.size;
    gsize at = 0;
    guint number = 0;
    MergeLine line;
    while (merge_line_next(ini.reading, &at, &number, &line)) {
        if (!read_line(&ini, &line, error))
            return FALSE;
    }
    if (ini.goes_on)
        ini.item->closed = doc->open_end = merge_goes_on;
    merge_entries_close(doc);
    close_sections(doc);
    const MergeItem *first = doc->sections->entries->len ? g_ptr_array_index(doc->sections->entries, 0) : NULL;
    doc->root->holds->start = first ? first->lead.start : doc->reading.size;
    return TRUE;
}
