/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One archive at a web server: at an address that stays, or as an asset of a forge's latest release. What has not
 * changed costs one request and no body. Mirrors are tried in order, and what they give is verified the same.
 */
#include "base/fault.h"
#include "base/fs.h"
#include "base/shown.h"
#include "model/manifest_check.h"
#include "parts/source/checksum.h"
#include "parts/source/forge.h"
#include "parts/source/kept.h"
#include "parts/source/reference.h"
#include "parts/source/source_inner.h"
#include "parts/source/web.h"

#include <string.h>
#include <unistd.h>

#define LATEST_MAX (1024 * 1024) /* bytes of a forge's answer */

static const Key https_keys[] = {
    {"url", KEY_TEXT, .summary = "address of the archive, or with 'api' of the latest release", .required = TRUE},
    {"mirrors", KEY_TEXTS, .summary = "further addresses of the archive, or of folders that hold it"},
    {"headers_file", KEY_TEXTS, .summary = "files with HTTP headers such as tokens; or credential:NAME"},
    {"sha256", KEY_TEXT, .summary = "digest of the one archive that is taken"},
    {"checksum_url", KEY_TEXT, .summary = "address of a file with the archive's SHA-256"},
    {"api", KEY_TEXT, .summary = "kind of forge that 'url' belongs to"},
    {"asset", KEY_TEXT, .summary = "name of the archive in a release, a glob"},
    {"tags", KEY_TEXT, .summary = "pattern of the forge's tags; '*' stands for the version"},
    {0},
};

static gboolean https_open(Source *source, GError **error)
{
    const char *url = source->config->source.url;
    return (url && url_is_plain(url)) ||
           fault_set(error, FAULT_CONFIG, "%s: a source of type 'https' needs an http or https address",
                     source->config->name);
}

/* The file's name in an address. The caller frees. */
static char *file_name(const char *url)
{
    g_autofree char *path = g_strndup(url, strcspn(url, "?#"));
    return g_path_get_basename(path);
}

/* --- taking an archive --------------------------------------------------------------------------------------- */

/* Where it may be had, in order: `url`, then the mirrors. */
static GPtrArray *places_of(const Source *source, const char *url)
{
    GPtrArray *places = g_ptr_array_new_with_free_func(g_free);
    const GPtrArray *mirrors = source->config->source.mirrors;
    g_autofree char *name = file_name(url);
    g_ptr_array_add(places, g_strdup(url));
    for (guint i = 0; mirrors && i < mirrors->len; i++) {
        const char *mirror = mirrors->pdata[i];
        g_ptr_array_add(places, g_str_has_suffix(mirror, "/") ? g_strconcat(mirror, name, NULL) : g_strdup(mirror));
    }
    return places;
}

/* An archive that is being taken: what must be true of it, and what it turns out to be. */
typedef struct Taking {
    Source *source;
    GKeyFile *notes;
    const char *expected;  /* digest; NULL: none is known */
    const char *version;   /* by the forge's tag; NULL: it says itself */
    const char *signature; /* address; NULL: beside the archive */
    gboolean unchanged;    /* the server said so, of a place that we asked before */
    RemoteProgress progress;
    gpointer data;
} Taking;

static char *place_key(const char *what, guint i)
{
    return g_strdup_printf("%s-%u", what, i);
}

static gboolean get(Taking *taking, const char *url, guint i, int fd, GError **error)
{
    Source *source = taking->source;
    g_autofree char *etag_key = place_key("etag", i), *since_key = place_key("since", i);
    /* A forge's assets do not change: there the condition stands on its answer. */
    g_autofree char *etag = taking->version ? NULL : kept_note(taking->notes, etag_key);
    g_autofree char *since = taking->version || etag ? NULL : kept_note(taking->notes, since_key);
    WebRequest request = {.home = source->config->source.url,
                          .url = url,
                          .etag = etag,
                          .since = since,
                          .limit_bytes = (guint64)source->host->max_release_bytes,
                          .progress = taking->progress,
                          .data = taking->data};
    RemoteResult result = {0};
    gboolean good = web_whole(source, &request, fd, &result, error);
    taking->unchanged = good && result.status == 304;
    if (good && !taking->unchanged) {
        kept_set_note(taking->notes, etag_key, result.etag);
        kept_set_note(taking->notes, since_key, result.last_modified);
    }
    remote_result_clear(&result);
    return good;
}

