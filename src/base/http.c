/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP exchange after another, each with every default of libcurl that could hurt set by hand. */
#include "base/http.h"

#include "base/fault.h"
#include "base/http_inner.h"
#include "base/shown.h"

#include <string.h>
#include <unistd.h>

void http_response_clear(HttpResponse *response)
{
    g_free(response->etag);
    g_free(response->last_modified);
    if (response->memory)
        g_string_free(response->memory, TRUE);
    *response = (HttpResponse){.status = 0};
}

void http_answer_clear(Answer *answer)
{
    g_free(answer->content_range);
    *answer = (Answer){.content_length = -1};
}

gint64 http_now_ms(void)
{
    return g_get_monotonic_time() / 1000;
}

/* --- addresses ---------------------------------------------------------------------------------------------- */

typedef struct Address {
    char *scheme, *host, *port;
} Address;

static void address_clear(Address *address)
{
    curl_free(address->scheme);
    curl_free(address->host);
    curl_free(address->port);
    *address = (Address){.scheme = NULL};
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Address, address_clear)

static gboolean address_parse(const char *url, Address *address)
{
    CURLU *parts = curl_url();
    gboolean good = curl_url_set(parts, CURLUPART_URL, url, CURLU_PATH_AS_IS | CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
                    curl_url_get(parts, CURLUPART_SCHEME, &address->scheme, 0) == CURLUE_OK;
    if (good && g_str_has_prefix(address->scheme, "http"))
        good = curl_url_get(parts, CURLUPART_HOST, &address->host, 0) == CURLUE_OK &&
               curl_url_get(parts, CURLUPART_PORT, &address->port, CURLU_DEFAULT_PORT) == CURLUE_OK;
    curl_url_cleanup(parts);
    return good;
}

static gboolean is_web(const Address *address)
{
    return g_str_equal(address->scheme, "http") || g_str_equal(address->scheme, "https");
}

static gboolean same_place(const Address *one, const Address *other)
{
    return g_str_equal(one->scheme, other->scheme) && g_ascii_strcasecmp(one->host, other->host) == 0 &&
           g_str_equal(one->port, other->port);
}

static void name_host(Transfer *transfer, const Address *address)
{
    g_free(transfer->host);
    const char *socket = transfer->request->unix_socket;
    g_autofree char *text = socket ? g_strdup(socket) : g_strconcat(address->host, ":", address->port, NULL);
    transfer->host = shown_text(text);
}

/* --- the connection ----------------------------------------------------------------------------------------- */

static int on_connected(void *data, char *remote_ip, char *local_ip, int remote_port, int local_port)
{
    Transfer *transfer = data;
    transfer->connected = TRUE;
    http_begin_window(transfer);
    return CURL_PREREQFUNC_OK;
}

/* Called with each address before it is connected to, so that no name can change its meaning after the check. */
static curl_socket_t on_socket(void *data, curlsocktype purpose, struct curl_sockaddr *address)
{
    Transfer *transfer = data;
    AddressRange range = address_range(&address->addr);
    if (!transfer->redirected) {
        transfer->origin = range;
    } else if (range != ADDRESS_PUBLIC && range != transfer->origin) {
        g_autofree char *text = address_text(&address->addr);
        http_refuse(transfer, FAULT_SOURCE, "redirected to %s, an address that only means something here", text);
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* --- one exchange ------------------------------------------------------------------------------------------- */

static struct curl_slist *build_headers(const Transfer *transfer)
{
    const HttpRequest *request = transfer->request;
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    for (const char *const *header = request->headers; header && *header && !transfer->other_host; header++)
        list = curl_slist_append(list, *header);
    if (request->body && request->content_type) {
        g_autofree char *type = g_strconcat("Content-Type: ", request->content_type, NULL);
        list = curl_slist_append(list, type);
    }
    /* An etag of a part says nothing about the whole: "not modified" would be taken for "complete". */
    if (request->etag && (transfer->resume_from || !request->resume_from)) {
        g_autofree char *condition =
            g_strconcat(transfer->resume_from ? "If-Range: " : "If-None-Match: ", request->etag, NULL);
        list = curl_slist_append(list, condition);
    }
    if (transfer->parts && transfer->parts->etag && transfer->parts->etag[0] == '"') { /* a weak one never matches */
        g_autofree char *condition = g_strconcat("If-Match: ", transfer->parts->etag, NULL);
        list = curl_slist_append(list, condition);
    }
    if (request->modified_since && !request->etag && !request->resume_from) {
        g_autofree char *condition = g_strconcat("If-Modified-Since: ", request->modified_since, NULL);
        list = curl_slist_append(list, condition);
    }
    return list;
}

static void set_safety(CURL *curl)
{
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L); /* http_perform follows, and judges each step */
    curl_easy_setopt(curl, CURLOPT_UNRESTRICTED_AUTH, 0L);
    curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(curl, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "liftlock/" LIFTLOCK_VERSION);
}

static void set_callbacks(CURL *curl, Transfer *transfer)
{
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, http_on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, transfer);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, http_on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, http_on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, transfer);
    curl_easy_setopt(curl, CURLOPT_PREREQFUNCTION, on_connected);
    curl_easy_setopt(curl, CURLOPT_PREREQDATA, transfer);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, on_socket);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, transfer);
}

