/* SPDX-License-Identifier: Apache-2.0 */
/* Joining of addresses. */
#include "parts/source/reference.h"

#include "base/fault.h"
#include "model/manifest_check.h"
#include "model/schema.h"

#include <string.h>

static gboolean is_https(const char *url)
{
    return g_ascii_strncasecmp(url, "https://", 8) == 0;
}

static gboolean is_http(const char *url)
{
    return g_ascii_strncasecmp(url, "http://", 7) == 0;
}

/* Bytes of "scheme://host:port". */
static gsize origin_size(const char *url)
{
    const char *host = strstr(url, "://") + 3;
    return (gsize)(host - url) + strcspn(host, "/?#");
}

/* Lower-case, without the scheme's own port. The caller frees. */
static char *origin_normal(const char *url)
{
    char *origin = g_ascii_strdown(url, (gssize)origin_size(url));
    const char *port = is_https(url) ? ":443" : ":80";
    if (g_str_has_suffix(origin, port))
        origin[strlen(origin) - strlen(port)] = '\0';
    return origin;
}

gboolean reference_same_place(const char *one, const char *other)
{
    g_autofree char *a = origin_normal(one), *b = origin_normal(other);
    return strcmp(a, b) == 0;
}

static char *refuse(const char *reference, const char *why, GError **error)
{
    g_autofree char *quoted = schema_quote(reference);
    fault_set(error, FAULT_SOURCE, "the index names %s, %s", quoted, why);
    return NULL;
}

/* RFC 3986 section 5.2.4, but leaving the root is an error. `path` begins with "/". */
static char *dots_remove(const char *path)
{
    g_autoptr(GPtrArray) kept = g_ptr_array_new();
    g_auto(GStrv) parts = g_strsplit(path + 1, "/", -1);
    for (guint i = 0; parts[i]; i++) {
        gboolean last = parts[i + 1] == NULL, up = strcmp(parts[i], "..") == 0;
        if (up && kept->len == 0)
            return NULL;
        if (up)
            g_ptr_array_remove_index(kept, kept->len - 1);
        else if (strcmp(parts[i], ".") != 0)
            g_ptr_array_add(kept, parts[i]);
        if (last && (up || strcmp(parts[i], ".") == 0))
            g_ptr_array_add(kept, (gpointer) "");
    }
    g_ptr_array_add(kept, NULL);
    g_autofree char *joined = g_strjoinv("/", (char **)kept->pdata);
    return g_strconcat("/", joined, NULL);
}

/* Bytes of a leading "scheme:", 0 if there is none. */
static gsize scheme_size(const char *reference)
{
    gsize size = strcspn(reference, ":/?#");
    return reference[size] == ':' ? size + 1 : 0;
}

static char *join_absolute(const char *base, const char *reference, GError **error)
{
    if (!is_http(reference) && !is_https(reference))
        return refuse(reference, "but only http and https are fetched", error);
    if (!url_is_plain(reference))
        return refuse(reference, "which is no plain address of a file", error);
    if (is_https(base) && !is_https(reference))
        return refuse(reference, "which would give up https", error);
    return g_strdup(reference);
}

static gboolean is_plain(const char *reference)
{
    if (!*reference || strpbrk(reference, " \\#") || !g_utf8_validate(reference, -1, NULL))
        return FALSE;
    for (const char *at = reference; *at; at = g_utf8_next_char(at))
        if (!g_unichar_isprint(g_utf8_get_char(at)))
            return FALSE;
    return *reference != '?';
}

char *reference_join(const char *base, const char *reference, GError **error)
{
    if (!is_plain(reference))
        return refuse(reference, "which is no plain address of a file", error);
    if (scheme_size(reference))
        return join_absolute(base, reference, error);
    if (g_str_has_prefix(reference, "//"))
        return refuse(reference, "another host without saying how it is reached", error);
    gsize origin = origin_size(base), path_size = strcspn(reference, "?");
    g_autofree char *host = g_strndup(base, origin), *path = g_strndup(reference, path_size);
    const char *slash = strrchr(base + origin, '/');
    g_autofree char *folder = g_strndup(base + origin, slash ? (gsize)(slash + 1 - base - origin) : 0);
    g_autofree char *whole = *path == '/' ? g_strdup(path) : g_strconcat(*folder ? folder : "/", path, NULL);
    g_autofree char *normal = dots_remove(whole);
    if (!normal)
        return refuse(reference, "which leads above the root of its host", error);
    return g_strconcat(host, normal, reference + path_size, NULL);
}
