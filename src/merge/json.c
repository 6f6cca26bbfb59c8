/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON, with comments and commas behind the last entry tolerated. What is not JSON is blanked, the strict reader of
 * base/document.h judges the rest, and a second pass along its nodes finds where each stands. Objects are merged key by
 * key, lists are values.
 */
#include "merge/merge_inner.h"

#include <string.h>

typedef struct Json {
    MergeDoc *doc;
    const Reading *reading;
    char *masked; /* comments are spaces */
} Json;

/* --- what is not JSON --------------------------------------------------------------------------------------------- */

/* Behind the string that begins at `at`, or the end. */
static gsize string_end(const char *bytes, gsize at, gsize size)
{
    for (at++; at < size && bytes[at] != '"'; at++) {
        if (bytes[at] == '\\')
            at++;
    }
    return MIN(at + 1, size);
}

static void blank(char *bytes, gsize start, gsize end)
{
    for (gsize i = start; i < end; i++) {
        if (bytes[i] != '\n' && bytes[i] != '\r')
            bytes[i] = ' ';
    }
}

/* Behind the comment that begins at `at`; 0 if none does, or it never ends. */
static gsize comment_end(const char *bytes, gsize at, gsize size)
{
    if (at + 1 >= size || bytes[at] != '/')
        return 0;
    if (bytes[at + 1] == '/') {
        const char *newline = memchr(bytes + at, '\n', size - at);
        return newline ? (gsize)(newline - bytes) : size;
    }
    const char *end = bytes[at + 1] == '*' ? g_strstr_len(bytes + at + 2, (gssize)(size - at - 2), "*/") : NULL;
    return end ? (gsize)(end - bytes) + 2 : 0;
}

static gboolean mask_comments(Json *json, GError **error)
{
    gsize size = json->reading->size;
    for (gsize at = 0; at < size;) {
        gsize end = at + 1;
        if (json->masked[at] == '"') {
            end = string_end(json->masked, at, size);
        } else if (json->masked[at] == '/' && at + 1 < size && strchr("/*", json->masked[at + 1])) {
            end = comment_end(json->masked, at, size);
            if (!end)
                return merge_fault_at(json->reading, at, error, "the comment never ends");
            blank(json->masked, at, end);
        }
        at = end;
    }
    return TRUE;
}

static gsize skip_blank(const char *bytes, gsize at, gsize size)
{
    while (at < size && strchr(" \t\r\n", bytes[at]) && bytes[at])
        at++;
    return at;
}

/* The same without commas behind which a bracket closes. The caller frees. */
static char *without_last_commas(const char *masked, gsize size)
{
    char *strict = g_memdup2(masked, size + 1);
    char before = 0;
    for (gsize at = 0; at < size;) {
        gsize end = strict[at] == '"' ? string_end(strict, at, size) : at + 1, next = skip_blank(strict, end, size);
        gboolean last = strict[at] == ',' && next < size && strchr("}]", strict[next]);
        if (last && before && !strchr("{[,:", before))
            strict[at] = ' ';
        before = strict[at];
        at = next;
    }
    return strict;
}

/* --- spans -------------------------------------------------------------------------------------------------------- */

static gsize skip(const Json *json, gsize at)
{
    return skip_blank(json->masked, at, json->reading->size);
}

/* Behind the value that begins at `at`: all are known to be well-formed. */
static gsize value_end(const Json *json, gsize at)
{
    gsize size = json->reading->size;
    guint depth = 0;
    do {
        char c = json->masked[at];
        if (c == '"')
            at = string_end(json->masked, at, size);
        else if (strchr("{}[],:", c))
            at++;
        else
            at += strcspn(json->masked + at, "{}[],: \t\r\n");
        depth += c == '{' || c == '[';
        depth -= c == '}' || c == ']';
        if (depth)
            at = skip(json, at);
    } while (depth && at < size);
    return at;
}

static gboolean is_blank(const char *bytes, gsize start, gsize end)
{
    return skip_blank(bytes, start, end) == end;
}

/* The comment lines directly above the line that begins at `line`, but none above `limit`. */
static gsize lead_start(const Json *json, gsize line, gsize limit)
{
    while (line > 0) {
        gsize above = merge_line_start(json->reading, line - 1);
        gboolean comment = is_blank(json->masked, above, line) && !merge_line_is_blank(json->reading, above);
        if (!comment || above < limit)
            break;
        line = above;
    }
    return line;
}

