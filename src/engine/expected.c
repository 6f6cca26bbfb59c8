/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/expected.h"

#include "engine/rehearsal.h"
#include "engine/steps.h"

#include <string.h>

#define JOBS_LOOKED_AT 20

/* Steps that a rehearsal plays. */
static gboolean is_rehearsed(const char *step)
{
    static const char *const names[] = {"migrate", "start", "probe", NULL};
    return g_strv_contains(names, step);
}

/* Of an update that went through: one that came back says nothing about how long a good one takes. */
static gint64 fenced_ms(Journal *journal, const char *job, const Plan *plan, gboolean rehearsed)
{
    g_autoptr(GPtrArray) marks = journal_marks(journal, job, NULL);
    gint64 sum_ms = 0;
    for (guint i = 0; marks && i < marks->len; i++) {
        const MarkRecord *mark = g_ptr_array_index(marks, i);
        const Step *step = step_find(mark->step);
        gboolean other =
            (rehearsed && is_rehearsed(mark->step)) || (plan->copy == COPY_NEVER && strcmp(mark->step, "copy") == 0);
        if (strcmp(mark->mark, "done") == 0 && step && (step->flags & STEP_FENCED) && !other)
            sum_ms += mark->duration_ms;
    }
    return sum_ms;
}

gint64 expected_fence_ms(Journal *journal, const Plan *plan)
{
    gint64 rehearsed_ms = rehearsal_known_ms(journal, plan->app, plan_release_key(plan));
    g_autoptr(GPtrArray) jobs = journal_jobs(journal, plan->app, JOBS_LOOKED_AT, NULL);
    for (guint i = 0; jobs && i < jobs->len; i++) {
        const JobRecord *record = g_ptr_array_index(jobs, i);
        if (strcmp(record->kind, plan_kind_name(PLAN_UPDATE)) == 0 && g_strcmp0(record->verdict, "updated") == 0)
            return fenced_ms(journal, record->id, plan, rehearsed_ms >= 0) + MAX(rehearsed_ms, 0);
    }
    return MAX(rehearsed_ms, 0);
}
