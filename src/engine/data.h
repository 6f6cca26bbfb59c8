/* SPDX-License-Identifier: Apache-2.0 */
/* What a plan and a job ask of all sets of data at once. */
#pragma once

#include "engine/job.h"

/* What speaks against touching these sets now (`copied`: and against copying them in the fence), and what a person
 * should know of them. */
void data_object(const PartContext *context, const GPtrArray *sets, gboolean copied, GPtrArray *objections,
                 GPtrArray *notes);

/* Rule 12: adds the names ("database", "SYSTEM/NAME") under which the sets belong to one app. `names` owns its texts.
 * FALSE: what one of them is called cannot be found out now. */
gboolean data_claims(const PartContext *context, const GPtrArray *sets, GPtrArray *kinds, GPtrArray *names,
                     GError **error);
/* An objection for each set that another app has claimed. */
void data_object_to_claimed(const PartContext *context, Journal *journal, const char *app, const GPtrArray *sets,
                            GPtrArray *objections);

/* Notes which run of their servers keeps the sets. */
gboolean data_servers_note(Job *job, GError **error);
/* FALSE, with a fault that names the set: its server does not answer, or is not the one that was noted any more.
 * Whatever failed meanwhile, the host may be to blame. */
gboolean data_servers_stand(Job *job, GError **error);

/* Ends what uses the data beside the app's services, such as a statement that outlived its client. `own`: only what was
 * begun for this job. */
gboolean data_end_sessions(Job *job, gboolean own, GError **error);
