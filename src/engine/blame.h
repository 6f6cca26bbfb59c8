/* SPDX-License-Identifier: Apache-2.0 */
/* Rule 6: what speaks against a release, and what only seems to. */
#pragma once

#include "engine/steps.h"

/* By its code: a trial, migration, start, probe or hook of the release failed. */
gboolean blames_release(const GError *cause);

/* The cause itself, or, where it seems to blame the release while the host goes down, or the server of its data was
 * away or was started again, both together as a fault of the host. The caller frees. */
GError *blame_find(Job *job, const GError *cause);

/* Rejects the release that the job goes to if the cause of a failure in `step` blames it. */
void blame_reject(Job *job, const Step *step, const GError *cause);
