/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the files of an app in place lie: in its root, and a directory of the release that the host's configuration
 * sends elsewhere in that other folder, perhaps on another file system. Paths are those of the release throughout.
 */
#pragma once

#include "parts/part.h"

typedef struct Ground Ground;

/* Opens the root and each folder of `away` (PlaceAway; may be NULL). FAULT_CONFIG if one is not there, or where the
 * app's user could put something else in its place. */
Ground *ground_open(const Place *place, const GPtrArray *away, GError **error);
void ground_close(Ground *ground);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Ground, ground_close)

/* The descriptor, borrowed, below which a path of the release lies as *below ("." for the folder itself), borrowed.
 * ground NULL: -1, there is nothing. */
int ground_of(const Ground *ground, const char *path, const char **below);

/* Whether this path of the release is the root or such a folder, which are the host's and neither made nor removed. */
gboolean ground_is_top(const Ground *ground, const char *path);

/* A directory, -1 if it cannot be opened. */
int ground_directory(const Ground *ground, const char *path, GError **error);
gboolean ground_exists(const Ground *ground, const char *path);

/* What else it is called on this host, for people: the absolute path. The caller frees. */
char *ground_show(const Ground *ground, const char *path);
