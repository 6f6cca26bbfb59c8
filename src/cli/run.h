/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs that start a job share: showing the plan, running it, saying how it ended. */
#pragma once

#include "cli/cli.h"

/* Before a job: nobody else is at work (FAULT_BUSY says who is), and what a crash left open is brought to its end,
 * which is said. */
gboolean run_recover_first(Call *call, const HostPlace *host, const Place *place, Journal *journal, GError **error);

/* Runs a clear plan as a job and follows it (or not, with --detach). Returns the exit code, -1 with *error set. */
int run_plan(Call *call, Planner *planner, const Plan *plan, GError **error);

/* Brings one app to what policy offers. Returns the exit code, -1 with *error set. */
int update_app(Call *call, Planner *planner, GError **error);
/* The same where nobody watches: in its window, once a day, remembered, and told if it ends before there is a job. */
int unattended_update(Call *call, Planner *planner, GError **error);
/* Two lines of `status` (engine/unattended.h, unattended_node). */
void unattended_show(Call *call, const Node *node, const char *indent);

/* Recovers one interrupted job and follows it. */
int run_recovery(Call *call, const HostPlace *host, const Place *place, Journal *journal, const JobRecord *job,
                 GError **error);

/* Prints a plan for people, and puts it into the answer. */
void run_show_plan(Call *call, const Planner *planner, const Plan *plan);
