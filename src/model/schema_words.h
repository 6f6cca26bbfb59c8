/* SPDX-License-Identifier: Apache-2.0 */
/* Words of schema.c's errors. */
#pragma once

#include "model/schema.h"

/* The largest value of a number; `max` 0 with `min` 0 means no bound. */
gint64 schema_upper_bound(const Key *key);

/* What a key's value must be: "a whole number from 1 to 50"; words: "stop, file or none"; what a node is: "a list",
 * "'many'", "nothing". The caller frees. */
char *schema_describe_type(const Key *key);
char *schema_describe_words(const char *const *words);
char *schema_describe_node(const Node *node);
