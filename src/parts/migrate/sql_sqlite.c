/* SPDX-License-Identifier: Apache-2.0 */
/* SQL migrations on SQLite: by an inner program as the app's user, because whoever writes a database file may have
 * written it for us. */
#include "parts/migrate/sql_drivers.h"

#include "base/fault.h"
#include "base/fs.h"
#include "base/process.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { DONE, FAILED, WRONG_CALL, PROBLEM };
enum { BUSY_TIMEOUT_MS = 10000, ASK_MS = 60000, OUTPUT_LIMIT_BYTES = 4 * 1024 * 1024 };

/* --- the job's side --- */

static int memory_of(const char *text, GError **error)
{
    fs_fd int fd = memfd_create("migration", MFD_CLOEXEC);
    if (fd >= 0 && fs_write_all(fd, text, strlen(text)) && lseek(fd, 0, SEEK_SET) == 0)
        return fs_fd_steal(&fd);
    fault_errno(error, FAULT_SYSTEM, errno, "cannot hand over a migration");
    return -1;
}

static void keep_last(const char *line, gpointer data)
{
    g_string_assign(data, line);
}

/* The output; NULL on a fault. *problem gets what the database says of the migration itself. */
static char *run_inner(const PartContext *context, const char *const *arguments, int fd, gint64 timeout_ms,
                       char **problem, GError **error)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    static const char *const head[] = {"/proc/self/exe", "inner", "sqlite-migrate"};
    for (gsize i = 0; i < G_N_ELEMENTS(head); i++)
        g_ptr_array_add(argv, (gpointer)head[i]);
    for (; *arguments; arguments++)
        g_ptr_array_add(argv, (gpointer)*arguments);
    g_ptr_array_add(argv, NULL);
    const int fds[] = {fd >= 0 ? fd : context->lock_fd, context->lock_fd};
    g_autoptr(GString) last = g_string_new(NULL);
    g_autoptr(GString) output = g_string_new(NULL);
    const ProcessSpec spec = {.argv = (const char *const *)argv->pdata,
                              .change_user = context->place->change_user,
                              .uid = context->place->uid,
                              .gid = context->place->gid,
                              .timeout_ms = timeout_ms,
                              .keep_fds = fds,
                              .n_keep_fds = (fd >= 0) + (context->lock_fd >= 0),
                              .on_line = keep_last,
                              .on_line_data = last,
                              .output = output,
                              .output_limit = OUTPUT_LIMIT_BYTES};
    ProcessOutcome outcome = {0};
    if (!process_run(&spec, &outcome, error))
        return NULL;
    if (outcome.exited && outcome.status == DONE)
        return g_strdup(output->str);
    g_autofree char *how = process_describe(&outcome);
    if (problem && (outcome.timed_out || (outcome.exited && outcome.status == PROBLEM)))
        *problem = g_strdup(last->len > 0 && !outcome.timed_out ? last->str : how);
    else
        fault_set(error, process_was_killed(&outcome) ? FAULT_SYSTEM : FAULT_BACKUP, "%s",
                  last->len > 0 ? last->str : how);
    return NULL;
}

static char *path_of(const PartContext *context, const DataSet *set)
{
    return g_build_filename(context->place->root, set->path, NULL);
}

static GHashTable *applied(const PartContext *context, const DataSet *set, const char *table, GError **error)
{
    g_autofree char *path = path_of(context, set);
    const char *const arguments[] = {"applied", path, table, NULL};
    g_autofree char *output = run_inner(context, arguments, -1, ASK_MS, NULL, error);
    if (!output) {
        fault_prefix(error, "data '%s'", set->name);
        return NULL;
    }
    GHashTable *all = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_auto(GStrv) lines = g_strsplit(output, "\n", -1);
    for (char **line = lines; *line; line++) { /* "CHECKSUM NAME" */
        char *space = strchr(*line, ' ');
        if (space)
            g_hash_table_insert(all, g_strdup(space + 1), g_strndup(*line, (gsize)(space - *line)));
    }
    return all;
}

