/* SPDX-License-Identifier: Apache-2.0 */
/* Packets of SFTP: numbers are big-endian, strings have their length before them. */
#include "libexec/sftp_packet.h"

enum { ATTR_SIZE = 1, ATTR_OWNER = 2, ATTR_MODE = 4, ATTR_TIMES = 8 };

static guint64 take(SftpReader *reader, gsize size)
{
    guint64 value = 0;
    if ((gsize)(reader->end - reader->at) < size) {
        reader->broken = TRUE;
        reader->at = reader->end;
        return 0;
    }
    for (gsize i = 0; i < size; i++)
        value = value << 8 | *reader->at++;
    return value;
}

guint8 sftp_byte(SftpReader *reader)
{
    return (guint8)take(reader, 1);
}

guint32 sftp_number(SftpReader *reader)
{
    return (guint32)take(reader, 4);
}

guint64 sftp_long(SftpReader *reader)
{
    return take(reader, 8);
}

const guint8 *sftp_string(SftpReader *reader, guint32 *size)
{
    *size = sftp_number(reader);
    const guint8 *bytes = reader->at;
    if ((gsize)(reader->end - reader->at) < *size) {
        reader->broken = TRUE;
        reader->at = reader->end;
        *size = 0;
        return bytes;
    }
    reader->at += *size;
    return bytes;
}

void sftp_attributes(SftpReader *reader, SftpAttributes *attributes)
{
    guint32 flags = sftp_number(reader);
    *attributes = (SftpAttributes){.has_size = (flags & ATTR_SIZE) != 0,
                                   .has_mode = (flags & ATTR_MODE) != 0,
                                   .has_mtime = (flags & ATTR_TIMES) != 0};
    if (attributes->has_size)
        attributes->size = sftp_long(reader);
    if (flags & ATTR_OWNER)
        sftp_long(reader);
    if (attributes->has_mode)
        attributes->mode = sftp_number(reader);
    if (attributes->has_mtime) {
        sftp_number(reader);
        attributes->mtime_s = sftp_number(reader);
    }
}

void sftp_add_byte(GByteArray *packet, guint8 value)
{
    g_byte_array_append(packet, &value, 1);
}

void sftp_add_number(GByteArray *packet, guint32 value)
{
    guint32 big = GUINT32_TO_BE(value);
    g_byte_array_append(packet, (const guint8 *)&big, sizeof big);
}

void sftp_add_long(GByteArray *packet, guint64 value)
{
    guint64 big = GUINT64_TO_BE(value);
    g_byte_array_append(packet, (const guint8 *)&big, sizeof big);
}

void sftp_add_string(GByteArray *packet, const void *bytes, gsize size)
{
    sftp_add_number(packet, (guint32)size);
    g_byte_array_append(packet, bytes, (guint)size);
}
