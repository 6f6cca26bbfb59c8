/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Documents as records: one line a node, parents before children, seven fields with one space between them:
 *
 *     DEPTH KIND TYPE LINE COLUMN KEY TEXT
 *
 * DEPTH 0 is the root; KIND is s, l or m (scalar, list, map); TYPE one letter of `types`, "-" for lists and maps; KEY
 * is LINE:COLUMN:NAME below a map, "-" elsewhere; TEXT is empty for lists and maps. In name and text every byte but
 * printable ASCII without '%' is %XX. There is one way to write a document and the reader takes no other, for who
 * writes may have been taken over by what it parsed.
 */
#include "base/document_reader.h"

#include "base/fault.h"

#include <stdarg.h>
#include <string.h>

/* Room for any document that the readers admit with every byte escaped, and then some. */
#define RECORDS_MAX_BYTES (16 * 1024 * 1024)

static const char kinds[] = "slm";     /* by NodeKind */
static const char types[] = "psifbdn"; /* by ScalarType */

/* --- writing ------------------------------------------------------------------------------------------------ */

static gboolean stays(unsigned char byte)
{
    return byte > 0x20 && byte < 0x7f && byte != '%';
}

static void write_escaped(GString *out, const char *text)
{
    for (const char *at = text; *at; at++) {
        unsigned char byte = (unsigned char)*at;
        if (stays(byte))
            g_string_append_c(out, (char)byte);
        else
            g_string_append_printf(out, "%%%02X", byte);
    }
}

static void write_record(GString *out, const Node *node, const Entry *entry, guint depth)
{
    gboolean scalar = node->kind == NODE_SCALAR;
    g_string_append_printf(out, "%u %c %c %u %u ", depth, kinds[node->kind], scalar ? types[node->type] : '-',
                           node->line, node->column);
    if (entry) {
        g_string_append_printf(out, "%u:%u:", entry->line, entry->column);
        write_escaped(out, entry->key);
    } else {
        g_string_append_c(out, '-');
    }
    g_string_append_c(out, ' ');
    if (scalar)
        write_escaped(out, node->text);
    g_string_append_c(out, '\n');
    for (guint i = 0; !scalar && i < node->items->len; i++) {
        const Entry *child = node->kind == NODE_MAP ? g_ptr_array_index(node->items, i) : NULL;
        write_record(out, child ? child->value : g_ptr_array_index(node->items, i), child, depth + 1);
    }
}

char *node_to_records(const Node *node)
{
    GString *out = g_string_new(NULL);
    write_record(out, node, NULL, 0);
    return g_string_free(out, FALSE);
}

/* --- reading ------------------------------------------------------------------------------------------------ */

typedef struct Records {
    const char *at, *end;
    guint line;
    Reading reading; /* counts nodes, names the text */
    Node *open[DOCUMENT_MAX_DEPTH];
    guint n_open;
} Records;

static gboolean damaged(const Records *records, GError **error, const char *what)
{
    return fault_set(error, FAULT_STATE, "records:%u: %s", records->line, what);
}

/* Decimal, in the one way to write it. */
static gboolean read_uint(Records *records, char closing, guint *value)
{
    const char *start = records->at;
    guint64 number = 0;
    while (records->at < records->end && g_ascii_isdigit(*records->at)) {
        number = number * 10 + (guint64)(*records->at++ - '0');
        if (number > G_MAXUINT)
            return FALSE;
    }
    gsize n_digits = (gsize)(records->at - start);
    if (n_digits == 0 || (n_digits > 1 && *start == '0') || records->at == records->end || *records->at != closing)
        return FALSE;
    records->at++;
    *value = (guint)number;
    return TRUE;
}

static int upper_hex(char c)
{
    return c >= 'a' && c <= 'f' ? -1 : g_ascii_xdigit_value(c);
}

/* NULL if the bytes up to `closing` are no escaped UTF-8 text. */
static char *read_escaped(Records *records, char closing)
{
    g_autoptr(GString) text = g_string_new(NULL);
    while (records->at < records->end && *records->at != closing) {
        unsigned char byte = (unsigned char)*records->at++;
        if (byte == '%') {
            int high = records->end - records->at >= 2 ? upper_hex(records->at[0]) : -1;
            int low = high >= 0 ? upper_hex(records->at[1]) : -1;
            if (low < 0 || stays((unsigned char)(high * 16 + low)))
                return NULL;
            byte = (unsigned char)(high * 16 + low);
            records->at += 2;
        } else if (!stays(byte)) {
            return NULL;
        }
        g_string_append_c(text, (char)byte);
    }
    if (records->at == records->end || (text->len && !g_utf8_validate_len(text->str, text->len, NULL)))
        return NULL;
    records->at++;
    return g_strdup(text->str);
}

