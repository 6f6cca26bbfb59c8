/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes patterns for paths (libFuzzer): three lines, two patterns and a path. What covers a pattern matches all that
 * it matches; a literal pattern matches itself and nothing else; what matches begins with the literal directory. */
#include "model/glob.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void hold(gboolean true_always, const char *law)
{
    if (!true_always)
        g_error("%s", law);
}

static void check(const char *pattern, const char *path)
{
    gboolean matches = glob_matches(pattern, path);
    gsize length = glob_directory_length(pattern);
    hold(!matches || strncmp(pattern, path, length) == 0, "what matches begins with the literal directory");
    if (glob_is_literal(pattern))
        hold(matches == (strcmp(pattern, path) == 0), "a literal pattern matches itself alone");
    hold(glob_covers(pattern, pattern), "a pattern covers itself");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    g_auto(GStrv) lines = g_strsplit(text, "\n", 3);
    if (g_strv_length(lines) < 3)
        return 0;
    const char *a = lines[0], *b = lines[1], *path = lines[2];
    if (glob_problem(a) || glob_problem(b) || !*path || *path == '/' || strstr(path, "//") ||
        g_str_has_suffix(path, "/"))
        return 0;
    check(a, path);
    check(b, path);
    if (glob_covers(a, b) && glob_matches(b, path))
        hold(glob_matches(a, path), "what is covered is matched");
    return 0;
}
