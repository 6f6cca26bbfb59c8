/* SPDX-License-Identifier: Apache-2.0 */
/* What a server answers: its head, judged before the first byte of the body is kept, and the body, counted as it comes.
 */
#include "base/fault.h"
#include "base/http_inner.h"
#include "base/shown.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* --- the answer's head -------------------------------------------------------------------------------------- */

gboolean http_etag_is_clean(const char *etag)
{
    gsize size = strlen(etag);
    const char *quoted = g_str_has_prefix(etag, "W/") ? etag + 2 : etag;
    if (size > ETAG_MAX_BYTES || strlen(quoted) < 2 || quoted[0] != '"' || etag[size - 1] != '"')
        return FALSE;
    for (const char *at = quoted + 1; at < etag + size - 1; at++) {
        if (*at <= ' ' || *at == '"' || *at > '~')
            return FALSE;
    }
    return TRUE;
}

static void take_header(Transfer *transfer, const char *name, const char *value)
{
    Answer *answer = &transfer->answer;
    HttpResponse *response = transfer->response;
    if (g_ascii_strcasecmp(name, "etag") == 0 && http_etag_is_clean(value)) {
        g_free(response->etag);
        response->etag = g_strdup(value);
    } else if (g_ascii_strcasecmp(name, "last-modified") == 0) {
        g_free(response->last_modified);
        response->last_modified = shown_text(value);
    } else if (g_ascii_strcasecmp(name, "content-range") == 0) {
        g_free(answer->content_range);
        answer->content_range = g_strdup(value);
    } else if (g_ascii_strcasecmp(name, "content-encoding") == 0) {
        answer->compressed = *value && g_ascii_strcasecmp(value, "identity") != 0;
    } else if (g_ascii_strcasecmp(name, "content-type") == 0) {
        answer->several = g_ascii_strncasecmp(value, "multipart/", strlen("multipart/")) == 0;
    } else if (g_ascii_strcasecmp(name, "content-length") == 0) {
        answer->huge |= strspn(value, "0123456789") > strlen("999999999999999999");
    }
}

void http_begin_window(Transfer *transfer)
{
    transfer->window_start_ms = http_now_ms();
    transfer->window_received = transfer->received;
}

size_t http_on_header(char *bytes, size_t one, size_t size, void *data)
{
    Transfer *transfer = data;
    transfer->received += size;
    transfer->answer.header_bytes += size;
    if (transfer->answer.header_bytes > HEADERS_MAX_BYTES) {
        http_refuse(transfer, FAULT_SOURCE, "its headers do not end");
        return 0;
    }
    g_autofree char *line = g_strndup(bytes, size);
    if (g_str_has_prefix(line, "HTTP/")) { /* a new head: what an interim answer said is void */
        guint64 header_bytes = transfer->answer.header_bytes;
        http_answer_clear(&transfer->answer);
        transfer->answer.header_bytes = header_bytes;
        g_clear_pointer(&transfer->response->etag, g_free);
        g_clear_pointer(&transfer->response->last_modified, g_free);
        return size;
    }
    if (line[0] == '\r' || line[0] == '\n') {
        transfer->answer.complete = TRUE;
        http_begin_window(transfer); /* what the head brought shall not hide that no body comes */
    }
    char *colon = strchr(line, ':');
    if (colon) {
        *colon = '\0';
        take_header(transfer, g_strchomp(line), g_strstrip(colon + 1));
    }
    return size;
}

/* "bytes 500-999/1000" must begin where we stopped. */
static gboolean range_fits(const char *content_range, guint64 from)
{
    ContentRange said;
    return content_range && content_range_parse(content_range, &said) && said.range.size && said.range.at == from;
}

/* A file that is compressed in itself is often sent with the header all the same. */
static gboolean is_packed_file(const char *url)
{
    g_autofree char *path = g_strndup(url, strcspn(url, "?#"));
    return g_str_has_suffix(path, ".gz") || g_str_has_suffix(path, ".tgz") || g_str_has_suffix(path, ".zst");
}

static gboolean check_head(Transfer *transfer, int status)
{
    const Answer *answer = &transfer->answer;
    if (status == 206 && !transfer->part && transfer->resume_from == 0)
        return http_refuse(transfer, FAULT_SOURCE, "HTTP 206, though all of it was asked for");
    if (status == 206 && !transfer->part && !range_fits(answer->content_range, transfer->resume_from))
        return http_refuse(transfer, FAULT_SOURCE, "asked for the bytes from %" G_GUINT64_FORMAT ", got others",
                           transfer->resume_from);
    if (answer->compressed && !is_packed_file(transfer->request->url))
        return http_refuse(transfer, FAULT_SOURCE, "compressed, though nobody asked for it");
    return TRUE;
}

