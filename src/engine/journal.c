/* SPDX-License-Identifier: Apache-2.0 */
/* The journal's schema, apps, releases and wishes; jobs and marks are in journal_jobs.c. */
#include "engine/journal_db.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* Rule 13: a job that is open is brought to its end by the executable that began it, which may know no newer schema. */
static gboolean no_job_is_open(Database *database)
{
    return database_int(database, -1, "SELECT count(*) FROM job WHERE open = 1", "") == 0;
}

Journal *journal_open(const HostPlace *host, gboolean read_only, GError **error)
{
    if (read_only && access(host->state_db, F_OK) != 0 && errno == ENOENT)
        return NULL;
    if (!read_only && !fs_make_path(host->var, 0755, error))
        return NULL;
    Database *database =
        database_open_gated(host->state_db, read_only, journal_migrations, n_journal_migrations, no_job_is_open, error);
    if (!database)
        return NULL;
    Journal *journal = g_new0(Journal, 1);
    journal->database = database;
    return journal;
}

gboolean journal_is_newer(const HostPlace *host, GError **error)
{
    g_autoptr(Journal) journal = journal_open(host, TRUE, NULL);
    return journal && !database_is_known(journal->database, journal_migrations, n_journal_migrations, error);
}

void journal_close(Journal *journal)
{
    if (!journal)
        return;
    database_close(journal->database);
    g_free(journal);
}

/* --- apps --- */

static const RecordField app_fields[] = {
    {'s', G_STRUCT_OFFSET(AppRecord, name)},    {'s', G_STRUCT_OFFSET(AppRecord, root)},
    {'s', G_STRUCT_OFFSET(AppRecord, version)}, {'s', G_STRUCT_OFFSET(AppRecord, floor)},
    {'s', G_STRUCT_OFFSET(AppRecord, pin)},     {'i', G_STRUCT_OFFSET(AppRecord, index_seen)}};
static const RecordShape app_shape = {sizeof(AppRecord), app_fields, G_N_ELEMENTS(app_fields),
                                      (GDestroyNotify)app_record_free};

void app_record_free(AppRecord *record)
{
    record_free(&app_shape, record);
}

#define APP_COLUMNS "SELECT name, root, version, floor, pin, index_seen FROM app "

AppRecord *journal_app(Journal *journal, const char *app, GError **error)
{
    RecordRows rows = record_rows(&app_shape);
    gboolean good = database_run(journal->database, error, record_row, &rows, APP_COLUMNS "WHERE name = ?", "s", app);
    return record_rows_first(&rows, good);
}

gboolean journal_app_set(Journal *journal, const char *app, const char *column, const char *value, GError **error)
{
    g_autofree char *sql =
        g_strdup_printf("INSERT INTO app (name, %s) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET %s = excluded.%s",
                        column, column, column);
    return database_run(journal->database, error, NULL, NULL, sql, "ss", app, value);
}

gboolean journal_index_seen(Journal *journal, const char *app, gint64 index, GError **error)
{
    return database_run(journal->database, error, NULL, NULL,
                        "INSERT INTO app (name, index_seen) VALUES (?, ?)"
                        " ON CONFLICT (name) DO UPDATE SET index_seen = max(index_seen, excluded.index_seen)",
                        "si", app, index);
}

gboolean journal_app_forget(Journal *journal, const char *app, GError **error)
{
    static const char *const statements[] = {
        "DELETE FROM app WHERE name = ?",
        "DELETE FROM release WHERE app = ?",
        "DELETE FROM rejected WHERE app = ?",
        "DELETE FROM skipped WHERE app = ?",
        "DELETE FROM attempt WHERE app = ?",
        "DELETE FROM owned WHERE app = ?",
        /* The uninstall itself ends here: without these records it could not be opened again to be recovered. */
        "UPDATE job SET open = 0 WHERE app = ? AND verdict IS NOT NULL",
    };
    if (!database_begin(journal->database, error))
        return FALSE;
    for (guint i = 0; i < G_N_ELEMENTS(statements); i++)
        if (!database_run(journal->database, error, NULL, NULL, statements[i], "s", app)) {
            database_rollback(journal->database);
            return FALSE;
        }
    return database_commit(journal->database, error);
}

/* --- releases --- */

