/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RUN/APP.json: what a job is doing and what the source offers, for whoever watches (the app itself, its admin page, a
 * maintenance page): {app, job, kind, from, to, step, mark, done, total, verdict, at, available}, `available`
 * being {installed, offered, changelog, severity, checked_at, check_failed_at, check_error} (engine/offer.h). Everybody
 * may read it. It is replaced as a whole, so that any reader sees all or nothing; a reboot ends it, like the job
 * itself, and recovery at boot writes it anew with what is available.
 */
#pragma once

#include "engine/job.h"

/* Fields that change are NULL or 0 where they say nothing. A failure is swallowed: nobody's data hang on it. */
void status_file_write(Job *job, const char *step, const char *mark, guint64 done, guint64 total, const char *verdict);

/* After a look at the source, or where the file is gone: brings `available` up to date. While a job is at work it is
 * left alone: the job's own next word has it. */
void status_file_refresh(const Place *place);
