/* SPDX-License-Identifier: Apache-2.0 */
/* SQL migrations on PostgreSQL, by liftlock-postgres as the app's role. */
#include "parts/migrate/sql_drivers.h"

#include "base/fault.h"
#include "parts/postgres.h"

#define ASK_MS 60000
#define GRACE_MS 10000 /* the server ends a statement at its limit; then we are told */

static GHashTable *applied(const PartContext *context, const DataSet *set, const char *table, GError **error)
{
    Node *request = node_new_map();
    node_set_text(request, "table", table);
    const PostgresWish wish = {
        .actor = POSTGRES_AS_APP, .operation = "applied", .request = request, .timeout_ms = ASK_MS};
    g_autoptr(Node) answer = part_postgres(context, set, &wish, error);
    const Node *rows = answer ? node_get(answer, "applied") : NULL;
    if (!answer)
        return NULL;
    GHashTable *all = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    for (guint i = 0; rows && i < rows->items->len; i++) {
        const Entry *entry = rows->items->pdata[i];
        g_hash_table_insert(all, g_strdup(entry->key), g_strdup(entry->value->text));
    }
    return all;
}

static gboolean apply(const PartContext *context, const DataSet *set, const char *table, const SqlMigration *migration,
                      const char *version, gint64 timeout_ms, GError **error)
{
    Node *request = node_new_map();
    node_set_text(request, "table", table);
    node_set_text(request, "name", migration->name);
    node_set_text(request, "checksum", migration->checksum);
    node_set_text(request, "version", version);
    node_set_text(request, "text", migration->text);
    node_set_bool(request, "alone", sql_is_without_transaction(migration->text));
    node_set_int(request, "statement_timeout_ms", timeout_ms);
    const PostgresWish wish = {.actor = POSTGRES_AS_APP,
                               .operation = "apply",
                               .request = request,
                               .timeout_ms = timeout_ms > 0 ? timeout_ms + GRACE_MS : 0};
    g_autoptr(Node) answer = part_postgres(context, set, &wish, error);
    if (!answer)
        return FALSE;
    const char *problem = node_get_text(answer, "problem", NULL);
    if (!problem)
        return TRUE;
    sql_fault(migration, (gssize)node_get_int(answer, "offset", -1), problem, error);
    const char *hint = node_get_text(answer, "hint", NULL);
    return hint ? fault_hint(error, "%s", hint) : FALSE;
}

const SqlDriver sql_postgres = {.name = "postgres", .applied = applied, .apply = apply};
