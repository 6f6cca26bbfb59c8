/* SPDX-License-Identifier: Apache-2.0 */
/* Key files: one that another implementation made (python3-cryptography), and every way in which one may be wrong. */
#include "base/fault.h"
#include "trust/key_file.h"

#include <string.h>

#define PASSPHRASE "open sesame"
#define ID "63d00ee3cf4f5c61ad94efa696c68f13b608fe56ecea13fb144a6fd18e9235b9"
#define PUBLIC "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"
#define SEED "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define SALT "6465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f80818283"
#define HEAD                                                                                                           \
    "{\"format\": \"liftlock-key-1\", \"keytype\": \"ed25519\", \"scheme\": \"ed25519\", \"keyval\": {\"public\": "    \
    "\"" PUBLIC "\"}, "
#define KDF "\"kdf\": {\"name\": \"scrypt\", \"n\": 1024, \"r\": 8, \"p\": 1, \"salt\": \"" SALT "\"}, "
#define CIPHER "\"cipher\": {\"name\": \"chacha20-poly1305\", \"nonce\": \"c8c9cacbcccdcecfd0d1d2d3\"}, "
#define BOX                                                                                                            \
    "\"secret\": \"0b853b8cdcd3547e4b0132d2f2dd5efe2367af925da14556410ba1c214f4f8a2"                                   \
    "86c65c2c16cc461b96948c22c6c0caea\"}"
static const char encrypted[] = HEAD KDF CIPHER BOX;
static const char plain[] = HEAD "\"secret\": \"" SEED "\"}";

static KeyFile *read_good(const char *text)
{
    g_autoptr(GError) error = NULL;
    KeyFile *file = key_file_read(text, strlen(text), "k.key", &error);
    g_assert_no_error(error);
    return file;
}

static void assert_seed(const KeyFile *file, const char *passphrase)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(TufSecret) secret = key_file_open(file, passphrase, &error);
    g_assert_no_error(error);
    for (guint8 i = 0; i < TUF_SEED_BYTES; i++)
        g_assert_cmpuint(tuf_secret_seed(secret)[i], ==, i);
}

static void refuse(const char *text, const char *why)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(KeyFile) file = key_file_read(text, strlen(text), "k.key", &error);
    g_assert_null(file);
    g_assert_error(error, FAULT, FAULT_CONFIG);
    g_autofree char *said = fault_text(error);
    g_assert_cmpstr(said, ==, why);
}

static char *exchange(const char *text, const char *from, const char *to)
{
    g_auto(GStrv) parts = g_strsplit(text, from, 2);
    g_assert_cmpuint(g_strv_length(parts), ==, 2);
    return g_strjoinv(to, parts);
}

static void test_others(void)
{
    g_autoptr(KeyFile) file = read_good(encrypted);
    g_assert_true(file->encrypted);
    g_assert_cmpstr(file->key->id, ==, ID);
    assert_seed(file, PASSPHRASE);
    g_autoptr(KeyFile) open = read_good(plain);
    g_assert_false(open->encrypted);
    assert_seed(open, NULL);
}

static void test_ours(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(TufSecret) secret = tuf_secret_new(NULL, &error);
    const char *const passphrases[] = {NULL, "", PASSPHRASE};
    for (guint i = 0; i < G_N_ELEMENTS(passphrases); i++) {
        g_autofree char *text = key_file_write(secret, passphrases[i], &error);
        g_assert_no_error(error);
        g_autoptr(KeyFile) file = read_good(text);
        g_assert_cmpint(file->encrypted, ==, passphrases[i] && *passphrases[i]);
        g_autoptr(TufSecret) again = key_file_open(file, passphrases[i], &error);
        g_assert_no_error(error);
        g_assert_cmpmem(tuf_secret_seed(secret), TUF_SEED_BYTES, tuf_secret_seed(again), TUF_SEED_BYTES);
        g_autoptr(TufKey) key = key_public_read(text, strlen(text), "k.key", &error);
        g_assert_cmpstr(key->id, ==, tuf_secret_key(secret)->id);
    }
}

static void test_passphrase(void)
{
    static const char *const wrong[][2] = {{NULL, "the key is encrypted: its passphrase is needed"},
                                           {"", "the key is encrypted: its passphrase is needed"},
                                           {"open sesam", "the passphrase is wrong"},
                                           {"open sesame ", "the passphrase is wrong"}};
    g_autoptr(KeyFile) file = read_good(encrypted);
    for (guint i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(key_file_open(file, wrong[i][0], &error));
        g_assert_error(error, FAULT, FAULT_USAGE);
        g_assert_cmpstr(error->message, ==, wrong[i][1]);
    }
}

/* Each byte of it is vouched for, and the public half and the cost are too. */
static void test_flipped(void)
{
    static const char *const changes[][2] = {
        {"secret\": \"0", "secret\": \"1"}, {"caea\"", "caeb\""}, {"c8c9", "c9c9"},
        {"\"n\": 1024", "\"n\": 2048"},     {"03a107", "03a106"}, {"646566", "646567"}};
    for (guint i = 0; i < G_N_ELEMENTS(changes); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *text = exchange(encrypted, changes[i][0], changes[i][1]);
        g_autoptr(KeyFile) file = key_file_read(text, strlen(text), "k.key", NULL);
        g_assert_nonnull(file);
        g_assert_null(key_file_open(file, PASSPHRASE, &error));
        g_assert_cmpstr(error->message, ==, "the passphrase is wrong");
    }
}

