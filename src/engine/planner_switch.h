/* SPDX-License-Identifier: Apache-2.0 */
/* What a plan says of services that are switched. */
#pragma once

#include "engine/planner.h"

/* Objects where nobody could see whether users arrive, or where an instance would have two names; notes how they go. */
void planner_switch(const Planner *planner, Plan *plan);
