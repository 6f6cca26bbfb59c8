/* SPDX-License-Identifier: Apache-2.0 */
/* Going over from one instance to the other. */
#include "engine/live_switch.h"

#include "base/clock.h"
#include "base/fault.h"
#include "engine/claims.h"
#include "engine/live.h"
#include "model/manifest_switch.h"
#include "parts/service/service.h"
#include "parts/switch/switch.h"

#include <string.h>

#define RELOAD_TIMEOUT_MS 60000
#define PROXY_DEADLINE_MS 30000 /* after a boot it may come up later than we do */
#define LOOK_AGAIN_MS 50

static const Service *service_at(const Manifest *manifest, guint i)
{
    return g_ptr_array_index(manifest->services, i);
}

static gboolean brings_other_code(const Job *job)
{
    PlanKind kind = job->plan->kind;
    return (kind == PLAN_UPDATE || kind == PLAN_ROLLBACK || kind == PLAN_RETURN) && job->plan->data != DATA_RESTORE;
}

gboolean live_crosses(const Job *job, const Service *service)
{
    const Service *other = service_named(job->manifest, service->name);
    return brings_other_code(job) && service->template_ && other && other->template_ &&
           strcmp(service->unit, other->unit) != 0;
}

gboolean live_crosses_any(const Job *job)
{
    for (guint i = 0; job->installed && i < job->installed->services->len; i++)
        if (live_crosses(job, service_at(job->installed, i)))
            return TRUE;
    return FALSE;
}

/* --- asking through the proxy --------------------------------------------------------------------------------- */

/* The host may have said better since the job was planned where to look; what is done does not change by it. */
static SwitchView view_now(const Job *job, const Service *service)
{
    g_autoptr(AppConfig) now = engine_app_config(job->host, job->plan->app, NULL);
    SwitchView view = switch_view(job->config, service);
    SwitchView newer = now ? switch_view(now, service) : (SwitchView){0};
    if (newer.url) {
        g_free(view.url);
        view.url = g_steal_pointer(&newer.url);
    }
    switch_view_clear(&newer);
    return view;
}

static char *identity_through(Job *job, const Manifest *manifest, const SwitchView *view, GError **error)
{
    ProbeContext context = job_probe_context(job, manifest->version);
    Check check = manifest->identity;
    check.http = view->url;
    check.unix_socket = NULL;
    return probe_identity(&context, &check, error);
}

static gboolean proxy_leads_to(Job *job, const Manifest *manifest, const Service *service, const char *version,
                               GError **error)
{
    g_auto(SwitchView) view = view_now(job, service);
    if (!view.url)
        return fault_set(error, FAULT_CONFIG, "%s: nothing says where %s answers for '%s'", job->plan->app, view.unit,
                         service->name);
    g_autoptr(GError) why = NULL;
    g_autofree char *identity = identity_through(job, manifest, &view, &why);
    if (identity && version_compare(identity, version) == 0)
        return TRUE;
    if (identity)
        fault_set(error, FAULT_SYSTEM, "%s leads to %s, not to %s", view.url, identity, version);
    else
        fault_set(error, FAULT_SYSTEM, "%s does not lead to %s: %s", view.url, version, why->message);
    return fault_hint(error, "the site's configuration of %s includes %s/%s; 'url' in [switch.%s] says where to ask",
                      view.unit, job->place->root, view.file, service->name);
}

/* --- before the fence ------------------------------------------------------------------------------------------ */

static gboolean proxy_runs(Job *job, const Service *service, GError **error)
{
    g_auto(SwitchView) view = switch_view(job->config, service);
    Service proxy = {.name = view.unit, .unit = view.unit};
    ServiceState state = {0};
    if (!service_find(&proxy)->observe(&job->service, &proxy, &state, error))
        return FALSE;
    gboolean runs = state.active || job->plan->kind == PLAN_RETURN; /* which nothing but open may hold up */
    service_state_clear(&state);
    return runs || fault_set(error, FAULT_REQUIREMENT, "%s: users reach '%s' through %s, which does not run",
                             job->plan->app, service->name, view.unit);
}

static gboolean is_active(Job *job, const Service *service)
{
    g_autofree char *active = live_key(service, "active");
    return g_strcmp0(job_fact(job, active), "yes") == 0;
}

