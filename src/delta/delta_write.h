/* SPDX-License-Identifier: Apache-2.0 */
/* Making what a delta says, for the side with rights to write: what the child without rights does. */
#pragma once

#include "delta/delta_file.h"

typedef void (*DeltaProgress)(guint64 done, guint64 total, gpointer data);

/* Writes to `out_fd`, a pipe: the length of the plan (8 bytes, the lowest first), the plan (delta_plan.h), and the
 * content of the written files, one behind the other. FAULT_VERIFY if an old file has another size than its inventory
 * says, FAULT_ARCHIVE. */
gboolean delta_write(const DeltaFile *file, const TreeInventory *old, int old_dirfd, int out_fd, DeltaProgress progress,
                     gpointer data, GError **error);
