/* SPDX-License-Identifier: Apache-2.0 */
/* Any web server that holds releases.json and archives. What touches the network is the child without rights. */
#include "base/fault.h"
#include "base/fs.h"
#include "base/shown.h"
#include "model/manifest_check.h"
#include "parts/source/http_cache.h"
#include "parts/source/reference.h"
#include "parts/source/source_inner.h"
#include "parts/source/web.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static const Key http_keys[] = {
    {"url", KEY_TEXT, .summary = "address of releases.json, or of the place where it lies", .required = TRUE},
    {"headers_file", KEY_TEXTS, .summary = "files with HTTP headers such as tokens, one a line"},
    {0},
};

static const char *index_url(const Source *source)
{
    return source->state;
}

static gboolean http_open(Source *source, GError **error)
{
    const char *url = source->config->source.url;
    if (!url || !url_is_plain(url))
        return fault_set(error, FAULT_CONFIG, "%s: a source of type 'http' needs an http or https address",
                         source->config->name);
    if (strpbrk(url, "?#"))
        return fault_set(error, FAULT_CONFIG, "%s: the source's address must not hold '?' or '#'",
                         source->config->name) ||
               fault_hint(error, "a token belongs into a file named in 'headers_file'");
    if (g_str_has_suffix(url, ".json"))
        source->state = g_strdup(url);
    else
        source->state = g_strconcat(url, g_str_has_suffix(url, "/") ? "" : "/", SOURCE_INDEX_NAME, NULL);
    return TRUE;
}

/* --- index and signature ------------------------------------------------------------------------------------ */

static gboolean fetch_index(Source *source, SourceBytes *index, GError **error)
{
    const char *url = index_url(source);
    g_autofree char *shown = shown_url(url), *cached = NULL, *etag = NULL, *content = NULL;
    gsize limit = (gsize)source->host->max_index_bytes, size = 0;
    gboolean have = http_cache_index(source->place, url, limit, &cached, &size, &etag);
    RemoteResult result = {0};
    WebRequest request = {.home = url, .url = url, .etag = have ? etag : NULL, .limit_bytes = limit};
    fs_fd int fd = web_small(source, &request, &result, error);
    int status = result.status;
    g_autofree char *new_etag = g_strdup(result.etag);
    remote_result_clear(&result);
    if (fd < 0)
        return FALSE;
    if (status == 304 && have) {
        index->not_modified = TRUE;
        return source_bytes_fill(index, shown, cached, size, error);
    }
    content = web_read(fd, &size, error);
    if (!content)
        return FALSE;
    http_cache_keep_index(source->place, url, content, size, new_etag);
    index->fd = fs_fd_steal(&fd);
    index->name = g_steal_pointer(&shown);
    return TRUE;
}

static gboolean fetch_signature(Source *source, SourceBytes *signature, GError **error)
{
    g_autofree char *url = g_strconcat(index_url(source), SOURCE_SIGNATURE_SUFFIX, NULL);
    g_autoptr(GError) local = NULL;
    RemoteResult result = {0};
    WebRequest request = {.home = index_url(source), .url = url, .limit_bytes = SOURCE_SIGNATURE_MAX};
    fs_fd int fd = web_small(source, &request, &result, &local);
    gboolean absent = result.status == 404 || result.status == 410;
    remote_result_clear(&result);
    if (fd < 0 && !absent)
        return g_propagate_error(error, g_steal_pointer(&local)), FALSE;
    signature->fd = fs_fd_steal(&fd);
    signature->name = shown_url(url);
    return TRUE;
}

static gboolean http_index(Source *source, gboolean with_signature, SourceBytes *index, SourceBytes *signature,
                           GError **error)
{
    return fetch_index(source, index, error) && (!with_signature || fetch_signature(source, signature, error));
}

/* --- archives ----------------------------------------------------------------------------------------------- */

static gboolean http_fetch(Source *source, const char *url, guint64 limit_bytes, int output_fd, RemoteProgress progress,
                           gpointer data, GError **error)
{
    WebRequest request = {
        .home = index_url(source), .url = url, .limit_bytes = limit_bytes, .progress = progress, .data = data};
    return web_fetch(source, &request, output_fd, error);
}

static char *http_resolve(Source *source, const char *reference, GError **error)
{
    return reference_join(index_url(source), reference, error);
}

const SourceDriver source_http = {
    .name = "http",
    .summary = "releases.json and archives on any web server",
    .keys = http_keys,
    .open = http_open,
    .index = http_index,
    .fetch = http_fetch,
    .resolve = http_resolve,
};
