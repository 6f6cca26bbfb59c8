/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of keys: reading a map into a struct, with errors that say where, what and what instead. */
#include "model/schema.h"

#include "base/fault.h"
#include "model/schema_words.h"
#include "model/version.h"

#include <limits.h>
#include <string.h>

#define SLOT(target, key) ((gpointer)((char *)(target) + (key)->offset))

typedef struct Reader {
    const char *name;
    int code;
} Reader;

/* --- faults -------------------------------------------------------------------------------------------------- */

static gboolean fault_wrong(const Reader *reader, const Key *key, const char *subject, const char *must,
                            const Node *node, GError **error)
{
    g_autofree char *type = must ? g_strdup(must) : schema_describe_type(key), *is = schema_describe_node(node);
    return schema_fault(error, reader->code, reader->name, node->line, node->column, "%s'%s' must be %s, not %s",
                        subject, key->name, type, is);
}

static gboolean fault_unknown(const Reader *reader, const Key *keys, const Entry *entry, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (const Key *key = keys; key->name; key++)
        g_ptr_array_add(names, (gpointer)key->name);
    g_ptr_array_add(names, NULL);
    const char *nearest = schema_nearest(entry->key, (const char *const *)names->pdata);
    g_autofree char *quoted = schema_quote(entry->key);
    g_autofree char *hint = nearest ? g_strdup_printf("; did you mean '%s'?", nearest) : g_strdup("");
    return schema_fault(error, reader->code, reader->name, entry->line, entry->column, "unknown key %s%s", quoted,
                        hint);
}

/* --- scalars ------------------------------------------------------------------------------------------------- */

static gboolean is_scalar(const Node *node)
{
    return node->kind == NODE_SCALAR && !node_is_null(node);
}

static gboolean is_text(const Node *node)
{
    return is_scalar(node) && (node->type == SCALAR_PLAIN || node->type == SCALAR_STRING);
}

static gboolean is_one_of(const char *text, const char *const *words)
{
    return !words || g_strv_contains(words, text);
}

/* No "..", no ".", no empty part, nothing that does not show; a slash at the end is dropped. NULL if it is no such
 * path. */
static char *clean_path(const char *text, gboolean absolute)
{
    gsize length = strnlen(text, PATH_MAX);
    if (length == 0 || length >= PATH_MAX || (text[0] == '/') != absolute)
        return NULL;
    for (gsize i = 0; i < length; i++)
        if (g_ascii_iscntrl(text[i]))
            return NULL;
    if (absolute && length == 1)
        return g_strdup(text);
    g_autofree char *path = g_strndup(text, text[length - 1] == '/' ? length - 1 : length);
    g_auto(GStrv) parts = g_strsplit(absolute ? path + 1 : path, "/", -1);
    for (char **part = parts; *part; part++)
        if (!**part || g_str_equal(*part, ".") || g_str_equal(*part, "..") || strlen(*part) > NAME_MAX)
            return NULL;
    return parts[0] ? g_steal_pointer(&path) : NULL;
}

/* A text-like value in the form that the struct gets; NULL if it is not one. The caller frees. */
static char *scalar_text(const Key *key, const Node *node)
{
    if (key->type == KEY_VALUE)
        return is_scalar(node) ? g_strdup(node->text) : NULL;
    if (!is_text(node))
        return NULL;
    switch (key->type) {
    case KEY_VERSION:
        return version_is_valid(node->text) ? g_strdup(node->text) : NULL;
    case KEY_RANGE:
        return version_range_is_valid(node->text) ? g_strdup(node->text) : NULL;
    case KEY_PATH:
        return clean_path(node->text, FALSE);
    case KEY_ABSOLUTE:
        return clean_path(node->text, TRUE);
    default:
        return is_one_of(node->text, key->words) ? g_strdup(node->text) : NULL;
    }
}

static gboolean scalar_number(const Key *key, const Node *node, gint64 *value)
{
    if (!is_scalar(node))
        return FALSE;
    gboolean written = is_text(node) || node->type == SCALAR_INTEGER;
    gint64 number;
    if (key->type == KEY_INT ? !node_as_int(node, &number)
                             : !written || !(key->type == KEY_SIZE ? size_parse : duration_parse)(node->text, &number))
        return FALSE;
    if (number < key->min || number > schema_upper_bound(key))
        return FALSE;
    *value = number;
    return TRUE;
}

static gboolean scalar_word(const Key *key, const Node *node, int *index)
{
    for (int i = 0; is_text(node) && key->words[i]; i++)
        if (g_str_equal(node->text, key->words[i])) {
            *index = i;
            return TRUE;
        }
    return FALSE;
}

