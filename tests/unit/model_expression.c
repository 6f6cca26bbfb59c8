/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of model/expression.h. */
#include "model/expression.h"

#include "base/fault.h"

#include <string.h>

/* A host of which everything is known. */
typedef struct Known {
    const char *version, *region;
    gboolean broken;
    guint questions;
} Known;

static gboolean file_exists(const char *path, gpointer data, gboolean *answer, GError **error)
{
    ((Known *)data)->questions++;
    *answer = strcmp(path, "there") == 0;
    return TRUE;
}

static gboolean service_running(const char *name, gpointer data, gboolean *answer, GError **error)
{
    Known *known = data;
    known->questions++;
    *answer = strcmp(name, "db") == 0;
    return !known->broken || fault_set(error, FAULT_SYSTEM, "nobody answers");
}

static gboolean command(const char *line, gpointer data, gboolean *answer, GError **error)
{
    ((Known *)data)->questions++;
    *answer = strcmp(line, "true") == 0;
    return TRUE;
}

static gboolean env_var(const char *name, gpointer data, char **value, GError **error)
{
    Known *known = data;
    known->questions++;
    *value = strcmp(name, "REGION") == 0 ? g_strdup(known->region) : strcmp(name, "EMPTY") == 0 ? g_strdup("") : NULL;
    return TRUE;
}

static gboolean variable(ExpressionVariable variable, gpointer data, char **value, GError **error)
{
    Known *known = data;
    const char *const values[] = {known->version, "2.0.0", "box", NULL, "42"};
    *value = g_strdup(values[variable]);
    return TRUE;
}

static const ExpressionHost host = {file_exists, service_running, command, env_var, variable};

static Expression *parsed(const char *text, ExpressionUse use)
{
    guint offset = 0;
    g_autofree char *problem = NULL;
    Expression *expression = expression_parse(text, use, &offset, &problem);
    if (!expression)
        g_error("%s: character %u: %s", text, offset + 1, problem);
    return expression;
}

static gboolean holds(const char *text)
{
    Known known = {.version = "1.9.0", .region = "eu"};
    g_autoptr(Expression) expression = parsed(text, EXPRESSION_CRITERIA);
    gboolean answer = FALSE;
    GError *error = NULL;
    expression_holds(expression, &host, &known, &answer, NULL, &error);
    g_assert_no_error(error);
    return answer;
}

static void documents(void)
{
    g_assert_true(holds("current_version < '2.0.0'"));
    g_assert_false(holds("file_exists('/opt/myapp/.maintenance_mode')"));
    g_assert_true(holds("file_exists(\"there\")"));
    g_assert_true(holds("service_running('db')"));
    g_assert_false(holds("service_running('myapp.service')"));
    g_assert_true(holds("command('true')"));
    g_assert_false(holds("command('exit 1')"));
    g_assert_true(holds("env_var('REGION') == 'eu'"));
    g_assert_true(holds("env_var('REGION')"));
    g_assert_false(holds("env_var('EMPTY')"));
    g_assert_false(holds("env_var('NOWHERE')"));
}

static void precedence(void)
{
    g_assert_true(holds("command('true') or command('a') and command('b')"));
    g_assert_false(holds("(command('true') or command('a')) and command('b')"));
    g_assert_true(holds("not command('a') and command('true')"));
    g_assert_false(holds("not (command('true') or command('a'))"));
    g_assert_true(holds("not not command('true')"));
    g_assert_true(holds("not current_version > '2'"));
    g_assert_true(holds("server_id % 10 == 2"));
    g_assert_true(holds("server_id < 50 and server_id >= 42"));
    g_assert_true(holds("50 > server_id"));
    g_assert_true(holds("command('a') == false"));
    g_assert_true(holds("command('true') != command('a')"));
    g_assert_true(holds("command('a') or\n\tcommand('true')\n"));
}

static void versions(void)
{
    g_assert_true(holds("current_version == '1.9'"));
    g_assert_true(holds("current_version < '1.10'"));
    g_assert_true(holds("current_version <= 'v1.9.0'"));
    g_assert_true(holds("'1.9.0-rc.1' < current_version"));
    g_assert_true(holds("current_version < new_version"));
    g_assert_true(holds("current_version != '1.9.1'"));
    g_assert_true(holds("current_version"));
}

static gboolean answer_of(const char *text, Known *known, GPtrArray *asked, GError **error)
{
    g_autoptr(Expression) expression = parsed(text, EXPRESSION_CONDITION);
    gboolean answer = FALSE;
    expression_holds(expression, &host, known, &answer, asked, error);
    return answer;
}

