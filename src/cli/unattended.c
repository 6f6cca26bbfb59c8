/* SPDX-License-Identifier: Apache-2.0 */
/* auto, and update --unattended: what a timer begins, and the timer. */
#include "cli/run.h"

#include "base/clock.h"
#include "base/fault.h"
#include "engine/notices.h"
#include "engine/unattended.h"

#include <string.h>

/* --- a run --- */

static void answer_not_now(Call *call, const char *app, const char *why)
{
    call_say(call, "%s: not now: %s", app, why);
    call->answer = node_new_map();
    node_set_text(call->answer, "app", app);
    node_set_text(call->answer, "verdict", "not-now");
    node_set_text(call->answer, "reason", why);
}

/* May end otherwise the next time although nobody changes anything. */
static gboolean passes(const char *code)
{
    for (int i = 0; code && i < FAULT_N_CODES; i++)
        if (strcmp(fault_row((enum fault_code)i)->name, code) == 0)
            return fault_row((enum fault_code)i)->retry;
    return FALSE;
}

static Run *run_of_fault(const GError *error)
{
    const struct fault_row *row = fault_row(fault_code_of(error));
    Run *run = g_new0(Run, 1);
    run->result = g_strdup(row->retry ? "postponed" : row->exit_code == 3 ? "refused" : "failed");
    run->text = fault_text(error);
    return run;
}

static Run *run_of_answer(const Node *answer)
{
    Run *run = g_new0(Run, 1);
    const char *verdict = node_get_text(answer, "verdict", "up-to-date");
    const Node *passed = node_get(answer, "passed_over");
    gboolean waits = passed && passed->kind == NODE_LIST && passed->items->len > 0;
    gboolean postponed = strcmp(verdict, "failed") == 0 && passes(node_get_text(answer, "code", NULL));
    run->result = g_strdup(waits ? "waiting" : postponed ? "postponed" : verdict);
    run->text = waits ? g_strdup(((const Node *)g_ptr_array_index(passed->items, 0))->text)
                      : g_strdup(node_get_text(answer, "error", NULL));
    return run;
}

static void tell_line(const char *line, gpointer data)
{
    call_say(data, "  %s", line);
}

/* A job tells of itself; what ended before there was one is told here, and not again while it stays the same. */
static void tell(Call *call, const Planner *planner, const Run *run, const Run *before)
{
    gboolean same = before && strcmp(before->result, run->result) == 0 && g_strcmp0(before->text, run->text) == 0;
    if (same || !run_is_bad(run))
        return;
    PartContext part = {.place = planner->place, .lock_fd = -1, .on_line = tell_line, .on_line_data = call};
    NotifyFacts facts = {
        .app = planner->config->name,
        .version = planner->current ? planner->current : "",
        .from = planner->current ? planner->current : "",
        .verdict = strcmp(run->result, "refused") == 0 ? "refused" : "failed",
        .error = run->text,
        .host = g_get_host_name(),
        .job = "",
    };
    notices_tell(&part, planner->config, &facts);
}

int unattended_update(Call *call, Planner *planner, GError **error)
{
    g_autofree char *why = unattended_not_now(planner->place, planner->config, clock_now_s(), call->options.force);
    g_clear_pointer(&call->answer, node_free);
    if (why) {
        answer_not_now(call, planner->config->name, why);
        return 0;
    }
    /* Nobody is there to say it: what policy refuses stays refused, and how it ends is waited for. */
    gboolean forced = call->options.force;
    call->options.force = call->options.detach = FALSE;
    g_autoptr(Run) before = unattended_last(planner->place);
    g_autoptr(GError) local = NULL;
    gint64 at_s = clock_now_s();
    int code = update_app(call, planner, &local);
    call->options.force = forced;
    g_autoptr(Run) run = code < 0 ? run_of_fault(local) : run_of_answer(call->answer);
    run->at_s = at_s;
    if (code < 0)
        tell(call, planner, run, before);
    g_autoptr(GError) lost = NULL;
    if (!unattended_remember(planner->place, run, &lost))
        call_complain(lost);
    if (code < 0)
        g_propagate_error(error, g_steal_pointer(&local));
    return code;
}

/* --- the timer --- */

void unattended_show(Call *call, const Node *node, const char *indent)
{
    const Node *last = node_get(node, "last");
    const char *window = node_get_text(node, "window", NULL), *next = node_get_text(node, "next", NULL);
    const char *timer = node_get_text(node, "timer", "unknown");
    gboolean on = strcmp(timer, "on") == 0;
    call_say(call, "%sunattended  %s%s%s%s%s", indent,
             strcmp(timer, "unknown") == 0 ? "no systemd to ask for a timer" : timer, next ? ", next " : "",
             next ? next : "", window ? ", window " : "", window ? window : "");
    if (on && !node_get_bool(node, "as_configured", FALSE))
        call_say(call, "%s            the timer is not as [auto] says: 'liftlock auto APP on' writes it again", indent);
    if (!last || last->kind != NODE_MAP)
        return;
    const char *text = node_get_text(last, "text", NULL);
    call_say(call, "%slast run    %s: %s%s%s", indent, node_get_text(last, "at", "?"),
             node_get_text(last, "result", "?"), text ? ": " : "", text ? text : "");
}

static int auto_off(Call *call, const Place *place, const AppConfig *config, GError **error)
{
    gboolean had = FALSE;
    if (!unattended_off(call->host, place, config, &had, error))
        return -1;
    call_say(call, had ? "%s is no longer updated unattended" : "%s was not updated unattended", place->app);
    return 0;
}

static int auto_on(Call *call, const Place *place, const AppConfig *config, GError **error)
{
    if (!unattended_on(call->host, place, config, error))
        return -1;
    call->answer = unattended_node(call->host, place, config);
    call_say(call, "%s is updated unattended", place->app);
    unattended_show(call, call->answer, "  ");
    return 0;
}

static int auto_status(Call *call, const Place *place, const AppConfig *config)
{
    call->answer = unattended_node(call->host, place, config);
    call_say(call, "%s", place->app);
    unattended_show(call, call->answer, "  ");
    return 0;
}

int verb_auto(Call *call, GError **error)
{
    const char *wish = g_ptr_array_index(call->arguments, 1);
    gboolean on = strcmp(wish, "on") == 0, off = strcmp(wish, "off") == 0, status = strcmp(wish, "status") == 0;
    if (!on && !off && !status) {
        fault_set(error, FAULT_USAGE, "auto: say on, off or status, not '%s'", wish);
        return -1;
    }
    g_autoptr(AppConfig) config = engine_app_config(call->host, call_app(call), error);
    g_autoptr(Place) place = config ? engine_place(call->host, config, error) : NULL;
    if (!place)
        return -1;
    if (status)
        return auto_status(call, place, config);
    return on ? auto_on(call, place, config, error) : auto_off(call, place, config, error);
}
