/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A document: what YAML, JSON and TOML texts have in common once they are read, with the place of each thing.
 *
 * The reader types nothing that the language leaves open (YAML plain scalars stay PLAIN); the schema decides
 * (model/schema.h). Limits hold while reading: 1 MiB, depth 64, 100,000 nodes; no anchors, aliases, tags, merge
 * keys, several documents, duplicate keys, NUL, byte order mark or invalid UTF-8.
 */
#pragma once

#include <glib.h>

#define DOCUMENT_MAX_BYTES (1024 * 1024)
#define DOCUMENT_MAX_DEPTH 64
#define DOCUMENT_MAX_NODES 100000

typedef enum { DOCUMENT_YAML, DOCUMENT_JSON, DOCUMENT_TOML } DocumentLanguage;

typedef enum { NODE_SCALAR, NODE_LIST, NODE_MAP } NodeKind;

/* What a scalar is. PLAIN: an unquoted YAML scalar, whose type only the schema knows. */
typedef enum {
    SCALAR_PLAIN,
    SCALAR_STRING,
    SCALAR_INTEGER,
    SCALAR_FLOAT,
    SCALAR_BOOLEAN,
    SCALAR_DATETIME,
    SCALAR_NULL
} ScalarType;

typedef struct Node {
    NodeKind kind;
    ScalarType type;    /* of a scalar */
    guint line, column; /* 1-based; column counts characters; 0:0 for nodes made in memory */
    char *text;         /* scalar: the decoded value ("true", "-12", "1.5", the string itself); never NULL there */
    GPtrArray *items;   /* list: of Node *; map: of Entry *, in order of appearance; owns them */
} Node;

typedef struct Entry {
    char *key;
    guint line, column; /* of the key */
    Node *value;
} Entry;

void node_free(Node *node);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Node, node_free)

/* --- reading ------------------------------------------------------------------------------------------------ */

/* Reads `size` bytes. `name` is what errors call the text ("liftlock.yaml"). Faults have the form
 * "NAME:LINE:COLUMN: what is wrong" and the given code. An empty YAML document is an empty map. The caller frees. */
Node *document_parse(DocumentLanguage language, const char *bytes, gsize size, const char *name, int fault_code,
                     GError **error);

/* Reads a file by its suffix (.yaml .yml .json .toml); `path` is also its name in errors. FAULT_ABSENT if there is
 * none. */
Node *document_read_file(const char *path, int fault_code, GError **error);

/* --- looking ------------------------------------------------------------------------------------------------ */

/* The value of a key of a map, or NULL (also if node is NULL or no map). Borrowed. */
const Node *node_get(const Node *map, const char *key);

/* Scalar text of a key, or fallback; null counts as absent. Borrowed. */
const char *node_get_text(const Node *map, const char *key, const char *fallback);
gint64 node_get_int(const Node *map, const char *key, gint64 fallback);
gboolean node_get_bool(const Node *map, const char *key, gboolean fallback);

/* A value inside by JSON pointer (RFC 6901), e.g. "/checks/0/state"; "" is the node itself. NULL if there is none. */
const Node *node_pointer(const Node *node, const char *pointer);

/* Typed reading of a scalar; PLAIN is accepted where its text has the form (YAML 1.2 core schema: true/false,
 * decimal integers). FALSE leaves *value untouched. */
gboolean node_as_int(const Node *node, gint64 *value);
gboolean node_as_bool(const Node *node, gboolean *value);
gboolean node_is_null(const Node *node); /* JSON null, YAML plain "", "~" or "null" */

/* --- making and writing ------------------------------------------------------------------------------------- */

Node *node_copy(const Node *node); /* the caller frees */
Node *node_new_map(void);
Node *node_new_list(void);
Node *node_new_scalar(ScalarType type, const char *text);
void node_append(Node *list, Node *item);                         /* takes item */
void node_set(Node *map, const char *key, Node *value);           /* takes value; replaces one of the same key */
void node_set_text(Node *map, const char *key, const char *text); /* NULL text sets null */
void node_set_int(Node *map, const char *key, gint64 value);
void node_set_bool(Node *map, const char *key, gboolean value);

/* JSON (RFC 8259), UTF-8. PLAIN scalars are written as strings. indent 0: one line, no spaces, a canonical form as
 * long as the caller fixes the order of keys. The caller frees. */
char *node_to_json(const Node *node, guint indent);

/* --- crossing a process boundary ---------------------------------------------------------------------------- */

/* A document as records: one line a node, "DEPTH KIND TYPE LINE COLUMN KEY TEXT" with key and text percent-escaped.
 * So simple to read that a process with rights may read what one without rights has parsed. */
char *node_to_records(const Node *node);
Node *node_from_records(const char *bytes, gsize size, GError **error);
