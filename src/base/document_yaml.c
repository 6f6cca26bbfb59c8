/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML by the events of libyaml. The limits hold in the event loop, before libyaml has gone deep: its scanner is
 * quadratic in the depth, and in the number of directives, which is why those are refused before it starts.
 */
#include "base/document_reader.h"

#include "base/fault.h"

#include <string.h>
#include <yaml.h>

/* A list or map that is open, and in a map the key that waits for its value. */
typedef struct Frame {
    Node *node;
    char *key;
    guint key_line, key_column;
} Frame;

typedef struct Yaml {
    Reading *reading;
    yaml_parser_t parser;
    Frame frames[DOCUMENT_MAX_DEPTH];
    guint depth;
    Node *root;
} Yaml;

/* libyaml's words are its grammar's; these are a reader's. Theirs are known by how they begin. */
static const struct {
    const char *theirs, *ours;
} words[] = {
    {"could not find expected ':'", "a key without its ':'"},
    {"block sequence entries are not allowed in this context", "a list item cannot begin here"},
    {"mapping keys are not allowed in this context", "a key cannot begin here"},
    {"mapping values are not allowed in this context", "': ' cannot stand here; a text that contains it needs quotes"},
    {"found character that cannot start any token",
     "a value cannot begin with this character; a text needs quotes, indentation needs spaces"},
    {"found a tab character where an indentation space is expected", "indentation needs spaces, not tabs"},
    {"found a tab character that violates indentation", "indentation needs spaces, not tabs"},
    {"found unexpected document indicator", "the quoted text never ends before '---' or '...'"},
    {"found unknown escape character", "unknown escape in a quoted text"},
    {"did not find expected hex", "an escape lacks hexadecimal digits"},
    {"found invalid Unicode character escape code", "an escape names no character"},
    {"did not find expected comment or line break", "only a comment may follow '|' or '>' in its line"},
    {"found an indentation indicator equal to 0", "the indentation of a block text cannot be 0"},
    {"found unexpected ':'", "unexpected ':'"},
    {"did not find expected key", "expected a key; check the indentation"},
    {"did not find expected '-' indicator", "expected a list item; check the indentation"},
    {"did not find expected ',' or ']'", "expected ',' or ']'"},
    {"did not find expected ',' or '}'", "expected ',' or '}'"},
    {"did not find expected node content", "expected a value"},
    {"did not find expected <document start>", "expected the end of the document; check the indentation"},
    {"did not find expected alphabetic or numeric character", "anchors and aliases are not allowed"},
    {"did not find expected whitespace or line break", "tags are not allowed"},
    {"found undefined tag handle", "tags are not allowed"},
    {"did not find expected tag URI", "tags are not allowed"},
    {"did not find expected '!'", "tags are not allowed"},
    {"did not find the expected '>'", "tags are not allowed"},
    {"found unknown directive name", "directives are not allowed"},
};

static gboolean fault_at_mark(const Reading *reading, yaml_mark_t mark, GError **error, const char *what)
{
    return reading_fault(reading, (guint)mark.line + 1, (guint)mark.column + 1, error, "%s", what);
}

/* Where the text ends, libyaml counts one line more; what lacks its end is told by its beginning. */
static gboolean lacks_end(const Reading *reading, const yaml_parser_t *parser)
{
    return parser->problem_mark.index >= (size_t)g_utf8_strlen(reading->bytes, (gssize)reading->size);
}

gboolean reading_fault_yaml(const Reading *reading, const yaml_parser_t *parser, GError **error)
{
    const char *problem = parser->problem ? parser->problem : "";
    if (strcmp(problem, "found unexpected end of stream") == 0)
        return fault_at_mark(reading, parser->context_mark, error, "the quoted text never ends");
    if (g_str_has_prefix(problem, "did not find expected ','") && lacks_end(reading, parser))
        return fault_at_mark(reading, parser->context_mark, error, "the brackets that open here are never closed");
    const char *what = "not valid YAML";
    for (gsize i = 0; i < G_N_ELEMENTS(words); i++) {
        if (g_str_has_prefix(problem, words[i].theirs))
            what = words[i].ours;
    }
    return fault_at_mark(reading, parser->problem_mark, error, what);
}

/* YAML's printable characters (1.2, production 1); libyaml would refuse the others, but not say where. */
static gboolean is_printable(gunichar c)
{
    if (c < 0x20)
        return c == '\t' || c == '\n' || c == '\r';
    return (c < 0x7f || c == 0x85 || c >= 0xa0) && c != 0xfeff && c != 0xfffe && c != 0xffff;
}