static gboolean instance_answers(Job *job, const Manifest *manifest, const char *version, GError **error)
{
    ProbeContext context = job_probe_context(job, version);
    g_autofree char *identity = probe_identity(&context, &manifest->identity, error);
    return identity && (version_compare(identity, version) == 0 ||
                        fault_set(error, FAULT_PROBE, "what runs says that it is %s, not %s", identity, version));
}

/* Past commit there would be no way back from a proxy that does not follow. A release that does not answer itself says
 * nothing about its proxy, and whoever leaves it for an older one is not held up. */
static gboolean proxy_follows(Job *job, const Service *service, GError **error)
{
    const Service *old = service_named(job->installed, service->name);
    if (job->plan->kind != PLAN_UPDATE || !old || !live_crosses(job, old) || !is_active(job, old) ||
        !instance_answers(job, job->installed, job->plan->from, NULL))
        return TRUE;
    g_autoptr(GError) why = NULL;
    if (proxy_leads_to(job, job->installed, old, job->plan->from, &why))
        return TRUE;
    fault_set(error, FAULT_REQUIREMENT, "%s: %s", job->plan->app, why->message);
    return FALSE;
}

gboolean live_switch_check(Job *job, GError **error)
{
    for (guint i = 0; i < job->manifest->services->len; i++) {
        const Service *service = service_at(job->manifest, i);
        if (service->template_ && (!service_check_instance(&job->service, service, error) ||
                                   !proxy_runs(job, service, error) || !proxy_follows(job, service, error)))
            return FALSE;
    }
    return TRUE;
}

gboolean live_switch_keep(Job *job, GError **error)
{
    for (guint i = 0; job->installed && i < job->installed->services->len; i++) {
        const Service *service = service_at(job->installed, i);
        g_autofree char *pass = service_pass_name(service);
        if (live_crosses(job, service) && !pass_set(job->place, pass, error))
            return FALSE;
    }
    return TRUE;
}

/* --- going over ------------------------------------------------------------------------------------------------ */

typedef gboolean (*Look)(Job *job, const Service *service, GError **error);

static gboolean wait_until(Job *job, const Service *service, Look look, gint64 limit_ms, GError **error)
{
    gint64 deadline_ms = clock_monotonic_ms() + limit_ms;
    for (;;) {
        g_autoptr(GError) why = NULL;
        if (look(job, service, &why))
            return TRUE;
        if (clock_monotonic_ms() >= deadline_ms) {
            g_propagate_error(error, g_steal_pointer(&why));
            return FALSE;
        }
        clock_sleep_ms(LOOK_AGAIN_MS);
    }
}

static gboolean target_answers(Job *job, const Service *service, GError **error)
{
    return instance_answers(job, job->manifest, job->plan->to, error);
}

static gboolean users_arrive(Job *job, const Service *service, GError **error)
{
    for (gint64 i = 0; i < MAX(job->manifest->probe.successes, 1); i++)
        if (!proxy_leads_to(job, job->manifest, service, job->plan->to, error))
            return FALSE;
    return TRUE;
}

/* A reboot behind commit took it away; what was proven moments ago is there. */
static gboolean instance_is_up(Job *job, const Service *service, GError **error)
{
    g_autofree char *pass = service_pass_name(service);
    return pass_set(job->place, pass, error) && service_find(service)->start(&job->service, service, error) &&
           wait_until(job, service, target_answers, job->manifest->probe.deadline_ms, error);
}

static gboolean reload(Job *job, const Service *service, GError **error)
{
    g_auto(SwitchView) view = switch_view(job->config, service);
    return service_reload_unit(job->place, view.unit, RELOAD_TIMEOUT_MS, error);
}

/* What started at boot before is what shall start now. A unit that is no instance is its administrator's own. */
static gboolean boot_to(Job *job, const Service *service, GError **error)
{
    const Service *old = service_named(job->installed, service->name);
    if (!old || !old->unit || strcmp(old->unit, service->unit) == 0 || (!old->template_ && !service->template_))
        return TRUE;
    g_autofree char *key = live_key(old, "enablement");
    const char *enablement = job_fact(job, key);
    if (g_strcmp0(enablement, "enabled") != 0 && g_strcmp0(enablement, "enabled-runtime") != 0)
        return TRUE;
    return service_restore_enablement(&job->service, service, enablement, error) &&
           service_restore_enablement(&job->service, old, "disabled", error);
}

