/* SPDX-License-Identifier: Apache-2.0 */
/* TOML as a tree: which tables a text defines, and all rules on what may be defined once, later, or never again. */
#include "base/toml_reader.h"

#include "base/fault.h"

#include <string.h>

/* How a table came to be decides who may still add to it. */
typedef enum {
    OPENED_ON_THE_WAY, /* by a longer header: may get a header of its own, once */
    OPENED_BY_HEADER,
    OPENED_BY_KEYS /* by dotted keys: those of the same table may add more, longer headers may too */
} Opened;

/* TomlItem is its first member, so that one pointer is both. */
typedef struct Item {
    TomlItem shown;
    Opened opened;
    guint depth;   /* of lists and maps around it */
    GTree *by_key; /* char * -> Item *, of tables and inline tables; a tree, for hashes can be made to collide */
} Item;

struct TomlText {
    char *bytes;
    GArray *tokens;
    Item *root;
};

typedef struct Parser {
    Reading reading;
    TomlLexer lexer;
    Item *root, *table; /* the table that "key = value" lines go to */
    gsize lead;         /* the first token of the comment lines directly above */
    gsize line;         /* the first token of the line */
    Item *entry;        /* what the line defined: a value of `table`, or `table` itself; NULL so far */
} Parser;

/* One part of a dotted key. */
typedef struct Part {
    char *text;
    gsize token;
    guint line, column;
} Part;

/* --- items -------------------------------------------------------------------------------------------------- */

static void item_free(gpointer data)
{
    Item *item = data;
    if (!item)
        return;
    g_free(item->shown.key);
    g_free(item->shown.text);
    g_clear_pointer(&item->shown.items, g_ptr_array_unref);
    g_clear_pointer(&item->by_key, g_tree_unref);
    g_free(item);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Item, item_free)

static int key_compare(gconstpointer a, gconstpointer b, gpointer data)
{
    return strcmp(a, b);
}

static gboolean is_map(TomlShape shape)
{
    return shape == TOML_TABLE || shape == TOML_INLINE;
}

static Item *item_new(Parser *parser, TomlShape shape, const Item *parent, guint line, guint column, GError **error)
{
    guint depth = parent ? parent->depth + 1 : 0;
    if (!reading_count(&parser->reading, line, column, error))
        return NULL;
    if (shape != TOML_VALUE && !reading_check_depth(&parser->reading, depth, line, column, error))
        return NULL;
    Item *item = g_new0(Item, 1);
    item->shown = (TomlItem){.shape = shape, .line = line, .column = column};
    item->depth = depth;
    if (shape != TOML_VALUE)
        item->shown.items = g_ptr_array_new_with_free_func(item_free);
    if (is_map(shape))
        item->by_key = g_tree_new_full(key_compare, NULL, NULL, NULL);
    return item;
}

/* Takes the item. */
static void item_add(Item *parent, Item *item, const Part *part)
{
    if (part) {
        item->shown.key = g_strdup(part->text);
        item->shown.key_line = part->line;
        item->shown.key_column = part->column;
        item->shown.key_tokens = (TomlRange){part->token, part->token + 1};
        g_tree_insert(parent->by_key, item->shown.key, item);
    }
    g_ptr_array_add(parent->shown.items, item);
}

static Item *find(const Item *parent, const Part *part)
{
    return g_tree_lookup(parent->by_key, part->text);
}

static Item *add_table(Parser *parser, Item *parent, TomlShape shape, Opened opened, const Part *part, GError **error)
{
    Item *item = item_new(parser, shape, parent, part->line, part->column, error);
    if (!item)
        return NULL;
    item->opened = opened;
    item_add(parent, item, part);
    return item;
}

/* --- keys --------------------------------------------------------------------------------------------------- */

static void part_clear(gpointer data)
{
    g_free(((Part *)data)->text);
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
    Part part = {.text = text, .token = parser->lexer.tokens->len - 1, .line = token->line, .column = token->column};
    g_array_append_val(parts, part);
    return reading_check_depth(&parser->reading, parts->len - 1, token->line, token->column, error);
}

