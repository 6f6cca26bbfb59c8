/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/expected.h"

#include "engine/rehearsal.h"
#include "engine/steps.h"

#include <string.h>

#define JOBS_LOOKED_AT 20

/* Steps that a rehearsal plays. */
static gboolean is_rehearsed(const Step *step)
{
    static const char *const names[] = {"migrate", "start", "probe", NULL};
    return g_strv_contains(names, step->name);
}

/* Of an update that went through: one that came back says nothing about how long a good one takes. */
static gint64 fenced_ms(Journal *journal, const char *job, gboolean without_rehearsed)
{
    g_autoptr(GPtrArray) marks = journal_marks(journal, job, NULL);
    gint64 sum_ms = 0;
    for (guint i = 0; marks && i < marks->len; i++) {
        const MarkRecord *mark = g_ptr_array_index(marks, i);
        const Step *step = step_find(mark->step);
        if (strcmp(mark->mark, "done") == 0 && step && (step->flags & STEP_FENCED) &&
            !(without_rehearsed && is_rehearsed(step)))
            sum_ms += mark->duration_ms;
    }
    return sum_ms;
}

gint64 expected_fence_ms(Journal *journal, const char *app, const char *release_key)
{
    gint64 rehearsed_ms = rehearsal_known_ms(journal, app, release_key);
    g_autoptr(GPtrArray) jobs = journal_jobs(journal, app, JOBS_LOOKED_AT, NULL);
    for (guint i = 0; jobs && i < jobs->len; i++) {
        const JobRecord *record = g_ptr_array_index(jobs, i);
        if (strcmp(record->kind, plan_kind_name(PLAN_UPDATE)) == 0 && g_strcmp0(record->verdict, "updated") == 0)
            return fenced_ms(journal, record->id, rehearsed_ms >= 0) + MAX(rehearsed_ms, 0);
    }
    return MAX(rehearsed_ms, 0);
}
