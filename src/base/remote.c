/* SPDX-License-Identifier: Apache-2.0 */
/* The calls to the children without rights: each builds a request, hands over descriptors and judges the result. */
#include "base/remote.h"

#include "base/canonical.h"
#include "base/fault.h"
#include "base/fs.h"
#include "base/remote_child.h"
#include "base/shown.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FETCHER "liftlock-fetch"
#define UNPACKER "liftlock-unpack"
#define PARSER "liftlock-parse"

enum {
    CA_MAX_BYTES = 1024 * 1024,
    ETAG_MAX_BYTES = 256,
    DEFAULT_ANSWER_BYTES = 64 * 1024,
    DEFAULT_REQUEST_MS = 30 * 1000,
    MARGIN_MS = 10 * 1000, /* beyond the limits that the child keeps by itself */
    SILENCE_MS = 60 * 1000,
    PARSE_MS = 60 * 1000,
    MEMBER_MS = 15 * 60 * 1000,
    UNPACK_SILENCE_MS = 10 * 60 * 1000,
    ARCHIVE_MS = 2 * 60 * 60 * 1000,
    FETCH_MS = 24 * 60 * 60 * 1000,
};

static void set_text(Node *map, const char *key, const char *text)
{
    if (text)
        node_set_text(map, key, text);
}

static void set_strings(Node *map, const char *key, const char *const *strings)
{
    Node *list = node_new_list();
    for (; strings && *strings; strings++)
        node_append(list, node_new_scalar(SCALAR_STRING, *strings));
    node_set(map, key, list);
}

/* A size for the wire, whose integers have a sign. */
static void set_size(Node *map, const char *key, guint64 size)
{
    node_set_int(map, key, (gint64)MIN(size, (guint64)G_MAXINT64));
}

static Node *new_request(const char *what, const char *name)
{
    Node *request = node_new_map();
    g_autofree char *shown = shown_text(name);
    node_set_text(request, "do", what);
    node_set_text(request, "name", shown);
    return request;
}

/* One request to a child of its own, which is gone afterwards. */
static gboolean call_once(const char *program, const RemoteCall *call, Node **answer, GError **error)
{
    g_autoptr(RemoteChild) child = remote_child_start(program, error);
    return child && remote_child_call(child, call, answer, error);
}

/* --- network ------------------------------------------------------------------------------------------------ */

static gboolean set_ways(Node *request, const char *ca_file, const char *proxy, const char *no_proxy, GError **error)
{
    set_text(request, "proxy", proxy);
    set_text(request, "no_proxy", no_proxy);
    if (!ca_file)
        return TRUE;
    g_autofree char *pem = NULL;
    gsize size = 0;
    g_autoptr(GError) cause = NULL;
    if (!g_file_get_contents(ca_file, &pem, &size, &cause))
        return fault_set(error, FAULT_CONFIG, "cannot read the certificates in '%s': %s", ca_file, cause->message);
    if (size > CA_MAX_BYTES || !g_utf8_validate(pem, (gssize)size, NULL))
        return fault_set(error, FAULT_CONFIG, "'%s' holds no PEM certificates", ca_file);
    node_set_text(request, "ca_pem", pem);
    return TRUE;
}

void remote_result_clear(RemoteResult *result)
{
    g_free(result->etag);
    g_free(result->last_modified);
    *result = (RemoteResult){.status = 0};
}

static Node *fetch_request(const RemoteFetch *fetch, const char *shown, GError **error)
{
    g_autoptr(Node) request = node_new_map();
    node_set_text(request, "do", "fetch");
    node_set_text(request, "url", fetch->url);
    node_set_text(request, "shown", shown);
    set_strings(request, "headers", fetch->headers);
    set_text(request, "etag", fetch->etag);
    set_text(request, "modified_since", fetch->modified_since);
    set_size(request, "resume_from", fetch->resume_from);
    set_size(request, "limit_bytes", fetch->limit_bytes);
    node_set_int(request, "stall_timeout_ms", fetch->stall_timeout_ms);
    node_set_int(request, "total_timeout_ms", fetch->total_timeout_ms);
    node_set_bool(request, "no_redirects", fetch->no_redirects);
    if (!set_ways(request, fetch->ca_file, fetch->proxy, fetch->no_proxy, error))
        return NULL;
    return g_steal_pointer(&request);
}

