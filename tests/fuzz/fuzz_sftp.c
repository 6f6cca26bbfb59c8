/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the taking apart of an SFTP server's packets: nothing is read past the end, whatever lengths they claim. */
#include "libexec/sftp_packet.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* fuzz: src/libexec/sftp_packet.c */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    SftpReader reader = {.at = data, .end = data + size};
    while (!reader.broken && reader.at < reader.end) {
        SftpAttributes attributes;
        guint32 length = 0;
        const guint8 *bytes;
        switch (sftp_byte(&reader) % 4) {
        case 0:
            sftp_attributes(&reader, &attributes);
            break;
        case 1:
            bytes = sftp_string(&reader, &length);
            g_assert_true(bytes >= data && bytes + length <= data + size);
            break;
        case 2:
            sftp_long(&reader);
            break;
        default:
            sftp_number(&reader);
        }
        g_assert_true(reader.at <= reader.end);
    }
    return 0;
}