static void nothing_installed(void)
{
    Known known = {0};
    GError *error = NULL;
    static const char *const false_ones[] = {"current_version",        "current_version < '2'",
                                             "current_version == '2'", "current_version >= '0'",
                                             "group == 'canary'",      "env_var('REGION') == ''"};
    static const char *const true_ones[] = {"not current_version", "current_version != '2'", "group != 'canary'"};
    for (gsize i = 0; i < G_N_ELEMENTS(false_ones); i++)
        g_assert_false(answer_of(false_ones[i], &known, NULL, &error));
    for (gsize i = 0; i < G_N_ELEMENTS(true_ones); i++)
        g_assert_true(answer_of(true_ones[i], &known, NULL, &error));
    g_assert_no_error(error);
}

static void no_order(void)
{
    Known known = {.version = "nightly"};
    GError *error = NULL;
    g_assert_false(answer_of("current_version < '2'", &known, NULL, &error));
    g_assert_error(error, FAULT, FAULT_REQUIREMENT);
    g_assert_cmpstr(error->message, ==, "the version 'nightly' has no order");
    g_clear_error(&error);
    g_assert_true(answer_of("current_version != '2'", &known, NULL, &error));
    g_assert_no_error(error);
}

static void asks_no_more_than_needed(void)
{
    Known known = {.version = "1.0"};
    GError *error = NULL;
    g_assert_true(answer_of("file_exists('there') or command('a') or service_running('b')", &known, NULL, &error));
    g_assert_cmpuint(known.questions, ==, 1);
    g_assert_false(answer_of("current_version > '1' and command('a')", &known, NULL, &error));
    g_assert_cmpuint(known.questions, ==, 1);
    g_assert_no_error(error);
}

static void says_what_was_asked(void)
{
    Known known = {.version = "1.0"};
    GError *error = NULL;
    g_autoptr(GPtrArray) asked = g_ptr_array_new_with_free_func(g_free);
    g_assert_true(answer_of("current_version < '2' and not (env_var('X') == 'a') and not file_exists('a\\'b')", &known,
                            asked, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(asked->len, ==, 3);
    g_assert_cmpstr(asked->pdata[0], ==, "current_version is '1.0'");
    g_assert_cmpstr(asked->pdata[1], ==, "env_var('X') is not there");
    g_assert_cmpstr(asked->pdata[2], ==, "file_exists('a'b') is false");
}

static void host_that_fails(void)
{
    Known known = {.broken = TRUE};
    GError *error = NULL;
    g_assert_false(answer_of("not service_running('db')", &known, NULL, &error));
    g_assert_error(error, FAULT, FAULT_SYSTEM);
    g_assert_cmpstr(error->message, ==, "nobody answers");
    g_clear_error(&error);
}

static void refuse(const char *text, guint offset, const char *problem)
{
    guint at = 0;
    g_autofree char *said = NULL;
    g_autoptr(Expression) expression = expression_parse(text, EXPRESSION_CONDITION, &at, &said);
    g_assert_null(expression);
    g_assert_cmpstr(said, ==, problem);
    g_assert_cmpuint(at, ==, offset);
}

static void wrong_syntax(void)
{
    refuse("", 0, "it ends where something is missing");
    refuse("   ", 3, "it ends where something is missing");
    refuse("current_version <", 17, "it ends where something is missing");
    refuse("current_version < '2", 18, "a text without its closing '");
    refuse("file_exists('a", 12, "a text without its closing '");
    refuse("file_exists('a'", 15, "'file_exists' lacks its ')'");
    refuse("file_exists", 0, "'file_exists' needs brackets: file_exists('...')");
    refuse("file_exists(a)", 12, "'file_exists' takes one text in quotes");
    refuse("file_exists('a', 'b')", 15, "',' has no meaning here");
    refuse("(command('a')", 0, "a '(' without its ')'");
    refuse("command('a'))", 12, "'and' or 'or' is missing before this");
    refuse("command('a') command('b')", 13, "'and' or 'or' is missing before this");
    refuse("command('a') && command('b')", 13, "'&&' is written 'and' here");
    refuse("command('a') || command('b')", 13, "'||' is written 'or' here");
    refuse("!command('a')", 0, "'!' is written 'not' here");
    refuse("current_version = '2'", 16, "'=' is written '==' here");
    refuse("or command('a')", 0, "'or' is out of place");
    refuse("command('a') and", 16, "it ends where something is missing");
    refuse("command('a\\n')", 10, "a backslash stands only before a quote or a backslash");
    refuse("curent_version < '2'", 0, "unknown word 'curent_version'; did you mean 'current_version'?");
    refuse("__import__('os')", 0, "unknown word '__import__'");
    refuse("command('ü') ; command('a')", 13, "';' has no meaning here");
    refuse("command('a') and \xff", 17, "it is no UTF-8");
    refuse("command('a\x1b[2J')", 10, "it holds what does not print");
    refuse("command('a\nb')", 8, "a text without its closing '");
}

static void wrong_types(void)
{
    refuse("'2.0.0'", 0, "a text is neither true nor false; compare it with something");
    refuse("new_version", 0, "a version is neither true nor false; compare it with something");
    refuse("command('a') and 3", 17, "a number is neither true nor false; compare it with something");
    refuse("not host", 4, "a text is neither true nor false; compare it with something");
    refuse("current_version < 2", 18, "a version is compared with a version in quotes, not with a number");
    refuse("current_version < 2.0", 18, "2.0 is no whole number; if a version is meant, quote it: '2.0'");
    refuse("current_version < 'new'", 18, "'new' is no version such as '2.1.0'");
    refuse("current_version < env_var('X')", 18, "a version is compared with a version in quotes, not with a text");
    refuse("env_var('X') < 'a'", 13, "a text has no order; there are only '==' and '!='");
    refuse("command('a') == 'yes'", 16, "true or false is compared with a text");
    refuse("'1' < current_version < '3'", 22, "comparisons are joined by 'and', not written in a row");
    refuse("host % 3 == 1", 0, "'%' divides a number, not a text");
    refuse("99999999999 == 1", 0, "'99999999999' is no whole number up to 2147483647");
    refuse("server_id < 5", 0, "'server_id' has a meaning in the criteria of a rollout only");
}

static void absurd(void)
{
    refuse("true", 0, "it asks nothing, and is the same on every host");
    refuse("not false or true", 0, "it asks nothing, and is the same on every host");
    refuse("'a' == 'a'", 0, "two constants compare the same on every host");
    refuse("1 < 2 and command('a')", 0, "two constants compare the same on every host");
}

static void wrong_arguments(void)
{
    refuse("file_exists('../../etc/shadow')", 12, "'../../etc/shadow' is no path without '..'");
    refuse("file_exists('')", 12, "'' is no path without '..'");
    refuse("service_running('a b')", 16, "'a b' is no name of a unit such as app.service");
    refuse("service_running('--all')", 16, "'--all' is no name of a unit such as app.service");
    refuse("env_var('A=B')", 8, "'A=B' is no name of an environment variable");
    refuse("command('  ')", 8, "'  ' is no shell line");
}

static void repeat(const char *piece, guint count, const char *tail, guint offset, const char *problem)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint i = 0; i < count; i++)
        g_string_append(text, piece);
    g_string_append(text, tail);
    if (problem)
        refuse(text->str, offset, problem);
    else
        expression_free(parsed(text->str, EXPRESSION_CRITERIA));
}

