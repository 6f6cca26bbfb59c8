/* SPDX-License-Identifier: Apache-2.0 */
/* What minisign.c and minisign_keys.c share: the file formats' constants and their two primitives. */
#pragma once

#include "trust/minisign.h"

#define MINISIGN_UNTRUSTED "untrusted comment: "
#define MINISIGN_TRUSTED "trusted comment: "
#define MINISIGN_COMMENT_MAX 8192   /* trusted comment, bytes */
#define MINISIGN_UNTRUSTED_MAX 1024 /* untrusted comment, bytes */
#define MINISIGN_SIGNATURE_SIZE 64
#define MINISIGN_HASH_SIZE 64

/* The second line of a .minisig file: kind "ED" (of the content's BLAKE2b-512) or "Ed" (of the content itself). */
typedef struct MinisignBox {
    guint8 kind[2];
    guint8 key_id[8];
    guint8 signature[MINISIGN_SIGNATURE_SIZE];
} MinisignBox;

/* Base64 (RFC 4648 section 4) of exactly `size` bytes and in its only canonical form. */
gboolean minisign_decode(const char *text, gsize text_size, guint8 *bytes, gsize size);

/* BLAKE2b-512 of all that fd holds, wherever its offset stands. */
gboolean minisign_hash(int fd, guint8 hash[MINISIGN_HASH_SIZE], GError **error);

/* One line of printable UTF-8: no control characters, no marks that turn or hide text. */
gboolean minisign_is_printable(const char *text);
