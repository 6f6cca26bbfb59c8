/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of a file by place and size, and what a server says of the one that it sends (RFC 9110 section 14). */
#pragma once

#include <glib.h>

#define RANGES_MAX 100000 /* in one request to the child */

typedef struct ByteRange {
    guint64 at, size;
} ByteRange;

/* Whether they rise, none is empty, none overlaps another, and all lie in a file of so many bytes. */
gboolean ranges_are_sound(const ByteRange *ranges, guint n_ranges, guint64 file_bytes);

/* Bytes of all together; of ranges that are sound. */
guint64 ranges_sum(const ByteRange *ranges, guint n_ranges);

/* "0-99,200-299": first and last byte of each; those that touch are one. The caller frees. */
char *ranges_to_text(const ByteRange *ranges, guint n_ranges);

/* The ranges of such a text: ByteRange; NULL if it is none, or they are not sound. The caller frees. */
GArray *ranges_from_text(const char *text, guint64 file_bytes);

/* What Content-Range says. */
typedef struct ContentRange {
    ByteRange range;   /* size 0: none is sent, "bytes *" (with 416) */
    gint64 file_bytes; /* -1: not said */
} ContentRange;

/* "bytes 0-99/1000", "bytes 0-99/" and an asterisk, or an asterisk and "/1000". FALSE: it is none of them, or it
 * contradicts itself. */
gboolean content_range_parse(const char *text, ContentRange *said);
