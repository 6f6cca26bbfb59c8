/* SPDX-License-Identifier: Apache-2.0 */
/* Public keys of minisign, and what a signature must be before its trusted comment is believed. */
#include "trust/minisign.h"

#include "base/fault.h"
#include "model/schema.h"
#include "trust/minisign_inner.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>
#include <unistd.h>

#define PUBLIC_CHARACTERS 56  /* base64 of "Ed", id and key */
#define SECRET_CHARACTERS 212 /* of a whole secret key: never repeated in a message */
#define READ_SIZE (128 * 1024)

typedef struct PublicBox {
    guint8 kind[2];
    MinisignPublic key;
} PublicBox;

/* --- shared with minisign_keys.c ---------------------------------------------------------------------------- */

gboolean minisign_decode(const char *text, gsize text_size, guint8 *bytes, gsize size)
{
    if (text_size != (size + 2) / 3 * 4)
        return FALSE;
    char *copy = g_strndup(text, text_size);
    gsize decoded_size = 0;
    guint8 *decoded = g_base64_decode(copy, &decoded_size);
    /* GLib skips what is not base64: only a text that comes out the same again was read in full. */
    char *again = g_base64_encode(decoded, decoded_size);
    gboolean good = decoded_size == size && strcmp(copy, again) == 0;
    if (good)
        memcpy(bytes, decoded, size);
    OPENSSL_cleanse(copy, strlen(copy));
    OPENSSL_cleanse(decoded, decoded_size);
    OPENSSL_cleanse(again, strlen(again));
    g_free(copy);
    g_free(decoded);
    g_free(again);
    return good;
}

gboolean minisign_hash(int fd, guint8 hash[MINISIGN_HASH_SIZE], GError **error)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    g_autofree guint8 *buffer = g_malloc(READ_SIZE);
    gboolean good = context && EVP_DigestInit_ex(context, EVP_blake2b512(), NULL) == 1;
    int failed = 0;
    for (off_t at = 0; good;) {
        ssize_t n = pread(fd, buffer, READ_SIZE, at);
        if (n < 0 && errno == EINTR)
            continue;
        failed = n < 0 ? errno : 0;
        if (n <= 0)
            break;
        good = EVP_DigestUpdate(context, buffer, (size_t)n) == 1;
        at += n;
    }
    good = good && !failed && EVP_DigestFinal_ex(context, hash, NULL) == 1;
    EVP_MD_CTX_free(context);
    if (failed)
        return fault_errno(error, FAULT_SYSTEM, failed, "cannot read");
    return good || fault_set(error, FAULT_SYSTEM, "cannot hash: libcrypto refuses BLAKE2b");
}

gboolean minisign_is_printable(const char *text)
{
    if (!g_utf8_validate(text, -1, NULL))
        return FALSE;
    for (const char *at = text; *at; at = g_utf8_next_char(at))
        if (!g_unichar_isprint(g_utf8_get_char(at)))
            return FALSE;
    return TRUE;
}

/* --- public keys -------------------------------------------------------------------------------------------- */

gboolean minisign_public_parse(const char *text, MinisignPublic *key, GError **error)
{
    PublicBox box;
    if (strlen(text) == SECRET_CHARACTERS)
        return fault_set(error, FAULT_CONFIG, "not a minisign public key but a secret one") ||
               fault_hint(error,
                          "take the second line of the .pub file, and consider the secret key as known to others");
    if (!minisign_decode(text, strlen(text), (guint8 *)&box, sizeof box) || memcmp(box.kind, "Ed", 2) != 0)
        return fault_set(error, FAULT_CONFIG, "not a minisign public key") ||
               fault_hint(error, "it is the second line of the .pub file: %d characters that begin with RW",
                          PUBLIC_CHARACTERS);
    *key = box.key;
    return TRUE;
}

char *minisign_public_format(const MinisignPublic *key)
{
    PublicBox box = {{'E', 'd'}, *key};
    return g_base64_encode((const guint8 *)&box, sizeof box);
}

/* The id is a little-endian number, printed as such. */
static char *key_id_format(const guint8 key_id[8])
{
    guint64 id;
    memcpy(&id, key_id, sizeof id);
    return g_strdup_printf("%016" G_GINT64_MODIFIER "X", GUINT64_FROM_LE(id));
}

char *minisign_key_id(const MinisignPublic *key)
{
    return key_id_format(key->key_id);
}

/* --- signatures --------------------------------------------------------------------------------------------- */