static gboolean apply(const PartContext *context, const DataSet *set, const char *table, const SqlMigration *migration,
                      const char *version, gint64 timeout_ms, GError **error)
{
    if (sql_is_without_transaction(migration->text))
        return sql_fault(migration, 0, "SQLite has no statement that needs to run without a transaction", error);
    fs_fd int fd = memory_of(migration->text, error);
    if (fd < 0)
        return FALSE;
    g_autofree char *path = path_of(context, set), *number = g_strdup_printf("%d", fd), *problem = NULL;
    const char *const arguments[] = {"apply", path, table, migration->name, migration->checksum, version, number, NULL};
    g_autofree char *output = run_inner(context, arguments, fd, timeout_ms, &problem, error);
    if (output)
        return TRUE;
    if (!problem)
        return FALSE;
    char *end; /* "OFFSET MESSAGE" */
    gssize offset = (gssize)g_ascii_strtoll(problem, &end, 10);
    return sql_fault(migration, end > problem && *end == ' ' ? offset : -1, *end == ' ' ? end + 1 : problem, error);
}

const SqlDriver sql_sqlite = {.name = "sqlite", .applied = applied, .apply = apply};

/* --- the inner program --- */

static void database_clear(sqlite3 **database)
{
    sqlite3_close(*database);
}
#define AUTO_DATABASE __attribute__((cleanup(database_clear))) sqlite3 *

static void statement_clear(sqlite3_stmt **statement)
{
    sqlite3_finalize(*statement);
}
#define AUTO_STATEMENT __attribute__((cleanup(statement_clear))) sqlite3_stmt *

static int fail(sqlite3 *database)
{
    fprintf(stderr, "%s\n", sqlite3_errmsg(database));
    return FAILED;
}

