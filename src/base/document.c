/* SPDX-License-Identifier: Apache-2.0 */
/* Documents: the limits that hold for every language, looking into nodes and making them. */
#include "base/document_reader.h"

#include "base/fault.h"
#include "base/toml.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Characters of a key or value that a fault quotes before it cuts. */
#define QUOTE_MAX_CHARS 60

static void entry_free(gpointer data)
{
    Entry *entry = data;
    g_free(entry->key);
    node_free(entry->value);
    g_free(entry);
}

static void item_free(gpointer data)
{
    node_free(data);
}

void node_free(Node *node)
{
    if (!node)
        return;
    g_free(node->text);
    g_clear_pointer(&node->items, g_ptr_array_unref);
    g_free(node);
}

static Node *node_new(NodeKind kind)
{
    Node *node = g_new0(Node, 1);
    node->kind = kind;
    if (kind != NODE_SCALAR)
        node->items = g_ptr_array_new_with_free_func(kind == NODE_MAP ? entry_free : item_free);
    return node;
}

/* --- shared by the readers ---------------------------------------------------------------------------------- */

gboolean reading_fault(const Reading *reading, guint line, guint column, GError **error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *what = g_strdup_vprintf(format, args);
    va_end(args);
    return fault_set(error, (enum fault_code)reading->code, "%s:%u:%u: %s", reading->name, line, column, what);
}

void reading_position(const Reading *reading, gsize offset, guint *line, guint *column)
{
    *line = 1;
    *column = 1;
    for (gsize i = 0; i < offset && i < reading->size; i++) {
        unsigned char byte = (unsigned char)reading->bytes[i];
        if (byte == '\n') {
            (*line)++;
            *column = 1;
        } else if ((byte & 0xc0) != 0x80) {
            (*column)++;
        }
    }
}

gboolean reading_check(const Reading *reading, GError **error)
{
    gsize max_bytes = reading->max_bytes ? reading->max_bytes : DOCUMENT_MAX_BYTES;
    if (reading->size > max_bytes)
        return fault_set(error, (enum fault_code)reading->code, "%s:1:1: larger than %" G_GSIZE_FORMAT " MiB",
                         reading->name, max_bytes >> 20);
    if (reading->size >= 3 && memcmp(reading->bytes, "\xef\xbb\xbf", 3) == 0) {
        reading_fault(reading, 1, 1, error, "begins with a byte order mark");
        return fault_hint(error, "save it as UTF-8 without a byte order mark");
    }
    const char *end = NULL;
    if (reading->size == 0 || g_utf8_validate_len(reading->bytes, reading->size, &end))
        return TRUE;
    guint line, column;
    reading_position(reading, (gsize)(end - reading->bytes), &line, &column);
    return reading_fault(reading, line, column, error, *end ? "not valid UTF-8" : "a NUL byte is not allowed");
}

gboolean reading_count(Reading *reading, guint line, guint column, GError **error)
{
    guint max_nodes = reading->max_nodes ? reading->max_nodes : DOCUMENT_MAX_NODES;
    return ++reading->n_nodes <= max_nodes ||
           reading_fault(reading, line, column, error, "more than %u values", max_nodes);
}

Node *reading_node(Reading *reading, NodeKind kind, ScalarType type, char *text, guint line, guint column,
                   GError **error)
{
    if (!reading_count(reading, line, column, error)) {
        g_free(text);
        return NULL;
    }
    Node *node = node_new(kind);
    node->type = type;
    node->text = text;
    node->line = line;
    node->column = column;
    return node;
}

gboolean reading_check_depth(const Reading *reading, guint depth, guint line, guint column, GError **error)
{
    guint max_depth = reading->max_depth ? reading->max_depth : DOCUMENT_MAX_DEPTH;
    return depth < max_depth || reading_fault(reading, line, column, error, "nested deeper than %u levels", max_depth);
}

void reading_add(Node *map, char *key, guint line, guint column, Node *value)
{
    Entry *entry = g_new(Entry, 1);
    *entry = (Entry){.key = key, .line = line, .column = column, .value = value};
    g_ptr_array_add(map->items, entry);
}

typedef struct Place {
    const Entry *entry;
    guint index;
} Place;

static int place_compare(const void *a, const void *b)
{
    const Place *x = a, *y = b;
    int order = strcmp(x->entry->key, y->entry->key);
    return order ? order : (x->index > y->index) - (x->index < y->index);
}

/* Sorted, not hashed: whoever wrote the text could choose keys of one hash. */
gboolean reading_check_keys(const Reading *reading, const Node *map, GError **error)
{
    guint n = map->items->len;
    if (n < 2)
        return TRUE;
    g_autofree Place *places = g_new(Place, n);
    for (guint i = 0; i < n; i++)
        places[i] = (Place){g_ptr_array_index(map->items, i), i};
    qsort(places, n, sizeof *places, place_compare);
    const Place *again = NULL, *first = NULL;
    for (guint i = 1; i < n; i++) {
        if (strcmp(places[i].entry->key, places[i - 1].entry->key) == 0 && (!again || places[i].index < again->index)) {
            again = &places[i];
            first = &places[i - 1];
        }
    }
    if (!again)
        return TRUE;
    g_autofree char *key = reading_quote(again->entry->key);
    return reading_fault(reading, again->entry->line, again->entry->column, error, "the key %s appears twice (line %u)",
                         key, first->entry->line);
}

