/* SPDX-License-Identifier: Apache-2.0 */
/* Typed fields of TUF metadata, and the parts that more than one kind has: keys, roles, delegations. */
#include "trust/tuf_read.h"

#include "base/fault.h"
#include "base/shown.h"

#include <stdlib.h>
#include <string.h>

#define MAX_SUCCINCT_BITS 32
#define MAX_ROLE_NAME_BYTES 1024

gboolean tuf_fault(const TufReading *reading, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *what = g_strdup_vprintf(format, args);
    va_end(args);
    return fault_set(reading->error, FAULT_VERIFY, "%s: %s", reading->name, what);
}

/* --- fields ------------------------------------------------------------------------------------------------- */

const Node *tuf_read_map(const TufReading *reading, const Node *map, const char *key)
{
    const Node *node = node_get(map, key);
    if (node && node->kind == NODE_MAP)
        return node;
    tuf_fault(reading, "'%s' is not a map", key);
    return NULL;
}

static const char *string_of(const Node *node)
{
    return node && node->kind == NODE_SCALAR && node->type == SCALAR_STRING ? node->text : NULL;
}

const char *tuf_read_string(const TufReading *reading, const Node *map, const char *key)
{
    const char *text = string_of(node_get(map, key));
    if (!text)
        tuf_fault(reading, "'%s' is not a string", key);
    return text;
}

gboolean tuf_read_int(const TufReading *reading, const Node *map, const char *key, gint64 min, gint64 *value)
{
    const Node *node = node_get(map, key);
    gint64 found;
    if (!node || node->kind != NODE_SCALAR || node->type != SCALAR_INTEGER || !node_as_int(node, &found) || found < min)
        return tuf_fault(reading, "'%s' is not an integer of at least %" G_GINT64_FORMAT, key, min);
    *value = found;
    return TRUE;
}

gboolean tuf_read_bool(const TufReading *reading, const Node *map, const char *key, gboolean *value)
{
    const Node *node = node_get(map, key);
    return (node && node->kind == NODE_SCALAR && node->type == SCALAR_BOOLEAN && node_as_bool(node, value)) ||
           tuf_fault(reading, "'%s' is neither true nor false", key);
}

static int compare_strings(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;
    return strcmp(*x, *y);
}

/* Sorted, not hashed: whoever wrote the text could choose names of one hash. */
static const char *find_twice(const GPtrArray *strings)
{
    const char *twice = NULL;
    g_autofree const char **sorted = g_memdup2(strings->pdata, strings->len * sizeof(char *));
    if (strings->len > 1)
        qsort(sorted, strings->len, sizeof *sorted, compare_strings);
    for (guint i = 1; i < strings->len && !twice; i++) {
        if (g_str_equal(sorted[i - 1], sorted[i]))
            twice = sorted[i];
    }
    return twice;
}

GPtrArray *tuf_read_strings(const TufReading *reading, const Node *map, const char *key, gboolean unique)
{
    const Node *node = node_get(map, key);
    if (!node || node->kind != NODE_LIST) {
        tuf_fault(reading, "'%s' is not a list", key);
        return NULL;
    }
    g_autoptr(GPtrArray) strings = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < node->items->len; i++) {
        const char *text = string_of(g_ptr_array_index(node->items, i));
        if (!text) {
            tuf_fault(reading, "'%s' holds what is no string", key);
            return NULL;
        }
        g_ptr_array_add(strings, g_strdup(text));
    }
    if (unique && find_twice(strings)) {
        g_autofree char *shown = shown_text(find_twice(strings));
        tuf_fault(reading, "'%s' names '%s' twice", key, shown);
        return NULL;
    }
    return g_steal_pointer(&strings);
}

/* --- keys and roles ----------------------------------------------------------------------------------------- */

static void key_free(gpointer data)
{
    tuf_key_free(data);
}

static int compare_keys(gconstpointer a, gconstpointer b)
{
    const TufKey *const *x = a, *const *y = b;
    return strcmp((*x)->id, (*y)->id);
}

GPtrArray *tuf_read_keys(const TufReading *reading, const Node *map)
{
    g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func(key_free);
    for (guint i = 0; i < map->items->len; i++) {
        const Entry *entry = g_ptr_array_index(map->items, i);
        TufKey *key = tuf_key_read(entry->key, entry->value, reading->name, reading->error);
        if (!key)
            return NULL;
        g_ptr_array_add(keys, key);
    }
    g_ptr_array_sort(keys, compare_keys);
    return g_steal_pointer(&keys);
}

void tuf_role_free(TufRole *role)
{
    if (!role)
        return;
    g_free(role->name);
    g_clear_pointer(&role->keyids, g_ptr_array_unref);
    g_clear_pointer(&role->paths, g_ptr_array_unref);
    g_clear_pointer(&role->prefixes, g_ptr_array_unref);
    g_free(role);
}

