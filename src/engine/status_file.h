/* SPDX-License-Identifier: Apache-2.0 */
/* RUN/APP.json: what a job is doing, for whoever watches (a panel, a maintenance page). Replaced as a whole, so that
 * any reader sees all or nothing; gone after a reboot, like the job itself. */
#pragma once

#include "engine/job.h"

/* Fields that change are NULL or 0 where they say nothing. A failure is swallowed: nobody's data hang on it. */
void status_file_write(Job *job, const char *step, const char *mark, guint64 done, guint64 total, const char *verdict);
