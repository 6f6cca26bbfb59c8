/* SPDX-License-Identifier: Apache-2.0 */
/* Three-way: what happens to each item, by path. Nothing is written here. */
#include "merge/merge_inner.h"

#include <string.h>

static const char both_changed[] = "changed here and in the release";
static const char removed_here[] = "removed here, changed in the release";
static const char both_new[] = "new here and in the release, with different values";
static const char no_place[] = "the tables are built differently here and in the release";

/* What one path is in the three texts; NULL where it is not. */
typedef struct Three {
    MergeItem *base, *user, *release;
} Three;

static void merge_maps(Merge *merge, Three items, MergeStrategy strategy);

void merge_note_add(GPtrArray *notes, MergeAct act, char *path, guint line, guint release_line, const char *reason)
{
    MergeNote *note = g_new(MergeNote, 1);
    *note =
        (MergeNote){.act = act, .path = path, .line = line, .release_line = release_line, .reason = g_strdup(reason)};
    g_ptr_array_add(notes, note);
}

static void note(Merge *merge, MergeAct act, const Three *items, const char *reason)
{
    const MergeItem *named = items->user ? items->user : items->release;
    merge_note_add(merge->notes, act, merge_item_path(named, TRUE), items->user ? items->user->line : 0,
                   items->release ? items->release->line : 0, reason);
}

static gboolean equal(MergeItem *a, MergeItem *b)
{
    return a && b && strcmp(merge_item_value(a), merge_item_value(b)) == 0;
}

/* Why this item may not be changed or copied, with all in it; NULL if it may. */
static const char *why_closed(const Merge *merge, const MergeItem *item)
{
    if (merge->verbatim || !(item->closed || item->knotted))
        return NULL;
    return item->closed ? item->closed : "it contains what cannot be edited safely";
}

/* A value of several lines that says what the base's says, but into which the user has written comments: they would be
 * lost with its bytes. */
static const char *why_written_in(const Merge *merge, const MergeItem *user, const MergeItem *base)
{
    const char *marks = merge->request->language->comments;
    if (!marks || !base || merge->verbatim)
        return NULL;
    MergeSpan span = user->loose ? user->rest : user->text, old = base->loose ? base->rest : base->text;
    const Reading *reading = &merge->user->reading;
    gsize size = span.end - span.start;
    if (!memchr(reading->bytes + span.start, '\n', size) || merge_same_text(reading, span, &merge->base->reading, old))
        return NULL;
    g_auto(GStrv) each = g_strsplit(marks, " ", -1);
    for (char **mark = each; *mark; mark++) {
        if (g_strstr_len(reading->bytes + span.start, (gssize)size, *mark))
            return "comments were written into it here";
    }
    return NULL;
}

/* --- arriving --------------------------------------------------------------------------------------------------- */

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

static MergeItem *twin_table(const Merge *merge, const MergeItem *release)
{
    return release->parent ? release->twin : merge->user->root;
}

