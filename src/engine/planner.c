/* SPDX-License-Identifier: Apache-2.0 */
/* Opening, checking and updating; going back is in planner_back.c, preconditions in preconditions.c. */
#include "engine/planner.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/fs.h"
#include "engine/data.h"
#include "engine/encryption.h"
#include "engine/expected.h"
#include "engine/job.h"
#include "engine/offer.h"
#include "engine/planner_conditions.h"
#include "engine/planner_files.h"
#include "engine/planner_kept.h"
#include "engine/planner_switch.h"
#include "engine/preconditions.h"
#include "engine/rehearsal.h"
#include "engine/room.h"
#include "engine/sql_step.h"
#include "engine/status_file.h"
#include "engine/ways.h"
#include "model/limits.h"
#include "model/manifest_switch.h"
#include "parts/backup/backup.h"

#include <string.h>

static gboolean refuse_claimed_root(const Planner *planner, const char *owner, GError **error)
{
    fault_set(error, FAULT_POLICY, "%s: %s belongs to the app '%s'", planner->config->name, planner->place->root,
              owner);
    return fault_hint(error, "give this app a root of its own");
}

static gboolean observe_app(Planner *planner, GError **error)
{
    const LayoutDriver *layout = layout_find(LAYOUT_RELEASES, error);
    g_autoptr(GError) local = NULL;
    planner->current = layout->current(planner->place, &local);
    if (local) {
        g_propagate_error(error, g_steal_pointer(&local));
        return FALSE;
    }
    planner->app = journal_app(planner->journal, planner->config->name, &local);
    if (planner->current && !local)
        planner->record = journal_release(planner->journal, planner->config->name, planner->current, &local);
    if (local) {
        g_propagate_error(error, g_steal_pointer(&local));
        return FALSE;
    }
    if (planner->current && !planner->record) {
        g_autofree char *owner = journal_owner(planner->journal, "path", planner->place->root);
        if (owner && strcmp(owner, planner->config->name) != 0)
            return refuse_claimed_root(planner, owner, error);
        fault_set(error, FAULT_STATE, "%s: %s is live, but nothing is recorded about it", planner->config->name,
                  planner->current);
        return fault_hint(error,
                          "somebody changed %s by hand; point it back to a release that 'liftlock history %s' names",
                          planner->place->current, planner->config->name);
    }
    if (planner->record && !(planner->installed = manifest_from_records(planner->record->manifest, error)))
        return FALSE;
    return TRUE;
}

static Planner *planner_with_config(const HostPlace *host, AppConfig *config, char *config_text, GError **error)
{
    g_autoptr(Planner) planner = g_new0(Planner, 1);
    planner->host = host;
    planner->config = config;
    planner->config_text = config_text;
    if (!(planner->host_config = engine_host_config(host, error)))
        return NULL;
    limits_tighten(planner->host_config, config);
    if (!(planner->place = engine_place(host, config, error)) ||
        !(planner->journal = journal_open(host, FALSE, error)) || !observe_app(planner, error))
        return NULL;
    return g_steal_pointer(&planner);
}

Planner *planner_open(const HostPlace *host, const char *app, GError **error)
{
    AppConfig *config = engine_app_config(host, app, error);
    if (!config)
        return NULL;
    g_autoptr(Place) place = place_new(host, app, NULL);
    char *text = NULL;
    if (!g_file_get_contents(place->config, &text, NULL, error)) {
        app_config_free(config);
        return NULL;
    }
    return planner_with_config(host, config, text, error);
}

Planner *planner_open_new(const HostPlace *host, const char *app, const char *config_text, GError **error)
{
    g_autofree char *name = g_strconcat(app, ".toml", NULL);
    Node *document = document_parse(DOCUMENT_TOML, config_text, strlen(config_text), name, FAULT_CONFIG, error);
    AppConfig *config = document ? app_config_read(document, app, name, error) : NULL;
    return config ? planner_with_config(host, config, g_strdup(config_text), error) : NULL;
}

