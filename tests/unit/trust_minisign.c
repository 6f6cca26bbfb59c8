/* SPDX-License-Identifier: Apache-2.0 */
/* minisign: fixed texts made by minisign(1), and every way in which a signature may be wrong. */
#include "base/fault.h"
#include "base/fs.h"
#include "trust/blake2b.h"
#include "trust/minisign.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FILE_NAME "bookshelf-2.0.0.tar.zst"
#define COMMENT "app=bookshelf version=2.0.0 file=" FILE_NAME
#define CONTENT "bookshelf\n"
#define PASSPHRASE "open sesame"

static const char public_text[] = "RWTvzauJZ0UjAQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";
/* The same id on another key. */
static const char same_id_public[] = "RWTvzauJZ0UjAT41msfm3mSeUlqug7mGdsgm0R0pqVRAG41OQY1bj1/8";

static const char plain_key[] = "untrusted comment: minisign encrypted secret key\n"
                                "RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA782riWdFIwEAAQ"
                                "IDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHwOhB7/"
                                "zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
/* The same with small limits (N 1024), so that reading it takes no gigabyte. */
static const char encrypted_key[] =
    "untrusted comment: minisign encrypted secret key\n"
    "RWRTY0IyZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1+"
    "f4CBgoMAgAAAAAAAAAAAAAEAAAAAwFcIonVgqopvpYCCDXF1tJJvmyQn7Q9EFq9jNkaUuv/E9ypdQ9OH4iQsN6X"
    "5P3uteWWf9AUg06El3S2IEkIGbPv4om/moUf3UfBOKhyP43RyMnwGoH4o2AqWtoHmt3xpWJomk9d2Zd0=\n";
static const char halves_key[] = "untrusted comment: x\n"
                                 "RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA782riWdFIwEJC"
                                 "QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQOhB7/"
                                 "zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";

#define LINE_1 "untrusted comment: signature from minisign secret key\n"
#define LINE_2 "RUTvzauJZ0UjAQ0kdE2Sx9CIDM1AFL1hzgYO/9g1bSkutB48K90IYHKn80sNw9CKAQPX9WcjLLJTzKLoyw43cW0XG2x/Sy+jwQE=\n"
#define LINE_3 "trusted comment: " COMMENT "\n"
#define LINE_4 "fGKiy1vlsP9vgO57DVrSvT14swYDh2ya7UYS7tGsXD++fKCs1lfZFFunZLR2JbXTXOPH4klEb/m1SjxInGoyDg==\n"
#define LEGACY_2                                                                                                       \
    "RWTvzauJZ0UjAYbeJcrJC6VRUwqiwL+hD/u4kOxJjgRpkJPincctdmIZ6BzpYeceJCITUUeL894j69eeyUb0seZfNZNyQz3e0Qk=\n"
#define LEGACY_4 "iJcZKuybiMgrVlIKGKRa4DYokB8oS6WLnyZvO1+/ixpSwR3oE2IKogQuT5a6DM9eS4REQINXA7RYbEVWfeheAg==\n"
#define OTHER_2 "RUTNiaiweDnJziq6qM7WtLU0sdxgHzW8b9iUnnKxh1WSyyU8r3b8t78VMzov1j07ime+nem6OhJhwtmgAGkHlvmtfBBsyVoS2gk=\n"
#define OTHER_4 "HYVbBBnsMp8YNb1Ra6F1iEPdFI8bbnJ/hOiBn7E2EnMOFhyNeaxlLMWT0lBeAcL23vKN0wyfq6H+aSn9ANARAA==\n"
static const char good_signature[] = LINE_1 LINE_2 LINE_3 LINE_4;

static int content_fd(const char *content, gsize size)
{
    int fd = memfd_create("content", MFD_CLOEXEC);
    g_assert_cmpint(write(fd, content, size), ==, (gssize)size);
    return fd;
}

static MinisignPublic key_of(const char *text)
{
    MinisignPublic key;
    g_autoptr(GError) error = NULL;
    minisign_public_parse(text, &key, &error);
    g_assert_no_error(error);
    return key;
}

