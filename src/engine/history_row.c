/* SPDX-License-Identifier: Apache-2.0 */
/* The row about a job in the app's own table, which the app shows to its people (row B12). */
#include "engine/sql_step.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/fs.h"
#include "parts/sql.h"

#include <string.h>

enum { ASK_MS = 20000, DEFAULT_COLUMNS = 6 };

/* Of the release that is live now. Where nobody knows what is, or data are being put back, nothing is written. */
static const Manifest *live_manifest(const Job *job, const char *verdict)
{
    static const char *const settled[] = {"updated", "rolled-back", "failed", NULL};
    static const PlanKind changes[] = {PLAN_INSTALL, PLAN_UPDATE, PLAN_ROLLBACK, PLAN_RETURN};
    gboolean changed = FALSE;
    for (gsize i = 0; i < G_N_ELEMENTS(changes); i++)
        changed = changed || job->plan->kind == changes[i];
    if (!changed || !g_strv_contains(settled, verdict))
        return NULL;
    return strcmp(verdict, "updated") == 0 || job->return_wanted ? job->manifest : job->installed;
}

static const char *paired(const GPtrArray *pairs, const char *name, const char *fallback)
{
    for (guint i = 0; i < pairs->len; i++)
        if (strcmp(((const KeyPair *)pairs->pdata[i])->name, name) == 0)
            return ((const KeyPair *)pairs->pdata[i])->value;
    return fallback;
}

/* As history_columns has them. By its keys a job that is concluded twice, because a crash came between, is known. */
static Node *fields_of(const Manifest *manifest, const char *const *values)
{
    static const char *const keys[] = {"version_from", "version_to", "started_at", "job", NULL};
    Node *fields = node_new_list();
    for (guint i = 0; history_columns[i]; i++) {
        gboolean listed = manifest->history.columns->len > 0;
        const char *column = listed                ? paired(manifest->history.columns, history_columns[i], NULL)
                             : i < DEFAULT_COLUMNS ? history_columns[i]
                                                   : NULL;
        if (!column)
            continue;
        Node *field = node_new_map();
        node_set_text(field, "column", column);
        node_set_text(field, "value", values[i]);
        node_set_bool(field, "is_time", g_str_has_suffix(history_columns[i], "_at"));
        node_set_bool(field, "is_key", g_strv_contains(keys, history_columns[i]));
        node_append(fields, field);
    }
    return fields;
}

void history_row_write(Job *job, const char *verdict, const GError *cause)
{
    const Manifest *manifest = live_manifest(job, verdict);
    if (!manifest || !manifest->history.table || !job->journal)
        return;
    g_autoptr(JobRecord) record = journal_job(job->journal, job->id, NULL);
    g_autofree char *started = clock_format(record ? record->started_s : clock_now_s());
    g_autofree char *ended = clock_format(clock_now_s()), *error = cause ? fault_text(cause) : NULL;
    const char *const values[] = {job->plan->from,
                                  job->plan->to,
                                  paired(manifest->history.words, verdict, verdict),
                                  started,
                                  ended,
                                  error,
                                  plan_kind_name(job->plan->kind),
                                  job->id};
    const SqlAccess access = {.context = &job->part, .set = manifest_database(manifest, manifest->history.database)};
    Node *request = node_new_map();
    node_set_text(request, "table", manifest->history.table);
    node_set(request, "fields", fields_of(manifest, values));
    g_autoptr(GError) local = NULL;
    g_autoptr(Node) answer = sql_ask(&access, "record", request, -1, ASK_MS, &local);
    if (!answer)
        job_say(job, "no row about this job in table '%s': %s", manifest->history.table, local->message);
}
