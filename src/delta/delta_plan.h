/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a delta makes of an old tree, told by the child that read it to the side with rights, which makes it.
 *
 * A row of lines, NUL behind each, entries in the order of the new tree, then the written files in the order in which
 * their content will come:
 *
 *     k FIRST COUNT       so many entries of the old inventory stay as they are
 *     d PATH              a directory
 *     l PATH, TARGET      a symbolic link: two lines
 *     m OLD x PATH        the content of an old file (its index); - instead of x unless it is executable
 *     f SIZE x PATH       a file whose content will come
 *
 * The child may have been taken over: reading believes nothing, and what comes of it counts by its digest alone.
 */
#pragma once

#include "delta/delta_file.h"

/* For the child. The caller frees. */
GString *delta_plan_text(const DeltaFile *file);

typedef struct PlanEntry {
    const char *path;
    const char *target; /* of links */
    guint64 size;       /* of written files */
    guint32 old;        /* of shared files */
    gboolean runs;
} PlanEntry;

typedef struct DeltaPlan {
    char *text;
    GArray *dirs, *links, *shared, *written; /* of PlanEntry, which point into text and into the old inventory */
} DeltaPlan;

/* Takes the text, whose `size` bytes a NUL follows. FAULT_ARCHIVE "the delta is damaged"; NULL then. */
DeltaPlan *delta_plan_read(char *text, gsize size, const TreeInventory *old, guint64 tree_bytes, GError **error);
void delta_plan_free(DeltaPlan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DeltaPlan, delta_plan_free)
