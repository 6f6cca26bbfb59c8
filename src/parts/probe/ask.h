/* SPDX-License-Identifier: Apache-2.0 */
/* What the probe drivers share among themselves. */
#pragma once

#include "base/fault.h"
#include "parts/probe/probe.h"

extern const ProbeDriver ask_http, ask_tcp, ask_unix, ask_command, ask_unit, ask_file, ask_sql;

/* "5 s", "250 ms". The caller frees. */
char *ask_time(gint64 duration_ms);

/* Sets a bad answer with its reason; returns TRUE, for a bad answer is a result. */
gboolean ask_problem(ProbeResult *result, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Judges the bytes of an answer by json, equals and expect. `text` is what the result says if none of them is asked
 * for; else it is the value that was looked at. FALSE only if the answer could not be looked at. */
gboolean ask_judge(const ProbeContext *context, const Check *check, const char *answer, const char *text,
                   ProbeResult *result, GError **error);

/* A path below the app's root, also through `current`; absolute ones as they are. The caller frees. */
char *ask_path(const ProbeContext *context, const char *path);
