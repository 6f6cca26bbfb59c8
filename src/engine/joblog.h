/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A job's log: jobs/ID/log, a JSON object a line. Each line ends with a checksum over itself and the line before, so
 * that a torn or edited log is noticed and state.db can be rebuilt from what holds. People, panel and client follow it.
 */
#pragma once

#include "base/document.h"
#include "model/place.h"

typedef struct JobLog JobLog;

JobLog *job_log_open(const char *job_directory, GError **error); /* appends after the last line that holds */
JobLog *job_log_spoken(void); /* of a process whose standard error goes to the job's log: texts alone, said there */
void job_log_close(JobLog *log);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(JobLog, job_log_close)

/* Writes {seq, at, type, ...fields}. Takes fields (a map; may be NULL). `durable`: synced when it returns. A log that
 * cannot be written (full disk) must not stop a job: failures are swallowed and counted. */
void job_log_write(JobLog *log, const char *type, Node *fields, gboolean durable);
void job_log_text(JobLog *log, const char *type, const char *text); /* {type, text} */
void job_log_output(JobLog *log, const char *line); /* of the job's children: 4 MiB of it are kept, and that is said */

/* Reads lines from *offset on that are complete and whose checksum holds: GPtrArray of Node *. *offset moves on. */
GPtrArray *job_log_read(const char *job_directory, guint64 *offset, GError **error);
