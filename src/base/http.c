/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP exchange after another, each with every default of libcurl that could hurt set by hand. */
#include "base/http.h"

#include "base/fault.h"
#include "base/http_address.h"
#include "base/shown.h"

#include <curl/curl.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

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

void http_response_clear(HttpResponse *response)
{
    g_free(response->etag);
    g_free(response->last_modified);
    if (response->memory)
        g_string_free(response->memory, TRUE);
    *response = (HttpResponse){.status = 0};
}

static void answer_clear(Answer *answer)
{
    g_free(answer->content_range);
    *answer = (Answer){.content_length = -1};
}

static gint64 now_ms(void)
{
    return g_get_monotonic_time() / 1000;
}

static const char *verb_of(const HttpRequest *request)
{
    for (gsize i = 0; i < G_N_ELEMENTS(verbs); i++) {
        if (g_str_equal(request->method, verbs[i].method))
            return verbs[i].verb;
    }
    return NULL;
}

static gboolean refuse(Transfer *transfer, int code, const char *format, ...) G_GNUC_PRINTF(3, 4);
static gboolean refuse(Transfer *transfer, int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *why = g_strdup_vprintf(format, args);
    va_end(args);
    if (!transfer->error)
        fault_set(&transfer->error, code, "%s %s: %s", verb_of(transfer->request), transfer->shown, why);
    return FALSE;
}

static gboolean unreachable(Transfer *transfer, const char *why)
{
    return fault_set(&transfer->error, FAULT_NETWORK, "cannot reach %s: %s", transfer->host, why);
}

/* "30 s", "1.5 s" */
static char *seconds(gint64 duration_ms)
{
    return g_strdup_printf("%g s", (double)duration_ms / 1000);
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

/* --- the answer's head -------------------------------------------------------------------------------------- */

static gboolean etag_is_clean(const char *etag)
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
    if (g_ascii_strcasecmp(name, "etag") == 0 && etag_is_clean(value)) {
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
    } else if (g_ascii_strcasecmp(name, "content-length") == 0) {
        answer->huge |= strspn(value, "0123456789") > strlen("999999999999999999");
    }
}

static void begin_window(Transfer *transfer)
{
    transfer->window_start_ms = now_ms();
    transfer->window_received = transfer->received;
}

static size_t on_header(char *bytes, size_t one, size_t size, void *data)
{
    Transfer *transfer = data;
    transfer->received += size;
    transfer->answer.header_bytes += size;
    if (transfer->answer.header_bytes > HEADERS_MAX_BYTES) {
        refuse(transfer, FAULT_SOURCE, "its headers do not end");
        return 0;
    }
    g_autofree char *line = g_strndup(bytes, size);
    if (g_str_has_prefix(line, "HTTP/")) { /* a new head: what an interim answer said is void */
        guint64 header_bytes = transfer->answer.header_bytes;
        answer_clear(&transfer->answer);
        transfer->answer.header_bytes = header_bytes;
        g_clear_pointer(&transfer->response->etag, g_free);
        g_clear_pointer(&transfer->response->last_modified, g_free);
        return size;
    }
    if (line[0] == '\r' || line[0] == '\n') {
        transfer->answer.complete = TRUE;
        begin_window(transfer); /* what the head brought shall not hide that no body comes */
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
    if (!content_range || g_ascii_strncasecmp(content_range, "bytes ", 6) != 0 || !g_ascii_isdigit(content_range[6]))
        return FALSE;
    char *end = NULL;
    return g_ascii_strtoull(content_range + 6, &end, 10) == from && *end == '-';
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
    if (status == 206 && transfer->resume_from == 0)
        return refuse(transfer, FAULT_SOURCE, "HTTP 206, though all of it was asked for");
    if (status == 206 && !range_fits(answer->content_range, transfer->resume_from))
        return refuse(transfer, FAULT_SOURCE, "asked for the bytes from %" G_GUINT64_FORMAT ", got others",
                      transfer->resume_from);
    if (answer->compressed && !is_packed_file(transfer->request->url))
        return refuse(transfer, FAULT_SOURCE, "compressed, though nobody asked for it");
    return TRUE;
}

static gboolean too_much(Transfer *transfer)
{
    return refuse(transfer, FAULT_VERIFY, "more than %" G_GUINT64_FORMAT " bytes", transfer->limit_bytes);
}

/* Decides, once the head is there, where the body goes. */
static gboolean begin_body(Transfer *transfer)
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
    transfer->discard = (to_file && !good) || (status / 100 == 3 && transfer->request->max_redirects > 0);
    if (transfer->discard)
        return TRUE;
    if (!check_head(transfer, (int)status))
        return FALSE;
    transfer->response->resumed = status == 206;
    transfer->position = status == 206 ? transfer->resume_from : 0;
    gboolean has_body = !g_str_equal(transfer->request->method, "HEAD");
    if (has_body && transfer->answer.huge)
        return too_much(transfer);
    if (has_body && length > 0 && (guint64)length > transfer->limit_bytes - transfer->position)
        return too_much(transfer);
    if (to_file && ftruncate(transfer->request->output_fd, (off_t)transfer->position) < 0)
        return fault_errno(&transfer->error, FAULT_SYSTEM, errno, "%s %s: cannot write it", verb_of(transfer->request),
                           transfer->shown);
    return TRUE;
}

