/* SPDX-License-Identifier: Apache-2.0 */
/* Reading what git-ls-remote(1) prints. */
#include "libexec/transfer_refs.h"

#include "base/fault.h"

#include <string.h>

#define NAME_MAX_BYTES 250

void ref_free(Ref *ref)
{
    g_free(ref->name);
    g_free(ref->object);
    g_free(ref->commit);
    g_free(ref);
}

gboolean git_ref_is_plain(const char *name)
{
    static const char set[] = G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "._/+@-";
    return g_str_has_prefix(name, "refs/") && strlen(name) <= NAME_MAX_BYTES && name[strspn(name, set)] == '\0' &&
           !strstr(name, "..") && !strstr(name, "//") && !strstr(name, "/.") && !g_str_has_suffix(name, "/") &&
           !g_str_has_suffix(name, ".") && !g_str_has_suffix(name, ".lock");
}

/* 40 digits (SHA-1) or 64 (SHA-256) before the tab; 0: neither. */
static gsize object_size(const char *line, gsize size)
{
    const char *tab = memchr(line, '\t', size);
    gsize length = tab ? (gsize)(tab - line) : 0;
    if (length != 40 && length != 64)
        return 0;
    for (gsize i = 0; i < length; i++)
        if (!strchr("0123456789abcdef", line[i]))
            return 0;
    return length;
}

static void take(GPtrArray *refs, const char *line, gsize object, gsize size)
{
    g_autofree char *name = g_strndup(line + object + 1, size - object - 1);
    gboolean peeled = g_str_has_suffix(name, "^{}");
    if (peeled)
        name[strlen(name) - strlen("^{}")] = '\0';
    Ref *last = refs->len ? refs->pdata[refs->len - 1] : NULL;
    if (peeled && last && strcmp(last->name, name) == 0) {
        g_free(last->commit);
        last->commit = g_strndup(line, object);
    }
    if (peeled || !git_ref_is_plain(name))
        return;
    Ref *ref = g_new0(Ref, 1);
    *ref = (Ref){.name = g_steal_pointer(&name), .object = g_strndup(line, object), .commit = g_strndup(line, object)};
    g_ptr_array_add(refs, ref);
}

GPtrArray *refs_parse(const char *text, gsize size, guint max, GError **error)
{
    g_autoptr(GPtrArray) refs = g_ptr_array_new_with_free_func((GDestroyNotify)ref_free);
    for (const char *line = text, *end = text + size; line < end;) {
        const char *stop = memchr(line, '\n', (gsize)(end - line));
        gsize length = stop ? (gsize)(stop - line) : 0, object = stop ? object_size(line, length) : 0;
        if (object == 0 || memchr(line, '\0', length)) {
            fault_set(error, FAULT_SOURCE, "the list of refs is not what git prints");
            return NULL;
        }
        take(refs, line, object, length);
        if (refs->len > max) {
            fault_set(error, FAULT_SOURCE, "more than %u refs", max);
            return NULL;
        }
        line = stop + 1;
    }
    return g_steal_pointer(&refs);
}
