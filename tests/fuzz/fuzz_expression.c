/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes conditions (libFuzzer): whatever a manifest says, it is refused with a place inside the text, or it can be
 * asked, comes to an end, asks no more than it may, and comes to the same again. */
#include "base/fault.h"
#include "model/expression.h"
#include "model/version.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct Dice {
    guint seed, rolls;
} Dice;

static void hold(gboolean true_always, const char *law)
{
    if (!true_always)
        g_error("%s", law);
}

/* Answers by the argument alone, so that the same question gets the same answer. */
static gboolean roll(const char *text, gpointer data, gboolean *answer, GError **error)
{
    Dice *dice = data;
    *answer = (g_str_hash(text) ^ dice->seed) & 1;
    hold(++dice->rolls <= EXPRESSION_MAX_CALLS, "no more questions than the limit");
    return strlen(text) % 13 != 7 || fault_set(error, FAULT_SYSTEM, "nobody answers");
}

static gboolean env_var(const char *name, gpointer data, char **value, GError **error)
{
    gboolean there = FALSE;
    if (!roll(name, data, &there, error))
        return FALSE;
    *value = there ? g_strdup(name) : NULL;
    return TRUE;
}

static gboolean variable(ExpressionVariable variable, gpointer data, char **value, GError **error)
{
    static const char *const values[][2] = {
        {"1.2.3", "nightly"}, {"2.0.0", "2"}, {"box", NULL}, {"eu", NULL}, {"7", "x"}};
    *value = g_strdup(values[variable][((Dice *)data)->seed & 1]);
    return TRUE;
}

static int evaluate(const Expression *expression, guint seed, guint *asked)
{
    static const ExpressionHost host = {roll, roll, roll, env_var, variable};
    Dice dice = {.seed = seed};
    gboolean holds = FALSE;
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    gboolean good = expression_holds(expression, &host, &dice, &holds, lines, &error);
    hold(good == (error == NULL), "a failure says why");
    for (guint i = 0; i < lines->len; i++)
        hold(g_utf8_validate(lines->pdata[i], -1, NULL) && !strchr(lines->pdata[i], '\n'), "what was asked is a line");
    *asked = lines->len;
    return good ? holds : -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size), *problem = NULL;
    for (int use = EXPRESSION_CONDITION; use <= EXPRESSION_CRITERIA; use++) {
        guint offset = 0, first = 0, second = 0;
        g_clear_pointer(&problem, g_free);
        g_autoptr(Expression) expression = expression_parse(text, (ExpressionUse)use, &offset, &problem);
        if (!expression) {
            hold(problem && g_utf8_validate(problem, -1, NULL) && !strchr(problem, '\n'), "a problem is a line");
            hold(offset <= strlen(text), "its place is inside the text");
            continue;
        }
        hold(!problem, "a good one has no problem");
        for (guint seed = 0; seed < 4; seed++)
            hold(evaluate(expression, seed, &first) == evaluate(expression, seed, &second) && first == second,
                 "the same host, the same answer");
    }
    return 0;
}
