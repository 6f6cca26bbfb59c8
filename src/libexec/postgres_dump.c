/* SPDX-License-Identifier: Apache-2.0 */
/* Dumps: pg_dump and pg_restore of the right version, and what a dump must give back. */
#include "libexec/postgres.h"

#include "base/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEBIAN_PROGRAMS "/usr/lib/postgresql"
#define NEWEST_MAJOR 99
#define SAID_BYTES 400

/* --- the programs --- */

/* "pg_dump (PostgreSQL) 15.20 (Debian ...)" -> 15; 0 if it does not say. */
static int major_of(const char *program)
{
    const char *const argv[] = {program, "--version", NULL};
    g_autofree char *said = NULL;
    if (!g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, &said, NULL, NULL, NULL))
        return 0;
    const char *number = said ? strstr(said, ") ") : NULL;
    return number ? atoi(number + 2) : 0;
}

/* The oldest one that knows this server: what it writes, most others can read. */
static char *find_program(const char *name, int server_major, GError **error)
{
    for (int major = server_major; major <= NEWEST_MAJOR; major++) {
        g_autofree char *path = g_strdup_printf(DEBIAN_PROGRAMS "/%d/bin/%s", major, name);
        if (access(path, X_OK) == 0)
            return g_steal_pointer(&path);
    }
    g_autofree char *other = g_find_program_in_path(name);
    int major = other ? major_of(other) : 0;
    if (major >= server_major)
        return g_steal_pointer(&other);
    if (other)
        fault_set(error, FAULT_REQUIREMENT, "%s %d is older than the server (%d)", name, major, server_major);
    else
        fault_set(error, FAULT_REQUIREMENT, "%s is not installed", name);
    fault_hint(error, "install the package postgresql-client-%d", server_major);
    return NULL;
}

/* --- running them --- */

/* What it says goes on to our own standard error; the last line is the reason of a failure. */
static gboolean wait_for(GSubprocess *process, const char *name, GError **error)
{
    g_autoptr(GDataInputStream) lines = g_data_input_stream_new(g_subprocess_get_stderr_pipe(process));
    g_autofree char *last = NULL;
    for (char *line; (line = g_data_input_stream_read_line(lines, NULL, NULL, NULL));) {
        g_printerr("%s\n", line);
        g_free(last);
        last = line;
    }
    if (g_subprocess_wait(process, NULL, NULL) && g_subprocess_get_if_exited(process) &&
        g_subprocess_get_exit_status(process) == 0)
        return TRUE;
    g_autofree char *said = g_utf8_make_valid(last ? last : "no reason given", -1);
    if (strlen(said) > SAID_BYTES)
        said[SAID_BYTES] = '\0';
    return fault_set(error, FAULT_BACKUP, "%s failed: %s", name, said);
}

/* `in` and `out`: descriptors for standard input and output, -1: none. They stay the caller's. */
static gboolean run_program(const char *const *argv, const char *name, int passfile, int in, int out, GError **error)
{
    g_autoptr(GSubprocessLauncher) launcher = g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_STDERR_PIPE);
    g_autoptr(GError) local = NULL;
    if (passfile >= 0) {
        g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", passfile);
        g_subprocess_launcher_setenv(launcher, "PGPASSFILE", path, TRUE);
        g_subprocess_launcher_take_fd(launcher, fcntl(passfile, F_DUPFD_CLOEXEC, 3), passfile);
    }
    if (in >= 0)
        g_subprocess_launcher_take_stdin_fd(launcher, fcntl(in, F_DUPFD_CLOEXEC, 3));
    if (out >= 0)
        g_subprocess_launcher_take_stdout_fd(launcher, fcntl(out, F_DUPFD_CLOEXEC, 3));
    else
        g_subprocess_launcher_set_flags(launcher, G_SUBPROCESS_FLAGS_STDERR_PIPE | G_SUBPROCESS_FLAGS_STDOUT_SILENCE);
    g_subprocess_launcher_setenv(launcher, "LC_ALL", "C.UTF-8", TRUE);
    g_autoptr(GSubprocess) process = g_subprocess_launcher_spawnv(launcher, argv, &local);
    if (!process)
        return fault_set(error, FAULT_SYSTEM, "cannot start %s: %s", argv[0], local->message);
    return wait_for(process, name, error);
}

