/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a release's tree comes to this host for the fewest bytes: by a delta from the installed release, by the frames of
 * its pack that hold what that one lacks, or by its archive. Each way ends in the same tree, whose digest the publisher
 * signed; one that leads elsewhere (an installed file was changed, a mirror is damaged) is given up for the next.
 */
#pragma once

#include "engine/catalog.h"

typedef struct Ways {
    Catalog *catalog;
    const Plan *plan;
    gboolean links; /* unchanged files become second names of those of the installed release (parts/layout/kin.h) */
    gboolean keeps; /* the tree becomes a release here: its inventory is kept, for the update after it */
    RemoteProgress progress;
    void (*say)(const char *text, gpointer data); /* why a way was given up */
    gpointer data;                                /* of both */
} Ways;

/* The cheapest way to plan->to from what is installed: fills in the plan's ways, tree, download_bytes and cached_bytes.
 * May fetch the pack's table, to count the bytes exactly. */
gboolean ways_choose(Catalog *catalog, Plan *plan, const Release *release, RemoteProgress progress, gpointer data,
                     GError **error);

/* What the plan's way needs, verified, into the cache. *sha256 gets the archive's digest: the release's identity. */
gboolean ways_fetch(const Ways *ways, char **sha256, GError **error);

/* Fills `tree`, an empty place that layout_scratch made. A single leading directory is lifted where the publisher
 * signed a tree. FAULT_VERIFY if no way leads to it; FAULT_POLICY if what is left takes more than plan->max_download.
 */
gboolean ways_unpack(const Ways *ways, int tree, char **sha256, GError **error);