/* Where a line or section goes; NULL if nowhere. Fills how its key is written there. */
static MergePlace *place_for(Merge *merge, MergeItem *item, MergeArrival *arrival)
{
    if (item->in == merge->release->sections)
        return merge->user->sections;
    MergeItem *table = twin_table(merge, item->parent);
    if (table && table->holds) {
        arrival->bare = item->name != item->key_start;
        return table->holds;
    }
    if (table)
        return merge->user->sections ? place_in_dotted(merge, item, table, arrival) : NULL;
    /* Below tables that are new as well, named by this very key: it goes where their owner is. */
    const MergeItem *owner = twin_table(merge, item->in->owner);
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

static gboolean bring(Merge *merge, MergeItem *item, const char **why);

/* The parts of a new table that do not come with its own bytes. */
static gboolean bring_rest(Merge *merge, MergeItem *map, const char **why)
{
    gboolean good = TRUE;
    for (guint i = 0; i < map->items->len; i++) {
        MergeItem *item = g_ptr_array_index(map->items, i);
        if (!item->arrives)
            good = bring(merge, item, why) && good;
        else if (item->map)
            good = bring_rest(merge, item, why) && good;
    }
    return good;
}

/* Brings what is new; FALSE with *why where it cannot be. */
static gboolean bring(Merge *merge, MergeItem *item, const char **why)
{
    *why = why_closed(merge, item);
    if (*why || merge->verbatim)
        return *why == NULL;
    if (!item->in)
        return bring_rest(merge, item, why);
    *why = merge->user->open_end;
    if (*why)
        return FALSE;
    MergeItem *parent = twin_table(merge, item->parent);
    if (merge->request->language->any_case && has_other_case(parent, item->key)) {
        *why = "it stands here in other letter case";
        return FALSE;
    }
    MergeArrival *arrival = g_new0(MergeArrival, 1);
    arrival->item = item;
    MergePlace *place = place_for(merge, item, arrival);
    const MergeItem *owner = place ? place->owner : NULL;
    if (!place || (owner && owner->closed && !merge->verbatim)) {
        *why = place ? owner->closed : no_place;
        g_free(arrival);
        return FALSE;
    }
    g_ptr_array_add(place->arrivals, arrival);
    item->arrives = TRUE;
    if (item->map)
        mark_covered(item, item->holds);
    return !item->map || bring_rest(merge, item, why);
}

static void add(Merge *merge, const Three *items)
{
    const char *why = NULL;
    MergeItem *item = items->release;
    MergeItem *parent = twin_table(merge, item->parent);
    if (parent)
        g_ptr_array_add(parent->joining, item);
    Three shown = {.release = item};
    if (bring(merge, item, &why))
        note(merge, MERGE_ADDED, &shown, NULL);
    else
        note(merge, MERGE_CONFLICT, &shown, why);
}

/* --- changing and going ----------------------------------------------------------------------------------------- */

/* Whether bytes of one can stand in the place of the other's. */
static gboolean same_form(const Merge *merge, const MergeItem *user, const MergeItem *release)
{
    gboolean user_section = user->in && user->in == merge->user->sections;
    gboolean release_section = release->in && release->in == merge->release->sections;
    gboolean tables = merge->user->sections != NULL;
    if (!user->parent)
        return !tables;
    if (tables && (user->map || release->map))
        return FALSE;
    return user->in && release->in && user_section == release_section;
}

static void mark_going(MergeItem *item, MergeItem *base)
{
    item->fate = FATE_GOES;
    item->old = base;
    for (guint i = 0; item->map && i < item->items->len; i++) {
        MergeItem *child = g_ptr_array_index(item->items, i);
        mark_going(child, merge_item_get(base, child->key));
    }
}

static const char *why_not_replaced(Merge *merge, const Three *items, MergeAct act)
{
    const char *why = why_closed(merge, items->user);
    if (!why && act == MERGE_UPDATED)
        why = why_written_in(merge, items->user, items->base);
    return why ? why : why_closed(merge, items->release);
}

/* The user's item takes the release's value. */
static void replace(Merge *merge, const Three *items, MergeAct act)
{
    const char *why = why_not_replaced(merge, items, act);
    if (why) {
        note(merge, MERGE_CONFLICT, items, why);
        return;
    }
    if (same_form(merge, items->user, items->release)) {
        items->user->fate = FATE_REPLACED;
        items->user->with = items->release;
        note(merge, act, items, NULL);
        return;
    }
    items->release->twin = NULL;
    if (!bring(merge, items->release, &why)) {
        note(merge, MERGE_CONFLICT, items, why);
        return;
    }
    mark_going(items->user, items->base);
    if (items->user->parent)
        g_ptr_array_add(items->user->parent->joining, items->release);
    note(merge, act, items, NULL);
}

static void let_go(Merge *merge, const Three *items, MergeAct act)
{
    const char *why = why_closed(merge, items->user);
    if (!why && act == MERGE_REMOVED)
        why = why_written_in(merge, items->user, items->base);
    if (!why)
        mark_going(items->user, items->base);
    note(merge, why ? MERGE_CONFLICT : act, items, why);
}

/* --- one path --------------------------------------------------------------------------------------------------- */

static void decide_value(Merge *merge, const Three *items, MergeStrategy strategy)
{
    MergeItem *base = items->base, *user = items->user, *release = items->release;
    if (equal(user, release))
        return;
    gboolean untouched = equal(user, base);
    if (strategy == MERGE_REPLACE)
        replace(merge, items, untouched ? MERGE_UPDATED : MERGE_OVERRIDDEN);
    else if (strategy == MERGE_UPDATE_ONLY || !merge->base || equal(release, base))
        return;
    else if (untouched)
        replace(merge, items, MERGE_UPDATED);
    else
        note(merge, MERGE_CONFLICT, items, base ? both_changed : both_new);
}

/* The release has it not (any more). */
static void decide_gone(Merge *merge, const Three *items, MergeStrategy strategy)
{
    gboolean untouched = equal(items->user, items->base);
    if (strategy == MERGE_REPLACE)
        let_go(merge, items, untouched ? MERGE_REMOVED : MERGE_OVERRIDDEN);
    else if (items->base && untouched && strategy == MERGE_PRESERVE_USER)
        let_go(merge, items, MERGE_REMOVED);
    else if (items->base)
        note(merge, MERGE_KEPT, items, NULL);
}

/* The user has it not (any more). */
static void decide_missing(Merge *merge, const Three *items, MergeStrategy strategy)
{
    if (!items->base || strategy == MERGE_REPLACE)
        add(merge, items);
    else if (strategy == MERGE_PRESERVE_USER && !equal(items->release, items->base))
        note(merge, MERGE_CONFLICT, items, removed_here);
}

static MergeStrategy strategy_of(const Merge *merge, const MergeItem *item, MergeStrategy strategy)
{
    if (!merge->rules)
        return strategy;
    g_autofree char *path = merge_item_path(item, FALSE);
    guint found = GPOINTER_TO_UINT(g_tree_lookup(merge->rules, path));
    return found ? (MergeStrategy)(found - 1) : strategy;
}

static void decide(Merge *merge, Three items, MergeStrategy strategy)
{
    const MergeItem *any = items.user ? items.user : items.release;
    strategy = strategy_of(merge, any, strategy);
    if (items.user)
        items.user->old = items.base;
    if (items.release)
        items.release->twin = items.user;
    gboolean maps = items.user && items.user->map && (!items.release || items.release->map);
    if (maps && (items.release || !items.base || items.base->map))
        merge_maps(merge, items, strategy);
    else if (items.user && items.release)
        decide_value(merge, &items, strategy);
    else if (items.user)
        decide_gone(merge, &items, strategy);
    else
        decide_missing(merge, &items, strategy);
}

/* --- maps ------------------------------------------------------------------------------------------------------- */

static gboolean keeps_any(const MergeItem *map)
{
    for (guint i = 0; i < map->items->len; i++) {
        const MergeItem *item = g_ptr_array_index(map->items, i);
        if (item->fate != FATE_GOES)
            return TRUE;
    }
    return FALSE;
}

static void mark_staying(MergeItem *item)
{
    item->fate = FATE_STAYS;
    for (guint i = 0; item->map && i < item->items->len; i++)
        mark_staying(g_ptr_array_index(item->items, i));
}

/* Nothing is left in a map that the release has no more: one note for all of it. */
static void let_map_go(Merge *merge, const Three *items, MergeStrategy strategy, guint n_notes, gboolean was_empty)
{
    if (items->user->closed || (was_empty && strategy != MERGE_REPLACE && !equal(items->user, items->base)))
        return;
    MergeAct act = MERGE_REMOVED;
    for (guint i = n_notes; i < merge->notes->len; i++) {
        if (((const MergeNote *)g_ptr_array_index(merge->notes, i))->act == MERGE_OVERRIDDEN)
            act = MERGE_OVERRIDDEN;
    }
    g_ptr_array_set_size(merge->notes, (gint)n_notes);
    gboolean nested = !merge->user->sections; /* comments could not stay where what is around them goes */
    const char *why = nested && act == MERGE_REMOVED ? why_written_in(merge, items->user, items->base) : NULL;
    items->user->fate = FATE_GOES;
    if (why)
        mark_staying(items->user);
    note(merge, why ? MERGE_CONFLICT : act, items, why);
}

static void merge_maps(Merge *merge, Three items, MergeStrategy strategy)
{
    guint n_notes = merge->notes->len;
    gboolean was_empty = items.user->items->len == 0;
    if (items.base && !items.base->map)
        items.base = NULL;
    for (guint i = 0; i < items.user->items->len; i++) {
        MergeItem *user = g_ptr_array_index(items.user->items, i);
        decide(merge, (Three){merge_item_get(items.base, user->key), user, merge_item_get(items.release, user->key)},
               strategy);
    }
    for (guint i = 0; items.release && i < items.release->items->len; i++) {
        MergeItem *release = g_ptr_array_index(items.release->items, i);
        if (!merge_item_get(items.user, release->key))
            decide(merge, (Three){merge_item_get(items.base, release->key), NULL, release}, strategy);
    }
    gboolean lost = !items.release && items.user->parent && (items.base || strategy == MERGE_REPLACE);
    if (lost && strategy != MERGE_UPDATE_ONLY && !keeps_any(items.user))
        let_map_go(merge, &items, strategy, n_notes, was_empty);
}

void merge_decide(Merge *merge)
{
    Three roots = {merge->base ? merge->base->root : NULL, merge->user->root, merge->release->root};
    decide(merge, roots, merge->request->strategy);
}

/* --- what must come out ----------------------------------------------------------------------------------------- */

static char *value_joining(MergeItem *item);

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
