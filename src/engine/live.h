/* SPDX-License-Identifier: Apache-2.0 */
/* What runs: stopping, starting and proving services on behalf of the steps. */
#pragma once

#include "engine/job.h"

/* The name of a fact about a service: "service.web.active". The caller frees. */
char *live_key(const Service *service, const char *what);

/* Writes down whether a service ran and as which process, before anybody disturbs it. */
gboolean live_record(Job *job, const Service *service, GError **error);

/* Hold drop-ins and the like for every service of the target. */
gboolean live_equip(Job *job, GError **error);

/* Stops all services of the installed release, last started first, each observed gone. */
gboolean live_stop_all(Job *job, GError **error);

/* Starts what live_record saw running. */
gboolean live_start_recorded(Job *job, GError **error);

/* The old release runs and says of itself what it said before. */
gboolean live_prove_old(Job *job, GError **error);

/* Starts the target's services of one kind. Past the hold by passes. */
gboolean live_start_new(Job *job, ServiceStart when, GError **error);

/* Stops the target's services, each observed gone. */
gboolean live_stop_new(Job *job, GError **error);

gboolean live_has_identity(const Manifest *manifest);

/* One look at the new release: services are up as new processes that did not restart, identity is the target's.
 * FAULT_PROBE or FAULT_START with what is wrong. */
gboolean live_look(Job *job, gboolean all_services, GError **error);

/* Looks until it is healthy `successes` times in a row, asks the release's own tests, and lets it settle; the deadline
 * is renewed while the app reports progress. */
gboolean live_prove_new(Job *job, GError **error);
