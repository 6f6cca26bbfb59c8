/* SPDX-License-Identifier: Apache-2.0 */
/* The "latest release" of a forge: JSON as GitHub and Gitea give it (GitHub REST API, releases; Gitea API, repos). */
#pragma once

#include "base/document.h"

typedef struct ForgeRelease {
    char *version;
    char *url;          /* of the asset, absolute */
    char *sha256;       /* NULL: the forge gives none */
    char *checksum_url; /* asset "NAME.sha256"; NULL */
    char *signature;    /* asset "NAME.minisig"; NULL */
    char *published;    /* RFC 3339; NULL */
    gint64 size_bytes;  /* 0: unknown */
} ForgeRelease;

/* `tags`: pattern with one "*", the version. `asset`: glob (fnmatch) that exactly one asset must match. `name` is what
 * errors call the document. FAULT_SOURCE. */
gboolean forge_read(const Node *document, const char *name, const char *tags, const char *asset, ForgeRelease *release,
                    GError **error);
void forge_release_clear(ForgeRelease *release);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ForgeRelease, forge_release_clear)

/* What stands for "*" in a pattern of tags, if it is a version that has an order. The caller frees. */
char *tag_version(const char *pattern, const char *tag);
