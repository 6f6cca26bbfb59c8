/* SPDX-License-Identifier: Apache-2.0 */
/* Databases as a whole: copied, exchanged by renames, dropped. What is true is read from their object ids. */
#include "libexec/postgres.h"

#include "base/clock.h"
#include "base/fault.h"

#include <stdlib.h>
#include <string.h>

#define TRIES 5
#define SMALL_BYTES (64 * 1024 * 1024) /* above it copying files is faster than logging every page */
#define VERSION_WITH_STRATEGY 150000

/* The object id of a database; 0: there is none. -1 on a fault. */
static gint64 oid_of(PGconn *connection, const char *name, GError **error)
{
    g_autoptr(PGresult) rows =
        postgres_rows(connection, error, "SELECT oid FROM pg_catalog.pg_database WHERE datname = $1", name, NULL);
    if (!rows)
        return -1;
    return PQntuples(rows) == 1 ? g_ascii_strtoll(PQgetvalue(rows, 0, 0), NULL, 10) : 0;
}

/* --- what CREATE DATABASE leaves behind --- */

/* Settings whose value is a list of names already quoted: it must not be quoted once more as one. */
static gboolean is_list(const char *name)
{
    static const char *const lists[] = {"search_path",
                                        "temp_tablespaces",
                                        "local_preload_libraries",
                                        "session_preload_libraries",
                                        "shared_preload_libraries",
                                        "unix_socket_directories"};
    for (gsize i = 0; i < G_N_ELEMENTS(lists); i++)
        if (g_ascii_strcasecmp(lists[i], name) == 0)
            return TRUE;
    return FALSE;
}

static void append_setting(PGconn *connection, const char *to, const char *role, const char *setting, GString *sql)
{
    const char *equals = strchr(setting, '=');
    if (!equals)
        return;
    g_autofree char *name = g_strndup(setting, (gsize)(equals - setting));
    g_autofree char *quoted_name = postgres_name(connection, name);
    char *literal = PQescapeLiteral(connection, equals + 1, strlen(equals + 1));
    g_autofree char *quoted_role = role ? postgres_name(connection, role) : NULL;
    if (quoted_role)
        g_string_append_printf(sql, "ALTER ROLE %s IN DATABASE %s SET ", quoted_role, to);
    else
        g_string_append_printf(sql, "ALTER DATABASE %s SET ", to);
    g_string_append_printf(sql, "%s TO %s;\n", quoted_name, is_list(name) && equals[1] ? equals + 1 : literal);
    PQfreemem(literal);
}

static gboolean append_settings(PGconn *connection, const char *from, const char *to, GString *sql, GError **error)
{
    g_autoptr(PGresult) rows =
        postgres_rows(connection, error,
                      "SELECT CASE WHEN s.setrole = 0 THEN NULL ELSE pg_get_userbyid(s.setrole) END, c"
                      " FROM pg_catalog.pg_db_role_setting s JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase,"
                      " unnest(s.setconfig) c WHERE d.datname = $1",
                      from, NULL);
    for (int i = 0; rows && i < PQntuples(rows); i++)
        append_setting(connection, to, PQgetisnull(rows, i, 0) ? NULL : PQgetvalue(rows, i, 0), PQgetvalue(rows, i, 1),
                       sql);
    return rows != NULL;
}

static gboolean append_grants(PGconn *connection, const char *from, const char *to, GString *sql, GError **error)
{
    g_autoptr(PGresult) rows =
        postgres_rows(connection, error,
                      "SELECT a.privilege_type, CASE WHEN a.grantee = 0 THEN NULL ELSE pg_get_userbyid(a.grantee) END,"
                      " a.is_grantable, a.grantee = d.datdba FROM pg_catalog.pg_database d, aclexplode(d.datacl) a"
                      " WHERE d.datname = $1 AND d.datacl IS NOT NULL",
                      from, NULL);
    if (!rows || PQntuples(rows) == 0)
        return rows != NULL;
    g_string_append_printf(sql, "REVOKE ALL ON DATABASE %s FROM PUBLIC;\n", to);
    for (int i = 0; i < PQntuples(rows); i++) {
        gboolean grantable = PQgetvalue(rows, i, 2)[0] == 't' && PQgetvalue(rows, i, 3)[0] != 't';
        g_autofree char *who =
            PQgetisnull(rows, i, 1) ? g_strdup("PUBLIC") : postgres_name(connection, PQgetvalue(rows, i, 1));
        g_string_append_printf(sql, "GRANT %s ON DATABASE %s TO %s%s;\n", PQgetvalue(rows, i, 0), to, who,
                               grantable ? " WITH GRANT OPTION" : "");
    }
    return TRUE;
}