void planner_free(Planner *planner)
{
    if (!planner)
        return;
    catalog_free(planner->catalog);
    g_clear_pointer(&planner->passed_over, g_ptr_array_unref);
    g_clear_pointer(&planner->differences, g_ptr_array_unref);
    manifest_free(planner->manifest);
    manifest_free(planner->installed);
    release_record_free(planner->record);
    app_record_free(planner->app);
    journal_close(planner->journal);
    place_free(planner->place);
    app_config_free(planner->config);
    host_config_free(planner->host_config);
    g_free(planner->config_text);
    g_free(planner->manifest_records);
    g_free(planner->current);
    g_free(planner);
}

/* --- choosing --- */

static gboolean choose(Planner *planner, const char *to, PolicyChoice *choice, GPtrArray *objections, GError **error)
{
    if (!planner->catalog &&
        !(planner->catalog = catalog_open(planner->config, planner->host_config, planner->place, error)))
        return FALSE;
    planner->catalog->source->installed = planner->current;
    if (!catalog_refresh(planner->catalog, planner->journal, error))
        return FALSE;
    const char *app = planner->config->name;
    g_autoptr(GPtrArray) rejected = journal_rejected(planner->journal, app, error);
    g_autoptr(GPtrArray) skipped = rejected ? journal_skipped(planner->journal, app, error) : NULL;
    if (!skipped)
        return FALSE;
    PolicyFacts facts = {
        .installed = planner->current,
        .floor = planner->app ? planner->app->floor : NULL,
        .pin = planner->app && planner->app->pin ? planner->app->pin : planner->config->policy.pin,
        .skipped = skipped,
        .rejected = rejected,
        .now_s = clock_now_s(),
    };
    policy_choose(planner->catalog->index, planner->config, &facts, to, choice, objections);
    return TRUE;
}

/* Of an app that is not installed yet there is nothing to remember. */
static void remember_look(const Planner *planner, const Release *offer, const GPtrArray *objections)
{
    if (!planner->current)
        return;
    offer_found(planner->place, planner->current, offer, objections);
    status_file_refresh(planner->place);
}

static gboolean look(Planner *planner, PolicyChoice *choice, GPtrArray *objections, GError **error)
{
    g_autoptr(GError) local = NULL;
    if (choose(planner, NULL, choice, objections, &local))
        return TRUE;
    if (planner->current) {
        offer_not_found(planner->place, local);
        status_file_refresh(planner->place);
    }
    g_propagate_error(error, g_steal_pointer(&local));
    return FALSE;
}

gboolean planner_check(Planner *planner, const Release **offer, GPtrArray *objections, GError **error)
{
    PolicyChoice choice = {0};
    if (!look(planner, &choice, objections, error))
        return FALSE;
    *offer = choice.up_to_date ? NULL : choice.release;
    if (*offer && planner_rolled_out_later(planner, *offer, objections))
        *offer = NULL;
    remember_look(planner, *offer, objections);
    return TRUE;
}

/* --- the plan of an update or install --- */

static gboolean plan_sources(Planner *planner, Plan *plan, const Release *release, GError **error)
{
    g_autofree char *reference =
        release->signature ? g_strdup(release->signature) : g_strconcat(release->url, ".minisig", NULL);
    plan->to = g_strdup(release->version[0] == 'v' ? release->version + 1 : release->version);
    plan->to_sha256 = g_strdup(release->sha256);
    plan->url = source_resolve(planner->catalog->source, release->url, error);
    plan->signature_url = plan->url ? source_resolve(planner->catalog->source, reference, error) : NULL;
    if (!plan->signature_url ||
        !ways_choose(planner->catalog, plan, release, planner->progress, planner->progress_data, error))
        return FALSE;
    return room_for_download(planner->place, planner->host_config,
                             (guint64)MAX(plan->download_bytes - plan->cached_bytes, 0), (guint64)plan->archive_bytes,
                             (guint64)release->unpacked_bytes, error) ||
           fault_prefix(error, "%s %s", plan->app, plan->to);
}

static gboolean same_version(const char *a, const char *b)
{
    return version_compare(a, b) == 0 && version_is_ordered(a) == version_is_ordered(b);
}

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