static char *find_version(Taking *taking, const char *url, const char *name, int fd, GError **error)
{
    Source *source = taking->source;
    if (source->config->trust.level == TRUST_MINISIGN) {
        g_autofree char *beside = g_strconcat(url, SOURCE_SIGNATURE_SUFFIX, NULL);
        return kept_signed_version(source, fd, name, taking->signature ? taking->signature : beside, error);
    }
    return taking->version ? g_strdup(taking->version) : kept_version(source, fd, name, error);
}

static gboolean take_from(Taking *taking, const char *url, guint i, GError **error)
{
    gint64 size = 0;
    g_autofree char *name = file_name(url);
    fs_fd int fd = kept_begin(taking->source, error);
    if (fd < 0 || !get(taking, url, i, fd, error))
        return FALSE;
    if (taking->unchanged)
        return TRUE;
    g_autofree char *version =
        checksum_fits(fd, name, taking->expected, error) ? find_version(taking, url, name, fd, error) : NULL;
    g_autofree char *sha256 = version ? kept_finish(taking->source, fd, &size, error) : NULL;
    g_autofree char *length = g_strdup_printf("%" G_GINT64_FORMAT, size);
    if (!sha256)
        return FALSE;
    kept_set_note(taking->notes, "version", version);
    kept_set_note(taking->notes, "sha256", sha256);
    kept_set_note(taking->notes, "size", length);
    return TRUE;
}

/* Only what speaks against this place lets another one be tried. */
static gboolean is_of_place(const GError *error)
{
    enum fault_code code = fault_code_of(error);
    return code == FAULT_NETWORK || code == FAULT_SOURCE || code == FAULT_VERIFY || code == FAULT_ARCHIVE ||
           code == FAULT_MANIFEST;
}

static gboolean take(Taking *taking, const char *url, GError **error)
{
    g_autoptr(GPtrArray) places = places_of(taking->source, url);
    g_autoptr(GError) first = NULL;
    for (guint i = 0; i < places->len; i++) {
        g_autoptr(GError) local = NULL;
        if (take_from(taking, places->pdata[i], i, &local))
            return TRUE;
        gboolean last = i + 1 == places->len || !is_of_place(local);
        g_autofree char *text = fault_text(local);
        if (!first)
            first = g_error_copy(local);
        else if (last)
            fault_hint(&first, "no mirror helped; the last one: %s", text);
        if (last)
            break;
    }
    g_propagate_error(error, g_steal_pointer(&first));
    return FALSE;
}

/* --- an archive at an address -------------------------------------------------------------------------------- */

/* A small file, as text; NULL without an error: it is as it was when its ETag was noted under `key`. */
static char *get_small(const Source *source, GKeyFile *notes, const char *url, const char *key, guint64 limit,
                       GError **error)
{
    g_autofree char *etag = kept_note(notes, key);
    WebRequest request = {.home = source->config->source.url, .url = url, .etag = etag, .limit_bytes = limit};
    RemoteResult result = {0};
    fs_fd int fd = web_small(source, &request, &result, error);
    gboolean unchanged = result.status == 304;
    g_autofree char *new_etag = g_steal_pointer(&result.etag);
    remote_result_clear(&result);
    if (fd < 0 || unchanged)
        return NULL;
    kept_set_note(notes, key, new_etag);
    gsize size = 0;
    return web_read(fd, &size, error);
}