/* --- the body ----------------------------------------------------------------------------------------------- */

static gboolean write_at(Transfer *transfer, const char *bytes, gsize size)
{
    while (size > 0) {
        ssize_t n = pwrite(transfer->request->output_fd, bytes, size, (off_t)transfer->position);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fault_errno(&transfer->error, FAULT_SYSTEM, errno, "%s %s: cannot write it",
                               verb_of(transfer->request), transfer->shown);
        transfer->position += (guint64)n;
        bytes += n;
        size -= (gsize)n;
    }
    return TRUE;
}

static size_t on_body(char *bytes, size_t one, size_t size, void *data)
{
    Transfer *transfer = data;
    transfer->received += size;
    if (!begin_body(transfer))
        return 0;
    if (transfer->discard) {
        transfer->discarded += size;
        transfer->enough = transfer->discarded > DISCARD_MAX_BYTES;
        return transfer->enough ? 0 : size;
    }
    if (size > transfer->limit_bytes - transfer->position) {
        too_much(transfer);
        return 0;
    }
    if (transfer->request->output_fd >= 0)
        return write_at(transfer, bytes, size) ? size : 0;
    g_string_append_len(transfer->response->memory, bytes, (gssize)size);
    transfer->position += size;
    return size;
}

/* What the output will hold in the end, 0 if the server did not say. */
static guint64 whole_size(const Transfer *transfer)
{
    gint64 length = transfer->answer.content_length;
    guint64 start = transfer->response->resumed ? transfer->resume_from : 0;
    return length < 0 || transfer->discard ? 0 : start + (guint64)length;
}

/* libcurl calls this at least once a second. Windows of the stall time's length; each must bring its bytes. */
static int on_progress(void *data, curl_off_t total, curl_off_t done, curl_off_t up_total, curl_off_t up)
{
    Transfer *transfer = data;
    const HttpRequest *request = transfer->request;
    if (request->progress)
        request->progress(transfer->position, whole_size(transfer), request->progress_data);
    if (!transfer->connected || now_ms() - transfer->window_start_ms < transfer->stall_ms)
        return 0;
    guint64 got = transfer->received - transfer->window_received;
    if (got >= (guint64)transfer->stall_ms * STALL_BYTES_PER_MS) {
        begin_window(transfer);
        return 0;
    }
    g_autofree char *duration = seconds(transfer->stall_ms);
    refuse(transfer, FAULT_NETWORK, got ? "less than 1 kB/s for %s" : "no data for %s", duration);
    return 1;
}

/* --- the connection ----------------------------------------------------------------------------------------- */

