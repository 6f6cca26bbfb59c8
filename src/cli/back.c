/* SPDX-License-Identifier: Apache-2.0 */
/* rollback, restart, uninstall, recover: jobs that go nowhere new. */
#include "cli/run.h"

#include "base/fault.h"
#include "engine/lock.h"
#include "engine/rebuild.h"
#include "engine/status.h"

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
    PlanWish wish = {.to = call->options.to};
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

/* --- recover -------------------------------------------------------------------------------------------------------
 */

static void say_not_tried(Call *call, const GError *why)
{
    g_autofree char *text = fault_text(why);
    g_autofree char *hint = fault_hint_of(why);
    call_say(call, "not tried again: %s", text);
    if (hint)
        call_say(call, "  %s", hint);
}

/* Rule 6: what a crash interrupted is tried again by itself; three times, then it waits for the operator. */
static int retry(Call *call, const char *app, const JobRecord *job, GError **error)
{
    g_autoptr(Planner) planner = planner_open(call->host, app, error);
    if (!planner)
        return -1;
    PlanWish wish = {.to = job->to};
    g_autoptr(GError) local = NULL;
    g_autoptr(Plan) plan = planner_update(planner, &wish, &local);
    if (!plan) {
        if (local)
            say_not_tried(call, local);
        return 0;
    }
    if (!plan_is_clear(plan, &local)) {
        say_not_tried(call, local);
        return 0;
    }
    call_say(call, "%s: trying the %s to %s again", app, job->kind, job->to);
    return run_plan(call, planner, plan, error);
}

static gboolean wants_retry(const JobRecord *job, const JobRecord *ended)
{
    return ended && (g_strcmp0(job->kind, "update") == 0) && g_strcmp0(ended->code, "interrupted") == 0 &&
           g_strcmp0(ended->verdict, "needs-help") != 0;
}

static int recover_one(Call *call, const char *app, GError **error)
{
    g_autoptr(Journal) journal = journal_open(call->host, FALSE, error);
    g_autoptr(Place) place = journal ? place_new(call->host, app, NULL) : NULL;
    g_autoptr(GError) local = NULL;
    g_autoptr(JobRecord) job = place ? worker_interrupted(place, journal, &local) : NULL;
    if (local)
        g_propagate_error(error, g_steal_pointer(&local));
    if (!place || (error && *error))
        return -1;
    if (!job) {
        g_autoptr(LockHolder) holder = lock_holder(place);
        if (holder && holder->alive)
            call_say(call, "%s: %s is at work (job %s)", app, holder->verb, holder->job);
        else
            call_say(call, "%s: nothing to recover", app);
        return 0;
    }
    int code = run_recovery(call, call->host, place, journal, job, error);
    g_autoptr(JobRecord) ended = code >= 0 ? journal_job(journal, job->id, NULL) : NULL;
    if (code < 0 || code == 5)
        return code;
    if (!wants_retry(job, ended))
        return 0; /* the recovery itself went well, whatever the job came to */
    code = retry(call, app, job, error);
    return code == 4 || code == 1 || code == 3 ? 0 : code;
}

/* Apps that have a configuration, and those whose very first job was interrupted. */
static GPtrArray *apps_to_recover(Call *call, GError **error)
{
    g_autoptr(GPtrArray) apps = status_apps(call->host, error);
    g_autoptr(Journal) journal = apps ? journal_open(call->host, TRUE, error) : NULL;
    g_autoptr(GPtrArray) jobs = journal ? journal_jobs(journal, NULL, 1000, error) : NULL;
    for (guint i = 0; jobs && i < jobs->len; i++) {
        const JobRecord *job = g_ptr_array_index(jobs, i);
        gboolean known = !job->open;
        for (guint j = 0; !known && j < apps->len; j++)
            known = g_strcmp0(g_ptr_array_index(apps, j), job->app) == 0;
        if (!known)
            g_ptr_array_add(apps, g_strdup(job->app));
    }
    return g_steal_pointer(&apps);
}

/* A journal that cannot be read is made anew first: without it nobody knows of open jobs. */
static gboolean repair_journal(Call *call, GError **error)
{
    g_autoptr(GError) local = NULL;
    g_autoptr(Journal) journal = journal_open(call->host, FALSE, &local);
    if (journal)
        return TRUE;
    if (!g_error_matches(local, FAULT, FAULT_STATE)) {
        g_propagate_error(error, g_steal_pointer(&local));
        return FALSE;
    }
    g_autofree char *kept = NULL;
    if (!journal_rebuild(call->host, &kept, error))
        return FALSE;
    call_say(call, "the records were damaged and are rebuilt from the jobs' logs; the damaged file is kept as %s",
             kept);
    return TRUE;
}

int verb_recover(Call *call, GError **error)
{
    if (!repair_journal(call, error))
        return -1;
    if (call_app(call))
        return recover_one(call, call_app(call), error);
    g_autoptr(GPtrArray) apps = apps_to_recover(call, error);
    int worst = 0;
    for (guint i = 0; apps && i < apps->len; i++) {
        g_autoptr(GError) local = NULL;
        int code = recover_one(call, g_ptr_array_index(apps, i), &local);
        if (code < 0) {
            call_complain(local);
            code = 5;
        }
        worst = MAX(worst, code);
    }
    if (apps && apps->len == 0)
        call_say(call, "no app is installed");
    return apps ? worst : -1;
}
