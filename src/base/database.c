/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite, with its errors as faults. */
#include "base/database.h"
#include "base/fault.h"
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BUSY_TIMEOUT_MS = 10000 };

struct Database {
    sqlite3 *handle;
    char *path;
};

/* --- faults --- */

static enum fault_code code_of(int result, int system)
{
    if (result == SQLITE_FULL || system == ENOSPC || system == EDQUOT)
        return FAULT_SPACE;
    if (result == SQLITE_BUSY || result == SQLITE_LOCKED)
        return FAULT_BUSY;
    if (result == SQLITE_PERM || result == SQLITE_READONLY || result == SQLITE_AUTH || system == EACCES ||
        system == EPERM || system == EROFS)
        return FAULT_RIGHTS;
    return result == SQLITE_CANTOPEN || result == SQLITE_IOERR || result == SQLITE_NOMEM ? FAULT_SYSTEM : FAULT_STATE;
}

/* The error that the handle remembers. Returns FALSE. */
static gboolean refuse(const Database *database, GError **error)
{
    int extended = sqlite3_extended_errcode(database->handle), result = extended & 0xff;
    g_autofree char *shown = fs_display(database->path);
    if (result == SQLITE_NOTADB || result == SQLITE_CORRUPT) {
        fault_set(error, FAULT_STATE, "'%s' is damaged: %s", shown, sqlite3_errmsg(database->handle));
        return fault_hint(error, "run 'liftlock recover'");
    }
    if (extended == SQLITE_CANTOPEN_SYMLINK)
        return fault_set(error, FAULT_SYSTEM, "cannot open '%s': it is a symbolic link", shown);
    /* SQLite remembers an old errno also for errors that have none. */
    gboolean from_system = result == SQLITE_CANTOPEN || result == SQLITE_IOERR || result == SQLITE_PERM;
    int system = from_system ? sqlite3_system_errno(database->handle) : 0;
    const char *verb = result == SQLITE_CANTOPEN ? "open" : "use";
    if (system != 0)
        return fault_errno(error, code_of(result, system), system, "cannot %s '%s'", verb, shown);
    return fault_set(error, code_of(result, 0), "cannot %s '%s': %s", verb, shown, sqlite3_errmsg(database->handle));
}

/* --- statements --- */

static gboolean is_blank(const char *sql)
{
    return sql[strspn(sql, " \t\r\n;")] == '\0';
}

/* A statement that does not fit its arguments is our own mistake; it must not run half bound. */
static gboolean bind_all(Database *database, sqlite3_stmt *statement, const char *format, va_list args, GError **error)
{
    if ((gsize)sqlite3_bind_parameter_count(statement) != strlen(format))
        return fault_set(error, FAULT_STATE, "wrong number of arguments for '%s'", sqlite3_sql(statement));
    for (int i = 0; format[i]; i++) {
        int result = SQLITE_MISUSE;
        if (format[i] == 's')
            result = sqlite3_bind_text(statement, i + 1, va_arg(args, const char *), -1, SQLITE_TRANSIENT);
        else if (format[i] == 'i')
            result = sqlite3_bind_int64(statement, i + 1, va_arg(args, gint64));
        if (result != SQLITE_OK)
            return refuse(database, error);
    }
    return TRUE;
}

static gboolean step_all(Database *database, sqlite3_stmt *statement, DatabaseRow row, gpointer data, GError **error)
{
    for (;;) {
        int result = sqlite3_step(statement);
        if (result == SQLITE_DONE)
            return TRUE;
        if (result != SQLITE_ROW)
            return refuse(database, error);
        if (row && !row(statement, data))
            return TRUE;
    }
}

static gboolean run(Database *database, GError **error, DatabaseRow row, gpointer data, const char *sql,
                    const char *format, va_list args)
{
    sqlite3_stmt *statement = NULL;
    const char *rest = "";
    if (sqlite3_prepare_v2(database->handle, sql, -1, &statement, &rest) != SQLITE_OK)
        return refuse(database, error);
    gboolean good;
    if (!statement || !is_blank(rest))
        good = fault_set(error, FAULT_STATE, "not one statement: '%s'", sql);
    else
        good = bind_all(database, statement, format ? format : "", args, error) &&
               step_all(database, statement, row, data, error);
    sqlite3_finalize(statement);
    return good;
}