/* --- what is in it --- */

static gboolean count_one(PGconn *connection, const char *table, Node *tables, GError **error)
{
    g_autofree char *sql = g_strconcat("SELECT count(*) FROM ", table, NULL);
    g_autoptr(PGresult) row = postgres_rows(connection, error, sql, NULL);
    if (row)
        node_set_text(tables, table, PQgetvalue(row, 0, 0));
    return row != NULL;
}

/* {catalogue, tables: {NAME: rows}}: what a restored dump must look like. */
static Node *contents(PGconn *connection, GError **error)
{
    g_autofree char *catalogue = postgres_catalogue(connection, error);
    g_autoptr(PGresult) rows =
        catalogue ? postgres_rows(connection, error,
                                  "SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname)"
                                  " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
                                  " WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema')"
                                  " AND n.nspname NOT LIKE 'pg\\_%' ORDER BY 1",
                                  NULL)
                  : NULL;
    g_autoptr(Node) answer = node_new_map();
    Node *tables = node_new_map();
    node_set(answer, "tables", tables);
    for (int i = 0; rows && i < PQntuples(rows); i++)
        if (!count_one(connection, PQgetvalue(rows, i, 0), tables, error))
            return NULL;
    node_set_text(answer, "catalogue", catalogue ? catalogue : "");
    return rows ? g_steal_pointer(&answer) : NULL;
}

/* --- dump --- */

/* {file_fd}: writes a dump there, and answers what it holds, both of one moment. */
Node *postgres_dump(const Node *request, GError **error)
{
    g_autoptr(PGconn) connection = postgres_connect(request, TO_APP, error);
    g_autofree char *database = connection ? postgres_database(request, error) : NULL;
    if (!database || !postgres_run(connection, POSTGRES_BEGIN_READING, error))
        return NULL;
    g_autoptr(PGresult) snapshot = postgres_rows(connection, error, "SELECT pg_export_snapshot()", NULL);
    g_autofree char *program = find_program("pg_dump", PQserverVersion(connection) / 10000, error);
    int passfile = -1;
    g_autofree char *to = snapshot && program ? postgres_conninfo(request, FALSE, database, &passfile, error) : NULL;
    if (!to)
        return NULL;
    g_autofree char *from = g_strconcat("--snapshot=", PQgetvalue(snapshot, 0, 0), NULL);
    const char *const argv[] = {
        program, "--format=custom", "--no-password", from, "--lock-wait-timeout=" POSTGRES_LOCK_WAIT_MS, "--dbname", to,
        NULL};
    gboolean good = run_program(argv, "pg_dump", passfile, -1, (int)node_get_int(request, "file_fd", -1), error);
    if (passfile >= 0)
        close(passfile);
    return good ? contents(connection, error) : NULL;
}

/* --- restore --- */

/* An empty database like the app's: owner, encoding and locale. */
static gboolean create_like(PGconn *connection, const char *database, const char *into, GError **error)
{
    g_autoptr(PGresult) row =
        postgres_rows(connection, error,
                      "SELECT format('CREATE DATABASE %I TEMPLATE template0 OWNER %I ENCODING %L LC_COLLATE %L "
                      "LC_CTYPE %L', $2::text,"
                      " pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, datctype)"
                      " FROM pg_catalog.pg_database WHERE datname = $1",
                      database, into, NULL);
    if (!row)
        return FALSE;
    if (PQntuples(row) != 1)
        return fault_set(error, FAULT_BACKUP, "there is no database '%s' whose like could be made", database);
    return postgres_run(connection, PQgetvalue(row, 0, 0), error);
}

