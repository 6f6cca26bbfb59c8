/* SPDX-License-Identifier: Apache-2.0 */
/* TOML's rules on tables: what may be defined once, added to later, or never touched again. */
#include "base/toml_reader.h"

#include <string.h>

/* --- nodes -------------------------------------------------------------------------------------------------- */

static void item_free(gpointer data)
{
    toml_node_free(data);
}

void toml_node_free(TomlNode *node)
{
    if (!node)
        return;
    g_free(node->shown.key);
    g_free(node->shown.text);
    g_clear_pointer(&node->shown.items, g_ptr_array_unref);
    g_clear_pointer(&node->by_key, g_tree_unref);
    g_free(node);
}

static int key_compare(gconstpointer a, gconstpointer b, gpointer data)
{
    return strcmp(a, b);
}

gboolean toml_is_map(TomlShape shape)
{
    return shape == TOML_TABLE || shape == TOML_INLINE;
}

TomlNode *toml_node_new(Reading *reading, TomlShape shape, const TomlNode *parent, guint line, guint column,
                        GError **error)
{
    guint depth = parent ? parent->depth + 1 : 0;
    if (!reading_count(reading, line, column, error))
        return NULL;
    if (shape != TOML_VALUE && !reading_check_depth(reading, depth, line, column, error))
        return NULL;
    TomlNode *item = g_new0(TomlNode, 1);
    item->shown = (TomlItem){.shape = shape, .line = line, .column = column};
    item->depth = depth;
    if (shape != TOML_VALUE)
        item->shown.items = g_ptr_array_new_with_free_func(item_free);
    if (toml_is_map(shape))
        item->by_key = g_tree_new_full(key_compare, NULL, NULL, NULL);
    return item;
}

void toml_node_add(TomlNode *parent, TomlNode *item, const TomlPart *part)
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

TomlNode *toml_node_find(const TomlNode *parent, const TomlPart *part)
{
    return g_tree_lookup(parent->by_key, part->text);
}

static TomlNode *add_table(Reading *reading, TomlNode *parent, TomlShape shape, TomlOpened opened, const TomlPart *part,
                           GError **error)
{
    TomlNode *item = toml_node_new(reading, shape, parent, part->line, part->column, error);
    if (!item)
        return NULL;
    item->opened = opened;
    toml_node_add(parent, item, part);
    return item;
}

/* The first `n` parts, as faults show them. */
static char *show_path(const GArray *parts, guint n)
{
    g_autoptr(GString) path = g_string_new(NULL);
    for (guint i = 0; i < n; i++)
        g_string_append_printf(path, "%s%s", i ? "." : "", g_array_index(parts, TomlPart, i).text);
    return reading_quote(path->str);
}

/* Words round the key that cannot be used again. */
typedef struct Words {
    const char *before, *after;
} Words;

static Words words_for(const TomlNode *item, gboolean last, gboolean header)
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

gboolean toml_fault_taken(const Reading *reading, const GArray *parts, guint i, const TomlNode *item, gboolean header,
                          GError **error)
{
    const TomlPart *part = &g_array_index(parts, TomlPart, i);
    g_autofree char *path = show_path(parts, i + 1);
    Words words = words_for(item, i + 1 == parts->len, header);
    return reading_fault(reading, part->line, part->column, error, "%s%s%s (line %u)", words.before, path, words.after,
                         item->shown.line);
}

/* --- what may be defined ------------------------------------------------------------------------------------ */

TomlNode *toml_open_dotted(Reading *reading, TomlNode *table, const GArray *parts, GError **error)
{
    for (guint i = 0; i + 1 < parts->len; i++) {
        const TomlPart *part = &g_array_index(parts, TomlPart, i);
        TomlNode *item = toml_node_find(table, part);
        if (!item) {
            item = add_table(reading, table, TOML_TABLE, OPENED_BY_KEYS, part, error);
            if (!item)
                return NULL;
        } else if (item->shown.shape != TOML_TABLE || item->opened == OPENED_BY_HEADER) {
            toml_fault_taken(reading, parts, i, item, FALSE, error);
            return NULL;
        }
        item->opened = OPENED_BY_KEYS;
        table = item;
    }
    return table;
}

TomlNode *toml_open_path(Reading *reading, TomlNode *root, const GArray *parts, GError **error)
{
    TomlNode *table = root;
    for (guint i = 0; i + 1 < parts->len; i++) {
        const TomlPart *part = &g_array_index(parts, TomlPart, i);
        TomlNode *item = toml_node_find(table, part);
        if (!item)
            item = add_table(reading, table, TOML_TABLE, OPENED_ON_THE_WAY, part, error);
        if (!item)
            return NULL;
        if (item->shown.shape == TOML_TABLES) {
            item = g_ptr_array_index(item->shown.items, item->shown.items->len - 1);
        } else if (item->shown.shape != TOML_TABLE) {
            toml_fault_taken(reading, parts, i, item, TRUE, error);
            return NULL;
        }
        table = item;
    }
    return table;
}

TomlNode *toml_define_table(Reading *reading, TomlNode *parent, const GArray *parts, GError **error)
{
    const TomlPart *part = &g_array_index(parts, TomlPart, parts->len - 1);
    TomlNode *item = toml_node_find(parent, part);
    if (!item)
        return add_table(reading, parent, TOML_TABLE, OPENED_BY_HEADER, part, error);
    if (item->shown.shape != TOML_TABLE || item->opened != OPENED_ON_THE_WAY) {
        toml_fault_taken(reading, parts, parts->len - 1, item, TRUE, error);
        return NULL;
    }
    item->opened = OPENED_BY_HEADER;
    item->shown.key_line = part->line;
    item->shown.key_column = part->column;
    item->shown.key_tokens = (TomlRange){part->token, part->token + 1};
    return item;
}

TomlNode *toml_append_table(Reading *reading, TomlNode *parent, const GArray *parts, GError **error)
{
    const TomlPart *part = &g_array_index(parts, TomlPart, parts->len - 1);
    TomlNode *array = toml_node_find(parent, part);
    if (!array)
        array = add_table(reading, parent, TOML_TABLES, OPENED_BY_HEADER, part, error);
    if (!array)
        return NULL;
    if (array->shown.shape != TOML_TABLES) {
        toml_fault_taken(reading, parts, parts->len - 1, array, TRUE, error);
        return NULL;
    }
    TomlNode *item = toml_node_new(reading, TOML_TABLE, array, part->line, part->column, error);
    if (!item)
        return NULL;
    item->opened = OPENED_BY_HEADER;
    item->shown.key_tokens = (TomlRange){part->token, part->token + 1};
    toml_node_add(array, item, NULL);
    return item;
}
