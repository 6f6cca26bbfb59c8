/* SPDX-License-Identifier: Apache-2.0 */
/* Statements and their rows, sessions and their end. */
#include "libexec/postgres.h"

#include "base/clock.h"
#include "base/fault.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PARAMETERS 8
#define QUERY_ROWS 1000
#define POLL_MS 20

/* --- statements --- */

gboolean postgres_fault(const PGresult *result, int code, GError **error)
{
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
    const char *hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);
    if (!message) { /* the connection broke */
        g_autofree char *text = g_strdup(PQresultErrorMessage(result));
        text[strcspn(text, "\n")] = '\0';
        return fault_set(error, FAULT_BACKUP, "the database server went away: %s", *text ? text : "no reason given");
    }
    fault_set(error, (enum fault_code)code, "%s (%s)", message, state ? state : "?");
    if (detail || hint)
        fault_hint(error, "%s%s%s", detail ? detail : "", detail && hint ? "; " : "", hint ? hint : "");
    return FALSE;
}

static gboolean is_good(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || status == PGRES_EMPTY_QUERY;
}

PGresult *postgres_rows(PGconn *connection, GError **error, const char *sql, ...)
{
    const char *values[MAX_PARAMETERS];
    int n = 0;
    va_list list;
    va_start(list, sql);
    for (const char *value; n < MAX_PARAMETERS && (value = va_arg(list, const char *));)
        values[n++] = value;
    va_end(list);
    g_autoptr(PGresult) result = PQexecParams(connection, sql, n, NULL, values, NULL, NULL, 0);
    if (is_good(result))
        return g_steal_pointer(&result);
    postgres_fault(result, FAULT_BACKUP, error);
    return NULL;
}

gboolean postgres_run(PGconn *connection, const char *sql, GError **error)
{
    g_autoptr(PGresult) result = PQexec(connection, sql);
    return is_good(result) || postgres_fault(result, FAULT_BACKUP, error);
}

char *postgres_name(PGconn *connection, const char *name)
{
    char *quoted = PQescapeIdentifier(connection, name, strlen(name));
    char *own = g_strdup(quoted);
    PQfreemem(quoted);
    return own;
}

/* --- sessions --- */

/* Whom we may end: see pg_terminate_backend(). Our own statements of this job, on whatever database, are among them:
 * the server goes on with them when we are killed. */
#define MAY_END                                                                                                        \
    "((SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) OR pg_has_role(a.usesysid, 'USAGE')"     \
    " OR (pg_has_role('pg_signal_backend', 'USAGE') AND NOT r.rolsuper))"
#define OF_DATABASE                                                                                                    \
    " FROM pg_catalog.pg_stat_activity a JOIN pg_catalog.pg_roles r ON r.oid = a.usesysid"                             \
    " WHERE a.pid <> pg_backend_pid() AND coalesce(a.backend_type, 'client backend') IN ('client backend', "           \
    "'walsender')"                                                                                                     \
    " AND (a.datname = $1 OR (a.application_name = current_setting('application_name')"                                \
    " AND a.application_name LIKE 'liftlock _%' AND a.backend_start < $2::timestamptz))"

static char *moment(PGconn *connection)
{
    g_autoptr(PGresult) row = postgres_rows(
        connection, NULL, "SELECT backend_start FROM pg_catalog.pg_stat_activity WHERE pid = pg_backend_pid()", NULL);
    return g_strdup(row && PQntuples(row) == 1 ? PQgetvalue(row, 0, 0) : "-infinity");
}

int postgres_end_sessions(PGconn *connection, const char *database, GError **error)
{
    g_autofree char *before = moment(connection);
    g_autoptr(PGresult) row =
        postgres_rows(connection, error,
                      "SELECT count(*), count(CASE WHEN " MAY_END " THEN pg_terminate_backend(a.pid) END)" OF_DATABASE,
                      database, before, NULL);
    return row ? atoi(PQgetvalue(row, 0, 0)) : -1;
}

Node *postgres_sessions(const Node *request, GError **error)
{
    g_autofree char *database = postgres_database(request, error);
    g_autoptr(PGconn) connection = database ? postgres_connect(request, TO_MAINTENANCE, error) : NULL;
    g_autoptr(PGresult) rows =
        connection
            ? postgres_rows(
                  connection, error,
                  "SELECT a.pid, a.usename, coalesce(nullif(a.application_name, ''), 'unnamed'), " MAY_END OF_DATABASE
                  " ORDER BY a.pid",
                  database, "-infinity", NULL)
            : NULL;
    if (!rows)
        return NULL;
    Node *answer = node_new_map(), *list = node_new_list();
    for (int i = 0; i < PQntuples(rows); i++) {
        Node *session = node_new_map();
        node_set_text(session, "pid", PQgetvalue(rows, i, 0));
        node_set_text(session, "user", PQgetvalue(rows, i, 1));
        node_set_text(session, "program", PQgetvalue(rows, i, 2));
        node_set_bool(session, "ours_to_end", PQgetvalue(rows, i, 3)[0] == 't');
        node_append(list, session);
    }
    node_set(answer, "sessions", list);
    return answer;
}

