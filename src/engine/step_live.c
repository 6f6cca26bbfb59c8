/* SPDX-License-Identifier: Apache-2.0 */
/* Steps that make the new release the one that runs: activate, start, probe, commit. */
#include "engine/steps.h"

#include "base/fault.h"
#include "base/fs.h"
#include "engine/hook_units.h"
#include "engine/live.h"

#include <string.h>

gboolean activate_act(Job *job, GError **error)
{
    if (job->plan->kind == PLAN_UNINSTALL)
        return job->layout->in_place ? job->layout->activate(&job->part, NULL, error)
                                     : job->layout->revert(&job->part, NULL, error);
    return job->layout->activate(&job->part, job->plan->to, error);
}

gboolean activate_undo(Job *job, GError **error)
{
    return job->layout->revert(&job->part, job->plan->from, error);
}

gboolean start_act(Job *job, GError **error)
{
    if (!live_start_new(job, error))
        return FALSE;
    if (!step_is_in(step_find("stage"), job->plan->kind)) /* a job without hooks does what they would */
        return hook_units_start(job, error);
    return job_run_hooks(job, "post_update", job->manifest->hooks.post_update, job->place->current,
                         job->manifest->hooks.timeout_ms, error);
}

gboolean start_undo(Job *job, GError **error)
{
    return live_stop_new(job, error) && hook_units_stop(job, error);
}

gboolean probe_act(Job *job, GError **error)
{
    return live_prove_new(job, error);
}

/* The point of no return: all that the new pair of code and data needs is on the disk, and it was looked at once more.
 */
gboolean commit_act(Job *job, GError **error)
{
    fs_fd int root = fs_open_dir(job->place->root, error);
    fs_fd int state = root < 0 ? -1 : fs_open_dir(job->place->state, error);
    if (state < 0 || !fs_sync_file_system(root, error) || !fs_sync_file_system(state, error))
        return FALSE;
    for (guint i = 0; i < job->place->away->len; i++) {
        fs_fd int away = fs_open_dir(((const PlaceAway *)job->place->away->pdata[i])->path, error);
        if (away < 0 || !fs_sync_file_system(away, error))
            return FALSE;
    }
    if (job->plan->kind != PLAN_UNINSTALL && !live_look(job, FALSE, error))
        return FALSE;
    return journal_commit(job->journal, job->id, "commit", job->plan, job->place->root, error);
}
