/* SPDX-License-Identifier: Apache-2.0 */
/* Secret keys of minisign, byte for byte as minisign 0.11 writes them, and signing with them. */
#include "base/fault.h"
#include "trust/blake2b.h"
#include "trust/minisign.h"
#include "trust/minisign_inner.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <string.h>
#include <sys/mman.h>

/* crypto_pwhash_scryptsalsa208sha256_*LIMIT_SENSITIVE of libsodium */
#define OPS_SENSITIVE 33554432u
#define MEMORY_SENSITIVE 1073741824u

/* What a passphrase encrypts. */
typedef struct SecretCore {
    guint8 key_id[8];
    guint8 seed[32], public[32];
    guint8 checksum[32]; /* BLAKE2b-256 of kind, id, seed and public; zeros where nothing is encrypted */
} SecretCore;

/* The second line of a secret key file. */
typedef struct SecretBox {
    guint8 kind[2];  /* "Ed" */
    guint8 kdf[2];   /* "Sc", or zeros: not encrypted */
    guint8 check[2]; /* "B2" */
    guint8 salt[32];
    guint8 ops[8], memory[8]; /* little-endian limits, as libsodium takes them */
    SecretCore core;
} SecretBox;
G_STATIC_ASSERT(sizeof(SecretBox) == 158);

struct MinisignSecret {
    SecretBox box; /* core in the clear */
};

static guint64 number_get(const guint8 bytes[8])
{
    guint64 number;
    memcpy(&number, bytes, 8);
    return GUINT64_FROM_LE(number);
}

static void number_put(guint8 bytes[8], guint64 number)
{
    number = GUINT64_TO_LE(number);
    memcpy(bytes, &number, 8);
}

/* Pages that are neither swapped nor dumped, as far as the system lets us. */
static MinisignSecret *secret_new(void)
{
    MinisignSecret *secret = mmap(NULL, sizeof *secret, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    g_assert(secret != MAP_FAILED);
    (void)mlock(secret, sizeof *secret);
    (void)madvise(secret, sizeof *secret, MADV_DONTDUMP);
    return secret;
}

void minisign_secret_free(MinisignSecret *secret)
{
    if (!secret)
        return;
    OPENSSL_cleanse(secret, sizeof *secret);
    munmap(secret, sizeof *secret);
}

void minisign_secret_public(const MinisignSecret *secret, MinisignPublic *key)
{
    memcpy(key->key_id, secret->box.core.key_id, sizeof key->key_id);
    memcpy(key->key, secret->box.core.public, sizeof key->key);
}

/* --- the passphrase ----------------------------------------------------------------------------------------- */

/* libsodium's pickparams: scrypt's N and p from the limits; r is always 8. */
static void scrypt_cost(guint64 ops, guint64 memory, guint64 *n, guint64 *p)
{
    const guint64 r = 8;
    ops = MAX(ops, 32768);
    gboolean few_ops = ops < memory / 32;
    guint64 n_max = few_ops ? ops / (r * 4) : memory / (r * 128);
    for (*n = 2; *n <= n_max / 2; *n *= 2)
        ;
    *p = few_ops ? 1 : MIN(ops / 4 / *n, 0x3fffffff) / r;
}

/* Turns the core from clear to encrypted or back. */
static gboolean core_crypt(SecretBox *box, const char *passphrase, GError **error)
{
    guint64 n, p, r = 8, memory_max = 3 * (guint64)MEMORY_SENSITIVE, ops = number_get(box->ops),
                  memory = number_get(box->memory);
    if (ops > 4 * (guint64)OPS_SENSITIVE || memory > 2 * (guint64)MEMORY_SENSITIVE)
        return fault_set(error, FAULT_CONFIG, "the secret key asks for more memory or work than a passphrase needs");
    scrypt_cost(ops, memory, &n, &p);
    OSSL_PARAM params[] = {
        OSSL_PARAM_octet_string(OSSL_KDF_PARAM_PASSWORD, (void *)passphrase, strlen(passphrase)),
        OSSL_PARAM_octet_string(OSSL_KDF_PARAM_SALT, box->salt, sizeof box->salt),
        OSSL_PARAM_uint64(OSSL_KDF_PARAM_SCRYPT_N, &n),
        OSSL_PARAM_uint64(OSSL_KDF_PARAM_SCRYPT_R, &r),
        OSSL_PARAM_uint64(OSSL_KDF_PARAM_SCRYPT_P, &p),
        OSSL_PARAM_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM, &memory_max),
        OSSL_PARAM_END,
    };
    guint8 stream[sizeof(SecretCore)];
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "SCRYPT", NULL);
    EVP_KDF_CTX *context = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    gboolean good = context && EVP_KDF_derive(context, stream, sizeof stream, params) == 1;
    for (gsize i = 0; good && i < sizeof stream; i++)
        ((guint8 *)&box->core)[i] ^= stream[i];
    OPENSSL_cleanse(stream, sizeof stream);
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
    return good || fault_set(error, FAULT_SYSTEM,
                             "cannot derive a key from the passphrase: it takes %" G_GUINT64_FORMAT " MiB of memory",
                             n * p * r * 128 >> 20);
}

