/* SPDX-License-Identifier: Apache-2.0 */
/* Data that an earlier installation left (uninstall without --purge, or put there by hand). */
#pragma once

#include "engine/planner.h"

/* For the plan of an install, when its manifest is known: sets plan->data_from to the version of the data that lie
 * there. `said`: what the operator says it is; NULL: what the journal knows. An objection where the data are newer than
 * the release, or where migrations may be due and nobody knows which. Does nothing for other plans. */
gboolean planner_kept_data(Planner *planner, Plan *plan, const char *said, GError **error);
