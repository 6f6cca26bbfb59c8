/* SPDX-License-Identifier: Apache-2.0 */
/* What a database and its server are, and what a schema looks like. */
#include "libexec/postgres.h"

#include "base/digest.h"
#include "base/fault.h"

#include <stdlib.h>
#include <string.h>

/* Rows of two columns, name and value, that become the answer's keys. */
static const char *const about_database =
    "SELECT k, v FROM (SELECT d.*, current_setting('server_version_num') AS version FROM pg_catalog.pg_database d"
    " WHERE d.datname = current_database()) d, LATERAL (VALUES"
    " ('database', d.datname::text), ('oid', d.oid::text), ('version', d.version),"
    " ('owner', pg_get_userbyid(d.datdba)::text), ('role', current_user::text),"
    " ('bytes', pg_database_size(d.oid)::text),"
    " ('standby', pg_is_in_recovery()::text), ('fsync', current_setting('fsync')),"
    " ('full_page_writes', current_setting('full_page_writes')),"
    " ('synchronous_commit', coalesce((SELECT substr(c, 20) FROM pg_catalog.pg_db_role_setting s, unnest(s.setconfig) c"
    "    WHERE c LIKE 'synchronous_commit=%' AND s.setdatabase IN (0, d.oid)"
    "    AND s.setrole IN (0, (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = current_user))"
    "    ORDER BY s.setrole DESC, s.setdatabase DESC LIMIT 1),"
    "    (SELECT reset_val FROM pg_catalog.pg_settings WHERE name = 'synchronous_commit'))),"
    " ('prepared', (SELECT count(*) FROM pg_catalog.pg_prepared_xacts WHERE database = d.datname)::text),"
    " ('slots', (SELECT count(*) FROM pg_catalog.pg_replication_slots WHERE database = d.datname)::text),"
    " ('tablespaces', (SELECT count(*) FROM pg_catalog.pg_tablespace WHERE spcname NOT LIKE 'pg\\_%')::text),"
    " ('system', (SELECT system_identifier FROM pg_catalog.pg_control_system())::text),"
    " ('started', extract(epoch FROM pg_postmaster_start_time())::text),"
    " ('backend_pid', pg_backend_pid()::text)) AS t(k, v)";

/* Asked as who copies, renames and drops. */
static const char *const about_rights =
    "SELECT k, v FROM (SELECT r.rolname, r.rolcreatedb, r.rolsuper, d.datdba, d.oid FROM pg_catalog.pg_roles r, "
    "pg_catalog.pg_database d"
    " WHERE r.rolname = current_user AND d.datname = $1) r, LATERAL (VALUES"
    " ('admin_role', r.rolname::text), ('may_create', (r.rolcreatedb OR r.rolsuper)::text),"
    " ('owns', (pg_has_role(r.datdba, 'USAGE'))::text), ('is_super', r.rolsuper::text),"
    " ('oid', r.oid::text), ('owner', pg_get_userbyid(r.datdba)::text),"
    " ('system', (SELECT system_identifier FROM pg_catalog.pg_control_system())::text),"
    " ('directory', (SELECT setting FROM pg_catalog.pg_settings WHERE name = 'data_directory')),"
    " ('written', (SELECT tup_inserted + tup_updated + tup_deleted FROM pg_catalog.pg_stat_database"
    "    WHERE datid = r.oid)::text),"
    " ('app_owns', coalesce((SELECT pg_has_role(a.oid, r.datdba, 'USAGE') FROM pg_catalog.pg_roles a"
    "    WHERE a.rolname = $2), false)::text),"
    " ('subscriptions', (SELECT count(*) FROM pg_catalog.pg_subscription s, pg_catalog.pg_database d"
    "    WHERE d.datname = $1 AND s.subdbid = d.oid)::text),"
    " ('foreign_settings', (SELECT count(*) FROM pg_catalog.pg_db_role_setting s, pg_catalog.pg_database d"
    "    WHERE d.datname = $1 AND s.setdatabase = d.oid AND s.setrole <> 0)::text)) AS t(k, v)";