static int on_connected(void *data, char *remote_ip, char *local_ip, int remote_port, int local_port)
{
    Transfer *transfer = data;
    transfer->connected = TRUE;
    begin_window(transfer);
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
        refuse(transfer, FAULT_SOURCE, "redirected to %s, an address that only means something here", text);
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* --- failures of libcurl ------------------------------------------------------------------------------------ */

static gboolean fail_certificate(Transfer *transfer, CURLcode code, const char *detail)
{
    long result = 0;
    curl_easy_getinfo(transfer->curl, CURLINFO_SSL_VERIFYRESULT, &result);
    for (gsize i = 0; i < G_N_ELEMENTS(certificate_words); i++) {
        if (code == CURLE_PEER_FAILED_VERIFICATION && result == certificate_words[i].result)
            return unreachable(transfer, certificate_words[i].words);
    }
    if (code == CURLE_SSL_CACERT_BADFILE)
        return fault_set(&transfer->error, FAULT_CONFIG,
                         "cannot reach %s: the authorities' certificates cannot be read", transfer->host);
    if (code == CURLE_PEER_FAILED_VERIFICATION && strstr(detail, "subject name"))
        return unreachable(transfer, "its certificate is for another host");
    g_autofree char *shown = shown_text(*detail ? detail : curl_easy_strerror(code));
    return unreachable(transfer, shown);
}

static gboolean fail_connect(Transfer *transfer)
{
    long number = 0;
    curl_easy_getinfo(transfer->curl, CURLINFO_OS_ERRNO, &number);
    g_autofree char *why = g_strdup(number ? g_strerror((int)number) : "no connection");
    why[0] = g_ascii_tolower(why[0]);
    return unreachable(transfer, why);
}

static gboolean fail_late(Transfer *transfer)
{
    if (!transfer->connected) {
        g_autofree char *duration = seconds(transfer->connect_ms);
        g_autofree char *why = g_strconcat("no connection within ", duration, NULL);
        return unreachable(transfer, why);
    }
    g_autofree char *duration = seconds(transfer->request->total_timeout_ms);
    return refuse(transfer, FAULT_NETWORK, "not finished within %s", duration);
}

static gboolean fail_broken(Transfer *transfer)
{
    if (!transfer->connected)
        return unreachable(transfer, "the connection broke off");
    if (transfer->answer.header_bytes == 0)
        return refuse(transfer, FAULT_NETWORK, "the server closed without an answer");
    if (!transfer->answer.complete)
        return refuse(transfer, FAULT_NETWORK, "the transfer broke off in the headers");
    if (!begin_body(transfer))
        return FALSE;
    if (transfer->answer.content_length < 0)
        return refuse(transfer, FAULT_NETWORK, "the transfer broke off after %" G_GUINT64_FORMAT " bytes",
                      transfer->position);
    return refuse(transfer, FAULT_NETWORK,
                  "the transfer broke off after %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT " bytes",
                  transfer->position, whole_size(transfer));
}

static gboolean fail(Transfer *transfer, CURLcode code, const char *detail)
{
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
        return unreachable(transfer, "its name is not known");
    case CURLE_COULDNT_RESOLVE_PROXY:
        return unreachable(transfer, "the proxy's name is not known");
    case CURLE_COULDNT_CONNECT:
        return fail_connect(transfer);
    case CURLE_OPERATION_TIMEDOUT:
        return fail_late(transfer);
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
        return fail_broken(transfer);
    case CURLE_OUT_OF_MEMORY: /* what libcurl 7 says of a header line over its own limit */
        if (transfer->connected && !transfer->body_begun)
            return refuse(transfer, FAULT_SOURCE, "its headers do not end");
        return refuse(transfer, FAULT_SYSTEM, "out of memory");
    case CURLE_UNSUPPORTED_PROTOCOL: /* the scheme was checked: this is HTTP/0.9 */
    case CURLE_WEIRD_SERVER_REPLY:
        return refuse(transfer, FAULT_SOURCE, "not an HTTP answer");
    case CURLE_URL_MALFORMAT:
        return refuse(transfer, FAULT_CONFIG, "not a valid address");
    default: {
        g_autofree char *shown = shown_text(*detail ? detail : curl_easy_strerror(code));
        return refuse(transfer, FAULT_NETWORK, "%s", shown);
    }
    }
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
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, transfer);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, transfer);
    curl_easy_setopt(curl, CURLOPT_PREREQFUNCTION, on_connected);
    curl_easy_setopt(curl, CURLOPT_PREREQDATA, transfer);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, on_socket);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, transfer);
}

static void set_request(CURL *curl, const Transfer *transfer, const char *url, gint64 left_ms)
{
    const HttpRequest *request = transfer->request;
    curl_easy_setopt(curl, CURLOPT_URL, url);
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
    if (transfer->resume_from) {
        g_autofree char *range = g_strdup_printf("%" G_GUINT64_FORMAT "-", transfer->resume_from);
        curl_easy_setopt(curl, CURLOPT_RANGE, range);
    }
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
    answer_clear(&transfer->answer);
    transfer->connected = transfer->body_begun = transfer->discard = transfer->enough = FALSE;
    transfer->discarded = 0;
    transfer->position = transfer->resume_from;
    transfer->response->resumed = FALSE;
}

/* *redirect gets where a 3xx points to, as an absolute address, or NULL. */
static gboolean exchange(Transfer *transfer, const char *url, char **redirect)
{
    gint64 left_ms = transfer->deadline_ms ? transfer->deadline_ms - now_ms() : 0;
    reset_exchange(transfer);
    if (transfer->deadline_ms && left_ms <= 0) {
        transfer->connected = TRUE; /* to the host before */
        return fail_late(transfer);
    }
    char detail[CURL_ERROR_SIZE] = "";
    CURL *curl = transfer->curl = curl_easy_init();
    if (!curl)
        return refuse(transfer, FAULT_SYSTEM, "out of memory");
    set_safety(curl);
    set_callbacks(curl, transfer);
    set_request(curl, transfer, url, left_ms);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, detail);
    struct curl_slist *headers = build_headers(transfer);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    CURLcode code = curl_easy_perform(curl);
    if (code == CURLE_OK && !transfer->answer.complete) /* libcurl takes half a head for a whole one */
        fail_broken(transfer);
    else if (code == CURLE_OK)
        begin_body(transfer); /* there may have been none */
    else if (!transfer->error && !transfer->enough)
        fail(transfer, code, detail);
    char *location = NULL;
    if (!transfer->error && curl_easy_getinfo(curl, CURLINFO_REDIRECT_URL, &location) == CURLE_OK)
        *redirect = g_strdup(location);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    transfer->curl = NULL;
    transfer->response->size_bytes = transfer->position;
    return transfer->error == NULL;
}

