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
    TOML_SPACE,
    TOML_NEWLINE,
    TOML_COMMENT,
    TOML_BARE_KEY,
    TOML_BASIC_STRING,
    TOML_LITERAL_STRING,
    TOML_BASIC_MULTILINE,
    TOML_LITERAL_MULTILINE,
    TOML_SCALAR /* number, boolean, date: told apart by form */,
    TOML_EQUALS,
    TOML_DOT,
    TOML_COMMA,
    TOML_OPEN_BRACKET,
    TOML_CLOSE_BRACKET,
    TOML_OPEN_BRACE,
    TOML_CLOSE_BRACE
} TomlTokenKind;

typedef struct TomlToken {
    TomlTokenKind kind;
    gsize start, size;  /* bytes in text */
    guint line, column; /* 1-based */
} TomlToken;

/* Tokens `first` to `end`, without `end`; both 0 where there are none. */
typedef struct TomlRange {
    gsize first, end;
} TomlRange;

typedef enum {
    TOML_VALUE,  /* a scalar */
    TOML_ARRAY,  /* [...]: closed, like all that stands in it */
    TOML_INLINE, /* {...}: closed */
    TOML_TABLE,  /* opened by a header, or named on the way by a longer header or a dotted key */
    TOML_TABLES  /* an array of tables: its items are TOML_TABLE */
} TomlShape;

/* A thing of the tree, and where it stands among the tokens. An edit replaces `value`, or inserts at the end of a
 * table's `body`, or drops `lead` and `statement`; then the text is parsed anew. */
typedef struct TomlItem {
    TomlShape shape;
    char *key;          /* decoded; NULL for the root and for what stands in an array */
    guint line, column; /* of the value, or of the header */
    guint key_line, key_column;
    TomlRange key_tokens; /* this one part of a key, where the item was first named or was opened */
    TomlRange value;      /* of what stands behind "=" or in an array */
    TomlRange statement;  /* the whole lines of "key = value" or of the header, with indentation, comment, newline */
    TomlRange lead;       /* the comment lines directly above the statement; empty range if there are none */
    TomlRange body;       /* root, opened tables: up to the lead of the next header; without own header: none */
    ScalarType type;      /* of a value */
    char *text;           /* of a value, decoded as in Node */
    GPtrArray *items;     /* of TomlItem *, in order of appearance; NULL for a value */
} TomlItem;

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

/* The tree: the root table. Borrowed. */
const TomlItem *toml_root(const TomlText *text);

/* The item of a key in a table or inline table, or NULL (also if item is NULL or neither). Borrowed. */
const TomlItem *toml_get(const TomlItem *item, const char *key);
