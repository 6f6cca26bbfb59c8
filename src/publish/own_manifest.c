/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/own_manifest.h"

#include "base/fault.h"
#include "base/fs.h"
#include "model/config.h"
#include "model/version.h"
#include "publish/version_edit.h"
#include "publish/work_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_VERSION "0.1.0"

gboolean own_manifest_find(int dirfd, const char *path, char **name, GError **error)
{
    g_autofree char *found = NULL;
    *name = NULL;
    for (const char *const *candidate = manifest_names; *candidate; candidate++) {
        if (!fs_exists(dirfd, *candidate))
            continue;
        if (found)
            return fault_set(error, FAULT_MANIFEST, "%s holds both %s and %s", path, found, *candidate) ||
                   fault_hint(error, "keep one of them");
        found = g_strdup(*candidate);
    }
    *name = g_steal_pointer(&found);
    return TRUE;
}

DocumentLanguage own_manifest_language(const char *name)
{
    return g_str_has_suffix(name, ".json") ? DOCUMENT_JSON : DOCUMENT_YAML;
}

static gboolean name_app(Manifest *manifest, const char *name, const char *app, GError **error)
{
    if (!manifest->app)
        manifest->app = g_strdup(app);
    if (manifest->app && app_name_is_valid(manifest->app))
        return TRUE;
    if (!manifest->app) {
        fault_set(error, FAULT_MANIFEST, "%s: a release that is published must name its 'app'", name);
        return fault_hint(error, "say --name NAME, or write it there: app: NAME");
    }
    return fault_set(error, FAULT_MANIFEST,
                     "%s: 'app' must be at most 32 of a-z, 0-9, '_' and '-', and begin with a letter or digit", name);
}

static Manifest *manifest_of(const char *bytes, gsize size, const char *name, const char *app, GError **error)
{
    Node *document = document_parse(own_manifest_language(name), bytes, size, name, FAULT_MANIFEST, error);
    g_autoptr(Manifest) manifest = document ? manifest_read(document, name, error) : NULL;
    return manifest && name_app(manifest, name, app, error) ? g_steal_pointer(&manifest) : NULL;
}

Manifest *own_manifest_parse(const char *name, const char *bytes, gsize size, GError **error)
{
    return manifest_of(bytes, size, name, NULL, error);
}

Manifest *own_manifest_read(int dirfd, const char *name, const char *app, char **bytes, gsize *size, GError **error)
{
    *bytes = fs_read(dirfd, name, DOCUMENT_MAX_BYTES, size, error);
    return *bytes ? manifest_of(*bytes, *size, name, app, error) : NULL;
}

gboolean own_manifest_check_app(const Manifest *manifest, const char *name, const char *app, GError **error)
{
    return !app || strcmp(app, manifest->app) == 0 ||
           fault_set(error, FAULT_POLICY, "%s is the manifest of '%s', not of '%s'", name, manifest->app, app);
}

/* --- versions --------------------------------------------------------------------------------------------------- */

static char *bumped(const char *base, VersionPart part, GError **error)
{
    char *next = base ? version_bump(base, part) : NULL;
    if (!next && !base) {
        fault_set(error, FAULT_USAGE, "there is no version yet that '%s' could follow", version_part_names[part]);
        fault_hint(error, "say which version it is, such as %s", FIRST_VERSION);
    } else if (!next) {
        fault_set(error, FAULT_USAGE, "nothing follows %s by counting", base);
        fault_hint(error, "say which version it is");
    }
    return next;
}

char *own_version_meant(const char *wish, const char *base, GError **error)
{
    for (int part = 0; part < VERSION_N_PARTS; part++)
        if (strcmp(wish, version_part_names[part]) == 0)
            return bumped(base, (VersionPart)part, error);
    if (version_is_ordered(wish))
        return g_strdup(wish + (wish[0] == 'v'));
    g_autofree char *quoted = schema_quote(wish);
    fault_set(error, FAULT_USAGE, "release: %s is no version", quoted);
    fault_hint(error, "say major, minor, patch, or a version such as 1.2.3");
    return NULL;
}

gboolean own_manifest_replace(int dirfd, const char *name, const char *bytes, gsize size, GError **error)
{
    struct stat st;
    if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot look at %s", name);
    if (st.st_uid != geteuid())
        return fault_set(error, FAULT_RIGHTS, "%s belongs to another user", name) ||
               fault_hint(error, "run this as the user whose tree it is");
    return fs_write_atomic(dirfd, name, bytes, size, st.st_mode & 07777, error);
}

/* --- `release manifest` ----------------------------------------------------------------------------------------- */

