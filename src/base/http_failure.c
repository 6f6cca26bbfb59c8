/* SPDX-License-Identifier: Apache-2.0 */
/* Failures of a transfer, in words for an operator. */
#include "base/fault.h"
#include "base/http_inner.h"
#include "base/shown.h"

#include <string.h>

static const struct {
    const char *method, *verb;
} verbs[] = {{"GET", "fetch"}, {"HEAD", "ask"}, {"POST", "post"}};

/* Verification results of OpenSSL (x509_vfy.h) in words for an operator. */
static const struct {
    long result;
    const char *words;
} certificate_words[] = {
    {9, "its certificate is not valid yet"},
    {10, "its certificate has expired"},
    {18, "its certificate is signed by itself"},
    {19, "its certificate is signed by an unknown authority"},
    {20, "its certificate is signed by an unknown authority"},
    {21, "its certificate is signed by an unknown authority"},
    {23, "its certificate was revoked"},
};

const char *http_verb(const HttpRequest *request)
{
    for (gsize i = 0; i < G_N_ELEMENTS(verbs); i++) {
        if (g_str_equal(request->method, verbs[i].method))
            return verbs[i].verb;
    }
    return NULL;
}

gboolean http_refuse(Transfer *transfer, int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *why = g_strdup_vprintf(format, args);
    va_end(args);
    if (!transfer->error)
        fault_set(&transfer->error, code, "%s %s: %s", http_verb(transfer->request), transfer->shown, why);
    return FALSE;
}

gboolean http_unreachable(Transfer *transfer, const char *why)
{
    return fault_set(&transfer->error, FAULT_NETWORK, "cannot reach %s: %s", transfer->host, why);
}

/* "30 s", "1.5 s" */
char *http_seconds(gint64 duration_ms)
{
    return g_strdup_printf("%g s", (double)duration_ms / 1000);
}

/* --- failures of libcurl ------------------------------------------------------------------------------------ */

static gboolean fail_certificate(Transfer *transfer, CURLcode code, const char *detail)
{
    long result = 0;
    curl_easy_getinfo(transfer->curl, CURLINFO_SSL_VERIFYRESULT, &result);
    for (gsize i = 0; i < G_N_ELEMENTS(certificate_words); i++) {
        if (code == CURLE_PEER_FAILED_VERIFICATION && result == certificate_words[i].result)
            return http_unreachable(transfer, certificate_words[i].words);
    }
    if (code == CURLE_SSL_CACERT_BADFILE)
        return fault_set(&transfer->error, FAULT_CONFIG,
                         "cannot reach %s: the authorities' certificates cannot be read", transfer->host);
    if (code == CURLE_PEER_FAILED_VERIFICATION && strstr(detail, "subject name"))
        return http_unreachable(transfer, "its certificate is for another host");
    g_autofree char *shown = shown_text(*detail ? detail : curl_easy_strerror(code));
    return http_unreachable(transfer, shown);
}

static gboolean fail_connect(Transfer *transfer)
{
    long number = 0;
    curl_easy_getinfo(transfer->curl, CURLINFO_OS_ERRNO, &number);
    g_autofree char *why = g_strdup(number ? g_strerror((int)number) : "no connection");
    why[0] = g_ascii_tolower(why[0]);
    return http_unreachable(transfer, why);
}

gboolean http_fail_late(Transfer *transfer)
{
    if (!transfer->connected) {
        g_autofree char *duration = http_seconds(transfer->connect_ms);
        g_autofree char *why = g_strconcat("no connection within ", duration, NULL);
        return http_unreachable(transfer, why);
    }
    g_autofree char *duration = http_seconds(transfer->request->total_timeout_ms);
    return http_refuse(transfer, FAULT_NETWORK, "not finished within %s", duration);
}

gboolean http_fail_broken(Transfer *transfer)
{
    if (!transfer->connected)
        return http_unreachable(transfer, "the connection broke off");
    if (transfer->answer.header_bytes == 0)
        return http_refuse(transfer, FAULT_NETWORK, "the server closed without an answer");
    if (!transfer->answer.complete)
        return http_refuse(transfer, FAULT_NETWORK, "the transfer broke off in the headers");
    if (!http_begin_body(transfer))
        return FALSE;
    if (transfer->part)
        return http_refuse(transfer, FAULT_NETWORK,
                           "the transfer broke off after %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT " bytes",
                           transfer->parts->done, transfer->parts->total);
    if (transfer->answer.content_length < 0)
        return http_refuse(transfer, FAULT_NETWORK, "the transfer broke off after %" G_GUINT64_FORMAT " bytes",
                           transfer->position);
    return http_refuse(transfer, FAULT_NETWORK,
                       "the transfer broke off after %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT " bytes",
                       transfer->position, http_whole_size(transfer));
}

gboolean http_fail(Transfer *transfer, CURLcode code, const char *detail)
{
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
        return http_unreachable(transfer, "its name is not known");
    case CURLE_COULDNT_RESOLVE_PROXY:
        return http_unreachable(transfer, "the proxy's name is not known");
    case CURLE_COULDNT_CONNECT:
        return fail_connect(transfer);
    case CURLE_OPERATION_TIMEDOUT:
        return http_fail_late(transfer);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_ISSUER_ERROR:
        return fail_certificate(transfer, code, detail);
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        return http_fail_broken(transfer);
    case CURLE_OUT_OF_MEMORY: /* what libcurl 7 says of a header line over its own limit */
        if (transfer->connected && !transfer->body_begun)
            return http_refuse(transfer, FAULT_SOURCE, "its headers do not end");
        return http_refuse(transfer, FAULT_SYSTEM, "out of memory");
    case CURLE_UNSUPPORTED_PROTOCOL: /* the scheme was checked: this is HTTP/0.9 */
    case CURLE_WEIRD_SERVER_REPLY:
        return http_refuse(transfer, FAULT_SOURCE, "not an HTTP answer");
    case CURLE_URL_MALFORMAT:
        return http_refuse(transfer, FAULT_CONFIG, "not a valid address");
    default: {
        g_autofree char *shown = shown_text(*detail ? detail : curl_easy_strerror(code));
        return http_refuse(transfer, FAULT_NETWORK, "%s", shown);
    }
    }
}
