/* SPDX-License-Identifier: Apache-2.0 */
/* Steps that bring the app to rest: ready, fence, stop. Their undo sets it going again. */
#include "engine/steps.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/fs.h"
#include "engine/claims.h"
#include "engine/conditions.h"
#include "engine/data.h"
#include "engine/hook_units.h"
#include "engine/live.h"
#include "engine/live_switch.h"
#include "engine/preconditions.h"
#include "engine/room.h"
#include "parts/backup/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static char *claim_name(const Job *job)
{
    return g_strconcat("job-", job->id, NULL);
}

/* --- ready: the last moment at which turning back costs nothing ------------------------------------------------ */

/* What is live is where an update would go back to. Who leaves a damaged release by going to another, or starts it
 * again, cannot be asked for one that is whole: there would be no way out. */
static gboolean live_is_whole(Job *job, GError **error)
{
    const Plan *plan = job->plan;
    g_autoptr(GError) local = NULL;
    if (!plan->from || !plan->from_digest || job->layout->verify(job->place, plan->from, plan->from_digest, &local))
        return TRUE;
    if (step_is_in(step_find("stage"), plan->kind)) {
        g_propagate_error(error, g_steal_pointer(&local));
        return fault_prefix(error, "the way back is not there");
    }
    job_say(job, "the way back is damaged: %s", local->message);
    return TRUE;
}

static gboolean way_back_holds(Job *job, GError **error)
{
    const Plan *plan = job->plan;
    g_autofree char *current = job->layout->current(job->place, error);
    if (error && *error)
        return FALSE;
    if (g_strcmp0(current, plan->from) != 0)
        return fault_set(error, FAULT_STATE, "%s: the plan starts from %s, but %s is live", plan->app,
                         plan->from ? plan->from : "nothing", current ? current : "nothing");
    if (!live_is_whole(job, error))
        return FALSE;
    if (plan->to && plan->to_tree && !job->layout->verify(job->place, plan->to, plan->to_tree, error))
        return FALSE;
    return TRUE;
}

static gboolean directories_make(Job *job, GError **error)
{
    g_autofree char *wayback = g_build_filename(job->place->wayback, job->id, NULL);
    const char *const paths[] = {job->place->hold, job->place->fence,   job->place->shared,
                                 job->place->logs, job->place->wayback, wayback};
    for (guint i = 0; i < G_N_ELEMENTS(paths); i++)
        if (!fs_make_path(paths[i], i < 4 ? 0755 : 0700, error))
            return FALSE;
    /* In place what is shared is the root itself, and that stays ours. */
    const char *const users[] = {job->place->logs, job->layout->in_place ? NULL : job->place->shared};
    for (guint i = 0; job->place->change_user && i < G_N_ELEMENTS(users); i++)
        if (users[i] && chown(users[i], job->place->uid, job->place->gid) != 0)
            return fault_errno(error, FAULT_SYSTEM, errno, "cannot give %s to its user", users[i]);
    return TRUE;
}

/* Who was running, and what the app said of itself, before anybody was disturbed: what undo must bring back. */
static gboolean baseline_take(Job *job, GError **error)
{
    for (guint i = 0; job->installed && i < job->installed->services->len; i++)
        if (!live_record(job, g_ptr_array_index(job->installed->services, i), error))
            return FALSE;
    for (guint i = 0; i < job->manifest->services->len; i++) {
        const Service *service = g_ptr_array_index(job->manifest->services, i);
        if (!service_named(job->installed, service->name) && !live_record(job, service, error))
            return FALSE;
    }
    if (step_is_in(step_find("start"), job->plan->kind) &&
        (!live_can_be_proven(job, error) || !live_switch_check(job, error)))
        return FALSE;
    if (!job->installed)
        return TRUE;
    if (!live_has_identity(job->installed))
        return TRUE;
    ProbeContext context = job_probe_context(job, job->plan->from);
    g_autofree char *identity = probe_identity(&context, &job->installed->identity, NULL);
    return job_fact_set(job, "baseline.identity", identity ? identity : "", error);
}

static gboolean was_overridden(const Job *job, const Objection *objection)
{
    for (guint i = 0; i < job->plan->overrides->len; i++)
        if (g_str_has_suffix(g_ptr_array_index(job->plan->overrides, i), objection->text))
            return TRUE;
    return FALSE;
}

/* What the release asks of the host, and what it says of its time there. Its rollout has only gone on. */
static void release_conditions(Job *job, GPtrArray *objections)
{
    g_autoptr(GPtrArray) said = g_ptr_array_new_with_free_func(g_free); /* the plan has said it */
    g_autoptr(GPtrArray) by_hand = g_ptr_array_new_with_free_func(g_free);
    Conditions conditions = {
        .part = &job->part,
        .host_config = job->host_config,
        .config = job->config,
        .manifest = job->manifest,
        .installed = job->installed,
        .from = job->plan->from,
        .host_root = job->host->root,
    };
    conditions_object(&conditions, objections, objections, said, by_hand);
    preconditions_check(&job->part, job->manifest, job->installed, objections);
}

