/* SPDX-License-Identifier: Apache-2.0 */
/* Making the past quiet (rule 3): whatever a job left running is ended, and seen to be gone, before its undo begins. */
#pragma once

#include "model/place.h"

/* Asked with the app's lock held. Ends all processes of the job but ourselves (of our own, the app's and the children's
 * user: place->user must be known): its unit's cgroup, what has the lock of the work open, and everything that carries
 * its mark in the environment. FAULT_DRAIN names what would not go. */
gboolean quiet_job(const Place *place, const char *job_id, GError **error);

/* "liftlock-job-ID.service". The caller frees. */
char *quiet_unit_name(const char *job_id);
