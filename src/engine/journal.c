/* SPDX-License-Identifier: Apache-2.0 */
/* The journal's schema, apps, releases and wishes; jobs and marks are in journal_jobs.c. */
#include "engine/journal_db.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* Rule 13: the schema changes only while no job is open, and only in ways that the previous release can still read. */
static const DatabaseMigration migrations[] = {
    {1, "CREATE TABLE app (name TEXT PRIMARY KEY, root TEXT, version TEXT, floor TEXT, pin TEXT,"
        "  index_seen INTEGER NOT NULL DEFAULT 0, offered TEXT, checked_at TEXT) STRICT;"
        "CREATE TABLE release (app TEXT NOT NULL, version TEXT NOT NULL, sha256 TEXT, tree TEXT NOT NULL,"
        "  manifest TEXT NOT NULL, sealed_s INTEGER NOT NULL, PRIMARY KEY (app, version)) STRICT;"
        "CREATE TABLE job (sequence INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, app TEXT NOT NULL,"
        "  kind TEXT NOT NULL, plan TEXT NOT NULL, version_from TEXT, version_to TEXT, open INTEGER NOT NULL DEFAULT 1,"
        "  verdict TEXT, code TEXT, error TEXT, hint TEXT, failed_step TEXT, requested_by TEXT,"
        "  attempt INTEGER NOT NULL DEFAULT 1, started_s INTEGER NOT NULL, ended_s INTEGER) STRICT;"
        /* One open job an app: what the lock promises, the schema holds too. */
        "CREATE UNIQUE INDEX job_open ON job (app) WHERE open = 1;"
        "CREATE TABLE mark (sequence INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL, step TEXT NOT NULL,"
        "  mark TEXT NOT NULL, at_s INTEGER NOT NULL, duration_ms INTEGER NOT NULL) STRICT;"
        "CREATE INDEX mark_job ON mark (job);"
        "CREATE TABLE fact (job TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (job, key)) STRICT;"
        "CREATE TABLE rejected (app TEXT NOT NULL, version TEXT NOT NULL, sha256 TEXT, reason TEXT NOT NULL,"
        "  at_s INTEGER NOT NULL, PRIMARY KEY (app, version)) STRICT;"
        "CREATE TABLE skipped (app TEXT NOT NULL, version TEXT NOT NULL, PRIMARY KEY (app, version)) STRICT;"
        "CREATE TABLE attempt (app TEXT NOT NULL, sha256 TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (app, sha256)) "
        "STRICT;"
        "CREATE TABLE backup (id TEXT PRIMARY KEY, app TEXT NOT NULL, job TEXT, version TEXT, schema TEXT, reason TEXT,"
        "  made_s INTEGER NOT NULL, size_bytes INTEGER NOT NULL) STRICT;"
        "CREATE TABLE owned (kind TEXT NOT NULL, name TEXT NOT NULL, app TEXT NOT NULL, PRIMARY KEY (kind, name)) "
        "STRICT;"},
};

Journal *journal_open(const HostPlace *host, gboolean read_only, GError **error)
{
    if (read_only && access(host->state_db, F_OK) != 0 && errno == ENOENT)
        return NULL;
    if (!read_only && !fs_make_path(host->var, 0755, error))
        return NULL;
    Database *database = database_open(host->state_db, read_only, migrations, G_N_ELEMENTS(migrations), error);
    if (!database)
        return NULL;
    Journal *journal = g_new0(Journal, 1);
    journal->database = database;
    return journal;
}

void journal_close(Journal *journal)
{
    if (!journal)
        return;
    database_close(journal->database);
    g_free(journal);
}

char *journal_column(sqlite3_stmt *row, int column)
{
    return g_strdup((const char *)sqlite3_column_text(row, column));
}

/* --- apps --- */

void app_record_free(AppRecord *record)
{
    if (!record)
        return;
    g_free(record->name);
    g_free(record->root);
    g_free(record->version);
    g_free(record->floor);
    g_free(record->pin);
    g_free(record->offered);
    g_free(record->checked_at);
    g_free(record);
}

static gboolean app_row(sqlite3_stmt *row, gpointer data)
{
    AppRecord *record = g_new0(AppRecord, 1);
    record->name = journal_column(row, 0);
    record->root = journal_column(row, 1);
    record->version = journal_column(row, 2);
    record->floor = journal_column(row, 3);
    record->pin = journal_column(row, 4);
    record->index_seen = sqlite3_column_int64(row, 5);
    record->offered = journal_column(row, 6);
    record->checked_at = journal_column(row, 7);
    g_ptr_array_add(data, record);
    return TRUE;
}

#define APP_COLUMNS "SELECT name, root, version, floor, pin, index_seen, offered, checked_at FROM app "

GPtrArray *journal_apps(Journal *journal, GError **error)
{
    g_autoptr(GPtrArray) apps = g_ptr_array_new_with_free_func((GDestroyNotify)app_record_free);
    if (!database_run(journal->database, error, app_row, apps, APP_COLUMNS "ORDER BY name", ""))
        return NULL;
    return g_steal_pointer(&apps);
}

