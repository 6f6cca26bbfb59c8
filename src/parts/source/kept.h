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
    gboolean old; /* nobody would install it: if it is another release than before, it is left out */
} Listed;

typedef struct Listing Listing;
Listing *listing_new(const Source *source, GError **error);
void listing_free(Listing *listing);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Listing, listing_free)
/* FAULT_VERIFY: the version was another release before. */
gboolean listing_add(Listing *listing, const Listed *listed, GError **error);
/* Remembers what was listed, and makes the index of it. */
gboolean listing_fill(Listing *listing, SourceBytes *index, GError **error);

/* What the installed version was known by when it was seen; NULL: nothing. The caller frees. */
char *kept_installed_content(const Source *source, GError **error);