static gboolean check_characters(const Reading *reading, GError **error)
{
    const char *end = reading->bytes + reading->size;
    for (const char *at = reading->bytes; at < end; at = g_utf8_next_char(at)) {
        gunichar c = g_utf8_get_char(at);
        if (is_printable(c))
            continue;
        guint line, column;
        reading_position(reading, (gsize)(at - reading->bytes), &line, &column);
        return reading_fault(reading, line, column, error, "the character U+%04X is not allowed", c);
    }
    return TRUE;
}

/* The first byte at or after `at` that is neither white space nor inside a comment. */
static gsize skip_blank(const Reading *reading, gsize at)
{
    for (; at < reading->size; at++) {
        if (reading->bytes[at] == '#') {
            const char *end = memchr(reading->bytes + at, '\n', reading->size - at);
            if (!end)
                return reading->size;
            at = (gsize)(end - reading->bytes);
        } else if (!strchr(" \t\r\n", reading->bytes[at])) {
            break;
        }
    }
    return at;
}

static gboolean check_directives(const Reading *reading, GError **error)
{
    gsize at = skip_blank(reading, 0);
    if (at == reading->size || reading->bytes[at] != '%')
        return TRUE;
    guint line, column;
    reading_position(reading, at, &line, &column);
    return reading_fault(reading, line, column, error, "directives are not allowed");
}

/* mark.index counts characters. */
static gboolean check_rest(const Yaml *yaml, yaml_mark_t mark, GError **error)
{
    const Reading *reading = yaml->reading;
    gsize start = (gsize)(g_utf8_offset_to_pointer(reading->bytes, (glong)mark.index) - reading->bytes);
    gsize at = skip_blank(reading, start);
    if (at >= reading->size)
        return TRUE;
    guint line, column;
    reading_position(reading, at, &line, &column);
    return reading_fault(reading, line, column, error, "only one document is allowed");
}

gboolean reading_check_yaml(const Reading *reading, GError **error)
{
    return check_characters(reading, error) && check_directives(reading, error);
}

static gboolean fault_at(const Yaml *yaml, yaml_mark_t mark, GError **error, const char *what)
{
    return fault_at_mark(yaml->reading, mark, error, what);
}

static gboolean check_properties(const Yaml *yaml, const yaml_event_t *event, GError **error)
{
    const yaml_char_t *anchor = NULL, *tag = NULL;
    gboolean hidden_tag = FALSE;
    if (event->type == YAML_SCALAR_EVENT) {
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
        /* The tag "!" is not told, only what it does to a plain scalar. */
        hidden_tag = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !event->data.scalar.plain_implicit;
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
    }
    if (anchor)
        return fault_at(yaml, event->start_mark, error, "anchors are not allowed");
    if (tag || hidden_tag)
        return fault_at(yaml, event->start_mark, error, "tags are not allowed");
    return TRUE;
}

static Frame *top(Yaml *yaml)
{
    return yaml->depth ? &yaml->frames[yaml->depth - 1] : NULL;
}

static gboolean wants_key(Yaml *yaml)
{
    const Frame *frame = top(yaml);
    return frame && frame->node->kind == NODE_MAP && !frame->key;
}

/* Hands a finished or opened node to where it belongs; takes it. */
static void place(Yaml *yaml, Node *node)
{
    Frame *frame = top(yaml);
    if (!frame)
        yaml->root = node;
    else if (frame->node->kind == NODE_LIST)
        g_ptr_array_add(frame->node->items, node);
    else
        reading_add(frame->node, g_steal_pointer(&frame->key), frame->key_line, frame->key_column, node);
}

static gboolean take_key(Yaml *yaml, const yaml_event_t *event, GError **error)
{
    const char *text = (const char *)event->data.scalar.value;
    yaml_scalar_style_t style = event->data.scalar.style;
    gboolean plain = style == YAML_PLAIN_SCALAR_STYLE;
    if (style == YAML_LITERAL_SCALAR_STYLE || style == YAML_FOLDED_SCALAR_STYLE)
        return fault_at(yaml, event->start_mark, error, "a key must be a plain or quoted text");
    if (plain && !*text)
        return fault_at(yaml, event->start_mark, error, "a key is missing before ':'");
    if (plain && strcmp(text, "<<") == 0)
        return fault_at(yaml, event->start_mark, error, "merge keys are not allowed");
    Frame *frame = top(yaml);
    frame->key = g_strdup(text);
    frame->key_line = (guint)event->start_mark.line + 1;
    frame->key_column = (guint)event->start_mark.column + 1;
    return TRUE;
}

