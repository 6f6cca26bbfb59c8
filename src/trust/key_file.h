/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files with an ed25519 key of a repository's role (docs/repository-format.md, "Key files").
 *
 * NAME.key is JSON: the public half in the clear, the seed encrypted by a passphrase (scrypt, ChaCha20-Poly1305 over
 * all other fields) or not encrypted. NAME.pub is the public half alone, the key object that stands in TUF metadata.
 */
#pragma once

#include "trust/tuf_key.h"

#define KEY_FILE_MAX_BYTES 4096
#define KEY_FILE_NONCE_BYTES 12
#define KEY_FILE_SALT_BYTES 32
#define KEY_FILE_TAG_BYTES 16

typedef struct KeyFile {
    TufKey *key; /* the public half */
    gboolean encrypted;
    guint64 n, r, p; /* cost of scrypt */
    guint8 salt[KEY_FILE_SALT_BYTES], nonce[KEY_FILE_NONCE_BYTES];
    guint8 box[TUF_SEED_BYTES + KEY_FILE_TAG_BYTES]; /* the seed, and if encrypted the tag */
    char *bound;                                     /* canonical form of all fields but the seed */
    gsize bound_size;
} KeyFile;

void key_file_free(KeyFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KeyFile, key_file_free)

/* Reads NAME.key; `name` is what faults call it. FAULT_CONFIG. Parameters that ask for more memory or work than a
 * passphrase needs are refused before anything is computed. The caller frees. */
KeyFile *key_file_read(const char *bytes, gsize size, const char *name, GError **error);

/* The key itself; `passphrase` counts only for an encrypted file. A wrong one is FAULT_USAGE, "the passphrase is
 * wrong". The caller frees. */
TufSecret *key_file_open(const KeyFile *file, const char *passphrase, GError **error);

/* NAME.key; passphrase NULL or "": not encrypted. The caller wipes and frees. */
char *key_file_write(const TufSecret *secret, const char *passphrase, GError **error);

/* NAME.pub, and reading one. A NAME.key is read too, for its public half. FAULT_CONFIG. The caller frees. */
char *key_public_write(const TufKey *key);
TufKey *key_public_read(const char *bytes, gsize size, const char *name, GError **error);