/* --- the request -------------------------------------------------------------------------------------------- */

static gboolean check_request(Transfer *transfer, Address *address)
{
    const HttpRequest *request = transfer->request;
    if (!verb_of(request))
        return fault_set(&transfer->error, FAULT_CONFIG, "unknown HTTP method");
    if (!address_parse(request->url, address))
        return refuse(transfer, FAULT_CONFIG, "not a valid address");
    if (!is_web(address))
        return refuse(transfer, FAULT_CONFIG, "neither http nor https");
    name_host(transfer, address);
    if (request->etag && !etag_is_clean(request->etag))
        return refuse(transfer, FAULT_CONFIG, "not a valid etag");
    for (const char *const *header = request->headers; header && *header; header++) {
        if (!strchr(*header, ':') || strpbrk(*header, "\r\n")) /* its text may be a secret */
            return refuse(transfer, FAULT_CONFIG, "a header that is not 'Name: value'");
    }
    if (request->content_type && strpbrk(request->content_type, "\r\n"))
        return refuse(transfer, FAULT_CONFIG, "not a valid content type");
    return TRUE;
}

static gboolean check_redirect(Transfer *transfer, const Address *first, const char *url)
{
    g_auto(Address) next = {NULL};
    if (!address_parse(url, &next) || !next.scheme)
        return refuse(transfer, FAULT_SOURCE, "redirected to an address that cannot be read");
    if (!is_web(&next)) {
        g_autofree char *scheme = shown_text(next.scheme);
        return refuse(transfer, FAULT_SOURCE, "redirected to '%s:', which is neither http nor https", scheme);
    }
    if (g_str_equal(first->scheme, "https") && !g_str_equal(next.scheme, "https"))
        return refuse(transfer, FAULT_SOURCE, "redirected from https to http");
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
    g_autofree char *url = g_strdup(request->url);
    for (guint hops = 0;;) {
        g_autofree char *redirect = NULL;
        if (!exchange(transfer, url, &redirect))
            return FALSE;
        if (transfer->response->status == 416 && transfer->resume_from) {
            transfer->resume_from = 0; /* what we hold is no part of what there is now */
            continue;
        }
        if (!redirect || !is_redirect(transfer->response->status) || request->max_redirects == 0)
            return TRUE;
        if (++hops > request->max_redirects)
            return refuse(transfer, FAULT_SOURCE, "more than %u redirects", request->max_redirects);
        if (!check_redirect(transfer, first, redirect))
            return FALSE;
        g_free(url);
        url = g_steal_pointer(&redirect);
    }
}

gboolean http_perform(const HttpRequest *request, HttpResponse *response, GError **error)
{
    guint64 limit_bytes = request->limit_bytes ? request->limit_bytes : DEFAULT_LIMIT_BYTES;
    gboolean resumes =
        request->etag && request->etag[0] == '"' && request->output_fd >= 0 && request->resume_from <= limit_bytes;
    *response = (HttpResponse){.memory = request->output_fd < 0 ? g_string_new(NULL) : NULL};
    Transfer transfer = {
        .request = request,
        .response = response,
        .shown = shown_url(request->url),
        .connect_ms = request->connect_timeout_ms ? request->connect_timeout_ms : DEFAULT_CONNECT_MS,
        .stall_ms = request->stall_timeout_ms ? request->stall_timeout_ms : DEFAULT_STALL_MS,
        .deadline_ms = request->total_timeout_ms ? now_ms() + request->total_timeout_ms : 0,
        .limit_bytes = limit_bytes,
        .resume_from = resumes ? request->resume_from : 0,
    };
    if (request->total_timeout_ms)
        transfer.connect_ms = MIN(transfer.connect_ms, request->total_timeout_ms);
    g_auto(Address) first = {NULL};
    gboolean done = check_request(&transfer, &first) && follow(&transfer, &first);
    if (!done && transfer.resume_from && !transfer.body_begun) { /* what we hold is still what it was */
        g_free(response->etag);
        response->etag = g_strdup(request->etag);
    }
    answer_clear(&transfer.answer);
    g_free(transfer.shown);
    g_free(transfer.host);
    if (transfer.error)
        g_propagate_error(error, transfer.error);
    return done;
}
