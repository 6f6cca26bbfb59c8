/* SPDX-License-Identifier: Apache-2.0 */
/* rollback, restart, uninstall: jobs that go nowhere new. */
#include "cli/run.h"

#include "base/fault.h"

static Planner *open_at_rest(Call *call, const char *app, GError **error)
{
    g_autoptr(Planner) planner = planner_open(call->host, app, error);
    if (!planner || !run_recover_first(call, call->host, planner->place, planner->journal, error))
        return NULL;
    return planner_open(call->host, app, error); /* recovery may have changed what is live */
}

/* Shows what a plan would lose and asks; without a loss there is nothing to ask. */
static gboolean accept_loss(Call *call, const Planner *planner, const Plan *plan, GError **error)
{
    if (!plan->loss)
        return TRUE;
    run_show_plan(call, planner, plan);
    g_autofree char *question =
        g_strdup_printf("%s %s loses %s. Go on?", plan_kind_name(plan->kind), plan->app, plan->loss);
    return call_confirm(call, question, error);
}

static int carry_out(Call *call, Planner *planner, const Plan *plan, GError **error)
{
    if (!plan)
        return -1;
    if (call->options.dry_run) {
        run_show_plan(call, planner, plan);
        return plan->objections->len > 0 ? 3 : 0;
    }
    if (!plan_is_clear(plan, error) || !accept_loss(call, planner, plan, error))
        return -1;
    return run_plan(call, planner, plan, error);
}

int verb_rollback(Call *call, GError **error)
{
    g_autoptr(Planner) planner = open_at_rest(call, call_app(call), error);
    if (!planner)
        return -1;
    g_autofree char *identity = call_identity(call);
    PlanWish wish = {.to = call->options.to,
                     .identity = identity,
                     .take_release = call->options.take_release,
                     .foresee = call->options.dry_run};
    g_autoptr(Plan) plan = planner_rollback(planner, &wish, error);
    return carry_out(call, planner, plan, error);
}

int verb_restart(Call *call, GError **error)
{
    g_autoptr(Planner) planner = open_at_rest(call, call_app(call), error);
    if (!planner)
        return -1;
    PlanWish wish = {0};
    g_autoptr(Plan) plan = planner_simple(planner, PLAN_RESTART, &wish, error);
    return carry_out(call, planner, plan, error);
}

int verb_uninstall(Call *call, GError **error)
{
    g_autoptr(Planner) planner = open_at_rest(call, call_app(call), error);
    if (!planner)
        return -1;
    PlanWish wish = {.purge = call->options.purge};
    g_autoptr(Plan) plan = planner_simple(planner, PLAN_UNINSTALL, &wish, error);
    if (plan && !plan->loss) {
        g_autofree char *question =
            g_strdup_printf("uninstall %s? Its data in %s stay.", plan->app, planner->place->shared);
        if (!call_confirm(call, question, error))
            return -1;
    }
    return carry_out(call, planner, plan, error);
}
