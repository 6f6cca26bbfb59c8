/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a change in place does with each file: three things are held against one another, what the installed release
 * brought, what the new one brings, and what lies there now.
 */
#include "parts/layout/files_inner.h"

#include "base/fault.h"
#include "base/fs.h"
#include "model/glob.h"
#include "parts/layout/releases.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

void arranger_clear(Arranger *a)
{
    g_clear_pointer(&a->ground, ground_close);
    fs_fd_clear(&a->store);
    fs_fd_clear(&a->parent);
    g_free(a->parent_dir);
    g_free(a->blocked);
    g_clear_pointer(&a->turned, g_ptr_array_unref);
    g_clear_pointer(&a->becoming, g_ptr_array_unref);
    for (guint i = 0; a->bays && i < a->bays->len; i++)
        close(g_array_index(a->bays, int, i));
    g_clear_pointer(&a->bays, g_array_unref);
    g_clear_pointer(&a->mounts, g_array_unref);
    g_clear_pointer(&a->known, known_free);
    g_clear_pointer(&a->intents, intents_free);
}
/* --- deciding --- */

static gboolean is_merge(const FileRule *rule)
{
    return rule && rule->action >= FILE_MERGE_TOML;
}

/* It is in the user's hands: not what the installed release brought, nor what the new one brings. */
static gboolean decide_edited(Arranger *a, const Case *c, GError **error)
{
    const FileRule *rule = c->rule;
    gboolean readable = c->live->type == 'f' && c->new->type == 'f';
    if (is_merge(rule) && readable)
        return arranger_merge(a, c, error);
    if (rule || a->change->take_release) {
        gboolean keeps = !rule || rule->backup || rule->action == FILE_BACKUP_REPLACE;
        arranger_note(a, "%s was edited here and gives way to the release's%s", c->live->path,
                      rule ? ", as its rule says" : "");
        return arranger_show(a, c, error) && (!keeps || arranger_keep(a, c, error)) && arranger_bring(a, c, error);
    }
    if (inventory_same(c->old, c->new)) { /* the release has nothing new to say */
        arranger_note(a, "%s was edited and stays as it is", c->live->path);
        return TRUE;
    }
    arranger_conflict(
        a, c->old ? "%s was edited here and changed by the release" : "%s is there already, and is not the release's",
        c->live->path);
    return arranger_show(a, c, error);
}

static gboolean decide_new(Arranger *a, const Case *c, GError **error)
{
    Found *live = c->live;
    if (a->blocked || live->type == 'd' || live->type == 'o') {
        arranger_stuck(a, "%s cannot be put there: %s", live->path, a->blocked ? a->blocked : "it is no file here");
        return TRUE;
    }
    if (!live->type && c->old && inventory_same(c->old, c->new) && !c->rule && !a->change->take_release) {
        arranger_note(a, "%s was removed here and stays away", live->path);
        return TRUE;
    }
    if (!live->type)
        return arranger_bring(a, c, error);
    if (!found_read(a, live, error))
        return FALSE;
    gboolean runs = live->type == 'f' && (live->st.st_mode & 0100);
    if (found_is(live, c->new)) /* in substance; a release that makes it a program has its way */
        return !c->old || c->old->runs == c->new->runs || runs == c->new->runs || arranger_bring(a, c, error);
    if (c->old && found_is(live, c->old) && !(is_merge(c->rule) && c->rule->merge_strategy == MERGE_RULE_UPDATE_ONLY))
        return (!c->rule || !c->rule->backup || arranger_keep(a, c, error)) && arranger_bring(a, c, error);
    return decide_edited(a, c, error);
}

/* The new release has it no more. What the user made of it is the user's. */
static gboolean decide_gone(Arranger *a, const Case *c, GError **error)
{
    if (!c->live->type || a->blocked)
        return TRUE;
    if (!found_read(a, c->live, error))
        return FALSE;
    if (found_is(c->live, c->old))
        return arranger_remove(a, c, error);
    arranger_note(a, "%s is no longer part of the release; it was edited and stays", c->live->path);
    return TRUE;
}

static gboolean is_let_in(const Arranger *a, const char *path)
{
    for (guint i = 0; a->change->privileged && i < a->change->privileged->len; i++)
        if (glob_matches(a->change->privileged->pdata[i], path))
            return TRUE;
    return FALSE;
}

