/* SPDX-License-Identifier: Apache-2.0 */
/* Key files of a repository's roles. */
#include "trust/key_file.h"

#include "base/canonical.h"
#include "base/fault.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <string.h>

#define FORMAT "liftlock-key-1"
#define KDF "scrypt"
#define CIPHER "chacha20-poly1305"

/* What is written: 128 MiB and some tenths of a second. What is read: at most 512 MiB and some seconds. */
enum { COST_N = 1 << 17, COST_R = 8, COST_P = 1, MAX_N = 1 << 20, MAX_R = 32, MAX_P = 16, KEY_BYTES = 32 };
#define MAX_MEMORY ((guint64)512 * 1024 * 1024)
#define MAX_WORK ((guint64)1 << 24) /* n * r * p */

/* --- reading ------------------------------------------------------------------------------------------------ */

static gboolean wrong(const char *name, const char *what, GError **error)
{
    fault_set(error, FAULT_CONFIG, "%s is no key file: %s", name, what);
    return fault_hint(error, "'liftlock repo key NAME' makes one");
}

static const char *text_of(const Node *map, const char *key)
{
    const Node *node = node_get(map, key);
    return node && node->kind == NODE_SCALAR && node->type == SCALAR_STRING ? node->text : NULL;
}

static gboolean bytes_of(const Node *map, const char *key, guint8 *bytes, gsize size)
{
    const char *text = text_of(map, key);
    if (!text || strlen(text) != 2 * size)
        return FALSE;
    for (gsize i = 0; i < size; i++) {
        int high = g_ascii_xdigit_value(text[2 * i]), low = g_ascii_xdigit_value(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return FALSE;
        bytes[i] = (guint8)(high * 16 + low);
    }
    return TRUE;
}

static gboolean number_of(const Node *map, const char *key, guint64 max, guint64 *number)
{
    const Node *node = node_get(map, key);
    gint64 value = 0;
    gboolean good = node && node->kind == NODE_SCALAR && node->type == SCALAR_INTEGER && node_as_int(node, &value) &&
                    value > 0 && (guint64)value <= max;
    *number = good ? (guint64)value : 0;
    return good;
}

/* A word that is not ours may change what the rest means. */
static const char *unknown_field(const Node *map, const char *const *known)
{
    for (guint i = 0; i < map->items->len; i++) {
        const Entry *entry = g_ptr_array_index(map->items, i);
        if (!g_strv_contains(known, entry->key))
            return entry->key;
    }
    return NULL;
}

static gboolean check_fields(const Node *map, const char *const *known, const char *name, GError **error)
{
    if (!map || map->kind != NODE_MAP)
        return wrong(name, "a field is missing or of the wrong kind", error);
    const char *unknown = unknown_field(map, known);
    if (!unknown)
        return TRUE;
    g_autofree char *escaped = g_strescape(unknown, NULL), *what = g_strdup_printf("unknown field '%s'", escaped);
    return wrong(name, what, error);
}

static TufKey *public_half(const Node *document, const char *name, GError **error)
{
    static const char *const known[] = {"public", NULL};
    guint8 public[KEY_BYTES];
    const Node *value = node_get(document, "keyval");
    if (!check_fields(value, known, name, error))
        return NULL;
    if (g_strcmp0(text_of(document, "keytype"), "ed25519") != 0 ||
        g_strcmp0(text_of(document, "scheme"), "ed25519") != 0 || !bytes_of(value, "public", public, sizeof public)) {
        wrong(name, "its public half is not of the kind ed25519", error);
        return NULL;
    }
    g_autofree char *lower = g_ascii_strdown(text_of(value, "public"), -1);
    g_autoptr(Node) node = node_new_map();
    Node *keyval = node_new_map();
    node_set_text(keyval, "public", lower);
    node_set_text(node, "keytype", "ed25519");
    node_set(node, "keyval", keyval);
    node_set_text(node, "scheme", "ed25519");
    g_autofree char *id = tuf_key_id(node);
    g_autoptr(TufKey) key = tuf_key_read(id, node, name, error);
    if (key && !key->inner) {
        wrong(name, "its public half is not of the kind ed25519", error);
        return NULL;
    }
    return g_steal_pointer(&key);
}

static gboolean read_cost(KeyFile *file, const Node *kdf, const char *name, GError **error)
{
    static const char *const known[] = {"name", "n", "p", "r", "salt", NULL};
    if (!check_fields(kdf, known, name, error))
        return FALSE;
    if (g_strcmp0(text_of(kdf, "name"), KDF) != 0 || !bytes_of(kdf, "salt", file->salt, sizeof file->salt))
        return wrong(name, "its 'kdf' is not " KDF " with 32 bytes of salt", error);
    if (!number_of(kdf, "n", MAX_N, &file->n) || !number_of(kdf, "r", MAX_R, &file->r) ||
        !number_of(kdf, "p", MAX_P, &file->p) || file->n < 2 || file->n & (file->n - 1) ||
        128 * file->n * file->r > MAX_MEMORY || file->n * file->r * file->p > MAX_WORK)
        return wrong(name, "its 'kdf' asks for more memory or work than a passphrase needs", error);
    return TRUE;
}

static gboolean read_secret(KeyFile *file, const Node *document, const char *name, GError **error)
{
    static const char *const known[] = {"name", "nonce", NULL};
    const Node *kdf = node_get(document, "kdf"), *cipher = node_get(document, "cipher");
    file->encrypted = kdf || cipher;
    if (file->encrypted) {
        if (!read_cost(file, kdf, name, error) || !check_fields(cipher, known, name, error))
            return FALSE;
        if (g_strcmp0(text_of(cipher, "name"), CIPHER) != 0 ||
            !bytes_of(cipher, "nonce", file->nonce, sizeof file->nonce))
            return wrong(name, "its 'cipher' is not " CIPHER " with 12 bytes of nonce", error);
    }
    return bytes_of(document, "secret", file->box, file->encrypted ? sizeof file->box : TUF_SEED_BYTES) ||
           wrong(name, "its 'secret' is missing or of the wrong length", error);
}

/* What the tag vouches for, beside the seed: nobody can exchange the public half or the cost. */
static void bind_fields(KeyFile *file, const Node *document)
{
    g_autoptr(Node) rest = node_new_map();
    for (guint i = 0; i < document->items->len; i++) {
        const Entry *entry = g_ptr_array_index(document->items, i);
        if (g_str_equal(entry->key, "secret"))
            continue;
        gsize size = 0;
        g_autofree char *bytes = canonical_write(entry->value, &size);
        node_set(rest, entry->key, canonical_read_exact(bytes, size, "key", FAULT_CONFIG, NULL));
    }
    file->bound = canonical_write(rest, &file->bound_size);
}

/* The reader's own faults quote what they have found: a passphrase that was taken for a key would be told. */
static Node *read_json(const char *bytes, gsize size, const char *name, GError **error)
{
    Node *document = canonical_read(bytes, size, name, FAULT_CONFIG, NULL);
    if (!document)
        wrong(name, "it is not JSON", error);
    return document;
}

static void wipe_secret(const Node *document)
{
    const Node *secret = document ? node_get(document, "secret") : NULL;
    if (secret && secret->text)
        OPENSSL_cleanse(secret->text, strlen(secret->text));
}

KeyFile *key_file_read(const char *bytes, gsize size, const char *name, GError **error)
{
    static const char *const known[] = {"cipher", "format", "kdf", "keytype", "keyval", "scheme", "secret", NULL};
    if (size > KEY_FILE_MAX_BYTES) {
        wrong(name, "it is too long", error);
        return NULL;
    }
    g_autoptr(Node) document = read_json(bytes, size, name, error);
    g_autoptr(KeyFile) file = g_new0(KeyFile, 1);
    gboolean good =
        document && check_fields(document, known, name, error) &&
        (g_strcmp0(text_of(document, "format"), FORMAT) == 0 || wrong(name, "its 'format' is not " FORMAT, error)) &&
        (file->key = public_half(document, name, error)) && read_secret(file, document, name, error);
    if (good)
        bind_fields(file, document);
    wipe_secret(document);
    return good ? g_steal_pointer(&file) : NULL;
}

void key_file_free(KeyFile *file)
{
    if (!file)
        return;
    tuf_key_free(file->key);
    g_free(file->bound);
    OPENSSL_cleanse(file, sizeof *file);
    g_free(file);
}

/* --- the passphrase ----------------------------------------------------------------------------------------- */

static gboolean derive(const KeyFile *file, const char *passphrase, guint8 key[KEY_BYTES], GError **error)
{
    guint64 n = file->n, r = file->r, p = file->p, memory = 2 * MAX_MEMORY;
    OSSL_PARAM params[] = {
        OSSL_PARAM_octet_string(OSSL_KDF_PARAM_PASSWORD, (void *)passphrase, strlen(passphrase)),
        OSSL_PARAM_octet_string(OSSL_KDF_PARAM_SALT, (void *)file->salt, sizeof file->salt),
        OSSL_PARAM_uint64(OSSL_KDF_PARAM_SCRYPT_N, &n),
        OSSL_PARAM_uint64(OSSL_KDF_PARAM_SCRYPT_R, &r),
        OSSL_PARAM_uint64(OSSL_KDF_PARAM_SCRYPT_P, &p),
        OSSL_PARAM_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM, &memory),
        OSSL_PARAM_END,
    };
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "SCRYPT", NULL);
    EVP_KDF_CTX *context = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    gboolean good = context && EVP_KDF_derive(context, key, KEY_BYTES, params) == 1;
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
    return good || fault_set(error, FAULT_SYSTEM,
                             "cannot derive a key from the passphrase: it takes %" G_GUINT64_FORMAT " MiB of memory",
                             (n * r * 128) >> 20);
}