/* The only element of a list of rows, or NULL; the list goes. */
static gpointer take_first(GPtrArray *rows)
{
    gpointer first = rows->len > 0 ? g_ptr_array_steal_index(rows, 0) : NULL;
    g_ptr_array_unref(rows);
    return first;
}

AppRecord *journal_app(Journal *journal, const char *app, GError **error)
{
    GPtrArray *apps = g_ptr_array_new_with_free_func((GDestroyNotify)app_record_free);
    if (!database_run(journal->database, error, app_row, apps, APP_COLUMNS "WHERE name = ?", "s", app)) {
        g_ptr_array_unref(apps);
        return NULL;
    }
    return take_first(apps);
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
        "DELETE FROM app WHERE name = ?",    "DELETE FROM release WHERE app = ?", "DELETE FROM rejected WHERE app = ?",
        "DELETE FROM skipped WHERE app = ?", "DELETE FROM attempt WHERE app = ?", "DELETE FROM owned WHERE app = ?",
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

void release_record_free(ReleaseRecord *record)
{
    if (!record)
        return;
    g_free(record->version);
    g_free(record->sha256);
    g_free(record->tree);
    g_free(record->manifest);
    g_free(record);
}

static gboolean release_row(sqlite3_stmt *row, gpointer data)
{
    ReleaseRecord *record = g_new0(ReleaseRecord, 1);
    record->version = journal_column(row, 0);
    record->sha256 = journal_column(row, 1);
    record->tree = journal_column(row, 2);
    record->manifest = journal_column(row, 3);
    record->sealed_s = sqlite3_column_int64(row, 4);
    g_ptr_array_add(data, record);
    return TRUE;
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
    GPtrArray *rows = g_ptr_array_new_with_free_func((GDestroyNotify)release_record_free);
    if (!database_run(journal->database, error, release_row, rows, RELEASE_COLUMNS "AND version = ?", "ss", app,
                      version)) {
        g_ptr_array_unref(rows);
        return NULL;
    }
    return take_first(rows);
}

GPtrArray *journal_releases(Journal *journal, const char *app, GError **error)
{
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func((GDestroyNotify)release_record_free);
    if (!database_run(journal->database, error, release_row, rows, RELEASE_COLUMNS "ORDER BY sealed_s DESC, rowid DESC",
                      "s", app))
        return NULL;
    return g_steal_pointer(&rows);
}

gboolean journal_release_forget(Journal *journal, const char *app, const char *version, GError **error)
{
    return database_run(journal->database, error, NULL, NULL, "DELETE FROM release WHERE app = ? AND version = ?", "ss",
                        app, version);
}

/* --- memory of failures, wishes --- */

gboolean journal_reject(Journal *journal, const char *app, const char *sha256, const char *version, const char *reason,
                        GError **error)
{
    return database_run(journal->database, error, NULL, NULL,
                        "INSERT OR REPLACE INTO rejected (app, version, sha256, reason, at_s) VALUES (?, ?, ?, ?, ?)",
                        "ssssi", app, version, sha256, reason, clock_now_s());
}

static gboolean rejected_row(sqlite3_stmt *row, gpointer data)
{
    for (int column = 0; column < 2; column++) { /* findable by version and by digest */
        if (sqlite3_column_type(row, column) == SQLITE_NULL)
            continue;
        KeyPair *pair = g_new0(KeyPair, 1);
        pair->name = journal_column(row, column);
        pair->value = journal_column(row, 2);
        g_ptr_array_add(data, pair);
    }
    return TRUE;
}

static void pair_free(gpointer data)
{
    KeyPair *pair = data;
    g_free(pair->name);
    g_free(pair->value);
    g_free(pair);
}

GPtrArray *journal_rejected(Journal *journal, const char *app, GError **error)
{
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func(pair_free);
    /* A digest that is known names exactly what failed; the version stands for it only where there is none. */
    if (!database_run(journal->database, error, rejected_row, rows,
                      "SELECT CASE WHEN sha256 IS NULL THEN version END, sha256, reason FROM rejected WHERE app = ?",
                      "s", app))
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
    g_ptr_array_add(data, journal_column(row, 0));
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

void backup_record_free(BackupRecord *record)
{
    if (!record)
        return;
    g_free(record->id);
    g_free(record->app);
    g_free(record->job);
    g_free(record->version);
    g_free(record->manifest_version);
    g_free(record->reason);
    g_free(record);
}

static gboolean backup_row(sqlite3_stmt *row, gpointer data)
{
    BackupRecord *record = g_new0(BackupRecord, 1);
    record->id = journal_column(row, 0);
    record->app = journal_column(row, 1);
    record->job = journal_column(row, 2);
    record->version = journal_column(row, 3);
    record->manifest_version = journal_column(row, 4);
    record->reason = journal_column(row, 5);
    record->made_s = sqlite3_column_int64(row, 6);
    record->size_bytes = sqlite3_column_int64(row, 7);
    g_ptr_array_add(data, record);
    return TRUE;
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
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func((GDestroyNotify)backup_record_free);
    if (!database_run(journal->database, error, backup_row, rows,
                      "SELECT id, app, job, version, schema, reason, made_s, size_bytes FROM backup WHERE app = ? "
                      "ORDER BY rowid DESC",
                      "s", app))
        return NULL;
    return g_steal_pointer(&rows);
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
