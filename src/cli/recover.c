/* SPDX-License-Identifier: Apache-2.0 */
/* recover: what was interrupted comes to its end, then what a crash kept from happening is tried again. */
#include "cli/run.h"

#include "base/clock.h"
#include "base/fault.h"
#include "engine/lock.h"
#include "engine/rebuild.h"
#include "engine/retry.h"
#include "engine/status.h"
#include "engine/status_file.h"

#include <time.h>

/* --- trying again --- */

#define LOOK_AGAIN_S 60 /* the operator may do something else meanwhile, and clocks are set */
#define LATER_S 5       /* what passes by itself: no network yet, a database server on its way up; then longer */
#define LATEST_S 3600

/* An app whose recovery is at its end. */
typedef struct Turn {
    char *app;
    gboolean was_interrupted;     /* just now, not at an earlier call */
    gboolean waits;               /* as was said */
    gint64 not_before_s, later_s; /* since 1970; the pause before the next look */
} Turn;

static void turn_free(Turn *turn)
{
    g_free(turn->app);
    g_free(turn);
}

/* *held: it was tried as often as its configuration allows. */
static Retry *retry_of(Call *call, const char *app, gboolean *held, GError **error)
{
    g_autoptr(Journal) journal = journal_open(call->host, TRUE, error);
    g_autoptr(Place) place = place_new(call->host, app, NULL);
    g_autoptr(LockHolder) holder = lock_holder(place);
    if (!journal || (holder && holder->alive))
        return NULL;
    g_autoptr(Retry) retry = retry_wanted(journal, app, clock_now_s(), error);
    g_autoptr(AppConfig) config = retry ? engine_app_config(call->host, app, error) : NULL;
    if (!config)
        return NULL;
    *held = retry->interrupted >= config->policy.max_attempts;
    return g_steal_pointer(&retry);
}

/* Whether it passes by itself. */
static gboolean say_not_tried(Call *call, const GError *why)
{
    g_autofree char *text = fault_text(why);
    g_autofree char *hint = fault_hint_of(why);
    call_say(call, "not tried again: %s", text);
    if (hint)
        call_say(call, "  %s", hint);
    return fault_row(fault_code_of(why))->retry;
}

static void say_when(Call *call, const char *app, const Retry *retry)
{
    time_t due = (time_t)retry->due_s;
    struct tm tm;
    char when[32];
    strftime(when, sizeof when, "%H:%M:%S", localtime_r(&due, &tm));
    call_say(call, "%s: the update to %s was interrupted %" G_GINT64_FORMAT " times; it is not tried again before %s",
             app, retry->to, retry->interrupted, when);
    if (!call->options.wait)
        call_say(call, "  'liftlock recover %s' tries it then, 'liftlock update %s' at once", app, app);
}

/* As often as the operator allows; counted here too, because a crash may come before the step that counts. */
static gboolean may_try(const Planner *planner, const Retry *retry, GError **error)
{
    if (retry->interrupted < planner->config->policy.max_attempts)
        return TRUE;
    const char *app = planner->config->name;
    fault_set(error, FAULT_POLICY, "%s: %s was tried %" G_GINT64_FORMAT " times and interrupted each time", app,
              retry->to, retry->interrupted);
    return fault_hint(error, "'liftlock update %s' tries it once more", app);
}

/* Rule 6: what a crash interrupted is tried again by itself; three times, then it waits for the operator. *later: it
 * was not tried for a reason that passes. */
static int try_again(Call *call, const char *app, const Retry *retry, gboolean *later, GError **error)
{
    g_autoptr(GError) local = NULL;
    if (journal_is_newer(call->host, &local)) {
        *later = say_not_tried(call, local);
        return 0;
    }
    g_autoptr(Planner) planner = planner_open(call->host, app, error);
    if (!planner)
        return -1;
    PlanWish wish = {.to = retry->to};
    g_autoptr(Plan) plan = planner_update(planner, &wish, &local);
    if (!plan || !plan_is_clear(plan, &local) || !may_try(planner, retry, &local)) {
        *later = local && say_not_tried(call, local);
        return 0;
    }
    call_say(call, "%s: trying the update to %s again", app, retry->to);
    int code = run_plan(call, planner, plan, error);
    return code == 4 || code == 1 || code == 3 ? 0 : code;
}

