/* SPDX-License-Identifier: Apache-2.0 */
/* What sources without an index share. */
#include "parts/source/kept.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/fault.h"
#include "base/fs.h"
#include "model/manifest.h"
#include "model/version.h"
#include "parts/source/seen.h"
#include "parts/source/source_inner.h"
#include "trust/minisign.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NOTES "notes"
#define GROUP "source"
#define NOTES_MAX (64 * 1024)
#define NEW_NAME "archive-new"

/* --- notes --------------------------------------------------------------------------------------------------- */

static int cache_open(const Source *source, GError **error)
{
    return fs_make_path(source->place->cache, 0700, error) ? fs_open_dir(source->place->cache, error) : -1;
}

/* What a note rests on: the address, and what was asked of whatever came from there. */
static char *scope_of(const Source *source)
{
    const AppConfig *config = source->config;
    const char *const files[] = {config->trust.allowed_signers, config->trust.keyring};
    GString *scope = g_string_new(config->source.url);
    const char *const words[] = {trust_names[config->trust.level],
                                 config->trust.key,
                                 config->source.sha256,
                                 config->source.checksum_url,
                                 config->source.checksum_path,
                                 config->source.asset,
                                 config->source.branch,
                                 config->source.tags,
                                 config->source.commit};
    for (gsize i = 0; i < G_N_ELEMENTS(words); i++)
        g_string_append_printf(scope, " %s", words[i] ? words[i] : "-");
    for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
        struct stat st = {.st_size = -1};
        if (files[i] && stat(files[i], &st) == 0)
            g_string_append_printf(scope, " %s %lld %lld.%ld", files[i], (long long)st.st_size,
                                   (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
    }
    return g_string_free(scope, FALSE);
}

GKeyFile *kept_notes(const Source *source)
{
    g_autoptr(GKeyFile) notes = g_key_file_new();
    fs_fd int dir = fs_open_dir(source->place->cache, NULL);
    gsize size = 0;
    g_autofree char *text = dir < 0 ? NULL : fs_read(dir, NOTES, NOTES_MAX, &size, NULL);
    if (text && size > 0 && g_key_file_load_from_data(notes, text, size, G_KEY_FILE_NONE, NULL)) {
        g_autofree char *noted = kept_note(notes, "scope"), *scope = scope_of(source);
        if (g_strcmp0(noted, scope) == 0)
            return g_steal_pointer(&notes);
    }
    return g_key_file_new();
}

char *kept_note(GKeyFile *notes, const char *key)
{
    return g_key_file_get_string(notes, GROUP, key, NULL);
}

void kept_set_note(GKeyFile *notes, const char *key, const char *value)
{
    if (value)
        g_key_file_set_string(notes, GROUP, key, value);
    else
        g_key_file_remove_key(notes, GROUP, key, NULL);
}

void kept_save_notes(const Source *source, GKeyFile *notes)
{
    gsize size = 0;
    g_autofree char *scope = scope_of(source);
    kept_set_note(notes, "scope", scope);
    g_autofree char *text = g_key_file_to_data(notes, &size, NULL);
    fs_fd int dir = cache_open(source, NULL);
    if (dir >= 0)
        fs_write_atomic(dir, NOTES, text, size, 0600, NULL);
}

/* --- archives ------------------------------------------------------------------------------------------------ */

int kept_begin(const Source *source, GError **error)
{
    fs_fd int dir = cache_open(source, error);
    if (dir < 0)
        return -1;
    unlinkat(dir, NEW_NAME, 0);
    return fs_open_beneath(dir, NEW_NAME, O_RDWR | O_CREAT | O_EXCL, 0600, error);
}

char *kept_finish(const Source *source, int fd, gint64 *size_bytes, GError **error)
{
    guint64 size = 0;
    g_autofree char *digest = digest_fd(fd, &size, error);
    fs_fd int dir = digest ? cache_open(source, error) : -1;
    if (dir < 0)
        return NULL;
    g_autofree char *name = g_strconcat("archive-", digest, NULL);
    if (renameat(dir, NEW_NAME, dir, name) < 0) {
        fault_errno(error, FAULT_SYSTEM, errno, "cannot keep %s", name);
        return NULL;
    }
    *size_bytes = (gint64)size;
    return g_steal_pointer(&digest);
}

static int bytes_to_fd(const char *bytes, gsize size, GError **error)
{
    fs_fd int fd = source_memory("manifest", error);
    if (fd >= 0 && !fs_write_all(fd, bytes, size)) {
        fault_errno(error, FAULT_SYSTEM, errno, "cannot make room for a manifest");
        return -1;
    }
    return fs_fd_steal(&fd);
}

char *kept_version(const Source *source, int fd, const char *name, GError **error)
{
    const char *own[] = {source->config->app.manifest, NULL};
    gsize size = 0;
    g_autofree char *found = NULL;
    g_autoptr(GError) local = NULL;
    g_autofree char *bytes =
        remote_read_member(fd, name, source->config->app.manifest ? own : manifest_names, &found, &size, &local);
    if (!bytes) {
        if (g_error_matches(local, FAULT, FAULT_ABSENT))
            local->code = FAULT_MANIFEST;
        g_propagate_error(error, g_steal_pointer(&local));
        return NULL;
    }
    fs_fd int manifest = bytes_to_fd(bytes, size, error);
    DocumentLanguage language = g_str_has_suffix(found, ".json") ? DOCUMENT_JSON : DOCUMENT_YAML;
    g_autoptr(Node) document = manifest < 0 ? NULL : remote_parse(language, manifest, found, FAULT_MANIFEST, error);
    if (!document)
        return NULL;
    const char *version = node_get_text(document, "version", NULL);
    if (version && version_is_valid(version))
        return g_strdup(version);
    fault_set(error, FAULT_MANIFEST, "%s: %s gives no version", name, found);
    return NULL;
}

char *kept_signed_version(Source *source, int fd, const char *name, const char *url, GError **error)
{
    MinisignPublic key;
    fs_fd int signature = source_memory("signature", error);
    if (signature < 0 || !minisign_public_parse(source->config->trust.key, &key, error) ||
        !source_fetch(source, url, SOURCE_SIGNATURE_MAX, signature, NULL, NULL, error))
        return NULL;
    char text[SOURCE_SIGNATURE_MAX + 1] = "";
    ssize_t size = pread(signature, text, SOURCE_SIGNATURE_MAX, 0);
    g_autofree char *comment = NULL, *version = NULL;
    const char *const pairs[] = {"app", source->config->name, "version", NULL, "file", name, NULL};
    if (size < 0 || !minisign_verify(&key, fd, name, text, (gsize)size, &comment, error) ||
        !minisign_comment_check(comment, name, pairs, &version, error))
        return NULL;
    return g_steal_pointer(&version);
}

/* --- the index ----------------------------------------------------------------------------------------------- */

struct Listing {
    const Source *source;
    Node *document;
    Seen *seen;
    gint64 now_s;
};

Listing *listing_new(const Source *source, GError **error)
{
    Seen *seen = seen_open(source->place, error);
    if (!seen)
        return NULL;
    Listing *listing = g_new0(Listing, 1);
    *listing = (Listing){.source = source, .document = node_new_map(), .seen = seen, .now_s = clock_now_s()};
    node_set(listing->document, "releases", node_new_list());
    return listing;
}

void listing_free(Listing *listing)
{
    if (!listing)
        return;
    node_free(listing->document);
    seen_free(listing->seen);
    g_free(listing);
}

gboolean listing_add(Listing *listing, const Listed *listed, GError **error)
{
    gint64 since_s = 0;
    const char *app = listing->source->config->name;
    if (!seen_check(listing->seen, app, listed->version, listed->content, listing->now_s, listed->old ? NULL : error))
        return listed->old;
    g_autofree char *content = seen_content(listing->seen, listed->version, &since_s);
    g_autofree char *since = clock_format(content ? since_s : listing->now_s);
    Node *release = node_new_map();
    node_set_text(release, "version", listed->version);
    node_set_text(release, "url", listed->url);
    if (listed->sha256)
        node_set_text(release, "sha256", listed->sha256);
    if (listed->signature)
        node_set_text(release, "signature", listed->signature);
    node_set_int(release, "size", listed->size_bytes);
    node_set_text(release, "released", listed->released ? listed->released : since);
    node_append((Node *)node_get(listing->document, "releases"), release);
    return TRUE;
}

gboolean listing_fill(Listing *listing, SourceBytes *index, GError **error)
{
    g_autofree char *json = node_to_json(listing->document, 0);
    return seen_save(listing->seen, error) &&
           source_bytes_fill(index, listing->source->config->source.url, json, strlen(json), error);
}

char *kept_installed_content(const Source *source, GError **error)
{
    g_autoptr(Seen) seen = source->installed ? seen_open(source->place, error) : NULL;
    return seen ? seen_content(seen, source->installed, NULL) : NULL;
}
