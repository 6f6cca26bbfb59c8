/* SPDX-License-Identifier: Apache-2.0 */
/* releases.json and its signature in the publisher's directory: read, edited, replaced. */
#pragma once

#include "base/document.h"
#include "model/index.h"
#include "trust/minisign.h"

typedef struct PublishedIndex {
    Node *document;      /* to be edited; keys that we do not know stay */
    ReleaseIndex *index; /* what stands there now; NULL: there is none yet */
} PublishedIndex;

/* Reads the index of `app`, or begins one. What stands there must be signed by `secret` (NULL: unsigned; then it must
 * not be signed). Finishes first what a killed run has left between index and signature. */
PublishedIndex *published_index_open(int out_dirfd, const char *app, const MinisignSecret *secret, GError **error);
void published_index_free(PublishedIndex *published);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PublishedIndex, published_index_free)

/* The map of a release in the document; NULL. Borrowed. */
Node *published_index_release(const PublishedIndex *published, const char *version);

/* Puts a new release first. Takes it. */
void published_index_add(PublishedIndex *published, Node *release);

/* Gives the document its next number, and makes sure that clients will be able to read it. */
gboolean published_index_number(PublishedIndex *published, gint64 *number, GError **error);

/* Signs the document and replaces both files. */
gboolean published_index_replace(const PublishedIndex *published, int out_dirfd, const MinisignSecret *secret,
                                 GError **error);

/* Signs the content of fd into NAME.minisig beneath out_dirfd. */
gboolean published_sign(int out_dirfd, const char *name, int fd, const MinisignSecret *secret, const char *comment,
                        GError **error);
