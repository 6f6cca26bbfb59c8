/* SPDX-License-Identifier: Apache-2.0 */
/* The manifest in a publisher's tree: found, read, written, brought to its next version. */
#pragma once

#include "base/document.h"
#include "model/manifest.h"

/* The name of the manifest in a directory, "liftlock.yaml"; *name is NULL where there is none. Two are FAULT_MANIFEST.
 * `path` is what errors call the directory. The caller frees. */
gboolean own_manifest_find(int dirfd, const char *path, char **name, GError **error);

/* Reads and checks it. It must name an app that can be published; `app` (may be NULL) is its name where it says none.
 * FAULT_MANIFEST. The caller frees both. */
Manifest *own_manifest_read(int dirfd, const char *name, const char *app, char **bytes, gsize *size, GError **error);

/* Whether it is the manifest of `app` (NULL: of any); FAULT_POLICY. `name` is the file's. */
gboolean own_manifest_check_app(const Manifest *manifest, const char *name, const char *app, GError **error);

/* The same for bytes that were read already. The caller frees. */
Manifest *own_manifest_parse(const char *name, const char *bytes, gsize size, GError **error);

/* The language of a manifest by its name. */
DocumentLanguage own_manifest_language(const char *name);

/* Which version a publisher means: "major", "minor" or "patch" more than `base`, or a version; without the "v" that it
 * may begin with. FAULT_USAGE. The caller frees. */
char *own_version_meant(const char *wish, const char *base, GError **error);

/* Writes these bytes over the manifest, with the mode that it has. One that belongs to another user is FAULT_RIGHTS. */
gboolean own_manifest_replace(int dirfd, const char *name, const char *bytes, gsize size, GError **error);

/* --- `release manifest` ----------------------------------------------------------------------------------------- */

typedef struct ReleaseManifestOptions {
    const char *directory;
    const char *app;  /* NULL: the manifest's, or where there is none the directory's name */
    const char *wish; /* as for own_version_meant; NULL only where there is no manifest */
    gboolean dry_run;
} ReleaseManifestOptions;

typedef struct ReleaseManifestReport {
    char *app, *file, *from, *version; /* from NULL: there was no manifest */
    char *released;                    /* what the manifest goes on to say about its date; NULL: nothing */
    gboolean nothing_to_do;
} ReleaseManifestReport;
void release_manifest_report_clear(ReleaseManifestReport *report);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ReleaseManifestReport, release_manifest_report_clear)

/* Writes a manifest where there is none; else exchanges the version, no other byte. A version that is not newer, a
 * manifest of another app and a work tree with other changes are FAULT_POLICY. */
gboolean release_manifest(const ReleaseManifestOptions *options, ReleaseManifestReport *report, GError **error);
