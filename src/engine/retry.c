/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/retry.h"

#include "base/fault.h"

#include <string.h>

#define LOOKED_AT 200 /* more jobs than anybody is allowed attempts */
#define FIRST_PAUSE_S 300
#define LONGEST_PAUSE_S 3600
#define FORGOTTEN_AFTER_S (24 * 3600) /* nobody expects an update to begin by itself at a boot next month */

void retry_free(Retry *retry)
{
    if (!retry)
        return;
    g_free(retry->to);
    g_free(retry);
}

/* A crash says nothing about the release; a second one at the same change does, and gives a person time to look. */
static gint64 pause_s(gint64 interrupted)
{
    gint64 pause = interrupted > 1 ? FIRST_PAUSE_S : 0;
    for (gint64 i = 2; i < interrupted && pause < LONGEST_PAUSE_S; i++)
        pause *= 2;
    return MIN(pause, LONGEST_PAUSE_S);
}

static gboolean is_interrupted(const JobRecord *job)
{
    return g_strcmp0(job->code, fault_row(FAULT_INTERRUPTED)->name) == 0 && g_strcmp0(job->verdict, "needs-help") != 0;
}

/* What ended for a reason of its own that passes (no network, no room) is neither a crash nor an answer. */
static gboolean says_nothing(const JobRecord *job)
{
    if (strcmp(job->kind, "backup") == 0)
        return TRUE;
    for (int code = 0; strcmp(job->kind, "update") == 0 && code < FAULT_N_CODES; code++)
        if (g_strcmp0(job->code, fault_row((enum fault_code)code)->name) == 0)
            return fault_row((enum fault_code)code)->retry && g_strcmp0(job->verdict, "needs-help") != 0;
    return FALSE;
}

Retry *retry_wanted(Journal *journal, const char *app, gint64 now_s, GError **error)
{
    g_autoptr(GPtrArray) jobs = journal_jobs(journal, app, LOOKED_AT, error);
    const JobRecord *newest = NULL, *last = NULL; /* update at all, update that was interrupted */
    gint64 interrupted = 0;
    for (guint i = 0; jobs && i < jobs->len; i++) {
        const JobRecord *job = g_ptr_array_index(jobs, i);
        gboolean is_update = strcmp(job->kind, "update") == 0;
        newest = !newest && is_update ? job : newest;
        if (job->open || (is_update && g_strcmp0(job->to, newest->to) != 0))
            break;
        if (is_update && is_interrupted(job)) {
            last = last ? last : job;
            interrupted++;
        } else if (!says_nothing(job))
            break;
    }
    if (!last || now_s - last->ended_s >= FORGOTTEN_AFTER_S)
        return NULL;
    Retry *retry = g_new0(Retry, 1);
    retry->to = g_strdup(last->to);
    retry->interrupted = interrupted;
    retry->due_s =
        MIN(last->ended_s, now_s) + pause_s(interrupted); /* a clock that was set back keeps nobody waiting */
    return retry;
}
