/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TOML 1.0.0, over tokens that keep every byte, so that a text can be edited without being reformatted.
 *
 * A TomlText is the whole text as tokens: the concatenation of all tokens' bytes is the text. On top of them
 * stands a tree of items with their token ranges. document_parse(DOCUMENT_TOML) is a thin view of it.
 */
#pragma once

#include "base/document.h"

typedef enum {
    TOML_SPACE, TOML_NEWLINE, TOML_COMMENT, TOML_BARE_KEY, TOML_BASIC_STRING, TOML_LITERAL_STRING,
    TOML_BASIC_MULTILINE, TOML_LITERAL_MULTILINE, TOML_SCALAR /* number, boolean, date: told apart by form */,
    TOML_EQUALS, TOML_DOT, TOML_COMMA, TOML_OPEN_BRACKET, TOML_CLOSE_BRACKET, TOML_OPEN_BRACE, TOML_CLOSE_BRACE
} TomlTokenKind;

typedef struct TomlToken {
    TomlTokenKind kind;
    gsize start, size;  /* bytes in text */
    guint line, column; /* 1-based */
} TomlToken;

typedef struct TomlText TomlText;

/* Reads and checks a text in full (every rule of TOML 1.0.0: duplicate and reopened tables, dotted keys, inline
 * tables that are closed, dates, escapes, limits of document.h). Faults: "NAME:LINE:COLUMN: ...". The caller frees. */
TomlText *toml_parse(const char *bytes, gsize size, const char *name, int fault_code, GError **error);
void toml_free(TomlText *text);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TomlText, toml_free)

/* The bytes of the text: identical to what was parsed as long as nothing was edited. The caller frees. */
char *toml_emit(const TomlText *text, gsize *size);

/* The values as a document; the caller frees. */
Node *toml_to_node(const TomlText *text);

const TomlToken *toml_tokens(const TomlText *text, gsize *n_tokens);