static const RecordField release_fields[] = {{'s', G_STRUCT_OFFSET(ReleaseRecord, version)},
                                             {'s', G_STRUCT_OFFSET(ReleaseRecord, sha256)},
                                             {'s', G_STRUCT_OFFSET(ReleaseRecord, tree)},
                                             {'s', G_STRUCT_OFFSET(ReleaseRecord, manifest)},
                                             {'i', G_STRUCT_OFFSET(ReleaseRecord, sealed_s)}};
static const RecordShape release_shape = {sizeof(ReleaseRecord), release_fields, G_N_ELEMENTS(release_fields),
                                          (GDestroyNotify)release_record_free};

void release_record_free(ReleaseRecord *record)
{
    record_free(&release_shape, record);
}

#define RELEASE_COLUMNS "SELECT version, sha256, tree, manifest, sealed_s FROM release WHERE app = ? "

gboolean journal_release_put(Journal *journal, const char *app, const ReleaseRecord *record, GError **error)
{
    return database_run(
        journal->database, error, NULL, NULL,
        "INSERT OR REPLACE INTO release (app, version, sha256, tree, manifest, sealed_s) VALUES (?, ?, ?, ?, ?, ?)",
        "sssssi", app, record->version, record->sha256, record->tree, record->manifest, record->sealed_s);
}

ReleaseRecord *journal_release(Journal *journal, const char *app, const char *version, GError **error)
{
    RecordRows rows = record_rows(&release_shape);
    gboolean good = database_run(journal->database, error, record_row, &rows, RELEASE_COLUMNS "AND version = ?", "ss",
                                 app, version);
    return record_rows_first(&rows, good);
}

GPtrArray *journal_releases(Journal *journal, const char *app, GError **error)
{
    RecordRows rows = record_rows(&release_shape);
    gboolean good = database_run(journal->database, error, record_row, &rows,
                                 RELEASE_COLUMNS "ORDER BY sealed_s DESC, rowid DESC", "s", app);
    return record_rows_end(&rows, good);
}

gboolean journal_release_forget(Journal *journal, const char *app, const char *version, GError **error)
{
    return database_run(journal->database, error, NULL, NULL, "DELETE FROM release WHERE app = ? AND version = ?", "ss",
                        app, version);
}

/* --- memory of failures, wishes --- */

gboolean journal_reject(Journal *journal, const char *app, const char *sha256, const char *version, const char *reason,
                        gint64 at_s, GError **error)
{
    return database_run(journal->database, error, NULL, NULL,
                        "INSERT OR REPLACE INTO rejected (app, version, sha256, reason, at_s) VALUES (?, ?, ?, ?, ?)",
                        "ssssi", app, version, sha256, reason, at_s);
}

static gboolean rejected_row(sqlite3_stmt *row, gpointer data)
{
    Rejection *rejection = g_new0(Rejection, 1);
    rejection->release = g_strdup((const char *)sqlite3_column_text(row, 0));
    rejection->reason = g_strdup((const char *)sqlite3_column_text(row, 1));
    rejection->at_s = sqlite3_column_int64(row, 2);
    g_ptr_array_add(data, rejection);
    return TRUE;
}

GPtrArray *journal_rejected(Journal *journal, const char *app, GError **error)
{
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func((GDestroyNotify)rejection_free);
    /* A digest that is known names exactly what failed; the version stands for it only where there is none. */
    if (!database_run(journal->database, error, rejected_row, rows,
                      "SELECT coalesce(sha256, version), reason, at_s FROM rejected WHERE app = ?", "s", app))
        return NULL;
    return g_steal_pointer(&rows);
}

gboolean journal_allow(Journal *journal, const char *app, const char *version, gboolean *had, GError **error)
{
    *had = database_int(journal->database, 0,
                        "SELECT (SELECT count(*) FROM rejected WHERE app = ?1 AND version = ?2)"
                        " + (SELECT count(*) FROM skipped WHERE app = ?1 AND version = ?2)"
                        " + (SELECT count(*) FROM attempt WHERE app = ?1)",
                        "ss", app, version) > 0;
    return database_run(journal->database, error, NULL, NULL, "DELETE FROM rejected WHERE app = ? AND version = ?",
                        "ss", app, version) &&
           database_run(journal->database, error, NULL, NULL, "DELETE FROM skipped WHERE app = ? AND version = ?", "ss",
                        app, version) &&
           journal_attempts_clear(journal, app, error);
}

gint64 journal_attempts(Journal *journal, const char *app, const char *sha256)
{
    return database_int(journal->database, 0, "SELECT n FROM attempt WHERE app = ? AND sha256 = ?", "ss", app, sha256);
}

