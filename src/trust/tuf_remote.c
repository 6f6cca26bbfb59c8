/* SPDX-License-Identifier: Apache-2.0 */
/* A TUF repository on a web server. */
#include "trust/tuf_remote.h"

#include "base/fault.h"
#include "base/fs.h"
#include "base/shown.h"
#include "trust/tuf_names.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#define METADATA_TIMEOUT_MS (2 * 60 * 1000)

/* By concatenation: nothing in a name may change where the address leads. */
static char *join(const char *base, const char *address)
{
    return g_strconcat(base, g_str_has_suffix(base, "/") ? "" : "/", address, NULL);
}

static RemoteFetch fetch_of(const TufRemote *remote, const char *url, guint64 limit_bytes)
{
    return (RemoteFetch){
        .url = url,
        .headers = remote->headers,
        .limit_bytes = limit_bytes,
        .stall_timeout_ms = remote->stall_timeout_ms,
        .total_timeout_ms = remote->total_timeout_ms ? remote->total_timeout_ms : METADATA_TIMEOUT_MS,
        .ca_file = remote->ca_file,
        .proxy = remote->proxy,
        .no_proxy = remote->no_proxy,
    };
}

/* A copy of all that a descriptor holds, NUL appended: from here on, whoever still has the descriptor can change it as
 * he likes. */
static char *take_over(int fd, guint64 limit, gsize *size, const char *name, GError **error)
{
    off_t length = lseek(fd, 0, SEEK_END);
    g_autofree char *bytes = length >= 0 && (guint64)length <= limit ? g_malloc((gsize)length + 1) : NULL;
    if (!bytes || pread(fd, bytes, (size_t)length, 0) != length) {
        fault_set(error, FAULT_VERIFY, "%s: more than %" G_GUINT64_FORMAT " bytes", name, limit);
        return NULL;
    }
    bytes[length] = '\0';
    *size = (gsize)length;
    return g_steal_pointer(&bytes);
}

static char *fetch(gpointer data, const char *address, guint64 limit, gsize *size, gboolean *absent, GError **error)
{
    const TufRemote *remote = data;
    g_autofree char *url = join(remote->metadata_url, address);
    fs_fd int room = memfd_create("metadata", MFD_CLOEXEC);
    if (room < 0) {
        fault_errno(error, FAULT_SYSTEM, errno, "%s: no memory to fetch it", address);
        return NULL;
    }
    RemoteFetch request = fetch_of(remote, url, limit);
    request.no_redirects = TRUE;
    RemoteResult result;
    g_autoptr(GError) failure = NULL;
    gboolean done = remote->session ? remote_session_fetch(remote->session, &request, room, &result, &failure)
                                    : remote_fetch(&request, room, &result, &failure);
    int status = result.status;
    remote_result_clear(&result);
    *absent = !done && fault_code_of(failure) == FAULT_SOURCE && (status == 404 || status == 403);
    if (done)
        return take_over(room, limit, size, address, error);
    if (!*absent)
        g_propagate_error(error, g_steal_pointer(&failure));
    return NULL;
}

static Envelope *open_in_child(gpointer data, const char *bytes, gsize size, const char *name, GError **error)
{
    return remote_envelope(bytes, size, name, FAULT_VERIFY, error);
}

TufNet tuf_remote_net(const TufRemote *remote)
{
    return (TufNet){.fetch = fetch, .open = open_in_child, .data = (gpointer)remote};
}

gboolean tuf_remote_target(const TufRemote *remote, const TufFile *target, gboolean consistent_snapshot, int output_fd,
                           gint64 total_timeout_ms, RemoteProgress progress, gpointer data, GError **error)
{
    g_autofree char *address = tuf_target_address(target, consistent_snapshot), *shown = shown_text(target->name);
    if (!address)
        return fault_set(error, FAULT_VERIFY, "%s: its hashes are of kinds that this liftlock does not know", shown);
    g_autofree char *url = join(remote->targets_url, address);
    /* A limit of 0 would mean the usual one. */
    RemoteFetch request = fetch_of(remote, url, MAX((guint64)target->length, 1));
    request.total_timeout_ms = total_timeout_ms;
    request.progress = progress;
    request.progress_data = data;
    RemoteResult result;
    gboolean done = remote_fetch(&request, output_fd, &result, error);
    remote_result_clear(&result);
    return done && tuf_file_check_fd(target, output_fd, shown, error);
}