static gboolean verify(const char *key_text, const char *content, const char *signature, gsize size, char **comment,
                       GError **error)
{
    MinisignPublic key = key_of(key_text);
    fs_fd int fd = content_fd(content, strlen(content));
    return minisign_verify(&key, fd, FILE_NAME, signature, size, comment, error);
}

static void assert_refused(const char *key_text, const char *content, const char *signature, const char *expected)
{
    g_autoptr(GError) error = NULL;
    char *comment = NULL;
    g_assert_false(verify(key_text, content, signature, strlen(signature), &comment, &error));
    g_assert_error(error, FAULT, FAULT_VERIFY);
    g_assert_cmpstr(error->message, ==, expected);
    g_assert_null(comment);
}

/* --- verification ------------------------------------------------------------------------------------------- */

static void test_verify_good(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *comment = NULL;
    g_assert_true(verify(public_text, CONTENT, good_signature, strlen(good_signature), &comment, &error));
    g_assert_no_error(error);
    g_assert_cmpstr(comment, ==, COMMENT);
}

static void test_verify_empty_file(void)
{
    static const char signature[] =
        LINE_1 "RUTvzauJZ0UjASYKHljc2XpaJTda2dqoPrAxHgNW4rDJZOuE+pNHxtpaO/Q9MTJAr86S+jhkA/fHkCm8KJvH/PJaimm3w6272gk=\n"
               "trusted comment: app=bookshelf index=7\n"
               "92UC+vj1GTSMjrNyRvcXHysuSv27FLw02F474/Si+MIPY8wFbwoEjuvhBQ3OCIl7NTAGfUovFqOuCr9PJH/ECA==\n";
    g_autoptr(GError) error = NULL;
    g_autofree char *comment = NULL;
    g_assert_true(verify(public_text, "", signature, strlen(signature), &comment, &error));
    g_assert_no_error(error);
    g_assert_cmpstr(comment, ==, "app=bookshelf index=7");
    assert_refused(public_text, "x", signature, FILE_NAME ": the signature does not fit the file");
}

static void test_untrusted_comment_is_free(void)
{
    static const char signature[] = "untrusted comment: \n" LINE_2 LINE_3 LINE_4;
    g_autoptr(GError) error = NULL;
    g_assert_true(verify(public_text, CONTENT, signature, strlen(signature), NULL, &error));
    g_assert_no_error(error);
}

static void test_offset_does_not_count(void)
{
    g_autoptr(GError) error = NULL;
    MinisignPublic key = key_of(public_text);
    fs_fd int fd = content_fd(CONTENT, strlen(CONTENT));
    g_assert_cmpint(lseek(fd, 0, SEEK_CUR), >, 0);
    g_assert_true(minisign_verify(&key, fd, FILE_NAME, good_signature, strlen(good_signature), NULL, &error));
    g_assert_no_error(error);
}

#define OLD_FORMAT                                                                                                     \
    ": the signature is in the old format, which liftlock does not accept\nsign again with 'minisign -H' or "          \
    "'liftlock release'"
#define REWRITTEN "\nsomething on the way has rewritten line ends: serve the file as it was made"

