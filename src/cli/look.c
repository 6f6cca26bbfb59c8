/* SPDX-License-Identifier: Apache-2.0 */
/* status, inspect, health, history: looking without touching. */
#include "cli/cli.h"

#include "base/clock.h"
#include "cli/apps.h"
#include "cli/run.h"
#include "engine/status.h"
#include "parts/layout/layout.h"

#include <string.h>

typedef struct Look {
    Node *(*at)(const HostPlace *host, const char *app, GError **error);
    int (*show)(Call *call, const Node *node);
} Look;

static int look_take(Call *call, const char *app, gpointer data, GError **error)
{
    const Look *look = data;
    call->answer = look->at(call->host, app, error);
    return call->answer ? look->show(call, call->answer) : -1;
}

static void show_list(Call *call, const Node *list, const char *title, const char *key)
{
    for (guint i = 0; list && i < list->items->len; i++) {
        const Node *item = g_ptr_array_index(list->items, i);
        call_say(call, "  %-11s %s (%s)", title, node_get_text(item, key, ""),
                 node_get_text(item, "by", node_get_text(item, "state", "")));
    }
}

static void show_last(Call *call, const Node *status)
{
    const Node *last = node_get(status, "last");
    if (!last)
        return;
    call_say(call, "  last job    %s to %s: %s, %s", node_get_text(last, "kind", "?"),
             node_get_text(last, "to", "nothing"), node_get_text(last, "verdict", "not at its end"),
             node_get_text(last, "at", "?"));
    if (node_get_text(last, "error", NULL))
        call_say(call, "              %s: %s", node_get_text(last, "step", "?"), node_get_text(last, "error", ""));
}

static void show_health(Call *call, const Node *status)
{
    const Node *errors = node_get(status, "errors");
    gint64 backups = node_get_int(status, "backups", 0);
    g_autofree char *size = g_format_size((guint64)node_get_int(status, "backups_bytes", 0));
    if (backups > 0)
        call_say(call, "  backups     %" G_GINT64_FORMAT ", %s", backups, size);
    if (errors && errors->items->len > 0)
        call_say(call, "  errors      %u of the last day's jobs did not end well", errors->items->len);
    unattended_show(call, node_get(status, "auto"), "  ");
}

static char *ago(gint64 age_s)
{
    g_autofree char *span = age_s < 60 ? NULL : clock_span(age_s, FALSE);
    return span ? g_strdup_printf("%s ago", span) : g_strdup("just now");
}

/* How old what is said about the source is: it was not asked for this. */
static void show_look(Call *call, const Node *status)
{
    const char *error = node_get_text(status, "check_error", NULL);
    gint64 age_s = node_get_int(status, "checked_age_s", -1), failed_s = 0;
    g_autofree char *checked = age_s >= 0 ? ago(age_s) : g_strdup("never");
    clock_parse(node_get_text(status, "check_failed_at", ""), &failed_s);
    g_autofree char *failed = ago(MAX(clock_now_s() - failed_s, 0));
    if (error)
        call_say(call, "  checked     %s; no answer %s: %s", checked, failed, error);
    else if (age_s >= 0 || node_get_text(status, "version", NULL))
        call_say(call, "  checked     %s", checked);
}

static int show_status(Call *call, const Node *status)
{
    const char *offered = node_get_text(status, "offered", NULL);
    const Node *job = node_get(status, "job"), *interrupted = node_get(status, "interrupted");
    call_say(call, "%s %s%s%s%s", node_get_text(status, "app", "?"),
             node_get_text(status, "version", "(nothing is live)"), offered ? " (" : "", offered ? offered : "",
             offered ? " is available)" : "");
    show_look(call, status);
    show_list(call, node_get(status, "services"), "service", "name");
    if (job)
        call_say(call, "  at work     %s since %s (job %s)", node_get_text(job, "doing", "?"),
                 node_get_text(job, "since", "?"), node_get_text(job, "id", "?"));
    if (interrupted)
        call_say(call, "  INTERRUPTED %s to %s (job %s): run 'liftlock recover'",
                 node_get_text(interrupted, "kind", "?"), node_get_text(interrupted, "to", "nothing"),
                 node_get_text(interrupted, "id", "?"));
    show_list(call, node_get(status, "fence"), "maintenance", "reason");
    show_list(call, node_get(status, "hold"), "held", "reason");
    show_last(call, status);
    show_health(call, status);
    call_say(call, "  trust       %s", node_get_text(status, "trust", "?"));
    const Node *weaker = node_get(status, "weaker");
    for (guint i = 0; weaker && i < weaker->items->len; i++)
        call_say(call, "  weaker      %s", ((const Node *)g_ptr_array_index(weaker->items, i))->text);
    return 0;
}