static gboolean append_rest(PGconn *connection, const char *from, const char *to, GString *sql, GError **error)
{
    g_autoptr(PGresult) rows = postgres_rows(
        connection, error,
        "SELECT datconnlimit, shobj_description(oid, 'pg_database') FROM pg_catalog.pg_database WHERE datname = $1",
        from, NULL);
    if (!rows || PQntuples(rows) != 1)
        return rows != NULL;
    g_string_append_printf(sql, "ALTER DATABASE %s CONNECTION LIMIT %d;\n", to, atoi(PQgetvalue(rows, 0, 0)));
    if (!PQgetisnull(rows, 0, 1)) {
        char *comment = PQescapeLiteral(connection, PQgetvalue(rows, 0, 1), strlen(PQgetvalue(rows, 0, 1)));
        g_string_append_printf(sql, "COMMENT ON DATABASE %s IS %s;\n", to, comment);
        PQfreemem(comment);
    }
    return TRUE;
}

gboolean postgres_dress(PGconn *connection, const char *from, const char *to, GError **error)
{
    g_autofree char *quoted = postgres_name(connection, to);
    g_autoptr(GString) sql = g_string_new("BEGIN;\n");
    if (!append_settings(connection, from, quoted, sql, error) ||
        !append_grants(connection, from, quoted, sql, error) || !append_rest(connection, from, quoted, sql, error))
        return FALSE;
    g_string_append(sql, "COMMIT");
    return postgres_run(connection, sql->str, error);
}

/* --- copy --- */

static char *create_statement(PGconn *connection, const char *database, const char *copy, gint64 bytes)
{
    g_autofree char *from = postgres_name(connection, database), *to = postgres_name(connection, copy);
    g_autoptr(PGresult) row = postgres_rows(connection, NULL,
                                            "SELECT quote_ident(pg_get_userbyid(datdba)) FROM pg_catalog.pg_database"
                                            " WHERE datname = $1",
                                            database, NULL);
    if (!row || PQntuples(row) != 1)
        return NULL;
    const char *strategy = PQserverVersion(connection) < VERSION_WITH_STRATEGY ? ""
                           : bytes > SMALL_BYTES                               ? " STRATEGY file_copy"
                                                                               : " STRATEGY wal_log";
    return g_strdup_printf("CREATE DATABASE %s TEMPLATE %s OWNER %s%s", to, from, PQgetvalue(row, 0, 0), strategy);
}

/* Somebody may come between the end of the sessions and the server's lock: then once more. */
static gboolean create(const Node *request, PGconn *connection, const char *database, const char *copy, GError **error)
{
    g_autofree char *sql = create_statement(connection, database, copy, node_get_int(request, "bytes", 0));
    if (!sql)
        return fault_set(error, FAULT_BACKUP, "there is no database '%s'", database);
    for (int i = 0;; i++) {
        g_autoptr(GError) local = NULL;
        if (postgres_end_sessions(connection, database, error) < 0)
            return FALSE;
        if (postgres_run_alone(request, connection, sql, database, &local))
            return TRUE;
        if (i + 1 == TRIES || !strstr(local->message, "(55006)")) {
            g_propagate_error(error, g_steal_pointer(&local));
            return FALSE;
        }
    }
}

/* Asked first: the server's notice about what is not there is nothing for the job's log. */
static gboolean drop(PGconn *connection, const char *name, GError **error)
{
    gint64 oid = oid_of(connection, name, error);
    if (oid <= 0)
        return oid == 0;
    g_autofree char *quoted = postgres_name(connection, name);
    g_autofree char *sql = g_strdup_printf("DROP DATABASE IF EXISTS %s%s", quoted,
                                           PQserverVersion(connection) >= 130000 ? " WITH (FORCE)" : "");
    return postgres_run(connection, sql, error);
}

/* Between the look that allowed it and now the app's user may have named another database. */
static gboolean is_expected(const Node *request, PGconn *connection, const char *database, GError **error)
{
    gint64 expected = node_get_int(request, "oid", 0), oid = oid_of(connection, database, error);
    return oid >= 0 && (expected == 0 || expected == oid ||
                        fault_set(error, FAULT_STATE, "database '%s' is not the one it was", database));
}

