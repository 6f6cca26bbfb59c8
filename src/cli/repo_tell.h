/* SPDX-License-Identifier: Apache-2.0 */
/* What the acts of `repo` have done, for people and for programs. The repository is the act's first argument. */
#pragma once

#include "cli/cli.h"
#include "publish/repo_report.h"

Node *repo_tell_list(const GPtrArray *texts); /* the caller frees */

/* Sets the answer in JSON. */
void repo_tell_answer(Call *call, const RepoReport *report);

/* Keys, root, notes and what is to be uploaded; sets the answer too. */
void repo_tell(Call *call, const RepoReport *report);

/* A release that was added, and its files. */
void repo_tell_release(Call *call, const RepoReport *report);
