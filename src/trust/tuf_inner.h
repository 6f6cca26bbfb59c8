/* SPDX-License-Identifier: Apache-2.0 */
/* What the two halves of the client share: the way to the top-level roles (tuf_client.c), and to a target
 * (tuf_find.c). */
#pragma once

#include "trust/tuf_client.h"

struct TufClient {
    int dirfd; /* locked */
    const TufNet *net;
    gint64 now_s;
    TufMetadata *trusted[TUF_N_TYPES];
    TufMetadata *found; /* the delegated role that the last find ended in */
    GPtrArray *visited; /* of char *: the roles of one find */
};

/* One file on its way to being trusted. */
typedef struct TufArrival {
    const char *name; /* in faults: "snapshot.json" */
    char *bytes;
    gsize size;
    Envelope *envelope;
    TufMetadata *metadata;
} TufArrival;
void tuf_arrival_clear(TufArrival *arrival);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(TufArrival, tuf_arrival_clear)

/* A role of kind targets, from disk or else from the net, persisted: `by` and `role` say who signs it, the trusted
 * snapshot which version it is. `role_name` is role's, or the bin of a succinct delegation. The caller frees. */
TufMetadata *tuf_load_targets(TufClient *client, const char *role_name, const TufMetadata *by, const TufRole *role,
                              GError **error);

/* "metadata (NAME) expired 3 days ago: ...", unless it has not. */
gboolean tuf_check_expiry(const TufClient *client, const TufMetadata *metadata, const char *name, GError **error);
