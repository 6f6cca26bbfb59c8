/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of a release before it is packed: its manifest, its size, and what of it is published. */
#pragma once

#include "model/manifest.h"

typedef struct ReleaseTree {
    int dirfd;
    char *path;          /* resolved */
    char *manifest_name; /* "liftlock.yaml" */
    char *manifest_bytes;
    gsize manifest_size;
    Manifest *manifest;
    GPtrArray *exclude;    /* globs, NULL-terminated */
    gint64 bytes, entries; /* of what is packed */
    gint64 time_s;         /* that all files of the archive get */
} ReleaseTree;

/* Opens a tree and reads and checks its manifest, which is of `app` (NULL: as it says). `out` is left out of the tree,
 * as is .git. FAULT_USAGE, FAULT_MANIFEST, FAULT_POLICY. */
ReleaseTree *release_tree_open(const char *path, const char *app, const char *out, GError **error);
void release_tree_free(ReleaseTree *tree);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ReleaseTree, release_tree_free)

/* Packs into a descriptor, and reads the archive back: it must be one that clients take, and hold this manifest. */
gboolean release_tree_pack(const ReleaseTree *tree, const char *name, int output_fd, GError **error);