static gboolean take_scalar(Yaml *yaml, const yaml_event_t *event, GError **error)
{
    const char *text = (const char *)event->data.scalar.value;
    if (memchr(text, 0, event->data.scalar.length))
        return fault_at(yaml, event->start_mark, error, "a NUL character is not allowed");
    if (wants_key(yaml))
        return take_key(yaml, event, error);
    ScalarType type = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE ? SCALAR_PLAIN : SCALAR_STRING;
    Node *node = reading_node(yaml->reading, NODE_SCALAR, type, g_strdup(text), (guint)event->start_mark.line + 1,
                              (guint)event->start_mark.column + 1, error);
    if (!node)
        return FALSE;
    place(yaml, node);
    return TRUE;
}

static gboolean open_node(Yaml *yaml, const yaml_event_t *event, NodeKind kind, GError **error)
{
    guint line = (guint)event->start_mark.line + 1, column = (guint)event->start_mark.column + 1;
    if (wants_key(yaml))
        return fault_at(yaml, event->start_mark, error, "a key must be a plain or quoted text");
    if (!reading_check_depth(yaml->reading, yaml->depth, line, column, error))
        return FALSE;
    Node *node = reading_node(yaml->reading, kind, SCALAR_PLAIN, NULL, line, column, error);
    if (!node)
        return FALSE;
    place(yaml, node);
    yaml->frames[yaml->depth++] = (Frame){.node = node};
    return TRUE;
}

static gboolean close_node(Yaml *yaml, GError **error)
{
    const Node *node = yaml->frames[--yaml->depth].node;
    return node->kind == NODE_LIST || reading_check_keys(yaml->reading, node, error);
}

/* FALSE with an error; otherwise *done tells whether the document has ended. */
static gboolean take_event(Yaml *yaml, const yaml_event_t *event, gboolean *done, GError **error)
{
    if (!check_properties(yaml, event, error))
        return FALSE;
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return take_scalar(yaml, event, error);
    case YAML_SEQUENCE_START_EVENT:
        return open_node(yaml, event, NODE_LIST, error);
    case YAML_MAPPING_START_EVENT:
        return open_node(yaml, event, NODE_MAP, error);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return close_node(yaml, error);
    case YAML_ALIAS_EVENT:
        return fault_at(yaml, event->start_mark, error, "aliases are not allowed");
    case YAML_DOCUMENT_END_EVENT:
        *done = TRUE;
        return check_rest(yaml, event->end_mark, error);
    case YAML_STREAM_END_EVENT:
        *done = TRUE;
        return TRUE;
    default:
        return TRUE;
    }
}

static gboolean read_events(Yaml *yaml, GError **error)
{
    for (gboolean done = FALSE; !done;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&yaml->parser, &event))
            return reading_fault_yaml(yaml->reading, &yaml->parser, error);
        gboolean ok = take_event(yaml, &event, &done, error);
        yaml_event_delete(&event);
        if (!ok)
            return FALSE;
    }
    return TRUE;
}

static gboolean is_empty(const Node *root)
{
    return !root || (root->kind == NODE_SCALAR && root->type == SCALAR_PLAIN && !*root->text);
}

Node *document_parse_yaml(Reading *reading, GError **error)
{
    if (!reading_check_yaml(reading, error))
        return NULL;
    Yaml yaml = {.reading = reading};
    if (!yaml_parser_initialize(&yaml.parser)) {
        fault_set(error, FAULT_SYSTEM, "no memory to read %s", reading->name);
        return NULL;
    }
    yaml_parser_set_encoding(&yaml.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&yaml.parser, (const unsigned char *)reading->bytes, reading->size);
    gboolean ok = read_events(&yaml, error);
    yaml_parser_delete(&yaml.parser);
    for (guint i = 0; i < yaml.depth; i++)
        g_free(yaml.frames[i].key);
    if (ok && !is_empty(yaml.root))
        return yaml.root;
    node_free(yaml.root);
    return ok ? reading_node(reading, NODE_MAP, SCALAR_PLAIN, NULL, 1, 1, error) : NULL;
}