/* {database, into}: an empty database of the name `into`. An earlier try's is replaced. */
Node *postgres_make(const Node *request, GError **error)
{
    const char *into = node_get_text(request, "into", "");
    g_autofree char *database = postgres_database(request, error);
    g_autoptr(PGconn) connection = database ? postgres_connect(request, TO_MAINTENANCE, error) : NULL;
    if (!connection)
        return NULL;
    g_autofree char *quoted = postgres_name(connection, into);
    g_autofree char *drop = g_strdup_printf("DROP DATABASE IF EXISTS %s", quoted);
    return postgres_run(connection, drop, error) && create_like(connection, database, into, error) ? node_new_map()
                                                                                                   : NULL;
}

/* A dump holds code of the app's: it runs with the rights of the app's role, which then owns all that it makes. */
static gboolean pour(const Node *request, int server_version, GError **error)
{
    int passfile = -1, file = (int)node_get_int(request, "file_fd", -1);
    g_autofree char *program = find_program("pg_restore", server_version / 10000, error);
    g_autofree char *to =
        program ? postgres_conninfo(request, FALSE, node_get_text(request, "into", ""), &passfile, error) : NULL;
    if (!to || lseek(file, 0, SEEK_SET) < 0)
        return to ? fault_errno(error, FAULT_SYSTEM, errno, "cannot read the dump") : FALSE;
    const char *const argv[] = {program, "--exit-on-error", "--no-password", "--dbname", to, "--no-owner", NULL};
    gboolean good = run_program(argv, "pg_restore", passfile, file, -1, error);
    if (passfile >= 0)
        close(passfile);
    return good;
}

/* {into, file_fd}, as the app's role: the dump in the database `into`. {catalogue, tables} */
Node *postgres_fill(const Node *request, GError **error)
{
    g_autoptr(PGconn) connection = postgres_connect_to(request, node_get_text(request, "into", ""), error);
    if (!connection || !pour(request, PQserverVersion(connection), error) ||
        !postgres_run(connection, "SET client_min_messages TO error; ANALYZE", error))
        return NULL;
    return contents(connection, error);
}

/* {database, into}: gives `into` the settings and grants of the app's database, which might have stood in the dump's
 * way. {oid} */
Node *postgres_finish(const Node *request, GError **error)
{
    const char *into = node_get_text(request, "into", "");
    g_autofree char *database = postgres_database(request, error);
    g_autoptr(PGconn) connection = database ? postgres_connect(request, TO_MAINTENANCE, error) : NULL;
    if (!connection || !postgres_dress(connection, database, into, error))
        return NULL;
    g_autoptr(PGresult) row =
        postgres_rows(connection, error, "SELECT oid FROM pg_catalog.pg_database WHERE datname = $1", into, NULL);
    if (!row)
        return NULL;
    if (PQntuples(row) != 1) {
        fault_set(error, FAULT_BACKUP, "database '%s' is gone", into);
        return NULL;
    }
    Node *answer = node_new_map();
    node_set_text(answer, "oid", PQgetvalue(row, 0, 0));
    return answer;
}

/* {file_fd}: pg_restore reads all of a dump; nothing is restored. */
Node *postgres_verify(const Node *request, GError **error)
{
    int file = (int)node_get_int(request, "file_fd", -1);
    g_autofree char *program = find_program("pg_restore", (int)node_get_int(request, "major", 0), error);
    if (!program || lseek(file, 0, SEEK_SET) < 0)
        return NULL;
    const char *const argv[] = {program, "--file=/dev/null", NULL};
    return run_program(argv, "pg_restore", -1, file, -1, error) ? node_new_map() : NULL;
}

/* {major}: whether the programs that a server of this version needs are here. */
Node *postgres_tools(const Node *request, GError **error)
{
    int major = (int)node_get_int(request, "major", 0);
    g_autofree char *dumps = find_program("pg_dump", major, error);
    g_autofree char *restores = dumps ? find_program("pg_restore", major, error) : NULL;
    return restores ? node_new_map() : NULL;
}
