/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sources without an index of the publisher's: liftlock makes one of what they show. An archive whose digest nobody
 * published is fetched into place->cache and known by its own digest from then on; what is noted beside it saves the
 * next look at it.
 */
#pragma once

#include "parts/source/source.h"

/* --- notes: only to save transfers. No error leaves them. --- */

GKeyFile *kept_notes(const Source *source);                              /* empty if there are none for its address */
char *kept_note(GKeyFile *notes, const char *key);                       /* NULL: none. The caller frees */
void kept_set_note(GKeyFile *notes, const char *key, const char *value); /* NULL removes it */
void kept_save_notes(const Source *source, GKeyFile *notes);

/* --- archives --- */

/* An empty file of the cache, for what is being fetched. -1 on failure. */
int kept_begin(const Source *source, GError **error);
/* It becomes the cached archive of its digest, which is returned with its size. The caller frees. */
char *kept_finish(const Source *source, int fd, gint64 *size_bytes, GError **error);

/* The version that the manifest in an archive says it is. `name` is what errors call the archive. The caller frees. */
char *kept_version(const Source *source, int fd, const char *name, GError **error);

/* The version that the minisign signature at `url` gives the archive. The caller frees. */
char *kept_signed_version(Source *source, int fd, const char *name, const char *url, GError **error);

/* --- the index that liftlock makes --- */

typedef struct Listed {
    const char *version, *url, *sha256, *signature, *content; /* url: a reference; content: as seen.h has it */
    const char *released;                                     /* NULL: since when it was seen */
    gint64 size_bytes;                                        /* 0: unknown */
} Listed;

Node *kept_listing_new(void);
/* FAULT_VERIFY: the version was another release before. */
gboolean kept_list(const Source *source, Node *listing, const Listed *listed, GError **error);
gboolean kept_listing_fill(const Source *source, const Node *listing, SourceBytes *index, GError **error);
