/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inner program that does SQL on a SQLite database: always as the app's user, because whoever writes a database
 * file may have written it for us. It knows the operations of liftlock-postgres that have to do with the app's rows.
 */
#include "parts/sql.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/sql.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUSY_TIMEOUT_MS = 10000, STEPS_BETWEEN_LOOKS = 20000, QUERY_ROWS = 1000 };
#define REQUEST_LIMIT_BYTES (8 * 1024 * 1024)

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

/* --- faults --- */

static const struct {
    int result;
    enum fault_code code;
} codes[] = {
    {SQLITE_FULL, FAULT_SPACE},      {SQLITE_BUSY, FAULT_BUSY},      {SQLITE_LOCKED, FAULT_BUSY},
    {SQLITE_IOERR, FAULT_SYSTEM},    {SQLITE_NOMEM, FAULT_SYSTEM},   {SQLITE_CANTOPEN, FAULT_BACKUP},
    {SQLITE_READONLY, FAULT_BACKUP}, {SQLITE_CORRUPT, FAULT_BACKUP}, {SQLITE_NOTADB, FAULT_BACKUP},
};

static enum fault_code code_of(sqlite3 *database, enum fault_code otherwise)
{
    for (gsize i = 0; i < G_N_ELEMENTS(codes); i++)
        if (codes[i].result == (sqlite3_errcode(database) & 0xff))
            return codes[i].code;
    return otherwise;
}

static gboolean fail(sqlite3 *database, const char *what, GError **error)
{
    return fault_set(error, code_of(database, FAULT_BACKUP), "%s: %s", what, sqlite3_errmsg(database));
}

/* --- statements of our own --- */

static sqlite3 *open_database(const char *path, int flags, GError **error)
{
    sqlite3 *database = NULL;
    umask(027); /* a database that is made here is not everybody's to read */
    if (sqlite3_open_v2(path, &database, flags, NULL) != SQLITE_OK) {
        fail(database, "cannot open it", error);
        sqlite3_close(database);
        return NULL;
    }
    sqlite3_busy_timeout(database, BUSY_TIMEOUT_MS);
    return database;
}

/* With the table's name for %w, and texts bound (NULL-terminated). Returns SQLITE_ROW or SQLITE_DONE, else -1. */
static int run_one(sqlite3 *database, const char *format, const char *table, const char *const *values, GError **error)
{
    AUTO_STATEMENT statement = NULL;
    char *sql = sqlite3_mprintf(format, table);
    int result = sqlite3_prepare_v2(database, sql, -1, &statement, NULL);
    sqlite3_free(sql);
    for (int i = 0; result == SQLITE_OK && values && values[i]; i++)
        sqlite3_bind_text(statement, i + 1, values[i], -1, SQLITE_STATIC);
    result = result == SQLITE_OK ? sqlite3_step(statement) : result;
    if (result == SQLITE_ROW || result == SQLITE_DONE)
        return result;
    g_autofree char *what = g_strdup_printf("table '%s'", table);
    fail(database, what, error);
    return -1;
}

