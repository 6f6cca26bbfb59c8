/* SPDX-License-Identifier: Apache-2.0 */
/* Layouts: how a release goes live, and how it comes back. */
#pragma once

#include "parts/part.h"

typedef struct LayoutDriver {
    const char *name, *summary;

    /* The version that is live by observation, NULL if none is (then *error is unset). The caller frees. */
    char *(*current)(const Place *place, GError **error);
    /* Versions that are complete on disk, in no order: GPtrArray of char *. */
    GPtrArray *(*present)(const Place *place, GError **error);

    /* An empty place for the release's tree; anything half-made of an earlier try is removed. Returns its descriptor; -1 on failure. */
    int (*prepare)(const PartContext *context, const char *version, GError **error);
    /* After unpacking: gives the tree to the app's user, lifts a single leading directory, puts links to shared/ in
     * place (what the release ships at a shared path seeds shared/ once, and only if it is not there). */
    gboolean (*furnish)(const PartContext *context, const Manifest *manifest, const char *version, GError **error);
    /* Where build and trial work, and what they see it as: *path on disk now, *shown_as its final path. The caller frees both. */
    void (*staged)(const Place *place, const char *version, char **path, char **shown_as);
    /* Takes write rights away (owner root when we are root), digests, syncs, renames to .pending. */
    gboolean (*seal)(const PartContext *context, const char *version, char **tree_digest, GError **error);
    /* Undo of prepare to before seal. Idempotent. */
    gboolean (*drop_staged)(const PartContext *context, const char *version, GError **error);
    /* TRUE if the version on disk (pending or final) has this digest and is sealed. A fault says what differs. */
    gboolean (*verify)(const Place *place, const char *version, const char *tree_digest, GError **error);
    /* Makes it live: pending becomes final, then one switch, durable when it returns. Idempotent. */
    gboolean (*activate)(const PartContext *context, const char *version, GError **error);
    /* Puts `back` live again (NULL: nothing was live: the switch is removed). Needs no new room. Idempotent. */
    gboolean (*revert)(const PartContext *context, const char *back, GError **error);
    /* Removes a version that is not live; absent is good. */
    gboolean (*remove)(const Place *place, const char *version, GError **error);
} LayoutDriver;

extern const LayoutDriver *const layout_drivers[]; /* NULL-terminated */
const LayoutDriver *layout_find(LayoutKind kind, GError **error); /* FAULT_MANIFEST: "layout 'files' is not supported yet" */
