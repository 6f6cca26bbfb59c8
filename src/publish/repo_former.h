/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that an app's metadata have let go and that readers may still ask for: whoever has the metadata from before
 * follows them for as long as the timestamp of that time is good (docs/publishing.md, "Old releases").
 */
#pragma once

#include "publish/repo.h"

/* Paths beneath the repository ("targets/books/SHA256.FILE") -> gint64 *: until when, in seconds. What the metadata of
 * now name is not among them. Older metadata that cannot be read count as not there. The caller frees. */
GHashTable *repo_former_targets(int dirfd, const RepoFile *app);