void release_manifest_report_clear(ReleaseManifestReport *report)
{
    char **const texts[] = {&report->app, &report->file, &report->from, &report->version, &report->released};
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(*texts[i]);
    *report = (ReleaseManifestReport){0};
}

static gboolean check_newer(const ReleaseManifestReport *report, GError **error)
{
    if (!version_is_ordered(report->from) || version_compare(report->version, report->from) > 0)
        return TRUE;
    return fault_set(error, FAULT_POLICY, "%s: %s is not newer than %s, which %s names", report->app, report->version,
                     report->from, report->file);
}

static gboolean edit(int dirfd, const ReleaseManifestOptions *options, ReleaseManifestReport *report, GError **error)
{
    gsize size, edited_size;
    g_autofree char *bytes = NULL;
    g_autoptr(Manifest) manifest = own_manifest_read(dirfd, report->file, options->app, &bytes, &size, error);
    if (!manifest)
        return FALSE;
    report->app = g_strdup(manifest->app);
    report->from = g_strdup(manifest->version);
    if (!own_manifest_check_app(manifest, report->file, options->app, error))
        return FALSE;
    if (!options->wish)
        return fault_set(error, FAULT_USAGE, "release: there is %s already, and no VERSION to bring it to",
                         report->file) ||
               fault_hint(error, "say major, minor, patch, or a version");
    if (!(report->version = own_version_meant(options->wish, manifest->version, error)))
        return FALSE;
    report->nothing_to_do = version_compare(report->version, manifest->version) == 0;
    if (report->nothing_to_do)
        return TRUE;
    g_autofree char *edited = check_newer(report, error)
                                  ? version_edit(own_manifest_language(report->file), bytes, size, report->file,
                                                 report->version, &edited_size, error)
                                  : NULL;
    g_autoptr(Manifest) again = edited ? manifest_of(edited, edited_size, report->file, options->app, error) : NULL;
    if (!again)
        return FALSE;
    report->released = g_strdup(again->released);
    return options->dry_run || own_manifest_replace(dirfd, report->file, edited, edited_size, error);
}

static char *app_of_directory(const char *directory, GError **error)
{
    char real[PATH_MAX];
    g_autofree char *name = realpath(directory, real) ? g_path_get_basename(real) : g_strdup("");
    g_autofree char *lower = g_ascii_strdown(name, -1);
    if (app_name_is_valid(lower))
        return g_steal_pointer(&lower);
    fault_set(error, FAULT_USAGE, "release: what is the app called?");
    fault_hint(error, "say --name NAME");
    return NULL;
}

static char *new_manifest(const char *app, const char *version)
{
    gboolean quoted = strchr(version, '.') == strrchr(version, '.');
    const char *quote = quoted ? "\"" : "";
    return g_strdup_printf(
        "# What liftlock needs to know of a release. All other keys have defaults; the reference has "
        "them,\n# and 'liftlock manifest check' reads this file as an update will.\n"
        "app: %s\nversion: %s%s%s\n"
        "# description: what is new\n"
        "# services: [{name: web, unit: %s.service}]\n"
        "# post_update_tests: [{name: health, http: \"http://127.0.0.1:8000/health\"}]\n",
        app, quote, version, quote, app);
}

static gboolean write_new(int dirfd, const ReleaseManifestOptions *options, ReleaseManifestReport *report,
                          GError **error)
{
    report->file = g_strdup(manifest_names[0]);
    report->app = options->app ? g_strdup(options->app) : app_of_directory(options->directory, error);
    if (!report->app)
        return FALSE;
    report->version = own_version_meant(options->wish ? options->wish : FIRST_VERSION, NULL, error);
    g_autofree char *bytes = report->version ? new_manifest(report->app, report->version) : NULL;
    g_autoptr(Manifest) manifest = bytes ? manifest_of(bytes, strlen(bytes), report->file, NULL, error) : NULL;
    if (!manifest || options->dry_run)
        return manifest != NULL;
    return fs_write_atomic(dirfd, report->file, bytes, strlen(bytes), 0644, error);
}

gboolean release_manifest(const ReleaseManifestOptions *options, ReleaseManifestReport *report, GError **error)
{
    *report = (ReleaseManifestReport){0};
    fs_fd int dirfd = fs_open_dir(options->directory, error);
    if (dirfd < 0 || !own_manifest_find(dirfd, options->directory, &report->file, error))
        return FALSE;
    g_autofree char *path = report->file ? g_build_filename(options->directory, report->file, NULL) : NULL;
    if (!work_tree_check(options->directory, TRUE, path, error))
        return FALSE;
    return report->file ? edit(dirfd, options, report, error) : write_new(dirfd, options, report, error);
}
