/* SPDX-License-Identifier: Apache-2.0 */
/* The file with the app's URL as it would be for another database of the same server: what a rehearsal shows the app.
 */
#include "libexec/postgres.h"

#include "base/fault.h"

#include <string.h>

/* postgresql://AUTHORITY/NAME?... : from behind the slash to '?' or the end; NULL without a path. */
static const char *name_in_url(const char *url, gsize *size)
{
    const char *authority = strstr(url, "://");
    const char *slash = authority ? strchr(authority + 3, '/') : NULL;
    if (!slash)
        return NULL;
    *size = strcspn(slash + 1, "?#");
    return slash + 1;
}

static char *url_for(const char *url, const char *database)
{
    gsize size;
    const char *name = name_in_url(url, &size);
    const char *query = strchr(url, '?');
    if (!name || size == 0 || (query && strstr(query, "dbname=")))
        return NULL;
    g_autofree char *escaped = g_uri_escape_string(database, NULL, FALSE);
    return g_strdup_printf("%.*s%s%s", (int)(name - url), url, escaped, name + size);
}

/* {database}: {text: the whole file, old, new: the two URLs}. All three are secrets. */
Node *postgres_retarget(const Node *request, GError **error)
{
    g_autofree char *text = postgres_url_file(request), *old = postgres_url(request);
    g_autofree char *new = old ? url_for(old, node_get_text(request, "database", "")) : NULL;
    if (!new) {
        fault_set(error, FAULT_REQUIREMENT, "%s: the address does not name its database as URLs do",
                  node_get_text(request, "url_name", "the file"));
        return NULL;
    }
    GString *changed = g_string_new(text);
    g_string_replace(changed, old, new, 0);
    Node *answer = node_new_map();
    node_set_text(answer, "text", changed->str);
    node_set_text(answer, "old", old);
    node_set_text(answer, "new", new);
    g_string_free(changed, TRUE);
    return answer;
}
