/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The block of a release: "custom" of the target that is its manifest (docs/repository-format.md). Here it is made,
 * found and changed in the content of an app's role.
 */
#pragma once

#include "base/document.h"
#include "model/manifest.h"

/* What a release starts with; NULL where there is nothing to say. */
typedef struct RepoBlock {
    const char *app, *version;
    const Manifest *manifest;
    const char *released, *changelog, *severity, *min_age, *gate, *gate_message;
    const char *tree;                        /* digest; NULL: unknown */
    gint64 unpacked_bytes, unpacked_entries; /* 0: unknown */
    const char *const *files;                /* target paths, NULL-terminated */
} RepoBlock;

/* Faults (FAULT_USAGE) name the option that is wrong: min_age, gate. The caller frees. */
Node *repo_block_new(const RepoBlock *block, GError **error);

/* The block of a version, or of one that readers could not tell from it by its order; NULL. Borrowed. *path (may be
 * NULL): the target that it belongs to, borrowed. */
Node *repo_block_find(Node *content, const char *version, const char **path);

/* Calls for each release of the content. */
typedef void (*RepoBlockVisit)(const char *path, Node *block, gpointer data);
void repo_blocks(const Node *content, RepoBlockVisit visit, gpointer data);

gboolean repo_block_is_withdrawn(const Node *block);

/* Whether a channel names it; whether one that names another release now has named it. */
gboolean repo_block_is_named(const Node *block);
gboolean repo_block_was_named(const Node *block);

/* The release that a channel names; NULL. Borrowed. */
Node *repo_block_of_channel(Node *content, const char *channel);

/* From now on the channel names this release and no other. */
void repo_block_set_channel(Node *content, const char *version, const char *channel);

/* Replaces the rollout by stages as "50:24h" (FAULT_USAGE). */
gboolean repo_block_set_rollout(Node *block, const char *const *stages, GError **error);
