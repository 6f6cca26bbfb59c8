/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys and signatures of TUF metadata (specification, section 4.2; key objects as securesystemslib writes them).
 *
 * Verification knows ed25519, ecdsa-sha2-nistp256 and rsassa-pss-sha256 (keys of 2048 bits and more); signing ed25519
 * only. A key's name is the SHA-256 of the canonical form of its whole object; a key under any other name, of another
 * kind or damaged is kept and never counts.
 */
#pragma once

#include "base/document.h"

typedef struct TufKey {
    char *id;       /* the name under which it was found */
    Node *node;     /* the object as it was, unknown fields included */
    gpointer inner; /* EVP_PKEY; NULL: no signature by it counts */
    int scheme;
} TufKey;

void tuf_key_free(TufKey *key);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TufKey, tuf_key_free)

/* NULL only if the object is not of the form {keytype, scheme, keyval: {public}}; `name` is the file for the fault
 * (FAULT_VERIFY). */
TufKey *tuf_key_read(const char *id, const Node *node, const char *name, GError **error);

/* The name that belongs to a key object: 64 hexadecimal digits. The caller frees. */
char *tuf_key_id(const Node *node);

/* Whether `sig` (hexadecimal text; anything else is no signature) is one of these bytes by the key. */
gboolean tuf_key_verify(const TufKey *key, const void *bytes, gsize size, const char *sig);

/* --- signing ------------------------------------------------------------------------------------------------ */

#define TUF_SEED_BYTES 32

typedef struct TufSecret TufSecret; /* an ed25519 key; locked against swapping, wiped when freed */
void tuf_secret_free(TufSecret *secret);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TufSecret, tuf_secret_free)

/* From 32 bytes of the caller's, or from random ones (seed NULL). */
TufSecret *tuf_secret_new(const guint8 *seed, GError **error);
const guint8 *tuf_secret_seed(const TufSecret *secret); /* 32 bytes, borrowed */
const TufKey *tuf_secret_key(const TufSecret *secret);  /* its public half, borrowed */

/* 128 hexadecimal digits over the canonical form of `content`. The caller frees. */
char *tuf_secret_sign(const TufSecret *secret, const Node *content, GError **error);
