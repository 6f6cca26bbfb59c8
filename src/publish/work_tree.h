/* SPDX-License-Identifier: Apache-2.0 */
/* The git work tree that a publisher releases from: what is published is what was committed. */
#pragma once

#include <glib.h>

/* Refuses (FAULT_POLICY, with the files named) if git knows of changes in `directory`, or with `all` anywhere in the
 * work tree that it lies in, which are not committed; files that git ignores do not count. `except` is a path that does
 * not count either; may be NULL. Outside of any work tree there is nothing to refuse. */
gboolean work_tree_check(const char *directory, gboolean all, const char *except, GError **error);

/* Whether the directory lies in a work tree. */
gboolean work_tree_is_one(const char *directory);
