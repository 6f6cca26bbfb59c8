/* SPDX-License-Identifier: Apache-2.0 */
/* A TUF repository on a web server, by the children without rights: what a TufClient asks for, and targets. */
#pragma once

#include "base/remote.h"
#include "trust/tuf_client.h"

/* Both addresses end with "/" or get one. What is said here stays the caller's. */
typedef struct TufRemote {
    const char *metadata_url, *targets_url;
    const char *const *headers;
    const char *ca_file, *proxy, *no_proxy;
    gint64 stall_timeout_ms; /* 0: 30 s */
    gint64 total_timeout_ms; /* of each file of metadata; 0: 2 minutes */
    RemoteSession *session;  /* fetches all metadata, over one connection if the server lets it; NULL: a child each */
} TufRemote;

/* Redirects are not followed: a repository is where its operator says. `remote` must outlive the result. */
TufNet tuf_remote_net(const TufRemote *remote);

/* Downloads a target into output_fd (empty) and checks it there, when the child is gone. progress may be NULL;
 * total_timeout_ms 0: none. FAULT_VERIFY: it is not the target. */
gboolean tuf_remote_target(const TufRemote *remote, const TufFile *target, gboolean consistent_snapshot, int output_fd,
                           gint64 total_timeout_ms, RemoteProgress progress, gpointer data, GError **error);