/* {database, oid, copy, bytes}: the instant image of the app's database under the name `copy`, complete with what
 * CREATE DATABASE does not copy. An earlier try's is replaced. {oid, copy_oid} */
Node *postgres_copy(const Node *request, GError **error)
{
    const char *copy = node_get_text(request, "copy", "");
    g_autofree char *database = postgres_database(request, error);
    g_autoptr(PGconn) connection = database ? postgres_connect(request, TO_MAINTENANCE, error) : NULL;
    if (!connection || !is_expected(request, connection, database, error) || !drop(connection, copy, error) ||
        !create(request, connection, database, copy, error) || !postgres_dress(connection, database, copy, error))
        return NULL;
    gint64 oid = oid_of(connection, database, error), copy_oid = oid < 0 ? -1 : oid_of(connection, copy, error);
    if (oid <= 0 || copy_oid <= 0)
        return NULL;
    Node *answer = node_new_map();
    node_set_int(answer, "oid", oid);
    node_set_int(answer, "copy_oid", copy_oid);
    return answer;
}

/* --- swap --- */

static gboolean rename_both(const Node *request, PGconn *connection, const char *database, const char *incoming,
                            const char *aside, GError **error)
{
    g_autofree char *live = postgres_name(connection, database), *in = postgres_name(connection, incoming);
    g_autofree char *out = postgres_name(connection, aside);
    g_autofree char *sql = g_strdup_printf(
        "BEGIN; ALTER DATABASE %s RENAME TO %s; ALTER DATABASE %s RENAME TO %s; COMMIT", live, out, in, live);
    for (int i = 0;; i++) {
        g_autoptr(GError) local = NULL;
        if (postgres_end_sessions(connection, database, error) < 0 ||
            postgres_end_sessions(connection, incoming, error) < 0)
            return FALSE;
        if (postgres_run_alone(request, connection, sql, database, &local))
            return TRUE;
        g_clear_error(&local);
        postgres_run(connection, "ROLLBACK", NULL);
        if (i + 1 < TRIES)
            continue;
        return postgres_run_alone(request, connection, sql, database, error);
    }
}

/* {incoming, incoming_oid, aside}: the database `incoming` takes the name of the app's, which becomes `aside`; both or
 * none. Where that is done already nothing happens. A database that is not there takes no name: what came in is alone.
 */
Node *postgres_swap(const Node *request, GError **error)
{
    const char *incoming = node_get_text(request, "incoming", ""), *aside = node_get_text(request, "aside", "");
    gint64 wanted = node_get_int(request, "incoming_oid", 0);
    g_autofree char *database = postgres_database(request, error);
    g_autoptr(PGconn) connection = database ? postgres_connect(request, TO_MAINTENANCE, error) : NULL;
    gint64 live = connection ? oid_of(connection, database, error) : -1;
    gint64 coming = live < 0 ? -1 : oid_of(connection, incoming, error);
    if (live < 0 || coming < 0)
        return NULL;
    gboolean done = live == wanted;
    if (!done && coming != wanted) {
        fault_set(error, FAULT_STATE, "database '%s' is gone: it was to take the place of '%s'", incoming, database);
        return NULL;
    }
    if (!done && live == 0) {
        g_autofree char *in = postgres_name(connection, incoming), *name = postgres_name(connection, database);
        g_autofree char *sql = g_strdup_printf("ALTER DATABASE %s RENAME TO %s", in, name);
        if (!postgres_run(connection, sql, error))
            return NULL;
    } else if (!done && !rename_both(request, connection, database, incoming, aside, error)) {
        return NULL;
    }
    Node *answer = node_new_map();
    node_set_bool(answer, "swapped", !done);
    return answer;
}

/* {names}: dropped where they are there; sessions on them end. */
Node *postgres_drop(const Node *request, GError **error)
{
    const Node *names = node_get(request, "names");
    g_autoptr(PGconn) connection = postgres_connect(request, TO_MAINTENANCE, error);
    if (!connection)
        return NULL;
    for (guint i = 0; names && i < names->items->len; i++)
        if (!drop(connection, ((const Node *)g_ptr_array_index(names->items, i))->text, error))
            return NULL;
    return node_new_map();
}
