/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client of TUF repositories (specification 1.0.34, section 5): from a root that somebody trusts to the length and
 * hashes of a target.
 *
 * A metadata directory belongs to one repository. It holds root.json, timestamp.json, snapshot.json, targets.json and
 * one file for each delegated role that was looked into, each as it was received and none before all that can be said
 * against it was checked; and root.trusted, the anchor, which is read first and was never written by others. After any
 * failure, and after a crash at any instant, the next refresh goes on from there.
 */
#pragma once

#include "trust/tuf_metadata.h"

#define TUF_MAX_ROOT_BYTES 512000
#define TUF_MAX_TIMESTAMP_BYTES 16384
#define TUF_MAX_SNAPSHOT_BYTES 2000000
#define TUF_MAX_TARGETS_BYTES 5000000
#define TUF_MAX_NEW_ROOTS 256
#define TUF_MAX_DELEGATIONS 32 /* looked into for one target */

/* How metadata arrive. */
typedef struct TufNet {
    /* The file at `address` below that of the metadata (quoted already), of at most `limit` bytes. NULL: *absent says
     * that the server has none (404, 403), else *error is set. The caller frees. */
    char *(*fetch)(gpointer data, const char *address, guint64 limit, gsize *size, gboolean *absent, GError **error);
    /* envelope_read, or the same in a child (docs/decisions/030). */
    Envelope *(*open)(gpointer data, const char *bytes, gsize size, const char *name, GError **error);
    gpointer data;
} TufNet;

/* envelope_read, for who reads without rights. */
Envelope *tuf_open_here(gpointer data, const char *bytes, gsize size, const char *name, GError **error);

typedef struct TufClient TufClient;
void tuf_client_close(TufClient *client);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TufClient, tuf_client_close)

/* Makes a root the trusted one of a metadata directory, unseen: tuf_client_refresh looks at it first. */
gboolean tuf_client_pin(int dirfd, const char *bytes, gsize size, GError **error);

/* Opens a metadata directory (path or already open) for this process alone: FAULT_BUSY if another has it for half a
 * minute. `net` stays the caller's; now_s is the time that expiry is judged by, all the while. */
TufClient *tuf_client_open(int dirfd, const TufNet *net, gint64 now_s, GError **error);

/* The newest root, timestamp, snapshot and targets. Faults: FAULT_VERIFY (not signed, rolled back, other than its
 * referrer says), FAULT_SOURCE (expired, or not there), those of net and file system. */
gboolean tuf_client_refresh(TufClient *client, GError **error);

/* What the repository says of a target, after a refresh. FAULT_ABSENT: no role that may speak of it knows it. The
 * result is the client's, until the next find. */
const TufFile *tuf_client_find(TufClient *client, const char *path, GError **error);

/* All that a role knows to which the trusted targets delegate (`role` is one of theirs), after a refresh. What a path
 * in it is worth says tuf_role_covers. The result is the client's, until the next of these or find. */
const TufMetadata *tuf_client_role(TufClient *client, const TufRole *role, GError **error);

/* The roles as they are trusted now; NULL: not yet. */
const TufMetadata *tuf_client_trusted(const TufClient *client, TufType type);

/* When the first of the four roles expires. */
gint64 tuf_client_expires_s(const TufClient *client);

/* Whether bytes, or the whole content of fd, are what `file` says: length, and every hash that we know, of which there
 * must be one if there are any. `name` is what faults call it; FAULT_VERIFY. */
gboolean tuf_file_check(const TufFile *file, const char *bytes, gsize size, const char *name, GError **error);
gboolean tuf_file_check_fd(const TufFile *file, int fd, const char *name, GError **error);
