/* SPDX-License-Identifier: Apache-2.0 */
/* What a plan may be expected to take, from what earlier jobs and rehearsals took on this host. */
#pragma once

#include "engine/journal.h"

/* How long users will be kept out by an update of `app` to the release with this key (plan_release_key): the fenced
 * steps of its newest update, and where the release was rehearsed, that instead of their migration and proof. 0:
 * nothing is known. */
gint64 expected_fence_ms(Journal *journal, const char *app, const char *release_key);
