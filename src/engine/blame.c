/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/blame.h"

#include "base/clock.h"
#include "base/fault.h"
#include "engine/data.h"
#include "engine/live.h"
#include "engine/offer.h"

gboolean blames_release(const GError *cause)
{
    return fault_row(fault_code_of(cause))->blames == BLAMES_RELEASE;
}

GError *blame_find(Job *job, const GError *cause)
{
    g_autoptr(GError) host = NULL;
    if (!blames_release(cause))
        return g_error_copy(cause);
    gboolean stands = live_host_stands(job, &host);
    if (stands && data_servers_stand(job, &host))
        return g_error_copy(cause);
    g_autofree char *text = fault_text(cause), *hint = fault_hint_of(cause);
    GError *found = NULL;
    fault_set(&found, stands ? FAULT_BACKUP : FAULT_SYSTEM, "%s; and %s", text, host->message);
    if (hint)
        fault_hint(&found, "%s", hint);
    return found;
}

void blame_reject(Job *job, const Step *step, const GError *cause)
{
    if (!job->plan->to || !step_is_in(step_find("stage"), job->plan->kind) || !(step->flags & STEP_RELEASE) ||
        !blames_release(cause))
        return;
    g_autofree char *text = fault_text(cause);
    g_autofree char *reason = g_strdup_printf("%s: %s", step->name, text);
    g_autoptr(GError) local = NULL;
    Node *fields = node_new_map();
    const char *sha256 = job->plan->to_sha256 ? job->plan->to_sha256 : job_fact(job, "archive.sha256");
    node_set_text(fields, "version", job->plan->to);
    node_set_text(fields, "sha256", sha256);
    node_set_text(fields, "text", reason);
    job_log_write(job->log, "rejected", fields, FALSE);
    offer_spoil(job->place, job->plan->to);
    if (!journal_reject(job->journal, job->plan->app, sha256, job->plan->to, reason, clock_now_s(), &local))
        job_say(job, "%s", local->message);
}