static gboolean read_scalar(const Reader *reader, const Key *key, const Node *node, gpointer slot, GError **error)
{
    gboolean good;
    switch (key->type) {
    case KEY_BOOL:
        good = node->kind == NODE_SCALAR && node_as_bool(node, slot);
        break;
    case KEY_INT:
    case KEY_DURATION:
    case KEY_SIZE:
        good = scalar_number(key, node, slot);
        break;
    case KEY_ENUM:
        good = scalar_word(key, node, slot);
        break;
    default: {
        char *text = scalar_text(key, node);
        good = text != NULL;
        g_free(*(char **)slot);
        *(char **)slot = text;
    }
    }
    return good || fault_wrong(reader, key, "", NULL, node, error);
}

/* --- lists and maps ------------------------------------------------------------------------------------------ */

static void key_pair_free(gpointer data)
{
    KeyPair *pair = data;
    g_free(pair->name);
    g_free(pair->value);
    g_free(pair);
}

static void key_texts_free(gpointer data)
{
    KeyTexts *texts = data;
    g_free(texts->name);
    if (texts->texts)
        g_ptr_array_unref(texts->texts);
    g_free(texts);
}

/* The list at `slot`, made when first asked for. Tables are cleared by schema_clear, which alone knows their keys. */
static GPtrArray *list_at(const Key *key, gpointer slot)
{
    GPtrArray **list = slot;
    if (!*list)
        *list = g_ptr_array_new_with_free_func(key->type == KEY_TEXTS       ? g_free
                                               : key->type == KEY_TEXT_MAP  ? key_pair_free
                                               : key->type == KEY_TEXTS_MAP ? key_texts_free
                                                                            : NULL);
    return *list;
}

/* A line "yes" or "3" was hardly meant: readers of YAML take it for something else than a text. NULL: a text. */
static const char *kind_beside_text(const Node *node)
{
    static const char *const booleans[] = {"true", "false", "yes", "no", "on", "off", NULL};
    if (node->kind != NODE_SCALAR || node->type == SCALAR_STRING || node_is_null(node))
        return NULL;
    g_autofree char *lower = g_ascii_strdown(node->text, -1);
    if (is_one_of(lower, booleans))
        return "boolean";
    char *end;
    g_ascii_strtod(node->text, &end);
    return *end == '\0' && strspn(node->text, G_CSET_DIGITS "+-.") > 0 ? "number" : NULL;
}

static gboolean refuse_kind(const Reader *reader, const Key *key, const char *subject, const char *must,
                            const char *kind, const Node *node, GError **error)
{
    return schema_fault(error, reader->code, reader->name, node->line, node->column,
                        "%s'%s' must be %s, not the %s %s; if that text is meant, quote it", subject, key->name, must,
                        kind, node->text);
}

static gboolean add_text(const Reader *reader, const Key *key, const char *subject, const Node *node, GPtrArray *list,
                         GError **error)
{
    const char *kind = key->words ? NULL : kind_beside_text(node), *wanted = *subject ? "a text" : "a list of texts";
    if (kind)
        return refuse_kind(reader, key, subject, wanted, kind, node, error);
    if (!is_text(node) || !is_one_of(node->text, key->words)) {
        g_autofree char *must = key->words ? schema_describe_words(key->words) : g_strdup(wanted);
        return fault_wrong(reader, key, subject, must, node, error);
    }
    g_ptr_array_add(list, g_strdup(node->text));
    return TRUE;
}

static gboolean read_texts(const Reader *reader, const Key *key, const Node *node, GPtrArray *list, GError **error)
{
    if (node->kind == NODE_MAP)
        return fault_wrong(reader, key, "", "a list of texts", node, error);
    if (node->kind == NODE_SCALAR)
        return node_is_null(node) || add_text(reader, key, "", node, list, error);
    for (guint i = 0; i < node->items->len; i++)
        if (!add_text(reader, key, "an item of ", node->items->pdata[i], list, error))
            return FALSE;
    return TRUE;
}

static gboolean read_pair(const Reader *reader, const Key *key, const Entry *entry, GPtrArray *list, GError **error)
{
    if (!is_scalar(entry->value)) {
        g_autofree char *is = schema_describe_node(entry->value), *name = schema_quote(entry->key);
        return schema_fault(error, reader->code, reader->name, entry->value->line, entry->value->column,
                            "%s in '%s' must be a text, not %s", name, key->name, is);
    }
    KeyPair *pair = g_new0(KeyPair, 1);
    pair->name = g_strdup(entry->key);
    pair->value = g_strdup(entry->value->text);
    g_ptr_array_add(list, pair);
    return TRUE;
}