/* Seals the seed into box, or (open) the other way; FALSE where the tag does not fit. */
static gboolean seal(KeyFile *file, const guint8 key[KEY_BYTES], guint8 seed[TUF_SEED_BYTES], gboolean open)
{
    int size = 0;
    guint8 *tag = file->box + TUF_SEED_BYTES;
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    gboolean good =
        context && EVP_CipherInit_ex(context, EVP_chacha20_poly1305(), NULL, key, file->nonce, !open) == 1 &&
        (!open || EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, KEY_FILE_TAG_BYTES, tag) == 1) &&
        EVP_CipherUpdate(context, NULL, &size, (const guint8 *)file->bound, (int)file->bound_size) == 1 &&
        EVP_CipherUpdate(context, open ? seed : file->box, &size, open ? file->box : seed, TUF_SEED_BYTES) == 1 &&
        EVP_CipherFinal_ex(context, tag, &size) == 1 &&
        (open || EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, KEY_FILE_TAG_BYTES, tag) == 1);
    EVP_CIPHER_CTX_free(context);
    return good;
}

static gboolean unseal(const KeyFile *file, const char *passphrase, guint8 seed[TUF_SEED_BYTES], GError **error)
{
    guint8 key[KEY_BYTES];
    KeyFile copy = *file;
    if (!file->encrypted) {
        memcpy(seed, file->box, TUF_SEED_BYTES);
        return TRUE;
    }
    if (!passphrase || !*passphrase)
        return fault_set(error, FAULT_USAGE, "the key is encrypted: its passphrase is needed");
    gboolean derived = derive(file, passphrase, key, error);
    gboolean good = derived && seal(&copy, key, seed, TRUE);
    OPENSSL_cleanse(key, sizeof key);
    return good || (derived && fault_set(error, FAULT_USAGE, "the passphrase is wrong"));
}

