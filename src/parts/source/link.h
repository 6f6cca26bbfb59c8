/* SPDX-License-Identifier: Apache-2.0 */
/* From an app's [source] to how its server is reached by git(1) or ssh(1): the secrets read, the defaults filled in. */
#pragma once

#include "base/remote_transfer.h"
#include "parts/source/source.h"

typedef struct Link {
    RemoteLink remote; /* borrows from the rest, and from the source */
    SshAddress address;
    char *key, *token;
    GPtrArray *host_keys;
} Link;

/* FAULT_CONFIG. `remote` has all but limit and progress. */
gboolean link_open(Link *link, const Source *source, GError **error);
void link_clear(Link *link);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Link, link_clear)

/* The source's own, else the host's. */
const char *link_proxy(const Source *source);
const char *link_no_proxy(const Source *source);
const char *link_ca_file(const Source *source);
