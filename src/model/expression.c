/* SPDX-License-Identifier: Apache-2.0 */
/* Reading conditions: symbols, then a parser by descent that knows the type of each term as soon as it has it. */
#include "model/expression_inner.h"

#include "model/manifest_check.h"
#include "model/schema.h"
#include "model/version.h"

#include <string.h>

const ExpressionWord expression_functions[] = {
    [FUNCTION_FILE_EXISTS] = {"file_exists", VALUE_BOOLEAN, FALSE, "whether a path below the app's root is there"},
    [FUNCTION_SERVICE_RUNNING] = {"service_running", VALUE_BOOLEAN, FALSE, "whether a unit is active"},
    [FUNCTION_ENV_VAR] = {"env_var", VALUE_TEXT, FALSE, "a variable that programs of the app are given"},
    [FUNCTION_COMMAND] = {"command", VALUE_BOOLEAN, FALSE, "whether a shell line ends with status 0"},
    {0},
};

const ExpressionWord expression_variables[] = {
    [VARIABLE_CURRENT_VERSION] = {"current_version", VALUE_VERSION, FALSE, "the installed version, if there is one"},
    [VARIABLE_NEW_VERSION] = {"new_version", VALUE_VERSION, FALSE, "the version of this release"},
    [VARIABLE_HOST] = {"host", VALUE_TEXT, FALSE, "the name of this host"},
    [VARIABLE_GROUP] = {"group", VALUE_TEXT, FALSE, "the group that the host's config puts it in"},
    [VARIABLE_SERVER_ID] = {"server_id", VALUE_NUMBER, TRUE, "the host's place in the rollout, 0 to 99"},
    {0},
};

static const char *const type_names[] = {"true or false", "a number", "a text", "a version"};

/* --- terms --------------------------------------------------------------------------------------------------- */

static void term_free(gpointer data)
{
    Term *term = data;
    g_free(term->text);
    g_free(term);
}

static Term *term_new(Parser *parser, TermKind kind, ValueType type, gsize at)
{
    if (parser->terms->len >= EXPRESSION_MAX_TERMS)
        return parser_fail(parser, at, "more than %d words, literals and operators", EXPRESSION_MAX_TERMS);
    Term *term = g_new0(Term, 1);
    *term = (Term){.kind = kind, .type = type, .at = at};
    g_ptr_array_add(parser->terms, term);
    return term;
}

static gboolean enter(Parser *parser, gsize at)
{
    if (++parser->depth > EXPRESSION_MAX_DEPTH)
        parser_fail(parser, at, "more than %d brackets or 'not' inside one another", EXPRESSION_MAX_DEPTH);
    return !parser->fault;
}

/* Whether it may stand for true or false by being there. */
static gboolean may_be_missing(const Term *term)
{
    return (term->kind == TERM_FUNCTION && term->word == FUNCTION_ENV_VAR) ||
           (term->kind == TERM_VARIABLE && term->word == VARIABLE_CURRENT_VERSION);
}

static const Term *want_truth(Parser *parser, const Term *term)
{
    if (!term || term->type == VALUE_BOOLEAN || may_be_missing(term))
        return term;
    return parser_fail(parser, term->at, "%s is neither true nor false; compare it with something",
                       type_names[term->type]);
}

/* --- words ---------------------------------------------------------------------------------------------------- */

static int find_word(const ExpressionWord *words, const char *name)
{
    for (int i = 0; words[i].name; i++)
        if (strcmp(words[i].name, name) == 0)
            return i;
    return -1;
}

static gboolean is_variable_name(const char *name)
{
    return *name && !g_ascii_isdigit(*name) && name[strspn(name, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "_")] == '\0';
}

static gboolean is_unit(const char *name)
{
    g_autofree char *unit = strchr(name, '.') ? g_strdup(name) : g_strconcat(name, ".service", NULL);
    return unit_is_plain(unit);
}

static gboolean stays_inside(const char *path)
{
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);
    return *path && strlen(path) < 512 && !g_strv_contains((const char *const *)parts, "..");
}

static gboolean is_line(const char *line)
{
    return line[strspn(line, " ")] != '\0';
}

static const struct {
    gboolean (*good)(const char *argument);
    const char *must;
} arguments[] = {
    [FUNCTION_FILE_EXISTS] = {stays_inside, "is no path without '..'"},
    [FUNCTION_SERVICE_RUNNING] = {is_unit, "is no name of a unit such as app.service"},
    [FUNCTION_ENV_VAR] = {is_variable_name, "is no name of an environment variable"},
    [FUNCTION_COMMAND] = {is_line, "is no shell line"},
};

