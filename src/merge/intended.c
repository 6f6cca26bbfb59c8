/* SPDX-License-Identifier: Apache-2.0 */
/* What the output must mean, from the decisions alone: the guard holds what was written against it. */
#include "merge/merge_inner.h"

static char *value_of_pairs(const MergeItem *map, GPtrArray *pairs)
{
    GString *form = g_string_new(map->properties);
    merge_value_map(form, pairs);
    for (guint i = 1; i < pairs->len; i += 2)
        g_free(g_ptr_array_index(pairs, i));
    return g_string_free(form, FALSE);
}

static void append_pair(GPtrArray *pairs, const MergeItem *item, char *form)
{
    if (!form)
        return;
    g_ptr_array_add(pairs, item->key);
    g_ptr_array_add(pairs, form);
}

/* Of what comes new; NULL if none of it does. */
static char *value_joining(MergeItem *item)
{
    if (!item->map)
        return item->arrives ? g_strdup(merge_item_value(item)) : NULL;
    g_autoptr(GPtrArray) pairs = g_ptr_array_new();
    for (guint i = 0; i < item->items->len; i++) {
        MergeItem *child = g_ptr_array_index(item->items, i);
        append_pair(pairs, child, value_joining(child));
    }
    return pairs->len || item->arrives ? value_of_pairs(item, pairs) : NULL;
}

/* Of what the user has; NULL if it goes. */
static char *value_staying(MergeItem *item)
{
    if (item->fate == FATE_REPLACED)
        return g_strdup(merge_item_value(item->with));
    if (!item->map)
        return item->fate == FATE_GOES ? NULL : g_strdup(merge_item_value(item));
    g_autoptr(GPtrArray) pairs = g_ptr_array_new();
    for (guint i = 0; i < item->items->len; i++) {
        MergeItem *child = g_ptr_array_index(item->items, i);
        append_pair(pairs, child, value_staying(child));
    }
    for (guint i = 0; i < item->joining->len; i++) {
        MergeItem *child = g_ptr_array_index(item->joining, i);
        append_pair(pairs, child, value_joining(child));
    }
    gboolean there = pairs->len || !item->parent || (item->fate != FATE_GOES && (item->in || !item->items->len));
    return there ? value_of_pairs(item, pairs) : NULL;
}

char *merge_intended(Merge *merge)
{
    return value_staying(merge->user->root);
}
