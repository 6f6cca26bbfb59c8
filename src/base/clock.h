/* SPDX-License-Identifier: Apache-2.0 */
/* Time. Deadlines go by the monotonic clock; dates are only for people and for a publisher's minimum age. */
#pragma once

#include <glib.h>

/* Milliseconds of CLOCK_MONOTONIC. */
gint64 clock_monotonic_ms(void);

/* Seconds since 1970, UTC. */
gint64 clock_now_s(void);

/* "2026-11-21T02:34:31Z" (RFC 3339, UTC). The caller frees. */
char *clock_format(gint64 time_s);

/* Reads RFC 3339 with "Z" or an offset, or a bare date (midnight UTC). FALSE if it is neither; *time_s is then
 * untouched. */
gboolean clock_parse(const char *text, gint64 *time_s);

/* "3 hours", "1 day". `exact`: in the largest unit that divides it, else rounded down. The caller frees. */
char *clock_span(gint64 seconds, gboolean exact);

/* Sleeps; returns early only if the process is to end. */
void clock_sleep_ms(gint64 duration_ms);