static const Term *parse_call(Parser *parser, int function, gsize at)
{
    const char *name = expression_functions[function].name;
    if (!parser_take(parser, TOKEN_SIGN, "("))
        return parser_fail(parser, at, "'%s' needs brackets: %s('...')", name, name);
    if (parser->fault || parser->token.kind != TOKEN_TEXT)
        return parser_fail(parser, parser->token.at, "'%s' takes one text in quotes", name);
    if (!arguments[function].good(parser->token.text))
        return parser_fail_quoting(parser, parser->token.at, parser->token.text, arguments[function].must);
    if (++parser->calls > EXPRESSION_MAX_CALLS)
        return parser_fail(parser, at, "more than %d questions to the host", EXPRESSION_MAX_CALLS);
    Term *term = term_new(parser, TERM_FUNCTION, expression_functions[function].type, at);
    if (!term)
        return NULL;
    term->word = function;
    term->text = g_steal_pointer(&parser->token.text);
    parser_advance(parser);
    return parser_take(parser, TOKEN_SIGN, ")") ? term
                                                : parser_fail(parser, parser->token.at, "'%s' lacks its ')'", name);
}

static gpointer fail_unknown(Parser *parser, const char *word, gsize at)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (int i = 0; expression_functions[i].name; i++)
        g_ptr_array_add(names, (gpointer)expression_functions[i].name);
    for (int i = 0; expression_variables[i].name; i++)
        g_ptr_array_add(names, (gpointer)expression_variables[i].name);
    g_ptr_array_add(names, NULL);
    const char *nearest = schema_nearest(word, (const char *const *)names->pdata);
    g_autofree char *quoted = schema_quote(word);
    return nearest ? parser_fail(parser, at, "unknown word %s; did you mean '%s'?", quoted, nearest)
                   : parser_fail(parser, at, "unknown word %s", quoted);
}

static const Term *parse_word(Parser *parser)
{
    gsize at = parser->token.at;
    g_autofree char *word = g_steal_pointer(&parser->token.text);
    int function = find_word(expression_functions, word), variable = find_word(expression_variables, word);
    gboolean is_true = strcmp(word, "true") == 0;
    if (function < 0 && variable < 0 && !is_true && strcmp(word, "false") != 0)
        return fail_unknown(parser, word, at);
    parser_advance(parser);
    if (function >= 0)
        return parse_call(parser, function, at);
    if (variable >= 0 && expression_variables[variable].criteria && parser->use != EXPRESSION_CRITERIA)
        return parser_fail(parser, at, "'%s' has a meaning in the criteria of a rollout only", word);
    Term *term = variable >= 0 ? term_new(parser, TERM_VARIABLE, expression_variables[variable].type, at)
                               : term_new(parser, TERM_LITERAL, VALUE_BOOLEAN, at);
    if (term) {
        term->word = variable;
        term->number = is_true;
    }
    return term;
}

/* --- operators ------------------------------------------------------------------------------------------------ */

static const Term *parse_or(Parser *parser);

static const Term *parse_literal(Parser *parser)
{
    gboolean is_text = parser->token.kind == TOKEN_TEXT;
    Term *term = term_new(parser, TERM_LITERAL, is_text ? VALUE_TEXT : VALUE_NUMBER, parser->token.at);
    if (!term)
        return NULL;
    term->text = g_steal_pointer(&parser->token.text);
    term->number = parser->token.number;
    parser_advance(parser);
    return term;
}

static const Term *parse_operand(Parser *parser)
{
    gsize at = parser->token.at;
    if (parser->fault)
        return NULL;
    if (parser->token.kind == TOKEN_TEXT || parser->token.kind == TOKEN_NUMBER)
        return parse_literal(parser);
    if (parser->token.kind == TOKEN_WORD && !parser_at(parser, TOKEN_WORD, "and") &&
        !parser_at(parser, TOKEN_WORD, "or") && !parser_at(parser, TOKEN_WORD, "not"))
        return parse_word(parser);
    if (!parser_take(parser, TOKEN_SIGN, "("))
        return parser->token.kind == TOKEN_END ? parser_fail(parser, at, "it ends where something is missing")
                                               : parser_fail_quoting(parser, at, parser->token.text, "is out of place");
    const Term *term = enter(parser, at) ? parse_or(parser) : NULL;
    parser->depth--;
    return !term || parser_take(parser, TOKEN_SIGN, ")") ? term : parser_fail(parser, at, "a '(' without its ')'");
}

static const Term *parse_remainder(Parser *parser)
{
    const Term *left = parse_operand(parser);
    gsize at = parser->token.at;
    if (!left || !parser_take(parser, TOKEN_SIGN, "%"))
        return left;
    if (left->type != VALUE_NUMBER)
        return parser_fail(parser, left->at, "'%%' divides a number, not %s", type_names[left->type]);
    if (parser->fault || parser->token.kind != TOKEN_NUMBER || parser->token.number == 0)
        return parser_fail(parser, parser->token.at, "'%%' divides by a whole number from 1");
    Term *term = term_new(parser, TERM_REMAINDER, VALUE_NUMBER, at);
    if (!term)
        return NULL;
    term->left = left;
    term->number = parser->token.number;
    parser_advance(parser);
    return term;
}

static gboolean is_literal_version(const Term *term)
{
    return term->kind == TERM_LITERAL && term->type == VALUE_TEXT && version_is_valid(term->text) &&
           version_is_ordered(term->text);
}

