/* SPDX-License-Identifier: Apache-2.0 */
/* Objects of git. */
#include "trust/git_object.h"

#include <openssl/evp.h>
#include <string.h>

#define SSH_BEGIN "-----BEGIN SSH SIGNATURE-----"
#define PGP_BEGIN "-----BEGIN PGP SIGNATURE-----"

char *git_object_name(const char *type, const void *bytes, gsize size, gboolean wide)
{
    guint8 digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    g_autofree char *head = g_strdup_printf("%s %zu", type, size);
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    gboolean good = hash && EVP_DigestInit_ex(hash, wide ? EVP_sha256() : EVP_sha1(), NULL) == 1 &&
                    EVP_DigestUpdate(hash, head, strlen(head) + 1) == 1 && EVP_DigestUpdate(hash, bytes, size) == 1 &&
                    EVP_DigestFinal_ex(hash, digest, &length) == 1;
    EVP_MD_CTX_free(hash);
    GString *text = g_string_new(NULL);
    for (unsigned i = 0; good && i < length; i++)
        g_string_append_printf(text, "%02x", digest[i]);
    return g_string_free(text, FALSE);
}

/* The end of the line that begins at `at`: its "\n", or the end. */
static const char *line_end(const char *at, const char *end)
{
    const char *newline = memchr(at, '\n', (gsize)(end - at));
    return newline ? newline : end;
}

/* The value of the header line that begins at *at; *at goes to the next. NULL: another header. The caller frees. */
static char *take_header(const char **at, const char *end, const char *name)
{
    const char *stop = line_end(*at, end);
    gsize size = strlen(name);
    if ((gsize)(stop - *at) <= size || memcmp(*at, name, size) != 0 || (*at)[size] != ' ')
        return NULL;
    char *value = g_strndup(*at + size + 1, (gsize)(stop - *at) - size - 1);
    *at = stop < end ? stop + 1 : end;
    return value;
}

static gboolean is_name(const char *text)
{
    gsize size = strlen(text);
    return (size == 40 || size == 64) && text[strspn(text, "0123456789abcdef")] == '\0';
}

char *git_commit_tree(const char *bytes, gsize size)
{
    const char *at = bytes;
    g_autofree char *tree = take_header(&at, bytes + size, "tree");
    return tree && is_name(tree) ? g_steal_pointer(&tree) : NULL;
}

gboolean git_tag_is_of(const char *bytes, gsize size, const char *name, const char *commit)
{
    const char *at = bytes, *end = bytes + size;
    g_autofree char *object = take_header(&at, end, "object");
    g_autofree char *type = object ? take_header(&at, end, "type") : NULL;
    g_autofree char *tag = type ? take_header(&at, end, "tag") : NULL;
    return tag && strcmp(object, commit) == 0 && strcmp(type, "commit") == 0 && strcmp(tag, name) == 0;
}

/* --- signatures ---------------------------------------------------------------------------------------------- */

static GitSigned kind_of(const char *signature)
{
    return g_str_has_prefix(signature, SSH_BEGIN)   ? GIT_SIGNED_SSH
           : g_str_has_prefix(signature, PGP_BEGIN) ? GIT_SIGNED_PGP
                                                    : GIT_UNSIGNED;
}

static gboolean begins_with(const char *at, const char *end, const char *text)
{
    gsize size = strlen(text);
    return (gsize)(end - at) >= size && memcmp(at, text, size) == 0;
}

/* A tag's signature is its end, from the last line on that begins one (git's parse_signature). */
static const char *find_at_end(const char *bytes, const char *end)
{
    const char *found = NULL;
    for (const char *at = bytes; at < end; at = line_end(at, end) + 1)
        if (begins_with(at, end, SSH_BEGIN) || begins_with(at, end, PGP_BEGIN))
            found = at;
    return found;
}

/* A commit's stands in a header "gpgsig" (with SHA-256: "gpgsig-sha256"), its further lines after a space each. All
 * such headers are left out of what is signed. */
static void split_commit(const char *bytes, const char *end, GByteArray *payload, GString *signature)
{
    gboolean header = TRUE, taking = FALSE, leaving = FALSE;
    for (const char *at = bytes; at < end;) {
        const char *stop = line_end(at, end), *next = stop < end ? stop + 1 : end;
        gboolean more = header && at < stop && *at == ' ';
        if (header && !more) {
            taking = begins_with(at, stop, "gpgsig ") || begins_with(at, stop, "gpgsig-sha256 ");
            leaving = taking;
            taking = taking && signature->len == 0;
            header = at != stop; /* an empty line ends the headers */
        }
        const char *value = more ? at + 1 : memchr(at, ' ', (gsize)(stop - at));
        if (header && taking && value)
            g_string_append_printf(signature, "%.*s\n", (int)(stop - value - !more), value + !more);
        if (!header || !leaving)
            g_byte_array_append(payload, (const guint8 *)at, (guint)(next - at));
        at = next;
    }
}

GitSigned git_signature_split(const char *bytes, gsize size, GByteArray **payload, char **signature)
{
    const char *end = bytes + size;
    *payload = g_byte_array_new();
    GString *text = g_string_new(NULL);
    if (begins_with(bytes, end, "tree ")) {
        split_commit(bytes, end, *payload, text);
    } else {
        const char *found = find_at_end(bytes, end);
        g_byte_array_append(*payload, (const guint8 *)bytes, (guint)((found ? found : end) - bytes));
        if (found)
            g_string_append_len(text, found, end - found);
    }
    *signature = g_string_free(text, FALSE);
    return kind_of(*signature);
}
