/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of an expression, and the symbols it is made of: expression_tokens.c reads them, expression.c makes
 * the tree, expression_holds.c walks it. */
#pragma once

#include "model/expression.h"

typedef enum {
    TERM_LITERAL,
    TERM_FUNCTION,
    TERM_VARIABLE,
    TERM_NOT,
    TERM_AND,
    TERM_OR,
    TERM_COMPARE,
    TERM_REMAINDER,
} TermKind;

typedef enum {
    COMPARE_EQUAL,
    COMPARE_UNEQUAL,
    COMPARE_LESS,
    COMPARE_AT_MOST,
    COMPARE_GREATER,
    COMPARE_AT_LEAST
} Comparison;

typedef struct Term {
    TermKind kind;
    ValueType type;
    int word;      /* ExpressionFunction or ExpressionVariable */
    int compare;   /* Comparison */
    gint64 number; /* literal number or boolean; what TERM_REMAINDER divides by */
    char *text;    /* literal text; the function's argument */
    const struct Term *left, *right;
    gsize at; /* byte of the source where it stands */
} Term;

struct Expression {
    GPtrArray *terms; /* Term: owns them */
    const Term *root;
};

/* --- symbols ------------------------------------------------------------------------------------------------- */

typedef enum { TOKEN_END, TOKEN_TEXT, TOKEN_NUMBER, TOKEN_WORD, TOKEN_SIGN } TokenKind;

typedef struct Token {
    TokenKind kind;
    gsize at;   /* first byte */
    char *text; /* decoded text, word or sign */
    gint64 number;
} Token;

typedef struct Parser {
    const char *source;
    gsize next; /* byte behind the token */
    Token token;
    ExpressionUse use;
    GPtrArray *terms;
    guint depth, calls;
    gsize fault_at;
    char *fault; /* the first; nothing is read behind it */
} Parser;

/* Remembers the first thing that is wrong and where; nothing is read behind it. Returns NULL. */
gpointer parser_fail(Parser *parser, gsize at, const char *format, ...) G_GNUC_PRINTF(3, 4);
gpointer parser_fail_quoting(Parser *parser, gsize at, const char *text, const char *rest);

/* Whether the whole text may be read at all. */
gboolean parser_may_read(Parser *parser);

void parser_advance(Parser *parser);
gboolean parser_at(const Parser *parser, TokenKind kind, const char *text);
gboolean parser_take(Parser *parser, TokenKind kind, const char *text); /* advances if it is there */