static gboolean plan_manifest(Planner *planner, Plan *plan, const Release *release, GError **error)
{
    g_autofree char *digest = NULL;
    g_free(planner->manifest_records);
    planner->manifest_records = NULL;
    g_clear_pointer(&planner->manifest, manifest_free);
    planner->manifest = catalog_manifest(planner->catalog, release, planner->progress, planner->progress_data,
                                         &planner->manifest_records, &digest, error);
    if (!planner->manifest)
        return FALSE;
    plan->manifest_sha256 = g_steal_pointer(&digest);
    const Manifest *manifest = planner->manifest;
    if (manifest->app && strcmp(manifest->app, plan->app) != 0)
        return fault_set(error, FAULT_VERIFY, "the manifest is of '%s', not of '%s'", manifest->app, plan->app);
    if (!same_version(manifest->version, plan->to))
        return fault_set(error, FAULT_VERIFY, "the manifest is of version %s, the index says %s", manifest->version,
                         plan->to);
    return TRUE;
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

static void plan_object(Planner *planner, Plan *plan, const Release *release)
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
}

/* An objection of policy to a version that was asked for by name is the answer; there is no need to look further. */
static Plan *plan_without_release(Planner *planner, GPtrArray *objections, const PlanWish *wish, GError **error)
{
    if (objections->len == 0)
        return NULL;
    const Objection *first = g_ptr_array_index(objections, 0);
    fault_set(error, (enum fault_code)first->code, "%s: %s", planner->config->name, first->text);
    if (first->hint)
        fault_hint(error, "%s", first->hint);
    return NULL;
}

Plan *planner_update(Planner *planner, const PlanWish *wish, GError **error)
{
    g_autoptr(Plan) plan = plan_new(planner->current ? PLAN_UPDATE : PLAN_INSTALL, planner->config->name);
    PolicyChoice choice = {0};
    const char *to = wish->to ? wish->to : wish->again ? planner->current : NULL;
    if (!(to ? choose(planner, to, &choice, plan->objections, error) : look(planner, &choice, plan->objections, error)))
        return NULL;
    if (!to)
        remember_look(planner, choice.up_to_date ? NULL : choice.release, plan->objections);
    if (choice.up_to_date && !wish->again && !wish->force) {
        g_clear_pointer(&planner->passed_over, g_ptr_array_unref);
        planner->passed_over = g_ptr_array_ref(plan->objections);
        return NULL;
    }
    if (!choice.release)
        return plan_without_release(planner, plan->objections, wish, error);
    if (!wish->to)
        g_ptr_array_set_size(plan->objections, 0); /* they spoke against releases that were passed over */
    plan->from = g_strdup(planner->current);
    plan->data = DATA_MIGRATE;
    plan->take_release = wish->take_release;
    plan->rehearse = (wish->rehearse || planner->config->policy.rehearse) && plan->kind == PLAN_UPDATE;
    if (!catalog_pin(planner->catalog, choice.release, planner->progress, planner->progress_data, error) ||
        !plan_sources(planner, plan, choice.release, error))
        return NULL;
    if (plan->objections->len == 0 || wish->force) {
        if (!plan_manifest(planner, plan, choice.release, error) ||
            !planner_kept_data(planner, plan, wish->data_from, error))
            return NULL;
        if (planner_not_now(planner, plan, choice.release, wish)) {
            remember_look(planner, NULL, planner->passed_over);
            return NULL;
        }
        plan_object(planner, plan, choice.release);
        plan_override(plan, wish);
        if (wish->foresee)
            planner_foresee(planner, plan, choice.release);
    }
    return g_steal_pointer(&plan);
}

gboolean plan_is_clear(const Plan *plan, GError **error)
{
    if (plan->objections->len == 0)
        return TRUE;
    const Objection *first = g_ptr_array_index(plan->objections, 0);
    fault_set(error, (enum fault_code)first->code, "%s: %s", plan->app, first->text);
    if (first->hint)
        fault_hint(error, "%s", first->hint);
    return FALSE;
}