static const struct {
    const char *path, *signature, *expected;
} wrong[] = {
    {"/minisign/the old format is refused", LINE_1 LEGACY_2 "trusted comment: old\n" LEGACY_4, FILE_NAME OLD_FORMAT},
    {"/minisign/a signature of another key is refused", LINE_1 OTHER_2 "trusted comment: x\n" OTHER_4,
     FILE_NAME ": the signature is of another key (CEC93978B0A889CD, not 0123456789ABCDEF)"},
    {"/minisign/an edited trusted comment is refused",
     LINE_1 LINE_2 "trusted comment: app=bookshelf version=3.0.0 file=x\n" LINE_4,
     FILE_NAME ": the trusted comment is not signed"},
    {"/minisign/an unknown kind is refused",
     LINE_1
     "RUVvzauJZ0UjAQ0kdE2Sx9CIDM1AFL1hzgYO/9g1bSkutB48K90IYHKn80sNw9CKAQPX9WcjLLJTzKLoyw43cW0XG2x/Sy+jwQE=\n" LINE_3
         LINE_4,
     FILE_NAME ": the signature is of an unknown kind"},
    {"/minisign/an empty signature is refused", "", FILE_NAME ": the signature is empty"},
    {"/minisign/one line alone is refused", LINE_1, FILE_NAME ": the signature ends after line 1 of 4"},
    {"/minisign/a signature without trusted comment is refused", LINE_1 LINE_2,
     FILE_NAME ": the signature ends after line 2 of 4"},
    {"/minisign/a missing last newline is refused",
     LINE_1 LINE_2 LINE_3 "fGKiy1vlsP9vgO57DVrSvT14swYDh2ya7UYS7tGsXD++fKCs1lfZFFunZLR2JbXTXOPH4klEb/m1SjxInGoyDg==",
     FILE_NAME ": line 4 of the signature has no end"},
    {"/minisign/two signatures are refused", LINE_1 LINE_2 LINE_3 LINE_4 LINE_1 LINE_2 LINE_3 LINE_4,
     FILE_NAME ": there is more than one signature, or something after it"},
    {"/minisign/an empty line at the end is refused", LINE_1 LINE_2 LINE_3 LINE_4 "\n",
     FILE_NAME ": there is more than one signature, or something after it"},
    {"/minisign/carriage returns are refused", "untrusted comment: x\r\n" LINE_2 LINE_3 LINE_4,
     FILE_NAME ": line 1 of the signature ends in a carriage return" REWRITTEN},
    {"/minisign/a carriage return in the trusted comment is refused",
     LINE_1 LINE_2 "trusted comment: " COMMENT "\r\n" LINE_4,
     FILE_NAME ": line 3 of the signature ends in a carriage return" REWRITTEN},
    {"/minisign/another first line is refused", "<html>\n" LINE_2 LINE_3 LINE_4,
     FILE_NAME ": line 1 of the signature must begin with 'untrusted comment: '"},
    {"/minisign/another third line is refused", LINE_1 LINE_2 "comment: " COMMENT "\n" LINE_4,
     FILE_NAME ": line 3 of the signature must begin with 'trusted comment: '"},
    {"/minisign/escape codes in the comment are refused",
     LINE_1 LINE_2 "trusted comment: \033[2Japp=bookshelf\n" LINE_4,
     FILE_NAME ": the trusted comment holds characters that cannot be printed"},
    {"/minisign/marks that turn text are refused",
     LINE_1 LINE_2 "trusted comment: app=\xe2\x80\xae"
                   "flehskoob\n" LINE_4,
     FILE_NAME ": the trusted comment holds characters that cannot be printed"},
    {"/minisign/a comment that is not UTF-8 is refused", LINE_1 LINE_2 "trusted comment: \xff\n" LINE_4,
     FILE_NAME ": the trusted comment holds characters that cannot be printed"},
    {"/minisign/base64 with a blank is refused",
     LINE_1
     "RUTvzauJZ0UjAQ0kdE2Sx9CIDM1AFL1hzgYO/9g1bSkutB48K90IYHKn80sNw9CKAQPX9WcjLLJTzKLoyw43cW0XG2x/Sy+jwQE \n" LINE_3
         LINE_4,
     FILE_NAME ": line 2 of the signature must be 74 bytes in base64"},
    {"/minisign/base64 with loose last bits is refused",
     LINE_1
     "RUTvzauJZ0UjAQ0kdE2Sx9CIDM1AFL1hzgYO/9g1bSkutB48K90IYHKn80sNw9CKAQPX9WcjLLJTzKLoyw43cW0XG2x/Sy+jwQF=\n" LINE_3
         LINE_4,
     FILE_NAME ": line 2 of the signature must be 74 bytes in base64"},
    {"/minisign/a short second line is refused", LINE_1 "RUTvzauJZ0Uj\n" LINE_3 LINE_4,
     FILE_NAME ": line 2 of the signature must be 74 bytes in base64"},
    {"/minisign/a long second line is refused",
     LINE_1
     "RUTvzauJZ0UjAQ0kdE2Sx9CIDM1AFL1hzgYO/9g1bSkutB48K90IYHKn80sNw9CKAQPX9WcjLLJTzKLoyw43cW0XG2x/Sy+jwQE=AAAA\n" LINE_3
         LINE_4,
     FILE_NAME ": line 2 of the signature has more than 100 bytes"},
    {"/minisign/a short fourth line is refused", LINE_1 LINE_2 LINE_3 "AAAA\n",
     FILE_NAME ": line 4 of the signature must be 64 bytes in base64"},
};

