/* SPDX-License-Identifier: Apache-2.0 */
/* Evaluating conditions: the tree is walked once, and the host is asked on the way. */
#include "base/fault.h"
#include "model/expression_inner.h"
#include "model/schema.h"
#include "model/version.h"

#include <string.h>

typedef struct Walk {
    const ExpressionHost *host;
    gpointer data;
    GPtrArray *asked;
} Walk;

/* What a term comes to. A text or version that is not there has neither. */
typedef struct Value {
    gint64 number; /* also of a boolean */
    char *text;
} Value;

static void value_clear(Value *value)
{
    g_clear_pointer(&value->text, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Value, value_clear)

/* --- asking --------------------------------------------------------------------------------------------------- */

static void note(const Walk *walk, const Term *term, const Value *value)
{
    gboolean call = term->kind == TERM_FUNCTION;
    const char *name = (call ? expression_functions : expression_variables)[term->word].name;
    g_autofree char *argument = call ? schema_quote(term->text) : NULL;
    g_autofree char *subject = call ? g_strdup_printf("%s(%s)", name, argument) : g_strdup(name);
    g_autofree char *is = term->type == VALUE_BOOLEAN  ? g_strdup(value->number ? "true" : "false")
                          : term->type == VALUE_NUMBER ? g_strdup_printf("%" G_GINT64_FORMAT, value->number)
                          : value->text                ? schema_quote(value->text)
                                                       : g_strdup("not there");
    if (walk->asked)
        g_ptr_array_add(walk->asked, g_strdup_printf("%s is %s", subject, is));
}

static gboolean ask_function(const Walk *walk, const Term *term, Value *value, GError **error)
{
    const ExpressionHost *host = walk->host;
    gboolean answer = FALSE, good = FALSE;
    switch ((ExpressionFunction)term->word) {
    case FUNCTION_FILE_EXISTS:
        good = host->file_exists(term->text, walk->data, &answer, error);
        break;
    case FUNCTION_SERVICE_RUNNING:
        good = host->service_running(term->text, walk->data, &answer, error);
        break;
    case FUNCTION_COMMAND:
        good = host->command(term->text, walk->data, &answer, error);
        break;
    case FUNCTION_ENV_VAR:
        good = host->env_var(term->text, walk->data, &value->text, error);
        break;
    }
    value->number = answer;
    return good;
}

static gboolean ask_variable(const Walk *walk, const Term *term, Value *value, GError **error)
{
    if (!walk->host->variable((ExpressionVariable)term->word, walk->data, &value->text, error))
        return FALSE;
    const char *name = expression_variables[term->word].name;
    if (term->type == VALUE_NUMBER &&
        (!value->text || !g_ascii_string_to_signed(value->text, 10, G_MININT32, G_MAXINT32, &value->number, NULL)))
        return fault_set(error, FAULT_REQUIREMENT, "'%s' is no number on this host", name);
    return TRUE;
}

static gboolean ask(const Walk *walk, const Term *term, Value *value, GError **error)
{
    gboolean good =
        term->kind == TERM_FUNCTION ? ask_function(walk, term, value, error) : ask_variable(walk, term, value, error);
    if (good)
        note(walk, term, value);
    return good;
}

/* --- walking -------------------------------------------------------------------------------------------------- */

static gboolean walk_term(const Walk *walk, const Term *term, Value *value, GError **error);

static gboolean walk_truth(const Walk *walk, const Term *term, gboolean *truth, GError **error)
{
    g_auto(Value) value = {0};
    if (!walk_term(walk, term, &value, error))
        return FALSE;
    *truth = term->type == VALUE_BOOLEAN ? value.number != 0 : value.text && *value.text;
    return TRUE;
}

static gboolean answers(int compare, int order)
{
    switch ((Comparison)compare) {
    case COMPARE_EQUAL:
        return order == 0;
    case COMPARE_UNEQUAL:
        return order != 0;
    case COMPARE_LESS:
        return order < 0;
    case COMPARE_AT_MOST:
        return order <= 0;
    case COMPARE_GREATER:
        return order > 0;
    case COMPARE_AT_LEAST:
        return order >= 0;
    }
    return FALSE;
}

static gboolean compare_versions(const Term *term, const char *a, const char *b, gboolean *holds, GError **error)
{
    gboolean order = term->compare != COMPARE_EQUAL && term->compare != COMPARE_UNEQUAL;
    const char *odd = !version_is_ordered(a) ? a : !version_is_ordered(b) ? b : NULL;
    g_autofree char *quoted = odd ? schema_quote(odd) : NULL;
    if (odd && order)
        return fault_set(error, FAULT_REQUIREMENT, "the version %s has no order", quoted);
    *holds = answers(term->compare, odd ? strcmp(a, b) : version_compare(a, b));
    return TRUE;
}

static gboolean walk_comparison(const Walk *walk, const Term *term, gboolean *holds, GError **error)
{
    g_auto(Value) a = {0}, b = {0};
    if (!walk_term(walk, term->left, &a, error) || !walk_term(walk, term->right, &b, error))
        return FALSE;
    ValueType type = term->left->type == VALUE_VERSION ? VALUE_VERSION : term->right->type;
    if (type == VALUE_NUMBER || type == VALUE_BOOLEAN) {
        *holds = answers(term->compare, (a.number > b.number) - (a.number < b.number));
        return TRUE;
    }
    if (!a.text || !b.text) {
        *holds = term->compare == COMPARE_UNEQUAL;
        return TRUE;
    }
    if (type == VALUE_VERSION)
        return compare_versions(term, a.text, b.text, holds, error);
    *holds = answers(term->compare, strcmp(a.text, b.text));
    return TRUE;
}

static gboolean walk_row(const Walk *walk, const Term *term, gboolean *holds, GError **error)
{
    if (!walk_truth(walk, term->left, holds, error))
        return FALSE;
    if (*holds == (term->kind == TERM_OR))
        return TRUE;
    return walk_truth(walk, term->right, holds, error);
}

static gboolean walk_term(const Walk *walk, const Term *term, Value *value, GError **error)
{
    gboolean holds = FALSE, good = TRUE;
    switch (term->kind) {
    case TERM_LITERAL:
        value->text = g_strdup(term->text);
        value->number = term->number;
        return TRUE;
    case TERM_FUNCTION:
    case TERM_VARIABLE:
        return ask(walk, term, value, error);
    case TERM_REMAINDER:
        good = walk_term(walk, term->left, value, error);
        value->number %= term->number;
        return good;
    case TERM_NOT:
        good = walk_truth(walk, term->left, &holds, error);
        holds = !holds;
        break;
    case TERM_AND:
    case TERM_OR:
        good = walk_row(walk, term, &holds, error);
        break;
    case TERM_COMPARE:
        good = walk_comparison(walk, term, &holds, error);
        break;
    }
    value->number = holds;
    return good;
}

gboolean expression_holds(const Expression *expression, const ExpressionHost *host, gpointer data, gboolean *holds,
                          GPtrArray *asked, GError **error)
{
    const Walk walk = {.host = host, .data = data, .asked = asked};
    return walk_truth(&walk, expression->root, holds, error);
}
