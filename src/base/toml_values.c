/* SPDX-License-Identifier: Apache-2.0 */
/* What TOML's strings, numbers, booleans and dates say: pure functions from the bytes of a token to its value. */
#include "base/toml_reader.h"

#include <errno.h>
#include <string.h>

/* --- strings ------------------------------------------------------------------------------------------------ */

/* The bytes of a text from `at` on. */
typedef struct Bytes {
    const char *at, *end;
} Bytes;

static gboolean accept(Bytes *bytes, const char *any_of)
{
    if (bytes->at == bytes->end || !*bytes->at || !strchr(any_of, *bytes->at))
        return FALSE;
    bytes->at++;
    return TRUE;
}

static void skip(Bytes *bytes, const char *any_of)
{
    while (accept(bytes, any_of))
        ;
}

/* Behind \u or \U; NULL or what is wrong. */
static const char *decode_unicode(Bytes *bytes, gsize n_digits, GString *text)
{
    gunichar c = 0;
    for (gsize i = 0; i < n_digits; i++) {
        int digit = bytes->at < bytes->end ? g_ascii_xdigit_value(*bytes->at) : -1;
        if (digit < 0)
            return n_digits == 4 ? "\\u needs four hexadecimal digits" : "\\U needs eight hexadecimal digits";
        c = c * 16 + (gunichar)digit;
        bytes->at++;
    }
    if (c == 0)
        return "a NUL character is not allowed";
    if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return "an escape names no character";
    g_string_append_unichar(text, c);
    return NULL;
}

/* A backslash at the end of a line: it, the newline and all white space after it vanish. */
static const char *decode_line_end(Bytes *bytes)
{
    skip(bytes, " \t");
    accept(bytes, "\r");
    if (!accept(bytes, "\n"))
        return "unknown escape";
    skip(bytes, " \t\r\n");
    return NULL;
}

/* Behind a backslash; NULL or what is wrong. */
static const char *decode_escape(Bytes *bytes, gboolean multiline, GString *text)
{
    static const char names[] = "\"\\bfnrt", values[] = "\"\\\b\f\n\r\t";
    if (multiline && bytes->at < bytes->end && strchr(" \t\r\n", *bytes->at))
        return decode_line_end(bytes);
    if (accept(bytes, "u"))
        return decode_unicode(bytes, 4, text);
    if (accept(bytes, "U"))
        return decode_unicode(bytes, 8, text);
    const char *name = bytes->at < bytes->end ? strchr(names, *bytes->at) : NULL;
    if (!name)
        return "unknown escape";
    g_string_append_c(text, values[name - names]);
    bytes->at++;
    return NULL;
}

char *toml_decode_string(TomlTokenKind kind, const char *bytes, gsize size, const char **what, gsize *offset)
{
    gboolean multiline = kind == TOML_BASIC_MULTILINE || kind == TOML_LITERAL_MULTILINE;
    gboolean escapes = kind == TOML_BASIC_STRING || kind == TOML_BASIC_MULTILINE;
    gsize n_quotes = multiline ? 3 : 1;
    Bytes rest = {bytes + n_quotes, bytes + size - n_quotes};
    g_autoptr(GString) text = g_string_sized_new(size);
    /* A newline right behind the opening quotes is no part of the text. */
    if (multiline && rest.at < rest.end && *rest.at == '\r')
        rest.at++;
    if (multiline)
        accept(&rest, "\n");
    while (rest.at < rest.end) {
        const char *start = rest.at++;
        if (*start == '\\' && escapes) {
            *what = decode_escape(&rest, multiline, text);
            *offset = (gsize)(start - bytes);
            if (*what)
                return NULL;
        } else if (*start != '\r') { /* only ever part of "\r\n", which is read as "\n" */
            g_string_append_c(text, *start);
        }
    }
    return g_strdup(text->str);
}

/* --- numbers ------------------------------------------------------------------------------------------------ */

/* Digits of a base with single '_' between them. */
static gboolean take_digits(Bytes *bytes, const char *digits, GString *clean)
{
    do {
        const char *start = bytes->at;
        skip(bytes, digits);
        if (bytes->at == start)
            return FALSE;
        g_string_append_len(clean, start, bytes->at - start);
    } while (accept(bytes, "_"));
    return TRUE;
}

static char *fail(const char **what, const char *why)
{
    *what = why;
    return NULL;
}

/* `clean`: sign and digits, without prefix. */
static char *decode_integer(const char *clean, guint base, const char **what)
{
    errno = 0;
    gint64 value = g_ascii_strtoll(clean, NULL, base);
    if (errno == ERANGE)
        return fail(what, "the integer does not fit into 64 bits");
    return g_strdup_printf("%" G_GINT64_FORMAT, value);
}

/* NULL with *what untouched if it has not the form. */
static char *decode_based(Bytes bytes, const char **what)
{
    static const struct {
        const char *prefix, *digits;
        guint base;
    } rows[] = {{"0x", "0123456789abcdefABCDEF", 16}, {"0o", "01234567", 8}, {"0b", "01", 2}};
    g_autoptr(GString) clean = g_string_new(NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (bytes.end - bytes.at < 3 || memcmp(bytes.at, rows[i].prefix, 2) != 0)
            continue;
        bytes.at += 2;
        if (!take_digits(&bytes, rows[i].digits, clean) || bytes.at != bytes.end)
            return NULL;
        return decode_integer(clean->str, rows[i].base, what);
    }
    return NULL;
}