/* Between the plan and now anything may have happened; what is cheap to ask is asked again. */
static gboolean preconditions_hold(Job *job, GError **error)
{
    g_autoptr(GPtrArray) objections = g_ptr_array_new_with_free_func((GDestroyNotify)objection_free);
    g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
    if (step_is_in(step_find("stage"), job->plan->kind))
        release_conditions(job, objections);
    if (step_is_in(step_find("copy"), job->plan->kind))
        data_object(&job->part, job->sets, data_is_to_be_copied(job), objections, notes);
    for (guint i = 0; i < objections->len; i++) {
        const Objection *objection = g_ptr_array_index(objections, i);
        if (!was_overridden(job, objection))
            return fault_set(error, (enum fault_code)objection->code, "%s: %s", job->plan->app, objection->text);
    }
    g_ptr_array_add(notes, NULL);
    g_autofree char *weaker = g_strjoinv("\n", (char **)notes->pdata);
    return job_fact_note(job, FACT_DATA_WEAKER, weaker, error);
}

static gboolean say_conflicts(Job *job, const GPtrArray *conflicts, GError **error)
{
    for (guint i = 0; i < conflicts->len; i++)
        job_say(job, "conflict: %s", ((const LayoutConflict *)conflicts->pdata[i])->text);
    if (conflicts->len == 0)
        return TRUE;
    const LayoutConflict *first = conflicts->pdata[0];
    g_autofree char *more =
        conflicts->len > 1 ? g_strdup_printf(" (and %u more, see 'liftlock logs')", conflicts->len - 1) : g_strdup("");
    fault_set(error, FAULT_POLICY, "%s: %s%s", job->plan->app, first->text, more);
    const char *app = job->plan->app;
    return job->plan->kind == PLAN_ROLLBACK
               ? fault_hint(error, "%s ('liftlock rollback %s --dry-run' shows both)", first->hint, app)
               : fault_hint(error, "%s ('liftlock plan %s' shows both)", first->hint, app);
}

/* In place: what lies there meets what comes, and is prepared, before anybody is disturbed. */
static gboolean files_arrange(Job *job, GError **error)
{
    const Plan *plan = job->plan;
    if (!job->layout->arrange || !step_is_in(step_find("activate"), plan->kind))
        return TRUE;
    g_auto(LayoutReport) report;
    layout_report_init(&report, FALSE);
    const LayoutChange change = {.from = plan->from,
                                 .to = plan->kind == PLAN_UNINSTALL ? NULL : plan->to,
                                 .manifest = job->manifest,
                                 .take_release = plan->take_release,
                                 .privileged = job->config->security.privileged_files};
    if (!job->layout->arrange(&job->part, &change, &report, error))
        return FALSE;
    for (guint i = 0; i < report.notes->len; i++)
        job_say(job, "%s", (const char *)report.notes->pdata[i]);
    return say_conflicts(job, report.conflicts, error);
}

gboolean ready_act(Job *job, GError **error)
{
    if (!preconditions_hold(job, error) || !way_back_holds(job, error) || !directories_make(job, error) ||
        !room_reserve(job, error) || !baseline_take(job, error))
        return FALSE;
    /* The name says it from here on: complete, sealed, tried. Still nobody points at it. */
    if (step_is_in(step_find("stage"), job->plan->kind) && !job->layout->promote(&job->part, job->plan->to, error))
        return FALSE;
    if (!job->layout->prepare_revert(&job->part, job->plan->from, error) || !files_arrange(job, error) ||
        !hook_units_record(job, error) || !live_equip(job, error))
        return FALSE;
    /* Last: what was refused until here was not tried. */
    return !step_is_in(step_find("stage"), job->plan->kind) ||
           journal_attempt_count(job->journal, job->plan->app, plan_release_key(job->plan), error);
}

gboolean ready_undo(Job *job, GError **error)
{
    room_release(job);
    if (job->layout->arrange && !job->layout->prepare_revert(&job->part, NULL, error))
        return FALSE;
    return live_unequip(job, job->manifest, job->installed, error);
}

/* --- fence ------------------------------------------------------------------------------------------------------ */

static char *fence_reason(const Job *job)
{
    static const char *const reasons[PLAN_N_KINDS] = {
        [PLAN_INSTALL] = "installing",     [PLAN_UPDATE] = "updating",   [PLAN_ROLLBACK] = "going back",
        [PLAN_RETURN] = "going back",      [PLAN_RESTORE] = "restoring", [PLAN_RESTART] = "restarting",
        [PLAN_UNINSTALL] = "uninstalling",
    };
    const char *reason = reasons[job->plan->kind];
    return job->plan->to ? g_strdup_printf("%s to %s", reason, job->plan->to) : g_strdup(reason);
}

static const Manifest *fencing_manifest(const Job *job)
{
    return job->installed ? job->installed : job->manifest;
}

static gboolean fence_hook(Job *job, const char *name, const char *line, GError **error)
{
    if (!line)
        return TRUE;
    return part_run_line(&job->part, name, line, job->place->current, fencing_manifest(job)->fence.max_ms, FAULT_HOOK,
                         error);
}

