/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages between a process and its child without rights, over a stream socket pair.
 *
 * A message is a frame: its size as 4 bytes (little-endian), then so many bytes. Descriptors travel with the first
 * byte of a frame (SCM_RIGHTS). What the bytes mean (records, document.h) is the concern of remote.c and libexec/.
 */
#pragma once

#include <glib.h>

#define WIRE_MAX_BYTES (16 * 1024 * 1024)
#define WIRE_MAX_FDS 4

typedef enum { WIRE_MESSAGE, WIRE_END, WIRE_LATE, WIRE_BROKEN } WireOutcome;

/* Sends one frame. FALSE (errno set) if the other side is gone. */
gboolean wire_send(int socket, const char *bytes, gsize size, const int *fds, guint n_fds);

/* Waits for one frame until `deadline_ms` (CLOCK_MONOTONIC; -1: for ever). WIRE_END: the other side closed between two
 * frames. WIRE_BROKEN: it closed within one, or the frame is larger than WIRE_MAX_BYTES, or memory ran out.
 * The caller frees *bytes. */
WireOutcome wire_receive(int socket, gint64 deadline_ms, char **bytes, gsize *size);

/* The same, and takes up to WIRE_MAX_FDS descriptors (close-on-exec) that came with it. */
WireOutcome wire_receive_fds(int socket, gint64 deadline_ms, char **bytes, gsize *size, int *fds, guint *n_fds);
