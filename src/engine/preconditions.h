/* SPDX-License-Identifier: Apache-2.0 */
/* Cheap preconditions of a release on this host, for the plan and again in `ready`. */
#pragma once

#include "model/policy.h"
#include "parts/part.h"

/* Commands, interpreter and services that `target` requires, and what `installed` (NULL: nothing) says it is busy with;
 * an objection for each that does not hold. */
void preconditions_check(const PartContext *part, const Manifest *target, const Manifest *installed,
                         GPtrArray *objections);