int verb_status(Call *call, GError **error)
{
    Look look = {status_of, show_status};
    return for_apps(call, look_take, &look, ANSWER_LIST, error);
}

/* The first few of each kind; --json has them all. */
static void show_files(Call *call, const Node *files)
{
    static const char *const words[] = {"edited", "missing", "in the way", "left alone", "kept copy"};
    enum { SHOWN = 5 };
    for (int i = 0; files && i < LAYOUT_N_STATES; i++) {
        const Node *list = node_get(files, layout_state_names[i]);
        for (guint k = 0; k < list->items->len && k < SHOWN; k++)
            call_say(call, "  %-10s %s", words[i], ((const Node *)g_ptr_array_index(list->items, k))->text);
        if (list->items->len > SHOWN)
            call_say(call, "             and %u more", list->items->len - SHOWN);
    }
}

static int show_inspection(Call *call, const Node *node)
{
    const char *condition = node_get_text(node, "condition", "BROKEN");
    call_say(call, "%s %s: %s", node_get_text(node, "app", "?"), node_get_text(node, "version", "(nothing is live)"),
             condition);
    const Node *issues = node_get(node, "issues");
    for (guint i = 0; i < issues->items->len; i++) {
        const Node *issue = g_ptr_array_index(issues->items, i);
        call_say(call, "  %-8s %s", node_get_text(issue, "severity", ""), node_get_text(issue, "text", ""));
        if (node_get_text(issue, "advice", NULL))
            call_say(call, "           %s", node_get_text(issue, "advice", ""));
    }
    show_files(call, node_get(node, "files"));
    return strcmp(condition, "OK") == 0 ? 0 : strcmp(condition, "DEGRADED") == 0 ? 1 : 5;
}

int verb_inspect(Call *call, GError **error)
{
    Look look = {inspect_app, show_inspection};
    return for_apps(call, look_take, &look, ANSWER_LIST, error);
}

int verb_health(Call *call, GError **error)
{
    call->answer = health_of(call->host, call_app(call), error);
    if (!call->answer)
        return -1;
    gboolean healthy = node_get_bool(call->answer, "healthy", FALSE);
    call_say(call, "%s %s: %s", call_app(call), node_get_text(call->answer, "version", ""),
             healthy ? "healthy" : "NOT HEALTHY");
    const Node *checks = node_get(call->answer, "checks");
    for (guint i = 0; i < checks->items->len; i++) {
        const Node *check = g_ptr_array_index(checks->items, i);
        call_say(call, "  %s %s: %s", node_get_bool(check, "ok", FALSE) ? "ok " : "BAD",
                 node_get_text(check, "name", "?"), node_get_text(check, "text", ""));
    }
    return healthy ? 0 : 1;
}

int verb_history(Call *call, GError **error)
{
    g_autoptr(GError) local = NULL;
    g_autoptr(Journal) journal = journal_open(call->host, TRUE, &local);
    g_autoptr(GPtrArray) jobs =
        journal ? journal_jobs(journal, call_app(call), call->options.limit > 0 ? call->options.limit : 20, &local)
                : NULL;
    if (local) {
        g_propagate_error(error, g_steal_pointer(&local));
        return -1;
    }
    call->answer = node_new_list();
    if (!jobs || jobs->len == 0)
        call_say(call, "nothing was done yet");
    for (guint i = 0; jobs && i < jobs->len; i++) {
        const JobRecord *job = g_ptr_array_index(jobs, i);
        g_autofree char *at = clock_format(job->started_s);
        call_say(call, "%s  %-14s %-9s %s → %s  %s%s%s", at, job->app, job->kind, job->from ? job->from : "–",
                 job->to ? job->to : "–", job->verdict ? job->verdict : "not at its end", job->error ? ": " : "",
                 job->error ? job->error : "");
        Node *node = node_new_map();
        const char *const pairs[][2] = {
            {"id", job->id},     {"app", job->app},     {"kind", job->kind},       {"from", job->from},
            {"to", job->to},     {"started_at", at},    {"verdict", job->verdict}, {"step", job->failed_step},
            {"code", job->code}, {"error", job->error}, {"by", job->requested_by}};
        for (guint j = 0; j < G_N_ELEMENTS(pairs); j++)
            node_set_text(node, pairs[j][0], pairs[j][1]);
        node_set_int(node, "duration_s", job->ended_s > 0 ? job->ended_s - job->started_s : 0);
        node_append(call->answer, node);
    }
    return 0;
}
