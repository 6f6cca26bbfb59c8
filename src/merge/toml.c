/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TOML as items, over the tokens of base/toml.h. A table with a header is a section; one that only dotted keys or
 * longer headers name has no bytes of its own. Arrays and inline tables are values. An array of tables is one value
 * too: its sections, where nothing else stands between them; otherwise it is closed.
 */
#include "base/toml.h"

#include "merge/merge_inner.h"

#include <string.h>

/* A header with the outermost array of tables that it belongs to, in the order of the file. */
typedef struct Header {
    const TomlItem *table, *array;
} Header;

/* Where the sections of an array of tables stand. */
typedef struct Run {
    const TomlItem *last;
    guint n_runs;
} Run;

typedef struct TomlReader {
    MergeDoc *doc;
    const TomlToken *tokens;
    gsize n_tokens;
    GArray *headers;  /* of Header */
    GHashTable *runs; /* const TomlItem * of an array -> Run * */
} TomlReader;

/* --- spans ---------------------------------------------------------------------------------------------------- */

static gsize byte_of(const TomlReader *reader, gsize token)
{
    return token < reader->n_tokens ? reader->tokens[token].start : reader->doc->reading.size;
}

static MergeSpan span_of(const TomlReader *reader, TomlRange range)
{
    return (MergeSpan){byte_of(reader, range.first), byte_of(reader, range.end)};
}

static gboolean is_comment(const Reading *reading, gsize at)
{
    while (at < reading->size && strchr(" \t", reading->bytes[at]))
        at++;
    return at < reading->size && reading->bytes[at] == '#';
}

/* Where what stands in a section ends: its last statement, and comments directly below it. Blank lines and comments
 * after them rather belong to what follows. */
static gsize section_end(const TomlReader *reader, const TomlItem *table)
{
    const Reading *reading = &reader->doc->reading;
    gsize at = span_of(reader, table->statement).end, limit = byte_of(reader, table->body.end);
    for (gsize i = table->body.end; i > table->body.first; i--) {
        TomlTokenKind kind = reader->tokens[i - 1].kind;
        if (kind == TOML_SPACE || kind == TOML_NEWLINE || kind == TOML_COMMENT)
            continue;
        at = merge_line_end(reading, reader->tokens[i - 1].start + reader->tokens[i - 1].size - 1);
        break;
    }
    while (at < limit && is_comment(reading, at))
        at = merge_line_end(reading, at);
    return at;
}

/* --- values --------------------------------------------------------------------------------------------------- */

static void append_value(GString *form, const TomlItem *item);

static char *value_of(const TomlItem *item)
{
    GString *form = g_string_sized_new(32);
    append_value(form, item);
    return g_string_free(form, FALSE);
}

static void append_table(GString *form, const TomlItem *table)
{
    g_autoptr(GPtrArray) pairs = g_ptr_array_new();
    g_autoptr(GPtrArray) forms = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < table->items->len; i++) {
        const TomlItem *child = g_ptr_array_index(table->items, i);
        g_ptr_array_add(forms, value_of(child));
        g_ptr_array_add(pairs, child->key);
        g_ptr_array_add(pairs, g_ptr_array_index(forms, i));
    }
    merge_value_map(form, pairs);
}

static void append_value(GString *form, const TomlItem *item)
{
    if (item->shape == TOML_VALUE) {
        Node node = {.kind = NODE_SCALAR, .type = item->type, .text = item->text};
        merge_value_node(form, &node);
    } else if (item->shape == TOML_INLINE || item->shape == TOML_TABLE) {
        append_table(form, item);
    } else {
        g_string_append_c(form, '[');
        for (guint i = 0; i < item->items->len; i++)
            append_value(form, g_ptr_array_index(item->items, i));
        g_string_append_c(form, ']');
    }
}

/* --- headers -------------------------------------------------------------------------------------------------- */

static gboolean has_header(const TomlItem *table)
{
    return table->statement.end > table->statement.first;
}

static void find_headers(TomlReader *reader, const TomlItem *item, const TomlItem *array)
{
    if (item->shape != TOML_TABLE && item->shape != TOML_TABLES)
        return;
    if (item->shape == TOML_TABLE && has_header(item)) {
        Header header = {item, array};
        g_array_append_val(reader->headers, header);
    }
    if (item->shape == TOML_TABLES && !array)
        array = item;
    for (guint i = 0; i < item->items->len; i++)
        find_headers(reader, g_ptr_array_index(item->items, i), array);
}

static int header_compare(gconstpointer a, gconstpointer b)
{
    gsize x = ((const Header *)a)->table->statement.first, y = ((const Header *)b)->table->statement.first;
    return (x > y) - (x < y);
}

