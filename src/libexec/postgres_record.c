/* SPDX-License-Identifier: Apache-2.0 */
/* One row in a table of the app's: the history of its updates. */
#include "libexec/postgres.h"

#include "base/fault.h"

#define MAX_FIELDS 16

typedef struct Row {
    const char *table; /* as it stands in the request */
    GString *columns, *places, *match, *definition;
    const char *values[MAX_FIELDS], *keys[MAX_FIELDS];
    int n, n_keys;
} Row;

static void row_clear(Row *row)
{
    GString *const strings[] = {row->columns, row->places, row->match, row->definition};
    for (gsize i = 0; i < G_N_ELEMENTS(strings); i++)
        g_string_free(strings[i], TRUE);
}

static void field_add(PGconn *connection, Row *row, const Node *field)
{
    const char *comma = row->n > 0 ? ", " : "";
    g_autofree char *column = postgres_name(connection, node_get_text(field, "column", ""));
    row->values[row->n++] = node_get_text(field, "value", NULL);
    g_string_append_printf(row->columns, "%s%s", comma, column);
    g_string_append_printf(row->places, "%s$%d", comma, row->n);
    if (node_get_bool(field, "is_key", FALSE)) {
        row->keys[row->n_keys++] = node_get_text(field, "value", NULL);
        g_string_append_printf(row->match, " AND %s IS NOT DISTINCT FROM $%d", column, row->n_keys);
    }
    g_string_append_printf(row->definition, "%s%s %s", comma, column,
                           node_get_bool(field, "is_time", FALSE) ? "timestamp with time zone" : "text");
}

/* Types are the table's: the server takes each text as what its column is. */
static PGresult *run(PGconn *connection, const char *sql, int n, const char *const *values, GError **error)
{
    g_autoptr(PGresult) result = PQexecParams(connection, sql, n, NULL, values, NULL, NULL, 0);
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
        return g_steal_pointer(&result);
    postgres_fault(result, FAULT_BACKUP, error);
    return NULL;
}

static gboolean make_table(PGconn *connection, const Row *row, GError **error)
{
    g_autoptr(PGresult) known = postgres_rows(connection, error, "SELECT pg_catalog.to_regclass($1)", row->table, NULL);
    if (!known || !PQgetisnull(known, 0, 0))
        return known != NULL;
    g_autofree char *sql = g_strdup_printf("CREATE TABLE %s (%s)", row->table, row->definition->str);
    return postgres_run(connection, sql, error);
}

static gboolean add(PGconn *connection, const Row *row, GError **error)
{
    g_autofree char *find = g_strdup_printf("SELECT 1 FROM %s WHERE true%s", row->table, row->match->str);
    g_autofree char *insert =
        g_strdup_printf("INSERT INTO %s (%s) VALUES (%s)", row->table, row->columns->str, row->places->str);
    if (!postgres_run(connection, "BEGIN; SET LOCAL statement_timeout = '10s'; SET LOCAL lock_timeout = '5s'", error) ||
        !make_table(connection, row, error))
        return FALSE;
    g_autoptr(PGresult) there = run(connection, find, row->n_keys, row->keys, error);
    if (!there)
        return FALSE;
    g_autoptr(PGresult) added = PQntuples(there) == 0 ? run(connection, insert, row->n, row->values, error) : NULL;
    return (PQntuples(there) > 0 || added) && postgres_run(connection, "COMMIT", error);
}

/* {table, fields: [{column, value, is_time, is_key}]}: makes the table if there is none, and adds the row if none
 * has the same keys. */
Node *postgres_record(const Node *request, GError **error)
{
    g_autoptr(PGconn) connection = postgres_connect(request, TO_APP, error);
    const Node *fields = node_get(request, "fields");
    if (!connection || !fields || fields->items->len > MAX_FIELDS)
        return NULL;
    g_autofree char *table = postgres_name(connection, node_get_text(request, "table", ""));
    Row row = {.table = table,
               .columns = g_string_new(NULL),
               .places = g_string_new(NULL),
               .match = g_string_new(NULL),
               .definition = g_string_new(NULL)};
    for (guint i = 0; i < fields->items->len; i++)
        field_add(connection, &row, fields->items->pdata[i]);
    gboolean good = add(connection, &row, error);
    row_clear(&row);
    return good ? node_new_map() : NULL;
}
