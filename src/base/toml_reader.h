/* SPDX-License-Identifier: Apache-2.0 */
/* Between the three files of the TOML reader: tokens, the forms of scalars, the tree. */
#pragma once

#include "base/document_reader.h"
#include "base/toml.h"

/* The text as far as it has been cut into tokens. What a byte means depends on where it stands (3.14 is two keys or one
 * number), so the tree asks for the token that may come; each call appends it to `tokens`. */
typedef struct TomlLexer {
    Reading *reading;
    gsize at;
    guint line, column; /* of `at` */
    GArray *tokens;     /* of TomlToken */
} TomlLexer;

/* The byte here or `ahead` of here; -1 at the end. */
int toml_peek(const TomlLexer *lexer, gsize ahead);

/* "\n" or "\r\n" stands here. */
gboolean toml_at_newline(const TomlLexer *lexer);

/* A fault at this place; returns FALSE. */
gboolean toml_fault(const TomlLexer *lexer, GError **error, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* "expected WHAT, found ..." at this place; returns FALSE. */
gboolean toml_expected(const TomlLexer *lexer, const char *what, GError **error);

/* Spaces and tabs, if there are any. */
void toml_take_space(TomlLexer *lexer);

/* The byte, if it stands here; FALSE if not. */
gboolean toml_take_byte(TomlLexer *lexer, char byte, TomlTokenKind kind);

/* A newline that is here. */
void toml_take_newline(TomlLexer *lexer);

/* The comment that begins here, up to its newline. */
gboolean toml_take_comment(TomlLexer *lexer, GError **error);

/* The key part that begins here: bare or quoted. */
gboolean toml_take_key(TomlLexer *lexer, GError **error);

/* The string that begins here, of any of the four kinds. */
gboolean toml_take_string(TomlLexer *lexer, GError **error);

/* Number, boolean or date: all up to white space or punctuation; the space inside a date belongs to it. */
gboolean toml_take_scalar(TomlLexer *lexer, GError **error);

/* The value of a string token with its quotes; NULL: *what says why, *offset where in the token. The caller frees. */
char *toml_decode_string(TomlTokenKind kind, const char *bytes, gsize size, const char **what, gsize *offset);

/* The value of a scalar token, as in Node: integers in canonical decimal, floats without '_' and '+', dates as
 * written. NULL: *what says why. The caller frees. */
char *toml_decode_scalar(const char *bytes, gsize size, ScalarType *type, const char **what);
