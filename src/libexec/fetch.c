/* SPDX-License-Identifier: Apache-2.0 */
/* liftlock-fetch: the only program that touches the network. Serves requests from descriptor 3 until there are no more.
 */
#include "base/fault.h"
#include "base/http.h"
#include "base/mail.h"
#include "base/sandbox.h"
#include "libexec/child.h"

#include <curl/curl.h>
#include <string.h>
#include <unistd.h>

#define MEMORY_BYTES (1024ull * 1024 * 1024)
#define MAX_DOWNLOAD_REDIRECTS 3
#define MAX_ANSWER_BYTES (1024 * 1024) /* of a probe: it travels in the answer's record */

/* What TLS, name service and resolver read. */
static const char *const read_paths[] = {"/etc",
                                         "/usr",
                                         "/lib",
                                         "/lib64",
                                         "/dev/urandom",
                                         "/dev/null",
                                         "/run/systemd/resolve",
                                         "/run/resolvconf",
                                         "/run/NetworkManager",
                                         "/run/nscd",
                                         NULL};

/* --- download ----------------------------------------------------------------------------------------------- */

typedef struct Download {
    const HttpResponse *response;
} Download;

static void tell(guint64 done, guint64 total, gpointer data)
{
    const Download *download = data;
    child_progress(done, total, download->response->etag);
}

static void describe(Node *answer, const HttpResponse *response)
{
    node_set_int(answer, "status", response->status);
    node_set_int(answer, "size_bytes", (gint64)response->size_bytes);
    node_set_bool(answer, "resumed", response->resumed);
    if (response->etag)
        child_set_text(answer, "etag", response->etag, strlen(response->etag));
    if (response->last_modified)
        child_set_text(answer, "last_modified", response->last_modified, strlen(response->last_modified));
}

static gboolean check_status(const char *shown, const HttpResponse *response, gboolean conditional, GError **error)
{
    int status = response->status;
    if (status == 200 || status == 206 || (status == 304 && conditional))
        return TRUE;
    return fault_set(error, FAULT_SOURCE, "fetch %s: HTTP %d", shown, status);
}

/* Connections for the next request. One of a session asks one repository for several files, and nobody else. */
static CURLSH *shared_connections(void)
{
    static CURLSH *share;
    if (!share && (share = curl_share_init()))
        curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_CONNECT);
    return share;
}

/* What a download of all of a file and one of parts of it have in common. */
static HttpRequest download_request(const ChildRequest *request, const char *const *headers, Download *download)
{
    const Node *node = request->node;
    return (HttpRequest){
        .url = node_get_text(node, "url", ""),
        .method = "GET",
        .headers = headers,
        .ca_pem = node_get_text(node, "ca_pem", NULL),
        .proxy = node_get_text(node, "proxy", NULL),
        .no_proxy = node_get_text(node, "no_proxy", NULL),
        .output_fd = request->fds[0],
        .stall_timeout_ms = node_get_int(node, "stall_timeout_ms", 0),
        .total_timeout_ms = node_get_int(node, "total_timeout_ms", 0),
        .max_redirects = node_get_bool(node, "no_redirects", FALSE) ? 0 : MAX_DOWNLOAD_REDIRECTS,
        .progress = tell,
        .progress_data = download,
    };
}

/* `done`: what came is what was asked for, whatever the status; takes `response`. */
static void answer_download(const ChildRequest *request, gboolean done, HttpResponse *response, gboolean conditional,
                            GError *error)
{
    Node *answer = node_new_map();
    done = done && check_status(node_get_text(request->node, "shown", ""), response, conditional, &error);
    describe(answer, response);
    if (done)
        child_result(answer);
    else
        child_fault(error, answer);
    http_response_clear(response);
    g_clear_error(&error);
}

static void do_fetch(const ChildRequest *request)
{
    const Node *node = request->node;
    g_autofree const char **headers = child_strings(node_get(node, "headers"));
    HttpResponse response = {.status = 0};
    Download download = {.response = &response};
    HttpRequest http = download_request(request, headers, &download);
    http.etag = node_get_text(node, "etag", NULL);
    http.modified_since = node_get_text(node, "modified_since", NULL);
    http.resume_from = (guint64)node_get_int(node, "resume_from", 0);
    http.limit_bytes = (guint64)node_get_int(node, "limit_bytes", 0);
    http.share = node_get_bool(node, "keep", FALSE) ? shared_connections() : NULL;
    GError *error = NULL;
    gboolean done = http_perform(&http, &response, &error);
    answer_download(request, done, &response, (http.etag || http.modified_since) && !http.resume_from, error);
}