/* Ends them and waits until they are gone. */
Node *postgres_end(const Node *request, GError **error)
{
    gint64 deadline = clock_monotonic_ms() + node_get_int(request, "timeout_ms", 10000);
    g_autofree char *database = postgres_database(request, error);
    g_autoptr(PGconn) connection = database ? postgres_connect(request, TO_MAINTENANCE, error) : NULL;
    const char *whose = node_get_bool(request, "own", FALSE) ? "" : database; /* no database is called so */
    int left = connection ? postgres_end_sessions(connection, whose, error) : -1;
    int ended = left;
    while (left > 0 && clock_monotonic_ms() < deadline) {
        clock_sleep_ms(POLL_MS);
        left = postgres_end_sessions(connection, whose, error);
    }
    if (left < 0)
        return NULL;
    Node *answer = node_new_map();
    node_set_int(answer, "ended", ended - left);
    node_set_int(answer, "left", left);
    return answer;
}

/* --- alone with a database --- */

static gboolean finish(PGconn *connection, GError **error)
{
    gboolean good = TRUE;
    for (PGresult *result; (result = PQgetResult(connection)); PQclear(result))
        if (!is_good(result) && good)
            good = postgres_fault(result, FAULT_BACKUP, error);
    return good;
}

/* While the statement runs the server lets nobody new in; it gives those who are in five seconds to leave. */
gboolean postgres_run_alone(const Node *request, PGconn *connection, const char *sql, const char *database,
                            GError **error)
{
    g_autoptr(PGconn) other = postgres_connect(request, TO_MAINTENANCE, error);
    if (!other)
        return FALSE;
    if (!PQsendQuery(connection, sql))
        return fault_set(error, FAULT_BACKUP, "the database server does not take a statement");
    while (PQisBusy(connection)) {
        g_autoptr(PGresult) gone G_GNUC_UNUSED = postgres_rows(
            other, NULL,
            "SELECT pg_terminate_backend(a.pid) FROM pg_catalog.pg_stat_activity a"
            " JOIN pg_catalog.pg_roles r ON r.oid = a.usesysid"
            " WHERE a.datname = $1 AND a.backend_type = 'client backend' AND " MAY_END " AND a.pid <> pg_backend_pid()",
            database, NULL);
        struct pollfd wait = {.fd = PQsocket(connection), .events = POLLIN};
        poll(&wait, 1, POLL_MS);
        if (!PQconsumeInput(connection))
            break;
    }
    return finish(connection, error);
}

/* --- small questions --- */

Node *postgres_oids(const Node *request, GError **error)
{
    g_autoptr(PGconn) connection = postgres_connect(request, TO_MAINTENANCE, error);
    g_autoptr(PGresult) rows =
        connection ? postgres_rows(connection, error, "SELECT datname, oid FROM pg_catalog.pg_database", NULL) : NULL;
    if (!rows)
        return NULL;
    Node *answer = node_new_map(), *map = node_new_map();
    for (int i = 0; i < PQntuples(rows); i++)
        node_set_text(map, PQgetvalue(rows, i, 0), PQgetvalue(rows, i, 1));
    node_set(answer, "oids", map);
    g_autofree char *database = postgres_database(request, error);
    if (!database) {
        node_free(answer);
        return NULL;
    }
    node_set_text(answer, "database", database);
    return answer;
}

/* One statement that only reads, as the app's role: {rows: [[...]]}. */
Node *postgres_query(const Node *request, GError **error)
{
    g_autoptr(PGconn) connection = postgres_connect(request, TO_APP, error);
    if (!connection || !postgres_run(connection, "BEGIN READ ONLY", error))
        return NULL;
    g_autoptr(PGresult) rows = postgres_rows(connection, error, node_get_text(request, "sql", ""), NULL);
    if (!rows)
        return NULL;
    Node *answer = node_new_map(), *list = node_new_list();
    for (int i = 0; i < MIN(PQntuples(rows), QUERY_ROWS); i++) {
        Node *row = node_new_list();
        for (int j = 0; j < PQnfields(rows); j++)
            node_append(row, PQgetisnull(rows, i, j) ? node_new_scalar(SCALAR_NULL, "")
                                                     : node_new_scalar(SCALAR_STRING, PQgetvalue(rows, i, j)));
        node_append(list, row);
    }
    node_set(answer, "rows", list);
    return answer;
}

/* A commit of our own that waits for the disk takes all earlier ones with it, also those that did not wait. */
Node *postgres_flush(const Node *request, GError **error)
{
    g_autoptr(PGconn) connection = postgres_connect(request, TO_APP, error);
    return connection && postgres_run(connection, "BEGIN; SELECT pg_catalog.txid_current(); COMMIT", error)
               ? node_new_map()
               : NULL;
}