typedef struct Signature {
    MinisignBox box;
    char *comment; /* not to be believed before the global signature holds */
    guint8 global[MINISIGN_SIGNATURE_SIZE];
} Signature;

/* What each of the four lines must be. */
static const struct {
    const char *prefix, *what;
    gsize max;
} lines[4] = {
    {MINISIGN_UNTRUSTED, "must begin with 'untrusted comment: '", MINISIGN_UNTRUSTED_MAX},
    {"", "must be 74 bytes in base64", 100},
    {MINISIGN_TRUSTED, "must begin with 'trusted comment: '", MINISIGN_COMMENT_MAX},
    {"", "must be 64 bytes in base64", 88},
};

/* The same strictness for each line: a second reader must not be able to see another signature in the same bytes. */
static gboolean split_lines(const char *name, const char *text, gsize size, const char *line[4], gsize line_size[4],
                            GError **error)
{
    const char *end = text + size;
    for (guint i = 0; i < 4; i++) {
        const char *newline = memchr(text, '\n', (gsize)(end - text));
        if (!newline)
            return text == end ? fault_set(error, FAULT_VERIFY, "%s: the signature ends after line %u of 4", name, i)
                               : fault_set(error, FAULT_VERIFY, "%s: line %u of the signature has no end", name, i + 1);
        gsize prefix = strlen(lines[i].prefix), length = (gsize)(newline - text);
        if (memchr(text, '\r', length))
            return fault_set(error, FAULT_VERIFY, "%s: line %u of the signature ends in a carriage return", name,
                             i + 1) ||
                   fault_hint(error, "something on the way has rewritten line ends: serve the file as it was made");
        if (length < prefix || memcmp(text, lines[i].prefix, prefix) != 0)
            return fault_set(error, FAULT_VERIFY, "%s: line %u of the signature %s", name, i + 1, lines[i].what);
        if (length - prefix > lines[i].max)
            return fault_set(error, FAULT_VERIFY,
                             "%s: line %u of the signature has more than %" G_GSIZE_FORMAT " bytes", name, i + 1,
                             lines[i].max);
        line[i] = text + prefix;
        line_size[i] = length - prefix;
        text = newline + 1;
    }
    return text == end ||
           fault_set(error, FAULT_VERIFY, "%s: there is more than one signature, or something after it", name);
}

static gboolean signature_parse(const char *name, const char *text, gsize size, Signature *signature, GError **error)
{
    const char *line[4];
    gsize line_size[4];
    if (size == 0)
        return fault_set(error, FAULT_VERIFY, "%s: the signature is empty", name);
    if (!split_lines(name, text, size, line, line_size, error))
        return FALSE;
    if (!minisign_decode(line[1], line_size[1], (guint8 *)&signature->box, sizeof signature->box))
        return fault_set(error, FAULT_VERIFY, "%s: line 2 of the signature %s", name, lines[1].what);
    if (!minisign_decode(line[3], line_size[3], signature->global, sizeof signature->global))
        return fault_set(error, FAULT_VERIFY, "%s: line 4 of the signature %s", name, lines[3].what);
    signature->comment = g_strndup(line[2], line_size[2]);
    if (strlen(signature->comment) != line_size[2] || !minisign_is_printable(signature->comment))
        return fault_set(error, FAULT_VERIFY, "%s: the trusted comment holds characters that cannot be printed", name);
    return TRUE;
}

static gboolean kind_check(const char *name, const MinisignBox *box, const MinisignPublic *key, GError **error)
{
    if (memcmp(box->kind, "Ed", 2) == 0)
        return fault_set(error, FAULT_VERIFY, "%s: the signature is in the old format, which liftlock does not accept",
                         name) ||
               fault_hint(error, "sign again with 'minisign -H' or 'liftlock release'");
    if (memcmp(box->kind, "ED", 2) != 0)
        return fault_set(error, FAULT_VERIFY, "%s: the signature is of an unknown kind", name);
    if (memcmp(box->key_id, key->key_id, sizeof key->key_id) == 0)
        return TRUE;
    g_autofree char *theirs = key_id_format(box->key_id), *ours = minisign_key_id(key);
    return fault_set(error, FAULT_VERIFY, "%s: the signature is of another key (%s, not %s)", name, theirs, ours);
}

