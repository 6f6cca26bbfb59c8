/* SPDX-License-Identifier: Apache-2.0 */
/* TOML as tokens: every byte belongs to one. */
#include "base/toml_reader.h"

#include <stdarg.h>
#include <string.h>

int toml_peek(const TomlLexer *lexer, gsize ahead)
{
    gsize at = lexer->at + ahead;
    return at < lexer->reading->size ? (unsigned char)lexer->reading->bytes[at] : -1;
}

gboolean toml_at_newline(const TomlLexer *lexer)
{
    int c = toml_peek(lexer, 0);
    return c == '\n' || (c == '\r' && toml_peek(lexer, 1) == '\n');
}

gboolean toml_fault(const TomlLexer *lexer, GError **error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *what = g_strdup_vprintf(format, args);
    va_end(args);
    return reading_fault(lexer->reading, lexer->line, lexer->column, error, "%s", what);
}

gboolean toml_expected(const TomlLexer *lexer, const char *what, GError **error)
{
    if (toml_peek(lexer, 0) < 0)
        return toml_fault(lexer, error, "expected %s, found the end of the text", what);
    if (toml_at_newline(lexer))
        return toml_fault(lexer, error, "expected %s, found the end of the line", what);
    char one[7] = "";
    g_unichar_to_utf8(g_utf8_get_char(lexer->reading->bytes + lexer->at), one);
    g_autofree char *found = reading_quote(one);
    return toml_fault(lexer, error, "expected %s, found %s", what, found);
}

static void advance(TomlLexer *lexer, gsize n)
{
    for (gsize end = lexer->at + n; lexer->at < end; lexer->at++) {
        unsigned char byte = (unsigned char)lexer->reading->bytes[lexer->at];
        if (byte == '\n') {
            lexer->line++;
            lexer->column = 1;
        } else if ((byte & 0xc0) != 0x80) {
            lexer->column++;
        }
    }
}

/* A fault `ahead` of here. */
static gboolean fault_ahead(const TomlLexer *lexer, gsize ahead, GError **error, const char *what)
{
    TomlLexer there = *lexer;
    advance(&there, ahead);
    return toml_fault(&there, error, "%s", what);
}

static void take(TomlLexer *lexer, gsize size, TomlTokenKind kind)
{
    TomlToken token = {.kind = kind, .start = lexer->at, .size = size, .line = lexer->line, .column = lexer->column};
    g_array_append_val(lexer->tokens, token);
    advance(lexer, size);
}

void toml_take_space(TomlLexer *lexer)
{
    gsize size = 0;
    while (toml_peek(lexer, size) == ' ' || toml_peek(lexer, size) == '\t')
        size++;
    if (size)
        take(lexer, size, TOML_SPACE);
}

gboolean toml_take_byte(TomlLexer *lexer, char byte, TomlTokenKind kind)
{
    if (toml_peek(lexer, 0) != byte)
        return FALSE;
    take(lexer, 1, kind);
    return TRUE;
}

void toml_take_newline(TomlLexer *lexer)
{
    take(lexer, toml_peek(lexer, 0) == '\r' ? 2 : 1, TOML_NEWLINE);
}

static gboolean is_newline(const TomlLexer *lexer, gsize ahead)
{
    int c = toml_peek(lexer, ahead);
    return c == '\n' || (c == '\r' && toml_peek(lexer, ahead + 1) == '\n');
}

static gboolean is_control(int c)
{
    return (c >= 0 && c < 0x20 && c != '\t') || c == 0x7f;
}

static gboolean fault_control(const TomlLexer *lexer, gsize ahead, GError **error)
{
    g_autofree char *what =
        g_strdup_printf("the control character U+%04X is not allowed", (guint)toml_peek(lexer, ahead));
    return fault_ahead(lexer, ahead, error, what);
}

gboolean toml_take_comment(TomlLexer *lexer, GError **error)
{
    gsize size = 1;
    for (; toml_peek(lexer, size) >= 0 && !is_newline(lexer, size); size++) {
        if (is_control(toml_peek(lexer, size)))
            return fault_control(lexer, size, error);
    }
    take(lexer, size, TOML_COMMENT);
    return TRUE;
}

