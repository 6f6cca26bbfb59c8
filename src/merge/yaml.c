/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML by the events of libyaml. Maps in block style are merged key by key; lists, maps in braces and block texts are
 * values. Anchors, aliases, tags, keys that are no text and further documents are read, for the files of others have
 * them, but what they touch is closed.
 */
#include "merge/merge_inner.h"

#include "base/fault.h"

#include <string.h>
#include <yaml.h>

static const char has_properties[] = "anchors, aliases and tags cannot be edited safely";
static const char odd_key[] = "its key cannot be edited safely";
static const char several[] = "the file holds several documents";
static const char keeps_blanks[] = "the blank lines below it are part of it";
static const char open_end[] = "the file ends in a text without a last newline";

typedef struct Yaml {
    MergeDoc *doc;
    const Reading *reading;
    yaml_parser_t parser;
    yaml_event_t event; /* the one that is looked at */
    gboolean has_event;
    guint32 *bytes_of; /* byte offset of each character; NULL: all are ASCII */
    gsize n_chars;
} Yaml;

/* What a value says, and where it stands. */
typedef struct Value {
    GString *form;
    gsize start, end;
    gsize reach; /* of a map: where the lines of its last entry end */
    const char *closed;
    gboolean block_text;
} Value;

/* --- events ------------------------------------------------------------------------------------------------------- */

/* Marks count characters. */
static void count_characters(Yaml *yaml)
{
    const Reading *reading = yaml->reading;
    yaml->n_chars = (gsize)g_utf8_strlen(reading->bytes, (gssize)reading->size);
    if (yaml->n_chars == reading->size)
        return;
    yaml->bytes_of = g_new(guint32, yaml->n_chars + 1);
    const char *at = reading->bytes;
    for (gsize i = 0; i < yaml->n_chars; i++, at = g_utf8_next_char(at))
        yaml->bytes_of[i] = (guint32)(at - reading->bytes);
    yaml->bytes_of[yaml->n_chars] = (guint32)reading->size;
}

static gsize byte_of(const Yaml *yaml, yaml_mark_t mark)
{
    gsize index = MIN(mark.index, yaml->n_chars);
    return yaml->bytes_of ? yaml->bytes_of[index] : index;
}

static void drop_event(Yaml *yaml)
{
    if (yaml->has_event)
        yaml_event_delete(&yaml->event);
    yaml->has_event = FALSE;
}

static gboolean next_event(Yaml *yaml, GError **error)
{
    drop_event(yaml);
    yaml->has_event = yaml_parser_parse(&yaml->parser, &yaml->event);
    return yaml->has_event || reading_fault_yaml(yaml->reading, &yaml->parser, error);
}

/* Adds anchor and tag to the form; TRUE if there are any. */
static gboolean take_properties(const yaml_event_t *event, GString *form)
{
    const yaml_char_t *anchor = NULL, *tag = NULL;
    gboolean hidden_tag = FALSE;
    if (event->type == YAML_SCALAR_EVENT) {
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
        hidden_tag = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !event->data.scalar.plain_implicit;
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
    } else if (event->type == YAML_ALIAS_EVENT) {
        anchor = event->data.alias.anchor;
    }
    if (anchor)
        merge_value_scalar(form, event->type == YAML_ALIAS_EVENT ? '*' : '&', (const char *)anchor);
    if (tag || hidden_tag)
        merge_value_scalar(form, '!', tag ? (const char *)tag : "!");
    return anchor || tag || hidden_tag;
}

/* --- values ------------------------------------------------------------------------------------------------------- */

static gsize trim_all(const Reading *reading, gsize start, gsize end)
{
    while (end > start && strchr(" \t\r\n", reading->bytes[end - 1]))
        end--;
    return end;
}

static void take_scalar(const Yaml *yaml, Value *value)
{
    const yaml_event_t *event = &yaml->event;
    const char *text = (const char *)event->data.scalar.value;
    yaml_scalar_style_t style = event->data.scalar.style;
    value->block_text = style == YAML_LITERAL_SCALAR_STYLE || style == YAML_FOLDED_SCALAR_STYLE;
    merge_value_scalar(value->form, style == YAML_PLAIN_SCALAR_STYLE ? 'p' : 's', text);
    if (!value->block_text)
        return;
    gsize size = event->data.scalar.length;
    if (size > 1 && g_str_has_suffix(text, "\n\n"))
        value->closed = keeps_blanks;
    else
        value->end = trim_all(yaml->reading, value->start, value->end);
}

static gboolean read_value(Yaml *yaml, Value *value, guint depth, GError **error);

