/* SPDX-License-Identifier: Apache-2.0 */
/* Stopping and starting; live_proof.c looks at the result. */
#include "engine/live.h"

#include "base/fault.h"
#include "engine/claims.h"
#include "parts/service/service.h"

#include <string.h>

char *live_key(const Service *service, const char *what)
{
    return g_strdup_printf("service.%s.%s", service->name, what);
}

gboolean live_record(Job *job, const Service *service, GError **error)
{
    ServiceState state = {0};
    if (!service_find(service)->observe(&job->service, service, &state, error))
        return FALSE;
    g_autofree char *active = live_key(service, "active");
    g_autofree char *process = live_key(service, "process");
    g_autofree char *enabled = live_key(service, "enablement");
    g_autofree char *which = g_strdup_printf("%d:%" G_GUINT64_FORMAT, (int)state.main_pid, state.main_start);
    gboolean good = job_fact_set(job, active, state.active ? "yes" : "no", error) &&
                    job_fact_set(job, process, which, error) &&
                    job_fact_set(job, enabled, state.enablement ? state.enablement : "", error);
    service_state_clear(&state);
    return good;
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

static gboolean stop_services(Job *job, const Manifest *manifest, GError **error)
{
    for (guint i = manifest ? manifest->services->len : 0; i > 0; i--) {
        const Service *service = g_ptr_array_index(manifest->services, i - 1);
        if (!service_find(service)->stop(&job->service, service, error))
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
        if (g_strcmp0(job_fact(job, active), "yes") == 0 && !start_service(job, service, error))
            return FALSE;
    }
    return TRUE;
}

gboolean live_start_new(Job *job, ServiceStart when, GError **error)
{
    for (guint i = 0; i < job->manifest->services->len; i++) {
        const Service *service = g_ptr_array_index(job->manifest->services, i);
        if (service->starts == (int)when && !start_service(job, service, error))
            return FALSE;
    }
    return TRUE;
}
