/* SPDX-License-Identifier: Apache-2.0 */
/* [auto] of an app's configuration: when it is updated without anybody there. */
#pragma once

#include "model/config.h"
#include "model/window.h"

/* What is wrong with [auto] and [policy] min_age_of, or NULL; *pointer gets where. The caller frees. */
char *auto_config_problem(const AppConfig *config, const char **pointer);

/* The window of a checked configuration. FALSE: there is none, any time will do. */
gboolean auto_window(const AppConfig *config, Window *window);

/* When a timer is to begin, as systemd.time(7) says it: [auto] calendar, or the window's beginning, or 06:00. The
 * caller frees. */
char *auto_calendar(const AppConfig *config);

/* By how much at most it begins later, so that not all hosts ask at once: never more than half of the window. */
gint64 auto_delay_ms(const AppConfig *config);

/* "0 6 * * *": the same for crontab(5), or NULL: the calendar says what cron cannot. The caller frees. */
char *auto_cron_time(const AppConfig *config);

/* How old a release of this severity (NULL: none said, which counts as "normal") must be: [policy] min_age_of, else
 * nothing for security and critical ones and min_age for the others. */
gint64 auto_min_age_ms(const AppConfig *config, const char *severity);