static void core_checksum(const SecretBox *box, guint8 checksum[32])
{
    guint8 bytes[2 + 8 + 64];
    memcpy(bytes, box->kind, 2);
    memcpy(bytes + 2, &box->core, 8 + 64);
    blake2b(bytes, sizeof bytes, checksum, 32);
    OPENSSL_cleanse(bytes, sizeof bytes);
}

/* --- ed25519 ------------------------------------------------------------------------------------------------ */

static gboolean public_of_seed(const guint8 seed[32], guint8 public[32])
{
    gsize size = 32;
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
    gboolean good = key && EVP_PKEY_get_raw_public_key(key, public, &size) == 1 && size == 32;
    EVP_PKEY_free(key);
    return good;
}

static gboolean ed25519_sign(const MinisignSecret *secret, const guint8 *bytes, gsize size,
                             guint8 signature[MINISIGN_SIGNATURE_SIZE])
{
    gsize signature_size = MINISIGN_SIGNATURE_SIZE;
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret->box.core.seed, 32);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    gboolean good = key && context && EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1 &&
                    EVP_DigestSign(context, signature, &signature_size, bytes, size) == 1 &&
                    signature_size == MINISIGN_SIGNATURE_SIZE;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    return good;
}

/* --- files -------------------------------------------------------------------------------------------------- */

static gboolean box_fill(SecretBox *box, GError **error)
{
    memcpy(box->kind, "Ed", 2);
    memcpy(box->check, "B2", 2);
    if (RAND_bytes(box->core.key_id, sizeof box->core.key_id) != 1 ||
        RAND_priv_bytes(box->core.seed, sizeof box->core.seed) != 1 ||
        !public_of_seed(box->core.seed, box->core.public))
        return fault_set(error, FAULT_SYSTEM, "cannot make a key: libcrypto has no random numbers");
    return TRUE;
}

static gboolean box_encrypt(SecretBox *box, const char *passphrase, GError **error)
{
    memcpy(box->kdf, "Sc", 2);
    number_put(box->ops, OPS_SENSITIVE);
    number_put(box->memory, MEMORY_SENSITIVE);
    if (RAND_bytes(box->salt, sizeof box->salt) != 1)
        return fault_set(error, FAULT_SYSTEM, "cannot make a key: libcrypto has no random numbers");
    core_checksum(box, box->core.checksum);
    return core_crypt(box, passphrase, error);
}

gboolean minisign_generate(const char *passphrase, char **secret_text, char **public_text, GError **error)
{
    gboolean encrypt = passphrase && *passphrase;
    g_autoptr(MinisignSecret) secret = secret_new();
    MinisignPublic key;
    if (!box_fill(&secret->box, error))
        return FALSE;
    minisign_secret_public(secret, &key);
    if (encrypt && !box_encrypt(&secret->box, passphrase, error))
        return FALSE;
    char *base64 = g_base64_encode((const guint8 *)&secret->box, sizeof secret->box);
    *secret_text = g_strdup_printf(MINISIGN_UNTRUSTED "minisign %s secret key\n%s\n",
                                   encrypt ? "encrypted" : "unencrypted", base64);
    OPENSSL_cleanse(base64, strlen(base64));
    g_free(base64);
    g_autofree char *id = minisign_key_id(&key), *public = minisign_public_format(&key);
    *public_text = g_strdup_printf(MINISIGN_UNTRUSTED "minisign public key %s\n%s\n", id, public);
    return TRUE;
}