static gboolean lead_users(Job *job, const Service *service, GError **error)
{
    g_auto(SwitchView) view = switch_view(job->config, service);
    gboolean rests = live_rests(job, service);
    if (!rests && !instance_is_up(job, service, error))
        return FALSE;
    if (!switch_write(job->place, view.proxy, view.file, service->switch_.socket, error) ||
        !wait_until(job, service, reload, PROXY_DEADLINE_MS, error))
        return FALSE;
    job->switched_ms = clock_monotonic_ms();
    return rests || wait_until(job, service, users_arrive, PROXY_DEADLINE_MS, error);
}

gboolean live_switch_over(Job *job, GError **error)
{
    if (job->plan->kind == PLAN_UNINSTALL)
        return TRUE;
    for (guint i = 0; i < job->manifest->services->len; i++) {
        const Service *service = service_at(job->manifest, i);
        if ((service->template_ && !lead_users(job, service, error)) || !boot_to(job, service, error))
            return FALSE;
    }
    return TRUE;
}

/* --- afterwards ------------------------------------------------------------------------------------------------ */

static gboolean is_live(const Job *job, const char *unit)
{
    for (guint i = 0; job->plan->kind != PLAN_UNINSTALL && i < job->manifest->services->len; i++)
        if (g_strcmp0(service_at(job->manifest, i)->unit, unit) == 0)
            return TRUE;
    return FALSE;
}

static void drain(const Job *job, const Service *service)
{
    gint64 since_ms = job->switched_ms > 0 ? clock_monotonic_ms() - job->switched_ms : 0;
    if (since_ms < service->switch_.drain_ms)
        clock_sleep_ms(service->switch_.drain_ms - since_ms);
}

static gboolean retire_instance(Job *job, const Service *service, const char *version, GError **error)
{
    g_autofree char *unit = unit_of_version(service->template_, version);
    Service instance = *service;
    instance.unit = unit;
    ServiceState state = {0};
    if (is_live(job, unit))
        return TRUE;
    if (!service_find(&instance)->observe(&job->service, &instance, &state, error))
        return FALSE;
    gboolean active = state.active, enabled = state.enabled;
    service_state_clear(&state);
    if (active)
        drain(job, service);
    return (!active || service_find(&instance)->stop(&job->service, &instance, error)) &&
           (!enabled || service_restore_enablement(&job->service, &instance, "disabled", error));
}

static gboolean retire_instances(Job *job, const Service *service, const GPtrArray *releases, GError **error)
{
    for (guint i = 0; i < releases->len; i++)
        if (!retire_instance(job, service, ((const ReleaseRecord *)g_ptr_array_index(releases, i))->version, error))
            return FALSE;
    return TRUE;
}

static gboolean writes_file(const Job *job, const char *file)
{
    for (guint i = 0; job->plan->kind != PLAN_UNINSTALL && i < job->manifest->services->len; i++) {
        const Service *service = service_at(job->manifest, i);
        g_auto(SwitchView) view = switch_view(job->config, service);
        if (service->template_ && strcmp(view.file, file) == 0)
            return TRUE;
    }
    return FALSE;
}

/* A proxy that is gone, too, has nothing to read anew. */
static gboolean retire_file(Job *job, const Service *service, GError **error)
{
    g_auto(SwitchView) view = switch_view(job->config, service);
    gboolean removed;
    if (writes_file(job, view.file))
        return TRUE;
    if (!switch_remove(job->place, view.file, &removed, error))
        return FALSE;
    g_autoptr(GError) local = NULL;
    if (removed && !service_reload_unit(job->place, view.unit, RELOAD_TIMEOUT_MS, &local))
        job_say(job, "%s", local->message);
    return TRUE;
}

gboolean live_switch_retire(Job *job, GError **error)
{
    g_autoptr(GPtrArray) releases = NULL;
    const Manifest *const manifests[] = {job->installed, job->manifest};
    for (guint i = 0; i < G_N_ELEMENTS(manifests); i++)
        for (guint j = 0; manifests[i] && j < manifests[i]->services->len; j++) {
            const Service *service = service_at(manifests[i], j);
            if (!service->template_)
                continue;
            if (!releases && !(releases = journal_releases(job->journal, job->plan->app, error)))
                return FALSE;
            if (!retire_instances(job, service, releases, error) || !retire_file(job, service, error))
                return FALSE;
        }
    return TRUE;
}
