/* SPDX-License-Identifier: Apache-2.0 */
/* The layout "files": what is done with a change that was arranged. */
#include "parts/layout/files.h"

#include "base/fault.h"
#include "base/fs.h"
#include "parts/layout/inventory.h"
#include "parts/layout/releases.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

typedef struct Opened {
    Ground *ground;
    int store;
    Intents *intents; /* NULL: none */
} Opened;

static void opened_clear(Opened *opened)
{
    g_clear_pointer(&opened->ground, ground_close);
    fs_fd_clear(&opened->store);
    g_clear_pointer(&opened->intents, intents_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Opened, opened_clear)

static gboolean opened_read(Opened *opened, const Place *place, GError **error)
{
    g_autoptr(GError) local = NULL;
    opened->store = releases_open_store(place, error);
    if (opened->store < 0)
        return FALSE;
    opened->intents = intents_read(opened->store, &local);
    if (local) {
        g_propagate_error(error, g_steal_pointer(&local));
        return FALSE;
    }
    opened->ground = ground_open(place, opened->intents ? opened->intents->away : NULL, error);
    return opened->ground != NULL;
}

static gboolean nothing_there(const Place *place)
{
    return access(place->store, F_OK) != 0 && errno == ENOENT;
}

static gboolean files_activate(const PartContext *context, const char *version, GError **error)
{
    g_auto(Opened) opened = {.store = -1};
    if (!version && nothing_there(context->place))
        return TRUE;
    if (!opened_read(&opened, context->place, error))
        return FALSE;
    if (!opened.intents || g_strcmp0(opened.intents->to, version) != 0)
        return fault_set(error, FAULT_STATE, "the change to %s was not prepared", version ? version : "nothing");
    if (!intents_switch(opened.ground, opened.intents, error))
        return FALSE;
    return version ? layout_releases.activate(context, version, error) : layout_releases.revert(context, NULL, error);
}

static gboolean files_revert(const PartContext *context, const char *back, GError **error)
{
    g_auto(Opened) opened = {.store = -1};
    if (nothing_there(context->place))
        return TRUE;
    if (!opened_read(&opened, context->place, error))
        return FALSE;
    /* Intents of another change are of one that has ended, or has not begun to move. */
    if (opened.intents && g_strcmp0(opened.intents->from, back) == 0 &&
        !intents_back(opened.ground, opened.intents, error))
        return FALSE;
    return layout_releases.revert(context, back, error);
}

static gboolean files_prepare_revert(const PartContext *context, const char *back, GError **error)
{
    g_auto(Opened) opened = {.store = -1};
    if (back || nothing_there(context->place))
        return layout_releases.prepare_revert(context, back, error);
    if (!opened_read(&opened, context->place, error))
        return FALSE;
    g_autofree char *live = releases_current(context->place, NULL);
    gboolean made = opened.intents && g_strcmp0(opened.intents->to, live) == 0;
    if (opened.intents && !intents_forget(opened.ground, opened.store, opened.intents, made, error))
        return FALSE;
    return layout_releases.prepare_revert(context, NULL, error);
}

static gboolean files_remove(const Place *place, const char *version, GError **error)
{
    if (!layout_releases.remove(place, version, error))
        return FALSE;
    fs_fd int store = nothing_there(place) ? -1 : releases_open_store(place, NULL);
    if (store >= 0)
        inventory_forget(store, version);
    return TRUE;
}

/* Sealing reads every byte: what it saw need not be read again to tell what the release consists of. A list of an
 * earlier tree of that version goes first. */
static gboolean files_seal(const PartContext *context, const char *version, char **tree_digest, GError **error)
{
    fs_fd int store = releases_open_store(context->place, error);
    g_autoptr(GPtrArray) entries = inventory_new();
    if (store < 0)
        return FALSE;
    inventory_forget(store, version);
    return releases_seal_told(context, version, inventory_note, entries, tree_digest, error) &&
           inventory_keep(store, version, entries, error);
}

/* What a release is made of is the same, wherever its files go. */
const LayoutDriver layout_files = {
    .name = "files",
    .summary = "the app's files in its root, changed in place by rules",
    .in_place = TRUE,
    .arrange = files_arrange,
    .foresee = files_foresee,
    .examine = files_examine,
    .current = releases_current,
    .present = releases_present,
    .prepare = releases_prepare,
    .furnish = releases_furnish,
    .staged = releases_staged,
    .seal = files_seal,
    .drop_staged = releases_drop_staged,
    .verify = releases_verify,
    .promote = releases_promote,
    .activate = files_activate,
    .prepare_revert = files_prepare_revert,
    .revert = files_revert,
    .remove = files_remove,
};
