/* SPDX-License-Identifier: Apache-2.0 */
/* Steps past the point of no return: open, observe, settle. Repeatable, forwards only. */
#include "engine/steps.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/fs.h"
#include "engine/blame.h"
#include "engine/claims.h"
#include "engine/cleanup.h"
#include "engine/live.h"
#include "engine/live_switch.h"
#include "engine/retire.h"

#include <string.h>
#include <unistd.h>

#define OBSERVE_INTERVAL_MS 500
#define SETTLE_INTERVAL_MS 100

/* --- open --------------------------------------------------------------------------------------------------------- */

/* An install's configuration becomes the host's only now: a failed install leaves none behind. */
static gboolean config_place(Job *job, GError **error)
{
    if (job->plan->kind != PLAN_INSTALL)
        return TRUE;
    g_autofree char *from = g_build_filename(job->directory, "config.toml", NULL);
    g_autofree char *directory = g_path_get_dirname(job->place->config);
    g_autofree char *name = g_path_get_basename(job->place->config);
    g_autofree char *bytes = NULL;
    gsize size;
    if (!g_file_get_contents(from, &bytes, &size, error) || !fs_make_path(directory, 0755, error))
        return FALSE;
    fs_fd int fd = fs_open_dir(directory, error);
    return fd >= 0 && fs_write_atomic(fd, name, bytes, size, 0644, error);
}

gboolean open_act(Job *job, GError **error)
{
    g_autofree char *claim = g_strconcat("job-", job->id, NULL);
    const Manifest *old = job->installed ? job->installed : job->manifest;
    if (!config_place(job, error) || !live_put_to_rest(job, error) || !live_switch_over(job, error) ||
        !claim_lift(job->place, CLAIM_HOLD, claim, error) || !passes_clear(job->place, error) ||
        !claim_lift(job->place, CLAIM_FENCE, claim, error) || !fence_file_update(job->place, old->fence.file, error) ||
        !fence_file_update(job->place, job->manifest->fence.file, error))
        return FALSE;
    if (job->plan->kind == PLAN_UNINSTALL) /* the deed itself, not tidying up: it is uninstalled when nothing is left */
        return retire_app(job, error);
    g_autofree char *old_tree = job->plan->from ? job_tree(job, job->plan->from) : NULL;
    if (job->installed && old->fence.off && !live_crosses_any(job) &&
        !part_run_line(&job->part, "fence hook", old->fence.off, old_tree, old->fence.max_ms, FAULT_HOOK, error))
        return FALSE;
    /* What runs is proven; a worker that does not come up is for observe to judge. Our own failure is tried again. */
    g_autoptr(GError) late = NULL;
    gboolean good = live_start_rest(job, &late);
    if (!good && fault_row(fault_code_of(late))->blames != BLAMES_RELEASE) {
        g_propagate_error(error, g_steal_pointer(&late));
        return FALSE;
    }
    if (!good)
        job_say(job, "%s", late->message);
    gboolean news = !good || job_fact(job, "open.problem"); /* of an earlier try */
    return passes_clear(job->place, error) &&
           (!news || job_fact_set(job, "open.problem", good ? "" : late->message, error));
}

/* --- observe ------------------------------------------------------------------------------------------------------ */

static gint64 window_ms(const Job *job)
{
    return job->config->observe.window_ms >= 0 ? job->config->observe.window_ms : job->manifest->observe.window_ms;
}

/* What a reboot behind commit took away has only just been started again by open, and gets the time of a start before
 * it must answer. What was proven moments ago answers at once. */
static gboolean settle_in(Job *job, GError **error)
{
    gint64 deadline = clock_monotonic_ms() + job->manifest->probe.deadline_ms;
    for (;;) {
        g_autoptr(GError) local = NULL;
        if (live_look(job, TRUE, &local))
            return TRUE;
        if (g_error_matches(local, FAULT, FAULT_START) || clock_monotonic_ms() >= deadline) {
            g_propagate_error(error, g_steal_pointer(&local));
            return FALSE;
        }
        clock_sleep_ms(SETTLE_INTERVAL_MS);
    }
}

static gboolean watch(Job *job, GError **error)
{
    const char *problem = job_fact(job, "open.problem");
    if (problem && *problem)
        return fault_set(error, FAULT_START, "%s", problem);
    if (!settle_in(job, error))
        return FALSE;
    gint64 deadline = clock_monotonic_ms() + window_ms(job);
    for (;;) {
        gint64 left = deadline - clock_monotonic_ms();
        if (left <= 0)
            return TRUE;
        clock_sleep_ms(MIN(left, OBSERVE_INTERVAL_MS));
        if (!live_look(job, TRUE, error))
            return FALSE;
    }
}

/* Users have written on the new release. Going back with these data is right only if the data's own manifest says that
 * the old code can run on them (rule 9), and a return never triggers another (same rule). */
static gboolean return_is_safe(const Job *job)
{
    const Manifest *manifest = job->manifest;
    if (job->plan->kind != PLAN_UPDATE || !job->plan->from || manifest->observe.on_failure != OBSERVE_RETURN_IF_SAFE)
        return FALSE;
    if (manifest->schema.runs_with)
        return version_matches(job->plan->from, manifest->schema.runs_with);
    return job->plan->migrations->len == 0 && !manifest->sql.path &&
           manifest->schema.version == job->installed->schema.version;
}

gboolean observe_act(Job *job, GError **error)
{
    g_autoptr(GError) told = NULL;
    if (watch(job, &told))
        return TRUE;
    GError *found = blame_find(job, told);
    job->return_wanted = fault_code_of(found) == fault_code_of(told) && return_is_safe(job);
    g_propagate_error(error, found);
    return FALSE;
}

/* --- settle ------------------------------------------------------------------------------------------------------- */

/* Each part of it may be done already. What fails once may be a program that was killed; what fails again is said, and
 * left for the next job. */
static void tidy_up(Job *job)
{
    g_autoptr(GError) first = NULL, again = NULL;
    if (!retire_surplus(job, &first) && !retire_surplus(job, &again))
        job_say(job, "could not tidy up: %s", again->message);
}

/* Only here anything is deleted, after a verdict observed healthy, and never what a way back needs. */
gboolean settle_act(Job *job, GError **error)
{
    if (job->plan->kind != PLAN_UNINSTALL)
        tidy_up(job);
    if (step_is_in(step_find("stage"), job->plan->kind))
        cleanup_run(job);
    return TRUE;
}
