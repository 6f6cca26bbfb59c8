/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML by the events of libyaml. Maps in block style are merged key by key; lists, maps in braces and block texts are
 * values. Anchors, aliases, tags, keys that are no text and further documents are read, for the files of others have
 * them, but what they touch is closed.
 */
#include "merge/yaml_reader.h"

#include "base/fault.h"

#include <string.h>

static const char several[] = "the file holds several documents";
static const char open_end[] = "the file ends in a text without a last newline";

/* --- maps in block style ------------------------------------------------------------------------------------------ */

static gsize column_of(const Reading *reading, gsize at)
{
    return merge_skip_space(reading, merge_line_start(reading, at), reading->size) - merge_line_start(reading, at);
}

/* A line of nothing but a comment, at this column. */
static gboolean is_comment(const Reading *reading, gsize line, gsize column, gboolean or_deeper)
{
    gsize at = merge_skip_space(reading, line, reading->size);
    return at < reading->size && reading->bytes[at] == '#' &&
           (at - line == column || (or_deeper && at - line > column));
}

static gsize lead_start(const Reading *reading, gsize line, gsize column, gsize limit)
{
    while (line > limit) {
        gsize above = merge_line_start(reading, line - 1);
        if (above < limit || !is_comment(reading, above, column, FALSE))
            break;
        line = above;
    }
    return line;
}

/* Comment lines below a map that are indented like its entries belong to it. */
static gsize take_comments(const Reading *reading, gsize end, gsize column)
{
    while (end > 0 && reading->bytes[end - 1] == '\n' && is_comment(reading, end, column + 1, TRUE))
        end = merge_line_end(reading, end);
    return end;
}

/* The text ends here without a newline, which may count. */
static gboolean ends_open(const Reading *reading, gsize end)
{
    return end == reading->size && end > 0 && reading->bytes[end - 1] != '\n';
}

/* What stands around an entry with this value. `behind`: behind its colon;
 * `limit`: where the one above ends. */
static void place_entry(const Yaml *yaml, MergeItem *item, const Value *value, gsize behind, gsize limit)
{
    const Reading *reading = yaml->reading;
    gsize line = merge_line_start(reading, item->key_start), column = item->key_start - line;
    gsize start = MAX(value->start, behind), end = MAX(value->end, behind);
    gboolean at_line = value->closed == yaml_keeps_blanks && reading->bytes[end - 1] == '\n';
    item->lead = (MergeSpan){lead_start(reading, line, column, limit), line};
    item->text = (MergeSpan){start, MAX(end, start)};
    item->block = (MergeSpan){line, at_line ? end : merge_line_end(reading, end)};
    item->rest = (MergeSpan){behind, yaml_trim_all(reading, behind, item->block.end)};
    gboolean one_line = !memchr(reading->bytes + line, '\n', item->text.end - line);
    item->loose = !one_line || value->block_text || item->text.end == item->text.start;
    item->block.end = MAX(item->block.end, value->reach);
    if (item->map)
        item->block.end = take_comments(reading, item->block.end, column);
    if (line < limit || column != column_of(reading, line))
        item->closed = yaml_odd_key;
    if (value->block_text && ends_open(reading, item->block.end))
        item->closed = open_end;
}

static gboolean read_entries(Yaml *yaml, MergeItem *map, Value *value, guint depth, GError **error);

/* The byte of the ':' behind the key that ends at `at`. */
static gsize find_colon(const Reading *reading, gsize at)
{
    while (at < reading->size && strchr(" \t\r\n", reading->bytes[at]))
        at++;
    return at;
}

static gboolean is_block_map(const yaml_event_t *event)
{
    return event->type == YAML_MAPPING_START_EVENT && event->data.mapping_start.style != YAML_FLOW_MAPPING_STYLE;
}

