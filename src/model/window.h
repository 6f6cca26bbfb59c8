/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When an app may be updated without anybody there: a span of the day on the host's own clock on the wall.
 *
 * Where the clock is set forwards, a window that lies whole within the hour that does not exist opens at that moment
 * and stays open as long as it would have; one that begins there opens then, one that ends there closes then. Where it
 * is set back, an hour comes twice, and so does what is open in it.
 */
#pragma once

#include <glib.h>

typedef struct Window {
    int opens_min, closes_min; /* minutes since midnight; never the same; closes before it opens: past midnight */
} Window;

/* "22:00-05:00". FALSE: it is none. */
gboolean window_parse(const char *text, Window *window);

/* How long it is open on an ordinary day. */
gint64 window_length_ms(const Window *window);

/* Whether it is open at `time_s` in the zone of this process (TZ, /etc/localtime). */
gboolean window_is_open(const Window *window, gint64 time_s);

/* A number for the local day of `time_s`: what is the same day has the same one. The part after midnight of a window
 * counts to the day on which it opened. `window` may be NULL. */
gint64 window_day(const Window *window, gint64 time_s);