/* A key with its dots and the white space round them, also that behind it. */
static GArray *read_key(Parser *parser, GError **error)
{
    g_autoptr(GArray) parts = g_array_new(FALSE, FALSE, sizeof(Part));
    g_array_set_clear_func(parts, part_clear);
    do {
        toml_take_space(&parser->lexer);
        if (!read_part(parser, parts, error))
            return NULL;
        toml_take_space(&parser->lexer);
    } while (toml_take_byte(&parser->lexer, '.', TOML_DOT));
    return g_steal_pointer(&parts);
}

/* The first `n` parts, as faults show them. */
static char *show_path(const GArray *parts, guint n)
{
    g_autoptr(GString) path = g_string_new(NULL);
    for (guint i = 0; i < n; i++)
        g_string_append_printf(path, "%s%s", i ? "." : "", g_array_index(parts, Part, i).text);
    return reading_quote(path->str);
}

/* Words round the key that cannot be used again. */
typedef struct Words {
    const char *before, *after;
} Words;

static Words words_for(const Item *item, gboolean last, gboolean header)
{
    TomlShape shape = item->shown.shape;
    if (shape == TOML_TABLES)
        return (Words){"", " is an array of tables"};
    if (shape != TOML_TABLE && last && !header)
        return (Words){"the key ", " appears twice"};
    if (shape == TOML_VALUE)
        return (Words){"", " is not a table"};
    if (shape != TOML_TABLE)
        return (Words){"", " is closed, nothing can be added to it"};
    if (header && item->opened == OPENED_BY_KEYS)
        return (Words){"the table ", " is defined by dotted keys"};
    return (Words){"the table ", " is already defined"};
}

/* Part number `i` cannot mean what it would: `item` has its name. */
static gboolean fault_taken(const Parser *parser, const GArray *parts, guint i, const Item *item, gboolean header,
                            GError **error)
{
    const Part *part = &g_array_index(parts, Part, i);
    g_autofree char *path = show_path(parts, i + 1);
    Words words = words_for(item, i + 1 == parts->len, header);
    return reading_fault(&parser->reading, part->line, part->column, error, "%s%s%s (line %u)", words.before, path,
                         words.after, item->shown.line);
}

/* --- values ------------------------------------------------------------------------------------------------- */

static Item *read_value(Parser *parser, const Item *parent, GError **error);
static gboolean read_entry(Parser *parser, Item *table, GError **error);

static Item *read_scalar(Parser *parser, const Item *parent, GError **error)
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
    Item *item = text ? item_new(parser, TOML_VALUE, parent, token.line, token.column, error) : NULL;
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
static gboolean read_items(Parser *parser, Item *array, GError **error)
{
    for (;;) {
        if (!skip_blank(parser, error))
            return FALSE;
        if (toml_take_byte(&parser->lexer, ']', TOML_CLOSE_BRACKET))
            return TRUE;
        Item *item = read_value(parser, array, error);
        if (!item)
            return FALSE;
        item_add(array, item, NULL);
        if (!skip_blank(parser, error))
            return FALSE;
        if (toml_take_byte(&parser->lexer, ']', TOML_CLOSE_BRACKET))
            return TRUE;
        if (!toml_take_byte(&parser->lexer, ',', TOML_COMMA))
            return toml_expected(&parser->lexer, "',' or ']'", error);
    }
}

/* Behind '{': one line, no comma before the '}'. */
static gboolean read_inline(Parser *parser, Item *table, GError **error)
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

