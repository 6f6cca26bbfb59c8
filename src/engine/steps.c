/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Read downwards this is a job; read upwards, from the begun step including itself, it is the way back from a failure
 * and from a crash alike (rule 2).
 */
#include "engine/steps.h"

#include <string.h>

enum {
    TO_NEW = 1 << PLAN_INSTALL | 1 << PLAN_UPDATE,
    TO_OLD = 1 << PLAN_ROLLBACK | 1 << PLAN_RETURN,
    RUNS = TO_NEW | TO_OLD | 1 << PLAN_RESTORE | 1 << PLAN_RESTART, /* ends with the app running */
    HALTS = RUNS | 1 << PLAN_UNINSTALL,                             /* brings the app to rest */
    ALL = HALTS | 1 << PLAN_BACKUP,
    SAVES = TO_NEW | 1 << PLAN_ROLLBACK | 1 << PLAN_RESTORE | 1 << PLAN_BACKUP,
    COPIES = TO_NEW | TO_OLD | 1 << PLAN_RESTORE,
};

const Step steps[] = {
    {"fetch", "download the release and check its signature and digest", fetch_act, NULL, TO_NEW, STEP_RELEASE},
    {"stage", "unpack and build it beside the current one", stage_act, stage_undo, TO_NEW, STEP_RELEASE},
    {"seal", "sync, digest and write-protect its tree", seal_act, NULL, TO_NEW, 0},
    {"trial", "let the staged release check itself", trial_act, NULL, TO_NEW, STEP_RELEASE},
    {"dump", "save the data while the app serves", dump_act, NULL, SAVES, 0},
    {"rehearse", "on request: migrate and start it on the restored data, in isolation", rehearse_act, rehearse_undo,
     1 << PLAN_UPDATE, STEP_RELEASE | STEP_ON_REQUEST},
    {"ready", "check again that the way back is there", ready_act, ready_undo, HALTS, 0},
    {"fence", "keep users' writes out", fence_act, fence_undo, HALTS, STEP_FENCED | STEP_RELEASE},
    {"stop", "stop the services and see that nothing is left", stop_act, stop_undo, HALTS, STEP_FENCED | STEP_RELEASE},
    {"copy", "take the instant image of the data", copy_act, copy_undo, COPIES, STEP_FENCED},
    {"migrate", "bring the data to the new shape", migrate_act, migrate_undo, COPIES, STEP_FENCED | STEP_RELEASE},
    {"activate", "switch to the new release", activate_act, activate_undo, TO_NEW | TO_OLD | 1 << PLAN_UNINSTALL,
     STEP_FENCED},
    {"start", "start what a probe needs", start_act, start_undo, RUNS, STEP_FENCED | STEP_RELEASE},
    {"probe", "prove that the new release runs and is healthy", probe_act, NULL, RUNS, STEP_FENCED | STEP_RELEASE},
    {"commit", "make it last", commit_act, NULL, HALTS, STEP_FENCED | STEP_COMMITS},
    {"open", "let users in again", open_act, NULL, HALTS, 0},
    {"observe", "watch it for a while", observe_act, NULL, TO_NEW | TO_OLD, STEP_RELEASE},
    {"settle", "remove what no way back needs", settle_act, NULL, ALL, STEP_NEVER_FAILS},
};
const guint n_steps = G_N_ELEMENTS(steps);

gboolean step_is_in(const Step *step, PlanKind kind)
{
    return (step->kinds & (1u << kind)) != 0;
}

gboolean step_is_of(const Step *step, const Plan *plan)
{
    return step_is_in(step, plan->kind) && (!(step->flags & STEP_ON_REQUEST) || plan->rehearse);
}

const Step *step_find(const char *name)
{
    for (guint i = 0; i < n_steps; i++)
        if (strcmp(steps[i].name, name) == 0)
            return &steps[i];
    return NULL;
}

guint step_index(const Step *step)
{
    return (guint)(step - steps);
}