static gsize n_quotes(const TomlLexer *lexer, gsize ahead, int quote, gsize most)
{
    gsize n = 0;
    while (n < most && toml_peek(lexer, ahead + n) == quote)
        n++;
    return n;
}

static gboolean take_multiline(TomlLexer *lexer, int quote, GError **error)
{
    for (gsize size = 3;; size++) {
        int c = toml_peek(lexer, size);
        if (c < 0)
            return toml_fault(lexer, error, "the string never ends");
        if (c == quote && n_quotes(lexer, size, quote, 3) == 3) {
            /* Up to two quotes may stand right before the closing three. */
            size += n_quotes(lexer, size, quote, 5);
            take(lexer, size, quote == '"' ? TOML_BASIC_MULTILINE : TOML_LITERAL_MULTILINE);
            return TRUE;
        }
        if (c == '\\' && quote == '"' && (toml_peek(lexer, size + 1) == '"' || toml_peek(lexer, size + 1) == '\\'))
            size++;
        else if (is_newline(lexer, size))
            size += c == '\r';
        else if (is_control(c))
            return fault_control(lexer, size, error);
    }
}

static gboolean take_single_line(TomlLexer *lexer, int quote, GError **error)
{
    for (gsize size = 1;; size++) {
        int c = toml_peek(lexer, size);
        if (c < 0 || is_newline(lexer, size))
            return toml_fault(lexer, error, "the string does not end in its line");
        if (c == quote) {
            take(lexer, size + 1, quote == '"' ? TOML_BASIC_STRING : TOML_LITERAL_STRING);
            return TRUE;
        }
        if (c == '\\' && quote == '"' && (toml_peek(lexer, size + 1) == '"' || toml_peek(lexer, size + 1) == '\\'))
            size++;
        else if (is_control(c))
            return fault_control(lexer, size, error);
    }
}

gboolean toml_take_string(TomlLexer *lexer, GError **error)
{
    int quote = toml_peek(lexer, 0);
    return n_quotes(lexer, 0, quote, 3) == 3 ? take_multiline(lexer, quote, error)
                                             : take_single_line(lexer, quote, error);
}

static gboolean is_bare(int c)
{
    return g_ascii_isalnum(c) || c == '_' || c == '-';
}

gboolean toml_take_key(TomlLexer *lexer, GError **error)
{
    int c = toml_peek(lexer, 0);
    if (c == '"' || c == '\'') {
        if (n_quotes(lexer, 0, c, 3) == 3)
            return toml_fault(lexer, error, "a key cannot be a multi-line string");
        return take_single_line(lexer, c, error);
    }
    gsize size = 0;
    while (is_bare(toml_peek(lexer, size)))
        size++;
    if (!size)
        return toml_expected(lexer, "a key", error);
    take(lexer, size, TOML_BARE_KEY);
    return TRUE;
}

static gsize scalar_size(const TomlLexer *lexer, gsize ahead)
{
    gsize size = 0;
    for (int c = toml_peek(lexer, ahead); c > 0x20 && c != 0x7f && !strchr(",[]{}=#\"'", c);
         c = toml_peek(lexer, ahead + size))
        size++;
    return size;
}

/* Whether `pattern` ('0' is any digit) stands `ahead` of here. */
static gboolean looks_like(const TomlLexer *lexer, gsize ahead, const char *pattern)
{
    for (gsize i = 0; pattern[i]; i++) {
        int c = toml_peek(lexer, ahead + i);
        if (pattern[i] == '0' ? !g_ascii_isdigit(c) : c != pattern[i])
            return FALSE;
    }
    return TRUE;
}

gboolean toml_take_scalar(TomlLexer *lexer, GError **error)
{
    gsize size = scalar_size(lexer, 0);
    if (!size)
        return toml_expected(lexer, "a value", error);
    if (size == strlen("0000-00-00") && looks_like(lexer, 0, "0000-00-00") && looks_like(lexer, size, " 00:"))
        size += 1 + scalar_size(lexer, size + 1);
    take(lexer, size, TOML_SCALAR);
    return TRUE;
}
