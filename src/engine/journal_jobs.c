/* SPDX-License-Identifier: Apache-2.0 */
/* The journal of jobs: plan, marks, facts, verdict. */
#include "engine/journal_db.h"

#include "base/clock.h"
#include "base/fault.h"

#include <string.h>

static const RecordField job_fields[] = {
    {'i', G_STRUCT_OFFSET(JobRecord, sequence)},     {'s', G_STRUCT_OFFSET(JobRecord, id)},
    {'s', G_STRUCT_OFFSET(JobRecord, app)},          {'s', G_STRUCT_OFFSET(JobRecord, kind)},
    {'s', G_STRUCT_OFFSET(JobRecord, plan)},         {'s', G_STRUCT_OFFSET(JobRecord, from)},
    {'s', G_STRUCT_OFFSET(JobRecord, to)},           {'s', G_STRUCT_OFFSET(JobRecord, verdict)},
    {'s', G_STRUCT_OFFSET(JobRecord, code)},         {'s', G_STRUCT_OFFSET(JobRecord, error)},
    {'s', G_STRUCT_OFFSET(JobRecord, hint)},         {'s', G_STRUCT_OFFSET(JobRecord, failed_step)},
    {'s', G_STRUCT_OFFSET(JobRecord, requested_by)}, {'b', G_STRUCT_OFFSET(JobRecord, open)},
    {'i', G_STRUCT_OFFSET(JobRecord, attempt)},      {'i', G_STRUCT_OFFSET(JobRecord, started_s)},
    {'i', G_STRUCT_OFFSET(JobRecord, ended_s)}};
static const RecordShape job_shape = {sizeof(JobRecord), job_fields, G_N_ELEMENTS(job_fields),
                                      (GDestroyNotify)job_record_free};

void job_record_free(JobRecord *record)
{
    record_free(&job_shape, record);
}

static const RecordField mark_fields[] = {{'s', G_STRUCT_OFFSET(MarkRecord, step)},
                                          {'s', G_STRUCT_OFFSET(MarkRecord, mark)},
                                          {'i', G_STRUCT_OFFSET(MarkRecord, at_s)},
                                          {'i', G_STRUCT_OFFSET(MarkRecord, duration_ms)}};
static const RecordShape mark_shape = {sizeof(MarkRecord), mark_fields, G_N_ELEMENTS(mark_fields),
                                       (GDestroyNotify)mark_record_free};

void mark_record_free(MarkRecord *record)
{
    record_free(&mark_shape, record);
}

static gboolean job_insert(Journal *journal, const char *id, const Plan *plan, const char *requested_by, GError **error)
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

gboolean journal_job_begin(Journal *journal, const char *id, const Plan *plan, const char *requested_by,
                           const char *replaces, GError **error)
{
    if (!database_begin(journal->database, error))
        return FALSE;
    /* A newer liftlock may have changed the schema since we opened it: our worker could not open it any more. */
    if (database_is_known(journal->database, journal_migrations, n_journal_migrations, error) &&
        (!replaces || journal_job_close(journal, replaces, error)) &&
        job_insert(journal, id, plan, requested_by, error))
        return database_commit(journal->database, error);
    database_rollback(journal->database);
    return FALSE;
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

#define JOB_COLUMNS                                                                                                    \
    "SELECT sequence, id, app, kind, plan, version_from, version_to, verdict, code, error, hint, failed_step, "        \
    "requested_by, open,"                                                                                              \
    " attempt, started_s, ended_s FROM job "

static JobRecord *job_one(Journal *journal, const char *condition, const char *value, GError **error)
{
    RecordRows rows = record_rows(&job_shape);
    g_autofree char *sql = g_strconcat(JOB_COLUMNS, condition, NULL);
    gboolean good = database_run(journal->database, error, record_row, &rows, sql, "s", value);
    return record_rows_first(&rows, good);
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
    RecordRows rows = record_rows(&job_shape);
    gboolean good =
        database_run(journal->database, error, record_row, &rows,
                     JOB_COLUMNS "WHERE ?1 IS NULL OR app = ?1 ORDER BY sequence DESC LIMIT ?2", "si", app, limit);
    return record_rows_end(&rows, good);
}

gboolean journal_was_live(Journal *journal, const char *app, const char *version)
{
    return database_int(journal->database, 0,
                        "SELECT count(*) FROM job WHERE app = ? AND version_to = ? AND verdict = 'updated'", "ss", app,
                        version) > 0;
}

static gboolean mark_put(Journal *journal, const char *job, const char *step, const char *mark, gint64 duration_ms,
                         GError **error)
{
    return database_run(journal->database, error, NULL, NULL,
                        "INSERT INTO mark (job, step, mark, at_s, duration_ms) VALUES (?, ?, ?, ?, ?)", "sssii", job,
                        step, mark, clock_now_s(), duration_ms);
}

/* Recovery starts from what was begun; that a step ended is a note for readers, and waits for the next sync. */
gboolean journal_mark(Journal *journal, const char *job, const char *step, const char *mark, gint64 duration_ms,
                      GError **error)
{
    if (strcmp(mark, "begun") == 0)
        return mark_put(journal, job, step, mark, duration_ms, error);
    gboolean good =
        database_set_durable(journal->database, FALSE, error) && mark_put(journal, job, step, mark, duration_ms, error);
    return database_set_durable(journal->database, TRUE, good ? error : NULL) && good;
}

GPtrArray *journal_marks(Journal *journal, const char *job, GError **error)
{
    RecordRows rows = record_rows(&mark_shape);
    gboolean good =
        database_run(journal->database, error, record_row, &rows,
                     "SELECT step, mark, at_s, duration_ms FROM mark WHERE job = ? ORDER BY sequence", "s", job);
    return record_rows_end(&rows, good);
}

gboolean journal_fact_set(Journal *journal, const char *job, const char *key, const char *value, GError **error)
{
    return database_run(journal->database, error, NULL, NULL,
                        "INSERT OR REPLACE INTO fact (job, key, value) VALUES (?, ?, ?)", "sss", job, key, value);
}

gboolean journal_fact_note(Journal *journal, const char *job, const char *key, const char *value, GError **error)
{
    gboolean good =
        database_set_durable(journal->database, FALSE, error) && journal_fact_set(journal, job, key, value, error);
    return database_set_durable(journal->database, TRUE, good ? error : NULL) && good;
}

static gboolean fact_row(sqlite3_stmt *row, gpointer data)
{
    g_hash_table_insert(data, g_strdup((const char *)sqlite3_column_text(row, 0)),
                        g_strdup((const char *)sqlite3_column_text(row, 1)));
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
    if (!mark_put(journal, job, step, "done", 0, error) ||
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
