/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layout "releases", inside: a directory per version, and one symbolic link.
 *
 * releases/V.partial is being built, releases/V.pending is sealed, releases/V may be live; `current` points to the live
 * one and `current.back`, made before the fence, to the one that would be live again.
 */
#pragma once

#include "base/digest.h"
#include "parts/layout/layout.h"

#include <sys/stat.h>

extern const LayoutDriver layout_releases;

#define RELEASES_CURRENT "current"
#define RELEASES_BACK "current.back"

/* What holds `releases` and the links; -1 on failure. */
int releases_open_store(const Place *place, GError **error);

/* The directory of releases, below a root that the app's user cannot redirect; -1 on failure. */
int releases_open(const Place *place, GError **error);

/* What other layouts that keep releases so share: see LayoutDriver. */
char *releases_current(const Place *place, GError **error);
GPtrArray *releases_present(const Place *place, GError **error);
int releases_prepare(const PartContext *context, const char *version, GError **error);
void releases_staged(const Place *place, const char *version, char **path, char **shown_as);
gboolean releases_drop_staged(const PartContext *context, const char *version, GError **error);
gboolean releases_promote(const PartContext *context, const char *version, GError **error);

/* FAULT_MANIFEST if the version cannot be a directory's name. */
gboolean releases_name_check(const char *version, GError **error);

/* furnish.c */
gboolean releases_furnish(const PartContext *context, const Manifest *manifest, const char *version, GError **error);

/* seal.c */
gboolean releases_seal(const PartContext *context, const char *version, char **tree_digest, GError **error);
gboolean releases_seal_told(const PartContext *context, const char *version, digest_entry_fn tell, gpointer data,
                            char **tree_digest, GError **error);
/* Gives a name a file of its own with this content (an open file's), rights and times. */
gboolean releases_copy_over(int parent, const char *name, int from, const struct stat *st, GError **error);
gboolean releases_verify(const Place *place, const char *version, const char *tree_digest, GError **error);
/* TRUE if `name` below `releases` is sealed; a fault names the first entry that is not. */
gboolean releases_is_sealed(int releases, const char *name, GError **error);