static void test_wrong(gconstpointer data)
{
    guint row = GPOINTER_TO_UINT(data);
    assert_refused(public_text, CONTENT, wrong[row].signature, wrong[row].expected);
}

static void test_wrong_content(void)
{
    assert_refused(public_text, "bookshelf\r\n", good_signature, FILE_NAME ": the signature does not fit the file");
    assert_refused(public_text, "", good_signature, FILE_NAME ": the signature does not fit the file");
}

static void test_same_id_other_key(void)
{
    assert_refused(same_id_public, CONTENT, good_signature, FILE_NAME ": the signature does not fit the file");
}

static void test_long_comment(void)
{
    g_autofree char *filler = g_strnfill(8193, 'x');
    g_autofree char *long_text = g_strconcat(LINE_1 LINE_2 "trusted comment: ", filler, "\n" LINE_4, NULL);
    assert_refused(public_text, CONTENT, long_text, FILE_NAME ": line 3 of the signature has more than 8192 bytes");
    filler[8192] = '\0';
    g_autofree char *longest = g_strconcat(LINE_1 LINE_2 "trusted comment: ", filler, "\n" LINE_4, NULL);
    assert_refused(public_text, CONTENT, longest, FILE_NAME ": the trusted comment is not signed");
}

static void test_nul_in_comment(void)
{
    static const char text[] = LINE_1 LINE_2 "trusted comment: a\0b\n" LINE_4;
    g_autoptr(GError) error = NULL;
    g_assert_false(verify(public_text, CONTENT, text, sizeof text - 1, NULL, &error));
    g_assert_cmpstr(error->message, ==, FILE_NAME ": the trusted comment holds characters that cannot be printed");
}

/* No byte of lines 2 to 4 may change without being noticed, nor the text end early. */
static void test_every_byte_counts(void)
{
    gsize size = strlen(good_signature), start = strlen(LINE_1);
    for (gsize i = start; i < size; i++) {
        g_autofree char *text = g_memdup2(good_signature, size);
        text[i] ^= 1;
        g_assert_false(verify(public_text, CONTENT, text, size, NULL, NULL));
    }
    for (gsize i = 0; i < size; i++)
        g_assert_false(verify(public_text, CONTENT, good_signature, i, NULL, NULL));
}

static void test_unreadable(void)
{
    g_autoptr(GError) error = NULL;
    MinisignPublic key = key_of(public_text);
    fs_fd int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_assert_false(minisign_verify(&key, fd, FILE_NAME, good_signature, strlen(good_signature), NULL, &error));
    g_assert_error(error, FAULT, FAULT_SYSTEM);
    g_assert_cmpstr(error->message, ==, FILE_NAME ": cannot read: is a directory");
}

/* --- comments ----------------------------------------------------------------------------------------------- */

static const char *const release_pairs[] = {"app", "bookshelf", "version", "2.0.0", "file", FILE_NAME, NULL};
static const char *const index_pairs[] = {"app", "bookshelf", "index", NULL, NULL};