/* Ed25519 (RFC 8032). Whatever libcrypto may have against key or signature counts as "does not fit". */
static gboolean ed25519_fits(const MinisignPublic *key, const guint8 *signature, const guint8 *bytes, gsize size)
{
    EVP_PKEY *public = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key->key, sizeof key->key);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    gboolean fits = public && context && EVP_DigestVerifyInit(context, NULL, NULL, NULL, public) == 1 &&
                    EVP_DigestVerify(context, signature, MINISIGN_SIGNATURE_SIZE, bytes, size) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(public);
    return fits;
}

static gboolean signature_check(const MinisignPublic *key, int fd, const char *name, const Signature *signature,
                                GError **error)
{
    guint8 hash[MINISIGN_HASH_SIZE];
    if (!kind_check(name, &signature->box, key, error))
        return FALSE;
    if (!minisign_hash(fd, hash, error))
        return fault_prefix(error, "%s", name);
    if (!ed25519_fits(key, signature->box.signature, hash, sizeof hash))
        return fault_set(error, FAULT_VERIFY, "%s: the signature does not fit the file", name);
    g_autoptr(GByteArray) bound = g_byte_array_new();
    g_byte_array_append(bound, signature->box.signature, sizeof signature->box.signature);
    g_byte_array_append(bound, (const guint8 *)signature->comment, (guint)strlen(signature->comment));
    return ed25519_fits(key, signature->global, bound->data, bound->len) ||
           fault_set(error, FAULT_VERIFY, "%s: the trusted comment is not signed", name);
}

gboolean minisign_verify(const MinisignPublic *key, int fd, const char *name, const char *signature,
                         gsize signature_size, char **comment, GError **error)
{
    Signature parsed = {0};
    gboolean good = signature_parse(name, signature, signature_size, &parsed, error) &&
                    signature_check(key, fd, name, &parsed, error);
    if (good && comment)
        *comment = g_steal_pointer(&parsed.comment);
    g_free(parsed.comment);
    return good;
}

/* --- trusted comments --------------------------------------------------------------------------------------- */

/* "app=bookshelf version=...": how the comment should look, for a message. */
static char *comment_form(const char *const *pairs)
{
    GString *form = g_string_new(NULL);
    for (; pairs[0]; pairs += 2)
        g_string_append_printf(form, "%s%s=%s", form->len ? " " : "", pairs[0], pairs[1] ? pairs[1] : "...");
    return g_string_free(form, FALSE);
}

static gboolean value_is_plain(const char *text, gsize size)
{
    if (size == 0)
        return FALSE;
    for (gsize i = 0; i < size; i++)
        if (!g_ascii_isalnum(text[i]) && !strchr("._+-", text[i]))
            return FALSE;
    return TRUE;
}

/* Takes "key=" off the comment and finds the end of its value: the last value reaches to the end of the comment. */
static gboolean pair_take(const char **at, const char *key, gboolean last, const char **value, gsize *value_size)
{
    gsize key_size = strlen(key);
    if (strncmp(*at, key, key_size) != 0 || (*at)[key_size] != '=')
        return FALSE;
    *value = *at + key_size + 1;
    *value_size = strcspn(*value, " ");
    const char *end = *value + *value_size;
    if (last ? *end != '\0' : *end != ' ')
        return FALSE;
    *at = last ? end : end + 1;
    return TRUE;
}

gboolean minisign_comment_check(const char *comment, const char *name, const char *const *pairs, char **any,
                                GError **error)
{
    const char *at = comment, *found = NULL;
    gsize found_size = 0;
    for (const char *const *pair = pairs; pair[0]; pair += 2) {
        const char *value;
        gsize size;
        if (!pair_take(&at, pair[0], pair[2] == NULL, &value, &size) || (!pair[1] && !value_is_plain(value, size))) {
            g_autofree char *form = comment_form(pairs), *shown = schema_quote(comment);
            return fault_set(error, FAULT_VERIFY, "%s: the trusted comment is %s, not of the form '%s'", name, shown,
                             form);
        }
        if (pair[1] && (strlen(pair[1]) != size || strncmp(pair[1], value, size) != 0)) {
            g_autofree char *theirs = g_strndup(value, size), *shown = schema_quote(theirs);
            return fault_set(error, FAULT_VERIFY, "%s: the signature is for %s %s, not '%s'", name, pair[0], shown,
                             pair[1]);
        }
        if (!pair[1]) {
            found = value;
            found_size = size;
        }
    }
    if (any && found)
        *any = g_strndup(found, found_size);
    return TRUE;
}
