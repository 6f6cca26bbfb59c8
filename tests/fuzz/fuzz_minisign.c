/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzes signatures and keys of minisign (libFuzzer). The input is a signature of a fixed file by a fixed key; one that
 * verifies was signed, so that its lines 2 to 4 are known to the byte. The same input is read as a public and as a
 * secret key.
 */
#include "base/fault.h"
#include "trust/minisign.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size);

static const char public_text[] = "RWTvzauJZ0UjAQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";
static const char content[] = "bookshelf\n";
static const char signed_lines[] =
    "RUTvzauJZ0UjAQ0kdE2Sx9CIDM1AFL1hzgYO/9g1bSkutB48K90IYHKn80sNw9CKAQPX9WcjLLJTzKLoyw43cW0XG2x/Sy+jwQE=\n"
    "trusted comment: app=bookshelf version=2.0.0 file=bookshelf-2.0.0.tar.zst\n"
    "fGKiy1vlsP9vgO57DVrSvT14swYDh2ya7UYS7tGsXD++fKCs1lfZFFunZLR2JbXTXOPH4klEb/m1SjxInGoyDg==\n";

static void check_signature(const char *bytes, gsize size)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *comment = NULL;
    MinisignPublic key;
    g_assert_true(minisign_public_parse(public_text, &key, NULL));
    int fd = memfd_create("content", MFD_CLOEXEC);
    g_assert_cmpint(write(fd, content, strlen(content)), ==, (gssize)strlen(content));
    if (minisign_verify(&key, fd, "f", bytes, size, &comment, &error)) {
        gsize known = strlen(signed_lines);
        g_assert_true(size > known && memcmp(bytes + size - known, signed_lines, known) == 0);
        g_assert_nonnull(comment);
    } else {
        g_assert_error(error, FAULT, FAULT_VERIFY);
        g_assert_null(comment);
        g_assert_true(g_str_has_prefix(error->message, "f: ") && g_utf8_validate(error->message, -1, NULL));
    }
    close(fd);
}

static void check_keys(const char *text)
{
    MinisignPublic key;
    if (minisign_public_parse(text, &key, NULL)) {
        g_autofree char *again = minisign_public_format(&key);
        g_assert_cmpstr(again, ==, text);
    }
    /* Without a passphrase: deriving a key takes seconds, and only its maker's file asks for one. */
    g_autoptr(GError) error = NULL;
    g_autoptr(MinisignSecret) secret = minisign_secret_parse(text, NULL, NULL, &error);
    g_assert_true((secret != NULL) == (error == NULL));
}

static void check_comment(const char *text)
{
    const char *const pairs[] = {"app", "a", "index", NULL, NULL};
    g_autoptr(GError) error = NULL;
    g_autofree char *any = NULL;
    if (minisign_comment_check(text, "f", pairs, &any, &error)) {
        g_autofree char *whole = g_strconcat("app=a index=", any, NULL);
        g_assert_cmpstr(whole, ==, text);
    } else {
        g_assert_true(g_utf8_validate(error->message, -1, NULL) && !strchr(error->message, '\n'));
    }
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size)
{
    g_autofree char *text = g_strndup((const char *)bytes, size);
    check_signature((const char *)bytes, size);
    check_keys(text);
    check_comment(text);
    return 0;
}
