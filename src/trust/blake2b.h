/* SPDX-License-Identifier: Apache-2.0 */
/* BLAKE2b (RFC 7693) without a key, of any digest length: libcrypto before 3.2 has only the one of 64 bytes. */
#pragma once

#include <glib.h>

/* digest_size: 1 to 64 bytes. */
void blake2b(const void *bytes, gsize size, guint8 *digest, gsize digest_size);
