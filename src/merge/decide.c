/* SPDX-License-Identifier: Apache-2.0 */
/* Three-way: what happens to each item, by path. Nothing is written here. */
#include "merge/merge_inner.h"

#include <string.h>

static const char both_changed[] = "changed here and in the release";
static const char removed_here[] = "removed here, changed in the release";
static const char both_new[] = "new here and in the release, with different values";

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

/* --- arriving ----------------------------------------------------------------------------------------------------- */

static void add(Merge *merge, const Three *items)
{
    const char *why = NULL;
    MergeItem *item = items->release;
    MergeItem *parent = merge_twin_table(merge, item->parent);
    if (parent)
        g_ptr_array_add(parent->joining, item);
    Three shown = {.release = item};
    if (merge_bring(merge, item, &why))
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
    const char *why = merge_why_closed(merge, items->user);
    if (!items->user->parent && items->user->map != items->release->map && !merge->verbatim)
        return "the whole is of another kind in the release";
    if (!why && act == MERGE_UPDATED)
        why = why_written_in(merge, items->user, items->base);
    return why ? why : merge_why_closed(merge, items->release);
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
    if (!merge_bring(merge, items->release, &why)) {
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
    const char *why = merge_why_closed(merge, items->user);
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
