/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/quiet.h"

#include "base/fault.h"
#include "base/process.h"
#include "parts/service/transient.h"

#define GRACE_MS 500
#define TIMEOUT_MS 20000

char *quiet_unit_name(const char *job_id)
{
    return g_strdup_printf("liftlock-job-%s.service", job_id);
}

static GPtrArray *find_marked(gpointer data)
{
    return process_find_by_environment(data);
}

gboolean quiet_job(const Place *place, const char *job_id, GError **error)
{
    g_autofree char *unit = quiet_unit_name(job_id);
    if (!service_kill_unit(place, unit, TIMEOUT_MS, error))
        return FALSE;
    g_autofree char *mark = g_strconcat("LIFTLOCK_JOB=", job_id, NULL);
    g_autofree char *left = NULL;
    if (process_end_all(find_marked, mark, GRACE_MS, TIMEOUT_MS, &left))
        return TRUE;
    return fault_set(error, FAULT_DRAIN, "process %s of job %s does not end", left, job_id);
}