static void take_result(RemoteResult *result, const Node *answer)
{
    gint64 status = node_get_int(answer, "status", 0), size = node_get_int(answer, "size_bytes", 0);
    const char *etag = node_get_text(answer, "etag", NULL);
    result->status = status > 0 && status < 1000 ? (int)status : 0;
    result->size_bytes = (guint64)MAX(size, 0);
    result->resumed = node_get_bool(answer, "resumed", FALSE);
    g_free(result->etag);
    result->etag = etag ? shown_bytes(etag, strlen(etag), ETAG_MAX_BYTES) : NULL;
    const char *modified = node_get_text(answer, "last_modified", NULL);
    g_free(result->last_modified);
    result->last_modified = modified ? shown_bytes(modified, strlen(modified), ETAG_MAX_BYTES) : NULL;
}

/* By `child`, or (NULL) by one of its own, which is gone afterwards. */
static gboolean fetch_by(RemoteChild *child, const RemoteFetch *fetch, const Node *request, const char *shown,
                         int output_fd, RemoteResult *result, GError **error)
{
    g_autofree char *doing = g_strconcat("fetching ", shown, NULL);
    RemoteCall call = {
        .request = request,
        .fds = &output_fd,
        .n_fds = 1,
        .doing = doing,
        .code = FAULT_NETWORK,
        .total_ms = fetch->total_timeout_ms ? fetch->total_timeout_ms + MARGIN_MS : FETCH_MS,
        .silence_ms = SILENCE_MS,
        .progress = fetch->progress,
        .progress_data = fetch->progress_data,
        .etag = &result->etag,
    };
    g_autoptr(Node) answer = NULL;
    gboolean done = child ? remote_child_call(child, &call, &answer, error) : call_once(FETCHER, &call, &answer, error);
    if (answer)
        take_result(result, answer);
    return done;
}

gboolean remote_fetch(const RemoteFetch *fetch, int output_fd, RemoteResult *result, GError **error)
{
    *result = (RemoteResult){.status = 0};
    g_autofree char *shown = shown_url(fetch->url);
    g_autoptr(Node) request = fetch_request(fetch, shown, error);
    return request && fetch_by(NULL, fetch, request, shown, output_fd, result, error);
}

gboolean remote_fetch_ranges(const RemoteFetch *fetch, const ByteRange *ranges, guint n_ranges, guint64 file_bytes,
                             int output_fd, RemoteResult *result, GError **error)
{
    *result = (RemoteResult){.status = 0};
    g_autofree char *shown = shown_url(fetch->url);
    if (!ranges_are_sound(ranges, n_ranges, file_bytes))
        return fault_set(error, FAULT_SOURCE, "fetch %s: these are no parts of a file of %" G_GUINT64_FORMAT " bytes",
                         shown, file_bytes);
    if (n_ranges == 0)
        return TRUE;
    g_autoptr(Node) request = fetch_request(fetch, shown, error);
    if (!request)
        return FALSE;
    g_autofree char *text = ranges_to_text(ranges, n_ranges);
    node_set_text(request, "do", "ranges");
    node_set_text(request, "ranges", text);
    set_size(request, "file_bytes", file_bytes);
    return fetch_by(NULL, fetch, request, shown, output_fd, result, error);
}

struct RemoteSession {
    RemoteChild *child; /* NULL: to be started at the next request */
};

static RemoteSession *session_open_as(const RemoteUser *user, GError **error)
{
    RemoteChild *child = remote_child_start_as(FETCHER, user, error);
    if (!child)
        return NULL;
    RemoteSession *session = g_new0(RemoteSession, 1);
    session->child = child;
    return session;
}

RemoteSession *remote_session_open(GError **error)
{
    return session_open_as(NULL, error);
}

void remote_session_close(RemoteSession *session)
{
    if (!session)
        return;
    g_clear_pointer(&session->child, remote_child_end);
    g_free(session);
}

