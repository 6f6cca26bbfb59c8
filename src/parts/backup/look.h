/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at data without reading them: have they changed, may their blocks be shared. */
#pragma once

#include <glib.h>
#include <time.h>

/* What a file or tree looks like: names, inodes, sizes and times of all entries, never content. "-": absent, which an
 * empty journal counts as. *latest (may be NULL) gets the last change. NULL on failure. */
char *look_see(int live, const char *name, gboolean empty_is_absent, struct timespec *latest, GError **error);

/* A change within the same tick of the kernel's clock would leave no trace in the times: let the tick pass. */
void look_pass_tick(const struct timespec *latest);

/* Whether blocks can be shared between files in this directory. */
gboolean look_shares_blocks(int dirfd);
