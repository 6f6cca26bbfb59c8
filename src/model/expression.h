/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conditions of a manifest: a small language without side effects of its own, no variables to set, no loops.
 *
 *     current_version < '2.0.0' and not file_exists('shared/.keep')
 *     service_running('postgresql') or command('bin/ready --quiet')
 *     env_var('REGION') == 'eu' and server_id % 10 == 0
 *
 * Literals: 'text' or "text" (escapes \' \" \\, on one line), whole numbers, true, false. Words that are known are rows
 * of two tables, expression_functions and expression_variables. `or` binds less than `and`, that less than `not`, that
 * less than == != < <= > >=, that less than %. Versions have the order of model/version.h, numbers their own; texts and
 * booleans are only equal or not. env_var(...) and current_version alone are true where they are there and not empty.
 * Something that is not there is not equal, smaller or greater than anything. Types are checked when it is read, so
 * that what was read can only fail to be evaluated because the host cannot be asked.
 */
#pragma once

#include <glib.h>

#define EXPRESSION_MAX_BYTES 1000
#define EXPRESSION_MAX_TERMS 100 /* literals, words and operators */
#define EXPRESSION_MAX_CALLS 8   /* of functions: each may take the host's time */
#define EXPRESSION_MAX_DEPTH 16  /* of brackets and `not` */

typedef enum { EXPRESSION_CONDITION, EXPRESSION_CRITERIA } ExpressionUse; /* of conditionals; of a rollout's stage */

typedef enum { VALUE_BOOLEAN, VALUE_NUMBER, VALUE_TEXT, VALUE_VERSION } ValueType;

typedef enum {
    FUNCTION_FILE_EXISTS,
    FUNCTION_SERVICE_RUNNING,
    FUNCTION_ENV_VAR,
    FUNCTION_COMMAND,
} ExpressionFunction;

typedef enum {
    VARIABLE_CURRENT_VERSION,
    VARIABLE_NEW_VERSION,
    VARIABLE_HOST,
    VARIABLE_GROUP,
    VARIABLE_SERVER_ID,
} ExpressionVariable;

/* One word of the language; the argument of a function is always one literal text. */
typedef struct ExpressionWord {
    const char *name; /* NULL ends a table */
    ValueType type;
    gboolean criteria; /* only in a rollout's criteria */
    const char *summary;
} ExpressionWord;

extern const ExpressionWord expression_functions[]; /* indexed by ExpressionFunction */
extern const ExpressionWord expression_variables[]; /* indexed by ExpressionVariable */

typedef struct Expression Expression;

/* Reads one. NULL with *problem (the caller frees) and *offset, the number of characters in front of the place that it
 * is about. The problem is one line that goes on from "character N: ". */
Expression *expression_parse(const char *text, ExpressionUse use, guint *offset, char **problem);
void expression_free(Expression *expression);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Expression, expression_free)

/* How the host is asked. Each returns FALSE with *error set where it cannot be: that ends the evaluation. */
typedef struct ExpressionHost {
    gboolean (*file_exists)(const char *path, gpointer data, gboolean *answer, GError **error);
    gboolean (*service_running)(const char *name, gpointer data, gboolean *answer, GError **error);
    gboolean (*command)(const char *line, gpointer data, gboolean *answer, GError **error);
    /* *value is the caller's to free; NULL: it is not there. */
    gboolean (*env_var)(const char *name, gpointer data, char **value, GError **error);
    gboolean (*variable)(ExpressionVariable variable, gpointer data, char **value, GError **error);
} ExpressionHost;

/* Whether it holds. Asks from left to right, and no further than the answer needs. Each answer of the host goes as a
 * line to `asked` (char *; may be NULL): "current_version is '1.2.0'", "file_exists('a') is false". FAULT_REQUIREMENT
 * for a value that has no meaning ("the installed version 'nightly' has no order"), else what the host said. */
gboolean expression_holds(const Expression *expression, const ExpressionHost *host, gpointer data, gboolean *holds,
                          GPtrArray *asked, GError **error);