gboolean journal_attempt_count(Journal *journal, const char *app, const char *sha256, GError **error)
{
    return database_run(
        journal->database, error, NULL, NULL,
        "INSERT INTO attempt (app, sha256, n) VALUES (?, ?, 1) ON CONFLICT (app, sha256) DO UPDATE SET n = n + 1", "ss",
        app, sha256);
}

gboolean journal_attempts_clear(Journal *journal, const char *app, GError **error)
{
    return database_run(journal->database, error, NULL, NULL, "DELETE FROM attempt WHERE app = ?", "s", app);
}

gboolean journal_skip(Journal *journal, const char *app, const char *version, GError **error)
{
    return database_run(journal->database, error, NULL, NULL,
                        "INSERT OR IGNORE INTO skipped (app, version) VALUES (?, ?)", "ss", app, version);
}

static gboolean text_row(sqlite3_stmt *row, gpointer data)
{
    g_ptr_array_add(data, g_strdup((const char *)sqlite3_column_text(row, 0)));
    return TRUE;
}

GPtrArray *journal_skipped(Journal *journal, const char *app, GError **error)
{
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func(g_free);
    if (!database_run(journal->database, error, text_row, rows,
                      "SELECT version FROM skipped WHERE app = ? ORDER BY version", "s", app))
        return NULL;
    return g_steal_pointer(&rows);
}

/* --- backups --- */

static const RecordField backup_fields[] = {{'s', G_STRUCT_OFFSET(BackupRecord, id)},
                                            {'s', G_STRUCT_OFFSET(BackupRecord, app)},
                                            {'s', G_STRUCT_OFFSET(BackupRecord, job)},
                                            {'s', G_STRUCT_OFFSET(BackupRecord, version)},
                                            {'s', G_STRUCT_OFFSET(BackupRecord, manifest_version)},
                                            {'s', G_STRUCT_OFFSET(BackupRecord, reason)},
                                            {'i', G_STRUCT_OFFSET(BackupRecord, made_s)},
                                            {'i', G_STRUCT_OFFSET(BackupRecord, size_bytes)}};
static const RecordShape backup_shape = {sizeof(BackupRecord), backup_fields, G_N_ELEMENTS(backup_fields),
                                         (GDestroyNotify)backup_record_free};

void backup_record_free(BackupRecord *record)
{
    record_free(&backup_shape, record);
}

gboolean journal_backup_put(Journal *journal, const BackupRecord *record, GError **error)
{
    return database_run(journal->database, error, NULL, NULL,
                        "INSERT OR REPLACE INTO backup (id, app, job, version, schema, reason, made_s, size_bytes) "
                        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                        "ssssssii", record->id, record->app, record->job, record->version, record->manifest_version,
                        record->reason, record->made_s, record->size_bytes);
}

GPtrArray *journal_backups(Journal *journal, const char *app, GError **error)
{
    RecordRows rows = record_rows(&backup_shape);
    gboolean good = database_run(journal->database, error, record_row, &rows,
                                 "SELECT id, app, job, version, schema, reason, made_s, size_bytes FROM backup WHERE "
                                 "app = ? ORDER BY rowid DESC",
                                 "s", app);
    return record_rows_end(&rows, good);
}

gboolean journal_backup_forget(Journal *journal, const char *id, GError **error)
{
    return database_run(journal->database, error, NULL, NULL, "DELETE FROM backup WHERE id = ?", "s", id);
}

/* --- ownership --- */

char *journal_owner(Journal *journal, const char *kind, const char *name)
{
    return database_text(journal->database, NULL, "SELECT app FROM owned WHERE kind = ? AND name = ?", "ss", kind,
                         name);
}

gboolean journal_own(Journal *journal, const char *app, const GPtrArray *kinds, const GPtrArray *names, GError **error)
{
    if (!database_begin(journal->database, error))
        return FALSE;
    gboolean good = database_run(journal->database, error, NULL, NULL, "DELETE FROM owned WHERE app = ?", "s", app);
    for (guint i = 0; good && i < names->len; i++)
        good = database_run(journal->database, error, NULL, NULL,
                            "INSERT OR IGNORE INTO owned (kind, name, app) VALUES (?, ?, ?)", "sss",
                            g_ptr_array_index(kinds, i), g_ptr_array_index(names, i), app);
    if (good)
        return database_commit(journal->database, error);
    database_rollback(journal->database);
    return FALSE;
}
