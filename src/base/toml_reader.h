/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of the TOML reader: tokens, the forms of scalars, tables, the grammar. */
#pragma once

#include "base/document_reader.h"
#include "base/toml.h"

/* --- toml_tokens.c ------------------------------------------------------------------------------------------ */

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

/* --- toml_values.c ------------------------------------------------------------------------------------------ */

/* The value of a string token with its quotes; NULL: *what says why, *offset where in the token. The caller frees. */
char *toml_decode_string(TomlTokenKind kind, const char *bytes, gsize size, const char **what, gsize *offset);

/* The value of a scalar token, as in Node: integers in canonical decimal, floats without '_' and '+', dates as
 * written. NULL: *what says why. The caller frees. */
char *toml_decode_scalar(const char *bytes, gsize size, ScalarType *type, const char **what);

/* --- toml_tables.c: nodes, and the rules on tables ------------------------------------------------------------ */

/* How a table came to be decides who may still add to it. */
typedef enum {
    OPENED_ON_THE_WAY, /* by a longer header: may get a header of its own, once */
    OPENED_BY_HEADER,
    OPENED_BY_KEYS /* by dotted keys: those of the same table may add more, longer headers may too */
} TomlOpened;

/* An item with what only the reader needs; `shown` is its first member, so that one pointer is both. */
typedef struct TomlNode {
    TomlItem shown;
    TomlOpened opened;
    guint depth;   /* of lists and maps around it */
    GTree *by_key; /* char * -> TomlNode *, of tables and inline tables; a tree, for hashes can be made to collide */
} TomlNode;

void toml_node_free(TomlNode *node);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TomlNode, toml_node_free)

/* One part of a dotted key; the functions below take arrays of it. */
typedef struct TomlPart {
    char *text;
    gsize token;
    guint line, column;
} TomlPart;

/* Whether a shape has keys. */
gboolean toml_is_map(TomlShape shape);

/* A node that counts and stands inside `parent` (NULL for the root), not yet added to it. NULL beyond a limit. */
TomlNode *toml_node_new(Reading *reading, TomlShape shape, const TomlNode *parent, guint line, guint column,
                        GError **error);

/* Adds a node, by a key or (part NULL) to an array. Takes it. */
void toml_node_add(TomlNode *parent, TomlNode *node, const TomlPart *part);

TomlNode *toml_node_find(const TomlNode *parent, const TomlPart *part);

/* The table that a dotted key's last part goes to; NULL if the parts before it may not be added to. */
TomlNode *toml_open_dotted(Reading *reading, TomlNode *table, const GArray *parts, GError **error);

/* The same for a header, from the root, through arrays of tables by their last table. */
TomlNode *toml_open_path(Reading *reading, TomlNode *root, const GArray *parts, GError **error);

/* [a.b]: the table itself, new or so far only named on the way. */
TomlNode *toml_define_table(Reading *reading, TomlNode *parent, const GArray *parts, GError **error);

/* [[a.b]]: one more table of the array. */
TomlNode *toml_append_table(Reading *reading, TomlNode *parent, const GArray *parts, GError **error);

/* Part number `i` cannot mean what it would: `node` has its name. Returns FALSE. */
gboolean toml_fault_taken(const Reading *reading, const GArray *parts, guint i, const TomlNode *node, gboolean header,
                          GError **error);
