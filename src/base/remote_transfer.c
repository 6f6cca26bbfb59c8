/* SPDX-License-Identifier: Apache-2.0 */
/* The calls to liftlock-transfer: a scratch directory, one request, one document. */
#include "base/remote_transfer.h"

#include "base/fault.h"
#include "base/fs.h"
#include "base/remote_child.h"
#include "base/shown.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define TRANSFER "liftlock-transfer"
#define SCRATCH_PREFIX "transfer-"

enum {
    STALL_MS = 30 * 1000,
    MARGIN_MS = 10 * 1000,
    SILENCE_MS = 60 * 1000,
    SMALL_TOTAL_MS = 2 * 60 * 1000,
    LARGE_TOTAL_MS = 10 * 60 * 1000,
    SLOWEST_BYTES_PER_MS = 32,
    CA_MAX_BYTES = 1024 * 1024,
};

/* --- the scratch directory ----------------------------------------------------------------------------------- */

typedef struct Scratch {
    int parent, fd;
    char *name, *path;
} Scratch;

/* Of processes that are no more: a crash left it. */
static gboolean is_left(const char *name)
{
    guint64 pid = 0;
    if (!g_str_has_prefix(name, SCRATCH_PREFIX))
        return FALSE;
    g_auto(GStrv) parts = g_strsplit(name + strlen(SCRATCH_PREFIX), "-", 2);
    return g_strv_length(parts) == 2 && g_ascii_string_to_unsigned(parts[0], 10, 2, G_MAXINT32, &pid, NULL) &&
           kill((pid_t)pid, 0) < 0 && errno == ESRCH;
}

static void sweep(const char *path, int parent)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;
    while (dir && (name = g_dir_read_name(dir)))
        if (is_left(name))
            fs_remove_tree(parent, name, NULL);
}

static void scratch_clear(Scratch *scratch)
{
    fs_fd_clear(&scratch->fd);
    if (scratch->parent >= 0 && scratch->name)
        fs_remove_tree(scratch->parent, scratch->name, NULL);
    fs_fd_clear(&scratch->parent);
    g_free(scratch->name);
    g_free(scratch->path);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Scratch, scratch_clear)

