/* SPDX-License-Identifier: Apache-2.0 */
/* Between planning and doing: what a remote has. */
#pragma once

#include <glib.h>

typedef struct RemoteRefs {
    char *tag, *branch; /* object ids; NULL: not there */
} RemoteRefs;
void remote_refs_clear(RemoteRefs *refs);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(RemoteRefs, remote_refs_clear)

/* Asks the remote for one tag and one branch. FALSE: it did not answer. */
gboolean remote_refs_read(const char *directory, const char *remote, const char *tag, const char *branch,
                          RemoteRefs *refs, GError **error);
