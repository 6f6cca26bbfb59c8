/* SPDX-License-Identifier: Apache-2.0 */
/* Groups of a delta file, for publishers: files and old files in, streams out. */
#pragma once

#include "delta/delta_group.h"
#include "delta/differ.h"

typedef struct DeltaCoded {
    DeltaGroup *group; /* whose streams point into bodies */
    GByteArray *bodies[DELTA_MAX_STREAMS];
    guint64 stored; /* all bodies */
} DeltaCoded;
void delta_coded_free(DeltaCoded *coded);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DeltaCoded, delta_coded_free)

/* One zstd frame of `content`, with `prefix` before it, as small as zstd gets it when `best`. The caller frees. */
GByteArray *delta_zstd(DeltaSpan content, DeltaSpan prefix, gboolean best);

/* Takes the group, whose files and old files are known. */
DeltaCoded *delta_code_prefix(DeltaGroup *group, DeltaSpan content, DeltaSpan prefix);

/* `ops` lead from `old` to `content`; old_at of each counts from the beginning of `old`. The width that codes them
 * smallest is chosen. */
DeltaCoded *delta_code_ops(DeltaGroup *group, const GArray *ops, DeltaSpan content, DeltaSpan old);

/* About what delta_code_ops would come to, quickly. */
guint64 delta_estimate_ops(const DifferOp *ops, guint n_ops, DeltaSpan content, DeltaSpan old);
