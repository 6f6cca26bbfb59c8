/* SPDX-License-Identifier: Apache-2.0 */
/* A job on the terminal: all steps at once, then ticked in place, with bytes, rate and time left. On a pipe, with
 * NO_COLOR or TERM=dumb: plain lines, one a step. */
#pragma once

#include "base/document.h"
#include "model/plan.h"

#include <stdio.h>

typedef struct Progress Progress;

Progress *progress_new(FILE *out);
void progress_free(Progress *progress);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Progress, progress_free)

/* Takes a line of the job's log (engine/joblog.h). */
void progress_line(const Node *line, gpointer progress);