/* Whether both sides can be held against each other in this way. */
static const Term *check_sides(Parser *parser, const Term *term)
{
    const Term *left = term->left, *right = term->right;
    gboolean order = term->compare != COMPARE_EQUAL && term->compare != COMPARE_UNEQUAL;
    if (left->kind == TERM_LITERAL && right->kind == TERM_LITERAL)
        return parser_fail(parser, left->at, "two constants compare the same on every host");
    if (left->type == VALUE_VERSION || right->type == VALUE_VERSION) {
        const Term *other = left->type == VALUE_VERSION ? right : left;
        if (other->type == VALUE_VERSION || is_literal_version(other))
            return term;
        if (other->kind == TERM_LITERAL && other->type == VALUE_TEXT)
            return parser_fail_quoting(parser, other->at, other->text, "is no version such as '2.1.0'");
        return parser_fail(parser, other->at, "a version is compared with a version in quotes, not with %s",
                           type_names[other->type]);
    }
    if (left->type != right->type)
        return parser_fail(parser, right->at, "%s is compared with %s", type_names[left->type],
                           type_names[right->type]);
    if (order && left->type != VALUE_NUMBER)
        return parser_fail(parser, term->at, "%s has no order; there are only '==' and '!='", type_names[left->type]);
    return term;
}

static const Term *parse_comparison(Parser *parser)
{
    static const char *const signs[] = {"==", "!=", "<", "<=", ">", ">="};
    const Term *left = parse_remainder(parser);
    for (int i = 0; left && i < (int)G_N_ELEMENTS(signs); i++) {
        gsize at = parser->token.at;
        if (!parser_take(parser, TOKEN_SIGN, signs[i]))
            continue;
        const Term *right = parse_remainder(parser);
        Term *term = right ? term_new(parser, TERM_COMPARE, VALUE_BOOLEAN, at) : NULL;
        if (!term)
            return NULL;
        term->compare = i;
        term->left = left;
        term->right = right;
        if (parser->token.kind == TOKEN_SIGN &&
            g_strv_contains((const char *const[]){"==", "!=", "<", "<=", ">", ">=", NULL}, parser->token.text))
            return parser_fail(parser, parser->token.at, "comparisons are joined by 'and', not written in a row");
        return check_sides(parser, term);
    }
    return left;
}

static const Term *parse_not(Parser *parser)
{
    gsize at = parser->token.at;
    if (!parser_take(parser, TOKEN_WORD, "not"))
        return parse_comparison(parser);
    const Term *left = enter(parser, at) ? want_truth(parser, parse_not(parser)) : NULL;
    parser->depth--;
    Term *term = left ? term_new(parser, TERM_NOT, VALUE_BOOLEAN, at) : NULL;
    if (term)
        term->left = left;
    return term;
}

static const Term *parse_row(Parser *parser, const char *word, TermKind kind, const Term *(*parse)(Parser *))
{
    const Term *left = parse(parser);
    while (left && parser_at(parser, TOKEN_WORD, word)) {
        gsize at = parser->token.at;
        parser_advance(parser);
        left = want_truth(parser, left);
        const Term *right = left ? want_truth(parser, parse(parser)) : NULL;
        Term *term = right ? term_new(parser, kind, VALUE_BOOLEAN, at) : NULL;
        if (term) {
            term->left = left;
            term->right = right;
        }
        left = term;
    }
    return left;
}

static const Term *parse_and(Parser *parser)
{
    return parse_row(parser, "and", TERM_AND, parse_not);
}

static const Term *parse_or(Parser *parser)
{
    return parse_row(parser, "or", TERM_OR, parse_and);
}

/* --- the outside ---------------------------------------------------------------------------------------------- */

static gboolean asks_something(const GPtrArray *terms)
{
    for (guint i = 0; i < terms->len; i++) {
        const Term *term = terms->pdata[i];
        if (term->kind == TERM_FUNCTION || term->kind == TERM_VARIABLE)
            return TRUE;
    }
    return FALSE;
}

Expression *expression_parse(const char *text, ExpressionUse use, guint *offset, char **problem)
{
    Parser parser = {.source = text, .use = use, .terms = g_ptr_array_new_with_free_func(term_free)};
    const Term *root = NULL;
    if (parser_may_read(&parser)) {
        parser_advance(&parser);
        root = want_truth(&parser, parse_or(&parser));
        if (root && parser.token.kind != TOKEN_END)
            parser_fail(&parser, parser.token.at, "'and' or 'or' is missing before this");
        if (root && !asks_something(parser.terms))
            parser_fail(&parser, 0, "it asks nothing, and is the same on every host");
    }
    g_free(parser.token.text);
    if (parser.fault) {
        *problem = parser.fault;
        *offset = g_utf8_validate(text, (gssize)parser.fault_at, NULL)
                      ? (guint)g_utf8_strlen(text, (gssize)parser.fault_at)
                      : (guint)parser.fault_at;
        g_ptr_array_unref(parser.terms);
        return NULL;
    }
    Expression *expression = g_new0(Expression, 1);
    expression->terms = parser.terms;
    expression->root = root;
    return expression;
}

void expression_free(Expression *expression)
{
    if (!expression)
        return;
    g_ptr_array_unref(expression->terms);
    g_free(expression);
}