static const struct {
    const char *const *pairs;
    const char *comment, *expected;
} comments[] = {
    {release_pairs, COMMENT, NULL},
    {release_pairs, "app=library version=2.0.0 file=" FILE_NAME,
     "f: the signature is for app 'library', not 'bookshelf'"},
    {release_pairs, "app=bookshelf version=1.0.0 file=" FILE_NAME,
     "f: the signature is for version '1.0.0', not '2.0.0'"},
    {release_pairs, "app=bookshelf version=2.0.0 file=x", "f: the signature is for file 'x', not '" FILE_NAME "'"},
    {release_pairs, "app=bookshelf version=2.0.0 file=" FILE_NAME "x",
     "f: the signature is for file '" FILE_NAME "x', not '" FILE_NAME "'"},
    {release_pairs, COMMENT " ",
     "f: the trusted comment is 'app=bookshelf version=2.0.0 file=bookshelf-2.0.0.tar.zst ', not of the form '" COMMENT
     "'"},
    {release_pairs, "app=bookshelf  version=2.0.0",
     "f: the trusted comment is 'app=bookshelf  version=2.0.0', not of the form '" COMMENT "'"},
    {release_pairs, "version=2.0.0 app=bookshelf",
     "f: the trusted comment is 'version=2.0.0 app=bookshelf', not of the form '" COMMENT "'"},
    {release_pairs, "app=bookshelf", "f: the trusted comment is 'app=bookshelf', not of the form '" COMMENT "'"},
    {release_pairs, "", "f: the trusted comment is '', not of the form '" COMMENT "'"},
    {release_pairs, "timestamp:1700000000\tfile:x",
     "f: the trusted comment is 'timestamp:1700000000\\x09file:x', not of the form '" COMMENT "'"},
    {index_pairs, "app=bookshelf index=",
     "f: the trusted comment is 'app=bookshelf index=', not of the form 'app=bookshelf index=...'"},
    {index_pairs, "app=bookshelf index=7/8",
     "f: the trusted comment is 'app=bookshelf index=7/8', not of the form 'app=bookshelf index=...'"},
    {index_pairs, "app=bookshelf index=7 x",
     "f: the trusted comment is 'app=bookshelf index=7 x', not of the form 'app=bookshelf index=...'"},
};

static void test_comments(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(comments); i++) {
        g_autoptr(GError) error = NULL;
        gboolean good = minisign_comment_check(comments[i].comment, "f", comments[i].pairs, NULL, &error);
        g_assert_cmpstr(error ? error->message : NULL, ==, comments[i].expected);
        g_assert_cmpint(good, ==, comments[i].expected == NULL);
        if (error)
            g_assert_error(error, FAULT, FAULT_VERIFY);
    }
}

static void test_comment_any(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *index = NULL;
    g_assert_true(minisign_comment_check("app=bookshelf index=12", "f", index_pairs, &index, &error));
    g_assert_no_error(error);
    g_assert_cmpstr(index, ==, "12");
}

/* --- keys --------------------------------------------------------------------------------------------------- */

static void test_public_key(void)
{
    MinisignPublic key = key_of(public_text);
    g_autofree char *id = minisign_key_id(&key), *text = minisign_public_format(&key);
    g_assert_cmpstr(id, ==, "0123456789ABCDEF");
    g_assert_cmpstr(text, ==, public_text);
}

static void assert_no_public(const char *text, const char *expected)
{
    g_autoptr(GError) error = NULL;
    MinisignPublic key;
    g_assert_false(minisign_public_parse(text, &key, &error));
    g_assert_error(error, FAULT, FAULT_CONFIG);
    g_assert_cmpstr(error->message, ==, expected);
}

static void test_wrong_public_keys(void)
{
    const char *no_key =
        "not a minisign public key\nit is the second line of the .pub file: 56 characters that begin with RW";
    assert_no_public("", no_key);
    assert_no_public("RW", no_key);
    assert_no_public("RWTvzauJZ0UjAQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4\n", no_key);
    assert_no_public("RUTvzauJZ0UjAQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4", no_key);
    assert_no_public("RWTvzauJZ0UjAQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG!", no_key);
    assert_no_public(strchr(encrypted_key, '\n') + 1, no_key);
    g_autofree char *secret_line = g_strchomp(g_strdup(strchr(encrypted_key, '\n') + 1));
    assert_no_public(secret_line,
                     "not a minisign public key but a secret one\n"
                     "take the second line of the .pub file, and consider the secret key as known to others");
}

static void test_secret_keys(void)
{
    const char *const texts[] = {plain_key, encrypted_key};
    for (guint i = 0; i < 2; i++) {
        g_autoptr(GError) error = NULL;
        gboolean encrypted = 2;
        g_autoptr(MinisignSecret) secret = minisign_secret_parse(texts[i], i ? PASSPHRASE : NULL, &encrypted, &error);
        g_assert_no_error(error);
        g_assert_cmpint(encrypted, ==, i);
        MinisignPublic key;
        minisign_secret_public(secret, &key);
        g_autofree char *text = minisign_public_format(&key);
        g_assert_cmpstr(text, ==, public_text);
        /* Ed25519 is deterministic: what minisign(1) has signed comes out byte for byte. */
        fs_fd int fd = content_fd(CONTENT, strlen(CONTENT));
        g_autofree char *signature = minisign_sign(secret, fd, COMMENT, NULL, &error);
        g_assert_no_error(error);
        g_assert_cmpstr(signature, ==, good_signature);
    }
}

