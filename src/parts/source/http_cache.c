/* SPDX-License-Identifier: Apache-2.0 */
/* The cache of the http source. No error leaves this file. */
#include "parts/source/http_cache.h"

#include "base/digest.h"
#include "base/fs.h"

#include <string.h>
#include <unistd.h>

#define NOTE_MAX 4096

static int cache_open(const Place *place, gboolean make)
{
    if (make && !fs_make_path(place->cache, 0700, NULL))
        return -1;
    return fs_open_dir(place->cache, NULL);
}

/* What goes back to the server as a header. */
static gboolean etag_is_clean(const char *etag)
{
    for (const char *at = etag; *at; at++)
        if (*at <= ' ' || *at > '~')
            return FALSE;
    return *etag != '\0';
}

static char *read_note(int dir, const char *name)
{
    gsize size;
    g_autofree char *note = fs_read(dir, name, NOTE_MAX, &size, NULL);
    return note && strlen(note) == size ? g_strchomp(g_steal_pointer(&note)) : NULL;
}

gboolean http_cache_index(const Place *place, const char *url, gsize limit, char **content, gsize *size, char **etag)
{
    fs_fd int dir = cache_open(place, FALSE);
    g_autofree char *note = dir < 0 ? NULL : read_note(dir, "index.etag");
    g_auto(GStrv) words = g_strsplit(note ? note : "", " ", 3);
    if (g_strv_length(words) != 3 || strcmp(words[2], url) != 0 || !etag_is_clean(words[1]))
        return FALSE;
    g_autofree char *bytes = fs_read(dir, "index.json", limit, size, NULL);
    /* The note is written after the index: only the digest says that they belong together. */
    g_autofree char *digest = bytes ? digest_bytes(bytes, *size) : NULL;
    if (g_strcmp0(digest, words[0]) != 0)
        return FALSE;
    *content = g_steal_pointer(&bytes);
    *etag = g_strdup(words[1]);
    return TRUE;
}

void http_cache_keep_index(const Place *place, const char *url, const char *content, gsize size, const char *etag)
{
    fs_fd int dir = etag && etag_is_clean(etag) ? cache_open(place, TRUE) : -1;
    if (dir < 0)
        return;
    g_autofree char *digest = digest_bytes(content, size);
    g_autofree char *note = g_strdup_printf("%s %s %s\n", digest, etag, url);
    if (fs_write_atomic(dir, "index.json", content, size, 0600, NULL))
        fs_write_atomic(dir, "index.etag", note, strlen(note), 0600, NULL);
}

static char *part_name(const char *url)
{
    g_autofree char *digest = digest_bytes(url, strlen(url));
    return g_strdup_printf("part-%s.etag", digest);
}

char *http_cache_part(const Place *place, const char *url)
{
    fs_fd int dir = cache_open(place, FALSE);
    g_autofree char *name = part_name(url), *etag = dir < 0 ? NULL : read_note(dir, name);
    return etag && etag_is_clean(etag) ? g_steal_pointer(&etag) : NULL;
}

void http_cache_keep_part(const Place *place, const char *url, const char *etag)
{
    gboolean keep = etag && etag_is_clean(etag);
    fs_fd int dir = cache_open(place, keep);
    g_autofree char *name = part_name(url);
    if (dir >= 0 && keep)
        fs_write_atomic(dir, name, etag, strlen(etag), 0600, NULL);
    else if (dir >= 0)
        unlinkat(dir, name, 0);
}
