/* SPDX-License-Identifier: Apache-2.0 */
/* Reading of header files. */
#include "parts/source/http_headers.h"

#include "base/fault.h"
#include "parts/source/secret.h"

#include <string.h>

#define FILE_MAX (64 * 1024)

/* RFC 9110 section 5.6.2 */
static gsize token_size(const char *text)
{
    return strspn(text, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "!#$%&'*+-.^_`|~");
}

/* The headers that say where and how long a message is are the client's own. */
static gboolean is_header(const char *line)
{
    static const char *const own[] = {"host",  "content-length", "transfer-encoding", "connection",
                                      "range", "if-range",       "if-none-match",     NULL};
    gsize size = token_size(line);
    if (size == 0 || line[size] != ':')
        return FALSE;
    g_autofree char *name = g_ascii_strdown(line, (gssize)size);
    for (const char *at = line + size + 1; *at; at++)
        if (g_ascii_iscntrl(*at) && *at != '\t')
            return FALSE;
    return line[size + 1 + strspn(line + size + 1, " \t")] != '\0' && !g_strv_contains(own, name);
}

static gboolean add_lines(const char *path, char *content, GPtrArray *headers, GError **error)
{
    guint number = 0;
    for (char *line = content, *next; line; line = next) {
        number++;
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        g_strstrip(line);
        if (!*line || *line == '#')
            continue;
        if (!is_header(line))
            return fault_set(error, FAULT_CONFIG, "%s:%u: not a header of the form 'Name: value'", path, number);
        g_ptr_array_add(headers, g_strdup(line));
    }
    return TRUE;
}

gboolean http_headers_read(const Place *place, const char *path, GPtrArray *headers, GError **error)
{
    gsize size;
    char *content = secret_read(place, path, FILE_MAX, &size, error);
    gboolean good = content && add_lines(path, content, headers, error);
    if (content)
        explicit_bzero(content, size); /* the lines have been cut at their ends */
    g_free(content);
    return good;
}
