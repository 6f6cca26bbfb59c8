/* SPDX-License-Identifier: Apache-2.0 */
/* What of an unpacked release may stay, before anything of it is run. */
#pragma once

#include "engine/job.h"

/* Holds the staged tree to [security] of the app's config: a file of another type or size is a fault (FAULT_POLICY),
 * one that the release calls privileged and the config does not name is taken out and said in the log. With layout
 * `files` it is left to the layout, which knows what is in its place. */
gboolean admission_hold(Job *job, int tree_fd, GError **error);