/* A key of a map that is a value; in `keys` each with its line. */
static gboolean take_key(Yaml *yaml, GTree *keys, GPtrArray *texts, Value *map, guint depth, GError **error)
{
    guint line = (guint)yaml->event.start_mark.line + 1, column = (guint)yaml->event.start_mark.column + 1;
    g_autoptr(GString) form = g_string_new(NULL);
    Value key = {.form = form};
    gboolean plain = yaml->event.type == YAML_SCALAR_EVENT;
    char *text = plain ? g_strdup((const char *)yaml->event.data.scalar.value) : NULL;
    if (!read_value(yaml, &key, depth, error)) {
        g_free(text);
        return FALSE;
    }
    if (!plain || key.closed)
        map->closed = map->closed ? map->closed : odd_key;
    if (!text)
        text = g_strdup(form->str);
    g_ptr_array_add(texts, text);
    guint first = GPOINTER_TO_UINT(g_tree_lookup(keys, text));
    if (first) {
        g_autofree char *shown = reading_quote(text);
        return reading_fault(yaml->reading, line, column, error, "the key %s appears twice (line %u)", shown, first);
    }
    g_tree_insert(keys, text, GUINT_TO_POINTER(line));
    return TRUE;
}

static int key_compare(gconstpointer a, gconstpointer b, gpointer unused)
{
    (void)unused;
    return strcmp(a, b);
}

static void take_inner(Value *outer, const Value *inner)
{
    outer->end = MAX(outer->end, inner->end);
    if (!outer->closed)
        outer->closed = inner->closed;
}

static gboolean count(Yaml *yaml, GError **error)
{
    yaml_mark_t mark = yaml->event.start_mark;
    return reading_count(&yaml->doc->reading, (guint)mark.line + 1, (guint)mark.column + 1, error);
}

static gboolean read_list(Yaml *yaml, Value *value, guint depth, GError **error)
{
    gboolean flow = yaml->event.data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE;
    g_string_append_c(value->form, '[');
    for (;;) {
        if (!next_event(yaml, error))
            return FALSE;
        if (yaml->event.type == YAML_SEQUENCE_END_EVENT)
            break;
        Value item = {.form = value->form};
        if (!count(yaml, error) || !read_value(yaml, &item, depth + 1, error))
            return FALSE;
        take_inner(value, &item);
    }
    g_string_append_c(value->form, ']');
    if (flow)
        value->end = byte_of(yaml, yaml->event.end_mark);
    return TRUE;
}

static gboolean read_pairs(Yaml *yaml, Value *value, guint depth, GPtrArray *texts, GPtrArray *forms, GError **error)
{
    g_autoptr(GTree) keys = g_tree_new_full(key_compare, NULL, NULL, NULL);
    for (;;) {
        if (!next_event(yaml, error))
            return FALSE;
        if (yaml->event.type == YAML_MAPPING_END_EVENT)
            return TRUE;
        GString *form = g_string_new(NULL);
        Value inner = {.form = form};
        gboolean good = take_key(yaml, keys, texts, value, depth + 1, error) && next_event(yaml, error) &&
                        count(yaml, error) && read_value(yaml, &inner, depth + 1, error);
        g_ptr_array_add(forms, g_string_free(form, FALSE));
        if (!good)
            return FALSE;
        take_inner(value, &inner);
    }
}

static gboolean read_map(Yaml *yaml, Value *value, guint depth, GError **error)
{
    gboolean flow = yaml->event.data.mapping_start.style == YAML_FLOW_MAPPING_STYLE;
    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) forms = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) pairs = g_ptr_array_new();
    if (!read_pairs(yaml, value, depth, texts, forms, error))
        return FALSE;
    if (flow)
        value->end = byte_of(yaml, yaml->event.end_mark);
    for (guint i = 0; i < texts->len; i++) {
        g_ptr_array_add(pairs, g_ptr_array_index(texts, i));
        g_ptr_array_add(pairs, g_ptr_array_index(forms, i));
    }
    merge_value_map(value->form, pairs);
    return TRUE;
}

