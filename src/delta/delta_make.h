/* SPDX-License-Identifier: Apache-2.0 */
/* Making a delta file, for publishers. */
#pragma once

#include "delta/delta_file.h"

typedef struct DeltaMade {
    GByteArray *bytes; /* the delta file */
    char old_digest[65], new_digest[65];
    guint64 memory_bytes; /* that applying it takes */
    guint n_groups, n_written, n_kept, n_moved;
    guint64 prefix_bytes, ops_bytes; /* of the file, by codec */
} DeltaMade;
void delta_made_clear(DeltaMade *made);

/* What leads from one tree to the other; the same bytes for the same trees, always. Both are read, and may not change
 * meanwhile (FAULT_ARCHIVE then). memory_bytes: what applying may take (0: DELTA_MEMORY_BYTES). */
gboolean delta_make(int old_dirfd, int new_dirfd, guint64 memory_bytes, DeltaMade *made, GError **error);
