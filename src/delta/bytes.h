/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers and strings in a buffer: LEB128, at most ten bytes, and no longer than need be. */
#pragma once

#include <glib.h>

typedef struct ByteReader {
    const guint8 *at, *end;
    gboolean broken; /* once set, all that is read is 0 or NULL */
} ByteReader;

guint64 bytes_number(ByteReader *reader);
guint64 bytes_number_upto(ByteReader *reader, guint64 limit); /* more than that breaks it */
const guint8 *bytes_take(ByteReader *reader, guint64 size);   /* NULL if so much is not there */
gboolean bytes_digest(ByteReader *reader, char *text);        /* 32 bytes as 64 hexadecimal digits and NUL */
char *bytes_text(ByteReader *reader, gsize limit);            /* length, bytes; no NUL in them. The caller frees. */

void bytes_put_number(GByteArray *out, guint64 number);
void bytes_put_digest(GByteArray *out, const char *digest); /* 64 hexadecimal digits */
void bytes_put_text(GByteArray *out, const char *text, gsize size);

/* A signed number as an unsigned one: 0, -1, 1, -2, 2 ... */
guint64 bytes_folded(gint64 number);
gint64 bytes_unfolded(guint64 number);