/* The node that begins with the event that is looked at. */
static gboolean read_value(Yaml *yaml, Value *value, guint depth, GError **error)
{
    yaml_mark_t mark = yaml->event.start_mark;
    guint line = (guint)mark.line + 1, column = (guint)mark.column + 1;
    value->start = byte_of(yaml, mark);
    value->end = byte_of(yaml, yaml->event.end_mark);
    if (take_properties(&yaml->event, value->form))
        value->closed = has_properties;
    gboolean list = yaml->event.type == YAML_SEQUENCE_START_EVENT, map = yaml->event.type == YAML_MAPPING_START_EVENT;
    if ((list || map) && !reading_check_depth(yaml->reading, depth, line, column, error))
        return FALSE;
    if (list)
        return read_list(yaml, value, depth, error);
    if (map)
        return read_map(yaml, value, depth, error);
    if (yaml->event.type == YAML_SCALAR_EVENT)
        take_scalar(yaml, value);
    return TRUE;
}

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
    gboolean at_line = value->closed == keeps_blanks && reading->bytes[end - 1] == '\n';
    item->lead = (MergeSpan){lead_start(reading, line, column, limit), line};
    item->text = (MergeSpan){start, MAX(end, start)};
    item->block = (MergeSpan){line, at_line ? end : merge_line_end(reading, end)};
    item->rest = (MergeSpan){behind, trim_all(reading, behind, item->block.end)};
    gboolean one_line = !memchr(reading->bytes + line, '\n', item->text.end - line);
    item->loose = !one_line || value->block_text || item->text.end == item->text.start;
    item->block.end = MAX(item->block.end, value->reach);
    if (item->map)
        item->block.end = take_comments(reading, item->block.end, column);
    if (line < limit || column != column_of(reading, line))
        item->closed = odd_key;
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
    if (!read_value(yaml, &key, depth, error))
        return FALSE;
    if (!name)
        name = g_strdup(form->str);
    const MergeItem *first = merge_item_get(map, name);
    if (first) {
        g_autofree char *shown = reading_quote(name);
        return reading_fault(yaml->reading, line, column, error, "the key %s appears twice (line %u)", shown,
                             first->line);
    }
    if (!next_event(yaml, error))
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
    if (!(item->map ? read_entries(yaml, item, &value, depth + 1, error) : read_value(yaml, &value, depth + 1, error)))
        return FALSE;
    if (!item->map)
        item->value = g_strdup(said->str);
    if (odd)
        item->closed = odd_key;
    else if (value.closed)
        item->closed = value.closed;
    gboolean has_colon = colon < yaml->reading->size && yaml->reading->bytes[colon] == ':';
    place_entry(yaml, item, &value, has_colon ? colon + 1 : key.end, *limit);
    if (!text || !has_colon)
        item->closed = odd_key;
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
    value->start = value->end = byte_of(yaml, mark);
    if (take_properties(&yaml->event, value->form))
        value->closed = has_properties;
    if (value->form->len)
        map->properties = g_strdup(value->form->str);
    map->holds = merge_place_new(yaml->doc, map);
    gsize limit = map->parent ? merge_line_end(yaml->reading, map->key_start) : 0;
    for (;;) {
        if (!next_event(yaml, error))
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
    if (!end && !next_event(yaml, error))
        return FALSE;
    const yaml_event_t *event = &yaml->event;
    gboolean nothing = end || (event->type == YAML_SCALAR_EVENT && event->data.scalar.length == 0 &&
                               event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
                               event->data.scalar.plain_implicit && !event->data.scalar.anchor);
    MergeItem *root = root_new(yaml, nothing || is_block_map(event), error);
    gboolean good =
        root &&
        (nothing || (root->map ? read_entries(yaml, root, &value, 0, error) : read_value(yaml, &value, 0, error)));
    if (!good)
        return FALSE;
    close_root(yaml, root, &value);
    return end || next_event(yaml, error);
}

/* Further documents: all is one value, and closed. */
static gboolean read_further(Yaml *yaml, GError **error)
{
    MergeItem *root = yaml->doc->root;
    while (yaml->event.type == YAML_DOCUMENT_START_EVENT) {
        g_autoptr(GString) form = g_string_new(NULL);
        Value value = {.form = form};
        if (!next_event(yaml, error) || !read_value(yaml, &value, 0, error) || !next_event(yaml, error) ||
            !next_event(yaml, error))
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

static gboolean read_stream(Yaml *yaml, GError **error)
{
    if (!next_event(yaml, error) || !next_event(yaml, error) || !read_root(yaml, error))
        return FALSE;
    return yaml->event.type == YAML_STREAM_END_EVENT || (next_event(yaml, error) && read_further(yaml, error));
}

gboolean merge_read_yaml(MergeDoc *doc, GError **error)
{
    Yaml yaml = {.doc = doc, .reading = &doc->reading};
    if (!reading_check_yaml(yaml.reading, error))
        return FALSE;
    if (!yaml_parser_initialize(&yaml.parser))
        return fault_set(error, FAULT_SYSTEM, "no memory to read %s", yaml.reading->name);
    count_characters(&yaml);
    yaml_parser_set_encoding(&yaml.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&yaml.parser, (const unsigned char *)yaml.reading->bytes, yaml.reading->size);
    gboolean good = read_stream(&yaml, error);
    drop_event(&yaml);
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