static void do_ranges(const ChildRequest *request)
{
    const Node *node = request->node;
    g_autofree const char **headers = child_strings(node_get(node, "headers"));
    HttpResponse response = {.status = 0};
    Download download = {.response = &response};
    HttpRequest http = download_request(request, headers, &download);
    http.file_bytes = (guint64)node_get_int(node, "file_bytes", 0);
    g_autoptr(GArray) ranges = ranges_from_text(node_get_text(node, "ranges", ""), http.file_bytes);
    GError *error = NULL;
    if (ranges) {
        http.ranges = (const ByteRange *)(void *)ranges->data;
        http.n_ranges = ranges->len;
    } else {
        fault_set(&error, FAULT_USAGE, "liftlock-fetch: unknown request");
    }
    gboolean done = ranges && http_perform_ranges(&http, &response, &error);
    answer_download(request, done, &response, FALSE, error);
}

/* --- small requests ----------------------------------------------------------------------------------------- */

static void do_request(const ChildRequest *request)
{
    const Node *node = request->node;
    g_autofree const char **headers = child_strings(node_get(node, "headers"));
    gint64 timeout_ms = node_get_int(node, "timeout_ms", 0);
    HttpRequest http = {
        .url = node_get_text(node, "url", ""),
        .unix_socket = node_get_text(node, "unix_socket", NULL),
        .method = node_get_text(node, "method", "GET"),
        .body = node_get_text(node, "body", NULL),
        .content_type = node_get_text(node, "content_type", NULL),
        .headers = headers,
        .ca_pem = node_get_text(node, "ca_pem", NULL),
        .proxy = node_get_text(node, "proxy", NULL),
        .no_proxy = node_get_text(node, "no_proxy", NULL),
        .output_fd = -1,
        .limit_bytes = MIN((guint64)node_get_int(node, "limit_bytes", 0), MAX_ANSWER_BYTES),
        .stall_timeout_ms = 2 * timeout_ms, /* the whole limit comes first: one text for slow and for silent */
        .total_timeout_ms = timeout_ms,
    };
    g_autoptr(GError) error = NULL;
    HttpResponse response;
    if (http_perform(&http, &response, &error)) {
        Node *answer = node_new_map();
        node_set_int(answer, "status", response.status);
        child_set_text(answer, "body", response.memory->str, response.memory->len);
        child_result(answer);
    } else {
        child_fault(error, NULL);
    }
    http_response_clear(&response);
}

/* --- mail --------------------------------------------------------------------------------------------------- */

static void do_mail(const ChildRequest *request)
{
    const Node *node = request->node;
    g_autofree const char **to = child_strings(node_get(node, "to"));
    MailRequest mail = {
        .server = node_get_text(node, "server", ""),
        .tls = node_get_bool(node, "tls", FALSE),
        .starttls = node_get_bool(node, "starttls", FALSE),
        .user = node_get_text(node, "user", NULL),
        .password = node_get_text(node, "password", NULL),
        .from = node_get_text(node, "from", ""),
        .to = to,
        .text = node_get_text(node, "text", ""),
        .ca_pem = node_get_text(node, "ca_pem", NULL),
        .timeout_ms = node_get_int(node, "timeout_ms", 0),
    };
    g_autoptr(GError) error = NULL;
    if (mail_perform(&mail, &error))
        child_result(NULL);
    else
        child_fault(error, NULL);
}

/* --- the loop ----------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    guint n_fds;
    void (*run)(const ChildRequest *request);
} operations[] = {
    {"fetch", 1, do_fetch},
    {"ranges", 1, do_ranges},
    {"request", 0, do_request},
    {"mail", 0, do_mail},
};

static void serve(const ChildRequest *request)
{
    const char *name = node_get_text(request->node, "do", "");
    for (gsize i = 0; i < G_N_ELEMENTS(operations); i++) {
        if (g_str_equal(name, operations[i].name) && request->n_fds == operations[i].n_fds) {
            operations[i].run(request);
            return;
        }
    }
    g_autoptr(GError) error = NULL;
    fault_set(&error, FAULT_USAGE, "liftlock-fetch: unknown request");
    child_fault(error, NULL);
}

int main(void)
{
    child_begin("liftlock-fetch", TRUE, MEMORY_BYTES, 64);
    SandboxRules rules = {.read_paths = read_paths};
    g_autoptr(GError) error = NULL;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    gboolean good = sandbox_enter(&rules, &(gboolean){FALSE}, &error);
    ChildRequest request;
    while (child_receive(&request)) {
        if (good)
            serve(&request);
        else
            child_fault(error, NULL);
        child_request_clear(&request);
    }
    _exit(0); /* nothing is left to be written, and what exit handlers do is not worth its risk */
}
