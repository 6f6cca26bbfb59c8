/* SPDX-License-Identifier: Apache-2.0 */
/* An index: a source's list of releases (releases.json). */
#pragma once

#include "model/schema.h"

typedef struct ReleaseFile {
    char *url; /* as Release.url; NULL: there is none */
    char *sha256;
    gint64 size_bytes;
} ReleaseFile;

/* What leads from another release to this one (docs/delta-format.md). */
typedef struct ReleaseDelta {
    char *from, *from_tree; /* version, and the digest of its tree */
    gint64 memory_bytes;    /* that applying it takes */
    ReleaseFile file;
} ReleaseDelta;

typedef struct Release {
    char *version;
    char *url;         /* of the archive, relative to the index or absolute */
    char *sha256;      /* of the archive; NULL if the index gives none */
    gint64 size_bytes; /* of the archive; 0: unknown */
    char *signature;   /* URL of the minisign signature, relative to the index; NULL: url + ".minisig" */
    char *tree;        /* digest of the tree in it: that of its inventory; NULL: not said */
    ReleaseFile table, pack;
    GPtrArray *deltas; /* ReleaseDelta */
    char *manifest;    /* URL of the manifest beside the archive, so that a plan costs no download; NULL */
    char *manifest_sha256;
    char *released, *changelog, *severity, *description;
    gint64 min_age_ms;                       /* how long after `released` hosts wait at least */
    gint64 unpacked_bytes, unpacked_entries; /* 0: unknown */
    struct {
        char *kind, *message; /* "breakpoint": installed before any later one; "stop": a person takes it; NULL: none */
    } gate;
    gboolean withdrawn;
    char *withdrawn_reason;
    const Node *rollout; /* replaces the manifest's; NULL: that one holds. Borrowed */
    const Node *node;    /* the whole map, borrowed from the document */
} Release;

typedef struct ReleaseIndex {
    char *app;
    gint64 index;        /* N: rises with every publication; 0: none given */
    GPtrArray *channels; /* KeyPair: channel -> version */
    char *latest_stable; /* read where channels is absent */
    gboolean only_named; /* what no channel names is offered to nobody */
    GPtrArray *releases; /* Release, in the index's order */
    Node *document;
    GPtrArray *by_version; /* Release, borrowed, sorted */
} ReleaseIndex;

extern const Key release_index_keys[];

/* Takes the document. FAULT_SOURCE. Refuses two releases of one version, invalid versions, urls with credentials, and
 * channels that name no listed release. Unknown keys are allowed here (an index may be newer than its reader), but not
 * wrong types. */
ReleaseIndex *release_index_read(Node *document, const char *name, GError **error);
void release_index_free(ReleaseIndex *index);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ReleaseIndex, release_index_free)

/* "v" in front does not count, nor do missing fields: "2.1" finds 2.1.0. NULL if there is none. Borrowed. */
const Release *release_index_find(const ReleaseIndex *index, const char *version);

/* The version that a channel names; NULL if there is no such channel. Unless only_named, "stable" falls back to
 * latest_stable, then to the highest release that is neither withdrawn nor a pre-release (where no version has an
 * order: the first such). Borrowed. */
const char *release_index_channel(const ReleaseIndex *index, const char *channel);