static void find_runs(TomlReader *reader)
{
    const TomlItem *before = NULL;
    g_array_sort(reader->headers, header_compare);
    for (guint i = 0; i < reader->headers->len; i++) {
        const Header *header = &g_array_index(reader->headers, Header, i);
        Run *run = header->array ? g_hash_table_lookup(reader->runs, header->array) : NULL;
        if (header->array && !run) {
            run = g_new0(Run, 1);
            g_hash_table_insert(reader->runs, (gpointer)header->array, run);
        }
        if (run) {
            run->n_runs += header->array != before;
            run->last = header->table;
        }
        before = header->array;
    }
}

/* --- items ---------------------------------------------------------------------------------------------------- */

static MergeItem *item_new(TomlReader *reader, MergeItem *parent, const TomlItem *item, gboolean map, GError **error)
{
    MergeItem *made =
        merge_item_new(reader->doc, parent, g_strdup(item->key), map, item->key_line, item->key_column, error);
    if (made && !map)
        made->value = value_of(item);
    return made;
}

static void enter(MergePlace *place, MergeItem *item)
{
    item->in = place;
    g_ptr_array_add(place->entries, item);
}

/* A line "a.b = 1" of the section that `place` belongs to. */
static gboolean read_value(TomlReader *reader, MergeItem *parent, MergePlace *place, const TomlItem *item,
                           GError **error)
{
    MergeItem *made = item_new(reader, parent, item, FALSE, error);
    if (!made)
        return FALSE;
    made->lead = span_of(reader, item->lead);
    made->block = span_of(reader, item->statement);
    made->text = span_of(reader, item->value);
    made->name = byte_of(reader, item->key_tokens.first);
    made->key_start = made->block.start;
    while (strchr(" \t", reader->doc->reading.bytes[made->key_start]))
        made->key_start++;
    enter(place, made);
    return TRUE;
}

/* An array of tables: from its first header to the end of its last section. */
static gboolean read_tables(TomlReader *reader, MergeItem *parent, const TomlItem *item, GError **error)
{
    MergeItem *made = item_new(reader, parent, item, FALSE, error);
    if (!made)
        return FALSE;
    const TomlItem *first = g_ptr_array_index(item->items, 0);
    const Run *run = g_hash_table_lookup(reader->runs, item);
    made->lead = span_of(reader, first->lead);
    made->block = (MergeSpan){span_of(reader, first->statement).start, section_end(reader, run->last)};
    made->text = made->block;
    made->name = made->key_start = made->block.start;
    if (run->n_runs > 1) {
        made->closed = "other tables stand between those of the array";
        made->block.end = made->text.end = section_end(reader, first);
    }
    enter(reader->doc->sections, made);
    return TRUE;
}

static gboolean read_items(TomlReader *reader, MergeItem *parent, MergePlace *place, const TomlItem *table,
                           GError **error);

static gboolean read_table(TomlReader *reader, MergeItem *parent, MergePlace *place, const TomlItem *item,
                           GError **error)
{
    MergeItem *made = item_new(reader, parent, item, TRUE, error);
    if (!made)
        return FALSE;
    if (has_header(item)) {
        made->lead = span_of(reader, item->lead);
        made->block = (MergeSpan){span_of(reader, item->statement).start, section_end(reader, item)};
        enter(reader->doc->sections, made);
        place = made->holds = merge_place_new(reader->doc, made);
        place->start = span_of(reader, item->statement).end;
    }
    return read_items(reader, made, place, item, error);
}

static gboolean read_items(TomlReader *reader, MergeItem *parent, MergePlace *place, const TomlItem *table,
                           GError **error)
{
    for (guint i = 0; i < table->items->len; i++) {
        const TomlItem *item = g_ptr_array_index(table->items, i);
        gboolean good = item->shape == TOML_TABLE    ? read_table(reader, parent, place, item, error)
                        : item->shape == TOML_TABLES ? read_tables(reader, parent, item, error)
                                                     : read_value(reader, parent, place, item, error);
        if (!good)
            return FALSE;
    }
    return TRUE;
}

gboolean merge_read_toml(MergeDoc *doc, GError **error)
{
    const Reading *reading = &doc->reading;
    g_autoptr(TomlText) text = toml_parse(reading->bytes, reading->size, reading->name, reading->code, error);
    if (!text)
        return FALSE;
    TomlReader reader = {.doc = doc};
    reader.tokens = toml_tokens(text, &reader.n_tokens);
    g_autoptr(GArray) headers = g_array_new(FALSE, FALSE, sizeof(Header));
    g_autoptr(GHashTable) runs = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    reader.headers = headers;
    reader.runs = runs;
    const TomlItem *root = toml_root(text);
    find_headers(&reader, root, NULL);
    find_runs(&reader);
    doc->root = merge_item_new(doc, NULL, NULL, TRUE, 1, 1, error);
    doc->root->holds = merge_place_new(doc, doc->root);
    doc->root->holds->start = byte_of(&reader, root->body.end);
    doc->sections = merge_place_new(doc, NULL);
    doc->sections->start = reading->size;
    return read_items(&reader, doc->root, doc->root->holds, root, error);
}