gboolean database_run(Database *database, GError **error, DatabaseRow row, gpointer data, const char *sql,
                      const char *format, ...)
{
    va_list args;
    va_start(args, format);
    gboolean good = run(database, error, row, data, sql, format, args);
    va_end(args);
    return good;
}

static gboolean take_text(sqlite3_stmt *row, gpointer data)
{
    *(char **)data = g_strdup((const char *)sqlite3_column_text(row, 0));
    return FALSE;
}

char *database_text(Database *database, GError **error, const char *sql, const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    run(database, error, take_text, &text, sql, format, args);
    va_end(args);
    return text;
}

static gboolean take_int(sqlite3_stmt *row, gpointer data)
{
    if (sqlite3_column_type(row, 0) != SQLITE_NULL)
        *(gint64 *)data = sqlite3_column_int64(row, 0);
    return FALSE;
}

gint64 database_int(Database *database, gint64 fallback, const char *sql, const char *format, ...)
{
    gint64 number = fallback;
    va_list args;
    va_start(args, format);
    gboolean good = run(database, NULL, take_int, &number, sql, format, args);
    va_end(args);
    return good ? number : fallback;
}

static gboolean execute(Database *database, const char *sql, GError **error)
{
    return sqlite3_exec(database->handle, sql, NULL, NULL, NULL) == SQLITE_OK || refuse(database, error);
}

gboolean database_set_durable(Database *database, gboolean durable, GError **error)
{
    return execute(database, durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL", error);
}

gboolean database_begin(Database *database, GError **error)
{
    return execute(database, "BEGIN IMMEDIATE", error);
}

gboolean database_commit(Database *database, GError **error)
{
    if (execute(database, "COMMIT", error))
        return TRUE;
    database_rollback(database);
    return FALSE;
}

void database_rollback(Database *database)
{
    if (!sqlite3_get_autocommit(database->handle))
        sqlite3_exec(database->handle, "ROLLBACK", NULL, NULL, NULL);
}

sqlite3 *database_handle(Database *database)
{
    return database->handle;
}

/* --- opening --- */

/* The path with its directory resolved: NOFOLLOW then speaks of the file alone. */
static char *resolve(const char *path)
{
    g_autofree char *directory = g_path_get_dirname(path), *name = g_path_get_basename(path);
    char *real = realpath(directory, NULL);
    char *resolved = real ? g_build_filename(real, name, NULL) : g_strdup(path);
    free(real);
    return resolved;
}

/* Makes the file ourselves, because SQLite would make it readable by others. Never opens one that exists: closing it
 * would drop the locks of other connections of this process. */
static gboolean create(const char *path, GError **error)
{
    fs_fd int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST)
        return TRUE;
    g_autofree char *shown = fs_display(path), *directory = g_path_get_dirname(path);
    if (fd < 0)
        return fault_errno(error, errno == EACCES || errno == EPERM ? FAULT_RIGHTS : FAULT_SYSTEM, errno,
                           "cannot open '%s'", shown);
    fs_fd int parent = fs_open_dir(directory, error);
    return parent >= 0 && fs_sync_dir(parent, error);
}

