/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/version_edit.h"

#include "base/fault.h"

#include <string.h>

/* Where the value stands: the reader says line and column, and columns count characters. `size` if it is beyond. */
static gsize offset_of(const char *bytes, gsize size, guint line, guint column)
{
    gsize at = 0;
    for (; line > 1 && at < size; at++)
        line -= bytes[at] == '\n';
    for (; column > 1 && at < size; column--)
        do
            at++;
        while (at < size && ((guchar)bytes[at] & 0xc0) == 0x80);
    return at;
}

/* The bytes of a value that is written as it is read: in plain letters, or in one pair of quotes without escapes. */
static gboolean find_value(const char *bytes, gsize size, const Node *value, gsize *start, gsize *length)
{
    gsize at = offset_of(bytes, size, value->line, value->column), text = strlen(value->text);
    gboolean quoted = at < size && (bytes[at] == '"' || bytes[at] == '\'');
    if (at + text + (quoted ? 2 : 0) > size || memcmp(bytes + at + quoted, value->text, text) != 0)
        return FALSE;
    if (quoted && bytes[at + 1 + text] != bytes[at])
        return FALSE;
    *start = at + quoted;
    *length = text;
    return text > 0;
}

/* Readers of YAML that know types make numbers and dates of such texts: 1.10, 2e5, 2026-11-20. */
static gboolean needs_quotes(const char *text)
{
    return strchr(text, '.') == strrchr(text, '.');
}

static gboolean same_scalars(const Node *a, const Node *b)
{
    return a->kind == NODE_SCALAR && a->type == b->type && strcmp(a->text, b->text) == 0;
}

static gboolean same_nodes(const Node *a, const Node *b);

static gboolean same_entries(const Entry *a, const Entry *b, const char *changed)
{
    if (strcmp(a->key, b->key) != 0)
        return FALSE;
    return changed && strcmp(a->key, "version") == 0
               ? b->value->kind == NODE_SCALAR && strcmp(b->value->text, changed) == 0
               : same_nodes(a->value, b->value);
}

/* Deep as the reader's limit at most. */
static gboolean same_nodes(const Node *a, const Node *b)
{
    if (a->kind != b->kind)
        return FALSE;
    if (a->kind == NODE_SCALAR)
        return same_scalars(a, b);
    gboolean same = a->items->len == b->items->len;
    for (guint i = 0; same && i < a->items->len; i++)
        same = a->kind == NODE_MAP ? same_entries(a->items->pdata[i], b->items->pdata[i], NULL)
                                   : same_nodes(a->items->pdata[i], b->items->pdata[i]);
    return same;
}

static gboolean only_version_differs(const Node *old, const Node *new, const char *version)
{
    gboolean same = new &&new->kind == NODE_MAP && old->items->len == new->items->len;
    for (guint i = 0; same && i < old->items->len; i++)
        same = same_entries(old->items->pdata[i], new->items->pdata[i], version);
    return same;
}

static gboolean refuse(const char *name, const Node *at, const char *what, const char *version, GError **error)
{
    fault_set(error, FAULT_MANIFEST, "%s:%u:%u: %s", name, at->line, at->column, what);
    return fault_hint(error, "write 'version' on one line, as %s", version);
}

char *version_edit(DocumentLanguage language, const char *bytes, gsize size, const char *name, const char *version,
                   gsize *new_size, GError **error)
{
    static const char odd[] = "the version is written in a way that cannot be edited safely";
    g_autoptr(Node) document = document_parse(language, bytes, size, name, FAULT_MANIFEST, error);
    const Node *value = document ? node_get(document, "version") : NULL;
    gsize start = 0, length = 0;
    if (!document)
        return NULL;
    if (!value || value->kind != NODE_SCALAR) {
        refuse(name, value ? value : document, value ? odd : "there is no 'version'", version, error);
        return NULL;
    }
    if (!find_value(bytes, size, value, &start, &length)) {
        refuse(name, value, odd, version, error);
        return NULL;
    }
    g_autoptr(GString) edited = g_string_new_len(bytes, (gssize)start);
    gboolean quote = value->type == SCALAR_PLAIN && needs_quotes(version);
    g_string_append_printf(edited, quote ? "\"%s\"" : "%s", version);
    g_string_append_len(edited, bytes + start + length, (gssize)(size - start - length));
    g_autoptr(Node) again = document_parse(language, edited->str, edited->len, name, FAULT_MANIFEST, NULL);
    if (!only_version_differs(document, again, version)) {
        refuse(name, value, odd, version, error);
        return NULL;
    }
    *new_size = edited->len;
    return g_string_free(g_steal_pointer(&edited), FALSE);
}