static gboolean is_out_of_bounds(const Arranger *a, const char *path)
{
    const DirectoryRule *rule = manifest_directory_rule(a->change->manifest, path);
    return rule && rule->preserve;
}

gboolean arranger_keeps_off(const Arranger *a, const char *path)
{
    const FileRule *rule = manifest_file_rule(a->change->manifest, path);
    return is_out_of_bounds(a, path) || (rule && rule->action == FILE_SKIP) ||
           (arranger_is_privileged(a, path) && !is_let_in(a, path));
}

static gboolean decide(Arranger *a, const InventoryEntry *old, const InventoryEntry *new, GError **error)
{
    const char *path = new ? new->path : old->path;
    g_auto(Found) live = {0};
    Case c = {old, new, manifest_file_rule(a->change->manifest, path), &live};
    if (is_out_of_bounds(a, path) || (c.rule && c.rule->action == FILE_SKIP))
        return TRUE;
    if (arranger_keeps_off(a, path)) {
        if (!inventory_same(old, new))
            arranger_note(a, "%s is privileged and stays as it is: 'privileged_files' of this host does not name it",
                          path);
        return TRUE;
    }
    found_look(a, path, &live);
    if (old && new && old->type == 'd' && (!live.type || live.type == 'd') && !a->blocked)
        return arranger_to_file(a, &c, error);
    if (old && old->type == 'd')
        c.old = NULL; /* the user put something else there */
    return new ? decide_new(a, &c, error) : decide_gone(a, &c, error);
}

/* --- all of them --- */

/* A directory of the new release where there is none yet. */
static gboolean arrange_directory(Arranger *a, const InventoryEntry *old, const char *path, GError **error)
{
    g_auto(Found) live = {0};
    const Case c = {old, NULL, manifest_file_rule(a->change->manifest, path), &live};
    found_look(a, path, &live);
    if (live.type == 'd')
        return TRUE;
    if (live.type && !a->blocked && old && old->type != 'd' && !arranger_keeps_off(a, path))
        return arranger_to_directory(a, &c, error);
    if (live.type || a->blocked) {
        arranger_stuck(a, "%s cannot be made: %s", path, a->blocked ? a->blocked : "it is no directory here");
        g_ptr_array_add(a->becoming, g_strdup(path)); /* said once, not for all that is in it */
        return TRUE;
    }
    return arranger_make_directory(a, path, error);
}

static gboolean goes_with_its_directory(const Arranger *a, const char *path)
{
    for (guint i = 0; i < a->turned->len; i++)
        if (place_below(path, a->turned->pdata[i]))
            return TRUE;
    return FALSE;
}

static gboolean arrange_entry(Arranger *a, const char *path, const InventoryEntry *old, const InventoryEntry *new,
                              GError **error)
{
    char old_type = old ? old->type : 0, new_type = new ? new->type : 0;
    if (ground_is_top(a->ground, path)) {
        if (new_type && new_type != 'd')
            arranger_stuck(a, "%s has a destination of its own here, but is no directory in the release", path);
        return TRUE;
    }
    if (new_type == 'd')
        return is_out_of_bounds(a, new->path) && manifest_directory_rule(a->change->manifest, new->path) &&
                       strcmp(manifest_directory_rule(a->change->manifest, new->path)->path, new->path) != 0
                   ? TRUE
                   : arrange_directory(a, old, new->path, error);
    if (old_type == 'd' && !new_type) {
        if (!is_out_of_bounds(a, old->path))
            g_ptr_array_insert(a->intents->empty, 0, g_strdup(old->path)); /* the deepest come first that way */
        return TRUE;
    }
    if (old && !new &&goes_with_its_directory(a, path))
        return TRUE;
    return decide(a, old, new, error);
}

/* A folder in which nothing of the installed release lies is hardly the one that it was put into: its file system is
 * not mounted, or the configuration names another one since. */
static void doubt_folder(Arranger *a, const PlaceAway *away, const GPtrArray *old)
{
    guint files = 0;
    for (guint i = 0; i < old->len; i++) {
        const InventoryEntry *entry = old->pdata[i];
        g_auto(Found) live = {0};
        if (entry->type == 'd' || !place_below(entry->path, away->directory) || is_out_of_bounds(a, entry->path))
            continue;
        found_look(a, entry->path, &live);
        if (live.type)
            return;
        files++;
    }
    if (files > 0)
        arranger_conflict(a, "of %s, nothing of '%s' lies in %s: is its file system mounted?", a->change->from,
                          away->directory, away->path);
}

