/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes patterns of delegations against fnmatch(3), and the quoting of names: what is quoted comes back, and is one
 * part of a path. The input is PATTERN NUL PATH. */
#include "trust/tuf_names.h"

#include <fnmatch.h>
#include <string.h>

#define SMALL 24 /* fnmatch takes its time */

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size);

static void check_quoting(const char *text)
{
    g_autofree char *quoted = tuf_role_quoted(text), *all = tuf_quote(text, TRUE);
    g_autofree char *back = g_uri_unescape_string(all, NULL);
    g_assert_cmpint(strspn(all, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~%/"), ==,
                    strlen(all));
    g_assert_true(!back || g_str_equal(back, text));
    g_assert_true(!quoted || (!strchr(quoted, '/') && *quoted && strlen(quoted) <= 200));
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size)
{
    const unsigned char *nul = memchr(bytes, '\0', size);
    if (!nul)
        return 0;
    g_autofree char *pattern = g_strndup((const char *)bytes, size),
                    *path = g_strndup((const char *)nul + 1, size - (gsize)(nul - bytes) - 1);
    check_quoting(path);
    if (!g_utf8_validate(pattern, -1, NULL) || !g_utf8_validate(path, -1, NULL))
        return 0;
    gboolean matches = tuf_pattern_matches(pattern, path);
    if (strlen(pattern) > SMALL || strlen(path) > SMALL || strpbrk(pattern, "[\\") || !g_str_is_ascii(pattern) ||
        !g_str_is_ascii(path))
        return 0;
    g_assert_cmpint(matches, ==, fnmatch(pattern, path, FNM_PATHNAME | FNM_NOESCAPE) == 0);
    return 0;
}
