/* SPDX-License-Identifier: Apache-2.0 */
/* Making a group's content. */
#pragma once

#include "delta/delta_file.h"

typedef struct DeltaSpan {
    const guint8 *bytes;
    gsize size;
} DeltaSpan;

/* Takes the next bytes of the content. */
typedef gboolean (*DeltaSink)(const guint8 *bytes, gsize size, gpointer data, GError **error);

/* Makes group->size bytes out of the old files (`old`: as many as group->old has) and hands them to `sink` in order.
 * FAULT_ARCHIVE "the delta is damaged" if it cannot; part of the content may have been handed over then. */
gboolean delta_group_make(const DeltaGroup *group, const DeltaSpan *old, DeltaSink sink, gpointer data, GError **error);
