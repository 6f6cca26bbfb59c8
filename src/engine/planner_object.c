/* SPDX-License-Identifier: Apache-2.0 */
/* What speaks against an update or an install, and what it costs. */
#include "engine/planner_object.h"

#include "base/fault.h"
#include "engine/data.h"
#include "engine/encryption.h"
#include "engine/expected.h"
#include "engine/planner_switch.h"
#include "engine/preconditions.h"
#include "engine/rehearsal.h"
#include "engine/room.h"
#include "engine/sql_step.h"
#include "model/limits.h"
#include "model/manifest_switch.h"
#include "model/version.h"
#include "parts/backup/backup.h"
#include "parts/layout/layout.h"

#include <string.h>

/* Where things are depends on it, so that the host's word and the release's must be one. */
static void object_to_layout(const Planner *planner, Plan *plan)
{
    int layout = planner->manifest->layout, ours = planner->config->app.layout;
    if (layout == ours || (layout != LAYOUT_FILES && ours != LAYOUT_FILES))
        return;
    objection_add(plan->objections, FAULT_CONFIG, NULL, "[app] layout of its configuration says how an app lies here",
                  "%s %s has the layout '%s', the app on this host the layout '%s'", plan->app, plan->to,
                  layout_names[layout], layout_names[ours]);
}

