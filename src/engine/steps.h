/* SPDX-License-Identifier: Apache-2.0 */
/* THE TABLE: every step of a job, its undo, and for which kinds of plans it is there. */
#pragma once

#include "engine/job.h"

typedef gboolean (*StepFunction)(Job *job, GError **error);

typedef enum {
    STEP_FENCED = 1 << 0,  /* from here on users are kept out until open: a failure is a rollback, not just a failure */
    STEP_COMMITS = 1 << 1, /* past it the only direction is forwards */
    STEP_RELEASE = 1 << 2, /* its failure may speak against the release, and then rejects its digest */
    STEP_NEVER_FAILS = 1 << 3,
    STEP_ON_REQUEST = 1 << 4, /* only where the plan asks for it */
} StepFlags;

typedef struct Step {
    const char *name;
    const char *summary; /* what it does, for progress and help */
    StepFunction act;
    StepFunction undo; /* NULL: nothing to undo. Idempotent, copes with half a step, needs no journal and no room */
    guint kinds;       /* 1 << PlanKind */
    guint flags;
} Step;

extern const Step steps[];
extern const guint n_steps;

gboolean step_is_in(const Step *step, PlanKind kind);
gboolean step_is_of(const Step *step, const Plan *plan); /* the same, and asked for */
const Step *step_find(const char *name);
guint step_index(const Step *step);

/* The functions of the rows, by file: step_release.c, step_rest.c, step_data.c, step_live.c, step_after.c, rehearsal.c.
 */
gboolean fetch_act(Job *job, GError **error);
gboolean stage_act(Job *job, GError **error);
gboolean stage_undo(Job *job, GError **error);
gboolean seal_act(Job *job, GError **error);
gboolean trial_act(Job *job, GError **error);
gboolean dump_act(Job *job, GError **error);
gboolean rehearse_act(Job *job, GError **error);
gboolean rehearse_undo(Job *job, GError **error);
gboolean ready_act(Job *job, GError **error);
gboolean ready_undo(Job *job, GError **error);
gboolean fence_act(Job *job, GError **error);
gboolean fence_undo(Job *job, GError **error);
gboolean stop_act(Job *job, GError **error);
gboolean stop_undo(Job *job, GError **error);
gboolean copy_act(Job *job, GError **error);
gboolean copy_undo(Job *job, GError **error);
gboolean data_is_to_be_copied(Job *job); /* as far as is known; asked after trial */
gboolean data_is_copied(Job *job);       /* there is a copy, and its undo would put it back */
gboolean data_went_back(Job *job);       /* there was one, and it did; asked before any step after commit began */
gboolean migrate_act(Job *job, GError **error), migrate_undo(Job *job, GError **error);
gboolean activate_act(Job *job, GError **error);
gboolean activate_undo(Job *job, GError **error);
gboolean start_act(Job *job, GError **error);
gboolean start_undo(Job *job, GError **error);
gboolean probe_act(Job *job, GError **error);
gboolean commit_act(Job *job, GError **error);
gboolean open_act(Job *job, GError **error);
gboolean observe_act(Job *job, GError **error);
gboolean settle_act(Job *job, GError **error);
