/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What both children without rights do: give up what they do not need, take requests from descriptor 3, answer them.
 *
 * A request is a map {do, ...} with up to four descriptors. Answers are maps: {answer: progress, done, total},
 * then {answer: result, ...} or {answer: fault, code, text, hint, ...}.
 */
#pragma once

#include "base/document.h"
#include "base/wire.h"

#define CHILD_SOCKET 3

/* Before the first byte from elsewhere: ends with the parent, no core dumps, limits, and (seccomp) no further process,
 * no other program, no reaching into others; without `network` no sockets either. Exits if the kernel refuses. */
void child_begin(const char *name, gboolean network, guint64 memory_bytes, guint64 n_files);

/* The same for one that runs other programs over the network. They stay in its process group, which ends with it. */
void child_begin_spawning(const char *name, guint64 memory_bytes, guint64 n_files);

/* Of processor time. Past it SIGXCPU ends the child: SIGKILL is left to this host, and blames nothing that was read. */
void child_limit_time(guint64 seconds);

typedef struct ChildRequest {
    Node *node;
    int fds[WIRE_MAX_FDS]; /* -1: none */
    guint n_fds;
} ChildRequest;

/* The next request; FALSE when there will be no more. */
gboolean child_receive(ChildRequest *request);
void child_request_clear(ChildRequest *request);

/* Tells how far we are, a few times a second at most. `etag` (may be NULL): of what comes. */
void child_progress(guint64 done, guint64 total, const char *etag);

/* Send and end the process if nobody is there to listen. Both take `answer`, a map (NULL: an empty one). */
void child_result(Node *answer);
void child_fault(const GError *error, Node *answer);

/* A document after the result, as records. */
void child_document(const Node *document);

/* Text as a scalar may hold it: UTF-8 without NUL. */
void child_set_text(Node *map, const char *key, const char *bytes, gsize size);

/* The strings of a list, NULL-terminated; frees with g_free, the strings are borrowed. */
const char **child_strings(const Node *list);
