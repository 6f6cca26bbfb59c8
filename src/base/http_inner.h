/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP transfer as its three files share it: http.c asks, http_answer.c takes what comes, http_failure.c names what
 * went wrong. */
#pragma once

#include "base/http.h"
#include "base/http_address.h"

#include <curl/curl.h>

enum {
    HEADERS_MAX_BYTES = 64 * 1024,
    DISCARD_MAX_BYTES = 64 * 1024, /* of a body that nobody wants; then the connection is dropped */
    ETAG_MAX_BYTES = 256,
    DEFAULT_LIMIT_BYTES = 1024 * 1024,
    DEFAULT_CONNECT_MS = 10000,
    DEFAULT_STALL_MS = 30000,
    STALL_BYTES_PER_MS = 1, /* 1 kB/s */
};

/* What the headers of one answer said. */
typedef struct Answer {
    gint64 content_length; /* -1: not said */
    char *content_range;
    gboolean compressed;
    gboolean huge;     /* a length over 63 bits, which libcurl passes over */
    gboolean complete; /* the empty line came */
    guint64 header_bytes;
} Answer;

typedef struct Transfer {
    const HttpRequest *request;
    HttpResponse *response;
    CURL *curl;
    GError *error;                            /* set inside a callback; goes before anything that libcurl says */
    char *shown;                              /* the address for people, of the first request */
    char *host;                               /* "HOST:PORT" of the present one, or the unix socket */
    gint64 connect_ms, stall_ms, deadline_ms; /* deadline: CLOCK_MONOTONIC, 0: none */
    guint64 limit_bytes;

    gboolean redirected, other_host; /* headers are no longer sent */
    AddressRange origin;             /* where the first host lives */

    Answer answer;
    guint64 resume_from, position; /* position: bytes that the output holds */
    gboolean connected, body_begun, discard, enough;
    guint64 discarded, received;
    gint64 window_start_ms;
    guint64 window_received;
} Transfer;

/* "fetch", "ask", "post"; NULL for a method that we do not speak. */
const char *http_verb(const HttpRequest *request);
gint64 http_now_ms(void);
void http_answer_clear(Answer *answer);

/* Both set transfer->error and return FALSE: "fetch URL: why", "cannot reach HOST: why". */
gboolean http_refuse(Transfer *transfer, int code, const char *format, ...) G_GNUC_PRINTF(3, 4);
gboolean http_unreachable(Transfer *transfer, const char *why);

/* "30 s", "1.5 s"; the caller frees. */
char *http_seconds(gint64 duration_ms);

/* Starts counting anew how fast the answer comes. */
void http_begin_window(Transfer *transfer);

/* Judges the head when the body begins, or when it ends without one. FALSE with transfer->error set. */
gboolean http_begin_body(Transfer *transfer);

/* Bytes that the output will hold in the end; 0: the server did not say. */
guint64 http_whole_size(const Transfer *transfer);

/* Whether an entity tag may be sent back as it is (RFC 9110 section 8.8.3). */
gboolean http_etag_is_clean(const char *etag);

/* Callbacks of libcurl; data is the Transfer. */
size_t http_on_header(char *bytes, size_t one, size_t size, void *data);
size_t http_on_body(char *bytes, size_t one, size_t size, void *data);
int http_on_progress(void *data, curl_off_t total, curl_off_t done, curl_off_t up_total, curl_off_t up);

/* Turns what libcurl says into a fault of transfer->error, unless a callback set one already. Returns FALSE. */
gboolean http_fail(Transfer *transfer, CURLcode code, const char *detail);

/* It took too long; the body ended early. Both as http_fail. */
gboolean http_fail_late(Transfer *transfer);
gboolean http_fail_broken(Transfer *transfer);
