/* SPDX-License-Identifier: Apache-2.0 */
/* What the ways share: ways.c has the choice, the delta and the archive, ways_frames.c the frames of a pack. */
#pragma once

#include "delta/tree_inventory.h"
#include "engine/ways.h"

/* What a way starts from: the installed release. */
typedef struct WaysBase {
    int dirfd;  /* -1 before */
    char *text; /* its inventory as it was published */
    gsize size;
} WaysBase;
void ways_base_clear(WaysBase *base);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(WaysBase, ways_base_clear)
gboolean ways_base_open(const Ways *ways, WaysBase *base, GError **error);

/* The inventory of what came, for the update after this one. */
gboolean ways_keep(const Ways *ways, const char *text, gsize size, GError **error);

/* Bytes of a file that are not in the cache. */
gint64 ways_lacks(const Place *place, const PlanFile *file);

gint64 ways_archive_lacks(const Place *place, const Plan *plan);

/* FAULT_POLICY if so many more bytes are not to be fetched. */
gboolean ways_limit(const Plan *plan, const char *what, gint64 bytes, GError **error);

/* What of the base is really there: what a build or furnishing replaced, or contents too that were changed, are things
 * that are lacking. FALSE in *whole (may be NULL): something is. */
gboolean ways_base_find(WaysBase *base, TreeFind find, gboolean *whole, GError **error);

/* The frames that hold what the installed release lacks: at a glance, or after reading all of it. */
gboolean frames_lead(const Plan *plan);
gboolean frames_take(const Ways *ways, int tree, char **sha256, GError **error);
gboolean frames_take_found(const Ways *ways, int tree, char **sha256, GError **error);

/* How many bytes the frames and the table take, and how many of them are not in the cache; fetches the table. */
gboolean frames_count(const Ways *ways, gint64 *lacks, gint64 *all, GError **error);
