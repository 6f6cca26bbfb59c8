/* SPDX-License-Identifier: Apache-2.0 */
/* What errors about keys say: foreign text made safe to print, types and values in words, the nearest known word. */
#include "model/schema_words.h"

#include "base/fault.h"

#include <string.h>

gint64 schema_upper_bound(const Key *key)
{
    return key->min == 0 && key->max == 0 ? G_MAXINT64 : key->max;
}

#define QUOTE_MAX 60

char *schema_quote(const char *text)
{
    GString *quoted = g_string_new("'");
    for (const char *p = text; *p;) {
        if (quoted->len > QUOTE_MAX) {
            g_string_append(quoted, "...");
            break;
        }
        gunichar c = g_utf8_get_char_validated(p, -1);
        if (c >= (gunichar)-2 || !g_unichar_isprint(c)) {
            g_string_append_printf(quoted, "\\x%02x", (guchar)*p++);
            continue;
        }
        g_string_append_unichar(quoted, c);
        p = g_utf8_next_char(p);
    }
    g_string_append_c(quoted, '\'');
    return g_string_free(quoted, FALSE);
}

gboolean schema_fault(GError **error, int fault_code, const char *name, guint line, guint column, const char *format,
                      ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    if (line == 0)
        return fault_set(error, (enum fault_code)fault_code, "%s: %s", name, text);
    return fault_set(error, (enum fault_code)fault_code, "%s:%u:%u: %s", name, line, column, text);
}

/* "a whole number from 1 to 50", "a time of at least 1s, such as 30s, 5m or 2h". */
static char *describe_number(const Key *key, const char *what, char *(*show)(gint64), const char *examples)
{
    g_autofree char *low = show(key->min), *high = show(schema_upper_bound(key));
    if (schema_upper_bound(key) != G_MAXINT64)
        return g_strdup_printf("%s from %s to %s%s", what, low, high, examples);
    if (key->min > 0 || !*examples)
        return g_strdup_printf("%s of at least %s%s", what, low, examples);
    return g_strconcat(what, examples + 1, NULL);
}

static char *show_number(gint64 number)
{
    return g_strdup_printf("%" G_GINT64_FORMAT, number);
}

char *schema_describe_words(const char *const *words)
{
    GString *text = g_string_new(words[0]);
    for (guint i = 1; words[i]; i++)
        g_string_append_printf(text, "%s%s", words[i + 1] ? ", " : " or ", words[i]);
    return g_string_free(text, FALSE);
}

char *schema_describe_type(const Key *key)
{
    switch (key->type) {
    case KEY_BOOL:
        return g_strdup("true or false");
    case KEY_INT:
        return describe_number(key, "a whole number", show_number, "");
    case KEY_DURATION:
        return describe_number(key, "a time", duration_format, ", such as 30s, 5m or 2h");
    case KEY_SIZE:
        return describe_number(key, "a size", size_format, ", such as 10MB or 1GiB");
    case KEY_ENUM:
        return schema_describe_words(key->words);
    case KEY_VERSION:
        return g_strdup("a version such as 2.1.0");
    case KEY_RANGE:
        return g_strdup("a range of versions such as >=2.0.0 <3");
    case KEY_PATH:
        return g_strdup("a relative path that stays inside");
    case KEY_ABSOLUTE:
        return g_strdup("an absolute path without '..'");
    case KEY_TEXTS:
        return g_strdup("a list of texts");
    case KEY_TABLES:
        return g_strdup("a list of maps");
    case KEY_TEXT_MAP:
    case KEY_TEXTS_MAP:
    case KEY_TABLE:
    case KEY_TABLE_MAP:
        return g_strdup("a map");
    case KEY_TEXT:
        if (key->words)
            return schema_describe_words(key->words);
        break;
    case KEY_VALUE:
    case KEY_NODE:
        break;
    }
    return g_strdup("a text");
}

/* What a node is, in words: texts that look like what was wanted are called texts, so that the quotes can be seen. */
char *schema_describe_node(const Node *node)
{
    if (node->kind == NODE_LIST)
        return g_strdup("a list");
    if (node->kind == NODE_MAP)
        return g_strdup("a map");
    if (node_is_null(node))
        return g_strdup("nothing");
    g_autofree char *quoted = schema_quote(node->text);
    gboolean text = node->type == SCALAR_STRING;
    gboolean looks_otherwise =
        g_ascii_isdigit(*node->text) || g_str_equal(node->text, "true") || g_str_equal(node->text, "false");
    return g_strconcat(text && looks_otherwise ? "the text " : "", quoted, NULL);
}

#define WORD_MAX 64

/* Edits between two words; two letters swapped count once, as they are one slip of the hand. */
static guint edit_distance(const char *a, gsize a_length, const char *b, gsize b_length)
{
    guint rows[3][WORD_MAX + 1];
    guint *before = rows[0], *last = rows[1], *now = rows[2];
    for (guint j = 0; j <= b_length; j++)
        last[j] = j;
    for (gsize i = 1; i <= a_length; i++) {
        now[0] = (guint)i;
        for (gsize j = 1; j <= b_length; j++) {
            guint best = last[j - 1] + (a[i - 1] != b[j - 1]);
            best = MIN(best, MIN(last[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                best = MIN(best, before[j - 2] + 1);
            now[j] = best;
        }
        guint *free_row = before;
        before = last;
        last = now;
        now = free_row;
    }
    return last[b_length];
}

const char *schema_nearest(const char *word, const char *const *words)
{
    gsize length = strnlen(word, WORD_MAX + 1);
    guint best = (length <= 4 ? 1 : 2) + 1;
    const char *nearest = NULL;
    for (; length <= WORD_MAX && *words; words++) {
        gsize other = strnlen(*words, WORD_MAX + 1);
        if (other > WORD_MAX)
            continue;
        guint distance = edit_distance(word, length, *words, other);
        if (distance < best) {
            best = distance;
            nearest = *words;
        }
    }
    return nearest;
}
