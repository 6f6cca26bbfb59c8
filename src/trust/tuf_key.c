/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and signatures of TUF metadata, by OpenSSL. */
#include "trust/tuf_key.h"

#include "base/canonical.h"
#include "base/digest.h"
#include "base/fault.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <string.h>
#include <sys/mman.h>

enum {
    ED25519_BYTES = 32,
    ED25519_SIG_BYTES = 64,
    PEM_MAX_BYTES = 8192,
    RSA_MIN_BITS = 2048,
    RSA_MAX_BITS = 8192,
    SIG_MAX_BYTES = RSA_MAX_BITS / 8
};

/* --- reading keys ------------------------------------------------------------------------------------------- */

/* Exactly `size` bytes of hexadecimal text in lower or upper case, or (size 0) any number up to `room`, which *found
 * gets. */
static gboolean unhex(const char *text, guint8 *bytes, gsize size, gsize room, gsize *found)
{
    gsize length = strlen(text);
    if (length % 2 || length == 0 || length / 2 > room || (size && length / 2 != size))
        return FALSE;
    for (gsize i = 0; i < length / 2; i++) {
        int high = g_ascii_xdigit_value(text[2 * i]), low = g_ascii_xdigit_value(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return FALSE;
        bytes[i] = (guint8)(high * 16 + low);
    }
    if (found)
        *found = length / 2;
    return TRUE;
}

static EVP_PKEY *read_ed25519(const char *public)
{
    guint8 bytes[ED25519_BYTES];
    return unhex(public, bytes, sizeof bytes, sizeof bytes, NULL)
               ? EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, bytes, sizeof bytes)
               : NULL;
}

/* No passphrase is ever asked for on a terminal. */
static int no_passphrase(char *buffer, int size, int writing, void *data)
{
    return -1;
}

static EVP_PKEY *read_pem(const char *public)
{
    gsize size = strlen(public);
    BIO *bio = size <= PEM_MAX_BYTES ? BIO_new_mem_buf(public, (int)size) : NULL;
    EVP_PKEY *key = bio ? PEM_read_bio_PUBKEY(bio, NULL, no_passphrase, NULL) : NULL;
    BIO_free(bio);
    return key;
}

static EVP_PKEY *read_ecdsa(const char *public)
{
    EVP_PKEY *key = read_pem(public);
    char curve[32] = "";
    gboolean good = key && EVP_PKEY_is_a(key, "EC") &&
                    EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, curve, sizeof curve, NULL) == 1 &&
                    g_str_equal(curve, "prime256v1");
    if (good)
        return key;
    EVP_PKEY_free(key);
    return NULL;
}

static EVP_PKEY *read_rsa(const char *public)
{
    EVP_PKEY *key = read_pem(public);
    if (key && EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) >= RSA_MIN_BITS &&
        EVP_PKEY_get_bits(key) <= RSA_MAX_BITS)
        return key;
    EVP_PKEY_free(key);
    return NULL;
}

/* --- the schemes -------------------------------------------------------------------------------------------- */

static gboolean set_pss(EVP_PKEY_CTX *context)
{
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(context, EVP_sha256()) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_AUTO) == 1;
}

static const struct {
    const char *keytype, *scheme;
    EVP_PKEY *(*read)(const char *public);
    gsize sig_bytes;  /* 0: any */
    gboolean prehash; /* SHA-256 */
    gboolean (*set)(EVP_PKEY_CTX *context);
} schemes[] = {
    {"ed25519", "ed25519", read_ed25519, ED25519_SIG_BYTES, FALSE, NULL},
    {"ecdsa", "ecdsa-sha2-nistp256", read_ecdsa, 0, TRUE, NULL},
    {"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", read_ecdsa, 0, TRUE, NULL}, /* what it was called before 1.0.20 */
    {"rsa", "rsassa-pss-sha256", read_rsa, 0, TRUE, set_pss},
};

void tuf_key_free(TufKey *key)
{
    if (!key)
        return;
    EVP_PKEY_free(key->inner);
    node_free(key->node);
    g_free(key->id);
    g_free(key);
}

char *tuf_key_id(const Node *node)
{
    gsize size = 0;
    g_autofree char *bytes = canonical_write(node, &size);
    return digest_bytes(bytes, size);
}

static const char *string_of(const Node *map, const char *key)
{
    const Node *node = node_get(map, key);
    return node && node->kind == NODE_SCALAR && node->type == SCALAR_STRING ? node->text : NULL;
}

