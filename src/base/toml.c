/* SPDX-License-Identifier: Apache-2.0 */
/* TOML as a tree: the grammar of lines, values and headers; what they may define is the concern of toml_tables.c. */
#include "base/toml_reader.h"

#include "base/fault.h"

#include <string.h>

struct TomlText {
    char *bytes;
    GArray *tokens;
    TomlNode *root;
};

typedef struct Parser {
    Reading reading;
    TomlLexer lexer;
    TomlNode *root, *table; /* the table that "key = value" lines go to */
    gsize lead;             /* the first token of the comment lines directly above */
    gsize line;             /* the first token of the line */
    TomlNode *entry;        /* what the line defined: a value of `table`, or `table` itself; NULL so far */
} Parser;

/* --- keys --------------------------------------------------------------------------------------------------- */

static void part_clear(gpointer data)
{
    g_free(((TomlPart *)data)->text);
}

static const TomlToken *last_token(const Parser *parser)
{
    return &g_array_index(parser->lexer.tokens, TomlToken, parser->lexer.tokens->len - 1);
}

static char *decode_string(const Parser *parser, const TomlToken *token, GError **error)
{
    const char *what = NULL;
    gsize offset = 0;
    const char *bytes = parser->reading.bytes + token->start;
    char *text = toml_decode_string(token->kind, bytes, token->size, &what, &offset);
    if (!text) {
        guint line, column;
        reading_position(&parser->reading, token->start + offset, &line, &column);
        reading_fault(&parser->reading, line, column, error, "%s", what);
    }
    return text;
}

static gboolean read_part(Parser *parser, GArray *parts, GError **error)
{
    if (!toml_take_key(&parser->lexer, error))
        return FALSE;
    const TomlToken *token = last_token(parser);
    char *text = token->kind == TOML_BARE_KEY ? g_strndup(parser->reading.bytes + token->start, token->size)
                                              : decode_string(parser, token, error);
    if (!text)
        return FALSE;
    TomlPart part = {
        .text = text, .token = parser->lexer.tokens->len - 1, .line = token->line, .column = token->column};
    g_array_append_val(parts, part);
    return reading_check_depth(&parser->reading, parts->len - 1, token->line, token->column, error);
}

/* A key with its dots and the white space round them, also that behind it. */
static GArray *read_key(Parser *parser, GError **error)
{
    g_autoptr(GArray) parts = g_array_new(FALSE, FALSE, sizeof(TomlPart));
    g_array_set_clear_func(parts, part_clear);
    do {
        toml_take_space(&parser->lexer);
        if (!read_part(parser, parts, error))
            return NULL;
        toml_take_space(&parser->lexer);
    } while (toml_take_byte(&parser->lexer, '.', TOML_DOT));
    return g_steal_pointer(&parts);
}

/* --- values ------------------------------------------------------------------------------------------------- */

static TomlNode *read_value(Parser *parser, const TomlNode *parent, GError **error);
static gboolean read_entry(Parser *parser, TomlNode *table, GError **error);

static TomlNode *read_scalar(Parser *parser, const TomlNode *parent, GError **error)
{
    int c = toml_peek(&parser->lexer, 0);
    gboolean quoted = c == '"' || c == '\'';
    if (!(quoted ? toml_take_string(&parser->lexer, error) : toml_take_scalar(&parser->lexer, error)))
        return NULL;
    TomlToken token = *last_token(parser);
    const char *bytes = parser->reading.bytes + token.start;
    ScalarType type = SCALAR_STRING;
    g_autofree char *text = NULL;
    if (quoted) {
        text = decode_string(parser, &token, error);
    } else {
        const char *what = NULL;
        text = toml_decode_scalar(bytes, token.size, &type, &what);
        if (!text) {
            g_autofree char *raw = g_strndup(bytes, token.size);
            g_autofree char *shown = reading_quote(raw);
            reading_fault(&parser->reading, token.line, token.column, error, "%s: %s", shown, what);
        }
    }
    TomlNode *item = text ? toml_node_new(&parser->reading, TOML_VALUE, parent, token.line, token.column, error) : NULL;
    if (item) {
        item->shown.type = type;
        item->shown.text = g_steal_pointer(&text);
    }
    return item;
}

/* What may stand between the items of an array. */
static gboolean skip_blank(Parser *parser, GError **error)
{
    for (;;) {
        toml_take_space(&parser->lexer);
        if (toml_at_newline(&parser->lexer))
            toml_take_newline(&parser->lexer);
        else if (toml_peek(&parser->lexer, 0) != '#')
            return TRUE;
        else if (!toml_take_comment(&parser->lexer, error))
            return FALSE;
    }
}