static char *decode_decimal(Bytes bytes, ScalarType *type, const char **what)
{
    static const char digits[] = "0123456789";
    g_autoptr(GString) clean = g_string_new(NULL);
    if (!accept(&bytes, "+") && accept(&bytes, "-"))
        g_string_append_c(clean, '-');
    const char *start = bytes.at;
    if (!take_digits(&bytes, digits, clean))
        return NULL;
    if (*start == '0' && bytes.at - start > 1)
        return fail(what, "a number cannot begin with 0");
    *type = SCALAR_INTEGER;
    if (accept(&bytes, ".")) {
        *type = SCALAR_FLOAT;
        g_string_append_c(clean, '.');
        if (!take_digits(&bytes, digits, clean))
            return NULL;
    }
    if (accept(&bytes, "eE")) {
        *type = SCALAR_FLOAT;
        g_string_append_c(clean, 'e');
        if (accept(&bytes, "+-"))
            g_string_append_c(clean, bytes.at[-1]);
        if (!take_digits(&bytes, digits, clean))
            return NULL;
    }
    if (bytes.at != bytes.end)
        return NULL;
    return *type == SCALAR_INTEGER ? decode_integer(clean->str, 10, what) : g_strdup(clean->str);
}

/* --- dates -------------------------------------------------------------------------------------------------- */

/* Exactly two or four digits, or -1. */
static int take_number(Bytes *bytes, gsize n_digits)
{
    int value = 0;
    for (gsize i = 0; i < n_digits; i++) {
        if (bytes->at == bytes->end || !g_ascii_isdigit(*bytes->at))
            return -1;
        value = value * 10 + (*bytes->at++ - '0');
    }
    return value;
}

static int days_of(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    gboolean leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

/* The form first: `*valid` says whether what has the form of a date also is one. */
static gboolean take_date(Bytes *bytes, gboolean *valid)
{
    int year = take_number(bytes, 4);
    if (year < 0 || !accept(bytes, "-"))
        return FALSE;
    int month = take_number(bytes, 2);
    if (month < 0 || !accept(bytes, "-"))
        return FALSE;
    int day = take_number(bytes, 2);
    if (day < 0)
        return FALSE;
    *valid = *valid && month >= 1 && month <= 12 && day >= 1 && day <= days_of(year, month);
    return TRUE;
}

static gboolean take_hour_minute(Bytes *bytes, gboolean *valid)
{
    int hour = take_number(bytes, 2);
    if (hour < 0 || !accept(bytes, ":"))
        return FALSE;
    int minute = take_number(bytes, 2);
    *valid = *valid && hour <= 23 && minute <= 59;
    return minute >= 0;
}

/* RFC 3339 knows a second 60. */
static gboolean take_time(Bytes *bytes, gboolean *valid)
{
    if (!take_hour_minute(bytes, valid) || !accept(bytes, ":"))
        return FALSE;
    int second = take_number(bytes, 2);
    if (second < 0)
        return FALSE;
    *valid = *valid && second <= 60;
    if (!accept(bytes, "."))
        return TRUE;
    const char *start = bytes->at;
    skip(bytes, "0123456789");
    return bytes->at > start;
}

static gboolean take_offset(Bytes *bytes, gboolean *valid)
{
    if (accept(bytes, "Zz"))
        return TRUE;
    return !accept(bytes, "+-") || take_hour_minute(bytes, valid);
}

static gboolean take_moment(Bytes *bytes, gboolean *valid)
{
    if (bytes->end - bytes->at > 2 && bytes->at[2] == ':')
        return take_time(bytes, valid);
    if (!take_date(bytes, valid))
        return FALSE;
    return !accept(bytes, "Tt ") || (take_time(bytes, valid) && take_offset(bytes, valid));
}

static char *decode_moment(Bytes bytes, const char **what)
{
    gboolean valid = TRUE;
    Bytes rest = bytes;
    if (!take_moment(&rest, &valid) || rest.at != rest.end)
        return NULL;
    return valid ? g_strndup(bytes.at, (gsize)(bytes.end - bytes.at)) : fail(what, "there is no such date or time");
}

/* --- scalars ------------------------------------------------------------------------------------------------ */

static char *decode_word(Bytes bytes, ScalarType *type)
{
    static const struct {
        const char *word, *text;
        ScalarType type;
    } rows[] = {
        {"true", "true", SCALAR_BOOLEAN}, {"false", "false", SCALAR_BOOLEAN}, {"inf", "inf", SCALAR_FLOAT},
        {"+inf", "inf", SCALAR_FLOAT},    {"-inf", "-inf", SCALAR_FLOAT},     {"nan", "nan", SCALAR_FLOAT},
        {"+nan", "nan", SCALAR_FLOAT},    {"-nan", "nan", SCALAR_FLOAT},
    };
    gsize size = (gsize)(bytes.end - bytes.at);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (strlen(rows[i].word) == size && memcmp(rows[i].word, bytes.at, size) == 0) {
            *type = rows[i].type;
            return g_strdup(rows[i].text);
        }
    }
    return NULL;
}

char *toml_decode_scalar(const char *bytes, gsize size, ScalarType *type, const char **what)
{
    Bytes all = {bytes, bytes + size};
    *what = NULL;
    char *text = decode_word(all, type);
    if (text)
        return text;
    *type = SCALAR_INTEGER;
    text = decode_based(all, what);
    if (text || *what)
        return text;
    gboolean dateish = size > 4 && (bytes[2] == ':' || (bytes[4] == '-' && g_ascii_isdigit(bytes[3])));
    if (dateish) {
        *type = SCALAR_DATETIME;
        text = decode_moment(all, what);
        return text || *what ? text : fail(what, "not a date or time");
    }
    text = decode_decimal(all, type, what);
    if (text || *what)
        return text;
    gboolean number = g_ascii_isdigit(*bytes) || (strchr("+-.", *bytes) && size > 1);
    return fail(what, number ? "not a number" : "not a value; a text needs quotes");
}
