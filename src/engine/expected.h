/* SPDX-License-Identifier: Apache-2.0 */
/* What a plan may be expected to take, from what earlier jobs and rehearsals took on this host. */
#pragma once

#include "engine/journal.h"
#include "model/plan.h"

/* How long users will be kept out by this update: the fenced steps of the app's newest update, without the copy if this
 * one makes none, and where the release was rehearsed, that instead of their migration and proof. 0: nothing is known.
 */
gint64 expected_fence_ms(Journal *journal, const Plan *plan);
