/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Units that a publisher's hooks stop and start by themselves ("systemctl stop web.service"), without declaring them as
 * services. Nothing holds them; but what ran before a job runs again when the job went back.
 */
#pragma once

#include "engine/job.h"

/* In ready: notes which of them are active. */
gboolean hook_units_record(Job *job, GError **error);

/* Stops those that are active: before an update's files go back, and where a job runs no hooks, such as a rollback. */
gboolean hook_units_stop(Job *job, GError **error);

/* Starts those that were active when the job began and are not now. FAULT_START. */
gboolean hook_units_start(Job *job, GError **error);
