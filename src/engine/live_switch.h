/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Services that are switched (model/manifest_switch.h): the old instance serves until users were seen to reach the new
 * one, and is stopped when the job settles. A job that goes to the version it comes from, or that brings other data in,
 * crosses nothing: it stops and starts such a service like any other.
 */
#pragma once

#include "engine/job.h"

/* Whether the job leaves this service of the installed release running beside the target's. */
gboolean live_crosses(const Job *job, const Service *service);
gboolean live_crosses_any(const Job *job);

/* Before the fence: the proxy runs, it leads to the release that is live, and units stay with their release. */
gboolean live_switch_check(Job *job, GError **error);

/* While the hold stands, what goes on serving may still be started again. */
gboolean live_switch_keep(Job *job, GError **error);

/* Leads users to the target's instances and sees that they get there; boots go to these from now on. Repeatable. */
gboolean live_switch_over(Job *job, GError **error);

/* Stops, after their drain, all instances but the one that is live, and forgets files that nobody writes any more. On
 * uninstall none is live. Repeatable. */
gboolean live_switch_retire(Job *job, GError **error);
