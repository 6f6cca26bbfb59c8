/* SPDX-License-Identifier: Apache-2.0 */
/* Items with byte spans: what every structured language is reduced to. */
#include "merge/merge_inner.h"

#include "base/fault.h"

#include <stdlib.h>
#include <string.h>

static int key_compare(gconstpointer a, gconstpointer b, gpointer unused)
{
    (void)unused;
    return strcmp(a, b);
}

static void item_free(gpointer data)
{
    MergeItem *item = data;
    g_free(item->key);
    g_free(item->value);
    g_free(item->properties);
    g_clear_pointer(&item->items, g_ptr_array_unref);
    g_clear_pointer(&item->by_key, g_tree_unref);
    g_clear_pointer(&item->by_folded, g_tree_unref);
    g_clear_pointer(&item->joining, g_ptr_array_unref);
    if (item->more)
        g_string_free(item->more, TRUE);
    g_free(item);
}

static void arrival_free(gpointer data)
{
    MergeArrival *arrival = data;
    g_free(arrival->prefix);
    g_free(arrival);
}

static void place_free(gpointer data)
{
    MergePlace *place = data;
    g_ptr_array_unref(place->entries);
    g_ptr_array_unref(place->arrivals);
    g_free(place);
}

/* --- documents ------------------------------------------------------------------------------------------------ */

static gboolean uses_crlf(const Reading *reading)
{
    const char *newline = memchr(reading->bytes, '\n', reading->size);
    return newline && newline > reading->bytes && newline[-1] == '\r';
}

static int by_start(gconstpointer a, gconstpointer b)
{
    const MergeItem *x = *(MergeItem *const *)a, *y = *(MergeItem *const *)b;
    return (x->block.start > y->block.start) - (x->block.start < y->block.start);
}

static gboolean has_knot(const MergeItem *item)
{
    return item->closed || item->knotted;
}

/* What is closed closes all in it, and is known to all around it. Parents come before what they hold. */
static void spread_closed(MergeDoc *doc)
{
    for (guint i = 1; i < doc->items->len; i++) {
        MergeItem *item = g_ptr_array_index(doc->items, i);
        if (!item->closed)
            item->closed = item->parent->closed;
    }
    for (guint i = doc->items->len; i-- > 1;) {
        const MergeItem *item = g_ptr_array_index(doc->items, i);
        item->parent->knotted |= has_knot(item);
    }
}

gboolean merge_has_bom(const MergeText *text)
{
    return text->size >= 3 && memcmp(text->bytes, "\xef\xbb\xbf", 3) == 0;
}

MergeDoc *merge_doc_read(const MergeLanguage *language, const MergeText *text, GError **error)
{
    g_autoptr(MergeDoc) doc = g_new0(MergeDoc, 1);
    doc->bom = merge_has_bom(text);
    gsize skip = doc->bom ? 3 : 0;
    doc->reading =
        (Reading){.bytes = text->bytes + skip, .size = text->size - skip, .name = text->name, .code = text->fault_code};
    doc->items = g_ptr_array_new_with_free_func(item_free);
    doc->places = g_ptr_array_new_with_free_func(place_free);
    doc->crlf = uses_crlf(&doc->reading);
    if (!reading_check(&doc->reading, error) || !language->read(doc, error))
        return NULL;
    for (guint i = 0; i < doc->places->len; i++) {
        MergePlace *place = g_ptr_array_index(doc->places, i);
        g_ptr_array_sort(place->entries, by_start);
    }
    spread_closed(doc);
    return g_steal_pointer(&doc);
}

void merge_doc_free(MergeDoc *doc)
{
    if (!doc)
        return;
    g_ptr_array_unref(doc->items);
    g_ptr_array_unref(doc->places);
    g_free(doc);
}

/* --- items ---------------------------------------------------------------------------------------------------- */

