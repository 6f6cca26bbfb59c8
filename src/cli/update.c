/* SPDX-License-Identifier: Apache-2.0 */
/* check, plan, update: what the source offers, what it would mean, and doing it. */
#include "cli/run.h"

#include "base/clock.h"
#include "base/fault.h"
#include "cli/apps.h"

#include <string.h>

typedef int (*WithPlanner)(Call *call, Planner *planner, GError **error);

typedef struct Turn {
    WithPlanner run;
} Turn;

static int turn_take(Call *call, const char *app, gpointer data, GError **error)
{
    const Turn *turn = data;
    g_autoptr(Planner) planner = planner_open(call->host, app, error);
    return planner ? turn->run(call, planner, error) : -1;
}

/* --- check --- */

static Node *passed_over_node(const GPtrArray *objections)
{
    Node *passed = node_new_list();
    for (guint i = 0; i < objections->len; i++)
        node_append(passed,
                    node_new_scalar(SCALAR_STRING, ((const Objection *)g_ptr_array_index(objections, i))->text));
    return passed;
}

static void say_passed_over(Call *call, const GPtrArray *objections)
{
    for (guint i = 0; i < objections->len; i++) {
        const Objection *objection = g_ptr_array_index(objections, i);
        call_say(call, "  passed over: %s", objection->text);
        if (objection->hint)
            call_say(call, "    %s", objection->hint);
    }
}

static Node *check_node(const Planner *planner, const Release *offer, const GPtrArray *objections)
{
    Node *node = node_new_map();
    node_set_text(node, "app", planner->config->name);
    node_set_text(node, "installed", planner->current);
    node_set_text(node, "offered", offer ? offer->version : NULL);
    node_set_text(node, "changelog", offer ? offer->changelog : NULL);
    node_set_text(node, "severity", offer ? offer->severity : NULL);
    node_set(node, "passed_over", passed_over_node(objections));
    g_autofree char *now = clock_format(clock_now_s());
    node_set_text(node, "checked_at", now);
    return node;
}

static int check_one(Call *call, Planner *planner, GError **error)
{
    g_autoptr(GPtrArray) objections = g_ptr_array_new_with_free_func((GDestroyNotify)objection_free);
    const Release *offer = NULL;
    if (!planner_check(planner, &offer, objections, error))
        return -1;
    const char *app = planner->config->name;
    if (offer)
        call_say(call, "%s: update available: %s → %s", app, planner->current ? planner->current : "nothing",
                 offer->version);
    else
        call_say(call, "%s: %s (%s)", app, objections->len > 0 ? "nothing to do" : "up to date",
                 planner->current ? planner->current : "nothing installed, nothing offered");
    say_passed_over(call, objections);
    call->answer = check_node(planner, offer, objections);
    return offer && call->options.exit_code ? 10 : 0;
}

int verb_check(Call *call, GError **error)
{
    Turn turn = {check_one};
    return for_apps(call, turn_take, &turn, ANSWER_LIST, error);
}

/* --- plan and update --- */

static PlanWish wish_of(const Call *call)
{
    gint64 max_download_bytes = 0;
    if (call->options.max_download)
        size_parse(call->options.max_download, &max_download_bytes); /* size_fits has seen that it is one */
    return (PlanWish){.to = call->options.to,
                      .max_download_bytes = max_download_bytes,
                      .force = call->options.force,
                      .again = call->options.again,
                      .take_release = call->options.take_release,
                      .foresee = call->options.dry_run,
                      .rehearse = call->options.rehearse,
                      .purge = call->options.purge};
}

static int nothing_to_do(Call *call, const Planner *planner)
{
    gboolean waits = planner->passed_over->len > 0;
    call_say(call, "%s: %s (%s)", planner->config->name, waits ? "nothing to do" : "up to date", planner->current);
    say_passed_over(call, planner->passed_over);
    if (!call->answer) {
        call->answer = node_new_map();
        node_set_text(call->answer, "app", planner->config->name);
        node_set_text(call->answer, "verdict", "up-to-date");
        node_set_text(call->answer, "version", planner->current);
        node_set(call->answer, "passed_over", passed_over_node(planner->passed_over));
    }
    return 0;
}

