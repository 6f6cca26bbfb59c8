/* SPDX-License-Identifier: Apache-2.0 */
/* The journal of jobs: plan, marks, facts, verdict. */
#include "engine/journal_db.h"

#include "base/clock.h"
#include "base/fault.h"

void job_record_free(JobRecord *record)
{
    if (!record)
        return;
    char *texts[] = {record->id,    record->app,  record->kind,        record->plan,
                     record->from,  record->to,   record->verdict,     record->code,
                     record->error, record->hint, record->failed_step, record->requested_by};
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(texts[i]);
    g_free(record);
}

void mark_record_free(MarkRecord *record)
{
    if (!record)
        return;
    g_free(record->step);
    g_free(record->mark);
    g_free(record);
}

gboolean journal_job_begin(Journal *journal, const char *id, const Plan *plan, const char *requested_by, GError **error)
{
    g_autoptr(Node) node = plan_to_node(plan);
    g_autofree char *json = node_to_json(node, 0);
    return database_run(
        journal->database, error, NULL, NULL,
        "INSERT INTO job (id, app, kind, plan, version_from, version_to, requested_by, attempt, started_s)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        "sssssssii", id, plan->app, plan_kind_name(plan->kind), json, plan->from, plan->to, requested_by, plan->attempt,
        clock_now_s());
}

gboolean journal_job_verdict(Journal *journal, const char *id, const char *verdict, const char *failed_step,
                             const GError *cause, GError **error)
{
    g_autofree char *text = cause ? fault_text(cause) : NULL;
    g_autofree char *hint = cause ? fault_hint_of(cause) : NULL;
    return database_run(
        journal->database, error, NULL, NULL,
        "UPDATE job SET verdict = ?, failed_step = ?, code = ?, error = ?, hint = ?, ended_s = ? WHERE id = ?",
        "sssssis", verdict, failed_step, cause ? fault_row(fault_code_of(cause))->name : NULL, text, hint,
        clock_now_s(), id);
}

gboolean journal_job_close(Journal *journal, const char *id, GError **error)
{
    return database_run(journal->database, error, NULL, NULL, "UPDATE job SET open = 0 WHERE id = ?", "s", id);
}

static gboolean job_row(sqlite3_stmt *row, gpointer data)
{
    JobRecord *record = g_new0(JobRecord, 1);
    record->sequence = sqlite3_column_int64(row, 0);
    char **texts[] = {&record->id,    &record->app,  &record->kind,        &record->plan,
                      &record->from,  &record->to,   &record->verdict,     &record->code,
                      &record->error, &record->hint, &record->failed_step, &record->requested_by};
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
        *texts[i] = journal_column(row, (int)i + 1);
    record->open = sqlite3_column_int(row, 13) != 0;
    record->attempt = sqlite3_column_int64(row, 14);
    record->started_s = sqlite3_column_int64(row, 15);
    record->ended_s = sqlite3_column_int64(row, 16);
    g_ptr_array_add(data, record);
    return TRUE;
}

#define JOB_COLUMNS                                                                                                    \
    "SELECT sequence, id, app, kind, plan, version_from, version_to, verdict, code, error, hint, failed_step, "        \
    "requested_by, open,"                                                                                              \
    " attempt, started_s, ended_s FROM job "

static JobRecord *job_one(Journal *journal, const char *condition, const char *value, GError **error)
{
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func((GDestroyNotify)job_record_free);
    g_autofree char *sql = g_strconcat(JOB_COLUMNS, condition, NULL);
    if (!database_run(journal->database, error, job_row, rows, sql, "s", value) || rows->len == 0)
        return NULL;
    return g_ptr_array_steal_index(rows, 0);
}

JobRecord *journal_job(Journal *journal, const char *id, GError **error)
{
    return job_one(journal, "WHERE id = ?", id, error);
}

JobRecord *journal_job_open_of(Journal *journal, const char *app, GError **error)
{
    return job_one(journal, "WHERE app = ? AND open = 1", app, error);
}

GPtrArray *journal_jobs(Journal *journal, const char *app, gint64 limit, GError **error)
{
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func((GDestroyNotify)job_record_free);
    if (!database_run(journal->database, error, job_row, rows,
                      JOB_COLUMNS "WHERE ?1 IS NULL OR app = ?1 ORDER BY sequence DESC LIMIT ?2", "si", app, limit))
        return NULL;
    return g_steal_pointer(&rows);
}

gboolean journal_mark(Journal *journal, const char *job, const char *step, const char *mark, gint64 duration_ms,
                      GError **error)
{
    return database_run(journal->database, error, NULL, NULL,
                        "INSERT INTO mark (job, step, mark, at_s, duration_ms) VALUES (?, ?, ?, ?, ?)", "sssii", job,
                        step, mark, clock_now_s(), duration_ms);
}

static gboolean mark_row(sqlite3_stmt *row, gpointer data)
{
    MarkRecord *record = g_new0(MarkRecord, 1);
    record->step = journal_column(row, 0);
    record->mark = journal_column(row, 1);
    record->at_s = sqlite3_column_int64(row, 2);
    record->duration_ms = sqlite3_column_int64(row, 3);
    g_ptr_array_add(data, record);
    return TRUE;
}

GPtrArray *journal_marks(Journal *journal, const char *job, GError **error)
{
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func((GDestroyNotify)mark_record_free);
    if (!database_run(journal->database, error, mark_row, rows,
                      "SELECT step, mark, at_s, duration_ms FROM mark WHERE job = ? ORDER BY sequence", "s", job))
        return NULL;
    return g_steal_pointer(&rows);
}

gboolean journal_fact_set(Journal *journal, const char *job, const char *key, const char *value, GError **error)
{
    return database_run(journal->database, error, NULL, NULL,
                        "INSERT OR REPLACE INTO fact (job, key, value) VALUES (?, ?, ?)", "sss", job, key, value);
}

static gboolean fact_row(sqlite3_stmt *row, gpointer data)
{
    g_hash_table_insert(data, journal_column(row, 0), journal_column(row, 1));
    return TRUE;
}

GHashTable *journal_facts(Journal *journal, const char *job, GError **error)
{
    g_autoptr(GHashTable) facts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    if (!database_run(journal->database, error, fact_row, facts, "SELECT key, value FROM fact WHERE job = ?", "s", job))
        return NULL;
    return g_steal_pointer(&facts);
}

static gboolean commit_rows(Journal *journal, const char *job, const char *step, const Plan *plan, const char *root,
                            GError **error)
{
    if (!journal_mark(journal, job, step, "done", 0, error) ||
        !journal_app_set(journal, plan->app, "version", plan->to, error) ||
        !journal_app_set(journal, plan->app, "root", root, error) || !journal_attempts_clear(journal, plan->app, error))
        return FALSE;
    g_autoptr(AppRecord) app = journal_app(journal, plan->app, error);
    if (!app)
        return FALSE;
    if (plan->to && (!app->floor || version_compare(plan->to, app->floor) > 0))
        return journal_app_set(journal, plan->app, "floor", plan->to, error);
    return TRUE;
}

gboolean journal_commit(Journal *journal, const char *job, const char *step, const Plan *plan, const char *root,
                        GError **error)
{
    if (!database_begin(journal->database, error))
        return FALSE;
    if (commit_rows(journal, job, step, plan, root, error))
        return database_commit(journal->database, error);
    database_rollback(journal->database);
    return FALSE;
}