MergeItem *merge_item_new(MergeDoc *doc, MergeItem *parent, char *key, gboolean map, guint line, guint column,
                          GError **error)
{
    if (!reading_count(&doc->reading, line, column, error)) {
        g_free(key);
        return NULL;
    }
    MergeItem *item = g_new0(MergeItem, 1);
    g_ptr_array_add(doc->items, item);
    item->parent = parent;
    item->key = key;
    item->map = map;
    item->line = line;
    item->column = column;
    if (map) {
        item->items = g_ptr_array_new();
        item->by_key = g_tree_new_full(key_compare, NULL, NULL, NULL);
        item->joining = g_ptr_array_new();
    }
    if (parent) {
        g_ptr_array_add(parent->items, item);
        g_tree_insert(parent->by_key, item->key, item);
    }
    return item;
}

MergePlace *merge_place_new(MergeDoc *doc, MergeItem *owner)
{
    MergePlace *place = g_new0(MergePlace, 1);
    place->owner = owner;
    place->entries = g_ptr_array_new();
    place->arrivals = g_ptr_array_new_with_free_func(arrival_free);
    g_ptr_array_add(doc->places, place);
    return place;
}

MergeItem *merge_item_get(const MergeItem *map, const char *key)
{
    return map && map->map ? g_tree_lookup(map->by_key, key) : NULL;
}

