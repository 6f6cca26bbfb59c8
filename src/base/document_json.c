/* SPDX-License-Identifier: Apache-2.0 */
/* JSON: a strict reader of RFC 8259 that knows where everything stands, and the writer. */
#include "base/document_reader.h"

#include <string.h>

/* --- reading ------------------------------------------------------------------------------------------------ */

typedef struct Json {
    Reading *reading;
    gsize at;
    guint line;
    gsize line_start; /* byte at which the line begins */
    gsize counted_at; /* columns are counted from here on: one pass over a long line, not one a value */
    guint counted;    /* column of counted_at */
} Json;

static int peek(const Json *json)
{
    return json->at < json->reading->size ? (unsigned char)json->reading->bytes[json->at] : -1;
}

static guint column_here(Json *json)
{
    if (json->counted_at < json->line_start || json->counted_at > json->at) {
        json->counted_at = json->line_start;
        json->counted = 1;
    }
    for (; json->counted_at < json->at; json->counted_at++) {
        if (((unsigned char)json->reading->bytes[json->counted_at] & 0xc0) != 0x80)
            json->counted++;
    }
    return json->counted;
}

G_GNUC_PRINTF(3, 4)
static gboolean fault_here(Json *json, GError **error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *what = g_strdup_vprintf(format, args);
    va_end(args);
    return reading_fault(json->reading, json->line, column_here(json), error, "%s", what);
}

/* What stands here, in words. The caller frees. */
static char *found_here(const Json *json)
{
    if (peek(json) < 0)
        return g_strdup("the end of the text");
    char one[7] = "";
    g_unichar_to_utf8(g_utf8_get_char(json->reading->bytes + json->at), one);
    return reading_quote(one);
}

static gboolean expected(Json *json, const char *what, GError **error)
{
    g_autofree char *found = found_here(json);
    return fault_here(json, error, "expected %s, found %s", what, found);
}

static void skip_space(Json *json)
{
    for (int c = peek(json); c == ' ' || c == '\t' || c == '\r' || c == '\n'; c = peek(json)) {
        json->at++;
        if (c == '\n') {
            json->line++;
            json->line_start = json->at;
        }
    }
}

static gboolean accept(Json *json, char c)
{
    if (peek(json) != c)
        return FALSE;
    json->at++;
    return TRUE;
}

