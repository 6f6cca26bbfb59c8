/* SPDX-License-Identifier: Apache-2.0 */
/* That an archive is the tree of a commit, and that somebody who may sign has signed for it. */
#pragma once

#include "model/config.h"

/* `objects` is what remote_git_archive gave: the commit's bytes must have its name, the archive the name of its tree,
 * and with trust level git the tag or the commit must be signed. `ref` is where it was found, `fd` the archive.
 * FAULT_VERIFY. */
gboolean git_proof(const AppConfig *config, const Node *objects, const char *ref, const char *commit, int fd,
                   GError **error);
