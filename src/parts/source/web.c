/* SPDX-License-Identifier: Apache-2.0 */
/* Transfers over http and https. */
#include "parts/source/web.h"

#include "base/fault.h"
#include "base/fs.h"
#include "parts/source/http_cache.h"
#include "parts/source/http_headers.h"
#include "parts/source/link.h"
#include "parts/source/reference.h"
#include "parts/source/source_inner.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define STALL_MS (30 * 1000)
#define SMALL_TOTAL_MS (60 * 1000)
#define LARGE_TOTAL_MS (10 * 60 * 1000) /* and as long as it takes at the slowest rate */
#define SLOWEST_BYTES_PER_MS 32         /* 32 kB/s: below it a transfer ends, and the next goes on where it stopped */
#define SLOWEST_ANSWER_MS 250           /* until the next of several ranges comes */
#define SMALL_BYTES (1024 * 1024)

GPtrArray *web_headers(const Source *source, const char *url, const char *home, GError **error)
{
    g_autoptr(GPtrArray) headers = g_ptr_array_new_with_free_func(g_free);
    const GPtrArray *files = source->config->source.headers_file;
    if (files && reference_same_place(url, home))
        for (guint i = 0; i < files->len; i++)
            if (!http_headers_read(source->place, files->pdata[i], headers, error))
                return NULL;
    g_ptr_array_add(headers, NULL);
    return g_steal_pointer(&headers);
}

/* `headers` stay the caller's, and are used as long as *fetch. */
static void aim(const Source *source, const WebRequest *request, const GPtrArray *headers, RemoteFetch *fetch)
{
    fetch->url = request->url;
    fetch->headers = (const char *const *)headers->pdata;
    fetch->ca_file = link_ca_file(source);
    fetch->proxy = link_proxy(source);
    fetch->no_proxy = link_no_proxy(source);
    fetch->limit_bytes = request->limit_bytes;
    fetch->stall_timeout_ms = STALL_MS;
}

static gboolean transfer(const Source *source, const WebRequest *request, RemoteFetch *fetch, int output_fd,
                         RemoteResult *result, GError **error)
{
    g_autoptr(GPtrArray) headers = web_headers(source, request->url, request->home, error);
    if (!headers)
        return FALSE;
    aim(source, request, headers, fetch);
    return remote_fetch(fetch, output_fd, result, error);
}

static gint64 large_total_ms(guint64 limit_bytes)
{
    return LARGE_TOTAL_MS + (gint64)(limit_bytes / SLOWEST_BYTES_PER_MS);
}

int web_small(const Source *source, const WebRequest *request, RemoteResult *result, GError **error)
{
    fs_fd int fd = source_memory(SOURCE_INDEX_NAME, error);
    RemoteFetch fetch = {.etag = request->etag, .modified_since = request->since, .total_timeout_ms = SMALL_TOTAL_MS};
    return fd >= 0 && transfer(source, request, &fetch, fd, result, error) ? fs_fd_steal(&fd) : -1;
}

gboolean web_whole(const Source *source, const WebRequest *request, int output_fd, RemoteResult *result, GError **error)
{
    RemoteFetch fetch = {.etag = request->etag,
                         .modified_since = request->since,
                         .total_timeout_ms = large_total_ms(request->limit_bytes),
                         .progress = request->progress,
                         .progress_data = request->data};
    return transfer(source, request, &fetch, output_fd, result, error);
}

gboolean web_ranges(const Source *source, const WebRequest *request, const SourceRange *ranges, guint n_ranges,
                    int output_fd, GError **error)
{
    g_autoptr(GPtrArray) headers = web_headers(source, request->url, request->home, error);
    if (!headers)
        return FALSE;
    RemoteFetch fetch = {.total_timeout_ms =
                             large_total_ms(request->limit_bytes) + (gint64)n_ranges * SLOWEST_ANSWER_MS,
                         .progress = request->progress,
                         .progress_data = request->data};
    aim(source, request, headers, &fetch);
    RemoteResult result = {0};
    gboolean good = remote_fetch_ranges(&fetch, ranges, n_ranges, request->limit_bytes, output_fd, &result, error);
    remote_result_clear(&result);
    return good;
}

char *web_read(int fd, gsize *size, GError **error)
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

/* --- large files, in parts ----------------------------------------------------------------------------------- */

/* A transfer. One that is large notes the ETag as soon as it is known, so that it can be continued also after it was
 * killed. */
typedef struct Transfer {
    const Source *source;
    const WebRequest *request;
    gboolean resumable;
    RemoteResult result;
    char *noted; /* the ETag that stands in the note; NULL: none */
} Transfer;

static void note(Transfer *transfer)
{
    const char *etag = transfer->result.etag;
    if (!transfer->resumable || !etag || g_strcmp0(etag, transfer->noted) == 0)
        return;
    http_cache_keep_part(transfer->source->place, transfer->request->url, etag);
    g_free(transfer->noted);
    transfer->noted = g_strdup(etag);
}

static void transfer_progress(guint64 done, guint64 total, gpointer data)
{
    Transfer *transfer = data;
    note(transfer);
    if (transfer->request->progress)
        transfer->request->progress(done, total, transfer->request->data);
}

static gboolean fetch_from(Transfer *from, guint64 start, int output_fd, GError **error)
{
    remote_result_clear(&from->result);
    RemoteFetch fetch = {
        .etag = start > 0 ? from->noted : NULL,
        .resume_from = start,
        .total_timeout_ms = large_total_ms(from->request->limit_bytes),
        .progress = transfer_progress,
        .progress_data = from,
    };
    gboolean good = transfer(from->source, from->request, &fetch, output_fd, &from->result, error);
    if (!good)
        note(from);
    return good;
}

static gboolean fetch_rest(Transfer *rest, int output_fd, GError **error)
{
    struct stat st;
    if (fstat(output_fd, &st) < 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot see what is here already");
    rest->noted = http_cache_part(rest->source->place, rest->request->url);
    guint64 start = rest->noted ? (guint64)st.st_size : 0;
    g_autoptr(GError) local = NULL;
    gboolean good = fetch_from(rest, start, output_fd, &local);
    if (!good && start > 0 && rest->result.status == 416) { /* what we hold is no first part of what is there now */
        g_clear_error(&local);
        good = fetch_from(rest, 0, output_fd, &local);
    }
    if (good)
        http_cache_keep_part(rest->source->place, rest->request->url, NULL);
    else
        g_propagate_error(error, g_steal_pointer(&local));
    return good;
}

gboolean web_fetch(const Source *source, const WebRequest *request, int output_fd, GError **error)
{
    gboolean resumable = request->limit_bytes > SMALL_BYTES;
    Transfer whole = {.source = source, .request = request, .resumable = resumable};
    gboolean good = resumable ? fetch_rest(&whole, output_fd, error) : fetch_from(&whole, 0, output_fd, error);
    g_free(whole.noted);
    remote_result_clear(&whole.result);
    return good;
}