static gboolean too_much(Transfer *transfer)
{
    return http_refuse(transfer, FAULT_VERIFY, "more than %" G_GUINT64_FORMAT " bytes", transfer->limit_bytes);
}

/* Decides, once the head is there, where the body goes. */
gboolean http_begin_body(Transfer *transfer)
{
    if (transfer->body_begun)
        return TRUE;
    transfer->body_begun = TRUE;
    long status = 0;
    curl_off_t length = -1;
    curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(transfer->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    transfer->response->status = (int)status;
    transfer->answer.content_length = length;
    gboolean to_file = transfer->request->output_fd >= 0;
    gboolean good = status == 200 || status == 206;
    if (transfer->part && !http_begin_part(transfer, (int)status))
        return FALSE;
    transfer->discard = (to_file && !good) || (status / 100 == 3 && transfer->request->max_redirects > 0);
    if (transfer->discard)
        return TRUE;
    if (!check_head(transfer, (int)status))
        return FALSE;
    if (transfer->part)
        return TRUE;
    transfer->response->resumed = status == 206;
    transfer->position = status == 206 ? transfer->resume_from : 0;
    gboolean has_body = !g_str_equal(transfer->request->method, "HEAD");
    if (has_body && transfer->answer.huge)
        return too_much(transfer);
    if (has_body && length > 0 && (guint64)length > transfer->limit_bytes - transfer->position)
        return too_much(transfer);
    if (to_file && ftruncate(transfer->request->output_fd, (off_t)transfer->position) < 0)
        return fault_errno(&transfer->error, FAULT_SYSTEM, errno, "%s %s: cannot write it",
                           http_verb(transfer->request), transfer->shown);
    return TRUE;
}

/* --- the body ----------------------------------------------------------------------------------------------- */

gboolean http_write(Transfer *transfer, const char *bytes, gsize size)
{
    while (size > 0) {
        ssize_t n = pwrite(transfer->request->output_fd, bytes, size, (off_t)transfer->position);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fault_errno(&transfer->error, FAULT_SYSTEM, errno, "%s %s: cannot write it",
                               http_verb(transfer->request), transfer->shown);
        transfer->position += (guint64)n;
        bytes += n;
        size -= (gsize)n;
    }
    return TRUE;
}

size_t http_on_body(char *bytes, size_t one, size_t size, void *data)
{
    Transfer *transfer = data;
    transfer->received += size;
    if (!http_begin_body(transfer))
        return 0;
    if (transfer->discard) {
        transfer->discarded += size;
        transfer->enough = transfer->discarded > DISCARD_MAX_BYTES;
        return transfer->enough ? 0 : size;
    }
    if (transfer->part)
        return http_take_part(transfer, bytes, size);
    if (size > transfer->limit_bytes - transfer->position) {
        too_much(transfer);
        return 0;
    }
    if (transfer->request->output_fd >= 0)
        return http_write(transfer, bytes, size) ? size : 0;
    g_string_append_len(transfer->response->memory, bytes, (gssize)size);
    transfer->position += size;
    return size;
}

/* What the output will hold in the end, 0 if the server did not say. */
guint64 http_whole_size(const Transfer *transfer)
{
    gint64 length = transfer->answer.content_length;
    guint64 start = transfer->response->resumed ? transfer->resume_from : 0;
    return length < 0 || transfer->discard ? 0 : start + (guint64)length;
}

/* libcurl calls this at least once a second. Windows of the stall time's length; each must bring its bytes. */
int http_on_progress(void *data, curl_off_t total, curl_off_t done, curl_off_t up_total, curl_off_t up)
{
    Transfer *transfer = data;
    const HttpRequest *request = transfer->request;
    if (request->progress && transfer->parts)
        request->progress(transfer->parts->done, transfer->parts->total, request->progress_data);
    else if (request->progress)
        request->progress(transfer->position, http_whole_size(transfer), request->progress_data);
    if (!transfer->connected || http_now_ms() - transfer->window_start_ms < transfer->stall_ms)
        return 0;
    guint64 got = transfer->received - transfer->window_received;
    if (got >= (guint64)transfer->stall_ms * STALL_BYTES_PER_MS) {
        http_begin_window(transfer);
        return 0;
    }
    g_autofree char *duration = http_seconds(transfer->stall_ms);
    http_refuse(transfer, FAULT_NETWORK, got ? "less than 1 kB/s for %s" : "no data for %s", duration);
    return 1;
}
