/* SPDX-License-Identifier: Apache-2.0 */
/* A struct written back as a document, each value with its origin: what `config show` prints. */
#include "model/schema.h"

#include "base/shown.h"

#include <string.h>

#define SLOT(target, key) ((gconstpointer)((const char *)(target) + (key)->offset))

static Node *copy_node(const Node *node)
{
    if (node->kind == NODE_SCALAR)
        return node_new_scalar(node->type, node->text);
    Node *copy = node->kind == NODE_LIST ? node_new_list() : node_new_map();
    for (guint i = 0; i < node->items->len; i++) {
        if (node->kind == NODE_LIST) {
            node_append(copy, copy_node(node->items->pdata[i]));
            continue;
        }
        const Entry *entry = node->items->pdata[i];
        node_set(copy, entry->key, copy_node(entry->value));
    }
    return copy;
}

static Node *text_node(const char *text)
{
    return text ? node_new_scalar(SCALAR_STRING, text) : node_new_scalar(SCALAR_NULL, "");
}

static Node *taken_text_node(char *text)
{
    Node *node = text_node(text);
    g_free(text);
    return node;
}

static Node *shown_text_node(const Key *key, const char *text)
{
    if (text && key->address)
        return taken_text_node(shown_address(text));
    return text_node(key->secret && text ? "(secret)" : text);
}

static Node *texts_node(const Key *key, const GPtrArray *texts)
{
    Node *list = node_new_list();
    for (guint i = 0; texts && i < texts->len; i++)
        node_append(list, shown_text_node(key, texts->pdata[i]));
    return list;
}

static Node *map_node(const Key *key, const GPtrArray *entries)
{
    Node *map = node_new_map();
    for (guint i = 0; entries && i < entries->len; i++) {
        if (key->type == KEY_TEXT_MAP) {
            const KeyPair *pair = entries->pdata[i];
            node_set(map, pair->name, text_node(pair->value));
        } else {
            const KeyTexts *texts = entries->pdata[i];
            node_set(map, texts->name, texts_node(key, texts->texts));
        }
    }
    return map;
}

static gboolean is_number(KeyType type)
{
    return type == KEY_INT || type == KEY_DURATION || type == KEY_SIZE;
}

static Node *value_node(const Key *key, gconstpointer slot)
{
    /* Below what may be written: left to somebody else, such as a manifest. */
    if (is_number(key->type) && *(const gint64 *)slot < key->min)
        return text_node(NULL);
    switch (key->type) {
    case KEY_BOOL:
        return node_new_scalar(SCALAR_BOOLEAN, *(const gboolean *)slot ? "true" : "false");
    case KEY_INT: {
        g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, *(const gint64 *)slot);
        return node_new_scalar(SCALAR_INTEGER, text);
    }
    case KEY_DURATION:
        return taken_text_node(duration_format(*(const gint64 *)slot));
    case KEY_SIZE:
        return taken_text_node(size_format(*(const gint64 *)slot));
    case KEY_ENUM:
        return text_node(key->words[*(const int *)slot]);
    case KEY_TEXTS:
        return texts_node(key, *(const GPtrArray *const *)slot);
    case KEY_TEXT_MAP:
    case KEY_TEXTS_MAP:
        return map_node(key, *(const GPtrArray *const *)slot);
    case KEY_NODE:
        return *(const Node *const *)slot ? copy_node(*(const Node *const *)slot) : text_node(NULL);
    default:
        return shown_text_node(key, *(const char *const *)slot);
    }
}

static char *origin(const Key *key, const Node *node, const char *name)
{
    if (!node)
        return g_strdup("default");
    if (node->line > 0)
        return g_strdup_printf("%s:%u", name, node->line);
    return g_strdup(key->env ? key->env : name);
}

/* A key's node under any of its names; NULL where an earlier row has shown it already. */
static gboolean find_node(const Key *keys, const Key *key, const Node *map, const Node **node)
{
    for (const Key *other = keys; other != key; other++)
        if (other->offset == key->offset && other->type == key->type)
            return FALSE;
    *node = NULL;
    for (const Key *other = key; other->name && !*node; other++)
        if (other->offset == key->offset && other->type == key->type)
            *node = node_get(map, other->name);
    return TRUE;
}

static Node *show_items(const Key *key, const Node *items, const char *name, const GPtrArray *targets)
{
    Node *shown = key->type == KEY_TABLES ? node_new_list() : node_new_map();
    for (guint i = 0; targets && i < targets->len; i++) {
        gconstpointer target = targets->pdata[i];
        gconstpointer source = items && items->items && i < items->items->len ? items->items->pdata[i] : NULL;
        if (key->type == KEY_TABLES) {
            node_append(shown, schema_show(key->table, source, name, target));
        } else {
            const Node *map = source ? ((const Entry *)source)->value : NULL;
            node_set(shown, *(const char *const *)target, schema_show(key->table, map, name, target));
        }
    }
    return shown;
}

Node *schema_show(const Key *keys, const Node *map, const char *name, gconstpointer target)
{
    Node *shown = node_new_map();
    for (const Key *key = keys; key->name; key++) {
        const Node *node = NULL;
        gconstpointer slot = SLOT(target, key);
        if (strcmp(key->name, "*") == 0 || !find_node(keys, key, map, &node))
            continue;
        if (key->type == KEY_TABLE) {
            node_set(shown, key->name, schema_show(key->table, node, name, slot));
        } else if (key->type == KEY_TABLES || key->type == KEY_TABLE_MAP) {
            node_set(shown, key->name, show_items(key, node, name, *(const GPtrArray *const *)slot));
        } else {
            g_autofree char *from = origin(key, node, name);
            Node *leaf = node_new_map();
            node_set(leaf, "value", value_node(key, slot));
            node_set_text(leaf, "origin", from);
            node_set(shown, key->name, leaf);
        }
    }
    return shown;
}