TufKey *tuf_key_read(const char *id, const Node *node, const char *name, GError **error)
{
    const char *keytype = string_of(node, "keytype"), *scheme = string_of(node, "scheme"),
               *public = string_of(node_get(node, "keyval"), "public");
    if (!keytype || !scheme || !public) {
        fault_set(error, FAULT_VERIFY, "%s: a key without 'keytype', 'scheme' or 'keyval.public'", name);
        return NULL;
    }
    g_autoptr(TufKey) key = g_new0(TufKey, 1);
    key->id = g_strdup(id);
    key->node = node_copy(node);
    g_autofree char *true_id = tuf_key_id(node);
    for (gsize i = 0; g_str_equal(true_id, id) && i < G_N_ELEMENTS(schemes); i++) {
        if (g_str_equal(keytype, schemes[i].keytype) && g_str_equal(scheme, schemes[i].scheme)) {
            key->scheme = (int)i;
            key->inner = schemes[i].read(public);
        }
    }
    return g_steal_pointer(&key);
}

gboolean tuf_key_verify(const TufKey *key, const void *bytes, gsize size, const char *sig)
{
    guint8 raw[SIG_MAX_BYTES];
    gsize raw_size = 0;
    if (!key->inner || !unhex(sig, raw, schemes[key->scheme].sig_bytes, sizeof raw, &raw_size))
        return FALSE;
    EVP_PKEY_CTX *settings = NULL;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    gboolean good = context &&
                    EVP_DigestVerifyInit(context, &settings, schemes[key->scheme].prehash ? EVP_sha256() : NULL, NULL,
                                         key->inner) == 1 &&
                    (!schemes[key->scheme].set || schemes[key->scheme].set(settings)) &&
                    EVP_DigestVerify(context, raw, raw_size, bytes, size) == 1; /* negative is an error, not a yes */
    EVP_MD_CTX_free(context);
    return good;
}

/* --- signing ------------------------------------------------------------------------------------------------ */

struct TufSecret {
    guint8 seed[TUF_SEED_BYTES];
    TufKey *key;
};

void tuf_secret_free(TufSecret *secret)
{
    if (!secret)
        return;
    tuf_key_free(secret->key);
    OPENSSL_cleanse(secret, sizeof *secret);
    munmap(secret, sizeof *secret);
}

static TufKey *key_of_public(const guint8 public[ED25519_BYTES])
{
    char text[2 * ED25519_BYTES + 1];
    for (gsize i = 0; i < ED25519_BYTES; i++)
        g_snprintf(text + 2 * i, 3, "%02x", public[i]);
    g_autoptr(Node) node = node_new_map();
    Node *value = node_new_map();
    node_set_text(node, "keytype", "ed25519");
    node_set_text(value, "public", text);
    node_set(node, "keyval", value);
    node_set_text(node, "scheme", "ed25519");
    g_autofree char *id = tuf_key_id(node);
    return tuf_key_read(id, node, "key", NULL);
}

TufSecret *tuf_secret_new(const guint8 *seed, GError **error)
{
    /* Pages that are neither swapped nor dumped, as far as the system lets us. */
    TufSecret *memory = mmap(NULL, sizeof *memory, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    g_assert(memory != MAP_FAILED);
    (void)mlock(memory, sizeof *memory);
    (void)madvise(memory, sizeof *memory, MADV_DONTDUMP);
    g_autoptr(TufSecret) secret = memory;
    guint8 public[ED25519_BYTES];
    gsize size = sizeof public;
    if (seed)
        memcpy(secret->seed, seed, TUF_SEED_BYTES);
    gboolean good = seed || RAND_priv_bytes(secret->seed, TUF_SEED_BYTES) == 1;
    EVP_PKEY *pair = good ? EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret->seed, TUF_SEED_BYTES) : NULL;
    good = pair && EVP_PKEY_get_raw_public_key(pair, public, &size) == 1 && size == sizeof public;
    EVP_PKEY_free(pair);
    if (!good) {
        fault_set(error, FAULT_SYSTEM, "cannot make a key: libcrypto has no random numbers");
        return NULL;
    }
    secret->key = key_of_public(public);
    return g_steal_pointer(&secret);
}

const guint8 *tuf_secret_seed(const TufSecret *secret)
{
    return secret->seed;
}

const TufKey *tuf_secret_key(const TufSecret *secret)
{
    return secret->key;
}

char *tuf_secret_sign(const TufSecret *secret, const Node *content, GError **error)
{
    gsize size = 0, sig_size = ED25519_SIG_BYTES;
    g_autofree char *bytes = canonical_write(content, &size);
    guint8 sig[ED25519_SIG_BYTES];
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret->seed, TUF_SEED_BYTES);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    gboolean good = key && context && EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1 &&
                    EVP_DigestSign(context, sig, &sig_size, (const guint8 *)bytes, size) == 1 &&
                    sig_size == ED25519_SIG_BYTES;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    if (!good) {
        fault_set(error, FAULT_SYSTEM, "cannot sign: libcrypto refuses the key");
        return NULL;
    }
    char *text = g_malloc(2 * ED25519_SIG_BYTES + 1);
    for (gsize i = 0; i < ED25519_SIG_BYTES; i++)
        g_snprintf(text + 2 * i, 3, "%02x", sig[i]);
    return text;
}