static gboolean begin(sqlite3 *database, GError **error)
{
    return sqlite3_exec(database, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK ||
           fail(database, "cannot write to it", error);
}

static gboolean commit(sqlite3 *database, GError **error)
{
    return sqlite3_exec(database, "COMMIT", NULL, NULL, NULL) == SQLITE_OK || fail(database, "cannot commit", error);
}

/* --- migrate --- */

typedef struct Runner {
    const Node *request;
    const char *path, *table;
    gint64 timeout_ms, deadline;
    GHashTable *applied; /* name -> "done" or "begun" */
    Node *rows, *ran;
} Runner;

static int look_at_clock(void *data)
{
    const Runner *runner = data;
    return runner->timeout_ms > 0 && clock_monotonic_ms() >= runner->deadline;
}

/* Who may not: a file in a transaction must not end it, and no file may reach what no copy holds. */
static int authorize(void *data, int action, const char *a, const char *b, const char *c, const char *d)
{
    const SqlFile *file = data;
    gboolean scratch = a && !*a; /* VACUUM makes itself a database without a name */
    if ((action == SQLITE_ATTACH && !scratch) || (action == SQLITE_TRANSACTION && !file->alone))
        return SQLITE_DENY;
    return SQLITE_OK;
}

static gboolean refuse(sqlite3 *database, const Runner *runner, const SqlFile *file, guint line, GError **error)
{
    if (sqlite3_errcode(database) == SQLITE_INTERRUPT)
        return fault_set(error, FAULT_MIGRATE, "%s:%u: no end after %" G_GINT64_FORMAT " s", file->name, line,
                         runner->timeout_ms / 1000);
    if (sqlite3_errcode(database) == SQLITE_AUTH)
        return fault_set(error, FAULT_MIGRATE, "%s:%u: other files and transactions are out of a migration's reach",
                         file->name, line);
    return fault_set(error, code_of(database, FAULT_MIGRATE), "%s:%u: %s", file->name, line, sqlite3_errmsg(database));
}

/* Statement by statement, as only that tells where one of them failed. */
static gboolean text_run(sqlite3 *database, const Runner *runner, const SqlFile *file, GError **error)
{
    for (const char *at = file->bytes, *next; *at; at = next) {
        AUTO_STATEMENT statement = NULL;
        SqlReader reader = {.dialect = SQL_SQLITE, .at = at, .end = file->bytes + file->size};
        SqlStatement first;
        guint above = 1 + sql_lines(file->bytes, (gsize)(at - file->bytes));
        guint line = sql_next(&reader, &first) ? above + first.line : above;
        if (sqlite3_prepare_v2(database, at, -1, &statement, &next) != SQLITE_OK) {
            int offset = sqlite3_error_offset(database);
            return refuse(database, runner, file, offset >= 0 ? above + sql_lines(at, (gsize)offset) : line, error);
        }
        int result = SQLITE_ROW;
        while (statement && result == SQLITE_ROW)
            result = sqlite3_step(statement);
        if (statement && result != SQLITE_DONE)
            return refuse(database, runner, file, line, error);
        if (!file->alone && sqlite3_get_autocommit(database)) /* ON CONFLICT ROLLBACK */
            return fault_set(error, FAULT_MIGRATE, "%s:%u: the file ended the transaction that it ran in", file->name,
                             line);
    }
    return TRUE;
}

static gboolean watched_run(sqlite3 *database, Runner *runner, const SqlFile *file, GError **error)
{
    runner->deadline = clock_monotonic_ms() + runner->timeout_ms;
    sqlite3_progress_handler(database, STEPS_BETWEEN_LOOKS, look_at_clock, runner);
    sqlite3_set_authorizer(database, authorize, (gpointer)file);
    gboolean good = text_run(database, runner, file, error);
    sqlite3_set_authorizer(database, NULL, NULL);
    sqlite3_progress_handler(database, 0, NULL, NULL);
    return good;
}

/* What takes a migration back has its row taken for begun; *due as in book_write. */
static gboolean book_reopen(sqlite3 *database, const Runner *runner, const SqlFile *file, gboolean *due, GError **error)
{
    const char *const key[] = {file->undoes, NULL};
    if (run_one(database, "UPDATE \"%w\" SET applied_at = NULL WHERE name = ?", runner->table, key, error) < 0)
        return FALSE;
    *due = sqlite3_changes(database) == 1;
    return TRUE;
}

/* *due FALSE: somebody else was faster. */
static gboolean book_write(sqlite3 *database, const Runner *runner, const SqlFile *file, gboolean *due, GError **error)
{
    static const char make[] = "CREATE TABLE IF NOT EXISTS \"%w\" (name text PRIMARY KEY, checksum text NOT NULL,"
                               " version text, applied_at text)";
    static const char add[] = "INSERT INTO \"%w\" (name, checksum, version) VALUES (?, ?, nullif(?, ''))";
    if (file->undoes)
        return book_reopen(database, runner, file, due, error);
    const char *const key[] = {file->name, NULL};
    const char *const row[] = {file->name, file->checksum, node_get_text(runner->request, "version", ""), NULL};
    if (run_one(database, make, runner->table, NULL, error) < 0)
        return FALSE;
    int found = run_one(database, "SELECT 1 FROM \"%w\" WHERE name = ?", runner->table, key, error);
    *due = found == SQLITE_DONE;
    return found == SQLITE_ROW ||
           (found == SQLITE_DONE && run_one(database, add, runner->table, row, error) == SQLITE_DONE);
}

static gboolean book_finish(sqlite3 *database, const Runner *runner, const SqlFile *file, GError **error)
{
    static const char done[] =
        "UPDATE \"%w\" SET applied_at = strftime('%%Y-%%m-%%dT%%H:%%M:%%SZ', 'now') WHERE name = ?";
    const char *const key[] = {sql_file_row(file), NULL};
    const char *end = file->undoes ? "DELETE FROM \"%w\" WHERE name = ?" : done;
    return run_one(database, end, runner->table, key, error) == SQLITE_DONE;
}

/* A file that is alone is noted before and after it runs; others together with what they do. */
static gboolean run_noted(sqlite3 *database, Runner *runner, const SqlFile *file, gboolean *due, GError **error)
{
    if (!begin(database, error) || !book_write(database, runner, file, due, error))
        return FALSE;
    if (!*due || !file->alone)
        return !*due || (watched_run(database, runner, file, error) && book_finish(database, runner, file, error) &&
                         commit(database, error));
    if (!commit(database, error) || !watched_run(database, runner, file, error))
        return FALSE;
    if (!sqlite3_get_autocommit(database))
        return fault_set(error, FAULT_MIGRATE, "%s: the file begins a transaction and does not end it", file->name);
    return book_finish(database, runner, file, error);
}

/* A connection for each, so that no file feels a PRAGMA of another. */
static gboolean file_run(Runner *runner, const SqlFile *file, GError **error)
{
    AUTO_DATABASE database = open_database(runner->path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, error);
    gint64 began = clock_monotonic_ms();
    gboolean due = FALSE;
    if (!database)
        return FALSE;
    sqlite3_busy_timeout(database, (int)node_get_int(runner->request, "lock_ms", BUSY_TIMEOUT_MS));
    if (!run_noted(database, runner, file, &due, error))
        return FALSE;
    if (!due)
        return TRUE;
    fprintf(stderr, "%s: %s in %" G_GINT64_FORMAT " ms\n", file->name, file->undoes ? "taken back" : "applied",
            clock_monotonic_ms() - began);
    node_append(runner->ran, node_new_scalar(SCALAR_STRING, sql_file_row(file)));
    return TRUE;
}

static void book_take(Runner *runner, sqlite3_stmt *row)
{
    static const char *const columns[] = {"name", "checksum", "version", "at"};
    Node *node = node_new_map();
    for (int i = 0; i < (int)G_N_ELEMENTS(columns); i++)
        node_set_text(node, columns[i], (const char *)sqlite3_column_text(row, i));
    node_append(runner->rows, node);
    g_hash_table_insert(runner->applied, g_strdup(node_get_text(node, "name", "")),
                        (gpointer)(node_get_text(node, "at", NULL) ? "done" : "begun"));
}

static gboolean book_read(Runner *runner, GError **error)
{
    AUTO_STATEMENT rows = NULL;
    if (access(runner->path, F_OK) != 0) /* it comes with the first migration */
        return TRUE;
    AUTO_DATABASE database = open_database(runner->path, SQLITE_OPEN_READWRITE, error);
    if (database) /* looking must not change what it looks at */
        sqlite3_db_config(database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    const char *const name[] = {runner->table, NULL};
    int there =
        database ? run_one(database, "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?", "", name, error)
                 : -1;
    if (there != SQLITE_ROW)
        return there == SQLITE_DONE;
    char *sql = sqlite3_mprintf("SELECT name, checksum, version, applied_at FROM \"%w\" ORDER BY name", runner->table);
    int result = sqlite3_prepare_v2(database, sql, -1, &rows, NULL);
    sqlite3_free(sql);
    while (result == SQLITE_OK || result == SQLITE_ROW)
        if ((result = sqlite3_step(rows)) == SQLITE_ROW)
            book_take(runner, rows);
    g_autofree char *what = g_strdup_printf("table '%s'", runner->table);
    return result == SQLITE_DONE || fail(database, what, error);
}

static gboolean run_all(Runner *runner, const GPtrArray *files, GError **error)
{
    g_autoptr(GPtrArray) list =
        book_read(runner, error) ? sql_files_due(files, runner->applied, SQL_SQLITE, runner->table, error) : NULL;
    for (guint i = 0; list && node_get_bool(runner->request, "apply", FALSE) && i < list->len; i++)
        if (!file_run(runner, list->pdata[i], error))
            return FALSE;
    return list != NULL;
}

static gboolean migrate(const Node *request, Node *answer, GError **error)
{
    g_autoptr(GPtrArray) files = sql_files_take(request, (int)node_get_int(request, "file_fd", -1), error);
    g_autoptr(GHashTable) applied = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    Runner runner = {.request = request,
                     .path = node_get_text(request, "path", ""),
                     .table = node_get_text(request, "table", ""),
                     .timeout_ms = node_get_int(request, "each_ms", 0),
                     .applied = applied,
                     .rows = node_new_list(),
                     .ran = node_new_list()};
    node_set(answer, "rows", runner.rows);
    node_set(answer, "ran", runner.ran);
    return files && run_all(&runner, files, error);
}

/* --- query --- */

static Node *row_of(sqlite3_stmt *statement)
{
    Node *row = node_new_list();
    for (int i = 0; i < sqlite3_column_count(statement); i++) {
        const char *text = (const char *)sqlite3_column_text(statement, i);
        g_autofree char *valid = text ? g_utf8_make_valid(text, -1) : NULL;
        node_append(row, valid ? node_new_scalar(SCALAR_STRING, valid) : node_new_scalar(SCALAR_NULL, ""));
    }
    return row;
}

static gboolean query(const Node *request, Node *answer, GError **error)
{
    AUTO_STATEMENT statement = NULL;
    AUTO_DATABASE database = open_database(node_get_text(request, "path", ""), SQLITE_OPEN_READWRITE, error);
    Node *rows = node_new_list();
    node_set(answer, "rows", rows);
    if (!database)
        return FALSE;
    sqlite3_db_config(database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_db_config(database, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    if (sqlite3_exec(database, "PRAGMA query_only = 1", NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(database, node_get_text(request, "sql", ""), -1, &statement, NULL) != SQLITE_OK)
        return fail(database, "the query failed", error);
    int result = SQLITE_DONE;
    while (statement && rows->items->len < QUERY_ROWS && (result = sqlite3_step(statement)) == SQLITE_ROW)
        node_append(rows, row_of(statement));
    return result == SQLITE_DONE || result == SQLITE_ROW || fail(database, "the query failed", error);
}

/* --- record --- */

static gboolean record_row(sqlite3 *database, const char *table, const Node *fields, GError **error)
{
    g_autoptr(GString) columns = g_string_new(NULL);
    g_autoptr(GString) definition = g_string_new(NULL);
    g_autoptr(GString) match = g_string_new(NULL);
    g_autoptr(GString) places = g_string_new(NULL);
    for (guint i = 0; i < fields->items->len; i++) {
        const char *comma = i > 0 ? ", " : "";
        char *name = sqlite3_mprintf("\"%w\"", node_get_text(fields->items->pdata[i], "column", ""));
        char *value = sqlite3_mprintf("%Q", node_get_text(fields->items->pdata[i], "value", NULL));
        g_string_append_printf(columns, "%s%s", comma, name);
        g_string_append_printf(definition, "%s%s text", comma, name);
        g_string_append_printf(places, "%s%s", comma, value);
        if (node_get_bool(fields->items->pdata[i], "is_key", FALSE))
            g_string_append_printf(match, " AND %s IS %s", name, value);
        sqlite3_free(name);
        sqlite3_free(value);
    }
    char *sql = sqlite3_mprintf("CREATE TABLE IF NOT EXISTS \"%w\" (%s);"
                                "INSERT INTO \"%w\" (%s) SELECT %s WHERE NOT EXISTS (SELECT 1 FROM \"%w\" WHERE 1%s)",
                                table, definition->str, table, columns->str, places->str, table, match->str);
    int result = sqlite3_exec(database, sql, NULL, NULL, NULL);
    sqlite3_free(sql);
    g_autofree char *what = g_strdup_printf("table '%s'", table);
    return result == SQLITE_OK || fail(database, what, error);
}

static gboolean record(const Node *request, Node *answer, GError **error)
{
    const Node *fields = node_get(request, "fields");
    AUTO_DATABASE database = open_database(node_get_text(request, "path", ""), SQLITE_OPEN_READWRITE, error);
    return database && fields && begin(database, error) &&
           record_row(database, node_get_text(request, "table", ""), fields, error) && commit(database, error);
}

/* --- the table --- */

static const struct {
    const char *name;
    gboolean (*run)(const Node *request, Node *answer, GError **error);
} operations[] = {{"migrate", migrate}, {"query", query}, {"record", record}};

static Node *request_read(int fd)
{
    g_autoptr(GString) bytes = g_string_new(NULL);
    char buffer[16384];
    ssize_t n;
    while ((n = read(fd, buffer, sizeof buffer)) > 0 && bytes->len < REQUEST_LIMIT_BYTES)
        g_string_append_len(bytes, buffer, n);
    return n == 0 ? node_from_records(bytes->str, bytes->len, NULL) : NULL;
}

static void tell_fault(Node *answer, const GError *error)
{
    g_autofree char *text = fault_text(error), *hint = fault_hint_of(error);
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    node_set_int(answer, "code", (gint64)fault_code_of(error));
    node_set_text(answer, "text", valid);
    if (hint)
        node_set_text(answer, "hint", hint);
}

int sql_inner_main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Node) request = argc == 1 ? request_read(atoi(argv[0])) : NULL;
    g_autoptr(Node) answer = node_new_map();
    gboolean good = FALSE;
    for (gsize i = 0; request && i < G_N_ELEMENTS(operations); i++)
        if (strcmp(operations[i].name, node_get_text(request, "do", "")) == 0)
            good = operations[i].run(request, answer, &error);
    if (!request || (!good && !error)) {
        fputs("liftlock: usage: inner sql FD\n", stderr);
        return 2;
    }
    if (!good)
        tell_fault(answer, error);
    g_autofree char *records = node_to_records(answer);
    return fputs(records, stdout) < 0 || fflush(stdout) != 0 ? 1 : 0;
}
