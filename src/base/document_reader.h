/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the readers of one language each (document_yaml.c, document_json.c, toml.c) share: limits and words of faults.
 */
#pragma once

#include "base/document.h"

/* One text being read. */
typedef struct Reading {
    const char *bytes;
    gsize size;
    const char *name; /* what faults call the text */
    int code;         /* of faults */
    guint n_nodes;    /* made so far */
    gsize max_bytes;  /* 0: those of every document (document.h) */
    guint max_nodes, max_depth;
    gboolean raw; /* of JSON: strings hold control characters as they are (canonical.h) */
} Reading;

/* Holds for every language: size, UTF-8, no NUL, no byte order mark. */
gboolean reading_check(const Reading *reading, GError **error);

/* "NAME:LINE:COLUMN: ..."; returns FALSE. */
gboolean reading_fault(const Reading *reading, guint line, guint column, GError **error, const char *format, ...)
    G_GNUC_PRINTF(5, 6);

/* Line and column of a byte, lines being ended by LF; columns count characters. */
void reading_position(const Reading *reading, gsize offset, guint *line, guint *column);

/* Counts a node; FALSE if there are too many. */
gboolean reading_count(Reading *reading, guint line, guint column, GError **error);

/* A node that counts, or NULL. Lists and maps get their array, scalars take `text`, which is freed
 * in every case. */
Node *reading_node(Reading *reading, NodeKind kind, ScalarType type, char *text, guint line, guint column,
                   GError **error);

/* FALSE if a list or map inside `depth` others would stand too deep. */
gboolean reading_check_depth(const Reading *reading, guint depth, guint line, guint column, GError **error);

/* No two entries of a map may have the same key: n log n, whatever the keys are. */
gboolean reading_check_keys(const Reading *reading, const Node *map, GError **error);

/* Appends an entry; takes value and key. */
void reading_add(Node *map, char *key, guint line, guint column, Node *value);

/* A key or value as faults show it: in double quotes, cut when long, control characters escaped. The caller frees. */
char *reading_quote(const char *text);

/* For whoever reads YAML's events: what must hold before libyaml starts, and what stopped it, in our words. */
struct yaml_parser_s;
gboolean reading_check_yaml(const Reading *reading, GError **error);
gboolean reading_fault_yaml(const Reading *reading, const struct yaml_parser_s *parser, GError **error);

Node *document_parse_yaml(Reading *reading, GError **error);
Node *document_parse_json(Reading *reading, GError **error);