static Node *small_request(const RemoteRequest *request, gint64 timeout_ms, GError **error)
{
    g_autoptr(Node) node = node_new_map();
    node_set_text(node, "do", "request");
    node_set_text(node, "url", request->url);
    node_set_text(node, "method", request->method ? request->method : "GET");
    set_text(node, "unix_socket", request->unix_socket);
    set_text(node, "body", request->body);
    set_text(node, "content_type", request->content_type);
    set_strings(node, "headers", request->headers);
    node_set_int(node, "timeout_ms", timeout_ms);
    set_size(node, "limit_bytes", request->limit_bytes ? request->limit_bytes : DEFAULT_ANSWER_BYTES);
    if (!set_ways(node, request->ca_file, request->proxy, request->no_proxy, error))
        return NULL;
    return g_steal_pointer(&node);
}

static gboolean session_revive(RemoteSession *session, GError **error)
{
    if (session->child && !remote_child_is_alive(session->child))
        g_clear_pointer(&session->child, remote_child_end);
    return session->child || (session->child = remote_child_start(FETCHER, error));
}

gboolean remote_session_fetch(RemoteSession *session, const RemoteFetch *fetch, int output_fd, RemoteResult *result,
                              GError **error)
{
    *result = (RemoteResult){.status = 0};
    g_autofree char *shown = shown_url(fetch->url);
    g_autoptr(Node) request = fetch_request(fetch, shown, error);
    if (!request || !session_revive(session, error))
        return FALSE;
    node_set_bool(request, "no_redirects", TRUE);
    node_set_bool(request, "keep", TRUE);
    return fetch_by(session->child, fetch, request, shown, output_fd, result, error);
}

gboolean remote_session_request(RemoteSession *session, const RemoteRequest *request, int *status, char **body,
                                GError **error)
{
    gint64 timeout_ms = request->timeout_ms ? request->timeout_ms : DEFAULT_REQUEST_MS;
    g_autofree char *shown = shown_url(request->url);
    g_autofree char *doing = g_strconcat("asking ", shown, NULL);
    g_autoptr(Node) node = small_request(request, timeout_ms, error);
    if (!node)
        return FALSE;
    if (!session_revive(session, error))
        return FALSE;
    RemoteCall call = {.request = node, .doing = doing, .code = FAULT_NETWORK, .total_ms = timeout_ms + MARGIN_MS};
    g_autoptr(Node) answer = NULL;
    if (!remote_child_call(session->child, &call, &answer, error))
        return FALSE;
    gint64 said = node_get_int(answer, "status", 0);
    const char *text = node_get_text(answer, "body", "");
    if (said <= 0 || said >= 1000)
        return remote_child_distrust(session->child, &call, error);
    *status = (int)said;
    if (body)
        *body = g_strdup(text);
    return TRUE;
}

gboolean remote_request(const RemoteRequest *request, int *status, char **body, GError **error)
{
    g_autoptr(RemoteSession) session = session_open_as(request->as, error);
    return session && remote_session_request(session, request, status, body, error);
}

gboolean remote_mail(const RemoteMail *mail, GError **error)
{
    gint64 timeout_ms = mail->timeout_ms ? mail->timeout_ms : DEFAULT_REQUEST_MS;
    g_autoptr(Node) node = node_new_map();
    const char *const texts[][2] = {{"do", "mail"},       {"server", mail->server},     {"user", mail->user},
                                    {"from", mail->from}, {"password", mail->password}, {"text", mail->text}};
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++)
        set_text(node, texts[i][0], texts[i][1]);
    node_set_bool(node, "tls", mail->tls);
    node_set_bool(node, "starttls", mail->starttls);
    set_strings(node, "to", mail->to);
    node_set_int(node, "timeout_ms", timeout_ms);
    if (!set_ways(node, mail->ca_file, NULL, NULL, error))
        return FALSE;
    g_autofree char *server = shown_text(mail->server);
    g_autofree char *doing = g_strconcat("writing to ", server, NULL);
    RemoteCall call = {.request = node, .doing = doing, .code = FAULT_NETWORK, .total_ms = timeout_ms + MARGIN_MS};
    g_autoptr(Node) answer = NULL;
    return call_once(FETCHER, &call, &answer, error);
}

