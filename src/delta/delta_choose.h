/* SPDX-License-Identifier: Apache-2.0 */
/* Which content is coded how: files are put into groups, and each group gets the encoder that makes it smallest. */
#pragma once

#include "delta/delta_encode.h"

typedef struct DeltaChoice {
    const TreeInventory *old, *new;
    int old_dirfd, new_dirfd;
    const GArray *written; /* of guint32: entries of new that are to be made */
    const GArray *changed; /* of guint32: old files to make them from */
    guint64 memory_bytes;  /* that a group may take when it is applied */
} DeltaChoice;

/* Groups that make all of them, of DeltaCoded. The caller frees; NULL: a file could not be read, or has changed. */
GPtrArray *delta_choose(const DeltaChoice *choice, GError **error);
