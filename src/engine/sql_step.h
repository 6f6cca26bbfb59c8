/* SPDX-License-Identifier: Apache-2.0 */
/* What a job and its plan have to do with SQL migrations, and the row about the job in the app's own database. */
#pragma once

#include "engine/job.h"

#define SQL_FACT "sql" /* what sql_step_look found, if it was nothing */
#define SQL_NOTHING_DUE "nothing is due"

/* In trial, before anybody is disturbed: are the files fit to run, and can the database be asked? Says which are due.
 */
gboolean sql_step_look(Job *job, const char *tree, GError **error);

/* In migrate. */
gboolean sql_step_run(Job *job, const char *tree, GError **error);

/* In migrate, on the way to an older release that is on disk: takes back what it does not know. */
gboolean sql_step_down(Job *job, GError **error);

/* Whether that can be done: everything that it would run is there and fit to run. Adds a note that names it; without
 * the right, what is missing goes to `why`, the caller frees. */
gboolean sql_step_can_go_down(const PartContext *part, const Manifest *installed, const Manifest *older,
                              GPtrArray *notes, char **why);

/* Notes for the plan of going to `manifest`; names files where the release is on disk already. */
void sql_step_note(const PartContext *part, const Manifest *manifest, const char *to, GPtrArray *notes);

/* Whether the live data had no migration that an older release on this host does not know. */
gboolean sql_step_fits(const PartContext *part, const Manifest *installed, const Manifest *older);

/* After the verdict: a row in the table that the manifest of the live release names. Never fails a job. */
void history_row_write(Job *job, const char *verdict, const GError *cause);
