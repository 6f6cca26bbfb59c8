/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Updates that nobody watches: the timer that begins them, whether one may run now, and how the last one went.
 *
 * A run is remembered in VAR/NAME/auto.json. One that got no answer (no network, no room, somebody else at work) is
 * "postponed" and leaves the day's turn to the next try.
 */
#pragma once

#include "model/config.h"
#include "model/place.h"

typedef struct Run {
    gint64 at_s;
    char *result; /* updated, up-to-date, waiting, postponed, refused, failed, rolled-back, needs-help */
    char *text;   /* what was said; NULL */
} Run;
void run_free(Run *run);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Run, run_free)

/* The last one; NULL: there was none. */
Run *unattended_last(const Place *place);
gboolean unattended_remember(const Place *place, const Run *run, GError **error);

/* Whether a result is one that somebody must hear of. */
gboolean run_is_bad(const Run *run);

/* What speaks against a run at `now_s`: its window, maintenance, or that there was one today (not if `forced`). NULL:
 * it may run. The caller frees. */
char *unattended_not_now(const Place *place, const AppConfig *config, gint64 now_s, gboolean forced);

/* The timer, by its configuration. Without systemd FAULT_REQUIREMENT, with the line for crontab(5) as hint. */
gboolean unattended_on(const HostPlace *host, const Place *place, const AppConfig *config, GError **error);
gboolean unattended_off(const HostPlace *host, const Place *place, const AppConfig *config, gboolean *had,
                        GError **error);

/* Of an app that goes: its timer, and what is remembered. */
gboolean unattended_retire(const Place *place, GError **error);

/* For status: {timer: on | off | unknown, at_boot, as_configured, calendar, window, next, unit_result, last: {at,
 * result, text} | null}. The caller frees. */
Node *unattended_node(const HostPlace *host, const Place *place, const AppConfig *config);
