/* SPDX-License-Identifier: Apache-2.0 */
/* Where things are on this host: every path that liftlock uses is put together here. */
#include "model/place.h"

#include <string.h>

#define PLACE_STORE ".liftlock-store"

HostPlace *host_place_new(const char *liftlock_root)
{
    HostPlace *place = g_new0(HostPlace, 1);
    place->own_root = liftlock_root && *liftlock_root;
    place->root = place->own_root ? g_canonicalize_filename(liftlock_root, NULL) : g_strdup("");
    if (strcmp(place->root, "/") == 0)
        place->root[0] = '\0';
    place->etc = g_strconcat(place->root, "/etc/liftlock", NULL);
    place->var = g_strconcat(place->root, "/var/lib/liftlock", NULL);
    place->run = g_strconcat(place->root, "/run/liftlock", NULL);
    place->state_db = g_build_filename(place->var, "state.db", NULL);
    return place;
}

void host_place_free(HostPlace *place)
{
    if (!place)
        return;
    g_free(place->root);
    g_free(place->etc);
    g_free(place->var);
    g_free(place->run);
    g_free(place->state_db);
    g_free(place);
}

/* What the config names moves below LIFTLOCK_ROOT as well, unless it lies there already. */
static char *below_host(const HostPlace *host, const char *app_root)
{
    gsize length = strlen(host->root);
    if (length == 0 || (strncmp(app_root, host->root, length) == 0 && (app_root[length] == '/' || !app_root[length])))
        return g_strdup(app_root);
    return g_strconcat(host->root, app_root, NULL);
}

static char *beside(const char *directory, const char *app, const char *suffix)
{
    return g_strconcat(directory, "/", app, suffix, NULL);
}

Place *place_new(const HostPlace *host, const char *app, const char *app_root)
{
    Place *place = g_new0(Place, 1);
    place->app = g_strdup(app);
    place->away = g_ptr_array_new_with_free_func(place_away_free);
    place->root = app_root ? below_host(host, app_root) : g_strconcat(host->root, "/opt/", app, NULL);
    place->store = g_strdup(place->root);
    place->current = g_build_filename(place->root, "current", NULL);
    place->releases = g_build_filename(place->root, "releases", NULL);
    place->shared = g_build_filename(place->root, "shared", NULL);
    place->system = g_build_filename(place->root, "system", NULL);
    place->logs = g_build_filename(place->root, "logs", NULL);
    place->wayback = g_build_filename(place->root, ".liftlock", NULL);
    place->state = g_build_filename(host->var, app, NULL);
    place->hold = g_build_filename(place->state, "hold", NULL);
    place->fence = g_build_filename(place->state, "fence", NULL);
    place->trust = g_build_filename(place->state, "trust", NULL);
    place->cache = g_build_filename(place->state, "cache", NULL);
    place->inventories = g_build_filename(place->state, "inventories", NULL);
    place->staging = g_build_filename(place->state, "staging", NULL);
    place->backups = g_build_filename(place->state, "backups", NULL);
    place->jobs = g_build_filename(place->state, "jobs", NULL);
    place->lock = beside(host->run, app, ".lock");
    place->work = beside(host->run, app, ".work");
    place->pass = beside(host->run, app, ".pass");
    place->status = beside(host->run, app, ".json");
    place->config = g_strconcat(host->etc, "/apps/", app, ".toml", NULL);
    return place;
}

static void replace(char **slot, char *value)
{
    g_free(*slot);
    *slot = value;
}

void place_set_in_place(Place *place)
{
    replace(&place->store, g_build_filename(place->root, PLACE_STORE, NULL));
    replace(&place->current, g_strdup(place->root));
    replace(&place->shared, g_strdup(place->root));
    replace(&place->releases, g_build_filename(place->store, "releases", NULL));
    replace(&place->system, g_build_filename(place->store, "system", NULL));
}

PlaceAway *place_away_new(const char *directory, const char *path)
{
    PlaceAway *away = g_new0(PlaceAway, 1);
    *away = (PlaceAway){g_strdup(directory), g_strdup(path)};
    return away;
}

void place_away_free(gpointer data)
{
    PlaceAway *away = data;
    g_free(away->directory);
    g_free(away->path);
    g_free(away);
}

void place_send_away(Place *place, const HostPlace *host, const char *directory, const char *path)
{
    g_autofree char *below = below_host(host, path);
    g_ptr_array_add(place->away, place_away_new(directory, below));
}

const char *place_below(const char *path, const char *directory)
{
    gsize length = strlen(directory);
    if (strncmp(path, directory, length) != 0 || (path[length] != '/' && path[length]))
        return NULL;
    return path[length] ? path + length + 1 : ".";
}

void place_free(Place *place)
{
    if (!place)
        return;
    char *paths[] = {place->app,    place->root,    place->current, place->releases, place->shared, place->system,
                     place->logs,   place->wayback, place->state,   place->hold,     place->fence,  place->trust,
                     place->cache,  place->staging, place->backups, place->jobs,     place->lock,   place->pass,
                     place->status, place->config,  place->user,    place->work,     place->store,  place->inventories};
    for (gsize i = 0; i < G_N_ELEMENTS(paths); i++)
        g_free(paths[i]);
    g_ptr_array_unref(place->away);
    g_free(place);
}

char *place_release(const Place *place, const char *version, const char *suffix)
{
    return g_strconcat(place->releases, "/", version, suffix, NULL);
}
