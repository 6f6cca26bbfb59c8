/* SPDX-License-Identifier: Apache-2.0 */
/* The one HTTP client (libcurl). Linked only into the child without rights (libexec/fetch.c). */
#pragma once

#include "base/ranges.h"

#include <glib.h>

typedef struct HttpRequest {
    const char *url;         /* http, https; a unix socket by unix_socket */
    const char *unix_socket; /* NULL, or path */
    const char *method;      /* GET, HEAD or POST */
    const char *body;        /* of a POST */
    const char *content_type;
    const char *const *headers;   /* "Name: value"; secrets among them never reach an error text */
    const char *etag;             /* sent as If-None-Match when there is no resume_from, as If-Range when there is */
    const char *modified_since;   /* sent as If-Modified-Since when there is neither etag nor resume_from */
    guint64 resume_from;          /* bytes that output_fd holds already; without a strong etag all is fetched anew */
    const char *ca_pem;           /* certificates that replace the system's; NULL */
    const char *proxy, *no_proxy; /* as curl's https_proxy and no_proxy; NULL: none, whatever the environment says */
    int output_fd;                /* gets the body; -1: the body goes to `memory` */
    guint64 limit_bytes;          /* more than this is refused while streaming; 0: 1 MiB */
    gint64 connect_timeout_ms, total_timeout_ms; /* 0: 10 s, none */
    gint64 stall_timeout_ms;                     /* slower than 1 kB/s for so long ends it; 0: 30 s */
    guint max_redirects;     /* 0: none are followed, the 3xx is the answer. Never from https to http, never to another
                                scheme; headers stay with the first host; from a public address never into a private,
                                loopback or link-local range, and never from one of these to another */
    const ByteRange *ranges; /* http_perform_ranges: these parts (ranges_are_sound) of a file of file_bytes */
    guint n_ranges;
    guint64 file_bytes;
    gpointer share; /* CURLSH that keeps connections for later requests; NULL. Only where none is redirected: what is
                       asked of an address is asked when it is connected to */
    void (*progress)(guint64 done_bytes, guint64 total_bytes, gpointer data); /* total 0: unknown */
    gpointer progress_data;
} HttpRequest;

typedef struct HttpResponse {
    int status;
    char *etag; /* strong or weak, as sent; NULL */
    char *last_modified;
    guint64 size_bytes; /* of what output_fd holds now */
    gboolean resumed;   /* the server answered 206 and the tail was appended; FALSE: output was truncated first */
    GString *memory;    /* body when output_fd is -1 */
} HttpResponse;
void http_response_clear(HttpResponse *response);

/* Performs the request. A response of any status is success here; only bodies of 200 and 206 reach output_fd. Faults:
 *   FAULT_NETWORK  "cannot reach HOST: why", "fetch URL: no data for 30 s", "fetch URL: the transfer broke off after N
 * of M bytes": `response` holds etag and size of what came, so that a retry can resume FAULT_SOURCE   an answer that no
 * honest server gives (a wrong range, a refused redirect, unwanted compression) FAULT_VERIFY   "fetch URL: more than N
 * bytes" FAULT_CONFIG   the address or a header is no good POST says "post URL: ...", HEAD "ask URL: ...". URLs are
 * shown without credentials and query. */
gboolean http_perform(const HttpRequest *request, HttpResponse *response, GError **error);

/* GETs the ranges, each to its own place in output_fd: the first one alone, which finds the way (redirects), the
 * connection and the file's ETag; then the others where that led, HTTP_PARALLEL at a time, over one connection if the
 * server speaks HTTP/2. One range a request, and no byte is written outside of the ranges. Who answers 200 sends the
 * whole file: nothing else is asked then, and of it the ranges are taken. Neither etag, modified_since, resume_from,
 * limit_bytes nor share count; `progress` is told the sum of all. Success and faults as with http_perform: the first
 * status that is neither 200 nor 206 ends it, and is the response's. "broke off after N of M bytes" counts all ranges.
 * Further faults:
 *   FAULT_SOURCE  "fetch URL: it has N bytes, and not M" (M: file_bytes), "fetch URL: it changed while parts of it were
 * fetched" (another ETag, or where there is none another Last-Modified; 412), "fetch URL: asked for the bytes N to M,
 * got others", "fetch URL: asked for one range, got several"
 *   FAULT_VERIFY  "fetch URL: more than the N bytes that were asked for" */
#define HTTP_PARALLEL 4
gboolean http_perform_ranges(const HttpRequest *request, HttpResponse *response, GError **error);