/* What a role that owns its database may not make again in another one: a restore would fail at it. */
static const char *const extensions_above =
    "SELECT 'extensions_above', coalesce(string_agg(quote_ident(e.extname), ', ' ORDER BY e.extname), '')"
    " FROM pg_catalog.pg_extension e WHERE e.oid >= 16384"
    " AND NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user)"
    " AND EXISTS (SELECT FROM pg_catalog.pg_available_extension_versions v"
    "    WHERE v.name = e.extname AND v.version = e.extversion AND v.superuser";
#define VERSION_WITH_TRUST 130000

static gboolean add_rows(Node *answer, const PGresult *rows)
{
    for (int i = 0; i < PQntuples(rows); i++)
        node_set_text(answer, PQgetvalue(rows, i, 0), PQgetvalue(rows, i, 1));
    return PQntuples(rows) > 0;
}

Node *postgres_look(const Node *request, GError **error)
{
    g_autoptr(PGconn) app = postgres_connect(request, TO_APP, error);
    g_autoptr(PGresult) database = app ? postgres_rows(app, error, about_database, NULL) : NULL;
    g_autoptr(Node) answer = node_new_map();
    if (!database || !add_rows(answer, database))
        return NULL;
    g_autofree char *sql =
        g_strconcat(extensions_above, PQserverVersion(app) >= VERSION_WITH_TRUST ? " AND NOT v.trusted)" : ")", NULL);
    g_autoptr(PGresult) extensions = postgres_rows(app, error, sql, NULL);
    if (!extensions || !add_rows(answer, extensions))
        return NULL;
    /* Behind a pooler the process that answers is not the one that the connection was made with. */
    node_set_bool(answer, "pooled", atoi(node_get_text(answer, "backend_pid", "0")) != PQbackendPID(app));
    node_set_text(answer, "host", PQhost(app));
    return g_steal_pointer(&answer);
}

/* {database, role}: what we may do with it, and whether it is that role's to give. */
Node *postgres_rights(const Node *request, GError **error)
{
    g_autofree char *name = postgres_database(request, error);
    const char *role = node_get_text(request, "role", "");
    g_autoptr(Node) answer = node_new_map();
    if (!name)
        return NULL;
    g_autoptr(PGconn) admin = postgres_connect(request, TO_MAINTENANCE, error);
    g_autoptr(PGresult) rights = admin ? postgres_rows(admin, error, about_rights, name, role, NULL) : NULL;
    if (rights && add_rows(answer, rights))
        return g_steal_pointer(&answer);
    if (rights)
        fault_set(error, FAULT_BACKUP, "there is no database '%s' where '%s' acts", name, PQuser(admin));
    return NULL;
}

/* --- fingerprint --- */

/* Everything that a migration can change about the shape of what is in the app's own schemas, in words that do not
 * depend on object ids. */
static const char *const catalogue[] = {
    "SELECT n.nspname, c.relname, c.relkind, c.relpersistence, pg_get_userbyid(c.relowner)"
    " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'c') AND %s ORDER BY 1, 2",
    "SELECT n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,"
    " pg_get_expr(d.adbin, d.adrelid), a.attidentity, a.attgenerated"
    " FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum"
    " WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c') AND %s ORDER BY 1, 2, "
    "a.attnum",
    "SELECT n.nspname, conrelid::regclass::text, conname, pg_get_constraintdef(k.oid)"
    " FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_namespace n ON n.oid = k.connamespace WHERE %s ORDER BY 1, 2, "
    "3",
    "SELECT schemaname, tablename, indexname, indexdef FROM pg_catalog.pg_indexes"
    " JOIN pg_catalog.pg_namespace n ON n.nspname = schemaname WHERE %s ORDER BY 1, 2, 3",
    "SELECT n.nspname, p.proname, pg_get_function_identity_arguments(p.oid), md5(p.prosrc), p.prokind"
    " FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE %s ORDER BY 1, 2, 3",
    "SELECT schemaname, viewname, md5(definition) FROM pg_catalog.pg_views"
    " JOIN pg_catalog.pg_namespace n ON n.nspname = schemaname WHERE %s ORDER BY 1, 2",
    "SELECT n.nspname, c.relname, t.tgname, pg_get_triggerdef(t.oid) FROM pg_catalog.pg_trigger t"
    " JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE NOT t.tgisinternal AND %s ORDER BY 1, 2, 3",
    "SELECT n.nspname, t.typname, e.enumlabel FROM pg_catalog.pg_enum e JOIN pg_catalog.pg_type t ON t.oid = "
    "e.enumtypid"
    " JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace WHERE %s ORDER BY 1, 2, e.enumsortorder",
    "SELECT n.nspname, c.relname, s.seqtypid::regtype, s.seqstart, s.seqincrement, s.seqmax, s.seqmin, s.seqcache, "
    "s.seqcycle"
    " FROM pg_catalog.pg_sequence s JOIN pg_catalog.pg_class c ON c.oid = s.seqrelid"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE %s ORDER BY 1, 2",
    "SELECT extname, extversion FROM pg_catalog.pg_extension ORDER BY 1",
};
#define OWN_SCHEMAS "n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%'"