static void limits(void)
{
    repeat("not ", 16, "current_version", 0, NULL);
    repeat("not ", 17, "current_version", 64, "more than 16 brackets or 'not' inside one another");
    repeat("(", 17, "current_version", 16, "more than 16 brackets or 'not' inside one another");
    repeat("(", 999, "", 16, "more than 16 brackets or 'not' inside one another");
    repeat("command('a') or ", 7, "command('a')", 0, NULL);
    repeat("command('a') or ", 8, "command('a')", 128, "more than 8 questions to the host");
    repeat("host!='' or ", 24, "host!='a'", 0, NULL);
    repeat("host!='' or ", 25, "host!='a'", 306, "more than 100 words, literals and operators");
    repeat(" ", 985, "current_version", 0, NULL);
    repeat(" ", 986, "current_version", 1000, "it is longer than 1000 bytes");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/expression/what the documents write is understood", documents);
    g_test_add_func("/expression/not before and before or", precedence);
    g_test_add_func("/expression/versions have their order", versions);
    g_test_add_func("/expression/what is not there is not equal to anything", nothing_installed);
    g_test_add_func("/expression/a version without order is said", no_order);
    g_test_add_func("/expression/the host is asked no more than needed", asks_no_more_than_needed);
    g_test_add_func("/expression/what was asked can be told", says_what_was_asked);
    g_test_add_func("/expression/a host that cannot be asked ends it", host_that_fails);
    g_test_add_func("/expression/wrong syntax names its place", wrong_syntax);
    g_test_add_func("/expression/wrong types name their place", wrong_types);
    g_test_add_func("/expression/what asks nothing is refused", absurd);
    g_test_add_func("/expression/wrong arguments are refused before anybody is asked", wrong_arguments);
    g_test_add_func("/expression/length, depth and count have limits", limits);
    return g_test_run();
}