/* --- archives and documents --------------------------------------------------------------------------------- */

static RemoteCall archive_call(const Node *request, const int *fds, guint n_fds, const char *doing, gint64 total_ms)
{
    return (RemoteCall){
        .request = request, .fds = fds, .n_fds = n_fds, .doing = doing, .code = FAULT_ARCHIVE, .total_ms = total_ms};
}

Node *remote_parse(DocumentLanguage language, int fd, const char *name, int fault_code, GError **error)
{
    g_autoptr(Node) request = new_request("parse", name);
    node_set_int(request, "language", (gint64)language);
    node_set_int(request, "code", fault_code);
    g_autofree char *shown = shown_text(name);
    g_autofree char *doing = g_strconcat("reading ", shown, NULL);
    RemoteCall call = archive_call(request, &fd, 1, doing, PARSE_MS);
    call.code = fault_code;
    g_autoptr(RemoteChild) child = remote_child_start(PARSER, error);
    g_autoptr(Node) answer = NULL;
    if (!child || !remote_child_call(child, &call, &answer, error))
        return NULL;
    return remote_child_document(child, &call, error);
}

/* The list of a child that may have been taken over by what it read. */
static Envelope *take_signatures(const Node *answer)
{
    const Node *list = node_get(answer, "signatures");
    g_autoptr(Envelope) envelope = envelope_new();
    for (guint i = 0; list && list->kind == NODE_LIST && i < list->items->len; i++) {
        const Node *item = g_ptr_array_index(list->items, i);
        const char *keyid = node_get_text(item, "keyid", NULL), *sig = node_get_text(item, "sig", NULL);
        if (!keyid || !sig || !envelope_add(envelope, keyid, sig))
            return NULL;
    }
    return g_steal_pointer(&envelope);
}

Envelope *remote_envelope(const char *bytes, gsize size, const char *name, int fault_code, GError **error)
{
    g_autoptr(Node) request = new_request("envelope", name);
    node_set_int(request, "code", fault_code);
    g_autofree char *shown = shown_text(name);
    g_autofree char *doing = g_strconcat("reading ", shown, NULL);
    fs_fd int from = memfd_create("signed", MFD_CLOEXEC), room = memfd_create("content", MFD_CLOEXEC);
    if (from < 0 || room < 0 || !fs_write_all(from, bytes, size)) {
        fault_errno(error, FAULT_SYSTEM, errno, "%s: no memory to read it", shown);
        return NULL;
    }
    const int fds[] = {from, room};
    RemoteCall call = archive_call(request, fds, 2, doing, PARSE_MS);
    call.code = fault_code;
    g_autoptr(RemoteChild) child = remote_child_start(PARSER, error);
    g_autoptr(Node) answer = NULL;
    if (!child || !remote_child_call(child, &call, &answer, error))
        return NULL;
    g_autoptr(Envelope) envelope = take_signatures(answer);
    if (!envelope) {
        remote_child_distrust(child, &call, error);
        return NULL;
    }
    g_clear_pointer(&child, remote_child_end); /* from here on nobody else writes into the room */
    off_t length = lseek(room, 0, SEEK_END);
    envelope->bytes = length >= 0 && length <= CANONICAL_MAX_BYTES ? g_malloc0((gsize)length + 1) : NULL;
    envelope->size = (gsize)MAX(length, 0);
    if (envelope->bytes && pread(room, envelope->bytes, envelope->size, 0) == length)
        return g_steal_pointer(&envelope);
    fault_set(error, (enum fault_code)fault_code, "%s: cannot take over what is signed", shown);
    return NULL;
}

