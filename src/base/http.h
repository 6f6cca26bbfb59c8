/* SPDX-License-Identifier: Apache-2.0 */
/* The one HTTP client (libcurl). Linked only into the child without rights (libexec/fetch.c). */
#pragma once

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
    guint max_redirects; /* 0: none are followed, the 3xx is the answer. Never from https to http, never to another
                            scheme; headers stay with the first host; from a public address never into a private,
                            loopback or link-local range, and never from one of these to another */
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
