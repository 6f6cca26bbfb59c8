/* SPDX-License-Identifier: Apache-2.0 */
/* A new tree from a release's pack and whatever is here already: the side with rights. */
#pragma once

#include "delta/pack.h"

/* The inventory that a table carries, unpacked by the child without rights. FAULT_VERIFY "the table's inventory is not
 * the release's" unless its digest is tree_digest; FAULT_ARCHIVE. The caller frees *text. */
gboolean pack_inventory(int table_fd, const char *tree_digest, char **text, gsize *size, GError **error);

typedef struct PackAssembly {
    int old_dirfd;        /* -1: there is no old tree */
    const char *old_text; /* its inventory */
    gsize old_size;
    const char *new_text; /* inventory of the new tree, whose digest must be new_digest */
    gsize new_size;
    const char *new_digest;
    int table_fd, pack_fd; /* the table's digest has been checked; the pack may have holes where nothing is needed */
    int new_dirfd;         /* may hold parts of the new tree: an earlier call that was cut short */
    gboolean link;
    guint n_threads;
    DeltaProgress progress;
    gpointer data;
} PackAssembly;

/* What has to be fetched of the pack: files that the old tree has, or that lie complete beneath new_dirfd (-1: there is
 * none yet), need nothing, nor do frames that lie in pack_fd (-1: nothing of it is here). Files beneath new_dirfd that
 * are not what they shall be are removed. Ranges as pack_ranges gives them; NULL on failure. */
GArray *pack_plan(const PackAssembly *assembly, guint64 gap_bytes, GError **error);

/* Makes what is missing, once the ranges are in the pack. Ends as delta_assemble does; what lies beneath new_dirfd
 * after a failure is taken up by the next call. */
gboolean pack_assemble(const PackAssembly *assembly, GError **error);
