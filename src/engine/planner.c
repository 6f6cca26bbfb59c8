/* SPDX-License-Identifier: Apache-2.0 */
/* Opening, checking and updating; going back is in planner_back.c, preconditions in preconditions.c. */
#include "engine/planner.h"

#include "base/clock.h"
#include "base/fault.h"
#include "engine/job.h"
#include "engine/offer.h"
#include "engine/planner_conditions.h"
#include "engine/planner_files.h"
#include "engine/planner_kept.h"
#include "engine/planner_object.h"
#include "engine/room.h"
#include "engine/status_file.h"
#include "engine/ways.h"
#include "model/limits.h"

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
        planner_object(planner, plan, choice.release, wish);
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
