/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new tree beside an old one, out of a delta file: the side with rights.
 *
 * The child without rights (liftlock-assemble) reads the delta, says what the new tree is, and hands over the content
 * of its new files through a pipe. It can write nowhere. What it says is made here, and read again from disk while the
 * rest comes; files that stay are linked or copied. Only a tree that has the expected digest is a success.
 */
#pragma once

#include "delta/delta_write.h"

typedef struct DeltaAssembly {
    int old_dirfd, new_dirfd; /* new: empty */
    int delta_fd;             /* its digest has been checked */
    const char *old_text;     /* inventory of the old tree, text and length */
    gsize old_size;
    const char *new_digest; /* that the new tree must have */
    DeltaLimits limits;     /* 0: DELTA_MEMORY_BYTES, 64 GiB */
    gboolean link;          /* kept files become hard links; else copies, whose blocks are shared where that can be */
    guint n_threads;        /* that write, link and read; 0: 2 */
    DeltaProgress progress;
    gpointer data;
} DeltaAssembly;

/* FAULT_VERIFY "the delta does not lead to the release" and the like: then take the release's pack instead. Whatever
 * went wrong, beneath new_dirfd may lie parts of a tree that the caller removes. *text (may be NULL) gets the new
 * tree's inventory, *size its length. Nothing is synced. */
gboolean delta_assemble(const DeltaAssembly *assembly, char **text, gsize *size, GError **error);