/* One letter of `letters` and a space; its index, or -1. */
static int read_letter(Records *records, const char *letters)
{
    if (records->end - records->at < 2 || records->at[1] != ' ' || !records->at[0])
        return -1;
    const char *letter = strchr(letters, records->at[0]);
    records->at += 2;
    return letter ? (int)(letter - letters) : -1;
}

/* Closes all lists and maps from this depth on; a map is checked when nothing can come into it any more. */
static gboolean close_from(Records *records, guint depth, GError **error)
{
    while (records->n_open > depth) {
        const Node *closed = records->open[--records->n_open];
        if (closed->kind == NODE_MAP && !reading_check_keys(&records->reading, closed, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean read_key(Records *records, const Node *parent, char **key, guint *line, guint *column)
{
    if (!parent || parent->kind != NODE_MAP) {
        gboolean dash = records->end - records->at >= 2 && records->at[0] == '-' && records->at[1] == ' ';
        records->at += dash ? 2 : 0;
        return dash;
    }
    if (!read_uint(records, ':', line) || !read_uint(records, ':', column))
        return FALSE;
    *key = read_escaped(records, ' ');
    return *key != NULL;
}

/* Gives the node its place; takes node and key. */
static void place(Records *records, Node *node, char *key, guint line, guint column, Node **root)
{
    Node *parent = records->n_open ? records->open[records->n_open - 1] : NULL;
    if (!parent)
        *root = node;
    else if (parent->kind == NODE_LIST)
        g_ptr_array_add(parent->items, node);
    else
        reading_add(parent, key, line, column, node);
    if (node->kind != NODE_SCALAR)
        records->open[records->n_open++] = node;
}

static gboolean read_record(Records *records, Node **root, GError **error)
{
    guint depth, line, column, key_line = 0, key_column = 0;
    if (!read_uint(records, ' ', &depth))
        return damaged(records, error, "no depth");
    if ((depth == 0) != (records->reading.n_nodes == 0) || depth > records->n_open)
        return damaged(records, error, "wrong depth");
    if (!close_from(records, depth, error))
        return FALSE;
    const Node *parent = depth ? records->open[depth - 1] : NULL;
    int kind = read_letter(records, kinds);
    int type = kind < 0 ? -1 : read_letter(records, kind == NODE_SCALAR ? types : "-");
    if (type < 0)
        return damaged(records, error, "unknown kind or type");
    if (!read_uint(records, ' ', &line) || !read_uint(records, ' ', &column))
        return damaged(records, error, "no position");
    g_autofree char *key = NULL;
    if (!read_key(records, parent, &key, &key_line, &key_column))
        return damaged(records, error, "wrong key");
    g_autofree char *text = read_escaped(records, '\n');
    if (!text || (kind != NODE_SCALAR && *text))
        return damaged(records, error, "wrong text");
    if (kind != NODE_SCALAR && depth >= DOCUMENT_MAX_DEPTH)
        return damaged(records, error, "nested too deep");
    if (records->reading.n_nodes >= DOCUMENT_MAX_NODES)
        return damaged(records, error, "too many nodes");
    Node *node = reading_node(&records->reading, (NodeKind)kind, kind == NODE_SCALAR ? (ScalarType)type : SCALAR_PLAIN,
                              kind == NODE_SCALAR ? g_steal_pointer(&text) : NULL, line, column, error);
    place(records, node, g_steal_pointer(&key), key_line, key_column, root);
    return TRUE;
}

Node *node_from_records(const char *bytes, gsize size, GError **error)
{
    Records records = {
        .at = bytes, .end = bytes + size, .line = 1, .reading = {.name = "records", .code = FAULT_STATE}};
    if (size > RECORDS_MAX_BYTES) {
        damaged(&records, error, "larger than 16 MiB");
        return NULL;
    }
    g_autoptr(Node) root = NULL;
    for (; records.at < records.end; records.line++) {
        if (!read_record(&records, &root, error))
            return NULL;
    }
    if (!root)
        damaged(&records, error, "empty");
    else if (close_from(&records, 0, error))
        return g_steal_pointer(&root);
    return NULL;
}