/* *expected: the digest that it must have, NULL: none is known. */
static gboolean find_checksum(const Source *source, GKeyFile *notes, char **expected, GError **error)
{
    const char *url = source->config->source.checksum_url;
    *expected = g_strdup(source->config->source.sha256);
    if (!url)
        return TRUE;
    g_autofree char *name = file_name(source->config->source.url), *shown = file_name(url);
    g_autoptr(GError) local = NULL;
    g_autofree char *text = get_small(source, notes, url, "checksum-etag", CHECKSUM_MAX, &local);
    if (local)
        return g_propagate_error(error, g_steal_pointer(&local)), FALSE;
    *expected = text ? checksum_parse(text, shown, name, error) : kept_note(notes, "expected");
    if (text && *expected)
        kept_set_note(notes, "expected", *expected);
    return *expected != NULL;
}

static gboolean look_at_archive(Source *source, GKeyFile *notes, GError **error)
{
    g_autofree char *expected = NULL, *known = kept_note(notes, "sha256");
    if (!find_checksum(source, notes, &expected, error))
        return FALSE;
    if (known && g_strcmp0(known, expected) == 0)
        return TRUE; /* what must be there is what we know */
    Taking taking = {.source = source, .notes = notes, .expected = expected};
    if (!known || expected) { /* nothing that an unchanged file could stand for */
        g_auto(GStrv) keys = g_key_file_get_keys(notes, "source", NULL, NULL);
        for (guint i = 0; keys && keys[i]; i++)
            if (g_str_has_prefix(keys[i], "etag-") || g_str_has_prefix(keys[i], "since-"))
                kept_set_note(notes, keys[i], NULL);
    }
    return take(&taking, source->config->source.url, error);
}

/* --- a forge's latest release -------------------------------------------------------------------------------- */

static void note_release(GKeyFile *notes, const ForgeRelease *release)
{
    g_autofree char *size = g_strdup_printf("%" G_GINT64_FORMAT, release->size_bytes);
    kept_set_note(notes, "version", release->version);
    kept_set_note(notes, "archive", release->url);
    kept_set_note(notes, "expected", release->sha256);
    kept_set_note(notes, "signature", release->signature);
    kept_set_note(notes, "published", release->published);
    kept_set_note(notes, "size", size);
    kept_set_note(notes, "sha256", NULL);
}

static Node *parse_json(const char *text, const char *name, GError **error)
{
    fs_fd int fd = source_memory("release", error);
    if (fd < 0 || !fs_write_all(fd, text, strlen(text)))
        return NULL;
    return remote_parse(DOCUMENT_JSON, fd, name, FAULT_SOURCE, error);
}

/* The digest beside an asset, where the forge itself gives none. */
static gboolean complete_checksum(const Source *source, GKeyFile *notes, ForgeRelease *release, GError **error)
{
    if (release->sha256 || !release->checksum_url)
        return TRUE;
    g_autofree char *name = file_name(release->url), *shown = file_name(release->checksum_url);
    kept_set_note(notes, "checksum-etag", NULL);
    g_autofree char *text = get_small(source, notes, release->checksum_url, "checksum-etag", CHECKSUM_MAX, error);
    release->sha256 = text ? checksum_parse(text, shown, name, error) : NULL;
    return release->sha256 != NULL;
}

static gboolean take_release(Source *source, GKeyFile *notes, RemoteProgress progress, gpointer data, GError **error)
{
    g_autofree char *expected = kept_note(notes, "expected"), *version = kept_note(notes, "version");
    g_autofree char *signature = kept_note(notes, "signature"), *url = kept_note(notes, "archive");
    Taking taking = {.source = source,
                     .notes = notes,
                     .expected = expected,
                     .version = version,
                     .signature = signature,
                     .progress = progress,
                     .data = data};
    return take(&taking, url, error);
}

