/* SPDX-License-Identifier: Apache-2.0 */
/* What a job and its plan have to do with SQL migrations, and the row about the job in the app's own database. */
#pragma once

#include "engine/job.h"

/* In trial, before anybody is disturbed: are the files fit to run, and can the database be asked? Says which are due.
 */
gboolean sql_step_look(Job *job, const char *tree, GError **error);

/* In migrate. */
gboolean sql_step_run(Job *job, const char *tree, GError **error);

/* Notes for the plan of going to `manifest`; names files where the release is on disk already. */
void sql_step_note(const PartContext *part, const Manifest *manifest, const char *to, GPtrArray *notes);

/* Whether the live data had no migration that an older release on this host does not know. */
gboolean sql_step_fits(const PartContext *part, const Manifest *installed, const Manifest *older);

/* After the verdict: a row in the table that the manifest of the live release names. Never fails a job. */
void history_row_write(Job *job, const char *verdict, const GError *cause);
