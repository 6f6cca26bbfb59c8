/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Room for trees that are unpacked on the way: a directory of our own below TMPDIR, /var/tmp or /tmp, which goes when
 * it is closed. One whose process was killed goes when the next is opened.
 */
#pragma once

#include <glib.h>

typedef struct RepoScratch {
    char *path, *name;
    int parent, dirfd; /* locked as long as it is open */
} RepoScratch;

/* FAULT_SYSTEM, FAULT_SPACE. */
RepoScratch *repo_scratch_open(GError **error);
void repo_scratch_free(RepoScratch *scratch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RepoScratch, repo_scratch_free)

/* An empty directory in it that the children without rights may write into; what was there under that name goes. -1 on
 * failure. */
int repo_scratch_tree(const RepoScratch *scratch, const char *name, GError **error);

/* The path of something in it. The caller frees. */
char *repo_scratch_path(const RepoScratch *scratch, const char *name);
