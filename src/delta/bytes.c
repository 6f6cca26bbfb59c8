/* SPDX-License-Identifier: Apache-2.0 */
#include "delta/bytes.h"

#include <string.h>

enum { MORE = 0x80, BITS = 7, LAST_SHIFT = 63 };

guint64 bytes_number(ByteReader *reader)
{
    guint64 number = 0;
    for (guint shift = 0; shift <= LAST_SHIFT; shift += BITS) {
        if (reader->broken || reader->at == reader->end)
            break;
        guint8 byte = *reader->at++;
        if ((shift == LAST_SHIFT && byte > 1) || (shift > 0 && byte == 0)) /* too large; longer than need be */
            break;
        number |= (guint64)(byte & (MORE - 1)) << shift;
        if (byte < MORE)
            return number;
    }
    reader->broken = TRUE;
    return 0;
}

guint64 bytes_number_upto(ByteReader *reader, guint64 limit)
{
    guint64 number = bytes_number(reader);
    if (number <= limit)
        return number;
    reader->broken = TRUE;
    return 0;
}

const guint8 *bytes_take(ByteReader *reader, guint64 size)
{
    if (reader->broken || size > (guint64)(reader->end - reader->at)) {
        reader->broken = TRUE;
        return NULL;
    }
    const guint8 *bytes = reader->at;
    reader->at += size;
    return bytes;
}

gboolean bytes_digest(ByteReader *reader, char *text)
{
    const guint8 *bytes = bytes_take(reader, 32);
    for (guint i = 0; bytes && i < 32; i++)
        g_snprintf(text + (gsize)2 * i, 3, "%02x", bytes[i]);
    return bytes != NULL;
}

char *bytes_text(ByteReader *reader, gsize limit)
{
    gsize size = (gsize)bytes_number_upto(reader, limit);
    const guint8 *bytes = bytes_take(reader, size);
    if (bytes && memchr(bytes, '\0', size))
        reader->broken = TRUE;
    return reader->broken ? NULL : g_strndup((const char *)bytes, size);
}

void bytes_put_number(GByteArray *out, guint64 number)
{
    guint8 bytes[10];
    guint n = 0;
    for (; number >= MORE; number >>= BITS)
        bytes[n++] = (guint8)(number | MORE);
    bytes[n++] = (guint8)number;
    g_byte_array_append(out, bytes, n);
}

void bytes_put_digest(GByteArray *out, const char *digest)
{
    for (guint i = 0; i < 64; i += 2) {
        guint8 byte = (guint8)(g_ascii_xdigit_value(digest[i]) << 4 | g_ascii_xdigit_value(digest[i + 1]));
        g_byte_array_append(out, &byte, 1);
    }
}

void bytes_put_text(GByteArray *out, const char *text, gsize size)
{
    bytes_put_number(out, size);
    g_byte_array_append(out, (const guint8 *)text, (guint)size);
}

guint64 bytes_folded(gint64 number)
{
    return number < 0 ? ((guint64)(-(number + 1)) << 1) + 1 : (guint64)number << 1;
}

gint64 bytes_unfolded(guint64 number)
{
    return number & 1 ? -(gint64)(number >> 1) - 1 : (gint64)(number >> 1);
}