static gboolean look_at_forge(Source *source, GKeyFile *notes, GError **error)
{
    const char *url = source->config->source.url, *tags = source->config->source.tags;
    g_autofree char *shown = shown_url(url), *known = kept_note(notes, "version");
    g_autoptr(GError) local = NULL;
    if (!known)
        kept_set_note(notes, "api-etag", NULL);
    g_autofree char *text = get_small(source, notes, url, "api-etag", LATEST_MAX, &local);
    if (local)
        return g_propagate_error(error, g_steal_pointer(&local)), FALSE;
    if (!text)
        return TRUE;
    g_auto(ForgeRelease) release = {.size_bytes = 0};
    g_autoptr(Node) document = parse_json(text, shown, error);
    if (!document || !forge_read(document, shown, tags ? tags : "*", source->config->source.asset, &release, error) ||
        !complete_checksum(source, notes, &release, error))
        return FALSE;
    g_autofree char *joined = reference_join(url, release.url, error);
    g_autofree char *before = kept_note(notes, "archive"), *taken = kept_note(notes, "sha256");
    gboolean same = taken && g_strcmp0(before, release.url) == 0 && g_strcmp0(known, release.version) == 0 &&
                    (!release.sha256 || strcmp(release.sha256, taken) == 0);
    if (!joined)
        return FALSE;
    if (same) /* the answer changed (it counts downloads), the release did not */
        return TRUE;
    note_release(notes, &release);
    if (!release.sha256 && source->config->trust.level == TRUST_CHECKSUM)
        return fault_set(error, FAULT_VERIFY, "%s: neither the release nor a file '%s.sha256' gives its digest", shown,
                         source->config->source.asset);
    return release.sha256 || take_release(source, notes, NULL, NULL, error);
}

/* --- the driver ---------------------------------------------------------------------------------------------- */

static gboolean list(Source *source, GKeyFile *notes, Listing *listing, GError **error)
{
    g_autofree char *version = kept_note(notes, "version"), *sha256 = kept_note(notes, "sha256");
    g_autofree char *expected = kept_note(notes, "expected"), *archive = kept_note(notes, "archive");
    g_autofree char *signature = kept_note(notes, "signature"), *published = kept_note(notes, "published");
    g_autofree char *size = kept_note(notes, "size");
    g_autofree char *content = g_strconcat("sha256 ", sha256 ? sha256 : expected, NULL);
    Listed listed = {.version = version,
                     .url = archive ? archive : source->config->source.url,
                     .sha256 = sha256,
                     .signature = signature,
                     .content = content,
                     .released = published,
                     .size_bytes = size ? g_ascii_strtoll(size, NULL, 10) : 0};
    return listing_add(listing, &listed, error);
}

static gboolean https_index(Source *source, gboolean with_signature, SourceBytes *index, SourceBytes *signature,
                            GError **error)
{
    g_autoptr(GKeyFile) notes = kept_notes(source);
    g_autoptr(Listing) listing = listing_new(source, error);
    if (!listing ||
        !(source->config->source.api ? look_at_forge(source, notes, error) : look_at_archive(source, notes, error)) ||
        !list(source, notes, listing, error))
        return FALSE;
    kept_save_notes(source, notes);
    return listing_fill(listing, index, error);
}

static gboolean https_pin(Source *source, const char *url, RemoteProgress progress, gpointer data, char **sha256,
                          gint64 *size_bytes, GError **error)
{
    g_autoptr(GKeyFile) notes = kept_notes(source);
    if (!take_release(source, notes, progress, data, error))
        return FALSE;
    kept_save_notes(source, notes);
    g_autofree char *size = kept_note(notes, "size");
    *sha256 = kept_note(notes, "sha256");
    *size_bytes = size ? g_ascii_strtoll(size, NULL, 10) : 0;
    return *sha256 != NULL;
}

static gboolean https_fetch(Source *source, const char *url, guint64 limit_bytes, int output_fd,
                            RemoteProgress progress, gpointer data, GError **error)
{
    WebRequest request = {
        .home = source->config->source.url, .url = url, .limit_bytes = limit_bytes, .progress = progress, .data = data};
    return web_fetch(source, &request, output_fd, error);
}

static char *https_resolve(Source *source, const char *reference, GError **error)
{
    return reference_join(source->config->source.url, reference, error);
}

const SourceDriver source_https = {
    .name = "https",
    .summary = "one archive at a web server, or of a forge's latest release",
    .keys = https_keys,
    .makes_index = TRUE,
    .open = https_open,
    .index = https_index,
    .fetch = https_fetch,
    .pin = https_pin,
    .resolve = https_resolve,
};
