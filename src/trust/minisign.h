/* SPDX-License-Identifier: Apache-2.0 */
/*
 * minisign signatures and keys, interchangeable with minisign(1) 0.11 (jedisct1/minisign: file formats).
 * Verification takes prehashed signatures ("ED") only; the trusted comment counts only after both signatures hold.
 */
#pragma once

#include <glib.h>

typedef struct MinisignPublic {
    guint8 key_id[8];
    guint8 key[32];
} MinisignPublic;

/* "RW..." (base64 of 42 bytes) alone. FAULT_CONFIG. */
gboolean minisign_public_parse(const char *text, MinisignPublic *key, GError **error);
char *minisign_public_format(const MinisignPublic *key); /* the caller frees */
char *
minisign_key_id(const MinisignPublic *key); /* 16 upper-case hex digits as minisign prints them; the caller frees */

/* Verifies the content of fd (from offset 0) against the text of a .minisig file of `signature_size` bytes. `name` is
 * what errors call the file. On success *comment gets the trusted comment (the caller frees). FAULT_VERIFY. */
gboolean minisign_verify(const MinisignPublic *key, int fd, const char *name, const char *signature,
                         gsize signature_size, char **comment, GError **error);

/* Checks that a trusted comment is exactly "k1=v1 k2=v2 ..." of these pairs in this order (NULL-terminated name, value,
 * name, value ...). A value of NULL accepts any of [0-9A-Za-z._+-] and stores it in *any (may be NULL; the caller
 * frees). FAULT_VERIFY. */
gboolean minisign_comment_check(const char *comment, const char *name, const char *const *pairs, char **any,
                                GError **error);

typedef struct MinisignSecret MinisignSecret; /* locked against swapping, wiped when freed */
void minisign_secret_free(MinisignSecret *secret);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MinisignSecret, minisign_secret_free)

/* Makes a key pair; the texts of both files (passphrase NULL or "": not encrypted, as minisign -W). The caller frees
 * (secret text with explicit wiping). */
gboolean minisign_generate(const char *passphrase, char **secret_text, char **public_text, GError **error);

/* Reads a secret key file's text. *encrypted tells whether a passphrase is needed (then passphrase NULL is
 * FAULT_USAGE). */
MinisignSecret *minisign_secret_parse(const char *text, const char *passphrase, gboolean *encrypted, GError **error);
void minisign_secret_public(const MinisignSecret *secret, MinisignPublic *key);

/* The text of a .minisig file over the content of fd. The caller frees. */
char *minisign_sign(const MinisignSecret *secret, int fd, const char *trusted_comment, const char *untrusted_comment,
                    GError **error);