static gboolean arrange_all(Arranger *a, GError **error)
{
    g_autoptr(GPtrArray) old = inventory_read(a->store, a->change->from, error);
    g_autoptr(GPtrArray) new = !old           ? NULL
                               : a->tree >= 0 ? inventory_of(a->tree, error)
                                              : inventory_read(a->store, a->change->to, error);
    if (!new)
        return FALSE;
    a->old = old;
    for (guint i = 0; i < a->intents->away->len && !a->change->take_release; i++)
        doubt_folder(a, a->intents->away->pdata[i], old);
    for (guint i = 0, j = 0; i < old->len || j < new->len;) {
        const InventoryEntry *o = i < old->len ? old->pdata[i] : NULL, *n = j < new->len ? new->pdata[j] : NULL;
        int order = !o ? 1 : !n ? -1 : strcmp(o->path, n->path);
        const char *path = order <= 0 ? o->path : n->path;
        if (!arrange_entry(a, path, order <= 0 ? o : NULL, order >= 0 ? n : NULL, error))
            return FALSE;
        i += order <= 0;
        j += order >= 0;
    }
    return TRUE;
}

/* Who only looks may come before anything was installed. */
static gboolean open_places(Arranger *a, GError **error)
{
    const Place *place = a->context->place;
    if (a->looks && access(place->root, F_OK) != 0)
        return TRUE;
    if (!(a->ground = ground_open(place, place->away, error)))
        return FALSE;
    if (a->looks && access(place->store, F_OK) != 0)
        return TRUE;
    return fs_make_path(place->store, 0755, error) && (a->store = releases_open_store(place, error)) >= 0;
}

static gboolean forget_earlier(Arranger *a, GError **error)
{
    g_autoptr(Intents) earlier = intents_read(a->store, NULL);
    g_autofree char *live = releases_current(a->context->place, NULL);
    gboolean made = earlier && g_strcmp0(earlier->to, live) == 0;
    g_autoptr(Ground) ground = earlier ? ground_open(a->context->place, earlier->away, error) : NULL;
    return !earlier || (ground && intents_forget(ground, a->store, earlier, made, error));
}

gboolean arranger_begin(Arranger *a, GError **error)
{
    if (!open_places(a, error) || !(a->known = known_read(a->store, error)))
        return FALSE;
    a->intents = intents_new(a->change->from, a->change->to);
    for (guint i = 0; i < a->context->place->away->len; i++) {
        const PlaceAway *away = a->context->place->away->pdata[i];
        g_ptr_array_add(a->intents->away, place_away_new(away->directory, away->path));
    }
    a->turned = g_ptr_array_new_with_free_func(g_free);
    a->becoming = g_ptr_array_new_with_free_func(g_free);
    a->bays = g_array_new(FALSE, FALSE, sizeof(int));
    a->mounts = g_array_new(FALSE, FALSE, sizeof(Mount));
    return a->looks || forget_earlier(a, error);
}

static gboolean finish(Arranger *a, GError **error)
{
    for (guint i = 0; i < a->bays->len; i++)
        if (!fs_sync_file_system(g_array_index(a->bays, int, i), error))
            return FALSE;
    return known_write(a->known, a->store, error) && intents_write(a->store, a->intents, error);
}

gboolean files_arrange(const PartContext *context, const LayoutChange *change, LayoutReport *report, GError **error)
{
    g_auto(Arranger) a = ARRANGER(context, change, report);
    return arranger_begin(&a, error) && arrange_all(&a, error) && (report->conflicts->len > 0 || finish(&a, error));
}

gboolean files_foresee(const PartContext *context, const LayoutChange *change, int tree, LayoutReport *report,
                       GError **error)
{
    g_auto(Arranger) a = ARRANGER(context, change, report);
    a.looks = TRUE;
    if (tree >= 0 && (!fs_level(tree, error) || (a.tree = fs_open_beneath(tree, ".", O_RDONLY, 0, error)) < 0))
        return FALSE;
    return arranger_begin(&a, error) && arrange_all(&a, error);
}
