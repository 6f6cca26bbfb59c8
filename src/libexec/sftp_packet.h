/* SPDX-License-Identifier: Apache-2.0 */
/* Packets of the SSH File Transfer Protocol, version 3 (draft-ietf-secsh-filexfer-02): what reading a file needs. */
#pragma once

#include <glib.h>

#define SFTP_PACKET_MAX (256 * 1024)

typedef enum {
    SFTP_INIT = 1,
    SFTP_VERSION = 2,
    SFTP_OPEN = 3,
    SFTP_CLOSE = 4,
    SFTP_READ = 5,
    SFTP_STAT = 17,
    SFTP_STATUS = 101,
    SFTP_HANDLE = 102,
    SFTP_DATA = 103,
    SFTP_ATTRS = 105,
} SftpType;

enum { SFTP_OK = 0, SFTP_EOF = 1, SFTP_NO_SUCH_FILE = 2, SFTP_PERMISSION_DENIED = 3 };

/* A packet that is being taken apart; what is read past its end is 0 and sets `broken`. */
typedef struct SftpReader {
    const guint8 *at, *end;
    gboolean broken;
} SftpReader;

guint8 sftp_byte(SftpReader *reader);
guint32 sftp_number(SftpReader *reader);
guint64 sftp_long(SftpReader *reader);
const guint8 *sftp_string(SftpReader *reader, guint32 *size); /* borrowed */

typedef struct SftpAttributes {
    guint64 size;
    guint32 mode, mtime_s;
    gboolean has_size, has_mode, has_mtime;
} SftpAttributes;
void sftp_attributes(SftpReader *reader, SftpAttributes *attributes);

void sftp_add_byte(GByteArray *packet, guint8 value);
void sftp_add_number(GByteArray *packet, guint32 value);
void sftp_add_long(GByteArray *packet, guint64 value);
void sftp_add_string(GByteArray *packet, const void *bytes, gsize size);
