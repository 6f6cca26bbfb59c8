/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mail.h"

#include "base/fault.h"
#include "base/shown.h"

#include <curl/curl.h>
#include <string.h>

typedef struct Text {
    const char *bytes;
    gsize left;
} Text;

static size_t on_read(char *room, size_t one, size_t size, void *data)
{
    Text *text = data;
    gsize n = MIN(text->left, one * size);
    memcpy(room, text->bytes, n);
    text->bytes += n;
    text->left -= n;
    return n;
}

static void set_safety(CURL *curl, const MailRequest *request)
{
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(curl, CURLOPT_USE_SSL,
                     (long)(request->starttls || request->tls ? CURLUSESSL_ALL : CURLUSESSL_NONE));
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)MIN(request->timeout_ms, G_MAXINT32));
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)MIN(request->timeout_ms, G_MAXINT32));
    if (request->ca_pem) {
        struct curl_blob blob = {
            .data = (void *)request->ca_pem, .len = strlen(request->ca_pem), .flags = CURL_BLOB_COPY};
        curl_easy_setopt(curl, CURLOPT_CAINFO, NULL);
        curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
        curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &blob);
    }
}

static struct curl_slist *set_mail(CURL *curl, const MailRequest *request, Text *text)
{
    g_autofree char *url = g_strconcat(request->tls ? "smtps://" : "smtp://", request->server, NULL);
    g_autofree char *from = g_strdup_printf("<%s>", request->from);
    struct curl_slist *to = NULL;
    for (const char *const *address = request->to; *address; address++) {
        g_autofree char *bracketed = g_strdup_printf("<%s>", *address);
        to = curl_slist_append(to, bracketed);
    }
    curl_easy_setopt(curl, CURLOPT_URL, url);
    if (request->user) {
        curl_easy_setopt(curl, CURLOPT_USERNAME, request->user);
        curl_easy_setopt(curl, CURLOPT_PASSWORD, request->password ? request->password : "");
    }
    curl_easy_setopt(curl, CURLOPT_MAIL_FROM, from);
    curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, to);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(curl, CURLOPT_READDATA, text);
    curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)text->left);
    return to;
}

static gboolean fail_connect(CURL *curl, const char *server, GError **error)
{
    long number = 0;
    curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &number);
    g_autofree char *why = g_strdup(number ? g_strerror((int)number) : "no connection");
    why[0] = g_ascii_tolower(why[0]);
    return fault_set(error, FAULT_NETWORK, "cannot reach %s: %s", server, why);
}

static gboolean fail(CURL *curl, const MailRequest *request, CURLcode code, const char *detail, GError **error)
{
    g_autofree char *server = shown_text(request->server);
    g_autofree char *shown = shown_text(*detail ? detail : curl_easy_strerror(code));
    long reply = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply);
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
        return fault_set(error, FAULT_NETWORK, "cannot reach %s: its name is not known", server);
    case CURLE_COULDNT_CONNECT:
        return fail_connect(curl, server, error);
    case CURLE_OPERATION_TIMEDOUT:
        return fault_set(error, FAULT_NETWORK, "mail %s: not finished within %g s", server,
                         (double)request->timeout_ms / 1000);
    case CURLE_USE_SSL_FAILED:
        return fault_set(error, FAULT_CONFIG, "mail %s: the server offers no STARTTLS", server);
    case CURLE_LOGIN_DENIED:
        return fault_set(error, reply < 500 ? FAULT_NETWORK : FAULT_CONFIG,
                         "mail %s: the server does not accept user and password", server);
    default:
        break;
    }
    if (reply >= 400 && reply < 600)
        return fault_set(error, reply < 500 ? FAULT_NETWORK : FAULT_CONFIG, "mail %s: the server refused with %ld",
                         server, reply);
    return fault_set(error, FAULT_NETWORK, "mail %s: %s", server, shown);
}

gboolean mail_perform(const MailRequest *request, GError **error)
{
    char detail[CURL_ERROR_SIZE] = "";
    CURL *curl = curl_easy_init();
    if (!curl)
        return fault_set(error, FAULT_SYSTEM, "out of memory");
    Text text = {request->text, strlen(request->text)};
    set_safety(curl, request);
    struct curl_slist *to = set_mail(curl, request, &text);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, detail);
    CURLcode code = curl_easy_perform(curl);
    gboolean sent = code == CURLE_OK || fail(curl, request, code, detail, error);
    curl_slist_free_all(to);
    curl_easy_cleanup(curl);
    return sent;
}