static gboolean is_simple(const char *key)
{
    static const char simple[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    return *key && strspn(key, simple) == strlen(key);
}

char *merge_item_path(const MergeItem *item, gboolean for_people)
{
    GString *path = g_string_new(NULL);
    for (; item && item->key; item = item->parent) {
        g_autofree char *quoted = for_people && !is_simple(item->key) ? reading_quote(item->key) : NULL;
        if (path->len)
            g_string_prepend_c(path, '.');
        g_string_prepend(path, quoted ? quoted : item->key);
    }
    return g_string_free(path, FALSE);
}

/* --- values --------------------------------------------------------------------------------------------------- */

void merge_value_scalar(GString *form, char type, const char *text)
{
    char head[24],
        *at = head + sizeof head; /* "type, size in decimal, colon": no printf, it is called for all there is */
    gsize size = strlen(text), rest = size;
    *--at = ':';
    do {
        *--at = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    *--at = type;
    g_string_append_len(form, at, head + sizeof head - at);
    g_string_append_len(form, text, (gssize)size);
}

static int pair_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Of keys and forms in turn. */
void merge_value_map(GString *form, GPtrArray *keys_and_forms)
{
    if (keys_and_forms->len > 2)
        qsort(keys_and_forms->pdata, keys_and_forms->len / 2, 2 * sizeof(gpointer), pair_compare);
    g_string_append_c(form, '{');
    for (guint i = 0; i < keys_and_forms->len; i += 2) {
        merge_value_scalar(form, 'k', g_ptr_array_index(keys_and_forms, i));
        g_string_append(form, g_ptr_array_index(keys_and_forms, i + 1));
    }
    g_string_append_c(form, '}');
}

const char *merge_item_value(MergeItem *item)
{
    if (item->value)
        return item->value;
    g_autoptr(GPtrArray) pairs = g_ptr_array_new();
    for (guint i = 0; i < item->items->len; i++) {
        MergeItem *child = g_ptr_array_index(item->items, i);
        g_ptr_array_add(pairs, child->key);
        g_ptr_array_add(pairs, (gpointer)merge_item_value(child));
    }
    GString *form = g_string_new(item->properties);
    merge_value_map(form, pairs);
    item->value = g_string_free(form, FALSE);
    return item->value;
}

static void value_of_map(GString *form, const Node *map)
{
    g_autoptr(GPtrArray) pairs = g_ptr_array_new();
    g_autoptr(GPtrArray) forms = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < map->items->len; i++) {
        const Entry *entry = g_ptr_array_index(map->items, i);
        g_ptr_array_add(forms, merge_node_value(entry->value));
        g_ptr_array_add(pairs, entry->key);
        g_ptr_array_add(pairs, g_ptr_array_index(forms, i));
    }
    merge_value_map(form, pairs);
}

void merge_value_node(GString *form, const Node *node)
{
    static const char types[] = {
        [SCALAR_PLAIN] = 'p',   [SCALAR_STRING] = 's',   [SCALAR_INTEGER] = 'i', [SCALAR_FLOAT] = 'f',
        [SCALAR_BOOLEAN] = 'b', [SCALAR_DATETIME] = 'd', [SCALAR_NULL] = 'n'};
    if (node->kind == NODE_SCALAR) {
        merge_value_scalar(form, types[node->type], node->text);
    } else if (node->kind == NODE_MAP) {
        value_of_map(form, node);
    } else {
        g_string_append_c(form, '[');
        for (guint i = 0; i < node->items->len; i++)
            merge_value_node(form, g_ptr_array_index(node->items, i));
        g_string_append_c(form, ']');
    }
}

char *merge_node_value(const Node *node)
{
    GString *form = g_string_new(NULL);
    merge_value_node(form, node);
    return g_string_free(form, FALSE);
}

/* --- lines ---------------------------------------------------------------------------------------------------- */

gboolean merge_line_next(const Reading *reading, gsize *at, guint *number, MergeLine *line)
{
    if (*at >= reading->size)
        return FALSE;
    line->start = *at;
    line->next = merge_line_end(reading, *at);
    line->end = line->next;
    if (reading->bytes[line->end - 1] == '\n')
        line->end--;
    if (line->end > line->start && reading->bytes[line->end - 1] == '\r')
        line->end--;
    line->number = ++*number;
    *at = line->next;
    return TRUE;
}

gsize merge_line_start(const Reading *reading, gsize at)
{
    while (at > 0 && reading->bytes[at - 1] != '\n')
        at--;
    return at;
}

gsize merge_line_end(const Reading *reading, gsize at)
{
    const char *newline = at < reading->size ? memchr(reading->bytes + at, '\n', reading->size - at) : NULL;
    return newline ? (gsize)(newline - reading->bytes) + 1 : reading->size;
}

gboolean merge_line_is_blank(const Reading *reading, gsize at)
{
    for (; at < reading->size && reading->bytes[at] != '\n'; at++) {
        if (!strchr(" \t\r", reading->bytes[at]))
            return FALSE;
    }
    return TRUE;
}

gsize merge_skip_space(const Reading *reading, gsize at, gsize end)
{
    while (at < end && (reading->bytes[at] == ' ' || reading->bytes[at] == '\t'))
        at++;
    return at;
}

gsize merge_trim(const Reading *reading, gsize start, gsize end)
{
    while (end > start && strchr(" \t\r", reading->bytes[end - 1]))
        end--;
    return end;
}

gboolean merge_ends_in_backslash(const Reading *reading, const MergeLine *line)
{
    gsize at = line->end;
    while (at > line->start && reading->bytes[at - 1] == '\\')
        at--;
    return (line->end - at) % 2 == 1;
}

gboolean merge_fault_at(const Reading *reading, gsize at, GError **error, const char *what)
{
    guint line, column;
    reading_position(reading, at, &line, &column);
    return reading_fault(reading, line, column, error, "%s", what);
}

/* The next byte that is neither a carriage return nor indentation, or -1. */
static int next_byte(const Reading *reading, MergeSpan *span, gboolean *at_line)
{
    while (span->start < span->end && strchr(*at_line ? "\r \t" : "\r", reading->bytes[span->start]) &&
           reading->bytes[span->start])
        span->start++;
    if (span->start >= span->end)
        return -1;
    *at_line = reading->bytes[span->start] == '\n';
    return (unsigned char)reading->bytes[span->start++];
}

gboolean merge_same_text(const Reading *a, MergeSpan in_a, const Reading *b, MergeSpan in_b)
{
    gboolean line_a = TRUE, line_b = TRUE;
    for (;;) {
        int x = next_byte(a, &in_a, &line_a), y = next_byte(b, &in_b, &line_b);
        if (x < 0 || y < 0 || x != y) { /* a last newline may be missing */
            int rest = x < 0 ? y : x, after = x < 0 ? next_byte(b, &in_b, &line_b) : next_byte(a, &in_a, &line_a);
            return (x < 0 && y < 0) || ((x < 0 || y < 0) && rest == '\n' && after < 0);
        }
    }
}