static void assert_no_secret(const char *text, const char *passphrase, int code, const char *expected)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(minisign_secret_parse(text, passphrase, NULL, &error));
    g_assert_error(error, FAULT, code);
    g_assert_cmpstr(error->message, ==, expected);
}

static void test_wrong_secret_keys(void)
{
    const char *no_key = "not a minisign secret key\nmake one with 'liftlock keys generate'";
    assert_no_secret(encrypted_key, NULL, FAULT_USAGE, "the secret key is encrypted: its passphrase is needed");
    assert_no_secret(encrypted_key, "", FAULT_USAGE, "the secret key is encrypted: its passphrase is needed");
    assert_no_secret(encrypted_key, "open Sesame", FAULT_USAGE, "the passphrase is wrong");
    assert_no_secret(halves_key, NULL, FAULT_CONFIG, "the secret key is damaged: its halves do not belong together");
    assert_no_secret("", NULL, FAULT_CONFIG, no_key);
    assert_no_secret("untrusted comment: x\n", NULL, FAULT_CONFIG, no_key);
    assert_no_secret(
        "untrusted comment: minisign public key\nRWTvzauJZ0UjAQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4\n", NULL,
        FAULT_CONFIG, no_key);
    g_autofree char *twice = g_strconcat(plain_key, "more\n", NULL);
    assert_no_secret(twice, NULL, FAULT_CONFIG, no_key);
}

/* Limits of a key file are its maker's: they must not be able to ask for all memory of the machine. */
static void test_greedy_secret_key(void)
{
    const char *line = strchr(encrypted_key, '\n') + 1;
    gsize size;
    g_autofree char *base64 = g_strchomp(g_strdup(line));
    g_autofree guchar *bytes = g_base64_decode(base64, &size);
    bytes[52] = 1; /* memory: 2^48 and more */
    g_autofree char *greedy = g_base64_encode(bytes, size),
                    *text = g_strconcat("untrusted comment: x\n", greedy, "\n", NULL);
    assert_no_secret(text, PASSPHRASE, FAULT_CONFIG,
                     "the secret key asks for more memory or work than a passphrase needs");
}

static void test_generate(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *secret_text = NULL, *public_file = NULL, *again_secret = NULL, *again_public = NULL;
    g_assert_true(minisign_generate(NULL, &secret_text, &public_file, &error));
    g_assert_no_error(error);
    g_assert_true(g_str_has_prefix(secret_text, "untrusted comment: minisign unencrypted secret key\nRWQAAEIyAAAA"));
    gboolean encrypted = TRUE;
    g_autoptr(MinisignSecret) secret = minisign_secret_parse(secret_text, NULL, &encrypted, &error);
    g_assert_no_error(error);
    g_assert_false(encrypted);
    MinisignPublic key;
    minisign_secret_public(secret, &key);
    g_autofree char *id = minisign_key_id(&key), *public_line = minisign_public_format(&key);
    g_autofree char *expected = g_strdup_printf("untrusted comment: minisign public key %s\n%s\n", id, public_line);
    g_assert_cmpstr(public_file, ==, expected);
    g_assert_true(minisign_generate("", &again_secret, &again_public, &error));
    g_assert_cmpstr(again_public, !=, public_file);
}

