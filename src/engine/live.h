/* SPDX-License-Identifier: Apache-2.0 */
/* What runs: stopping, starting and proving services on behalf of the steps. */
#pragma once

#include "engine/job.h"

/* The name of a fact about a service: "service.web.active". The caller frees. */
char *live_key(const Service *service, const char *what);

/* Writes down whether a service ran and as which process, before anybody disturbs it, and whether its administrator
 * wants it at rest. */
gboolean live_record(Job *job, const Service *service, GError **error);

/* Hold drop-ins and the like for every service of the target. */
gboolean live_equip(Job *job, GError **error);

/* Takes those away again from the units of `mine` that `theirs` (NULL: nobody) does not have. */
gboolean live_unequip(Job *job, const Manifest *mine, const Manifest *theirs, GError **error);

/* Stops all services of the installed release but those that go on serving (live_switch.h), last started first, each
 * observed gone. */
gboolean live_stop_all(Job *job, GError **error);

/* Whether live_record found that the administrator masked the unit: nobody can start it. */
gboolean live_is_masked(Job *job, const Service *service);

/* Whether it was masked or stopped when the job came. A new release is proven all the same, but then put to rest. */
gboolean live_rests(Job *job, const Service *service);

/* FAULT_REQUIREMENT if everything that a probe needs is masked. */
gboolean live_can_be_proven(Job *job, GError **error);

/* Starts what live_record saw running, as enabled or disabled as it was. */
gboolean live_start_recorded(Job *job, GError **error);

/* The old release runs and says of itself what it said before. */
gboolean live_prove_old(Job *job, GError **error);

/* Starts the target's services that a probe needs, past the hold by passes. */
gboolean live_start_new(Job *job, GError **error);

/* Stops what was at rest before, and starts the rest of the target's services, what a reboot took away included. */
gboolean live_put_to_rest(Job *job, GError **error);
gboolean live_start_rest(Job *job, GError **error);

/* Stops the target's services, each observed gone. */
gboolean live_stop_new(Job *job, GError **error);

/* Those that keep the target's services running are there, and mean to: FALSE while the host goes down. */
gboolean live_host_stands(Job *job, GError **error);

gboolean live_has_identity(const Manifest *manifest);

/* One look at the new release: services are up as new processes that did not restart, identity is the target's.
 * FAULT_PROBE or FAULT_START with what is wrong. */
gboolean live_look(Job *job, gboolean all_services, GError **error);

/* Looks until it is healthy `successes` times in a row, asks the release's own tests, and lets it settle; the deadline
 * is renewed while the app reports progress. */
gboolean live_prove_new(Job *job, GError **error);