static gboolean read_texts_entry(const Reader *reader, const Entry *entry, GPtrArray *list, GError **error)
{
    KeyTexts *texts = g_new0(KeyTexts, 1);
    texts->name = g_strdup(entry->key);
    texts->texts = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(list, texts);
    const Key row = {.name = entry->key, .type = KEY_TEXTS};
    return read_texts(reader, &row, entry->value, texts->texts, error);
}

static gboolean read_table(const Reader *reader, const Key *keys, const Node *map, gpointer target, GError **error);

static gboolean read_item(const Reader *reader, const Key *key, const char *name, const char *subject, const Node *node,
                          GPtrArray *list, GError **error)
{
    if (node->kind != NODE_MAP)
        return fault_wrong(reader, key, subject, "a map", node, error);
    gpointer item = g_malloc0(key->size);
    g_ptr_array_add(list, item);
    if (name)
        *(char **)item = g_strdup(name);
    return read_table(reader, key->table, node, item, error);
}

static gboolean read_entry(const Reader *reader, const Key *key, const Entry *entry, GPtrArray *list, GError **error)
{
    switch (key->type) {
    case KEY_TEXT_MAP:
        return read_pair(reader, key, entry, list, error);
    case KEY_TEXTS_MAP:
        return read_texts_entry(reader, entry, list, error);
    default:
        return read_item(reader, key, entry->key, "an entry of ", entry->value, list, error);
    }
}

static gboolean read_map(const Reader *reader, const Key *key, const Node *node, GPtrArray *list, GError **error)
{
    if (node->kind == NODE_SCALAR && node_is_null(node))
        return TRUE;
    if (node->kind != NODE_MAP)
        return fault_wrong(reader, key, "", NULL, node, error);
    for (guint i = 0; i < node->items->len; i++)
        if (!read_entry(reader, key, node->items->pdata[i], list, error))
            return FALSE;
    return TRUE;
}

static gboolean read_tables(const Reader *reader, const Key *key, const Node *node, GPtrArray *list, GError **error)
{
    if (node->kind == NODE_SCALAR && node_is_null(node))
        return TRUE;
    if (node->kind != NODE_LIST)
        return fault_wrong(reader, key, "", NULL, node, error);
    for (guint i = 0; i < node->items->len; i++)
        if (!read_item(reader, key, NULL, "an item of ", node->items->pdata[i], list, error))
            return FALSE;
    return TRUE;
}

static gboolean read_value(const Reader *reader, const Key *key, const Node *node, gpointer slot, GError **error)
{
    switch (key->type) {
    case KEY_NODE:
        *(const Node **)slot = node;
        return TRUE;
    case KEY_TEXTS:
        return read_texts(reader, key, node, list_at(key, slot), error);
    case KEY_TEXT_MAP:
    case KEY_TEXTS_MAP:
    case KEY_TABLE_MAP:
        return read_map(reader, key, node, list_at(key, slot), error);
    case KEY_TABLES:
        return read_tables(reader, key, node, list_at(key, slot), error);
    case KEY_TABLE:
        if (node->kind != NODE_MAP && !node_is_null(node))
            return fault_wrong(reader, key, "", NULL, node, error);
        return read_table(reader, key->table, node, slot, error);
    default:
        return read_scalar(reader, key, node, slot, error);
    }
}

/* --- tables -------------------------------------------------------------------------------------------------- */

static const Key *find_key(const Key *keys, const char *name)
{
    for (; keys->name; keys++)
        if (strcmp(keys->name, name) == 0)
            return keys;
    return NULL;
}

static gboolean is_self(const Key *key)
{
    return key->type == KEY_NODE && strcmp(key->name, "*") == 0;
}

static gboolean is_list(KeyType type)
{
    return type == KEY_TEXTS || type == KEY_TEXT_MAP || type == KEY_TEXTS_MAP || type == KEY_TABLES ||
           type == KEY_TABLE_MAP;
}

/* Whoever left a key out may not know its words either. */
static gboolean missing(const Reader *reader, const Key *key, const Node *map, GError **error)
{
    schema_fault(error, reader->code, reader->name, map->line, map->column, "'%s' is missing", key->name);
    g_autofree char *value = key->words ? schema_describe_words(key->words) : NULL;
    if (value)
        return fault_hint(error, "%s: %s", key->summary, value);
    for (const Key *part = key->type == KEY_TABLE ? key->table : NULL; part && part->name; part++) {
        if (!part->required)
            continue;
        g_autofree char *takes = schema_describe_type(part);
        return fault_hint(error, "%s; its '%s' is %s", key->summary, part->name, takes);
    }
    return FALSE;
}