static gboolean scratch_make(Scratch *scratch, const char *parent, GError **error)
{
    uid_t uid;
    gid_t gid;
    if (!remote_child_user(&uid, &gid, error) || !fs_make_path(parent, 0755, error))
        return FALSE;
    scratch->parent = fs_open_dir(parent, error);
    if (scratch->parent < 0)
        return FALSE;
    sweep(parent, scratch->parent);
    scratch->name = g_strdup_printf(SCRATCH_PREFIX "%d-%08x", (int)getpid(), g_random_int());
    scratch->path = g_build_filename(parent, scratch->name, NULL);
    if (mkdirat(scratch->parent, scratch->name, 0700) < 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot make %s", scratch->path);
    scratch->fd = fs_open_beneath(scratch->parent, scratch->name, O_RDONLY | O_DIRECTORY, 0, error);
    if (scratch->fd < 0)
        return FALSE;
    if (geteuid() == 0 && fchown(scratch->fd, uid, gid) < 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot hand over %s", scratch->path);
    return TRUE;
}

/* --- requests ------------------------------------------------------------------------------------------------ */

static void set_text(Node *map, const char *key, const char *text)
{
    if (text)
        node_set_text(map, key, text);
}

static gboolean set_certificates(Node *request, const char *ca_file, GError **error)
{
    g_autofree char *pem = NULL;
    gsize size = 0;
    g_autoptr(GError) cause = NULL;
    if (!ca_file)
        return TRUE;
    if (!g_file_get_contents(ca_file, &pem, &size, &cause))
        return fault_set(error, FAULT_CONFIG, "cannot read the certificates in '%s': %s", ca_file, cause->message);
    if (size > CA_MAX_BYTES || !g_utf8_validate(pem, (gssize)size, NULL))
        return fault_set(error, FAULT_CONFIG, "'%s' holds no PEM certificates", ca_file);
    node_set_text(request, "ca_pem", pem);
    return TRUE;
}

static Node *request_new(const RemoteLink *link, const char *operation, const char *shown, GError **error)
{
    g_autoptr(Node) request = node_new_map();
    Node *keys = node_new_list();
    for (const char *const *key = link->host_keys; key && *key; key++)
        node_append(keys, node_new_scalar(SCALAR_STRING, *key));
    node_set_text(request, "do", operation);
    node_set_text(request, "shown", shown);
    node_set(request, "host_keys", keys);
    set_text(request, "url", link->url);
    set_text(request, "user", link->user);
    set_text(request, "host", link->host);
    set_text(request, "path", link->path);
    set_text(request, "key", link->key);
    set_text(request, "username", link->username);
    set_text(request, "token", link->token);
    set_text(request, "proxy", link->proxy);
    set_text(request, "no_proxy", link->no_proxy);
    node_set_int(request, "port", link->port);
    node_set_int(request, "limit_bytes", (gint64)MIN(link->limit_bytes, (guint64)G_MAXINT64));
    node_set_int(request, "stall_timeout_ms", STALL_MS);
    return set_certificates(request, link->ca_file, error) ? g_steal_pointer(&request) : NULL;
}

static gint64 large_total_ms(const RemoteLink *link)
{
    return LARGE_TOTAL_MS + (gint64)(link->limit_bytes / SLOWEST_BYTES_PER_MS);
}

/* Takes the request (NULL: *error is set already). */
static Node *call(const RemoteLink *link, Node *taken, const char *shown, gint64 total_ms, int output_fd,
                  GError **error)
{
    g_autoptr(Node) request = taken;
    g_auto(Scratch) scratch = {.parent = -1, .fd = -1};
    if (!request || !scratch_make(&scratch, link->scratch, error))
        return NULL;
    node_set_text(request, "scratch", scratch.path);
    node_set_int(request, "total_timeout_ms", total_ms);
    g_autofree char *doing = g_strconcat("fetching ", shown, NULL);
    const int fds[] = {scratch.fd, output_fd};
    RemoteCall remote = {
        .request = request,
        .fds = fds,
        .n_fds = output_fd >= 0 ? 2 : 1,
        .doing = doing,
        .code = FAULT_NETWORK,
        .total_ms = total_ms + MARGIN_MS,
        .silence_ms = SILENCE_MS,
        .progress = link->progress,
        .progress_data = link->progress_data,
    };
    g_autoptr(RemoteChild) child = remote_child_start(TRANSFER, error);
    g_autoptr(Node) answer = NULL;
    Node *document = NULL;
    if (child && remote_child_call(child, &remote, &answer, error))
        document = remote_child_document(child, &remote, error);
    g_clear_pointer(&child, remote_child_end); /* before its scratch directory is removed */
    return document;
}

/* --- the calls ----------------------------------------------------------------------------------------------- */

Node *remote_git_refs(const RemoteLink *link, const char *pattern, GError **error)
{
    g_autofree char *shown = shown_url(link->url);
    Node *request = request_new(link, "git-refs", shown, error);
    if (request)
        node_set_text(request, "pattern", pattern);
    return call(link, request, shown, SMALL_TOTAL_MS, -1, error);
}

Node *remote_git_archive(const RemoteLink *link, const char *ref, const char *commit, int output_fd, GError **error)
{
    g_autofree char *shown = shown_url(link->url);
    if (ftruncate(output_fd, 0) < 0 || lseek(output_fd, 0, SEEK_SET) < 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot empty what is here already"), NULL;
    Node *request = request_new(link, "git-archive", shown, error);
    if (request) {
        node_set_text(request, "ref", ref);
        node_set_text(request, "commit", commit);
    }
    return call(link, request, shown, large_total_ms(link), output_fd, error);
}

gboolean remote_git_holds(const RemoteLink *link, const char *ref, const char *commit, gboolean *holds, GError **error)
{
    g_autofree char *shown = shown_url(link->url);
    Node *request = request_new(link, "git-holds", shown, error);
    if (request) {
        node_set_text(request, "ref", ref);
        node_set_text(request, "held", commit);
    }
    g_autoptr(Node) answer = call(link, request, shown, large_total_ms(link), -1, error);
    if (answer)
        *holds = node_get_bool(answer, "holds", FALSE);
    return answer != NULL;
}

gboolean remote_sftp(const RemoteLink *link, int output_fd, RemoteFile *file, GError **error)
{
    g_autofree char *shown = shown_url(link->url);
    Node *request = request_new(link, "sftp", shown, error);
    if (request) {
        node_set_int(request, "known_size", file->size_bytes);
        node_set_int(request, "known_mtime", file->mtime_s);
    }
    g_autoptr(Node) answer = call(link, request, shown, large_total_ms(link), output_fd, error);
    if (!answer)
        return FALSE;
    file->size_bytes = node_get_int(answer, "size", -1);
    file->mtime_s = node_get_int(answer, "mtime", -1);
    file->changed = node_get_bool(answer, "changed", TRUE);
    return TRUE;
}