static void set_range(CURL *curl, const Transfer *transfer)
{
    const ByteRange *part = transfer->part;
    g_autofree char *range = NULL;
    if (part)
        range = g_strdup_printf("%" G_GUINT64_FORMAT "-%" G_GUINT64_FORMAT, part->at, part->at + part->size - 1);
    else if (transfer->resume_from)
        range = g_strdup_printf("%" G_GUINT64_FORMAT "-", transfer->resume_from);
    curl_easy_setopt(curl, CURLOPT_RANGE, range);
}

static void set_request(CURL *curl, const Transfer *transfer, gint64 left_ms)
{
    const HttpRequest *request = transfer->request;
    curl_easy_setopt(curl, CURLOPT_URL, transfer->url);
    if (request->share && request->max_redirects == 0)
        curl_easy_setopt(curl, CURLOPT_SHARE, request->share);
    curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, request->unix_socket);
    curl_easy_setopt(curl, CURLOPT_PROXY, request->proxy && !request->unix_socket ? request->proxy : "");
    curl_easy_setopt(curl, CURLOPT_NOPROXY, request->no_proxy ? request->no_proxy : "");
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)transfer->connect_ms);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)MIN(left_ms, G_MAXINT32));
    if (request->ca_pem) {
        struct curl_blob blob = {
            .data = (void *)request->ca_pem, .len = strlen(request->ca_pem), .flags = CURL_BLOB_COPY};
        curl_easy_setopt(curl, CURLOPT_CAINFO, NULL);
        curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
        curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &blob);
    }
    set_range(curl, transfer);
    if (transfer->parts && transfer->parts->shares) /* else each would wait for the first to show what it speaks */
        curl_easy_setopt(curl, CURLOPT_PIPEWAIT, 1L);
    if (g_str_equal(request->method, "HEAD")) {
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    } else if (g_str_equal(request->method, "POST")) {
        const char *body = request->body ? request->body : "";
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)strlen(body));
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    }
}

static void reset_exchange(Transfer *transfer)
{
    http_answer_clear(&transfer->answer);
    transfer->connected = transfer->body_begun = transfer->discard = transfer->enough = FALSE;
    transfer->discarded = 0;
    transfer->position = transfer->resume_from;
    transfer->response->resumed = FALSE;
}

gboolean http_exchange_begin(Transfer *transfer)
{
    gint64 left_ms = transfer->deadline_ms ? transfer->deadline_ms - http_now_ms() : 0;
    reset_exchange(transfer);
    if (transfer->deadline_ms && left_ms <= 0) {
        transfer->connected = TRUE; /* to the host before */
        return http_fail_late(transfer);
    }
    CURL *curl = transfer->curl = curl_easy_init();
    if (!curl)
        return http_refuse(transfer, FAULT_SYSTEM, "out of memory");
    set_safety(curl);
    set_callbacks(curl, transfer);
    set_request(curl, transfer, left_ms);
    transfer->detail[0] = '\0';
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, transfer->detail);
    transfer->headers = build_headers(transfer);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, transfer->headers);
    return TRUE;
}

static void release_exchange(Transfer *transfer)
{
    curl_easy_cleanup(transfer->curl);
    curl_slist_free_all(transfer->headers);
    transfer->curl = NULL;
    transfer->headers = NULL;
}

gboolean http_exchange_end(Transfer *transfer, CURLcode code, char **redirect)
{
    if (code == CURLE_OK && !transfer->answer.complete) /* libcurl takes half a head for a whole one */
        http_fail_broken(transfer);
    else if (code == CURLE_OK)
        http_begin_body(transfer); /* there may have been none */
    else if (!transfer->error && !transfer->enough)
        http_fail(transfer, code, transfer->detail);
    if (transfer->part && code == CURLE_OK && !transfer->error)
        http_end_part(transfer);
    char *location = NULL;
    if (!transfer->error && curl_easy_getinfo(transfer->curl, CURLINFO_REDIRECT_URL, &location) == CURLE_OK)
        *redirect = g_strdup(location);
    release_exchange(transfer);
    transfer->response->size_bytes = transfer->position;
    return transfer->error == NULL;
}

static gboolean exchange(Transfer *transfer, char **redirect)
{
    if (!http_exchange_begin(transfer))
        return FALSE;
    CURLcode code = transfer->parts ? http_run_first(transfer) : curl_easy_perform(transfer->curl);
    return http_exchange_end(transfer, code, redirect);
}

/* --- the request -------------------------------------------------------------------------------------------- */