/* What a key holds when the document does not name it. `map` NULL: the whole table is absent, and with it all need. */
static gboolean read_default(const Reader *reader, const Key *key, const Node *map, gpointer slot, GError **error)
{
    if (key->required && map)
        return missing(reader, key, map, error);
    if (key->type == KEY_TABLE)
        return read_table(reader, key->table, NULL, slot, error);
    if (is_list(key->type))
        list_at(key, slot);
    if (!key->fallback)
        return TRUE;
    Node fallback = {.kind = NODE_SCALAR, .type = SCALAR_PLAIN, .text = (char *)key->fallback};
    return read_value(reader, key, &fallback, slot, error);
}

/* The first other row of `keys` that means the same member and is in the map. */
static const Key *other_name(const Key *keys, const Key *key, const Node *map)
{
    for (const Key *other = keys; other != key; other++)
        if (other->offset == key->offset && other->type == key->type && node_get(map, other->name))
            return other;
    return NULL;
}

static gboolean check_entries(const Reader *reader, const Key *keys, const Node *map, GError **error)
{
    gboolean open = find_key(keys, "*") != NULL;
    for (guint i = 0; i < map->items->len; i++) {
        const Entry *entry = map->items->pdata[i];
        const Key *key = strcmp(entry->key, "*") == 0 ? NULL : find_key(keys, entry->key);
        if (!key && !open)
            return fault_unknown(reader, keys, entry, error);
        const Key *other = key ? other_name(keys, key, map) : NULL;
        if (other)
            return schema_fault(error, reader->code, reader->name, entry->line, entry->column,
                                "'%s' is another name of '%s'; give one of them", key->name, other->name);
    }
    return TRUE;
}

/* `map` may be NULL or a null scalar: all defaults. */
static gboolean read_table(const Reader *reader, const Key *keys, const Node *map, gpointer target, GError **error)
{
    const Node *entries = map && map->kind == NODE_MAP ? map : NULL;
    if (entries && !check_entries(reader, keys, entries, error))
        return FALSE;
    for (const Key *key = keys; key->name; key++) {
        gpointer slot = SLOT(target, key);
        const Node *value = is_self(key) ? map : node_get(entries, key->name);
        if (value ? !read_value(reader, key, value, slot, error) : !read_default(reader, key, map, slot, error))
            return FALSE;
    }
    return TRUE;
}

gboolean schema_read(const Key *keys, const Node *map, const char *name, int fault_code, gpointer target,
                     GError **error)
{
    const Reader reader = {.name = name, .code = fault_code};
    if (map->kind != NODE_MAP) {
        g_autofree char *is = schema_describe_node(map);
        return schema_fault(error, fault_code, name, map->line, map->column, "must be a map, not %s", is);
    }
    return read_table(&reader, keys, map, target, error);
}

static void clear_list(const Key *key, GPtrArray **list)
{
    for (guint i = 0; *list && key->table && i < (*list)->len; i++) {
        gpointer item = (*list)->pdata[i];
        if (key->type == KEY_TABLE_MAP)
            g_clear_pointer((char **)item, g_free);
        schema_clear(key->table, item);
        g_free(item);
    }
    g_clear_pointer(list, g_ptr_array_unref);
}

void schema_clear(const Key *keys, gpointer target)
{
    for (const Key *key = keys; key->name; key++) {
        gpointer slot = SLOT(target, key);
        if (is_list(key->type))
            clear_list(key, slot);
        else if (key->type == KEY_TABLE)
            schema_clear(key->table, slot);
        else if (key->type == KEY_NODE)
            *(const Node **)slot = NULL;
        else if (key->type == KEY_BOOL)
            *(gboolean *)slot = FALSE;
        else if (key->type == KEY_ENUM)
            *(int *)slot = 0;
        else if (key->type == KEY_INT || key->type == KEY_DURATION || key->type == KEY_SIZE)
            *(gint64 *)slot = 0;
        else
            g_clear_pointer((char **)slot, g_free);
    }
}

gboolean schema_environment(const Key *keys, Node *map, int fault_code, GError **error)
{
    for (const Key *key = keys; key->name; key++) {
        const char *text = key->env ? g_getenv(key->env) : NULL;
        if (!text || map->kind != NODE_MAP)
            continue;
        union {
            gint64 number;
            char *text;
            int word;
        } value = {0};
        const Reader reader = {.name = key->env, .code = fault_code};
        g_autoptr(Node) node = node_new_scalar(SCALAR_PLAIN, text);
        const Key alone[] = {{.name = key->name, .type = key->type}, {0}};
        gboolean good = read_scalar(&reader, key, node, &value, error);
        schema_clear(alone, &value);
        if (!good)
            return FALSE;
        node_set(map, key->name, g_steal_pointer(&node));
    }
    return TRUE;
}
