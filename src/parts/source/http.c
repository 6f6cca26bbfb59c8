/* SPDX-License-Identifier: Apache-2.0 */
/* Any web server that holds releases.json and archives. What touches the network is the child without rights. */
#include "base/fault.h"
#include "base/fs.h"
#include "base/shown.h"
#include "model/manifest_check.h"
#include "parts/source/http_cache.h"
#include "parts/source/http_headers.h"
#include "parts/source/reference.h"
#include "parts/source/source_inner.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define STALL_MS (30 * 1000)
#define SMALL_TOTAL_MS (60 * 1000)
#define LARGE_TOTAL_MS (10 * 60 * 1000) /* and as long as it takes at the slowest rate */
#define SLOWEST_BYTES_PER_MS 32         /* 32 kB/s: below it a transfer ends, and the next goes on where it stopped */
#define SMALL_BYTES (1024 * 1024)

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

/* The operator's headers, NULL-terminated; none where `url` is not at the source's own place: they may be secrets. */
static GPtrArray *headers_for(const Source *source, const char *url, GError **error)
{
    g_autoptr(GPtrArray) headers = g_ptr_array_new_with_free_func(g_free);
    const GPtrArray *files = source->config->source.headers_file;
    if (files && reference_same_place(url, index_url(source)))
        for (guint i = 0; i < files->len; i++)
            if (!http_headers_read(source->place, files->pdata[i], headers, error))
                return NULL;
    g_ptr_array_add(headers, NULL);
    return g_steal_pointer(&headers);
}

/* --- index and signature ------------------------------------------------------------------------------------ */

/* Fetches something small into a file in memory; `status` tells of 304 and of what the server refused. */
static int fetch_small(Source *source, const char *url, const char *etag, guint64 limit_bytes, RemoteResult *result,
                       GError **error)
{
    g_autoptr(GPtrArray) headers = headers_for(source, url, error);
    fs_fd int fd = headers ? source_memory(SOURCE_INDEX_NAME, error) : -1;
    if (fd < 0)
        return -1;
    RemoteFetch fetch = {
        .url = url,
        .headers = (const char *const *)headers->pdata,
        .etag = etag,
        .proxy = source->host->proxy,
        .limit_bytes = limit_bytes,
        .stall_timeout_ms = STALL_MS,
        .total_timeout_ms = SMALL_TOTAL_MS,
    };
    return remote_fetch(&fetch, fd, result, error) ? fs_fd_steal(&fd) : -1;
}

static char *read_small(int fd, gsize *size, GError **error)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot read what was fetched"), NULL;
    char *content = g_malloc((gsize)st.st_size + 1);
    *size = 0;
    ssize_t n;
    while (*size < (gsize)st.st_size && (n = pread(fd, content + *size, (gsize)st.st_size - *size, (off_t)*size)) > 0)
        *size += (gsize)n;
    content[*size] = '\0';
    return content;
}

static gboolean fetch_index(Source *source, SourceBytes *index, GError **error)
{
    const char *url = index_url(source);
    g_autofree char *shown = shown_url(url), *cached = NULL, *etag = NULL, *content = NULL;
    gsize limit = (gsize)source->host->max_index_bytes, size = 0;
    gboolean have = http_cache_index(source->place, url, limit, &cached, &size, &etag);
    RemoteResult result = {0};
    fs_fd int fd = fetch_small(source, url, have ? etag : NULL, limit, &result, error);
    int status = result.status;
    g_autofree char *new_etag = g_strdup(result.etag);
    remote_result_clear(&result);
    if (fd < 0)
        return FALSE;
    if (status == 304 && have) {
        index->not_modified = TRUE;
        return source_bytes_fill(index, shown, cached, size, error);
    }
    content = read_small(fd, &size, error);
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
    fs_fd int fd = fetch_small(source, url, NULL, SOURCE_SIGNATURE_MAX, &result, &local);
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

/* A transfer. One that is large notes the ETag as soon as it is known, so that it can be continued also after it was
 * killed. */
typedef struct Transfer {
    const Source *source;
    const char *url;
    gboolean resumable;
    RemoteResult result;
    char *noted; /* the ETag that stands in the note; NULL: none */
    RemoteProgress progress;
    gpointer data;
} Transfer;

static void note(Transfer *transfer)
{
    const char *etag = transfer->result.etag;
    if (!transfer->resumable || !etag || g_strcmp0(etag, transfer->noted) == 0)
        return;
    http_cache_keep_part(transfer->source->place, transfer->url, etag);
    g_free(transfer->noted);
    transfer->noted = g_strdup(etag);
}

static void transfer_progress(guint64 done, guint64 total, gpointer data)
{
    Transfer *transfer = data;
    note(transfer);
    if (transfer->progress)
        transfer->progress(done, total, transfer->data);
}

static gboolean fetch_from(Transfer *transfer, guint64 start, guint64 limit_bytes, int output_fd, GError **error)
{
    g_autoptr(GPtrArray) headers = headers_for(transfer->source, transfer->url, error);
    if (!headers)
        return FALSE;
    remote_result_clear(&transfer->result);
    RemoteFetch fetch = {
        .url = transfer->url,
        .headers = (const char *const *)headers->pdata,
        .etag = start > 0 ? transfer->noted : NULL,
        .resume_from = start,
        .proxy = transfer->source->host->proxy,
        .limit_bytes = limit_bytes,
        .stall_timeout_ms = STALL_MS,
        .total_timeout_ms = LARGE_TOTAL_MS + (gint64)(limit_bytes / SLOWEST_BYTES_PER_MS),
        .progress = transfer_progress,
        .progress_data = transfer,
    };
    gboolean good = remote_fetch(&fetch, output_fd, &transfer->result, error);
    if (!good)
        note(transfer);
    return good;
}

static gboolean fetch_rest(Transfer *transfer, guint64 limit_bytes, int output_fd, GError **error)
{
    struct stat st;
    if (fstat(output_fd, &st) < 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot see what is here already");
    transfer->noted = http_cache_part(transfer->source->place, transfer->url);
    guint64 start = transfer->noted ? (guint64)st.st_size : 0;
    g_autoptr(GError) local = NULL;
    gboolean good = fetch_from(transfer, start, limit_bytes, output_fd, &local);
    if (!good && start > 0 && transfer->result.status == 416) { /* what we hold is no first part of what is there now */
        g_clear_error(&local);
        good = fetch_from(transfer, 0, limit_bytes, output_fd, &local);
    }
    if (good)
        http_cache_keep_part(transfer->source->place, transfer->url, NULL);
    else
        g_propagate_error(error, g_steal_pointer(&local));
    return good;
}

static gboolean http_fetch(Source *source, const char *url, guint64 limit_bytes, int output_fd, RemoteProgress progress,
                           gpointer data, GError **error)
{
    gboolean resumable = limit_bytes > SMALL_BYTES;
    Transfer transfer = {.source = source, .url = url, .resumable = resumable, .progress = progress, .data = data};
    gboolean good = resumable ? fetch_rest(&transfer, limit_bytes, output_fd, error)
                              : fetch_from(&transfer, 0, limit_bytes, output_fd, error);
    g_free(transfer.noted);
    remote_result_clear(&transfer.result);
    return good;
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