gboolean remote_unpack(int archive_fd, const char *name, int dirfd, const RemoteLimits *limits, RemoteProgress progress,
                       gpointer data, GError **error)
{
    g_autoptr(Node) request = new_request("unpack", name);
    set_size(request, "bytes", limits ? limits->bytes : 0);
    set_size(request, "entries", limits ? limits->entries : 0);
    set_size(request, "file_bytes", limits ? limits->file_bytes : 0);
    node_set_bool(request, "host", limits && limits->host);
    g_autofree char *shown = shown_text(name);
    g_autofree char *doing = g_strconcat("reading ", shown, NULL);
    const int fds[] = {archive_fd, dirfd};
    RemoteCall call = archive_call(request, fds, 2, doing, ARCHIVE_MS);
    call.silence_ms = UNPACK_SILENCE_MS;
    call.progress = progress;
    call.progress_data = data;
    g_autoptr(Node) answer = NULL;
    return call_once(UNPACKER, &call, &answer, error);
}

/* Whether the child names one of the files that it was asked for, at the top or in one directory. */
static gboolean is_asked_for(const char *const *paths, const char *found)
{
    g_autofree char *shown = shown_bytes(found, strlen(found), strlen(found) + 1);
    const char *slash = strchr(found, '/');
    return g_str_equal(shown, found) && (g_strv_contains(paths, found) || (slash && g_strv_contains(paths, slash + 1)));
}

char *remote_read_member(int archive_fd, const char *name, const char *const *paths, char **found, gsize *size,
                         GError **error)
{
    g_autoptr(Node) request = new_request("member", name);
    set_strings(request, "paths", paths);
    g_autofree char *shown = shown_text(name);
    g_autofree char *doing = g_strconcat("reading ", shown, NULL);
    fs_fd int room = memfd_create("member", MFD_CLOEXEC);
    if (room < 0) {
        fault_errno(error, FAULT_SYSTEM, errno, "%s: no memory to read it", shown);
        return NULL;
    }
    const int fds[] = {archive_fd, room};
    RemoteCall call = archive_call(request, fds, 2, doing, MEMBER_MS);
    g_autoptr(RemoteChild) child = remote_child_start(UNPACKER, error);
    g_autoptr(Node) answer = NULL;
    if (!child || !remote_child_call(child, &call, &answer, error))
        return NULL;
    const char *said = node_get_text(answer, "found", "");
    if (!is_asked_for(paths, said)) {
        remote_child_distrust(child, &call, error);
        return NULL;
    }
    g_clear_pointer(&child, remote_child_end); /* from here on nobody else writes into the room */
    off_t length = lseek(room, 0, SEEK_END);
    g_autofree char *bytes = length >= 0 && length <= DOCUMENT_MAX_BYTES ? g_malloc0((gsize)length + 1) : NULL;
    if (!bytes || pread(room, bytes, (size_t)length, 0) != length) {
        fault_set(error, FAULT_ARCHIVE, "%s: cannot take over '%s'", shown, said);
        return NULL;
    }
    if (found)
        *found = g_strdup(said);
    if (size)
        *size = (gsize)length;
    return g_steal_pointer(&bytes);
}

char *remote_git_tree(int archive_fd, const char *name, gboolean wide, GError **error)
{
    g_autoptr(Node) request = new_request("git-tree", name);
    node_set_bool(request, "wide", wide);
    g_autofree char *shown = shown_text(name);
    g_autofree char *doing = g_strconcat("reading ", shown, NULL);
    RemoteCall call = archive_call(request, &archive_fd, 1, doing, ARCHIVE_MS);
    g_autoptr(Node) answer = NULL;
    if (!call_once(UNPACKER, &call, &answer, error))
        return NULL;
    return g_strdup(node_get_text(answer, "tree", ""));
}

gboolean remote_pack(int tree_dirfd, const char *name, int output_fd, gint64 mtime_s, const char *const *exclude,
                     GError **error)
{
    g_autoptr(Node) request = new_request("pack", name);
    node_set_int(request, "mtime_s", mtime_s);
    set_strings(request, "exclude", exclude);
    g_autofree char *shown = shown_text(name);
    g_autofree char *doing = g_strconcat("writing ", shown, NULL);
    const int fds[] = {tree_dirfd, output_fd};
    RemoteCall call = archive_call(request, fds, 2, doing, ARCHIVE_MS);
    g_autoptr(Node) answer = NULL;
    return call_once(UNPACKER, &call, &answer, error);
}
