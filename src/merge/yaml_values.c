/* SPDX-License-Identifier: Apache-2.0 */
/* The events of libyaml, and values: scalars, lists and maps as one piece. */
#include "merge/yaml_reader.h"

#include <string.h>

static const char has_properties[] = "anchors, aliases and tags cannot be edited safely";
const char yaml_odd_key[] = "its key cannot be edited safely";
const char yaml_keeps_blanks[] = "the blank lines below it are part of it";

/* --- events ------------------------------------------------------------------------------------------------------- */

/* Marks count characters. */
void yaml_count_characters(Yaml *yaml)
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

gsize yaml_byte_of(const Yaml *yaml, yaml_mark_t mark)
{
    gsize index = MIN(mark.index, yaml->n_chars);
    return yaml->bytes_of ? yaml->bytes_of[index] : index;
}

void yaml_drop_event(Yaml *yaml)
{
    if (yaml->has_event)
        yaml_event_delete(&yaml->event);
    yaml->has_event = FALSE;
}

gboolean yaml_next_event(Yaml *yaml, GError **error)
{
    yaml_drop_event(yaml);
    yaml->has_event = yaml_parser_parse(&yaml->parser, &yaml->event);
    return yaml->has_event || reading_fault_yaml(yaml->reading, &yaml->parser, error);
}

void yaml_take_properties(const yaml_event_t *event, Value *value)
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
        merge_value_scalar(value->form, event->type == YAML_ALIAS_EVENT ? '*' : '&', (const char *)anchor);
    if (tag || hidden_tag)
        merge_value_scalar(value->form, '!', tag ? (const char *)tag : "!");
    if (anchor || tag || hidden_tag)
        value->closed = has_properties;
}

/* --- values ------------------------------------------------------------------------------------------------------- */

gsize yaml_trim_all(const Reading *reading, gsize start, gsize end)
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
        value->closed = yaml_keeps_blanks;
    else
        value->end = yaml_trim_all(yaml->reading, value->start, value->end);
}

/* A key of a map that is a value; in `keys` each with its line. */
static gboolean take_key(Yaml *yaml, GTree *keys, GPtrArray *texts, Value *map, guint depth, GError **error)
{
    guint line = (guint)yaml->event.start_mark.line + 1, column = (guint)yaml->event.start_mark.column + 1;
    g_autoptr(GString) form = g_string_new(NULL);
    Value key = {.form = form};
    gboolean plain = yaml->event.type == YAML_SCALAR_EVENT;
    char *text = plain ? g_strdup((const char *)yaml->event.data.scalar.value) : NULL;
    if (!yaml_read_value(yaml, &key, depth, error)) {
        g_free(text);
        return FALSE;
    }
    if (!plain || key.closed)
        map->closed = map->closed ? map->closed : yaml_odd_key;
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
        if (!yaml_next_event(yaml, error))
            return FALSE;
        if (yaml->event.type == YAML_SEQUENCE_END_EVENT)
            break;
        Value item = {.form = value->form};
        if (!count(yaml, error) || !yaml_read_value(yaml, &item, depth + 1, error))
            return FALSE;
        take_inner(value, &item);
    }
    g_string_append_c(value->form, ']');
    if (flow)
        value->end = yaml_byte_of(yaml, yaml->event.end_mark);
    return TRUE;
}

static gboolean read_pairs(Yaml *yaml, Value *value, guint depth, GPtrArray *texts, GPtrArray *forms, GError **error)
{
    g_autoptr(GTree) keys = g_tree_new_full(key_compare, NULL, NULL, NULL);
    for (;;) {
        if (!yaml_next_event(yaml, error))
            return FALSE;
        if (yaml->event.type == YAML_MAPPING_END_EVENT)
            return TRUE;
        GString *form = g_string_new(NULL);
        Value inner = {.form = form};
        gboolean good = take_key(yaml, keys, texts, value, depth + 1, error) && yaml_next_event(yaml, error) &&
                        count(yaml, error) && yaml_read_value(yaml, &inner, depth + 1, error);
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
        value->end = yaml_byte_of(yaml, yaml->event.end_mark);
    for (guint i = 0; i < texts->len; i++) {
        g_ptr_array_add(pairs, g_ptr_array_index(texts, i));
        g_ptr_array_add(pairs, g_ptr_array_index(forms, i));
    }
    merge_value_map(value->form, pairs);
    return TRUE;
}

gboolean yaml_read_value(Yaml *yaml, Value *value, guint depth, GError **error)
{
    yaml_mark_t mark = yaml->event.start_mark;
    guint line = (guint)mark.line + 1, column = (guint)mark.column + 1;
    value->start = yaml_byte_of(yaml, mark);
    value->end = yaml_byte_of(yaml, yaml->event.end_mark);
    yaml_take_properties(&yaml->event, value);
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
