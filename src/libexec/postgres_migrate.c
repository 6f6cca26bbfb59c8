/* SPDX-License-Identifier: Apache-2.0 */
/* SQL migrations: each file once, in its own transaction together with its row in the table that keeps book. */
#include "libexec/postgres.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/sql.h"

#include <poll.h>
#include <string.h>

#define LOCK_PAUSE_MS 200
#define CANCEL_MS 5000

#define BOOK_FINISH "UPDATE {table} SET applied_at = pg_catalog.now() WHERE name = $1"
#define BOOK_REOPEN "UPDATE {table} SET applied_at = NULL WHERE name = $1"
#define BOOK_REMOVE "DELETE FROM {table} WHERE name = $1"

typedef struct Runner {
    const Node *request;
    PGconn *control; /* holds the lock and the book; it runs nothing of the files */
    char *table;     /* quoted, with its schema */
    const char *version;
    gint64 timeout_ms;
    gboolean has_book;
    GHashTable *applied; /* name -> "done" or "begun" */
    Node *rows, *ran;
} Runner;

/* --- faults --- */

/* Classes of SQLSTATE that say nothing of the file (PostgreSQL's documentation, appendix A); what is not here is its
 * own fault. */
static const struct {
    const char *prefix;
    enum fault_code code;
} codes[] = {
    {"08", FAULT_BACKUP},  {"40", FAULT_BUSY},   {"53100", FAULT_SPACE}, {"53", FAULT_BACKUP},
    {"55P03", FAULT_BUSY}, {"57", FAULT_BACKUP}, {"58", FAULT_SYSTEM},   {"XX", FAULT_BACKUP},
};

static enum fault_code code_of(const char *state)
{
    for (gsize i = 0; state && i < G_N_ELEMENTS(codes); i++)
        if (g_str_has_prefix(state, codes[i].prefix))
            return codes[i].code;
    return state ? FAULT_MIGRATE : FAULT_BACKUP;
}

static guint line_of(const SqlStatement *statement, const PGresult *result)
{
    const char *position = PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION);
    gint64 characters = position ? g_ascii_strtoll(position, NULL, 10) - 1 : 0;
    const char *at = statement->text;
    for (; characters > 0 && at < statement->text + statement->size; characters--)
        at = g_utf8_next_char(at);
    return statement->line + sql_lines(statement->text, MIN((gsize)(at - statement->text), statement->size));
}

/* Detail is left out: it quotes rows. */
static gboolean refuse(const SqlFile *file, const SqlStatement *statement, const PGresult *result, GError **error)
{
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);
    fault_set(error, code_of(state), "%s:%u: %s (%s)", file->name, line_of(statement, result),
              message ? message : "the database server went away", state ? state : "no answer");
    return hint ? fault_hint(error, "%s", hint) : FALSE;
}

/* --- one statement --- */

/* The server goes on with a statement whose client has given up, so the server is told; first gently. */
static void cut_short(const Runner *runner, PGconn *connection, gint64 *deadline, guint *tries)
{
    char room[256];
    if (*tries == 0) {
        PGcancel *cancel = PQgetCancel(connection);
        if (cancel)
            PQcancel(cancel, room, sizeof room);
        PQfreeCancel(cancel);
    } else {
        g_autofree char *pid = g_strdup_printf("%d", PQbackendPID(connection));
        g_autoptr(PGresult) gone G_GNUC_UNUSED =
            postgres_rows(runner->control, NULL, "SELECT pg_catalog.pg_terminate_backend($1::int)", pid, NULL);
    }
    ++*tries;
    *deadline = clock_monotonic_ms() + CANCEL_MS;
}

/* FALSE: the time was up, or the connection broke. */
static gboolean wait_for_it(const Runner *runner, PGconn *connection, gint64 deadline, gboolean *late)
{
    guint tries = 0;
    while (PQisBusy(connection)) {
        gint64 left = deadline - clock_monotonic_ms();
        if (left <= 0) {
            *late = TRUE;
            if (tries == 2)
                return FALSE;
            cut_short(runner, connection, &deadline, &tries);
            continue;
        }
        struct pollfd wait = {.fd = PQsocket(connection), .events = POLLIN};
        poll(&wait, 1, (int)MIN(left, 1000));
        if (!PQconsumeInput(connection))
            break; /* the result says so, too */
    }
    return TRUE;
}

