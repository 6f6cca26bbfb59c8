/* SPDX-License-Identifier: Apache-2.0 */
/* The symbols of a condition: texts, whole numbers, words and signs, each with its place. */
#include "model/expression_inner.h"
#include "model/schema.h"

#include <string.h>

#define BLANKS " \t\n"

gpointer parser_fail(Parser *parser, gsize at, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (!parser->fault) {
        parser->fault = g_strdup_vprintf(format, args);
        parser->fault_at = at;
    }
    va_end(args);
    return NULL;
}

gpointer parser_fail_quoting(Parser *parser, gsize at, const char *text, const char *rest)
{
    g_autofree char *quoted = schema_quote(text);
    return parser_fail(parser, at, "%s %s", quoted, rest);
}

static void take_text(Parser *parser)
{
    const char quote = parser->source[parser->token.at];
    g_autoptr(GString) text = g_string_new(NULL);
    const char *p = parser->source + parser->token.at + 1;
    for (; *p && *p != quote && *p != '\n' && *p != '\t'; p++) {
        if (*p == '\\' && (p[1] == '\\' || p[1] == '\'' || p[1] == '"'))
            p++;
        else if (*p == '\\') {
            parser_fail(parser, (gsize)(p - parser->source), "a backslash stands only before a quote or a backslash");
            return;
        }
        g_string_append_c(text, *p);
    }
    if (*p != quote) {
        parser_fail(parser, parser->token.at, "a text without its closing %c", quote);
        return;
    }
    parser->token.kind = TOKEN_TEXT;
    parser->token.text = g_string_free(g_steal_pointer(&text), FALSE);
    parser->next = (gsize)(p + 1 - parser->source);
}

static void take_number(Parser *parser)
{
    const char *start = parser->source + parser->token.at;
    gsize size = strspn(start, G_CSET_DIGITS "._" G_CSET_a_2_z G_CSET_A_2_Z);
    g_autofree char *text = g_strndup(start, size);
    guint64 number = 0;
    if (strchr(text, '.'))
        parser_fail(parser, parser->token.at, "%s is no whole number; if a version is meant, quote it: '%s'", text,
                    text);
    else if (!g_ascii_string_to_unsigned(text, 10, 0, G_MAXINT32, &number, NULL))
        parser_fail_quoting(parser, parser->token.at, text, "is no whole number up to 2147483647");
    parser->token.kind = TOKEN_NUMBER;
    parser->token.number = (gint64)number;
    parser->next = parser->token.at + size;
}

/* Habits of other languages get an answer of their own. */
static gboolean is_foreign_sign(Parser *parser, const char *at)
{
    static const struct {
        const char *sign, *ours;
    } signs[] = {{"&&", "and"}, {"||", "or"}, {"=", "=="}, {"!", "not"}};
    for (gsize i = 0; i < G_N_ELEMENTS(signs); i++)
        if (g_str_has_prefix(at, signs[i].sign)) {
            parser_fail(parser, parser->token.at, "'%s' is written '%s' here", signs[i].sign, signs[i].ours);
            return TRUE;
        }
    return FALSE;
}

static void take_sign(Parser *parser)
{
    static const char *const signs[] = {"==", "!=", "<=", ">=", "<", ">", "(", ")", "%"};
    const char *at = parser->source + parser->token.at;
    for (gsize i = 0; i < G_N_ELEMENTS(signs); i++)
        if (g_str_has_prefix(at, signs[i])) {
            parser->token.kind = TOKEN_SIGN;
            parser->token.text = g_strdup(signs[i]);
            parser->next = parser->token.at + strlen(signs[i]);
            return;
        }
    if (is_foreign_sign(parser, at))
        return;
    g_autofree char *one = g_strndup(at, (gsize)(g_utf8_next_char(at) - at));
    parser_fail_quoting(parser, parser->token.at, one, "has no meaning here");
}

void parser_advance(Parser *parser)
{
    if (parser->fault)
        return;
    const char *start = parser->source + parser->next;
    gsize blank = strspn(start, BLANKS);
    g_clear_pointer(&parser->token.text, g_free);
    parser->token = (Token){.kind = TOKEN_END, .at = parser->next + blank};
    parser->next = parser->token.at;
    start += blank;
    if (!*start)
        return;
    if (*start == '\'' || *start == '"')
        take_text(parser);
    else if (g_ascii_isdigit(*start))
        take_number(parser);
    else if (g_ascii_isalpha(*start) || *start == '_') {
        gsize size = strspn(start, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "_");
        parser->token.kind = TOKEN_WORD;
        parser->token.text = g_strndup(start, size);
        parser->next += size;
    } else
        take_sign(parser);
}

gboolean parser_at(const Parser *parser, TokenKind kind, const char *text)
{
    return !parser->fault && parser->token.kind == kind && strcmp(parser->token.text, text) == 0;
}

gboolean parser_take(Parser *parser, TokenKind kind, const char *text)
{
    gboolean there = parser_at(parser, kind, text);
    if (there)
        parser_advance(parser);
    return there;
}

gboolean parser_may_read(Parser *parser)
{
    const char *end = NULL;
    if (strlen(parser->source) > EXPRESSION_MAX_BYTES)
        parser_fail(parser, EXPRESSION_MAX_BYTES, "it is longer than %d bytes", EXPRESSION_MAX_BYTES);
    else if (!g_utf8_validate(parser->source, -1, &end))
        parser_fail(parser, (gsize)(end - parser->source), "it is no UTF-8");
    for (const char *p = parser->source; !parser->fault && *p; p = g_utf8_next_char(p))
        if (!g_unichar_isprint(g_utf8_get_char(p)) && !strchr(BLANKS, *p))
            parser_fail(parser, (gsize)(p - parser->source), "it holds what does not print");
    return !parser->fault;
}