static gboolean connect(Database *database, const char *name, int flags, GError **error)
{
    g_clear_pointer(&database->handle, sqlite3_close_v2);
    int result = sqlite3_open_v2(name, &database->handle, flags | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE, NULL);
    if (!database->handle)
        return fault_set(error, FAULT_SYSTEM, "cannot open '%s': out of memory", database->path);
    if (result != SQLITE_OK)
        return refuse(database, error);
    sqlite3_busy_timeout(database->handle, BUSY_TIMEOUT_MS);
    sqlite3_db_config(database->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(database->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(database->handle, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL);
    return TRUE;
}

/* Reads the first page and the schema: damage shows here, not in the middle of a job. */
static gboolean look(Database *database, GError **error)
{
    return execute(database, "SELECT count(*) FROM sqlite_schema", error);
}

static gboolean open_to_write(Database *database, GError **error)
{
    return create(database->path, error) && connect(database, database->path, SQLITE_OPEN_READWRITE, error) &&
           look(database, error) && execute(database, "PRAGMA journal_mode = WAL", error) &&
           database_set_durable(database, TRUE, error);
}

/* Where we may not make the -shm file that a WAL database needs, and there is no -wal, nothing can change under us
 * but by somebody who makes them first: then the file alone is all there is. */
static gboolean open_alone(Database *database, GError **error)
{
    g_autofree char *escaped = g_uri_escape_string(database->path, "/", TRUE);
    g_autofree char *uri = g_strconcat("file:", escaped, "?immutable=1", NULL);
    return connect(database, uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, error) && look(database, error);
}

static gboolean open_to_read(Database *database, GError **error)
{
    g_autofree char *shown = fs_display(database->path), *wal = g_strconcat(database->path, "-wal", NULL);
    if (access(database->path, F_OK) < 0 && (errno == ENOENT || errno == ENOTDIR))
        return fault_set(error, FAULT_ABSENT, "'%s' does not exist", shown);
    if (!connect(database, database->path, SQLITE_OPEN_READONLY, error))
        return FALSE;
    GError *first = NULL;
    if (look(database, &first))
        return TRUE;
    int result = sqlite3_errcode(database->handle) & 0xff;
    if ((result == SQLITE_CANTOPEN || result == SQLITE_READONLY) && access(wal, F_OK) < 0 && errno == ENOENT) {
        g_clear_error(&first);
        return open_alone(database, error);
    }
    g_propagate_error(error, first);
    return FALSE;
}

static gint64 schema_version(Database *database)
{
    return database_int(database, -1, "PRAGMA user_version", "");
}

/* The version is read again inside the transaction: another process may have been faster. */
static gboolean migrate_one(Database *database, const DatabaseMigration *migration, DatabaseGate gate, GError **error)
{
    if (!database_begin(database, error))
        return FALSE;
    g_autofree char *mark = g_strdup_printf("PRAGMA user_version = %d", migration->version);
    gint64 present = schema_version(database);
    if (present >= migration->version || (present > 0 && gate && !gate(database))) {
        database_rollback(database);
        return TRUE;
    }
    if (execute(database, migration->sql, error) && execute(database, mark, error))
        return database_commit(database, error);
    database_rollback(database);
    return FALSE;
}

gboolean database_is_known(Database *database, const DatabaseMigration *migrations, guint n_migrations, GError **error)
{
    gint64 present = schema_version(database);
    int newest = n_migrations > 0 ? migrations[n_migrations - 1].version : 0;
    if (n_migrations == 0 || present <= newest)
        return TRUE;
    g_autofree char *shown = fs_display(database->path);
    fault_set(error, FAULT_CONFIG, "'%s' was written by a newer version (schema %d, this one knows %d)", shown,
              (int)present, newest);
    return fault_hint(error, "use the newer version of liftlock");
}

static gboolean migrate(Database *database, const DatabaseMigration *migrations, guint n_migrations, DatabaseGate gate,
                        GError **error)
{
    if (!database_is_known(database, migrations, n_migrations, error))
        return FALSE;
    gint64 present = schema_version(database);
    for (guint i = 0; i < n_migrations; i++)
        if (migrations[i].version > present && !migrate_one(database, &migrations[i], gate, error))
            return FALSE;
    return TRUE;
}

Database *database_open_gated(const char *path, gboolean read_only, const DatabaseMigration *migrations,
                              guint n_migrations, DatabaseGate gate, GError **error)
{
    Database *database = g_new0(Database, 1);
    database->path = resolve(path);
    gboolean good = read_only
                        ? open_to_read(database, error)
                        : open_to_write(database, error) && migrate(database, migrations, n_migrations, gate, error);
    if (!good)
        g_clear_pointer(&database, database_close);
    return database;
}

Database *database_open(const char *path, gboolean read_only, const DatabaseMigration *migrations, guint n_migrations,
                        GError **error)
{
    return database_open_gated(path, read_only, migrations, n_migrations, NULL, error);
}

void database_close(Database *database)
{
    if (!database)
        return;
    sqlite3_close_v2(database->handle);
    g_free(database->path);
    g_free(database);
}