/* Rows that the statement wants or gives: nobody is there to send or take them. */
static void end_copy(PGconn *connection, ExecStatusType status)
{
    char *row = NULL;
    if (status == PGRES_COPY_IN)
        PQputCopyEnd(connection, "nobody sends rows to a migration");
    while (status == PGRES_COPY_OUT && PQgetCopyData(connection, &row, 0) > 0)
        PQfreemem(row);
}

static gboolean statement_run(const Runner *runner, PGconn *connection, const SqlFile *file,
                              const SqlStatement *statement, gint64 deadline, GError **error)
{
    g_autofree char *sql = g_strndup(statement->text, statement->size);
    gboolean good = TRUE, late = FALSE;
    if (!PQsendQuery(connection, sql))
        return fault_set(error, FAULT_BACKUP, "%s:%u: the database server went away", file->name, statement->line);
    while (wait_for_it(runner, connection, deadline, &late)) {
        g_autoptr(PGresult) result = PQgetResult(connection);
        if (!result)
            break;
        ExecStatusType status = PQresultStatus(result);
        end_copy(connection, status);
        gboolean fine = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY ||
                        status == PGRES_COPY_IN || status == PGRES_COPY_OUT;
        if (!fine && good)
            good = refuse(file, statement, result, error);
    }
    if (!late)
        return good;
    g_clear_error(error);
    return fault_set(error, FAULT_MIGRATE, "%s:%u: no end after %" G_GINT64_FORMAT " s", file->name, statement->line,
                     runner->timeout_ms / 1000);
}

/* --- one file --- */

static char *transaction_id(PGconn *connection)
{
    if (PQtransactionStatus(connection) != PQTRANS_INTRANS)
        return NULL;
    g_autoptr(PGresult) row = postgres_rows(connection, NULL, "SELECT pg_catalog.txid_current()", NULL);
    return row && PQntuples(row) == 1 ? g_strdup(PQgetvalue(row, 0, 0)) : NULL;
}

static gboolean statements_run(const Runner *runner, PGconn *connection, const SqlFile *file, GError **error)
{
    gint64 deadline = runner->timeout_ms > 0 ? clock_monotonic_ms() + runner->timeout_ms : G_MAXINT64;
    SqlReader reader = {.dialect = SQL_POSTGRES, .at = file->bytes, .end = file->bytes + file->size, .line = 1};
    SqlStatement statement;
    while (sql_next(&reader, &statement))
        if (!statement_run(runner, connection, file, &statement, deadline, error))
            return FALSE;
    return TRUE;
}

/* With the row's name as $1. */
static gboolean book_change(PGconn *connection, const Runner *runner, const SqlFile *file, const char *format,
                            GError **error)
{
    g_autoptr(GString) sql = g_string_new(format);
    g_string_replace(sql, "{table}", runner->table, 1);
    g_autoptr(PGresult) result = postgres_rows(connection, error, sql->str, sql_file_row(file), NULL);
    return result || fault_prefix(error, "%s: cannot be recorded", file->name);
}

static gboolean book_write(PGconn *connection, const Runner *runner, const SqlFile *file, const char *applied_at,
                           GError **error)
{
    g_autofree char *sql = g_strdup_printf(
        "INSERT INTO %s (name, checksum, version, applied_at) VALUES ($1, $2, $3, %s)", runner->table, applied_at);
    g_autoptr(PGresult) result =
        postgres_rows(connection, error, sql, file->name, file->checksum, runner->version, NULL);
    return result || fault_prefix(error, "%s: cannot be recorded", file->name);
}