static int open_database(const char *path, int flags, sqlite3 **database)
{
    int result = sqlite3_open_v2(path, database, flags, NULL);
    sqlite3_busy_timeout(*database, BUSY_TIMEOUT_MS);
    sqlite3_db_config(*database, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(*database, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    return result;
}

static int run_sql(sqlite3 *database, const char *format, const char *table)
{
    char *sql = sqlite3_mprintf(format, table);
    int result = sqlite3_exec(database, sql, NULL, NULL, NULL);
    sqlite3_free(sql);
    return result;
}

static int prepare(sqlite3 *database, const char *format, const char *table, sqlite3_stmt **statement)
{
    char *sql = sqlite3_mprintf(format, table);
    int result = sqlite3_prepare_v2(database, sql, -1, statement, NULL);
    sqlite3_free(sql);
    return result;
}

static int tell_applied(char **argv)
{
    AUTO_DATABASE database = NULL;
    AUTO_STATEMENT exists = NULL;
    AUTO_STATEMENT rows = NULL;
    if (access(argv[0], F_OK) != 0) /* it comes with the first migration */
        return DONE;
    if (open_database(argv[0], SQLITE_OPEN_READWRITE, &database) != SQLITE_OK ||
        prepare(database, "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = %Q", argv[1], &exists) !=
            SQLITE_OK)
        return fail(database);
    int found = sqlite3_step(exists);
    if (found == SQLITE_DONE)
        return DONE;
    if (found != SQLITE_ROW ||
        prepare(database, "SELECT checksum, name FROM \"%w\" ORDER BY name", argv[1], &rows) != SQLITE_OK)
        return fail(database);
    while ((found = sqlite3_step(rows)) == SQLITE_ROW)
        printf("%s %s\n", (const char *)sqlite3_column_text(rows, 0), (const char *)sqlite3_column_text(rows, 1));
    return found == SQLITE_DONE ? DONE : fail(database);
}

static int tell_problem(sqlite3 *database, gssize offset, const char *message)
{
    fprintf(stderr, "%zd %s\n", offset, message ? message : sqlite3_errmsg(database));
    return PROBLEM;
}

/* Statement by statement, as only that tells where one of them failed. */
static int run_text(sqlite3 *database, const char *text)
{
    for (const char *at = text, *next; *at; at = next) {
        AUTO_STATEMENT statement = NULL;
        gssize start = at - text + (gssize)strspn(at, " \t\r\n");
        if (sqlite3_prepare_v2(database, at, -1, &statement, &next) != SQLITE_OK) {
            int offset = sqlite3_error_offset(database);
            return tell_problem(database, offset >= 0 ? at - text + offset : start, NULL);
        }
        if (!statement) /* white space, a comment */
            continue;
        int result;
        while ((result = sqlite3_step(statement)) == SQLITE_ROW)
            ;
        if (result != SQLITE_DONE)
            return tell_problem(database, start, NULL);
        if (sqlite3_get_autocommit(database))
            return tell_problem(database, start,
                                "it ends the transaction that it runs in: leave out BEGIN, COMMIT and ROLLBACK");
    }
    return DONE;
}

static int record(sqlite3 *database, char **argv)
{
    AUTO_STATEMENT row = NULL;
    if (prepare(database, "INSERT INTO \"%w\" (name, checksum, version) VALUES (?, ?, ?)", argv[1], &row) != SQLITE_OK)
        return fail(database);
    for (int i = 0; i < 3; i++)
        sqlite3_bind_text(row, i + 1, argv[2 + i], -1, SQLITE_STATIC);
    return sqlite3_step(row) == SQLITE_DONE ? DONE : fail(database);
}

static int is_there(sqlite3 *database, char **argv, gboolean *there)
{
    AUTO_STATEMENT row = NULL;
    if (prepare(database, "SELECT 1 FROM \"%w\" WHERE name = ?", argv[1], &row) != SQLITE_OK)
        return fail(database);
    sqlite3_bind_text(row, 1, argv[2], -1, SQLITE_STATIC);
    int found = sqlite3_step(row);
    *there = found == SQLITE_ROW;
    return found == SQLITE_ROW || found == SQLITE_DONE ? DONE : fail(database);
}

static char *read_text(int fd)
{
    g_autoptr(GString) text = g_string_new(NULL);
    char buffer[16384];
    ssize_t n;
    while ((n = read(fd, buffer, sizeof buffer)) > 0)
        g_string_append_len(text, buffer, n);
    return n == 0 ? g_strdup(text->str) : NULL;
}

/* One writer at a time: whoever comes second finds the row. */
static int apply_one(char **argv)
{
    AUTO_DATABASE database = NULL;
    gboolean there = FALSE;
    g_autofree char *text = read_text(atoi(argv[5]));
    if (!text || open_database(argv[0], SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &database) != SQLITE_OK ||
        sqlite3_exec(database, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK ||
        run_sql(
            database,
            "CREATE TABLE IF NOT EXISTS \"%w\" (name text PRIMARY KEY, checksum text NOT NULL, version text NOT NULL,"
            " applied_at text NOT NULL DEFAULT (strftime('%%Y-%%m-%%dT%%H:%%M:%%SZ', 'now')))",
            argv[1]) != SQLITE_OK)
        return fail(database);
    int status = is_there(database, argv, &there);
    if (status == DONE && !there) {
        status = run_text(database, text);
        if (status == DONE)
            status = record(database, argv);
    }
    if (status == DONE && sqlite3_exec(database, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
        return fail(database);
    return status;
}

int sql_sqlite_main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[0], "applied") == 0)
        return tell_applied(argv + 1);
    if (argc == 7 && strcmp(argv[0], "apply") == 0)
        return apply_one(argv + 1);
    fprintf(stderr,
            "liftlock: usage: inner sqlite-migrate applied FILE TABLE | apply FILE TABLE NAME CHECKSUM VERSION FD\n");
    return WRONG_CALL;
}
