/* SPDX-License-Identifier: Apache-2.0 */
/* Stopping and starting; live_proof.c looks at the result. */
#include "engine/live.h"

#include "base/fault.h"
#include "engine/claims.h"
#include "engine/live_switch.h"
#include "model/manifest_switch.h"
#include "parts/service/service.h"

#include <string.h>

char *live_key(const Service *service, const char *what)
{
    return g_strdup_printf("service.%s.%s", service->name, what);
}

/* What stands still because of a hold is at rest by our wish, not by its administrator's. What the release before did
 * not have was never asked for; what somebody wants restarted is to run. */
static const char *rest_of(const Job *job, const Service *service, const ServiceState *state)
{
    if (state->masked)
        return "masked";
    g_autofree char *holder = service_held_by(job->place, service);
    gboolean may_rest = service_named(job->installed, service->name) && job->plan->kind != PLAN_RESTART && !holder;
    return state->at_rest && may_rest ? "stopped" : "";
}

gboolean live_record(Job *job, const Service *service, GError **error)
{
    ServiceState state = {0};
    if (!service_find(service)->observe(&job->service, service, &state, error))
        return FALSE;
    g_autofree char *active = live_key(service, "active");
    g_autofree char *process = live_key(service, "process");
    g_autofree char *enabled = live_key(service, "enablement");
    g_autofree char *rest = live_key(service, "rest");
    g_autofree char *which = g_strdup_printf("%d:%" G_GUINT64_FORMAT, (int)state.main_pid, state.main_start);
    /* The last one takes those before it to the disk. */
    gboolean good = job_fact_note(job, active, state.active ? "yes" : "no", error) &&
                    job_fact_note(job, process, which, error) &&
                    job_fact_note(job, enabled, state.enablement ? state.enablement : "", error) &&
                    job_fact_set(job, rest, rest_of(job, service, &state), error);
    service_state_clear(&state);
    return good;
}

static const char *rest_fact(Job *job, const Service *service)
{
    g_autofree char *key = live_key(service, "rest");
    const char *rest = job_fact(job, key);
    return rest ? rest : "";
}

gboolean live_is_masked(Job *job, const Service *service)
{
    return strcmp(rest_fact(job, service), "masked") == 0;
}

gboolean live_rests(Job *job, const Service *service)
{
    return *rest_fact(job, service) != '\0';
}

gboolean live_can_be_proven(Job *job, GError **error)
{
    const Service *masked = NULL;
    for (guint i = 0; i < job->manifest->services->len; i++) {
        const Service *service = g_ptr_array_index(job->manifest->services, i);
        if (service->starts != STARTS_BEFORE_COMMIT)
            continue;
        if (!live_is_masked(job, service))
            return TRUE;
        masked = service;
    }
    if (!masked)
        return TRUE;
    fault_set(error, FAULT_REQUIREMENT, "%s: unit '%s' is masked: the release cannot be started to be proven",
              job->plan->app, masked->unit);
    return fault_hint(error, "'systemctl unmask %s' first; a unit that is only stopped is stopped again afterwards",
                      masked->unit);
}

gboolean live_equip(Job *job, GError **error)
{
    for (guint i = 0; i < job->manifest->services->len; i++) {
        const Service *service = g_ptr_array_index(job->manifest->services, i);
        if (!service_find(service)->equip(&job->service, service, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean has_unit(const Manifest *manifest, const char *unit)
{
    for (guint i = 0; manifest && i < manifest->services->len; i++)
        if (g_strcmp0(service_own_unit(g_ptr_array_index(manifest->services, i)), unit) == 0)
            return TRUE;
    return FALSE;
}

gboolean live_unequip(Job *job, const Manifest *mine, const Manifest *theirs, GError **error)
{
    for (guint i = 0; mine && i < mine->services->len; i++) {
        const Service *service = g_ptr_array_index(mine->services, i);
        if (!has_unit(theirs, service_own_unit(service)) &&
            !service_find(service)->retire(&job->service, service, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean stop_services(Job *job, const Manifest *manifest, GError **error)
{
    for (guint i = manifest ? manifest->services->len : 0; i > 0; i--) {
        const Service *service = g_ptr_array_index(manifest->services, i - 1);
        gboolean goes_on = manifest == job->installed && live_crosses(job, service);
        if (!goes_on && !service_find(service)->stop(&job->service, service, error))
            return FALSE;
    }
    return TRUE;
}

gboolean live_stop_all(Job *job, GError **error)
{
    return stop_services(job, job->installed, error);
}

gboolean live_stop_new(Job *job, GError **error)
{
    return passes_clear(job->place, error) && stop_services(job, job->manifest, error);
}

static gboolean start_service(Job *job, const Service *service, GError **error)
{
    g_autofree char *pass = service_pass_name(service);
    return pass_set(job->place, pass, error) && service_find(service)->start(&job->service, service, error);
}

gboolean live_start_recorded(Job *job, GError **error)
{
    for (guint i = 0; job->installed && i < job->installed->services->len; i++) {
        const Service *service = g_ptr_array_index(job->installed->services, i);
        g_autofree char *active = live_key(service, "active");
        g_autofree char *enabled = live_key(service, "enablement");
        const char *enablement = job_fact(job, enabled);
        if (enablement && !service_restore_enablement(&job->service, service, enablement, error))
            return FALSE;
        if (g_strcmp0(job_fact(job, active), "yes") == 0 && !start_service(job, service, error))
            return FALSE;
    }
    return TRUE;
}

gboolean live_start_new(Job *job, GError **error)
{
    for (guint i = 0; i < job->manifest->services->len; i++) {
        const Service *service = g_ptr_array_index(job->manifest->services, i);
        /* An instance that is there already, of a job before or by somebody's hand, proves nothing. */
        if (service->template_ && !live_is_masked(job, service) &&
            !service_find(service)->stop(&job->service, service, error))
            return FALSE;
        if (service->starts == STARTS_BEFORE_COMMIT && !live_is_masked(job, service) &&
            !start_service(job, service, error))
            return FALSE;
    }
    return TRUE;
}

gboolean live_put_to_rest(Job *job, GError **error)
{
    for (guint i = job->manifest->services->len; i > 0; i--) {
        const Service *service = g_ptr_array_index(job->manifest->services, i - 1);
        if (!live_rests(job, service) || live_is_masked(job, service))
            continue;
        if (!service_find(service)->stop(&job->service, service, error))
            return FALSE;
        job_say(job, "service '%s' was stopped before, and is again", service->name);
    }
    return TRUE;
}

gboolean live_start_rest(Job *job, GError **error)
{
    static const ServiceStart order[] = {STARTS_BEFORE_COMMIT, STARTS_AFTER_COMMIT};
    for (guint when = 0; when < G_N_ELEMENTS(order); when++)
        for (guint i = 0; i < job->manifest->services->len; i++) {
            const Service *service = g_ptr_array_index(job->manifest->services, i);
            if (service->starts == (int)order[when] && !live_rests(job, service) && !start_service(job, service, error))
                return FALSE;
        }
    return TRUE;
}

gboolean live_host_stands(Job *job, GError **error)
{
    for (guint i = 0; job->manifest && i < job->manifest->services->len; i++) {
        const Service *service = g_ptr_array_index(job->manifest->services, i);
        const ServiceDriver *driver = service_find(service);
        if (driver->stands && !driver->stands(&job->service, service, error))
            return FALSE;
    }
    return TRUE;
}