char *reading_quote(const char *text)
{
    GString *quoted = g_string_new("\"");
    glong n_chars = 0;
    for (const char *at = text; *at; at = g_utf8_next_char(at)) {
        if (++n_chars > QUOTE_MAX_CHARS) {
            g_string_append(quoted, "...");
            break;
        }
        gunichar c = g_utf8_get_char(at);
        if (c == '"' || c == '\\')
            g_string_append_printf(quoted, "\\%c", (char)c);
        else if (g_unichar_isprint(c))
            g_string_append_unichar(quoted, c);
        else
            g_string_append_printf(quoted, c > 0xffff ? "\\U%08X" : "\\u%04X", c);
    }
    g_string_append_c(quoted, '"');
    return g_string_free(quoted, FALSE);
}

/* --- reading ------------------------------------------------------------------------------------------------ */

Node *document_parse(DocumentLanguage language, const char *bytes, gsize size, const char *name, int fault_code,
                     GError **error)
{
    if (language == DOCUMENT_TOML) {
        g_autoptr(TomlText) text = toml_parse(bytes, size, name, fault_code, error);
        return text ? toml_to_node(text) : NULL;
    }
    Reading reading = {.bytes = bytes, .size = size, .name = name, .code = fault_code};
    if (!reading_check(&reading, error))
        return NULL;
    return language == DOCUMENT_YAML ? document_parse_yaml(&reading, error) : document_parse_json(&reading, error);
}

static gboolean language_of(const char *path, DocumentLanguage *language)
{
    static const struct {
        const char *suffix;
        DocumentLanguage language;
    } rows[] = {
        {".yaml", DOCUMENT_YAML},
        {".yml", DOCUMENT_YAML},
        {".json", DOCUMENT_JSON},
        {".toml", DOCUMENT_TOML},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (g_str_has_suffix(path, rows[i].suffix)) {
            *language = rows[i].language;
            return TRUE;
        }
    }
    return FALSE;
}

/* One byte more than allowed is enough to know that a file is too large, however long it is or grows. */
static char *read_at_most(int fd, gsize *size, const char *path, GError **error)
{
    gsize room = DOCUMENT_MAX_BYTES + 1;
    g_autofree char *bytes = g_malloc(room);
    *size = 0;
    while (*size < room) {
        gssize n = read(fd, bytes + *size, room - *size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            fault_errno(error, FAULT_SYSTEM, errno, "read %s", path);
            return NULL;
        }
        if (n == 0)
            break;
        *size += (gsize)n;
    }
    return g_steal_pointer(&bytes);
}

