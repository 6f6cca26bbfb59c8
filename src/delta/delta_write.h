/* SPDX-License-Identifier: Apache-2.0 */
/* Writing what a delta makes. This is what the child without rights does; the rest is delta_assemble.h. */
#pragma once

#include "delta/delta_file.h"

typedef void (*DeltaProgress)(guint64 done, guint64 total, gpointer data);

/* Makes the directories, links and written files of the new tree beneath new_dirfd, which is empty. Kept and moved
 * files stay away. Nothing that it makes replaces anything. FAULT_VERIFY if an old file has another size than its
 * inventory says, FAULT_SPACE, FAULT_ARCHIVE; what was written by then stays. */
gboolean delta_write(const DeltaFile *file, const TreeInventory *old, int old_dirfd, int new_dirfd,
                     DeltaProgress progress, gpointer data, GError **error);

/* Which old entries stay under their own path, as "FIRST COUNT FIRST COUNT ...". The caller frees. */
char *delta_kept_text(const DeltaFile *file);