/* The four digits of \uXXXX at `at`, or -1. */
static gint32 hex4(const Json *json, gsize at)
{
    gint32 value = 0;
    for (gsize i = at; i < at + 4; i++) {
        int digit = i < json->reading->size ? g_ascii_xdigit_value(json->reading->bytes[i]) : -1;
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* At the 'u' of an escape; a surrogate pair is one character. */
static gboolean read_unicode(Json *json, GString *text, GError **error)
{
    gint32 c = hex4(json, json->at + 1);
    if (c < 0)
        return fault_here(json, error, "\\u needs four hexadecimal digits");
    if (c == 0)
        return fault_here(json, error, "a NUL character is not allowed");
    if (c >= 0xdc00 && c <= 0xdfff)
        return fault_here(json, error, "half of a surrogate pair");
    gsize size = 5;
    if (c >= 0xd800 && c <= 0xdbff) {
        const char *next = json->reading->bytes + json->at + 5;
        gboolean escape = json->at + 11 <= json->reading->size && next[0] == '\\' && next[1] == 'u';
        gint32 low = escape ? hex4(json, json->at + 7) : -1;
        if (low < 0xdc00 || low > 0xdfff)
            return fault_here(json, error, "half of a surrogate pair");
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        size = 11;
    }
    json->at += size;
    g_string_append_unichar(text, (gunichar)c);
    return TRUE;
}

static gboolean read_escape(Json *json, GString *text, GError **error)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    int c = peek(json);
    if (c == 'u')
        return read_unicode(json, text, error);
    const char *name = c > 0 ? strchr(names, c) : NULL;
    if (!name)
        return expected(json, "an escape", error);
    g_string_append_c(text, values[name - names]);
    json->at++;
    return TRUE;
}

/* At the opening quote. NULL with an error. */
static char *read_string(Json *json, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    json->at++;
    for (;;) {
        gsize start = json->at;
        int c = peek(json);
        for (; c >= (json->reading->raw ? 1 : 0x20) && c != '"' && c != '\\'; c = peek(json))
            json->at++;
        g_string_append_len(text, json->reading->bytes + start, (gssize)(json->at - start));
        if (accept(json, '"'))
            return g_strdup(text->str);
        if (c == '\\') {
            json->at++;
            if (!read_escape(json, text, error))
                return NULL;
        } else {
            if (c < 0)
                fault_here(json, error, "the string never ends");
            else
                fault_here(json, error, "the control character U+%04X in a string must be escaped", (guint)c);
            return NULL;
        }
    }
}

static gsize skip_digits(Json *json)
{
    gsize start = json->at;
    while (g_ascii_isdigit(peek(json)))
        json->at++;
    return json->at - start;
}

/* At '-' or a digit. Numbers stay text: no value is lost to a double. */
static gboolean read_number(Json *json, ScalarType *type, GError **error)
{
    *type = SCALAR_INTEGER;
    accept(json, '-');
    if (accept(json, '0')) {
        if (g_ascii_isdigit(peek(json)))
            return fault_here(json, error, "a number cannot begin with 0");
    } else if (!skip_digits(json)) {
        return expected(json, "a digit", error);
    }
    if (accept(json, '.')) {
        *type = SCALAR_FLOAT;
        if (!skip_digits(json))
            return expected(json, "a digit", error);
    }
    if (accept(json, 'e') || accept(json, 'E')) {
        *type = SCALAR_FLOAT;
        if (!accept(json, '+'))
            accept(json, '-');
        if (!skip_digits(json))
            return expected(json, "a digit", error);
    }
    return TRUE;
}

static gboolean read_word(Json *json, ScalarType *type)
{
    static const struct {
        const char *word;
        ScalarType type;
    } rows[] = {{"true", SCALAR_BOOLEAN}, {"false", SCALAR_BOOLEAN}, {"null", SCALAR_NULL}};
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        gsize size = strlen(rows[i].word);
        if (json->reading->size - json->at >= size &&
            memcmp(json->reading->bytes + json->at, rows[i].word, size) == 0) {
            json->at += size;
            *type = rows[i].type;
            return TRUE;
        }
    }
    return FALSE;
}

static Node *read_scalar(Json *json, GError **error)
{
    guint column = column_here(json);
    gsize start = json->at;
    ScalarType type = SCALAR_STRING;
    char *text = NULL;
    int c = peek(json);
    if (c == '"') {
        text = read_string(json, error);
    } else if (c == '-' || g_ascii_isdigit(c)) {
        if (read_number(json, &type, error))
            text = g_strndup(json->reading->bytes + start, json->at - start);
    } else if (read_word(json, &type)) {
        text = g_strndup(json->reading->bytes + start, json->at - start);
    } else {
        expected(json, "a value", error);
    }
    return text ? reading_node(json->reading, NODE_SCALAR, type, text, json->line, column, error) : NULL;
}

static Node *read_value(Json *json, guint depth, GError **error);

static gboolean read_entry(Json *json, Node *map, guint depth, GError **error)
{
    if (peek(json) != '"')
        return expected(json, "a key in double quotes", error);
    guint line = json->line, column = column_here(json);
    g_autofree char *key = read_string(json, error);
    if (!key)
        return FALSE;
    skip_space(json);
    if (!accept(json, ':'))
        return expected(json, "':'", error);
    Node *value = read_value(json, depth, error);
    if (!value)
        return FALSE;
    reading_add(map, g_steal_pointer(&key), line, column, value);
    return TRUE;
}

static gboolean read_item(Json *json, Node *list, guint depth, GError **error)
{
    Node *item = read_value(json, depth, error);
    if (!item)
        return FALSE;
    g_ptr_array_add(list->items, item);
    return TRUE;
}

