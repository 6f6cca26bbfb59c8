/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP transfer as its files share it: http.c asks, http_answer.c takes what comes, http_failure.c names what went
 * wrong, http_ranges.c does so for parts of a file. */
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
    gboolean several; /* multipart/byteranges */
    gboolean compressed;
    gboolean huge;     /* a length over 63 bits, which libcurl passes over */
    gboolean complete; /* the empty line came */
    guint64 header_bytes;
} Answer;

typedef struct Transfer Transfer;

/* What the requests for the parts of one file share. */
typedef struct Parts {
    CURLM *multi;
    guint64 done, total;        /* bytes of the ranges */
    gboolean shares;            /* HTTP/2: one connection serves several at a time */
    gboolean begun;             /* an answer came that all others are held to: */
    char *etag, *last_modified; /* its own; NULL: it had none */
    const Transfer *whole;      /* the one that gets the whole file; NULL: none does */
    guint whole_next;           /* the range that its next bytes may belong to */
} Parts;

struct Transfer {
    const HttpRequest *request;
    HttpResponse *response;
    CURL *curl;
    struct curl_slist *headers;
    char detail[CURL_ERROR_SIZE];
    GError *error;                            /* set inside a callback; goes before anything that libcurl says */
    char *shown;                              /* the address for people, of the first request */
    char *url, *host;                         /* the present one; its "HOST:PORT", or the unix socket */
    gint64 connect_ms, stall_ms, deadline_ms; /* deadline: CLOCK_MONOTONIC, 0: none */
    guint64 limit_bytes;

    gboolean redirected, other_host; /* headers are no longer sent */
    AddressRange origin;             /* where the first host lives */

    Parts *parts;          /* NULL: all of the file is asked for, or its end */
    const ByteRange *part; /* what this one asks for */

    Answer answer;
    guint64 resume_from, position; /* position: bytes that the output holds; of parts: where the next byte belongs */
    gboolean connected, body_begun, discard, enough;
    guint64 discarded, received;
    gint64 window_start_ms;
    guint64 window_received;
};

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

/* Makes transfer->curl, which asks transfer->url. FALSE with transfer->error set. */
gboolean http_exchange_begin(Transfer *transfer);

/* Judges how it ended and lets go of it. *redirect gets where a 3xx points to, as an absolute address, or NULL. */
gboolean http_exchange_end(Transfer *transfer, CURLcode code, char **redirect);

/* Checks the request and performs it, redirects and all; `response` has been cleared. http_transfer_clear gives
 * transfer->error to the caller. */
gboolean http_transfer_run(Transfer *transfer, const HttpRequest *request, HttpResponse *response);
void http_transfer_clear(Transfer *transfer, GError **error);

/* Judges the head when the body begins, or when it ends without one. FALSE with transfer->error set. */
gboolean http_begin_body(Transfer *transfer);

/* The same of an answer to a request for a part, and its bytes: gives back how many it took, as libcurl wants it. */
gboolean http_begin_part(Transfer *transfer, int status);
size_t http_take_part(Transfer *transfer, const char *bytes, size_t size);

/* Whether what the body brought is all of the part. FALSE with transfer->error set. */
gboolean http_end_part(Transfer *transfer);

/* Until it has ended: that of a transfer that stands alone, or the first of several. */
CURLcode http_run_first(Transfer *transfer);

/* Writes at transfer->position, which moves on. FALSE with transfer->error set. */
gboolean http_write(Transfer *transfer, const char *bytes, gsize size);

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
