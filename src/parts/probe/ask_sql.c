/* SPDX-License-Identifier: Apache-2.0 */
/* The probe "sql": a query by the app's user and role that only reads; its first row answers. */
#include <string.h>

#include "parts/probe/ask.h"
#include "parts/sql.h"

static gboolean sql_applies(const Check *check)
{
    return check->sql != NULL;
}

/* "a|b" */
static char *first_row(const Node *answer)
{
    GString *text = g_string_new(NULL);
    const Node *rows = node_get(answer, "rows");
    const Node *row = rows && rows->kind == NODE_LIST && rows->items->len > 0 ? rows->items->pdata[0] : NULL;
    for (guint i = 0; row && row->kind == NODE_LIST && i < row->items->len; i++) {
        const Node *value = row->items->pdata[i];
        gboolean has_text = value->kind == NODE_SCALAR && value->type != SCALAR_NULL;
        g_string_append_printf(text, "%s%s", i > 0 ? "|" : "", has_text ? value->text : "null");
    }
    return g_string_free(text, FALSE);
}

static gboolean is_about_the_app(const GError *error)
{
    enum fault_code code = fault_code_of(error);
    return code != FAULT_SYSTEM && code != FAULT_CONFIG && code != FAULT_RIGHTS;
}

static gboolean sql_ask_row(const ProbeContext *context, const Check *check, ProbeResult *result, GError **error)
{
    const DataSet *set = context->manifest ? manifest_database(context->manifest, check->database) : NULL;
    if (!set)
        return fault_set(error, FAULT_MANIFEST, "there are no data to ask by SQL");
    const SqlAccess access = {.context = &context->part, .set = set};
    GError *why = NULL;
    Node *request = node_new_map();
    node_set_text(request, "sql", check->sql);
    g_autoptr(Node) answer = sql_ask(&access, "query", request, -1, check->timeout_ms, &why);
    if (!answer && is_about_the_app(why)) {
        g_autofree char *text = fault_text(why), *shown = part_printable(text);
        g_error_free(why);
        return ask_problem(result, "%s", shown);
    }
    if (!answer) {
        g_propagate_error(error, why);
        return FALSE;
    }
    g_autofree char *row = first_row(answer);
    return ask_judge(context, check, row, row, result, error);
}

const ProbeDriver ask_sql = {
    .name = "sql",
    .summary = "first row of a query on the app's database",
    .applies = sql_applies,
    .ask = sql_ask_row,
};
