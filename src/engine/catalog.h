/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a source's bytes to a release that may be believed: index, manifest and archive, each verified before anything
 * in it is acted on. Nothing is parsed on this side of the rights but what a child has turned into records.
 */
#pragma once

#include "engine/journal.h"
#include "model/config.h"
#include "model/plan.h"
#include "parts/source/source.h"
#include "trust/minisign.h"

typedef struct Catalog {
    Source *source;
    const AppConfig *config;
    const HostConfig *host;
    const Place *place;
    MinisignPublic key;  /* with trust minisign */
    ReleaseIndex *index; /* after catalog_refresh */
} Catalog;

Catalog *catalog_open(const AppConfig *config, const HostConfig *host, const Place *place, GError **error);
void catalog_free(Catalog *catalog);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Catalog, catalog_free)

/* Fetches and verifies the index. A signed one must not be older than the newest that was seen; `journal` (may be NULL)
 * remembers it. */
gboolean catalog_refresh(Catalog *catalog, Journal *journal, GError **error);

/* Sees to it that a release of the index has a digest: one that the source gave none for is fetched and proven, and is
 * known by its own from then on. */
gboolean catalog_pin(Catalog *catalog, const Release *release, RemoteProgress progress, gpointer data, GError **error);

/* The archive of a release, verified, from the cache or the source: a descriptor, -1 on failure. *sha256 (may be NULL)
 * gets its digest. */
typedef struct ArchiveWanted {
    const char *version, *url, *signature_url; /* absolute */
    const char *sha256;                        /* NULL: only with trust none */
    gint64 size_bytes;                         /* 0: unknown */
} ArchiveWanted;
int catalog_archive(Catalog *catalog, const ArchiveWanted *wanted, RemoteProgress progress, gpointer data,
                    char **sha256, GError **error);

/* Another file of a release: it is what its digest says, which the index has proved. A descriptor, -1 on failure. */
int catalog_file(Catalog *catalog, const PlanFile *file, RemoteProgress progress, gpointer data, GError **error);

/* The place in the cache for a file of which only parts are wanted, with whatever parts are there, unverified. */
int catalog_part(const Catalog *catalog, const PlanFile *file, GError **error);

/* How much of it is in the cache already, verified or not; bytes. */
guint64 catalog_cached(const Place *place, const ArchiveWanted *wanted);

/* The manifest of a release: the one beside the archive where the index pins it, else out of the archive. *records is
 * the parsed document for the job, *digest that of the manifest's bytes. */
Manifest *catalog_manifest(Catalog *catalog, const Release *release, RemoteProgress progress, gpointer data,
                           char **records, char **digest, GError **error);

/* A manifest from bytes of an unpacked or published file, parsed in the child. */
Manifest *manifest_from_fd(int fd, const char *name, char **records, GError **error);
Manifest *manifest_from_records(const char *records, GError **error);

/* Removes archives of other releases than `keep` (a digest; NULL: all) from the cache, and the notes by which halves of
 * them would be resumed. */
void catalog_cache_prune(const Place *place, const char *keep);
