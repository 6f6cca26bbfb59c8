/* SPDX-License-Identifier: Apache-2.0 */
/* Canonical JSON: what the strict reader refuses beyond the reader of documents, and the writer. */
#include "base/canonical.h"

#include "base/document_reader.h"
#include "base/fault.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- reading ------------------------------------------------------------------------------------------------ */

static gboolean fits_int64(const char *text)
{
    char *end = NULL;
    errno = 0;
    g_ascii_strtoll(text, &end, 10);
    return errno == 0 && *end == '\0';
}

/* Nothing below may mean one thing to us and another to who signed it. */
static gboolean check_numbers(const Reading *reading, const Node *node, GError **error)
{
    if (node->kind == NODE_SCALAR) {
        if (node->type == SCALAR_FLOAT)
            return reading_fault(reading, node->line, node->column, error, "a number with a fraction or an exponent");
        if (node->type != SCALAR_INTEGER)
            return TRUE;
        if (g_str_equal(node->text, "-0"))
            return reading_fault(reading, node->line, node->column, error, "-0 is no integer");
        return fits_int64(node->text) ||
               reading_fault(reading, node->line, node->column, error, "an integer of more than 64 bits");
    }
    for (guint i = 0; i < node->items->len; i++) {
        const Node *child = node->kind == NODE_MAP ? ((const Entry *)g_ptr_array_index(node->items, i))->value
                                                   : g_ptr_array_index(node->items, i);
        if (!check_numbers(reading, child, error))
            return FALSE;
    }
    return TRUE;
}

static Node *read_strictly(Reading *reading, GError **error)
{
    reading->max_bytes = CANONICAL_MAX_BYTES;
    reading->max_nodes = CANONICAL_MAX_NODES;
    reading->max_depth = CANONICAL_MAX_DEPTH;
    g_autoptr(Node) node = reading_check(reading, error) ? document_parse_json(reading, error) : NULL;
    return node && check_numbers(reading, node, error) ? g_steal_pointer(&node) : NULL;
}

Node *canonical_read(const char *bytes, gsize size, const char *name, int fault_code, GError **error)
{
    Reading reading = {.bytes = bytes, .size = size, .name = name, .code = fault_code};
    return read_strictly(&reading, error);
}

Node *canonical_read_exact(const char *bytes, gsize size, const char *name, int fault_code, GError **error)
{
    Reading reading = {.bytes = bytes, .size = size, .name = name, .code = fault_code, .raw = TRUE};
    g_autoptr(Node) node = read_strictly(&reading, error);
    if (!node)
        return NULL;
    gsize again_size = 0;
    g_autofree char *again = canonical_write(node, &again_size);
    if (again_size == size && memcmp(again, bytes, size) == 0)
        return g_steal_pointer(&node);
    reading_fault(&reading, 1, 1, error, "not in canonical form");
    return NULL;
}

/* --- writing ------------------------------------------------------------------------------------------------ */

static void write_node(GString *out, const Node *node);

static void write_string(GString *out, const char *text)
{
    g_string_append_c(out, '"');
    for (const char *at = text; *at;) {
        gsize plain = strcspn(at, "\"\\");
        g_string_append_len(out, at, (gssize)plain);
        at += plain;
        if (*at) {
            g_string_append_c(out, '\\');
            g_string_append_c(out, *at++);
        }
    }
    g_string_append_c(out, '"');
}

static int compare_keys(const void *a, const void *b)
{
    const Entry *const *x = a, *const *y = b;
    return strcmp((*x)->key, (*y)->key);
}

static void write_map(GString *out, const Node *map)
{
    guint n = map->items->len;
    g_autofree const Entry **entries = g_new(const Entry *, n + 1);
    for (guint i = 0; i < n; i++)
        entries[i] = g_ptr_array_index(map->items, i);
    qsort(entries, n, sizeof *entries, compare_keys);
    g_string_append_c(out, '{');
    for (guint i = 0; i < n; i++) {
        if (i)
            g_string_append_c(out, ',');
        write_string(out, entries[i]->key);
        g_string_append_c(out, ':');
        write_node(out, entries[i]->value);
    }
    g_string_append_c(out, '}');
}

static void write_node(GString *out, const Node *node)
{
    if (node->kind == NODE_MAP) {
        write_map(out, node);
    } else if (node->kind == NODE_LIST) {
        g_string_append_c(out, '[');
        for (guint i = 0; i < node->items->len; i++) {
            if (i)
                g_string_append_c(out, ',');
            write_node(out, g_ptr_array_index(node->items, i));
        }
        g_string_append_c(out, ']');
    } else if (node->type == SCALAR_PLAIN || node->type == SCALAR_STRING || node->type == SCALAR_DATETIME) {
        write_string(out, node->text);
    } else {
        g_assert(node->type != SCALAR_FLOAT);
        g_string_append(out, node->text);
    }
}

char *canonical_write(const Node *node, gsize *size)
{
    GString *out = g_string_new(NULL);
    write_node(out, node);
    if (size)
        *size = out->len;
    return g_string_free(out, FALSE);
}