static gboolean size_fits(const Call *call, GError **error)
{
    gint64 bytes = 0;
    const char *text = call->options.max_download;
    if (!text || (size_parse(text, &bytes) && bytes > 0))
        return TRUE;
    g_autofree char *quoted = schema_quote(text);
    return fault_set(error, FAULT_USAGE, "--max-download must be a size such as 50MB, not %s", quoted);
}

int verb_plan(Call *call, GError **error)
{
    g_autoptr(Planner) planner = size_fits(call, error) ? planner_open(call->host, call_app(call), error) : NULL;
    if (!planner)
        return -1;
    PlanWish wish = wish_of(call);
    wish.foresee = TRUE;
    g_autoptr(GError) local = NULL;
    g_autoptr(Plan) plan = planner_update(planner, &wish, &local);
    if (local) {
        g_propagate_error(error, g_steal_pointer(&local));
        return -1;
    }
    if (!plan)
        return nothing_to_do(call, planner);
    run_show_plan(call, planner, plan);
    return plan->objections->len > 0 ? 3 : 0;
}

static gboolean digest_agrees(const Call *call, const Plan *plan, GError **error)
{
    if (!call->options.plan)
        return TRUE;
    g_autofree char *digest = plan_digest(plan);
    if (strcmp(digest, call->options.plan) == 0)
        return TRUE;
    fault_set(error, FAULT_POLICY, "%s: the plan is no longer the one that you saw", plan->app);
    return fault_hint(error, "look again with 'liftlock plan %s'", plan->app);
}

int update_app(Call *call, Planner *planner, GError **error)
{
    if (!run_recover_first(call, call->host, planner->place, planner->journal, error))
        return -1;
    g_autofree char *name = g_strdup(planner->config->name);
    g_autoptr(Planner) fresh = planner_open(call->host, name, error); /* recovery may have changed what is live */
    if (!fresh)
        return -1;
    PlanWish wish = wish_of(call);
    g_autoptr(GError) local = NULL;
    g_autoptr(Plan) plan = planner_update(fresh, &wish, &local);
    if (local) {
        g_propagate_error(error, g_steal_pointer(&local));
        return -1;
    }
    if (!plan)
        return nothing_to_do(call, fresh);
    if (call->options.dry_run) {
        run_show_plan(call, fresh, plan);
        return plan->objections->len > 0 ? 3 : 0;
    }
    if (!plan_is_clear(plan, error) || !digest_agrees(call, plan, error))
        return -1;
    call_say(call, "%s: %s %s%s%s", plan->app, plan_kind_name(plan->kind), plan->from ? plan->from : "",
             plan->from ? " → " : "", plan->to);
    return run_plan(call, fresh, plan, error);
}

/* A version and a plan are of one app. */
static gboolean wish_fits(const Call *call, GError **error)
{
    const char *option = call->options.to ? "--to" : call->options.plan ? "--plan" : NULL;
    if (!option || !apps_are_several(call))
        return TRUE;
    fault_set(error, FAULT_USAGE, "update: %s is about one app", option);
    return fault_hint(error, "name the app, and no other: liftlock update APP %s %s", option,
                      call->options.to ? call->options.to : call->options.plan);
}

int verb_update(Call *call, GError **error)
{
    if (!wish_fits(call, error) || !size_fits(call, error))
        return -1;
    gboolean check = call->options.check_only;
    Turn turn = {check ? check_one : call->options.unattended ? unattended_update : update_app};
    return for_apps(call, turn_take, &turn, check ? ANSWER_LIST : ANSWER_AS_ASKED, error);
}