gboolean fence_act(Job *job, GError **error)
{
    const Manifest *manifest = fencing_manifest(job);
    g_autofree char *name = claim_name(job);
    g_autofree char *reason = fence_reason(job);
    if (live_crosses_any(job)) /* users go on writing; the plan has proved that both releases can live with that */
        return TRUE;
    gint64 until_s = manifest->fence.max_ms > 0 ? clock_now_s() + manifest->fence.max_ms / 1000 : 0;
    if (!claim_set(job->place, CLAIM_FENCE, name, reason, until_s, error) ||
        !fence_file_update(job->place, manifest->fence.file, error))
        return FALSE;
    if (job->installed && !fence_hook(job, "fence hook", manifest->fence.on, error))
        return FALSE;
    if (job->installed && manifest->fence.drain_ms > 0)
        clock_sleep_ms(manifest->fence.drain_ms);
    return TRUE;
}

gboolean fence_undo(Job *job, GError **error)
{
    const Manifest *manifest = fencing_manifest(job);
    g_autofree char *name = claim_name(job);
    if (!claim_lift(job->place, CLAIM_FENCE, name, error) ||
        !fence_file_update(job->place, manifest->fence.file, error))
        return FALSE;
    g_autoptr(GError) hook = NULL;
    if (job->installed && !live_crosses_any(job) && !fence_hook(job, "fence hook", manifest->fence.off, &hook))
        job_say(job, "%s", hook->message);
    return TRUE;
}

/* --- stop ------------------------------------------------------------------------------------------------------- */

/* *left: who still has data open, in words; NULL: nobody. */
static gboolean sessions_look(Job *job, char **left, GError **error)
{
    for (guint i = 0; i < job->sets->len && !*left; i++) {
        const DataSet *set = g_ptr_array_index(job->sets, i);
        const BackupDriver *driver = backup_find(set, error);
        if (!driver)
            return FALSE;
        g_autofree char *open = driver->sessions ? driver->sessions(&job->part, set) : NULL;
        if (open)
            *left = g_strdup_printf("data '%s' is still open in %s", set->name, open);
    }
    return TRUE;
}

#define LATE_MS 5000
#define LATE_PAUSE_MS 100

/* Rule 2 of rest: what is said to be stopped is looked at. Whoever has the data open could still write. The last act of
 * a client that has just died may reach a server late: it is given a moment to be seen as what it is. */
static gboolean sessions_gone(Job *job, GError **error)
{
    gint64 deadline = clock_monotonic_ms() + LATE_MS;
    for (;;) {
        g_autofree char *left = NULL;
        if (!data_end_sessions(job, FALSE, error) || !sessions_look(job, &left, error))
            return FALSE;
        if (!left)
            return TRUE;
        if (clock_monotonic_ms() > deadline) {
            fault_set(error, FAULT_DRAIN, "%s: %s", job->plan->app, left);
            return fault_hint(error, "end it, or declare it as a service of the app");
        }
        clock_sleep_ms(LATE_PAUSE_MS);
    }
}

gboolean stop_act(Job *job, GError **error)
{
    g_autofree char *name = claim_name(job);
    g_autofree char *reason = fence_reason(job);
    const Manifest *manifest = job->manifest;
    gboolean first = job->layout->in_place && !job->plan->from; /* nothing of it lies there yet */
    g_autofree char *tree = !job->plan->to ? NULL
                            : first        ? place_release(job->place, job->plan->to, "")
                                           : job_tree(job, job->plan->to);
    if (step_is_in(step_find("stage"), job->plan->kind) &&
        !job_run_hooks(job, "pre_update", manifest->hooks.pre_update, tree, manifest->hooks.timeout_ms, error))
        return FALSE;
    /* The hold comes first: nothing may come back by itself between our stop and our look. */
    if (!claim_set(job->place, CLAIM_HOLD, name, reason, 0, error) || !passes_clear(job->place, error))
        return FALSE;
    gboolean has_hooks = step_is_in(step_find("stage"), job->plan->kind);
    return live_switch_keep(job, error) && live_stop_all(job, error) && (has_hooks || hook_units_stop(job, error)) &&
           (live_crosses_any(job) || sessions_gone(job, error));
}

gboolean stop_undo(Job *job, GError **error)
{
    g_autofree char *name = claim_name(job);
    if (!live_start_recorded(job, error) || !live_prove_old(job, error))
        return FALSE;
    g_autoptr(GError) hook = NULL;
    if (job->installed && step_is_in(step_find("stage"), job->plan->kind) &&
        !job_run_hooks(job, "rollback", job->manifest->hooks.rollback, job->place->current,
                       job->manifest->hooks.timeout_ms, &hook))
        job_say(job, "%s", hook->message);
    g_autoptr(GError) late = NULL;
    if (!hook_units_start(job, &late)) /* they are the publisher's own to look after */
        job_say(job, "%s", late->message);
    return claim_lift(job->place, CLAIM_HOLD, name, error) && passes_clear(job->place, error);
}