TufRole *tuf_read_role(const TufReading *reading, const Node *node, const char *name)
{
    g_autoptr(TufRole) role = g_new0(TufRole, 1);
    role->name = g_strdup(name);
    role->keyids = tuf_read_strings(reading, node, "keyids", TRUE);
    if (!role->keyids || !tuf_read_int(reading, node, "threshold", 1, &role->threshold))
        return NULL;
    return g_steal_pointer(&role);
}

/* --- delegations -------------------------------------------------------------------------------------------- */

static gboolean check_role_name(const TufReading *reading, const char *name)
{
    for (guint type = 0; type < TUF_N_TYPES; type++) {
        if (g_str_equal(name, tuf_type_name((TufType)type)))
            return tuf_fault(reading, "a delegated role is named '%s', as a role of the top level", name);
    }
    if (*name == '\0' || strlen(name) > MAX_ROLE_NAME_BYTES)
        return tuf_fault(reading, "a delegated role has an empty name or one of more than %d bytes",
                         MAX_ROLE_NAME_BYTES);
    for (const char *at = name; *at; at++) {
        if (g_ascii_iscntrl(*at))
            return tuf_fault(reading, "the name of a delegated role holds a control character");
    }
    return TRUE;
}

static TufRole *read_delegation(const TufReading *reading, const Node *node)
{
    const char *name = tuf_read_string(reading, node, "name");
    if (!name || !check_role_name(reading, name))
        return NULL;
    g_autoptr(TufRole) role = tuf_read_role(reading, node, name);
    if (!role || !tuf_read_bool(reading, node, "terminating", &role->terminating))
        return NULL;
    gboolean by_path = node_get(node, "paths") != NULL, by_prefix = node_get(node, "path_hash_prefixes") != NULL;
    if (by_path == by_prefix) {
        tuf_fault(reading, "a delegation needs either 'paths' or 'path_hash_prefixes'");
        return NULL;
    }
    GPtrArray **patterns = by_path ? &role->paths : &role->prefixes;
    *patterns = tuf_read_strings(reading, node, by_path ? "paths" : "path_hash_prefixes", FALSE);
    return *patterns ? g_steal_pointer(&role) : NULL;
}

static gboolean read_listed(const TufReading *reading, TufMetadata *metadata, const Node *list)
{
    if (list->kind != NODE_LIST)
        return tuf_fault(reading, "'roles' is not a list");
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (guint i = 0; i < list->items->len; i++) {
        TufRole *role = read_delegation(reading, g_ptr_array_index(list->items, i));
        if (!role)
            return FALSE;
        g_ptr_array_add(metadata->roles, role);
        g_ptr_array_add(names, role->name);
    }
    if (find_twice(names)) {
        g_autofree char *shown = shown_text(find_twice(names));
        return tuf_fault(reading, "two delegations to the role '%s'", shown);
    }
    return TRUE;
}

static gboolean read_succinct(const TufReading *reading, TufMetadata *metadata, const Node *node)
{
    gint64 bits = 0;
    const char *prefix = tuf_read_string(reading, node, "name_prefix");
    if (!prefix || !check_role_name(reading, prefix) || !tuf_read_int(reading, node, "bit_length", 1, &bits))
        return FALSE;
    if (bits > MAX_SUCCINCT_BITS)
        return tuf_fault(reading, "'bit_length' is more than %d", MAX_SUCCINCT_BITS);
    TufRole *role = tuf_read_role(reading, node, NULL);
    if (!role)
        return FALSE;
    role->terminating = TRUE;
    g_ptr_array_add(metadata->roles, role);
    metadata->succinct_bits = (guint)bits;
    metadata->succinct_prefix = g_strdup(prefix);
    return TRUE;
}

gboolean tuf_read_delegations(const TufReading *reading, TufMetadata *metadata)
{
    if (!node_get(metadata->node, "delegations"))
        return TRUE;
    const Node *node = tuf_read_map(reading, metadata->node, "delegations");
    const Node *keys = node ? tuf_read_map(reading, node, "keys") : NULL;
    if (!keys)
        return FALSE;
    g_clear_pointer(&metadata->keys, g_ptr_array_unref);
    metadata->keys = tuf_read_keys(reading, keys);
    if (!metadata->keys)
        return FALSE;
    const Node *list = node_get(node, "roles"), *succinct = node_get(node, "succinct_roles");
    if (!list == !succinct)
        return tuf_fault(reading, "'delegations' needs either 'roles' or 'succinct_roles'");
    return list ? read_listed(reading, metadata, list) : read_succinct(reading, metadata, succinct);
}