TufSecret *key_file_open(const KeyFile *file, const char *passphrase, GError **error)
{
    guint8 seed[TUF_SEED_BYTES];
    gboolean open = unseal(file, passphrase, seed, error);
    g_autoptr(TufSecret) secret = open ? tuf_secret_new(seed, error) : NULL;
    OPENSSL_cleanse(seed, sizeof seed);
    if (!secret)
        return NULL;
    /* Signing in the name of a public half that is not the seed's would be no signature. */
    if (!g_str_equal(tuf_secret_key(secret)->id, file->key->id)) {
        fault_set(error, FAULT_CONFIG, "the key is damaged: its halves do not belong together");
        return NULL;
    }
    return g_steal_pointer(&secret);
}

/* --- writing ------------------------------------------------------------------------------------------------ */

static void set_bytes(Node *map, const char *key, const guint8 *bytes, gsize size)
{
    char *text = g_malloc(2 * size + 1);
    for (gsize i = 0; i < size; i++)
        g_snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    node_set_text(map, key, text);
    OPENSSL_cleanse(text, 2 * size);
    g_free(text);
}

static void set_public(Node *map, const TufKey *key)
{
    static const char *const fields[] = {"keytype", "scheme"};
    for (guint i = 0; i < G_N_ELEMENTS(fields); i++)
        node_set_text(map, fields[i], node_get_text(key->node, fields[i], ""));
    Node *value = node_new_map();
    node_set_text(value, "public", node_get_text(node_get(key->node, "keyval"), "public", ""));
    node_set(map, "keyval", value);
}