static Item *read_value(Parser *parser, const Item *parent, GError **error)
{
    gsize first = parser->lexer.tokens->len;
    guint line = parser->lexer.line, column = parser->lexer.column;
    g_autoptr(Item) item = NULL;
    int c = toml_peek(&parser->lexer, 0);
    if (c != '[' && c != '{') {
        item = read_scalar(parser, parent, error);
    } else {
        item = item_new(parser, c == '[' ? TOML_ARRAY : TOML_INLINE, parent, line, column, error);
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

/* The table that a dotted key's last part goes to. */
static Item *open_dotted(Parser *parser, Item *table, const GArray *parts, GError **error)
{
    for (guint i = 0; i + 1 < parts->len; i++) {
        const Part *part = &g_array_index(parts, Part, i);
        Item *item = find(table, part);
        if (!item) {
            item = add_table(parser, table, TOML_TABLE, OPENED_BY_KEYS, part, error);
            if (!item)
                return NULL;
        } else if (item->shown.shape != TOML_TABLE || item->opened == OPENED_BY_HEADER) {
            fault_taken(parser, parts, i, item, FALSE, error);
            return NULL;
        }
        item->opened = OPENED_BY_KEYS;
        table = item;
    }
    return table;
}

/* "key = value" */
static gboolean read_entry(Parser *parser, Item *table, GError **error)
{
    gsize line = parser->line, lead = parser->lead;
    g_autoptr(GArray) parts = read_key(parser, error);
    if (!parts)
        return FALSE;
    if (!toml_take_byte(&parser->lexer, '=', TOML_EQUALS))
        return toml_expected(&parser->lexer, "'=' or '.' after the key", error);
    toml_take_space(&parser->lexer);
    Item *parent = open_dotted(parser, table, parts, error);
    if (!parent)
        return FALSE;
    const Part *part = &g_array_index(parts, Part, parts->len - 1);
    const Item *taken = find(parent, part);
    if (taken)
        return fault_taken(parser, parts, parts->len - 1, taken, FALSE, error);
    Item *item = read_value(parser, parent, error);
    if (!item)
        return FALSE;
    item_add(parent, item, part);
    if (table->shown.shape == TOML_TABLE) {
        item->shown.statement.first = line;
        item->shown.lead = (TomlRange){lead, line};
        parser->entry = item;
    }
    return TRUE;
}

/* --- headers ------------------------------------------------------------------------------------------------ */

/* The table that a header's last part goes to: through arrays of tables by their last table. */
static Item *open_path(Parser *parser, const GArray *parts, GError **error)
{
    Item *table = parser->root;
    for (guint i = 0; i + 1 < parts->len; i++) {
        const Part *part = &g_array_index(parts, Part, i);
        Item *item = find(table, part);
        if (!item)
            item = add_table(parser, table, TOML_TABLE, OPENED_ON_THE_WAY, part, error);
        if (!item)
            return NULL;
        if (item->shown.shape == TOML_TABLES) {
            item = g_ptr_array_index(item->shown.items, item->shown.items->len - 1);
        } else if (item->shown.shape != TOML_TABLE) {
            fault_taken(parser, parts, i, item, TRUE, error);
            return NULL;
        }
        table = item;
    }
    return table;
}

/* [a.b]: the table itself, new or so far only named on the way. */
static Item *define_table(Parser *parser, Item *parent, const GArray *parts, GError **error)
{
    const Part *part = &g_array_index(parts, Part, parts->len - 1);
    Item *item = find(parent, part);
    if (!item)
        return add_table(parser, parent, TOML_TABLE, OPENED_BY_HEADER, part, error);
    if (item->shown.shape != TOML_TABLE || item->opened != OPENED_ON_THE_WAY) {
        fault_taken(parser, parts, parts->len - 1, item, TRUE, error);
        return NULL;
    }
    item->opened = OPENED_BY_HEADER;
    item->shown.key_line = part->line;
    item->shown.key_column = part->column;
    item->shown.key_tokens = (TomlRange){part->token, part->token + 1};
    return item;
}

/* [[a.b]]: one more table of the array. */
static Item *append_table(Parser *parser, Item *parent, const GArray *parts, GError **error)
{
    const Part *part = &g_array_index(parts, Part, parts->len - 1);
    Item *array = find(parent, part);
    if (!array)
        array = add_table(parser, parent, TOML_TABLES, OPENED_BY_HEADER, part, error);
    if (!array)
        return NULL;
    if (array->shown.shape != TOML_TABLES) {
        fault_taken(parser, parts, parts->len - 1, array, TRUE, error);
        return NULL;
    }
    Item *item = item_new(parser, TOML_TABLE, array, part->line, part->column, error);
    if (!item)
        return NULL;
    item->opened = OPENED_BY_HEADER;
    item->shown.key_tokens = (TomlRange){part->token, part->token + 1};
    item_add(array, item, NULL);
    return item;
}

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
    Item *parent = open_path(parser, parts, error);
    if (!parent)
        return FALSE;
    Item *item = array ? append_table(parser, parent, parts, error) : define_table(parser, parent, parts, error);
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
    parser->root = parser->table = item_new(parser, TOML_TABLE, NULL, 1, 1, error);
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
        item_free(parser.root);
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
    item_free(text->root);
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
    gboolean map = is_map(item->shape);
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
    const Item *inner = (const Item *)item;
    return item && is_map(item->shape) ? g_tree_lookup(inner->by_key, key) : NULL;
}