/* What the engine does not do yet must not be passed over in silence: the publisher meant it. */
static void object_to_unsupported(const Manifest *manifest, Plan *plan)
{
    const struct {
        gboolean used;
        const char *key;
    } rows[] = {
        {manifest->files != NULL && manifest->layout != LAYOUT_FILES, "files"},
        {manifest->directories != NULL && manifest->layout != LAYOUT_FILES, "directories"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        if (rows[i].used)
            objection_add(plan->objections, FAULT_MANIFEST, NULL, NULL,
                          "the manifest's '%s' is not supported by this version of liftlock", rows[i].key);
    g_autoptr(GError) error = NULL;
    if (!layout_find(manifest->layout, &error))
        objection_add(plan->objections, FAULT_MANIFEST, NULL, NULL, "%s", error->message);
    if (manifest->layout == LAYOUT_FILES && manifest->shared->len > 0)
        objection_add(plan->objections, FAULT_MANIFEST, NULL, "an app in place keeps its files where they are",
                      "the manifest's 'shared' has no meaning with layout 'files'");
    for (guint i = 0; i < manifest->data->len; i++) {
        g_autoptr(GError) local = NULL;
        if (!backup_find(g_ptr_array_index(manifest->data, i), &local))
            objection_add(plan->objections, FAULT_MANIFEST, NULL, NULL, "%s", local->message);
    }
}

/* Everything that plan, job and way back may have to write, where it will lie. */
static void object_to_lack_of_room(Planner *planner, Plan *plan, const Release *release)
{
    const Place *place = planner->place;
    guint64 unpacked =
        release->unpacked_bytes > 0 ? (guint64)release->unpacked_bytes : (guint64)release->size_bytes * 4;
    guint64 entries = release->unpacked_entries > 0 ? (guint64)release->unpacked_entries : 1000;
    guint64 declared = (guint64)planner->manifest->requirements.min_disk_space_mb * 1000000;
    guint uses = plan->migrations->len > 0  ? ROOM_DUMP | ROOM_COPY | ROOM_MIGRATION
                 : plan->copy == COPY_NEVER ? 0
                                            : ROOM_COPY;
    g_autoptr(GPtrArray) own = data_sets_own_new();
    g_autoptr(GPtrArray) sets = g_ptr_array_new();
    g_autoptr(GPtrArray) needs = room_needs_new();
    if (planner->installed)
        data_sets_add(sets, own, planner->installed);
    data_sets_add(sets, own, planner->manifest);
    room_need(needs, place->root, "release", MAX(unpacked, declared), entries + 64);
    if (planner->manifest->layout == LAYOUT_FILES)
        room_need(needs, place->root, "files in place", unpacked, entries);
    room_need(needs, place->state, "download", (guint64)MAX(plan->download_bytes - plan->cached_bytes, 0), 64);
    uses |= (plan->kind == PLAN_UPDATE ? ROOM_DUMP : 0) | (plan->rehearse ? ROOM_REHEARSAL : 0) |
            (planner->config->backups.encrypt_to ? ROOM_ENCRYPTED : 0);
    room_need_data(needs, place, sets, uses);
    room_check(needs, (guint64)planner->host_config->space_margin_bytes, plan->objections);
}

static void plan_migrations(const Planner *planner, Plan *plan)
{
    g_autoptr(GPtrArray) due =
        manifest_migrations_due(planner->manifest, plan->from ? plan->from : plan->data_from, plan->to);
    for (guint i = 0; i < due->len; i++)
        g_ptr_array_add(plan->migrations, g_strdup(((const VersionCommands *)g_ptr_array_index(due, i))->name));
}

/* The cheapest way back that is sound: none is needed for data that nothing of the release changes. A publisher who
 * does not say so may have a release that migrates when it starts. */
static void plan_copy(const Planner *planner, Plan *plan)
{
    const Manifest *manifest = planner->manifest;
    if (plan->kind != PLAN_UPDATE || manifest->migrate.at_start || plan->migrations->len > 0 ||
        manifest->schema.version != planner->installed->schema.version)
        return;
    plan->copy = manifest->sql.path ? COPY_IF_SQL_IS_DUE : COPY_NEVER;
}

/* Rule 10. */
static void object_to_missing_fence(const Planner *planner, Plan *plan)
{
    const Manifest *manifest = planner->manifest;
    if (manifest->fence.mode != FENCE_NONE || !plan->from)
        return;
    gboolean safe = plan->migrations->len == 0 && !manifest->sql.path &&
                    manifest->schema.version == planner->installed->schema.version;
    if (manifest->schema.runs_with)
        safe = version_matches(plan->from, manifest->schema.runs_with);
    if (!safe)
        objection_add(plan->objections, FAULT_MANIFEST, NULL, "the publisher declares schema.runs_with, or fences",
                      "the release changes data without a fence, and nothing says that %s can run on them", plan->from);
}

static void object_to_claimed_path(const Planner *planner, Plan *plan, const char *path, const char *hint)
{
    g_autofree char *owner = journal_owner(planner->journal, "path", path);
    if (owner && strcmp(owner, plan->app) != 0)
        objection_add(plan->objections, FAULT_POLICY, NULL, hint, "%s belongs to the app '%s'", path, owner);
}

/* Rule 12. */
static void object_to_claimed(Planner *planner, const PartContext *part, Plan *plan)
{
    for (guint i = 0; i < planner->manifest->services->len; i++) {
        const Service *service = g_ptr_array_index(planner->manifest->services, i);
        const char *unit = service_own_unit(service);
        g_autofree char *owner = unit ? journal_owner(planner->journal, "unit", unit) : NULL;
        if (owner && strcmp(owner, plan->app) != 0)
            objection_add(plan->objections, FAULT_POLICY, NULL, "what must switch together is one app",
                          "unit '%s' belongs to the app '%s'", unit, owner);
    }
    g_autoptr(GPtrArray) own = data_sets_own_new();
    g_autoptr(GPtrArray) sets = g_ptr_array_new();
    data_sets_add(sets, own, planner->manifest);
    data_object_to_claimed(part, planner->journal, plan->app, sets, plan->objections);
    object_to_claimed_path(planner, plan, planner->place->root, "give this app a root of its own");
    for (guint i = 0; i < planner->place->away->len; i++)
        object_to_claimed_path(planner, plan, ((const PlaceAway *)planner->place->away->pdata[i])->path,
                               "name another folder in [destinations]");
}

/* The plan verifies the way back before anything happens. */
static void object_to_broken_way_back(Planner *planner, Plan *plan)
{
    g_autoptr(GError) error = NULL;
    if (!planner->record)
        return;
    plan->from_digest = g_strdup(planner->record->tree);
    const LayoutDriver *layout = layout_find(planner->installed->layout, &error);
    if (!layout || !layout->verify(planner->place, planner->current, planner->record->tree, &error))
        objection_add(plan->objections, FAULT_STATE, NULL, "go back with 'liftlock rollback', then update again",
                      "the way back is damaged: %s", error->message);
}

/* The publisher's word on how long users may be kept out, against what was seen on this host. */
static void object_to_long_fence(Planner *planner, Plan *plan)
{
    gint64 max_ms = planner->manifest->fence.max_ms;
    if (plan->kind != PLAN_UPDATE || planner->manifest->fence.mode == FENCE_NONE)
        return;
    plan->fence_expected_ms = expected_fence_ms(planner->journal, plan);
    if (plan->fence_expected_ms > max_ms)
        objection_add(plan->objections, FAULT_POLICY, "--force", "choose a quiet hour, then override with --force",
                      "users would be kept out for about %" G_GINT64_FORMAT " s, the release allows %" G_GINT64_FORMAT
                      " s",
                      (plan->fence_expected_ms + 999) / 1000, max_ms / 1000);
}

static void object_to_rehearsal(const Planner *planner, const Plan *plan)
{
    g_autoptr(GPtrArray) own = data_sets_own_new();
    g_autoptr(GPtrArray) sets = g_ptr_array_new();
    if (plan->rehearse && planner->installed)
        data_sets_add(sets, own, planner->installed);
    if (plan->rehearse)
        rehearsal_object(sets, plan->objections);
}

static void object_to_attempts(Planner *planner, Plan *plan)
{
    gint64 attempts = journal_attempts(planner->journal, plan->app, plan_release_key(plan));
    plan->attempt = attempts + 1;
    if (attempts < planner->config->policy.max_attempts)
        return;
    g_autofree char *hint = g_strdup_printf("'liftlock allow %s %s' lets it try again", plan->app, plan->to);
    objection_add(plan->objections, FAULT_POLICY, "--force", hint,
                  "%s was tried %" G_GINT64_FORMAT " times and interrupted each time", plan->to, attempts);
}

void plan_override(Plan *plan, const PlanWish *wish)
{
    for (guint i = plan->objections->len; wish->force && i > 0; i--) {
        Objection *objection = g_ptr_array_index(plan->objections, i - 1);
        if (g_strcmp0(objection->override, "--force") != 0)
            continue;
        g_ptr_array_add(plan->overrides, g_strdup_printf("--force: %s", objection->text));
        g_ptr_array_remove_index(plan->objections, i - 1);
    }
}

static void object_to_data(const Planner *planner, const PartContext *part, Plan *plan)
{
    g_autoptr(GPtrArray) own = data_sets_own_new();
    g_autoptr(GPtrArray) sets = g_ptr_array_new();
    if (planner->installed)
        data_sets_add(sets, own, planner->installed);
    data_sets_add(sets, own, planner->manifest);
    gboolean copied =
        plan->kind == PLAN_UPDATE && plan->copy == COPY_ALWAYS && planner->manifest->fence.mode != FENCE_NONE;
    data_object(part, sets, copied, plan->objections, plan->notes);
}

static void object_to_download(const Planner *planner, Plan *plan, const PlanWish *wish)
{
    plan->max_download =
        wish->max_download_bytes > 0 ? wish->max_download_bytes : planner->config->policy.max_download_bytes;
    gint64 bytes = plan->download_bytes - plan->cached_bytes;
    if (plan->max_download == 0 || bytes <= plan->max_download)
        return;
    objection_add(plan->objections, FAULT_POLICY, NULL,
                  wish->max_download_bytes > 0 ? "raise --max-download" : "raise it, or say --max-download for once",
                  "%s %s takes a download of %" G_GINT64_FORMAT " bytes, %s allows %" G_GINT64_FORMAT, plan->app,
                  plan->to, bytes, wish->max_download_bytes > 0 ? "--max-download" : "[policy] max_download",
                  plan->max_download);
}

void planner_object(Planner *planner, Plan *plan, const Release *release, const PlanWish *wish)
{
    PartContext part = {.place = planner->place, .lock_fd = -1, .databases = planner->config->database};
    plan_migrations(planner, plan);
    plan_copy(planner, plan);
    sql_step_note(&part, planner->manifest, plan->to, plan->notes);
    object_to_layout(planner, plan);
    object_to_unsupported(planner->manifest, plan);
    limits_note_withheld(planner->config, planner->manifest, plan->notes);
    object_to_missing_fence(planner, plan);
    object_to_claimed(planner, &part, plan);
    planner_switch(planner, plan);
    object_to_data(planner, &part, plan);
    encryption_object(planner->config, planner->place, NULL, NULL, plan->objections);
    object_to_broken_way_back(planner, plan);
    object_to_long_fence(planner, plan);
    object_to_rehearsal(planner, plan);
    object_to_attempts(planner, plan);
    preconditions_check(&part, planner->manifest, planner->installed, plan->objections);
    object_to_lack_of_room(planner, plan, release);
    object_to_download(planner, plan, wish);
}