/* Behind '['. */
static gboolean read_items(Parser *parser, TomlNode *array, GError **error)
{
    for (;;) {
        if (!skip_blank(parser, error))
            return FALSE;
        if (toml_take_byte(&parser->lexer, ']', TOML_CLOSE_BRACKET))
            return TRUE;
        TomlNode *item = read_value(parser, array, error);
        if (!item)
            return FALSE;
        toml_node_add(array, item, NULL);
        if (!skip_blank(parser, error))
            return FALSE;
        if (toml_take_byte(&parser->lexer, ']', TOML_CLOSE_BRACKET))
            return TRUE;
        if (!toml_take_byte(&parser->lexer, ',', TOML_COMMA))
            return toml_expected(&parser->lexer, "',' or ']'", error);
    }
}

/* Behind '{': one line, no comma before the '}'. */
static gboolean read_inline(Parser *parser, TomlNode *table, GError **error)
{
    toml_take_space(&parser->lexer);
    if (toml_take_byte(&parser->lexer, '}', TOML_CLOSE_BRACE))
        return TRUE;
    do {
        if (!read_entry(parser, table, error))
            return FALSE;
        toml_take_space(&parser->lexer);
        if (toml_take_byte(&parser->lexer, '}', TOML_CLOSE_BRACE))
            return TRUE;
    } while (toml_take_byte(&parser->lexer, ',', TOML_COMMA));
    return toml_expected(&parser->lexer, "',' or '}' in the same line", error);
}

static TomlNode *read_value(Parser *parser, const TomlNode *parent, GError **error)
{
    gsize first = parser->lexer.tokens->len;
    guint line = parser->lexer.line, column = parser->lexer.column;
    g_autoptr(TomlNode) item = NULL;
    int c = toml_peek(&parser->lexer, 0);
    if (c != '[' && c != '{') {
        item = read_scalar(parser, parent, error);
    } else {
        item = toml_node_new(&parser->reading, c == '[' ? TOML_ARRAY : TOML_INLINE, parent, line, column, error);
        if (!item)
            return NULL;
        toml_take_byte(&parser->lexer, (char)c, c == '[' ? TOML_OPEN_BRACKET : TOML_OPEN_BRACE);
        if (!(c == '[' ? read_items(parser, item, error) : read_inline(parser, item, error)))
            return NULL;
    }
    if (item)
        item->shown.value = (TomlRange){first, parser->lexer.tokens->len};
    return g_steal_pointer(&item);
}

/* "key = value" */
static gboolean read_entry(Parser *parser, TomlNode *table, GError **error)
{
    gsize line = parser->line, lead = parser->lead;
    g_autoptr(GArray) parts = read_key(parser, error);
    if (!parts)
        return FALSE;
    if (!toml_take_byte(&parser->lexer, '=', TOML_EQUALS))
        return toml_expected(&parser->lexer, "'=' or '.' after the key", error);
    toml_take_space(&parser->lexer);
    TomlNode *parent = toml_open_dotted(&parser->reading, table, parts, error);
    if (!parent)
        return FALSE;
    const TomlPart *part = &g_array_index(parts, TomlPart, parts->len - 1);
    const TomlNode *taken = toml_node_find(parent, part);
    if (taken)
        return toml_fault_taken(&parser->reading, parts, parts->len - 1, taken, FALSE, error);
    TomlNode *item = read_value(parser, parent, error);
    if (!item)
        return FALSE;
    toml_node_add(parent, item, part);
    if (table->shown.shape == TOML_TABLE) {
        item->shown.statement.first = line;
        item->shown.lead = (TomlRange){lead, line};
        parser->entry = item;
    }
    return TRUE;
}

/* --- headers ------------------------------------------------------------------------------------------------ */

static gboolean take_closing(Parser *parser, gboolean array, GError **error)
{
    for (int i = 0; i < (array ? 2 : 1); i++) {
        if (!toml_take_byte(&parser->lexer, ']', TOML_CLOSE_BRACKET))
            return toml_expected(&parser->lexer, array ? "']]'" : "']'", error);
    }
    return TRUE;
}

static gboolean read_header(Parser *parser, GError **error)
{
    guint line = parser->lexer.line, column = parser->lexer.column;
    toml_take_byte(&parser->lexer, '[', TOML_OPEN_BRACKET);
    gboolean array = toml_take_byte(&parser->lexer, '[', TOML_OPEN_BRACKET);
    g_autoptr(GArray) parts = read_key(parser, error);
    if (!parts || !take_closing(parser, array, error))
        return FALSE;
    TomlNode *parent = toml_open_path(&parser->reading, parser->root, parts, error);
    if (!parent)
        return FALSE;
    TomlNode *item = array ? toml_append_table(&parser->reading, parent, parts, error)
                           : toml_define_table(&parser->reading, parent, parts, error);
    if (!item)
        return FALSE;
    parser->table->shown.body.end = parser->lead;
    item->shown.line = line;
    item->shown.column = column;
    item->shown.statement.first = parser->line;
    item->shown.lead = (TomlRange){parser->lead, parser->line};
    parser->table = parser->entry = item;
    return TRUE;
}

