/* SPDX-License-Identifier: Apache-2.0 */
/* The inventories of releases that are on disk, as they were published: a delta starts from one of them, and what a
 * build or an operator added since is not in it. Each proves itself, since its digest is that of the release's tree. */
#pragma once

#include "model/place.h"

/* NULL: none is kept. *digest (may be NULL) gets the tree's. The caller frees both. */
char *inventories_find(const Place *place, const char *version, gsize *size, char **digest);
gboolean inventories_keep(const Place *place, const char *version, const char *text, gsize size, GError **error);

/* Removes those of versions that are not in `versions` (char *). */
void inventories_prune(const Place *place, const GPtrArray *versions);