static gboolean check_request(Transfer *transfer, Address *address)
{
    const HttpRequest *request = transfer->request;
    if (!http_verb(request))
        return fault_set(&transfer->error, FAULT_CONFIG, "unknown HTTP method");
    if (!address_parse(request->url, address))
        return http_refuse(transfer, FAULT_CONFIG, "not a valid address");
    if (!is_web(address))
        return http_refuse(transfer, FAULT_CONFIG, "neither http nor https");
    name_host(transfer, address);
    if (request->etag && !http_etag_is_clean(request->etag))
        return http_refuse(transfer, FAULT_CONFIG, "not a valid etag");
    for (const char *const *header = request->headers; header && *header; header++) {
        if (!strchr(*header, ':') || strpbrk(*header, "\r\n")) /* its text may be a secret */
            return http_refuse(transfer, FAULT_CONFIG, "a header that is not 'Name: value'");
    }
    if (request->modified_since && strpbrk(request->modified_since, "\r\n"))
        return http_refuse(transfer, FAULT_CONFIG, "not a valid time");
    if (request->content_type && strpbrk(request->content_type, "\r\n"))
        return http_refuse(transfer, FAULT_CONFIG, "not a valid content type");
    return TRUE;
}

static gboolean check_redirect(Transfer *transfer, const Address *first, const char *url)
{
    g_auto(Address) next = {NULL};
    if (!address_parse(url, &next) || !next.scheme)
        return http_refuse(transfer, FAULT_SOURCE, "redirected to an address that cannot be read");
    if (!is_web(&next)) {
        g_autofree char *scheme = shown_text(next.scheme);
        return http_refuse(transfer, FAULT_SOURCE, "redirected to '%s:', which is neither http nor https", scheme);
    }
    if (g_str_equal(first->scheme, "https") && !g_str_equal(next.scheme, "https"))
        return http_refuse(transfer, FAULT_SOURCE, "redirected from https to http");
    transfer->redirected = TRUE;
    transfer->other_host |= !same_place(first, &next);
    name_host(transfer, &next);
    return TRUE;
}

static gboolean is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static gboolean follow(Transfer *transfer, const Address *first)
{
    const HttpRequest *request = transfer->request;
    transfer->url = g_strdup(request->url);
    for (guint hops = 0;;) {
        g_autofree char *redirect = NULL;
        if (!exchange(transfer, &redirect))
            return FALSE;
        if (transfer->response->status == 416 && transfer->resume_from) {
            transfer->resume_from = 0; /* what we hold is no part of what there is now */
            continue;
        }
        if (!redirect || !is_redirect(transfer->response->status) || request->max_redirects == 0)
            return TRUE;
        if (++hops > request->max_redirects)
            return http_refuse(transfer, FAULT_SOURCE, "more than %u redirects", request->max_redirects);
        if (!check_redirect(transfer, first, redirect))
            return FALSE;
        g_free(transfer->url);
        transfer->url = g_steal_pointer(&redirect);
    }
}

gboolean http_transfer_run(Transfer *transfer, const HttpRequest *request, HttpResponse *response)
{
    gint64 total_ms = request->total_timeout_ms;
    transfer->request = request;
    transfer->response = response;
    transfer->shown = shown_url(request->url);
    transfer->connect_ms = request->connect_timeout_ms ? request->connect_timeout_ms : DEFAULT_CONNECT_MS;
    transfer->stall_ms = request->stall_timeout_ms ? request->stall_timeout_ms : DEFAULT_STALL_MS;
    transfer->deadline_ms = total_ms ? http_now_ms() + total_ms : 0;
    transfer->limit_bytes = request->limit_bytes ? request->limit_bytes : DEFAULT_LIMIT_BYTES;
    if (total_ms)
        transfer->connect_ms = MIN(transfer->connect_ms, total_ms);
    g_auto(Address) first = {NULL};
    return check_request(transfer, &first) && follow(transfer, &first);
}

void http_transfer_clear(Transfer *transfer, GError **error)
{
    http_answer_clear(&transfer->answer);
    g_free(transfer->shown);
    g_free(transfer->url);
    g_free(transfer->host);
    if (transfer->error)
        g_propagate_error(error, transfer->error);
}

gboolean http_perform(const HttpRequest *request, HttpResponse *response, GError **error)
{
    guint64 limit_bytes = request->limit_bytes ? request->limit_bytes : DEFAULT_LIMIT_BYTES;
    gboolean resumes =
        request->etag && request->etag[0] == '"' && request->output_fd >= 0 && request->resume_from <= limit_bytes;
    *response = (HttpResponse){.memory = request->output_fd < 0 ? g_string_new(NULL) : NULL};
    Transfer transfer = {.resume_from = resumes ? request->resume_from : 0};
    gboolean done = http_transfer_run(&transfer, request, response);
    if (!done && transfer.resume_from && !transfer.body_begun) { /* what we hold is still what it was */
        g_free(response->etag);
        response->etag = g_strdup(request->etag);
    }
    http_transfer_clear(&transfer, error);
    return done;
}
