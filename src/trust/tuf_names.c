/* SPDX-License-Identifier: Apache-2.0 */
/* Names of roles and targets. */
#include "trust/tuf_names.h"

#include <string.h>

enum { PATH_MAX_BYTES = 1024, FILE_NAME_MAX_BYTES = 200, SHORT_DIGITS = 8 };

/* --- as files and addresses --------------------------------------------------------------------------------- */

const char *tuf_path_problem(const char *path)
{
    if (!*path)
        return "is empty";
    if (strlen(path) > PATH_MAX_BYTES)
        return "has more than 1024 bytes";
    if (!g_utf8_validate(path, -1, NULL))
        return "is not valid UTF-8";
    for (const char *at = path; *at; at++) {
        if (g_ascii_iscntrl(*at))
            return "holds a control character";
        if (*at == '\\')
            return "holds a backslash";
    }
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);
    for (char **part = parts; *part; part++) {
        if (!**part || g_str_equal(*part, ".") || g_str_equal(*part, ".."))
            return "has a part that is empty, '.' or '..'";
    }
    return NULL;
}

char *tuf_quote(const char *text, gboolean slashes)
{
    GString *quoted = g_string_new(NULL);
    for (const char *at = text; *at; at++) {
        if (g_ascii_isalnum(*at) || strchr("_.-~", *at) || (slashes && *at == '/'))
            g_string_append_c(quoted, *at);
        else
            g_string_append_printf(quoted, "%%%02X", (unsigned char)*at);
    }
    return g_string_free(quoted, FALSE);
}

char *tuf_role_quoted(const char *role)
{
    g_autofree char *quoted = tuf_quote(role, FALSE);
    if (!*quoted || strlen(quoted) > FILE_NAME_MAX_BYTES || g_str_equal(quoted, ".") || g_str_equal(quoted, ".."))
        return NULL;
    return g_steal_pointer(&quoted);
}

char *tuf_target_address(const TufFile *target, gboolean consistent_snapshot)
{
    const char *hash = target->sha256 ? target->sha256 : target->sha512;
    if (!hash)
        return NULL;
    if (!consistent_snapshot)
        return tuf_quote(target->name, TRUE);
    const char *slash = strrchr(target->name, '/'), *base = slash ? slash + 1 : target->name;
    g_autofree char *dir = g_strndup(target->name, (gsize)(base - target->name));
    g_autofree char *path = g_strconcat(dir, hash, ".", base, NULL);
    return tuf_quote(path, TRUE);
}

/* --- who speaks for what ------------------------------------------------------------------------------------ */

/* One part of a path: the last '*' is the only place to come back to. */
static gboolean part_matches(const char *pattern, const char *pattern_end, const char *text, const char *text_end)
{
    const char *star = NULL, *resume = NULL;
    while (text < text_end) {
        if (pattern < pattern_end && *pattern == '*') {
            star = ++pattern;
            resume = text;
        } else if (pattern < pattern_end && *pattern == '?') {
            pattern++;
            text = g_utf8_next_char(text);
        } else if (pattern < pattern_end && *pattern == *text) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star;
            text = resume = g_utf8_next_char(resume);
        } else {
            return FALSE;
        }
    }
    while (pattern < pattern_end && *pattern == '*')
        pattern++;
    return pattern == pattern_end;
}

gboolean tuf_pattern_matches(const char *pattern, const char *path)
{
    for (;;) {
        const char *pattern_end = strchrnul(pattern, '/'), *path_end = strchrnul(path, '/');
        if (!part_matches(pattern, pattern_end, path, path_end) || *pattern_end != *path_end)
            return FALSE;
        if (!*pattern_end)
            return TRUE;
        pattern = pattern_end + 1;
        path = path_end + 1;
    }
}

gboolean tuf_role_covers(const TufRole *role, const char *path, const char *digest)
{
    for (guint i = 0; role->paths && i < role->paths->len; i++) {
        if (tuf_pattern_matches(g_ptr_array_index(role->paths, i), path))
            return TRUE;
    }
    for (guint i = 0; role->prefixes && i < role->prefixes->len; i++) {
        if (g_str_has_prefix(digest, g_ptr_array_index(role->prefixes, i)))
            return TRUE;
    }
    return FALSE;
}

/* The first bits of the digest, as many hexadecimal digits as the last bin's number has. */
char *tuf_succinct_role(const TufMetadata *targets, const char *digest)
{
    g_autofree char *first = g_strndup(digest, SHORT_DIGITS);
    guint64 bin = g_ascii_strtoull(first, NULL, 16) >> (32 - targets->succinct_bits);
    int width = (int)(targets->succinct_bits + 3) / 4;
    return g_strdup_printf("%s-%0*" G_GINT64_MODIFIER "x", targets->succinct_prefix, width, bin);
}