static gboolean read_entry(Yaml *yaml, MergeItem *map, gsize *limit, guint depth, GError **error)
{
    yaml_mark_t mark = yaml->event.start_mark;
    guint line = (guint)mark.line + 1, column = (guint)mark.column + 1;
    g_autoptr(GString) form = g_string_new(NULL);
    Value key = {.form = form};
    gboolean text = yaml->event.type == YAML_SCALAR_EVENT;
    g_autofree char *name = text ? g_strdup((const char *)yaml->event.data.scalar.value) : NULL;
    if (!yaml_read_value(yaml, &key, depth, error))
        return FALSE;
    if (!name)
        name = g_strdup(form->str);
    const MergeItem *first = merge_item_get(map, name);
    if (first) {
        g_autofree char *shown = reading_quote(name);
        return reading_fault(yaml->reading, line, column, error, "the key %s appears twice (line %u)", shown,
                             first->line);
    }
    if (!yaml_next_event(yaml, error))
        return FALSE;
    gboolean inner = is_block_map(&yaml->event);
    gboolean odd = !text || key.closed || key.block_text || strcmp(name, "<<") == 0;
    MergeItem *item = merge_item_new(yaml->doc, map, g_steal_pointer(&name), inner && !odd, line, column, error);
    if (!item)
        return FALSE;
    item->key_start = item->name = key.start;
    item->in = map->holds;
    g_ptr_array_add(item->in->entries, item);
    g_autoptr(GString) said = g_string_new(NULL);
    Value value = {.form = said};
    gsize colon = find_colon(yaml->reading, key.end);
    if (!(item->map ? read_entries(yaml, item, &value, depth + 1, error)
                    : yaml_read_value(yaml, &value, depth + 1, error)))
        return FALSE;
    if (!item->map)
        item->value = g_strdup(said->str);
    if (odd)
        item->closed = yaml_odd_key;
    else if (value.closed)
        item->closed = value.closed;
    gboolean has_colon = colon < yaml->reading->size && yaml->reading->bytes[colon] == ':';
    place_entry(yaml, item, &value, has_colon ? colon + 1 : key.end, *limit);
    if (!text || !has_colon)
        item->closed = yaml_odd_key;
    if (item->closed && ends_open(yaml->reading, item->block.end))
        yaml->doc->open_end = open_end;
    *limit = item->block.end;
    return TRUE;
}

/* The block map that begins with the event that is looked at; `value` gets its span, and its form where it has an
 * anchor or a tag. */
static gboolean read_entries(Yaml *yaml, MergeItem *map, Value *value, guint depth, GError **error)
{
    yaml_mark_t mark = yaml->event.start_mark;
    if (!reading_check_depth(yaml->reading, depth, (guint)mark.line + 1, (guint)mark.column + 1, error))
        return FALSE;
    value->start = value->end = yaml_byte_of(yaml, mark);
    yaml_take_properties(&yaml->event, value);
    if (value->form->len)
        map->properties = g_strdup(value->form->str);
    map->holds = merge_place_new(yaml->doc, map);
    gsize limit = map->parent ? merge_line_end(yaml->reading, map->key_start) : 0;
    for (;;) {
        if (!yaml_next_event(yaml, error))
            return FALSE;
        if (yaml->event.type == YAML_MAPPING_END_EVENT)
            break;
        if (!read_entry(yaml, map, &limit, depth, error))
            return FALSE;
    }
    const MergeItem *first = g_ptr_array_index(map->items, 0),
                    *last = g_ptr_array_index(map->items, map->items->len - 1);
    map->holds->start = first->lead.start;
    value->end = last->rest.end;
    value->reach = last->block.end;
    return TRUE;
}

/* --- the whole ---------------------------------------------------------------------------------------------------- */

static MergeItem *root_new(Yaml *yaml, gboolean map, GError **error)
{
    yaml_mark_t mark = yaml->event.start_mark;
    return yaml->doc->root =
               merge_item_new(yaml->doc, NULL, NULL, map, (guint)mark.line + 1, (guint)mark.column + 1, error);
}

static void close_root(Yaml *yaml, MergeItem *root, const Value *value)
{
    const Reading *reading = yaml->reading;
    root->text = root->block = root->rest = (MergeSpan){value->start, value->end};
    root->closed = value->closed;
    if (root->map && root->holds)
        return;
    if (!root->map) {
        root->value = g_strdup(value->form->str);
        return;
    }
    root->holds = merge_place_new(yaml->doc, root);
    root->holds->start = reading->size;
}