/* The first byte of the line, if nothing but white space and comments stands between it and `at`; else G_MAXSIZE. Never
 * looks at more than that: all of a file may be one line. */
static gsize own_line(const Json *json, gsize at)
{
    while (at > 0 && strchr(" \t\r", json->masked[at - 1]))
        at--;
    return at == 0 || json->masked[at - 1] == '\n' ? at : G_MAXSIZE;
}

/* Behind the newline, if nothing but white space and comments stands between it and `at`; else 0. */
static gsize own_line_end(const Json *json, gsize at)
{
    while (at < json->reading->size && strchr(" \t\r", json->masked[at]))
        at++;
    return at < json->reading->size && json->masked[at] == '\n' ? at + 1 : 0;
}

/* What stands around an entry: its lines, its comments, its comma. */
static void place_entry(const Json *json, MergeItem *item, gsize limit)
{
    gsize line = own_line(json, item->block.start), at = skip(json, item->block.end);
    if (json->masked[at] == ',')
        item->comma = at;
    item->tail = item->comma ? item->comma + 1 : item->block.end;
    gsize end = own_line_end(json, item->tail);
    item->own_lines = line != G_MAXSIZE && line >= limit && end;
    if (!item->own_lines) {
        item->lead = (MergeSpan){item->block.start, item->block.start};
        return;
    }
    item->lead = (MergeSpan){lead_start(json, line, limit), line};
    item->tail = end;
}

static gboolean read_map(Json *json, MergeItem *map, const Node *node, gsize at, GError **error);

static gboolean read_entry(Json *json, MergePlace *place, const Entry *entry, gsize *at, GError **error)
{
    gboolean map = entry->value->kind == NODE_MAP;
    MergeItem *item =
        merge_item_new(json->doc, place->owner, g_strdup(entry->key), map, entry->line, entry->column, error);
    if (!item)
        return FALSE;
    gsize limit = *at, key = skip(json, *at), value = string_end(json->masked, key, json->reading->size);
    value = skip(json, skip(json, value) + 1);
    item->in = place;
    g_ptr_array_add(place->entries, item);
    item->text = (MergeSpan){value, value_end(json, value)};
    item->block = (MergeSpan){key, item->text.end};
    item->name = item->key_start = key;
    place_entry(json, item, limit);
    *at = item->comma ? item->comma + 1 : item->block.end;
    if (map)
        return read_map(json, item, entry->value, value, error);
    item->value = merge_node_value(entry->value);
    return TRUE;
}

/* The object whose brace stands at `at`. */
static gboolean read_map(Json *json, MergeItem *map, const Node *node, gsize at, GError **error)
{
    MergePlace *place = map->holds = merge_place_new(json->doc, map);
    place->flow = TRUE;
    place->start = ++at;
    for (guint i = 0; i < node->items->len; i++) {
        if (!read_entry(json, place, g_ptr_array_index(node->items, i), &at, error))
            return FALSE;
    }
    place->close = skip(json, at);
    return TRUE;
}

static gboolean read_root(Json *json, const Node *node, GError **error)
{
    gboolean map = node->kind == NODE_MAP;
    MergeItem *root = merge_item_new(json->doc, NULL, NULL, map, node->line, node->column, error);
    json->doc->root = root;
    gsize at = skip(json, 0);
    root->text = root->block = (MergeSpan){at, value_end(json, at)};
    if (map)
        return read_map(json, root, node, at, error);
    root->value = merge_node_value(node);
    return TRUE;
}

gboolean merge_read_json(MergeDoc *doc, GError **error)
{
    const Reading *reading = &doc->reading;
    g_autofree char *masked = g_strndup(reading->bytes, reading->size);
    Json json = {.doc = doc, .reading = reading, .masked = masked};
    if (!mask_comments(&json, error))
        return FALSE;
    g_autofree char *strict = without_last_commas(masked, reading->size);
    g_autoptr(Node) node = document_parse(DOCUMENT_JSON, strict, reading->size, reading->name, reading->code, error);
    return node && read_root(&json, node, error);
}
