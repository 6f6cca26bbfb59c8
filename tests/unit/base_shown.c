/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/shown: text from elsewhere, made fit for people. */
#include "base/shown.h"

#include <string.h>

static void test_text(void)
{
    static const struct {
        const char *text, *shown;
    } cases[] = {
        {"", ""},
        {"grün, 日本 and ~", "grün, 日本 and ~"},
        {"a\nb\tc", "a\\x0ab\\x09c"},
        {"\x1b[31mred", "\\x1b[31mred"},
        {"a\xff\xc3", "a\\xff\\xc3"},
        {"\xc0\xaf", "\\xc0\\xaf"},
        {"left\xe2\x80\xaeright", "left\\xe2\\x80\\xaeright"}, /* a right-to-left override */
        {"C1 \xc2\x9b", "C1 \\xc2\\x9b"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *shown = shown_text(cases[i].text);
        g_assert_cmpstr(shown, ==, cases[i].shown);
    }
}

static void test_nul_and_length(void)
{
    g_autofree char *nul = shown_bytes("a\0b", 3, 10);
    g_assert_cmpstr(nul, ==, "a\\x00b");
    g_autofree char *whole = shown_bytes("abcd", 4, 4);
    g_assert_cmpstr(whole, ==, "abcd");
    g_autofree char *cut = shown_bytes("abcde", 5, 4);
    g_assert_cmpstr(cut, ==, "abcd...");
    g_autofree char *split = shown_bytes("ab\xc3\xbc", 3, 10); /* ends in mid-character */
    g_assert_cmpstr(split, ==, "ab\\xc3");
}

static void test_url(void)
{
    static const struct {
        const char *url, *shown;
    } cases[] = {
        {"https://example.org/a/b.tar.zst", "https://example.org/a/b.tar.zst"},
        {"https://user:secret@example.org/a", "https://example.org/a"},
        {"https://example.org/a?token=secret#secret", "https://example.org/a"},
        {"https://example.org#secret", "https://example.org"},
        {"https://example.org?user@secret", "https://example.org"},
        {"https://u:p@secret@example.org/a@b", "https://example.org/a@b"},
        {"http://u:p@[::1]:80/", "http://[::1]:80/"},
        {"no address?secret", "no address"},
        {"http://a\n", "http://a\\x0a"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *shown = shown_url(cases[i].url);
        g_assert_cmpstr(shown, ==, cases[i].shown);
    }
}

static void test_address(void)
{
    static const struct {
        const char *url, *shown;
    } cases[] = {
        {"http://joe:secret@proxy:3128", "http://(secret)@proxy:3128"},
        {"https://token@example.org/a.git", "https://(secret)@example.org/a.git"},
        {"joe:secret@proxy:3128", "(secret)@proxy:3128"},
        {"http://u:p@secret@proxy/x@y", "http://(secret)@proxy/x@y"},
        {"ssh://git@example.org/a.git", "ssh://git@example.org/a.git"},
        {"sftp://joe:secret@example.org/a", "sftp://(secret)@example.org/a"},
        {"https://example.org/a@b", "https://example.org/a@b"},
        {"proxy:3128", "proxy:3128"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *shown = shown_address(cases[i].url);
        g_assert_cmpstr(shown, ==, cases[i].shown);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/shown/text holds nothing that a terminal obeys", test_text);
    g_test_add_func("/shown/NUL is shown and length is capped", test_nul_and_length);
    g_test_add_func("/shown/an address loses credentials, query and fragment", test_url);
    g_test_add_func("/shown/an address keeps its credentials to itself", test_address);
    return g_test_run();
}