/* The row and what the file did last together, whatever the file has set: role, durability. */
static gboolean end_together(PGconn *connection, const Runner *runner, const SqlFile *file, const char *began,
                             GError **error)
{
    g_autofree char *now = transaction_id(connection);
    if (!now || g_strcmp0(now, began) != 0) {
        fault_set(error, FAULT_MIGRATE, "%s: the file ended the transaction that it ran in", file->name);
        return fault_hint(error, "what it did before that stays until the data are put back");
    }
    if (!postgres_run(connection, "RESET SESSION AUTHORIZATION; RESET ROLE; SET LOCAL synchronous_commit = on",
                      error) ||
        !(file->undoes ? book_change(connection, runner, file, BOOK_REMOVE, error)
                       : book_write(connection, runner, file, "pg_catalog.now()", error)))
        return FALSE;
    g_autoptr(PGresult) result = PQexec(connection, "COMMIT");
    const SqlStatement end = {.text = "", .line = 1 + sql_lines(file->bytes, file->size)};
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        return refuse(file, &end, result, error);
    return strcmp(PQcmdStatus(result), "COMMIT") == 0 ||
           fault_set(error, FAULT_MIGRATE, "%s: the server did not commit it", file->name);
}

static gboolean run_in_transaction(const Runner *runner, PGconn *connection, const SqlFile *file, GError **error)
{
    if (!postgres_run(connection, "BEGIN", error))
        return FALSE;
    g_autofree char *began = transaction_id(connection);
    return statements_run(runner, connection, file, error) && end_together(connection, runner, file, began, error);
}

/* Noted before and after: who finds the first note alone knows that it was not finished. */
static gboolean run_alone(const Runner *runner, PGconn *connection, const SqlFile *file, GError **error)
{
    gboolean noted = file->undoes ? book_change(runner->control, runner, file, BOOK_REOPEN, error)
                                  : book_write(runner->control, runner, file, "NULL", error);
    if (!noted || !statements_run(runner, connection, file, error))
        return FALSE;
    if (PQtransactionStatus(connection) != PQTRANS_IDLE)
        return fault_set(error, FAULT_MIGRATE, "%s: the file begins a transaction and does not end it", file->name);
    return book_change(runner->control, runner, file, file->undoes ? BOOK_REMOVE : BOOK_FINISH, error);
}

/* A connection for each, so that no file feels what another has set. */
static gboolean file_run(const Runner *runner, const SqlFile *file, GError **error)
{
    g_autoptr(PGconn) connection = postgres_connect(runner->request, TO_APP, error);
    if (!connection)
        return FALSE;
    /* Should we be killed, the server looks whether anybody still waits (from version 14 on). */
    postgres_run(connection, "SET client_connection_check_interval = '1s'", NULL);
    gint64 began = clock_monotonic_ms();
    if (!(file->alone ? run_alone : run_in_transaction)(runner, connection, file, error))
        return FALSE;
    g_printerr("%s: %s in %" G_GINT64_FORMAT " ms\n", file->name, file->undoes ? "taken back" : "applied",
               clock_monotonic_ms() - began);
    node_append(runner->ran, node_new_scalar(SCALAR_STRING, sql_file_row(file)));
    return TRUE;
}

/* --- the book --- */

/* Asked for again and again instead of waited for: a waiting statement would hold up an index that is built
 * concurrently, which waits for all others in turn. */
static gboolean lock_take(const Runner *runner, GError **error)
{
    const char *key = node_get_text(runner->request, "lock", "0");
    gint64 deadline = clock_monotonic_ms() + node_get_int(runner->request, "lock_ms", 0);
    for (;;) {
        g_autoptr(PGresult) row =
            postgres_rows(runner->control, error, "SELECT pg_catalog.pg_try_advisory_lock($1::bigint)", key, NULL);
        if (!row)
            return FALSE;
        if (PQgetvalue(row, 0, 0)[0] == 't')
            return TRUE;
        if (clock_monotonic_ms() >= deadline)
            return fault_set(error, FAULT_BUSY, "somebody else is running migrations on this database");
        clock_sleep_ms(LOCK_PAUSE_MS);
    }
}

/* Where the book is, or will be: in the schema that the manifest names, else where the role sees it or would make it.
 */
