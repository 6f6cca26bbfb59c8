/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new tree that is made out of an old one and out of a stream, and read while it is made: the side with rights.
 *
 * Several threads take part. One makes directories, links and the files whose content comes, in order; all of them put
 * the shared files where they belong and hash: shared files, and written ones up to where they have been written. A
 * digest counts in the end if the file is still the one that was hashed and if nobody else can have written to it
 * since.
 */
#pragma once

#include "delta/delta_plan.h"

typedef struct TreeBuild TreeBuild;

/* Makes it beneath new_dirfd. Those whom `old` and the plan belong to keep them. `early`: what is hashed on the way
 * counts; FALSE where a child without rights might write as we do. */
TreeBuild *tree_build_new(int old_dirfd, int new_dirfd, const TreeInventory *old, gboolean link, gboolean early);

/* What one thread does: directories, links and written files, whose content it reads from `content_fd`; then it helps
 * the others. FAULT_ARCHIVE "the delta is damaged" if the content ends early. */
void tree_build_make(TreeBuild *build, const DeltaPlan *plan, int content_fd);

/* What the other threads do. Returns when all is done, or something failed anywhere. */
void tree_build_help(TreeBuild *build);

/* Ends the work of all threads; the first error counts. Takes it. */
void tree_build_fail(TreeBuild *build, GError *error);

/* When all threads are through. */
gboolean tree_build_end(TreeBuild *build, GError **error);

/* The new tree's inventory, read from disk; the caller frees. */
char *tree_build_text(const TreeBuild *build, guint n_threads, gsize *size, GError **error);
void tree_build_free(TreeBuild *build);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TreeBuild, tree_build_free)
