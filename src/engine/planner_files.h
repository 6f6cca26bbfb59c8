/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/planner.h"

/* In place: what the change would do with the files that lie there, as notes, objections and planner->differences.
 * Nothing of the release is run: it is unpacked into a place of its own, which is removed again. `release`: NULL where
 * the target is on this host already. Does nothing where the files are not in place. */
void planner_foresee(Planner *planner, Plan *plan, const Release *release);
