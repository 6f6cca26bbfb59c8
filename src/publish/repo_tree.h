/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of a release, as hosts get it, out of the files of a repository; unpacked by the children without rights. */
#pragma once

#include "publish/repo_scratch.h"
#include "trust/tuf_metadata.h"

typedef struct RepoTree {
    const RepoScratch *scratch; /* which outlives it */
    char *name;                 /* in that */
    int dirfd;
    char *text; /* its inventory; NULL: not read yet */
    gsize size;
    char *digest;
} RepoTree;

/* An empty one, to be filled. FAULT_SYSTEM. */
RepoTree *repo_tree_new(const RepoScratch *scratch, const char *name, GError **error);
void repo_tree_free(RepoTree *tree); /* from the disk too */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RepoTree, repo_tree_free)

/* Unpacks an archive into an empty one, and lifts a single leading directory. */
gboolean repo_tree_unpack(RepoTree *tree, int archive_fd, const char *name, GError **error);

/* Reads the inventory of what is there; FAULT_ARCHIVE if it is none that can be written down. */
gboolean repo_tree_read(RepoTree *tree, GError **error);

/* Fills an empty one from pack and table, each verified before. `digest` is the tree's. FAULT_VERIFY, FAULT_ARCHIVE. */
gboolean repo_tree_assemble(RepoTree *tree, int table_fd, int pack_fd, const char *digest, GError **error);

/* The first file of a release of a kind; NULL: it lists none. Borrowed. */
const TufFile *repo_tree_file(const TufMetadata *role, const Node *block, const char *kind);

/* The last part of a target's path. Borrowed. */
const char *repo_target_name(const TufFile *file);

/* Opens a target and holds it against what was signed. FAULT_VERIFY "targets/...: it is missing", "...: its content is
 * not what its name says". -1 then. */
int repo_target_open(int repo_dirfd, const TufFile *file, GError **error);

/* Whether a fault is about what lies in the repository, and not about this machine. */
gboolean repo_tree_is_theirs(const GError *error);

/* The tree of a published release: from its archive, else from its pack. FAULT_VERIFY, FAULT_ARCHIVE where neither
 * leads to the tree that was signed; the text is about the first of them. */
RepoTree *repo_tree_of_release(const RepoScratch *scratch, const char *name, int repo_dirfd, const TufMetadata *role,
                               const Node *block, GError **error);