/* One look at it. TRUE: it has another turn, at turn->not_before_s. */
static gboolean turn_take(Call *call, Turn *turn, int *code, GError **error)
{
    gboolean held = FALSE;
    g_autoptr(Retry) retry = retry_of(call, turn->app, &held, error);
    if (!retry || (held && !turn->was_interrupted)) /* that was said then */
        return FALSE;
    if (!held && retry->due_s > clock_now_s()) {
        if (!turn->waits)
            say_when(call, turn->app, retry);
        turn->waits = TRUE;
        turn->not_before_s = MIN(retry->due_s, clock_now_s() + LOOK_AGAIN_S);
        return call->options.wait;
    }
    gboolean later = FALSE;
    *code = try_again(call, turn->app, retry, &later, error);
    turn->later_s = CLAMP(turn->later_s * 2, LATER_S, LATEST_S);
    turn->not_before_s = clock_now_s() + turn->later_s;
    return later && !held && call->options.wait;
}

static guint next_turn(const GPtrArray *turns)
{
    guint next = 0;
    for (guint i = 1; i < turns->len; i++)
        if (((Turn *)g_ptr_array_index(turns, i))->not_before_s <
            ((Turn *)g_ptr_array_index(turns, next))->not_before_s)
            next = i;
    return next;
}

/* Only when nothing is left in between anywhere: a try may take hours, and who waits must not keep others. */
static int try_all_again(Call *call, GPtrArray *turns)
{
    int worst = 0;
    while (turns->len > 0) {
        guint next = next_turn(turns);
        Turn *turn = g_ptr_array_index(turns, next);
        clock_sleep_ms(MAX(turn->not_before_s - clock_now_s(), 0) * 1000);
        g_autoptr(GError) local = NULL;
        int code = 0;
        gboolean again = turn_take(call, turn, &code, &local);
        if (local) {
            call_complain(local);
            code = fault_row(fault_code_of(local))->exit_code;
        }
        worst = MAX(worst, code);
        if (!again)
            g_ptr_array_remove_index(turns, next);
    }
    return worst;
}

/* --- bringing to an end --- */

static void say_at_rest(Call *call, const Place *place)
{
    g_autoptr(LockHolder) holder = lock_holder(place);
    gboolean held = FALSE;
    g_autoptr(Retry) retry = retry_of(call, place->app, &held, NULL);
    if (holder && holder->alive)
        call_say(call, "%s: %s is at work (job %s)", place->app, holder->verb, holder->job);
    else if (!retry || held)
        call_say(call, "%s: nothing to recover", place->app);
}

static int recover_one(Call *call, const char *app, GPtrArray *turns, GError **error)
{
    g_autoptr(Journal) journal = journal_open(call->host, TRUE, error);
    g_autoptr(Place) place = journal ? place_new(call->host, app, NULL) : NULL;
    g_autoptr(GError) local = NULL;
    g_autoptr(JobRecord) job = place ? worker_interrupted(place, journal, &local) : NULL;
    if (local)
        g_propagate_error(error, g_steal_pointer(&local));
    if (!place || (error && *error))
        return -1;
    int code = 0;
    if (!job)
        say_at_rest(call, place);
    else
        code = run_recovery(call, call->host, place, journal, job, error);
    if (code < 0 || code == 5)
        return code;
    if (!job) /* after a reboot nobody has told of it yet */
        status_file_refresh(place);
    Turn *turn = g_new0(Turn, 1);
    turn->app = g_strdup(app);
    turn->was_interrupted = job != NULL;
    g_ptr_array_add(turns, turn);
    return 0; /* the recovery itself went well, whatever the job came to */
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
    if (journal_is_newer(call->host, NULL)) /* jobs recover with the executable that began them, which knows it */
        return TRUE;
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

static int recover_all(Call *call, GPtrArray *turns, GError **error)
{
    g_autoptr(GPtrArray) apps = apps_to_recover(call, error);
    int worst = 0;
    for (guint i = 0; apps && i < apps->len; i++) {
        g_autoptr(GError) local = NULL;
        int code = recover_one(call, g_ptr_array_index(apps, i), turns, &local);
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

int verb_recover(Call *call, GError **error)
{
    if (!repair_journal(call, error))
        return -1;
    g_autoptr(GPtrArray) turns = g_ptr_array_new_with_free_func((GDestroyNotify)turn_free);
    int code = call_app(call) ? recover_one(call, call_app(call), turns, error) : recover_all(call, turns, error);
    if (code < 0)
        return code;
    int later = try_all_again(call, turns);
    return MAX(code, later);
}
