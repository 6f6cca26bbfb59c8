/* SPDX-License-Identifier: Apache-2.0 */
/* Sources: where releases come from. The source moves bytes; it never decides whether they are to be believed. */
#pragma once

#include "base/ranges.h"
#include "base/remote.h"
#include "model/config.h"
#include "parts/part.h"

typedef struct Source Source;

typedef ByteRange SourceRange; /* {at, size} */

typedef struct SourceBytes {
    int fd;                /* the bytes, in an unlinked or cached file; readable from 0 */
    char *name;            /* for errors: URL or path */
    gboolean not_modified; /* the server said 304: fd is the cached copy */
} SourceBytes;
void source_bytes_clear(SourceBytes *bytes);

typedef struct SourceDriver {
    const char *name;                                 /* "http" */
    const char *summary;                              /* "releases.json and archives on any web server" */
    const Key *keys;                                  /* its own keys of [source] */
    gboolean makes_index;                             /* there is none of the publisher's that he could have signed */
    gboolean (*open)(Source *source, GError **error); /* checks the config; no I/O beyond that */
    /* The index and, if with_signature, its ".minisig" (fd -1 if there is none). Cached with its ETag below
     * place->cache. */
    gboolean (*index)(Source *source, gboolean with_signature, SourceBytes *index, SourceBytes *signature,
                      GError **error);
    /* `url` as resolve() gave it, of at most limit bytes, into output_fd (which may hold a first part already: it is
     * continued if the source can, else rewritten). Does not verify. */
    gboolean (*fetch)(Source *source, const char *url, guint64 limit_bytes, int output_fd, RemoteProgress progress,
                      gpointer data, GError **error);
    /* Parts of a large file, rising, none empty or overlapping, each to its own place in output_fd, which may hold
     * other parts already: nothing outside the ranges is touched, and never more is fetched than they hold (of a server
     * that knows no ranges: read). `file_bytes` is the size that signed metadata give; a file that is said to have
     * another is refused (FAULT_SOURCE). Does not verify. What came before a failure stays, and nobody says which parts
     * that are: their digests do. They are to be asked after the last call, also of what lay there before it: a child
     * that was taken over may have written anywhere in output_fd. NULL: the source cannot. */
    gboolean (*ranges)(Source *source, const char *url, const SourceRange *ranges, guint n_ranges, guint64 file_bytes,
                       int output_fd, RemoteProgress progress, gpointer data, GError **error);
    /* For a release of an index made here that has no digest: fetches the archive into the cache, proves it, and says
     * its digest and size. NULL: there are no such releases. */
    gboolean (*pin)(Source *source, const char *url, RemoteProgress progress, gpointer data, char **sha256,
                    gint64 *size_bytes, GError **error);
    /* A reference found in the index, made absolute. FAULT_SOURCE if it leaves what the source may name (a folder: its
     * own tree). */
    char *(*resolve)(Source *source, const char *reference, GError **error);
} SourceDriver;

struct Source {
    const SourceDriver *driver;
    const AppConfig *config;
    const HostConfig *host;
    const Place *place;
    const char *installed; /* the version that is live, for sources that compare with it; NULL: none, or not asked */
    gpointer state;        /* the driver's own, freed by g_free */
};

extern const SourceDriver *const source_drivers[]; /* NULL-terminated */

Source *source_open(const AppConfig *config, const HostConfig *host, const Place *place, GError **error);
void source_free(Source *source);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Source, source_free)
gboolean source_index(Source *source, gboolean with_signature, SourceBytes *index, SourceBytes *signature,
                      GError **error);
gboolean source_fetch(Source *source, const char *url, guint64 limit_bytes, int output_fd, RemoteProgress progress,
                      gpointer data, GError **error);
/* See SourceDriver. Progress is told of all ranges together. FAULT_SOURCE "sources of type 'git' give no parts of
 * files" where there is no such function, "fetch URL: these are no parts of a file of N bytes" for ranges that are no
 * good; the rest: remote_fetch_ranges, or of a folder "fetch PATH: it has N bytes, and not M" and what fetch says. */
gboolean source_fetch_ranges(Source *source, const char *url, const SourceRange *ranges, guint n_ranges,
                             guint64 file_bytes, int output_fd, RemoteProgress progress, gpointer data, GError **error);
char *source_resolve(Source *source, const char *reference, GError **error);

/* Forgets what a source showed under a version, by the operator's word: what it shows next is taken for it. *had: there
 * was something. */
gboolean source_forget(const Place *place, const char *version, gboolean *had, GError **error);