static void append_result(GString *text, const PGresult *rows)
{
    for (int i = 0; i < PQntuples(rows); i++) {
        for (int j = 0; j < PQnfields(rows); j++)
            g_string_append_printf(text, "%s%c", PQgetisnull(rows, i, j) ? "\\N" : PQgetvalue(rows, i, j),
                                   j + 1 < PQnfields(rows) ? '\t' : '\n');
    }
    g_string_append_c(text, '\n');
}

char *postgres_catalogue(PGconn *connection, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(catalogue); i++) {
        g_auto(GStrv) parts = g_strsplit(catalogue[i], "%s", 2);
        g_autofree char *sql = g_strconcat(parts[0], parts[1] ? OWN_SCHEMAS : "", parts[1], NULL);
        g_autoptr(PGresult) rows = postgres_rows(connection, error, sql, NULL);
        if (!rows)
            return NULL;
        append_result(text, rows);
    }
    return digest_bytes(text->str, text->len);
}

/* Tables in which tools keep book of the migrations that they ran: ours, and those of Rails, Alembic, Django, Flyway,
 * Liquibase, Knex, Prisma, Sequelize, golang-migrate and Entity Framework. */
static const char *const books[] = {
    "liftlock_migrations",   "schema_migrations",     "alembic_version", "django_migrations",
    "flyway_schema_history", "databasechangelog",     "knex_migrations", "_prisma_migrations",
    "SequelizeMeta",         "__EFMigrationsHistory", "migrations",
};

static gboolean append_books(PGconn *connection, GString *text, GError **error)
{
    for (gsize i = 0; i < G_N_ELEMENTS(books); i++) {
        g_autoptr(PGresult) found =
            postgres_rows(connection, error,
                          "SELECT format('SELECT md5(t::text) FROM %I.%I t ORDER BY 1', schemaname, tablename)"
                          " FROM pg_catalog.pg_tables WHERE tablename = $1 AND has_table_privilege(format('%I.%I', "
                          "schemaname, tablename), 'SELECT') ORDER BY schemaname",
                          books[i], NULL);
        for (int j = 0; found && j < PQntuples(found); j++) {
            g_autoptr(PGresult) rows = postgres_rows(connection, error, PQgetvalue(found, j, 0), NULL);
            if (!rows)
                return FALSE;
            append_result(text, rows);
        }
        if (!found)
            return FALSE;
    }
    return TRUE;
}

/* {sql}: a digest of the catalogue, of the books of migrations, and of the publisher's query. */
Node *postgres_fingerprint(const Node *request, GError **error)
{
    g_autoptr(PGconn) connection = postgres_connect(request, TO_APP, error);
    if (!connection || !postgres_run(connection, POSTGRES_BEGIN_READING, error))
        return NULL;
    g_autofree char *shape = postgres_catalogue(connection, error);
    if (!shape)
        return NULL;
    g_autoptr(GString) text = g_string_new(shape);
    if (!append_books(connection, text, error))
        return NULL;
    const char *sql = node_get_text(request, "sql", NULL);
    g_autoptr(PGresult) rows = sql ? postgres_rows(connection, error, sql, NULL) : NULL;
    if (sql && !rows)
        return NULL;
    if (rows)
        append_result(text, rows);
    Node *answer = node_new_map();
    g_autofree char *digest = digest_bytes(text->str, text->len);
    node_set_text(answer, "fingerprint", digest);
    return answer;
}
