/* SPDX-License-Identifier: Apache-2.0 */
/* Text from elsewhere made fit for terminals, logs and errors. */
#include "base/shown.h"

#include <string.h>

enum { TEXT_LIMIT = 300, URL_LIMIT = 200 };

char *shown_bytes(const char *bytes, gsize size, gsize limit)
{
    GString *shown = g_string_new(NULL);
    const char *end = bytes + size;
    for (const char *at = bytes; at < end;) {
        if (shown->len >= limit) {
            g_string_append(shown, "...");
            break;
        }
        gunichar c = *at ? g_utf8_get_char_validated(at, end - at) : 0;
        /* Format characters (direction marks, joiners) count as not printable. */
        if (c == (gunichar)-1 || c == (gunichar)-2 || !g_unichar_isprint(c)) {
            g_string_append_printf(shown, "\\x%02x", (guchar)*at++);
            continue;
        }
        const char *next = g_utf8_next_char(at);
        g_string_append_len(shown, at, next - at);
        at = next;
    }
    return g_string_free(shown, FALSE);
}

char *shown_text(const char *text)
{
    return shown_bytes(text, strlen(text), TEXT_LIMIT);
}

char *shown_url(const char *url)
{
    gsize size = strcspn(url, "?#");
    const char *host = g_strstr_len(url, (gssize)size, "://");
    if (!host)
        return shown_bytes(url, size, URL_LIMIT);
    host += strlen("://");
    gsize authority = strcspn(host, "/?#\\");
    const char *at = g_strrstr_len(host, (gssize)authority, "@");
    g_autofree char *bare = at ? g_strdup_printf("%.*s%.*s", (int)(host - url), url, (int)(url + size - at - 1), at + 1)
                               : g_strndup(url, size);
    return shown_bytes(bare, strlen(bare), URL_LIMIT);
}

char *shown_address(const char *url)
{
    const char *mark = strstr(url, "://");
    const char *host = mark ? mark + strlen("://") : url; /* proxies are named without a scheme too */
    const char *at = g_strrstr_len(host, (gssize)strcspn(host, "/?#\\"), "@");
    gboolean login = g_str_has_prefix(url, "ssh://") || g_str_has_prefix(url, "sftp://");
    if (!at || (login && !memchr(host, ':', (gsize)(at - host))))
        return g_strdup(url);
    return g_strdup_printf("%.*s(secret)%s", (int)(host - url), url, at);
}