static gboolean box_parse(const char *text, SecretBox *box)
{
    const char *line = strchr(text, '\n');
    if (!g_str_has_prefix(text, MINISIGN_UNTRUSTED) || !line)
        return FALSE;
    line++;
    gsize size = strcspn(line, "\r\n");
    return line[size + strspn(line + size, "\r\n")] == '\0' &&
           minisign_decode(line, size, (guint8 *)box, sizeof *box) && memcmp(box->kind, "Ed", 2) == 0 &&
           memcmp(box->check, "B2", 2) == 0;
}

static gboolean box_decrypt(SecretBox *box, const char *passphrase, GError **error)
{
    guint8 checksum[32];
    if (!passphrase || !*passphrase)
        return fault_set(error, FAULT_USAGE, "the secret key is encrypted: its passphrase is needed");
    if (!core_crypt(box, passphrase, error))
        return FALSE;
    core_checksum(box, checksum);
    return CRYPTO_memcmp(checksum, box->core.checksum, sizeof checksum) == 0 ||
           fault_set(error, FAULT_USAGE, "the passphrase is wrong");
}

MinisignSecret *minisign_secret_parse(const char *text, const char *passphrase, gboolean *encrypted, GError **error)
{
    static const guint8 none[32] = {0};
    g_autoptr(MinisignSecret) secret = secret_new();
    SecretBox *box = &secret->box;
    guint8 public[32];
    if (!box_parse(text, box) || (memcmp(box->kdf, "Sc", 2) != 0 && memcmp(box->kdf, none, 2) != 0)) {
        fault_set(error, FAULT_CONFIG, "not a minisign secret key");
        fault_hint(error, "make one with 'liftlock keys generate'");
        return NULL;
    }
    gboolean is_encrypted = box->kdf[0] != 0;
    if (encrypted)
        *encrypted = is_encrypted;
    if (is_encrypted && !box_decrypt(box, passphrase, error))
        return NULL;
    /* Signing with a public half that is not the seed's would give the seed away. */
    if (!public_of_seed(box->core.seed, public) || memcmp(public, box->core.public, sizeof public) != 0) {
        fault_set(error, FAULT_CONFIG, "the secret key is damaged: its halves do not belong together");
        return NULL;
    }
    return g_steal_pointer(&secret);
}

/* --- signing ------------------------------------------------------------------------------------------------ */

static gboolean comment_is_good(const char *comment, gsize max, const char *which, GError **error)
{
    if (strlen(comment) > max)
        return fault_set(error, FAULT_USAGE, "the %s comment has more than %" G_GSIZE_FORMAT " bytes", which, max);
    return minisign_is_printable(comment) ||
           fault_set(error, FAULT_USAGE, "the %s comment holds characters that cannot be printed", which);
}

char *minisign_sign(const MinisignSecret *secret, int fd, const char *trusted_comment, const char *untrusted_comment,
                    GError **error)
{
    const char *untrusted = untrusted_comment ? untrusted_comment : "signature from minisign secret key";
    guint8 hash[MINISIGN_HASH_SIZE], global[MINISIGN_SIGNATURE_SIZE];
    MinisignBox box = {.kind = {'E', 'D'}};
    if (!comment_is_good(trusted_comment, MINISIGN_COMMENT_MAX, "trusted", error) ||
        !comment_is_good(untrusted, MINISIGN_UNTRUSTED_MAX, "untrusted", error) || !minisign_hash(fd, hash, error))
        return NULL;
    memcpy(box.key_id, secret->box.core.key_id, sizeof box.key_id);
    g_autoptr(GByteArray) bound = g_byte_array_new();
    gboolean good = ed25519_sign(secret, hash, sizeof hash, box.signature);
    g_byte_array_append(bound, box.signature, sizeof box.signature);
    g_byte_array_append(bound, (const guint8 *)trusted_comment, (guint)strlen(trusted_comment));
    if (!good || !ed25519_sign(secret, bound->data, bound->len, global)) {
        fault_set(error, FAULT_SYSTEM, "cannot sign: libcrypto refuses the key");
        return NULL;
    }
    g_autofree char *box_text = g_base64_encode((const guint8 *)&box, sizeof box),
                    *global_text = g_base64_encode(global, sizeof global);
    return g_strdup_printf(MINISIGN_UNTRUSTED "%s\n%s\n" MINISIGN_TRUSTED "%s\n%s\n", untrusted, box_text,
                           trusted_comment, global_text);
}
