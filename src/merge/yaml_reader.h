/* SPDX-License-Identifier: Apache-2.0 */
/* Between yaml.c and yaml_values.c: the events of libyaml, and what a value of any kind says. */
#pragma once

#include "merge/merge_inner.h"

#include <yaml.h>

extern const char yaml_odd_key[], yaml_keeps_blanks[]; /* why something is closed */

typedef struct Yaml {
    MergeDoc *doc;
    const Reading *reading;
    yaml_parser_t parser;
    yaml_event_t event; /* the one that is looked at */
    gboolean has_event;
    guint32 *bytes_of; /* byte offset of each character; NULL: all are ASCII */
    gsize n_chars;
} Yaml;

/* What a value says, and where it stands. */
typedef struct Value {
    GString *form;
    gsize start, end;
    gsize reach; /* of a map: where the lines of its last entry end */
    const char *closed;
    gboolean block_text;
} Value;

void yaml_count_characters(Yaml *yaml); /* before all else */
gsize yaml_byte_of(const Yaml *yaml, yaml_mark_t mark);

/* Looks at the next event; FALSE with the fault of the text. */
gboolean yaml_next_event(Yaml *yaml, GError **error);
void yaml_drop_event(Yaml *yaml);

/* Adds anchor and tag to the form and closes the value, if there are any. */
void yaml_take_properties(const yaml_event_t *event, Value *value);

/* The node that begins with the event that is looked at, to its end. */
gboolean yaml_read_value(Yaml *yaml, Value *value, guint depth, GError **error);

/* `end` without white space and newlines before it. */
gsize yaml_trim_all(const Reading *reading, gsize start, gsize end);