/* Nothing, or a block map, or what is one value. */
static gboolean read_root(Yaml *yaml, GError **error)
{
    g_autoptr(GString) form = g_string_new(NULL);
    Value value = {.form = form};
    gboolean end = yaml->event.type == YAML_STREAM_END_EVENT;
    if (!end && !yaml_next_event(yaml, error))
        return FALSE;
    const yaml_event_t *event = &yaml->event;
    gboolean nothing = end || (event->type == YAML_SCALAR_EVENT && event->data.scalar.length == 0 &&
                               event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
                               event->data.scalar.plain_implicit && !event->data.scalar.anchor);
    MergeItem *root = root_new(yaml, nothing || is_block_map(event), error);
    gboolean good =
        root &&
        (nothing || (root->map ? read_entries(yaml, root, &value, 0, error) : yaml_read_value(yaml, &value, 0, error)));
    if (!good)
        return FALSE;
    close_root(yaml, root, &value);
    return end || yaml_next_event(yaml, error);
}

/* Further documents: all is one value, and closed. */
static gboolean read_further(Yaml *yaml, GError **error)
{
    MergeItem *root = yaml->doc->root;
    while (yaml->event.type == YAML_DOCUMENT_START_EVENT) {
        g_autoptr(GString) form = g_string_new(NULL);
        Value value = {.form = form};
        if (!yaml_next_event(yaml, error) || !yaml_read_value(yaml, &value, 0, error) ||
            !yaml_next_event(yaml, error) || !yaml_next_event(yaml, error))
            return FALSE;
        root->map = FALSE;
        root->closed = several;
    }
    if (root->map || root->closed != several)
        return TRUE;
    g_autoptr(GString) text = g_string_new(NULL);
    for (gsize i = 0; i < yaml->reading->size; i++) {
        if (yaml->reading->bytes[i] != '\r')
            g_string_append_c(text, yaml->reading->bytes[i]);
    }
    g_free(root->value);
    root->value = g_string_free(g_steal_pointer(&text), FALSE);
    return TRUE;
}

/* Line breaks that YAML knows and our lines do not. */
static gboolean has_odd_breaks(const Reading *reading)
{
    static const char *const breaks[] = {"\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\xa9"};
    for (gsize i = 0; i < G_N_ELEMENTS(breaks); i++) {
        if (g_strstr_len(reading->bytes, (gssize)reading->size, breaks[i]))
            return TRUE;
    }
    for (gsize i = 0; i < reading->size; i++) {
        if (reading->bytes[i] == '\r' && (i + 1 == reading->size || reading->bytes[i + 1] != '\n'))
            return TRUE;
    }
    return FALSE;
}

static gboolean read_stream(Yaml *yaml, GError **error)
{
    if (!yaml_next_event(yaml, error) || !yaml_next_event(yaml, error) || !read_root(yaml, error))
        return FALSE;
    return yaml->event.type == YAML_STREAM_END_EVENT || (yaml_next_event(yaml, error) && read_further(yaml, error));
}

gboolean merge_read_yaml(MergeDoc *doc, GError **error)
{
    Yaml yaml = {.doc = doc, .reading = &doc->reading};
    if (!reading_check_yaml(yaml.reading, error))
        return FALSE;
    if (!yaml_parser_initialize(&yaml.parser))
        return fault_set(error, FAULT_SYSTEM, "no memory to read %s", yaml.reading->name);
    yaml_count_characters(&yaml);
    yaml_parser_set_encoding(&yaml.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&yaml.parser, (const unsigned char *)yaml.reading->bytes, yaml.reading->size);
    gboolean good = read_stream(&yaml, error);
    if (good && has_odd_breaks(yaml.reading))
        doc->root->closed = "the file has line breaks of an unusual kind";
    yaml_drop_event(&yaml);
    yaml_parser_delete(&yaml.parser);
    g_free(yaml.bytes_of);
    return good;
}

gboolean merge_confirm_yaml(const MergeDoc *user, const MergeDoc *output, const char *intended)
{
    const Reading *had = &user->reading, *has = &output->reading;
    g_autoptr(Node) before = document_parse(DOCUMENT_YAML, had->bytes, had->size, had->name, had->code, NULL);
    if (!before)
        return TRUE;
    g_autoptr(Node) after = document_parse(DOCUMENT_YAML, has->bytes, has->size, has->name, has->code, NULL);
    g_autofree char *value = after ? merge_node_value(after) : NULL;
    return g_strcmp0(value, intended) == 0;
}
