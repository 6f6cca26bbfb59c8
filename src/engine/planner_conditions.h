/* SPDX-License-Identifier: Apache-2.0 */
/* What a release says about its time on this host, in a plan and in a look. */
#pragma once

#include "engine/planner.h"

/* Asks the conditions and the rollout of planner->manifest: objections, notes and steps by hand go into the plan. An
 * update that was not asked for by name goes nowhere while they say "not now", as with a release that is too young:
 * that is no refusal, but nothing to do yet. TRUE: so it is, and planner->passed_over says why. */
gboolean planner_not_now(Planner *planner, Plan *plan, const Release *release, const PlanWish *wish);

/* Whether the rollout of what is offered has not come to this host yet (then with an objection), as far as a manifest
 * beside the archive says: a look costs no download. */
gboolean planner_rolled_out_later(Planner *planner, const Release *release, GPtrArray *objections);
