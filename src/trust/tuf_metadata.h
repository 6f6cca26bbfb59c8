/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The four kinds of TUF metadata (specification 1.0.34, section 4; TAP 15 for succinct delegations) as values, and
 * whether enough of a role's keys have signed a file.
 *
 * Reading keeps every unknown field in `node`. Faults are FAULT_VERIFY, "FILE: what is wrong".
 */
#pragma once

#include "base/envelope.h"
#include "trust/tuf_key.h"

typedef enum TufType { TUF_ROOT, TUF_TIMESTAMP, TUF_SNAPSHOT, TUF_TARGETS } TufType;
#define TUF_N_TYPES 4

/* "root", "timestamp", "snapshot", "targets": also the names of the top-level roles. */
const char *tuf_type_name(TufType type);

/* Who signs a role's file. */
typedef struct TufRole {
    char *name;        /* NULL: of all the roles of a succinct delegation */
    GPtrArray *keyids; /* of char *, none twice; some may name no key */
    gint64 threshold;  /* 1 or more; may be out of reach */
    /* of a delegation: */
    GPtrArray *paths;    /* patterns; NULL: prefixes */
    GPtrArray *prefixes; /* of the hexadecimal SHA-256 of a path; NULL: paths */
    gboolean terminating;
} TufRole;

/* What one file says of another: metadata (by file name) or a target (by path). */
typedef struct TufFile {
    char *name;
    gint64 version;        /* of metadata; 0 for a target */
    gint64 length;         /* -1: not said */
    gboolean hashed;       /* there are hashes, */
    char *sha256, *sha512; /* of which we know these (NULL: not there); lower-case hexadecimal digits */
    const Node *custom;    /* of a target; NULL */
} TufFile;

typedef struct TufMetadata {
    TufType type;
    gint64 version, expires_s;
    Node *node;                   /* all that was signed */
    gboolean consistent_snapshot; /* root */
    GPtrArray *keys;              /* root, targets: of TufKey, by id */
    GPtrArray *roles;             /* root: of TufRole by TufType; targets: the delegations in order */
    guint succinct_bits;          /* targets: 0 unless roles holds the one role of a succinct delegation */
    char *succinct_prefix;
    GPtrArray *files; /* timestamp, snapshot: what they list; targets: the targets. Of TufFile, by name */
} TufMetadata;

void tuf_metadata_free(TufMetadata *metadata);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TufMetadata, tuf_metadata_free)

/* From canonical bytes. `name` is what faults call the file. The caller frees. */
TufMetadata *tuf_metadata_read(TufType type, const char *bytes, gsize size, const char *name, GError **error);

/* From a node, which is taken in any case. */
TufMetadata *tuf_metadata_from_node(TufType type, Node *node, const char *name, GError **error);

/* Borrowed; NULL: not there. */
const TufFile *tuf_metadata_file(const TufMetadata *metadata, const char *name);
const TufKey *tuf_metadata_key(const TufMetadata *metadata, const char *id);
const TufRole *tuf_metadata_role(const TufMetadata *metadata, const char *name);

/* Whether enough keys of `role`, which `by` names, have signed: each key counts once. `name` is the file. */
gboolean tuf_metadata_verify(const TufMetadata *by, const TufRole *role, const Envelope *envelope, const char *name,
                             GError **error);

/* "2026-11-21T14:28:50Z", nothing else; FALSE leaves *time_s untouched. */
gboolean tuf_time_read(const char *text, gint64 *time_s);
char *tuf_time_write(gint64 time_s); /* the caller frees */
