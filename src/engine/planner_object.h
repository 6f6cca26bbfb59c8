/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/planner.h"

/* Fills in migrations, copy, costs and notes of a plan whose release and manifest are known, and objects to it where
 * something on this host or in the release speaks against it. */
void planner_object(Planner *planner, Plan *plan, const Release *release, const PlanWish *wish);
