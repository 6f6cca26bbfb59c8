/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A change in place where a directory becomes a file, or a file a directory. What lies there gives way by one rename;
 * a directory only once everything in it is gone, and only if all of it is what the installed release brought.
 */
#include "parts/layout/files_inner.h"

#include "base/fault.h"
#include "base/fs.h"

#include <stdlib.h>
#include <string.h>

typedef struct Emptying {
    Arranger *a;
    const char *directory; /* what becomes a file */
    dev_t device;
    GPtrArray *inside; /* char *: paths in it, parents before children */
    char *stays;       /* the first that is not the release's; NULL: none */
    guint n_stay;
} Emptying;

static int by_path(const void *key, const void *entry)
{
    return strcmp(key, (*(const InventoryEntry *const *)entry)->path);
}

const InventoryEntry *arranger_brought(const Arranger *a, const char *path)
{
    const GPtrArray *old = a->old;
    InventoryEntry **found = old->len ? bsearch(path, old->pdata, old->len, sizeof(gpointer), by_path) : NULL;
    return found ? *found : NULL;
}

static gboolean is_the_releases(Arranger *a, const char *path, GError **error)
{
    g_auto(Found) live = {0};
    const InventoryEntry *old = arranger_brought(a, path);
    if (!old || arranger_keeps_off(a, path))
        return FALSE;
    found_look(a, path, &live);
    return found_read(a, &live, error) && found_is(&live, old);
}

static gboolean look_inside(int parent_fd, const char *name, const char *path, const struct stat *st, gpointer data,
                            GError **error)
{
    (void)parent_fd;
    (void)name;
    Emptying *emptying = data;
    g_autofree char *whole = g_build_filename(emptying->directory, path, NULL);
    g_autoptr(GError) local = NULL;
    gboolean ours = st->st_dev == emptying->device && is_the_releases(emptying->a, whole, &local);
    if (local) {
        g_propagate_error(error, g_steal_pointer(&local));
        return FALSE;
    }
    if (!ours && emptying->n_stay++ == 0)
        emptying->stays = g_strdup(whole);
    g_ptr_array_add(emptying->inside, g_steal_pointer(&whole));
    return TRUE;
}

/* Files first, then directories from within. */
static gboolean take_out(Arranger *a, const GPtrArray *inside, gboolean directories, GError **error)
{
    for (guint i = inside->len; i > 0; i--) {
        g_auto(Found) live = {0};
        const char *path = inside->pdata[i - 1];
        found_look(a, path, &live);
        const Case c = {arranger_brought(a, path), NULL, NULL, &live};
        if ((live.type == 'd') == directories && !arranger_remove(a, &c, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean empty_out(Arranger *a, const Case *c, GError **error)
{
    const char *below, *path = c->live->path;
    g_autoptr(GPtrArray) inside = g_ptr_array_new_with_free_func(g_free);
    Emptying emptying = {.a = a, .directory = path, .device = c->live->st.st_dev, .inside = inside};
    int fd = ground_of(a->ground, path, &below);
    if (!fs_walk(fd, below, look_inside, &emptying, error)) {
        g_free(emptying.stays);
        return FALSE;
    }
    g_ptr_array_add(a->turned, g_strdup(path));
    if (emptying.n_stay > 1)
        arranger_stuck(a, "%s becomes a file, but in it are %s and %u more that are not the release's", path,
                       emptying.stays, emptying.n_stay - 1);
    else if (emptying.n_stay == 1)
        arranger_stuck(a, "%s becomes a file, but in it is %s, which is not the release's", path, emptying.stays);
    gboolean stays = emptying.n_stay > 0;
    g_free(emptying.stays);
    if (stays)
        return TRUE;
    found_look(a, path, c->live);
    return take_out(a, inside, FALSE, error) && take_out(a, inside, TRUE, error) && arranger_bring(a, c, error);
}

gboolean arranger_to_file(Arranger *a, const Case *c, GError **error)
{
    const char *path = c->live->path;
    for (guint i = 0; i < a->intents->away->len; i++)
        if (place_below(((const PlaceAway *)a->intents->away->pdata[i])->directory, path)) {
            arranger_stuck(a, "%s has a destination of its own in it here, but is no directory in the release", path);
            return TRUE;
        }
    if (!c->live->type)
        return arranger_bring(a, c, error);
    return empty_out(a, c, error);
}

gboolean arranger_to_directory(Arranger *a, const Case *c, GError **error)
{
    Found *live = c->live;
    g_ptr_array_add(a->becoming, g_strdup(live->path));
    if (live->type == 'o') {
        arranger_stuck(a, "%s cannot be made: it is no directory here", live->path);
        return TRUE;
    }
    if (!found_read(a, live, error))
        return FALSE;
    gboolean edited = !found_is(live, c->old);
    if (edited && !c->rule && !a->change->take_release) {
        arranger_conflict(a, "%s was edited here and becomes a directory in the release", live->path);
        return TRUE;
    }
    if (edited)
        arranger_note(a, "%s was edited here and gives way to a directory", live->path);
    gboolean keeps = edited ? !c->rule || c->rule->backup : c->rule && c->rule->backup;
    return (!keeps || arranger_keep(a, c, error)) && arranger_make_directory(a, live->path, error);
}