static void set_cost(Node *document, const KeyFile *file)
{
    Node *kdf = node_new_map(), *cipher = node_new_map();
    node_set_text(kdf, "name", KDF);
    node_set_int(kdf, "n", (gint64)file->n);
    node_set_int(kdf, "r", (gint64)file->r);
    node_set_int(kdf, "p", (gint64)file->p);
    set_bytes(kdf, "salt", file->salt, sizeof file->salt);
    node_set_text(cipher, "name", CIPHER);
    set_bytes(cipher, "nonce", file->nonce, sizeof file->nonce);
    node_set(document, "kdf", kdf);
    node_set(document, "cipher", cipher);
}

static gboolean encrypt(KeyFile *file, Node *document, const TufSecret *secret, const char *passphrase, GError **error)
{
    guint8 key[KEY_BYTES], seed[TUF_SEED_BYTES];
    file->n = COST_N;
    file->r = COST_R;
    file->p = COST_P;
    if (RAND_bytes(file->salt, sizeof file->salt) != 1 || RAND_bytes(file->nonce, sizeof file->nonce) != 1)
        return fault_set(error, FAULT_SYSTEM, "cannot make a key: libcrypto has no random numbers");
    set_cost(document, file);
    bind_fields(file, document);
    memcpy(seed, tuf_secret_seed(secret), sizeof seed);
    gboolean good = derive(file, passphrase, key, error) &&
                    (seal(file, key, seed, FALSE) ||
                     fault_set(error, FAULT_SYSTEM, "cannot encrypt a key: libcrypto refuses " CIPHER));
    OPENSSL_cleanse(key, sizeof key);
    OPENSSL_cleanse(seed, sizeof seed);
    return good;
}

static char *line_of(const Node *document)
{
    char *json = node_to_json(document, 2), *text = g_strconcat(json, "\n", NULL);
    OPENSSL_cleanse(json, strlen(json));
    g_free(json);
    return text;
}

char *key_file_write(const TufSecret *secret, const char *passphrase, GError **error)
{
    gboolean encrypted = passphrase && *passphrase;
    g_autoptr(KeyFile) file = g_new0(KeyFile, 1);
    g_autoptr(Node) document = node_new_map();
    node_set_text(document, "format", FORMAT);
    set_public(document, tuf_secret_key(secret));
    if (encrypted && !encrypt(file, document, secret, passphrase, error))
        return NULL;
    if (encrypted)
        set_bytes(document, "secret", file->box, sizeof file->box);
    else
        set_bytes(document, "secret", tuf_secret_seed(secret), TUF_SEED_BYTES);
    char *text = line_of(document);
    wipe_secret(document);
    return text;
}

char *key_public_write(const TufKey *key)
{
    g_autoptr(Node) document = node_new_map();
    set_public(document, key);
    return line_of(document);
}

TufKey *key_public_read(const char *bytes, gsize size, const char *name, GError **error)
{
    static const char *const known[] = {"keytype", "keyval", "scheme", NULL};
    g_autoptr(GError) local = NULL;
    g_autoptr(KeyFile) file = key_file_read(bytes, size, name, &local);
    if (file)
        return g_steal_pointer(&file->key);
    if (size > KEY_FILE_MAX_BYTES) {
        g_propagate_error(error, g_steal_pointer(&local));
        return NULL;
    }
    g_autoptr(Node) document = read_json(bytes, size, name, error);
    gboolean secret = document && node_get(document, "format");
    if (secret) /* it says what it is: then that is what it must be */
        g_propagate_error(error, g_steal_pointer(&local));
    return !document || secret || !check_fields(document, known, name, error) ? NULL
                                                                              : public_half(document, name, error);
}
