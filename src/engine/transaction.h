/* SPDX-License-Identifier: Apache-2.0 */
/* Walks the step table: downwards as far as it goes, upwards on a failure, and from where a crash left it. */
#pragma once

#include "engine/job.h"

/* In the order of verdict_names (model/config.h). */
typedef enum {
    VERDICT_UPDATED,
    VERDICT_ROLLED_BACK,
    VERDICT_FAILED,
    VERDICT_REFUSED,
    VERDICT_NEEDS_HELP,
    N_VERDICTS
} Verdict;

const char *verdict_name(Verdict verdict); /* "rolled-back" */
gboolean verdict_from_name(const char *name, Verdict *verdict);
int verdict_exit_code(Verdict verdict,
                      const char *code_name); /* design section 7; code_name: fault_row name of the cause or NULL */

/* Runs a fresh job to its end. */
Verdict transaction_run(Job *job);

/* Ends a job that fell ill under observation and whose return cannot even begin. */
Verdict transaction_give_up(Job *job, const GError *cause);

/* Ends a job that a crash left open: back before commit, forwards after it. The past must be quiet. */
Verdict transaction_recover(Job *job);