static void test_halves(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = exchange(plain, "0001020304", "0001020305");
    g_autoptr(KeyFile) file = read_good(text);
    g_assert_null(key_file_open(file, NULL, &error));
    g_assert_cmpstr(error->message, ==, "the key is damaged: its halves do not belong together");
}

static void test_wrong(void)
{
    static const struct {
        const char *from, *to, *why;
    } cases[] = {
        {"liftlock-key-1", "liftlock-key-2", "its 'format' is not liftlock-key-1"},
        {"\"format\"", "\"formats\"", "unknown field 'formats'"},
        {"\"n\": 1024", "\"n\": 1024, \"x\\n\": 1", "unknown field 'x\\n'"},
        {"\"keytype\": \"ed25519\"", "\"keytype\": \"rsa\"", "its public half is not of the kind ed25519"},
        {PUBLIC, "03a1", "its public half is not of the kind ed25519"},
        {"\"scrypt\"", "\"argon2\"", "its 'kdf' is not scrypt with 32 bytes of salt"},
        {SALT, "64", "its 'kdf' is not scrypt with 32 bytes of salt"},
        {"\"n\": 1024", "\"n\": 1023", "its 'kdf' asks for more memory or work than a passphrase needs"},
        {"\"n\": 1024", "\"n\": 1", "its 'kdf' asks for more memory or work than a passphrase needs"},
        {"\"n\": 1024", "\"n\": 0", "its 'kdf' asks for more memory or work than a passphrase needs"},
        {"\"n\": 1024", "\"n\": -1024", "its 'kdf' asks for more memory or work than a passphrase needs"},
        {"\"n\": 1024", "\"n\": 2097152", "its 'kdf' asks for more memory or work than a passphrase needs"},
        {"\"n\": 1024", "\"n\": \"1024\"", "its 'kdf' asks for more memory or work than a passphrase needs"},
        {"\"n\": 1024, \"r\": 8", "\"n\": 1048576, \"r\": 8",
         "its 'kdf' asks for more memory or work than a passphrase needs"},
        {"\"p\": 1", "\"p\": 17", "its 'kdf' asks for more memory or work than a passphrase needs"},
        {"chacha20", "aes", "its 'cipher' is not chacha20-poly1305 with 12 bytes of nonce"},
        {"c8c9", "c8", "its 'cipher' is not chacha20-poly1305 with 12 bytes of nonce"},
        {"caea\"", "ca\"", "its 'secret' is missing or of the wrong length"},
        {"caea\"", "caexy\"", "its 'secret' is missing or of the wrong length"},
        {CIPHER, "", "a field is missing or of the wrong kind"},
        {KDF, "", "a field is missing or of the wrong kind"},
        {KDF CIPHER, "", "its 'secret' is missing or of the wrong length"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = exchange(encrypted, cases[i].from, cases[i].to),
                        *why = g_strconcat("k.key is no key file: ", cases[i].why, NULL);
        refuse(text, why);
    }
    g_autofree char *spaces = g_strnfill(KEY_FILE_MAX_BYTES, ' '), *longer = g_strconcat(encrypted, spaces, NULL);
    refuse(longer, "k.key is no key file: it is too long");
    refuse("open sesame\n", "k.key is no key file: it is not JSON"); /* and not a letter of it */
    refuse("[]", "k.key is no key file: a field is missing or of the wrong kind");
}

static void test_public(void)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"{\"keytype\": \"ed25519\", \"scheme\": \"ed25519\", \"keyval\": {\"public\": \"" PUBLIC "\"}, \"x\": 1}",
         "k.pub is no key file: unknown field 'x'"},
        {"{\"keytype\": \"ed25519\", \"scheme\": \"ed25519\"}",
         "k.pub is no key file: a field is missing or of the wrong kind"},
        {"{\"format\": \"liftlock-key-9\"}", "k.pub is no key file: its 'format' is not liftlock-key-1"},
    };
    g_autoptr(GError) error = NULL;
    g_autoptr(KeyFile) file = read_good(plain);
    g_autofree char *text = key_public_write(file->key);
    g_assert_null(strstr(text, SEED));
    g_autoptr(TufKey) key = key_public_read(text, strlen(text), "k.pub", &error);
    g_assert_no_error(error);
    g_assert_cmpstr(key->id, ==, ID);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) local = NULL;
        g_assert_null(key_public_read(cases[i].text, strlen(cases[i].text), "k.pub", &local));
        g_autofree char *said = fault_text(local);
        g_assert_cmpstr(said, ==, cases[i].why);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/key_file/what another implementation encrypted is opened", test_others);
    g_test_add_func("/key_file/what is written is read again", test_ours);
    g_test_add_func("/key_file/a passphrase is right or wrong", test_passphrase);
    g_test_add_func("/key_file/nothing of an encrypted key can be exchanged", test_flipped);
    g_test_add_func("/key_file/halves that do not belong together do not sign", test_halves);
    g_test_add_func("/key_file/what is no key file is refused, saying why", test_wrong);
    g_test_add_func("/key_file/a public key is read alone", test_public);
    return g_test_run();
}
