/* SPDX-License-Identifier: Apache-2.0 */
/* Where what is new in the release goes in the user's file, and how its key is written there. */
#include "merge/merge_inner.h"

#include <string.h>

static const char no_place[] = "the tables are built differently here and in the release";

const char *merge_why_closed(const Merge *merge, const MergeItem *item)
{
    if (merge->verbatim || !(item->closed || item->knotted))
        return NULL;
    return item->closed ? item->closed : "it contains what cannot be edited safely";
}

/* A line of `table`, which has no header: its key shows how the keys of this table begin. Also such lines of tables in
 * it, where `deep`. */
static const MergeItem *find_dotted(const MergeItem *table, gboolean deep)
{
    for (guint i = 0; i < table->items->len; i++) {
        const MergeItem *item = g_ptr_array_index(table->items, i);
        if (!item->map && item->in->owner)
            return item;
        const MergeItem *inner = deep && item->map && !item->in ? find_dotted(item, TRUE) : NULL;
        if (inner)
            return inner;
    }
    return NULL;
}

/* A table of the release that has a header, and in the user's file none yet: only the header comes, lines follow. */
static void bring_header(MergePlace *sections, MergeItem *table)
{
    if (table->arrives)
        return;
    table->arrives = TRUE;
    MergeArrival *arrival = g_new0(MergeArrival, 1);
    arrival->item = table;
    arrival->header_only = TRUE;
    g_ptr_array_add(sections->arrivals, arrival);
}

/* A line of a table that is here, but has no header. */
static MergePlace *place_in_dotted(Merge *merge, MergeItem *item, MergeItem *table, MergeArrival *arrival)
{
    if (item->parent->arrives) /* its header is on its way */
        return item->in;
    const MergeItem *dotted = find_dotted(table, FALSE);
    if (dotted) {
        const char *key = merge->user->reading.bytes + dotted->key_start;
        arrival->prefix = g_strndup(key, dotted->name - dotted->key_start);
        return dotted->in;
    }
    if (item->parent->holds != item->in || find_dotted(table, TRUE))
        return NULL;
    bring_header(merge->user->sections, item->parent);
    return item->in; /* a place of the release: below the header that comes from there */
}

/* Whether the tables that a dotted key names on the way may be named so here too. */
static gboolean may_name(const MergeItem *item, const MergePlace *place)
{
    for (const MergeItem *table = item->parent; table != item->in->owner; table = table->parent) {
        const MergeItem *dotted = table->twin ? find_dotted(table->twin, TRUE) : NULL;
        if (table->twin && (table->twin->holds || !dotted || dotted->in != place))
            return FALSE;
    }
    return TRUE;
}

MergeItem *merge_twin_table(const Merge *merge, const MergeItem *release)
{
    return release->parent ? release->twin : merge->user->root;
}

/* Where a line or section goes; NULL if nowhere. Fills how its key is written there. */
static MergePlace *place_for(Merge *merge, MergeItem *item, MergeArrival *arrival)
{
    if (item->in == merge->release->sections)
        return merge->user->sections;
    MergeItem *table = merge_twin_table(merge, item->parent);
    if (table && table->holds) {
        arrival->bare = item->name != item->key_start;
        return table->holds;
    }
    if (table)
        return merge->user->sections ? place_in_dotted(merge, item, table, arrival) : NULL;
    /* Below tables that are new as well, named by this very key: it goes where their owner is. */
    const MergeItem *owner = merge_twin_table(merge, item->in->owner);
    if (owner && !owner->holds && !find_dotted(owner, TRUE) && may_name(item, item->in)) {
        bring_header(merge->user->sections, item->in->owner);
        return item->in;
    }
    return owner && owner->holds && may_name(item, owner->holds) ? owner->holds : NULL;
}

static int case_compare(gconstpointer a, gconstpointer b, gpointer unused)
{
    (void)unused;
    return g_ascii_strcasecmp(a, b);
}

/* A key that is another one to some readers and the same to others. */
static gboolean has_other_case(MergeItem *map, const char *key)
{
    if (!map)
        return FALSE;
    if (!map->by_folded) {
        map->by_folded = g_tree_new_full(case_compare, NULL, NULL, NULL);
        for (guint i = 0; i < map->items->len; i++) {
            MergeItem *item = g_ptr_array_index(map->items, i);
            g_tree_replace(map->by_folded, item->key, item);
        }
    }
    const MergeItem *found = g_tree_lookup(map->by_folded, key);
    return found && strcmp(found->key, key) != 0 && found->fate != FATE_GOES;
}

/* What comes with the bytes of a table. */
static void mark_covered(MergeItem *map, const MergePlace *covered)
{
    for (guint i = 0; i < map->items->len; i++) {
        MergeItem *item = g_ptr_array_index(map->items, i);
        if (item->in && item->in != covered)
            continue;
        item->arrives |= item->in != NULL;
        if (item->map)
            mark_covered(item, item->holds && item->in ? item->holds : covered);
    }
}

/* The parts of a new table that do not come with its own bytes. */
static gboolean bring_rest(Merge *merge, MergeItem *map, const char **why)
{
    gboolean good = TRUE;
    for (guint i = 0; i < map->items->len; i++) {
        MergeItem *item = g_ptr_array_index(map->items, i);
        if (!item->arrives)
            good = merge_bring(merge, item, why) && good;
        else if (item->map)
            good = bring_rest(merge, item, why) && good;
    }
    return good;
}

gboolean merge_bring(Merge *merge, MergeItem *item, const char **why)
{
    *why = merge_why_closed(merge, item);
    if (*why || merge->verbatim)
        return *why == NULL;
    if (!item->in)
        return bring_rest(merge, item, why);
    *why = merge->user->open_end;
    if (*why)
        return FALSE;
    MergeItem *parent = merge_twin_table(merge, item->parent);
    if (merge->request->language->any_case && has_other_case(parent, item->key)) {
        *why = "it stands here in other letter case";
        return FALSE;
    }
    MergeArrival *arrival = g_new0(MergeArrival, 1);
    arrival->item = item;
    MergePlace *place = place_for(merge, item, arrival);
    const MergeItem *owner = place ? place->owner : NULL;
    *why = !place ? no_place : owner && owner->closed ? owner->closed : place->shut;
    if (*why) {
        g_free(arrival);
        return FALSE;
    }
    g_ptr_array_add(place->arrivals, arrival);
    item->arrives = TRUE;
    if (item->map)
        mark_covered(item, item->holds);
    return !item->map || bring_rest(merge, item, why);
}