static void test_sign_refuses(void)
{
    g_autoptr(MinisignSecret) secret = minisign_secret_parse(plain_key, NULL, NULL, NULL);
    fs_fd int fd = content_fd(CONTENT, strlen(CONTENT));
    g_autofree char *filler = g_strnfill(8193, 'x');
    const struct {
        const char *trusted, *untrusted, *expected;
    } rows[] = {
        {"a\nb", NULL, "the trusted comment holds characters that cannot be printed"},
        {filler, NULL, "the trusted comment has more than 8192 bytes"},
        {"a", "a\nb", "the untrusted comment holds characters that cannot be printed"},
        {"a", filler, "the untrusted comment has more than 1024 bytes"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(minisign_sign(secret, fd, rows[i].trusted, rows[i].untrusted, &error));
        g_assert_error(error, FAULT, FAULT_USAGE);
        g_assert_cmpstr(error->message, ==, rows[i].expected);
    }
}

/* RFC 7693 appendix A, and lengths around a block against libcrypto's BLAKE2b-512 of the same bytes. */
static void test_blake2b(void)
{
    static const guint8 abc[64] = {0xba, 0x80, 0xa5, 0x3f, 0x98, 0x1c, 0x4d, 0x0d, 0x6a, 0x27, 0x97, 0xb6, 0x9f,
                                   0x12, 0xf6, 0xe9, 0x4c, 0x21, 0x2f, 0x14, 0x68, 0x5a, 0xc4, 0xb7, 0x4b, 0x12,
                                   0xbb, 0x6f, 0xdb, 0xff, 0xa2, 0xd1, 0x7d, 0x87, 0xc5, 0x39, 0x2a, 0xab, 0x79,
                                   0x2d, 0xc2, 0x52, 0xd5, 0xde, 0x45, 0x33, 0xcc, 0x95, 0x18, 0xd3, 0x8a, 0xa8,
                                   0xdb, 0xf1, 0x92, 0x5a, 0xb9, 0x23, 0x86, 0xed, 0xd4, 0x00, 0x99, 0x23};
    guint8 digest[64];
    blake2b("abc", 3, digest, 64);
    g_assert_cmpmem(digest, 64, abc, 64);
    g_autofree char *bytes = g_strnfill(1000, 'b');
    static const gsize sizes[] = {0, 1, 127, 128, 129, 255, 256, 257, 1000};
    for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
        guint8 expected[64];
        g_assert_cmpint(EVP_Digest(bytes, sizes[i], expected, NULL, EVP_blake2b512(), NULL), ==, 1);
        blake2b(bytes, sizes[i], digest, 64);
        g_assert_cmpmem(digest, 64, expected, 64);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/minisign/a signature by minisign verifies", test_verify_good);
    g_test_add_func("/minisign/an empty file can be signed", test_verify_empty_file);
    g_test_add_func("/minisign/the untrusted comment does not count", test_untrusted_comment_is_free);
    g_test_add_func("/minisign/the descriptor's offset does not count", test_offset_does_not_count);
    for (guint i = 0; i < G_N_ELEMENTS(wrong); i++)
        g_test_add_data_func(wrong[i].path, GUINT_TO_POINTER(i), test_wrong);
    g_test_add_func("/minisign/other content is refused", test_wrong_content);
    g_test_add_func("/minisign/the right id on another key is refused", test_same_id_other_key);
    g_test_add_func("/minisign/a comment over 8192 bytes is refused", test_long_comment);
    g_test_add_func("/minisign/NUL in the comment is refused", test_nul_in_comment);
    g_test_add_func("/minisign/every byte counts", test_every_byte_counts);
    g_test_add_func("/minisign/a file that cannot be read is no bad signature", test_unreadable);
    g_test_add_func("/minisign/comments must be exactly what was asked for", test_comments);
    g_test_add_func("/minisign/an open value is handed back", test_comment_any);
    g_test_add_func("/minisign/a public key comes out as it went in", test_public_key);
    g_test_add_func("/minisign/what is no public key is refused", test_wrong_public_keys);
    g_test_add_func("/minisign/secret keys of minisign sign the same bytes", test_secret_keys);
    g_test_add_func("/minisign/what is no secret key is refused", test_wrong_secret_keys);
    g_test_add_func("/minisign/a greedy secret key is refused", test_greedy_secret_key);
    g_test_add_func("/minisign/a new key is read again", test_generate);
    g_test_add_func("/minisign/bad comments are not signed", test_sign_refuses);
    g_test_add_func("/minisign/BLAKE2b is BLAKE2b", test_blake2b);
    return g_test_run();
}
