/* SPDX-License-Identifier: Apache-2.0 */
/* How an app is, by observation at the moment of asking: nothing here is a remembered success. */
#pragma once

#include "engine/journal.h"

/* A map: app, version (live by observation), what the last look at the source found (engine/offer.h), source, trust,
 * services[{name, active, state, restarts}], fence[], hold[], job (at work now) or interrupted (open without a worker),
 * last{kind, from, to, verdict, at, error}, releases[], backups, backups_bytes, errors[] (jobs of the last day that did
 * not end well, as last), auto (unattended_node), weaker[] (guarantees that do not hold in this setting). The caller
 * frees. */
Node *status_of(const HostPlace *host, const char *app, GError **error);

/* Jobs of the last day that did not end well, newest first, as a list of maps. `journal` may be NULL. The caller frees.
 */
Node *status_errors(Journal *journal, const char *app);

/* Names of all apps that have a configuration or a record: GPtrArray of char *, sorted. */
GPtrArray *status_apps(const HostPlace *host, GError **error);

/* A closer look: {app, condition: OK | DEGRADED | BROKEN, issues[{severity, text, advice}], files (in place: edited[],
 * missing[], in_the_way[], left_alone[], kept_copies[])}. Hashes the live tree. */
Node *inspect_app(const HostPlace *host, const char *app, GError **error);

/* Asks the live release's services, identity and tests once: {app, healthy, checks[{name, ok, text}]}. */
Node *health_of(const HostPlace *host, const char *app, GError **error);