/* --- the whole ---------------------------------------------------------------------------------------------- */

/* A line, or more where a value spans more. */
static gboolean read_line(Parser *parser, GError **error)
{
    TomlLexer *lexer = &parser->lexer;
    parser->line = lexer->tokens->len;
    parser->entry = NULL;
    toml_take_space(lexer);
    int c = toml_peek(lexer, 0);
    gboolean blank = c < 0 || toml_at_newline(lexer);
    if (!blank && c != '#' && !(c == '[' ? read_header(parser, error) : read_entry(parser, parser->table, error)))
        return FALSE;
    toml_take_space(lexer);
    if (toml_peek(lexer, 0) == '#' && !toml_take_comment(lexer, error))
        return FALSE;
    if (toml_at_newline(lexer))
        toml_take_newline(lexer);
    else if (toml_peek(lexer, 0) >= 0)
        return toml_expected(lexer, "the end of the line", error);
    if (parser->entry)
        parser->entry->shown.statement.end = lexer->tokens->len;
    if (parser->entry == parser->table)
        parser->table->shown.body = (TomlRange){lexer->tokens->len, lexer->tokens->len};
    if (blank || parser->entry)
        parser->lead = lexer->tokens->len;
    return TRUE;
}

static gboolean read_text(Parser *parser, GError **error)
{
    if (!reading_check(&parser->reading, error))
        return FALSE;
    parser->root = parser->table = toml_node_new(&parser->reading, TOML_TABLE, NULL, 1, 1, error);
    parser->root->opened = OPENED_BY_HEADER;
    while (toml_peek(&parser->lexer, 0) >= 0) {
        if (!read_line(parser, error))
            return FALSE;
    }
    parser->table->shown.body.end = parser->lexer.tokens->len;
    return TRUE;
}

TomlText *toml_parse(const char *bytes, gsize size, const char *name, int fault_code, GError **error)
{
    Parser parser = {.reading = {.bytes = bytes, .size = size, .name = name, .code = fault_code}};
    parser.lexer = (TomlLexer){.reading = &parser.reading, .line = 1, .column = 1};
    parser.lexer.tokens = g_array_new(FALSE, FALSE, sizeof(TomlToken));
    if (!read_text(&parser, error)) {
        toml_node_free(parser.root);
        g_array_unref(parser.lexer.tokens);
        return NULL;
    }
    TomlText *text = g_new0(TomlText, 1);
    text->bytes = g_memdup2(bytes, size);
    text->tokens = parser.lexer.tokens;
    text->root = parser.root;
    return text;
}

void toml_free(TomlText *text)
{
    if (!text)
        return;
    g_free(text->bytes);
    g_array_unref(text->tokens);
    toml_node_free(text->root);
    g_free(text);
}

char *toml_emit(const TomlText *text, gsize *size)
{
    GString *bytes = g_string_new(NULL);
    for (guint i = 0; i < text->tokens->len; i++) {
        const TomlToken *token = &g_array_index(text->tokens, TomlToken, i);
        g_string_append_len(bytes, text->bytes + token->start, (gssize)token->size);
    }
    *size = bytes->len;
    return g_string_free(bytes, FALSE);
}

static Node *node_of(const TomlItem *item)
{
    gboolean map = toml_is_map(item->shape);
    Node *node = item->shape == TOML_VALUE ? node_new_scalar(item->type, item->text)
                 : map                     ? node_new_map()
                                           : node_new_list();
    node->line = item->line;
    node->column = item->column;
    for (guint i = 0; item->items && i < item->items->len; i++) {
        const TomlItem *child = g_ptr_array_index(item->items, i);
        if (map)
            reading_add(node, g_strdup(child->key), child->key_line, child->key_column, node_of(child));
        else
            node_append(node, node_of(child));
    }
    return node;
}

Node *toml_to_node(const TomlText *text)
{
    return node_of(&text->root->shown);
}

const TomlToken *toml_tokens(const TomlText *text, gsize *n_tokens)
{
    *n_tokens = text->tokens->len;
    return (const TomlToken *)text->tokens->data;
}

const TomlItem *toml_root(const TomlText *text)
{
    return &text->root->shown;
}

const TomlItem *toml_get(const TomlItem *item, const char *key)
{
    const TomlNode *inner = (const TomlNode *)item;
    return item && toml_is_map(item->shape) ? g_tree_lookup(inner->by_key, key) : NULL;
}