/* At '[' or '{'. */
static Node *read_collection(Json *json, NodeKind kind, guint depth, GError **error)
{
    const char closing = kind == NODE_LIST ? ']' : '}';
    guint column = column_here(json);
    if (!reading_check_depth(json->reading, depth, json->line, column, error))
        return NULL;
    g_autoptr(Node) node = reading_node(json->reading, kind, SCALAR_PLAIN, NULL, json->line, column, error);
    if (!node)
        return NULL;
    json->at++;
    skip_space(json);
    if (accept(json, closing))
        return g_steal_pointer(&node);
    for (;;) {
        skip_space(json);
        if (!(kind == NODE_LIST ? read_item(json, node, depth + 1, error) : read_entry(json, node, depth + 1, error)))
            return NULL;
        skip_space(json);
        if (accept(json, closing))
            break;
        if (!accept(json, ',')) {
            expected(json, kind == NODE_LIST ? "',' or ']'" : "',' or '}'", error);
            return NULL;
        }
    }
    if (kind == NODE_MAP && !reading_check_keys(json->reading, node, error))
        return NULL;
    return g_steal_pointer(&node);
}

static Node *read_value(Json *json, guint depth, GError **error)
{
    skip_space(json);
    int c = peek(json);
    if (c == '[' || c == '{')
        return read_collection(json, c == '[' ? NODE_LIST : NODE_MAP, depth, error);
    return read_scalar(json, error);
}

Node *document_parse_json(Reading *reading, GError **error)
{
    Json json = {.reading = reading, .line = 1, .counted = 1};
    g_autoptr(Node) root = read_value(&json, 0, error);
    if (!root)
        return NULL;
    skip_space(&json);
    if (peek(&json) >= 0) {
        expected(&json, "the end of the text", error);
        return NULL;
    }
    return g_steal_pointer(&root);
}

/* --- writing ------------------------------------------------------------------------------------------------ */

static void write_string(GString *json, const char *text)
{
    static const char names[] = "\"\\bfnrt", values[] = "\"\\\b\f\n\r\t";
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    g_string_append_c(json, '"');
    for (const char *at = valid; *at; at++) {
        unsigned char c = (unsigned char)*at;
        const char *value = strchr(values, c);
        if (value)
            g_string_append_printf(json, "\\%c", names[value - values]);
        else if (c < 0x20 || c == 0x7f)
            g_string_append_printf(json, "\\u%04x", c);
        else
            g_string_append_c(json, (char)c);
    }
    g_string_append_c(json, '"');
}

/* Whether a text is a number by RFC 8259; inf, nan and whatever a record may claim are not. */
static gboolean is_number(const char *text)
{
    Reading reading = {.bytes = text, .size = strlen(text), .name = ""};
    Json json = {.reading = &reading, .line = 1, .counted = 1};
    ScalarType type;
    gboolean plausible = *text && *text != '+' && text[strspn(text, "0123456789+-.eE")] == 0;
    return plausible && read_number(&json, &type, NULL) && json.at == reading.size;
}

static gboolean is_raw(const Node *node)
{
    switch (node->type) {
    case SCALAR_INTEGER:
    case SCALAR_FLOAT:
        return is_number(node->text);
    case SCALAR_BOOLEAN:
        return strcmp(node->text, "true") == 0 || strcmp(node->text, "false") == 0;
    default:
        return FALSE;
    }
}

static void write_break(GString *json, guint indent, guint depth)
{
    if (!indent)
        return;
    g_string_append_c(json, '\n');
    for (guint i = 0; i < indent * depth; i++)
        g_string_append_c(json, ' ');
}

static void write_node(GString *json, const Node *node, guint indent, guint depth)
{
    if (node->kind == NODE_SCALAR) {
        if (node->type == SCALAR_NULL)
            g_string_append(json, "null");
        else if (is_raw(node))
            g_string_append(json, node->text);
        else
            write_string(json, node->text);
        return;
    }
    gboolean map = node->kind == NODE_MAP;
    g_string_append_c(json, map ? '{' : '[');
    for (guint i = 0; i < node->items->len; i++) {
        const Node *value = g_ptr_array_index(node->items, i);
        if (i)
            g_string_append_c(json, ',');
        write_break(json, indent, depth + 1);
        if (map) {
            const Entry *entry = g_ptr_array_index(node->items, i);
            write_string(json, entry->key);
            g_string_append(json, indent ? ": " : ":");
            value = entry->value;
        }
        write_node(json, value, indent, depth + 1);
    }
    if (node->items->len)
        write_break(json, indent, depth);
    g_string_append_c(json, map ? '}' : ']');
}

char *node_to_json(const Node *node, guint indent)
{
    GString *json = g_string_new(NULL);
    write_node(json, node, indent, 0);
    return g_string_free(json, FALSE);
}