static gboolean book_find(Runner *runner, GError **error)
{
    const char *whole = node_get_text(runner->request, "table", ""), *dot = strchr(whole, '.');
    const char *name = dot ? dot + 1 : whole;
    g_autofree char *wanted = dot ? g_strndup(whole, (gsize)(dot - whole)) : g_strdup("");
    g_autoptr(PGresult) row = postgres_rows(
        runner->control, error,
        "SELECT coalesce(nullif($2, ''), min(n.nspname), current_schema()), count(n.nspname) FROM pg_catalog.pg_class c"
        " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relname = $1 AND c.relkind IN ('r', 'p')"
        " AND CASE WHEN $2 = '' THEN pg_catalog.pg_table_is_visible(c.oid) ELSE n.nspname = $2 END",
        name, wanted, NULL);
    if (!row)
        return FALSE;
    if (PQgetisnull(row, 0, 0))
        return fault_set(error, FAULT_MIGRATE, "the role has no schema to keep the table '%s' in", name);
    g_autofree char *schema = postgres_name(runner->control, PQgetvalue(row, 0, 0));
    g_autofree char *table = postgres_name(runner->control, name);
    runner->table = g_strconcat(schema, ".", table, NULL);
    runner->has_book = strcmp(PQgetvalue(row, 0, 1), "0") != 0;
    return TRUE;
}

static gboolean book_make(Runner *runner, GError **error)
{
    g_autofree char *sql =
        g_strdup_printf("CREATE TABLE IF NOT EXISTS %s (name text PRIMARY KEY, checksum text NOT NULL, version text,"
                        " applied_at timestamp with time zone)",
                        runner->table);
    if (runner->has_book)
        return TRUE;
    return postgres_run(runner->control, sql, error) || fault_prefix(error, "table %s", runner->table);
}

static gboolean book_read(Runner *runner, GError **error)
{
    if (!runner->has_book)
        return TRUE;
    g_autofree char *sql = g_strdup_printf(
        "SELECT name, checksum, version, to_char(applied_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
        " FROM %s ORDER BY name COLLATE \"C\"",
        runner->table);
    g_autoptr(PGresult) rows = postgres_rows(runner->control, error, sql, NULL);
    if (!rows)
        return fault_prefix(error, "table %s", runner->table);
    static const char *const columns[] = {"name", "checksum", "version", "at"};
    for (int i = 0; i < PQntuples(rows); i++) {
        Node *row = node_new_map();
        for (int j = 0; j < (int)G_N_ELEMENTS(columns); j++)
            node_set_text(row, columns[j], PQgetisnull(rows, i, j) ? NULL : PQgetvalue(rows, i, j));
        node_append(runner->rows, row);
        g_hash_table_insert(runner->applied, g_strdup(PQgetvalue(rows, i, 0)),
                            (gpointer)(PQgetisnull(rows, i, 3) ? "begun" : "done"));
    }
    return TRUE;
}

/* --- all of them --- */

static gboolean migrate(Runner *runner, const GPtrArray *files, GError **error)
{
    gboolean apply = node_get_bool(runner->request, "apply", FALSE);
    if ((apply && !lock_take(runner, error)) || !book_find(runner, error) || !book_read(runner, error))
        return FALSE;
    g_autoptr(GPtrArray) list = sql_files_due(files, runner->applied, SQL_POSTGRES, runner->table, error);
    if (!list || (apply && list->len > 0 && !book_make(runner, error)))
        return FALSE;
    for (guint i = 0; apply && i < list->len; i++)
        if (!file_run(runner, list->pdata[i], error))
            return FALSE;
    return TRUE;
}

/* {rows: [{name, checksum, version, at}] as they were, ran: [name of the row]}; without `apply` nothing runs. */
Node *postgres_migrate(const Node *request, GError **error)
{
    g_autoptr(GPtrArray) files = sql_files_take(request, (int)node_get_int(request, "file_fd", -1), error);
    g_autoptr(PGconn) control = files ? postgres_connect(request, TO_APP, error) : NULL;
    if (!control)
        return NULL;
    g_autoptr(GHashTable) applied = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    Node *answer = node_new_map(), *rows = node_new_list(), *ran = node_new_list();
    node_set(answer, "rows", rows);
    node_set(answer, "ran", ran);
    Runner runner = {.request = request,
                     .control = control,
                     .version = node_get_text(request, "version", NULL),
                     .timeout_ms = node_get_int(request, "each_ms", 0),
                     .applied = applied,
                     .rows = rows,
                     .ran = ran};
    gboolean good = migrate(&runner, files, error);
    g_free(runner.table);
    if (!good)
        g_clear_pointer(&answer, node_free);
    return answer;
}
