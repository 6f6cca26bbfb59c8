/* SPDX-License-Identifier: Apache-2.0 */
/* A systemd timer that starts a verb of liftlock again and again. */
#pragma once

#include "parts/part.h"

typedef struct TimerOrder {
    const char *name;             /* of timer and service, without ".timer" */
    const char *description;      /* one line for people */
    const char *const *arguments; /* of liftlock, NULL-terminated; plain words */
    const char *calendar;         /* systemd.time(7) */
    gint64 delay_ms;              /* random, up to that */
    const char *const
        *writable;         /* what must not be read-only wherever it lies, NULL-terminated; absent ones are good */
    const char *host_root; /* LIFTLOCK_ROOT for it; NULL: none */
} TimerOrder;

/* Writes service and timer, enables and starts the timer. FAULT_REQUIREMENT without systemd; FAULT_CONFIG for a
 * calendar that it does not understand: nothing of ours is left then. A file of that name that is not ours is
 * FAULT_STATE. */
gboolean service_timer_on(const Place *place, const TimerOrder *order, GError **error);

/* Takes both away; what runs at the moment goes on. *had: there was one. Without systemd only the files go. */
gboolean service_timer_off(const Place *place, const char *name, gboolean *had, GError **error);

typedef struct TimerState {
    gboolean reachable;       /* a manager answered */
    gboolean enabled, active; /* at boot; now */
    gboolean as_ordered;      /* the files say what the order says */
    gint64 last_s, next_s;    /* 0: never, unknown */
    char *result;             /* of the service's last run, systemd's word: "success", "exit-code"; NULL: none yet */
} TimerState;
void timer_state_clear(TimerState *state);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(TimerState, timer_state_clear)

void service_timer_look(const Place *place, const TimerOrder *order, TimerState *state);