Node *document_read_file(const char *path, int fault_code, GError **error)
{
    DocumentLanguage language = DOCUMENT_YAML;
    if (!language_of(path, &language)) {
        fault_set(error, (enum fault_code)fault_code, "%s: its name does not end in .yaml, .yml, .json or .toml", path);
        return NULL;
    }
    /* Non-blocking: a FIFO put in the file's place must not hang us. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        if (errno == ENOENT || errno == ENOTDIR)
            fault_set(error, FAULT_ABSENT, "%s does not exist", path);
        else
            fault_errno(error, FAULT_SYSTEM, errno, "open %s", path);
        return NULL;
    }
    struct stat info;
    g_autofree char *bytes = NULL;
    gsize size = 0;
    if (fstat(fd, &info) < 0)
        fault_errno(error, FAULT_SYSTEM, errno, "stat %s", path);
    else if (!S_ISREG(info.st_mode))
        fault_set(error, (enum fault_code)fault_code, "%s is not a regular file", path);
    else
        bytes = read_at_most(fd, &size, path, error);
    close(fd);
    return bytes ? document_parse(language, bytes, size, path, fault_code, error) : NULL;
}

/* --- looking ------------------------------------------------------------------------------------------------ */

static Entry *find_entry(const Node *map, const char *key)
{
    for (guint i = 0; map && map->kind == NODE_MAP && i < map->items->len; i++) {
        Entry *entry = g_ptr_array_index(map->items, i);
        if (strcmp(entry->key, key) == 0)
            return entry;
    }
    return NULL;
}

const Node *node_get(const Node *map, const char *key)
{
    const Entry *entry = find_entry(map, key);
    return entry ? entry->value : NULL;
}

const char *node_get_text(const Node *map, const char *key, const char *fallback)
{
    const Node *node = node_get(map, key);
    return node && node->kind == NODE_SCALAR && !node_is_null(node) ? node->text : fallback;
}

gint64 node_get_int(const Node *map, const char *key, gint64 fallback)
{
    node_as_int(node_get(map, key), &fallback);
    return fallback;
}

gboolean node_get_bool(const Node *map, const char *key, gboolean fallback)
{
    node_as_bool(node_get(map, key), &fallback);
    return fallback;
}

/* One reference token: up to the next '/', with ~1 and ~0 decoded. NULL if an escape is wrong. */
static char *pointer_token(const char **at)
{
    GString *token = g_string_new(NULL);
    for (; **at && **at != '/'; (*at)++) {
        if (**at != '~') {
            g_string_append_c(token, **at);
        } else if ((*at)[1] == '0' || (*at)[1] == '1') {
            (*at)++;
            g_string_append_c(token, **at == '0' ? '~' : '/');
        } else {
            g_string_free(token, TRUE);
            return NULL;
        }
    }
    return g_string_free(token, FALSE);
}

static const Node *list_item(const Node *list, const char *index)
{
    guint64 n = 0;
    gboolean canonical = g_ascii_isdigit(index[0]) && (index[0] != '0' || !index[1]);
    if (!canonical || !g_ascii_string_to_unsigned(index, 10, 0, G_MAXUINT, &n, NULL) || n >= list->items->len)
        return NULL;
    return g_ptr_array_index(list->items, n);
}

const Node *node_pointer(const Node *node, const char *pointer)
{
    const char *at = pointer;
    while (node && *at) {
        if (*at++ != '/')
            return NULL;
        g_autofree char *token = pointer_token(&at);
        if (!token || node->kind == NODE_SCALAR)
            return NULL;
        node = node->kind == NODE_MAP ? node_get(node, token) : list_item(node, token);
    }
    return node;
}

gboolean node_as_int(const Node *node, gint64 *value)
{
    if (!node || node->kind != NODE_SCALAR || (node->type != SCALAR_INTEGER && node->type != SCALAR_PLAIN))
        return FALSE;
    const char *digits = node->text;
    if (*digits == '+' || *digits == '-')
        digits++;
    if (!*digits || strspn(digits, "0123456789") != strlen(digits))
        return FALSE;
    errno = 0;
    gint64 number = g_ascii_strtoll(node->text, NULL, 10);
    if (errno == ERANGE)
        return FALSE;
    *value = number;
    return TRUE;
}

static gboolean is_one_of(const char *text, const char *const *words)
{
    return g_strv_contains(words, text);
}

gboolean node_as_bool(const Node *node, gboolean *value)
{
    static const char *const yes[] = {"true", "True", "TRUE", NULL}, *const no[] = {"false", "False", "FALSE", NULL};
    if (!node || node->kind != NODE_SCALAR || (node->type != SCALAR_BOOLEAN && node->type != SCALAR_PLAIN))
        return FALSE;
    gboolean is_yes = is_one_of(node->text, yes);
    if (!is_yes && !is_one_of(node->text, no))
        return FALSE;
    *value = is_yes;
    return TRUE;
}

gboolean node_is_null(const Node *node)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL", NULL};
    if (!node || node->kind != NODE_SCALAR)
        return FALSE;
    return node->type == SCALAR_NULL || (node->type == SCALAR_PLAIN && is_one_of(node->text, words));
}

/* --- making ------------------------------------------------------------------------------------------------- */

Node *node_copy(const Node *node)
{
    Node *copy = node_new(node->kind);
    copy->type = node->type;
    copy->line = node->line;
    copy->column = node->column;
    copy->text = g_strdup(node->text);
    for (guint i = 0; node->kind != NODE_SCALAR && i < node->items->len; i++) {
        const Entry *entry = node->kind == NODE_MAP ? g_ptr_array_index(node->items, i) : NULL;
        Node *child = node_copy(entry ? entry->value : g_ptr_array_index(node->items, i));
        if (entry)
            reading_add(copy, g_strdup(entry->key), entry->line, entry->column, child);
        else
            g_ptr_array_add(copy->items, child);
    }
    return copy;
}

Node *node_new_map(void)
{
    return node_new(NODE_MAP);
}

Node *node_new_list(void)
{
    return node_new(NODE_LIST);
}

Node *node_new_scalar(ScalarType type, const char *text)
{
    Node *node = node_new(NODE_SCALAR);
    node->type = type;
    node->text = g_strdup(text ? text : "");
    return node;
}

void node_append(Node *list, Node *item)
{
    g_return_if_fail(list && list->kind == NODE_LIST && item);
    g_ptr_array_add(list->items, item);
}

void node_set(Node *map, const char *key, Node *value)
{
    g_return_if_fail(map && map->kind == NODE_MAP && value);
    Entry *entry = find_entry(map, key);
    if (!entry) {
        reading_add(map, g_strdup(key), 0, 0, value);
        return;
    }
    node_free(entry->value);
    entry->value = value;
}

void node_set_text(Node *map, const char *key, const char *text)
{
    node_set(map, key, text ? node_new_scalar(SCALAR_STRING, text) : node_new_scalar(SCALAR_NULL, "null"));
}

void node_set_int(Node *map, const char *key, gint64 value)
{
    g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, value);
    node_set(map, key, node_new_scalar(SCALAR_INTEGER, text));
}

void node_set_bool(Node *map, const char *key, gboolean value)
{
    node_set(map, key, node_new_scalar(SCALAR_BOOLEAN, value ? "true" : "false"));
}
