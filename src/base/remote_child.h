/* SPDX-License-Identifier: Apache-2.0 */
/* A running child without rights: starting it, one call after another, and its end. The calls themselves: remote.c. */
#pragma once

#include "base/remote.h"

typedef struct RemoteChild RemoteChild;

/* Starts "liftlock-fetch" or another of them: the one beside our own executable, else the installed one. */
RemoteChild *remote_child_start(const char *program, GError **error);

/* The same as another user than the children's own, with all his groups, when we are root. */
RemoteChild *remote_child_start_as(const char *program, const RemoteUser *user, GError **error);

/* A child at the other end of `socket` (taken) that is not ours to start or to reap: the fuzzer. */
RemoteChild *remote_child_adopt(const char *program, int socket);

/* Ends it, whatever it is doing, and reaps it: nothing writes to the descriptors that it got any more. */
void remote_child_end(RemoteChild *child);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RemoteChild, remote_child_end)

gboolean remote_child_is_alive(const RemoteChild *child);

typedef struct RemoteCall {
    const Node *request;
    const int *fds; /* handed over */
    guint n_fds;
    const char *doing; /* "reading bookshelf-2.1.0.tar.zst" */
    int code;          /* of faults that the child may not name, and of its death */
    gint64 total_ms;   /* for the whole call */
    gint64 silence_ms; /* without any answer, not even progress; 0: as total_ms */
    RemoteProgress progress;
    gpointer progress_data;
    char **etag; /* if set, gets what progress says of it */
} RemoteCall;

/* Asks, and waits for the result. *answer gets the child's last map, also with a fault; the caller frees. After a death
 * or a senseless answer the child has been ended. */
gboolean remote_child_call(RemoteChild *child, const RemoteCall *call, Node **answer, GError **error);

/* The document that follows the result of "parse". The caller frees. */
Node *remote_child_document(RemoteChild *child, const RemoteCall *call, GError **error);

/* Says "liftlock-unpack gave a senseless answer while DOING" and ends the child. */
gboolean remote_child_distrust(RemoteChild *child, const RemoteCall *call, GError **error);
