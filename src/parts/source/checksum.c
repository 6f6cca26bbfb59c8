/* SPDX-License-Identifier: Apache-2.0 */
/* Reading of digests beside an archive. */
#include "parts/source/checksum.h"

#include "base/digest.h"
#include "base/fault.h"

#include <string.h>
#include <unistd.h>

#define DIGITS 64

/* The digest of a line, if it is one; *name points behind it. */
static char *line_digest(const char *line, const char **name)
{
    g_autofree char *digest = g_ascii_strdown(line, (gssize)MIN(strlen(line), (gsize)DIGITS));
    if (!digest_is_valid(digest) || (line[DIGITS] && line[DIGITS] != ' '))
        return NULL;
    *name = line + DIGITS;
    while (**name == ' ' || **name == '*')
        (*name)++;
    return g_steal_pointer(&digest);
}

char *checksum_parse(const char *text, const char *shown, const char *name, GError **error)
{
    g_auto(GStrv) lines = g_strsplit_set(text, "\r\n", -1);
    for (guint i = 0; lines[i]; i++) {
        const char *of = "";
        g_autofree char *digest = line_digest(lines[i], &of);
        const char *slash = strrchr(of, '/');
        if (digest && (!*of || strcmp(slash ? slash + 1 : of, name) == 0))
            return g_steal_pointer(&digest);
    }
    fault_set(error, FAULT_SOURCE, "%s gives no SHA-256 of %s", shown, name);
    return NULL;
}

char *checksum_read(int fd, const char *shown, const char *name, GError **error)
{
    g_autofree char *text = g_malloc0(CHECKSUM_MAX + 1);
    ssize_t size = pread(fd, text, CHECKSUM_MAX, 0);
    if (size < 0)
        *text = '\0';
    return checksum_parse(text, shown, name, error);
}

gboolean checksum_fits(int fd, const char *name, const char *sha256, GError **error)
{
    if (!sha256)
        return TRUE;
    g_autofree char *digest = digest_fd(fd, NULL, error);
    if (!digest)
        return FALSE;
    if (strcmp(digest, sha256) == 0)
        return TRUE;
    fault_set(error, FAULT_VERIFY, "%s: the digest is %s, and not %s", name, digest, sha256);
    return fault_hint(error, "the file at the source is not the one that was published; nothing of it was used");
}
