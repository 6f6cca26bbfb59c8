/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making TUF metadata: values become nodes ("signed" of a file), which tuf_secret_sign signs and envelope_write turns
 * into a file. What is wrong with a node that was put together by hand says tuf_metadata_from_node.
 */
#pragma once

#include "trust/tuf_metadata.h"

#define TUF_SPEC_VERSION "1.0.34"

/* {_type, spec_version, version, expires} and the empty rest of its kind; a root has consistent snapshots. The caller
 * frees. */
Node *tuf_write_new(TufType type, gint64 version, gint64 expires_s);

void tuf_write_version(Node *content, gint64 version, gint64 expires_s);

/* A key of a root, or of the delegations of targets; adding one again changes nothing. */
void tuf_write_key(Node *content, const TufKey *key);

/* Who signs a role of the top level. keyids are NULL-terminated. */
void tuf_write_role(Node *root, TufType role, const char *const *keyids, gint64 threshold);

/* Adds a delegation to targets, or replaces the one to the same role in its place. */
void tuf_write_delegation(Node *targets, const char *role, const char *const *keyids, gint64 threshold,
                          const char *const *paths, gboolean terminating);

/* What a timestamp or snapshot says of a file ("targets.json"); `bytes` are those of the file, NULL: only its version.
 */
void tuf_write_meta(Node *content, const char *file, gint64 version, const char *bytes, gsize size);

/* A target, new or changed. `custom` is taken; NULL: none. */
void tuf_write_target(Node *targets, const char *path, gint64 length, const char *sha256, Node *custom);
