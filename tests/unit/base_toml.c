/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TOML: what is read, what is refused in which words, and that the tree knows its tokens. That texts mean what they
 * mean to other readers is the concern of tests/property/test_documents.py.
 */
#include "base/fault.h"
#include "base/toml.h"

#include <string.h>
#include <time.h>

typedef struct Case {
    const char *text, *expected;
} Case;

static TomlText *parse(const char *text)
{
    g_autoptr(GError) error = NULL;
    TomlText *toml = toml_parse(text, strlen(text), "f", FAULT_CONFIG, &error);
    g_assert_no_error(error);
    return toml;
}

static void check_kept(const TomlText *toml, const char *text)
{
    gsize size, n_tokens, at = 0;
    g_autofree char *emitted = toml_emit(toml, &size);
    g_assert_cmpmem(emitted, size, text, strlen(text));
    const TomlToken *tokens = toml_tokens(toml, &n_tokens);
    for (gsize i = 0; i < n_tokens; i++) {
        g_assert_cmpuint(tokens[i].start, ==, at);
        g_assert_cmpuint(tokens[i].size, >, 0);
        at += tokens[i].size;
    }
    g_assert_cmpuint(at, ==, size);
}

static void check_read(const Case *cases, gsize n_cases)
{
    for (gsize i = 0; i < n_cases; i++) {
        g_autoptr(TomlText) toml = parse(cases[i].text);
        g_autoptr(Node) node = toml_to_node(toml);
        g_autofree char *json = node_to_json(node, 0);
        g_assert_cmpstr(json, ==, cases[i].expected);
        check_kept(toml, cases[i].text);
    }
}

static void check_refused(const Case *cases, gsize n_cases)
{
    for (gsize i = 0; i < n_cases; i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(toml_parse(cases[i].text, strlen(cases[i].text), "f", FAULT_CONFIG, &error));
        g_assert_error(error, FAULT, FAULT_CONFIG);
        g_assert_cmpstr(error->message, ==, cases[i].expected);
    }
}

static void test_values(void)
{
    static const Case cases[] = {
        {"", "{}"},
        {"a = +1_000\nb = -0\nc = 0xFF\nd = 0o17\ne = 0b11\n", "{\"a\":1000,\"b\":0,\"c\":255,\"d\":15,\"e\":3}"},
        {"a = 9223372036854775807\nb = -9223372036854775808", "{\"a\":9223372036854775807,\"b\":-9223372036854775808}"},
        {"a = +1.50\nb = 1_0E+0_5\nc = -inf\nd = -nan\ne = 1e06",
         "{\"a\":1.50,\"b\":10e+05,\"c\":\"-inf\",\"d\":\"nan\",\"e\":1e06}"},
        {"a = true\nb = false", "{\"a\":true,\"b\":false}"},
        {"a = 1979-05-27 07:32:00.5-07:00 # c", "{\"a\":\"1979-05-27 07:32:00.5-07:00\"}"},
        {"a = 2016-12-31T23:59:60Z\nb = 0000-02-29", "{\"a\":\"2016-12-31T23:59:60Z\",\"b\":\"0000-02-29\"}"},
        {"a = \"\\b\\t\\n\\f\\r\\\"\\\\\\u00e9\\U0001F600\"",
         "{\"a\":\"\\b\\t\\n\\f\\r\\\"\\\\\xc3\xa9\xf0\x9f\x98\x80\"}"},
        {"a = \"\"\"\r\nx \\\r\n  \r\n y\r\n\"\"\"\"\"", "{\"a\":\"x y\\n\\\"\\\"\"}"},
        {"a = '\\n'\nb = '''\n\\'''''", "{\"a\":\"\\\\n\",\"b\":\"\\\\''\"}"},
        {"a = [1, # c\n [],\r\n {b.c = 'x'},\n]", "{\"a\":[1,[],{\"b\":{\"c\":\"x\"}}]}"},
    };
    check_read(cases, G_N_ELEMENTS(cases));
}

static void test_tables(void)
{
    static const Case cases[] = {
        {"3.14 = 1\n\"3\".'15' = 2", "{\"3\":{\"14\":1,\"15\":2}}"},
        {"[a.b]\nx = 1\n[c]\n[a]\ny = 2", "{\"a\":{\"b\":{\"x\":1},\"y\":2},\"c\":{}}"},
        {"[[a]]\nx = 1\n[a.b]\n[[a]]\n[[a.c]]\ny.z = 2", "{\"a\":[{\"x\":1,\"b\":{}},{\"c\":[{\"y\":{\"z\":2}}]}]}"},
        {"[a]\nb.c = 1\n[a.b.d]\n", "{\"a\":{\"b\":{\"c\":1,\"d\":{}}}}"},
        {"[a.b]\n[a]\nb2.c = 1", "{\"a\":{\"b\":{},\"b2\":{\"c\":1}}}"},
    };
    check_read(cases, G_N_ELEMENTS(cases));
}

static void test_refused_definitions(void)
{
    static const Case cases[] = {
        {"a = 1\n\"a\" = 2", "f:2:1: the key \"a\" appears twice (line 1)"},
        {"a.b = 1\na.b = 2", "f:2:3: the key \"a.b\" appears twice (line 1)"},
        {"a = 1\na.b = 2", "f:2:1: \"a\" is not a table (line 1)"},
        {"a.b = 1\na = 2", "f:2:1: the table \"a\" is already defined (line 1)"},
        {"a = {}\na.b = 2", "f:2:1: \"a\" is closed, nothing can be added to it (line 1)"},
        {"a = {b = 1, b = 2}", "f:1:13: the key \"b\" appears twice (line 1)"},
        {"[a]\n[a]", "f:2:2: the table \"a\" is already defined (line 1)"},
        {"[a]\n[b]\n[a]", "f:3:2: the table \"a\" is already defined (line 1)"},
        {"a.b = 1\n[a]", "f:2:2: the table \"a\" is defined by dotted keys (line 1)"},
        {"a = 1\n[a]", "f:2:2: \"a\" is not a table (line 1)"},
        {"a = 1\n[a.b]", "f:2:2: \"a\" is not a table (line 1)"},
        {"a = {}\n[a.b]", "f:2:2: \"a\" is closed, nothing can be added to it (line 1)"},
        {"a = [{}]\n[a.b]", "f:2:2: \"a\" is closed, nothing can be added to it (line 1)"},
        {"a = []\n[[a]]", "f:2:3: \"a\" is closed, nothing can be added to it (line 1)"},
        {"[[a]]\n[a]", "f:2:2: \"a\" is an array of tables (line 1)"},
        {"[a]\n[[a]]", "f:2:3: the table \"a\" is already defined (line 1)"},
        {"[[a.b]]\n[a]\nb.c = 1", "f:3:1: \"b\" is an array of tables (line 1)"},
        {"[a.b.c]\n[a]\nb.c.d = 1", "f:3:3: the table \"b.c\" is already defined (line 1)"},
        {"[a]\nb = 1\n[a.b]", "f:3:4: \"a.b\" is not a table (line 2)"},
    };
    check_refused(cases, G_N_ELEMENTS(cases));
}

static void test_refused_forms(void)
{
    static const Case cases[] = {
        {"a", "f:1:2: expected '=' or '.' after the key, found the end of the text"},
        {"a = ", "f:1:5: expected a value, found the end of the text"},
        {"a =\n1", "f:1:4: expected a value, found the end of the line"},
        {"a = 1 b = 2", "f:1:7: expected the end of the line, found \"b\""},
        {"= 1", "f:1:1: expected a key, found \"=\""},
        {"a. = 1", "f:1:4: expected a key, found \"=\""},
        {"\xc3\xa4 = 1", "f:1:1: expected a key, found \"\xc3\xa4\""},
        {"\"\"\"a\"\"\" = 1", "f:1:1: a key cannot be a multi-line string"},
        {"a = b", "f:1:5: \"b\": not a value; a text needs quotes"},
        {"a = 1.2.3", "f:1:5: \"1.2.3\": not a number"},
        {"a = 1_", "f:1:5: \"1_\": not a number"},
        {"a = .5", "f:1:5: \".5\": not a number"},
        {"a = 007", "f:1:5: \"007\": a number cannot begin with 0"},
        {"a = 9223372036854775808", "f:1:5: \"9223372036854775808\": the integer does not fit into 64 bits"},
        {"a = 0x8000000000000000", "f:1:5: \"0x8000000000000000\": the integer does not fit into 64 bits"},
        {"a = 2023-02-29", "f:1:5: \"2023-02-29\": there is no such date or time"},
        {"a = 24:00:00", "f:1:5: \"24:00:00\": there is no such date or time"},
        {"a = 1979-05-27T07", "f:1:5: \"1979-05-27T07\": not a date or time"},
        {"a = 1979-05-27 07:32", "f:1:5: \"1979-05-27 07:32\": not a date or time"},
        {"a = \"x\ny\"", "f:1:5: the string does not end in its line"},
        {"a = \"\"\"x", "f:1:5: the string never ends"},
        {"a = \"\xc3\xa4\\q\"", "f:1:7: unknown escape"},
        {"a = \"\"\"\nx\\ y\"\"\"", "f:2:2: unknown escape"},
        {"a = \"\\u12\"", "f:1:6: \\u needs four hexadecimal digits"},
        {"a = \"\\U0000012\"", "f:1:6: \\U needs eight hexadecimal digits"},
        {"a = \"\\ud800\"", "f:1:6: an escape names no character"},
        {"a = \"\\u0000\"", "f:1:6: a NUL character is not allowed"},
        {"a = 'x\x01'", "f:1:7: the control character U+0001 is not allowed"},
        {"a = '''\n\x7f'''", "f:2:1: the control character U+007F is not allowed"},
        {"# x\x01", "f:1:4: the control character U+0001 is not allowed"},
        {"a = 1\rb = 2", "f:1:6: expected the end of the line, found \"\\u000D\""},
        {"a = [1 2]", "f:1:8: expected ',' or ']', found \"2\""},
        {"a = [1,", "f:1:8: expected a value, found the end of the text"},
        {"a = {b = 1,}", "f:1:12: expected a key, found \"}\""},
        {"a = {b = 1\n}", "f:1:11: expected ',' or '}' in the same line, found the end of the line"},
        {"[a", "f:1:3: expected ']', found the end of the text"},
        {"[[a]", "f:1:5: expected ']]', found the end of the text"},
        {"[]", "f:1:2: expected a key, found \"]\""},
        {"[a] b = 1", "f:1:5: expected the end of the line, found \"b\""},
        {"\xef\xbb\xbf", "f:1:1: begins with a byte order mark\nsave it as UTF-8 without a byte order mark"},
        {"# \xff", "f:1:3: not valid UTF-8"},
    };
    check_refused(cases, G_N_ELEMENTS(cases));
}

/* --- the tree and its tokens -------------------------------------------------------------------------------- */

static void check_range(const TomlText *toml, TomlRange range, const char *expected)
{
    gsize size, n_tokens;
    g_autofree char *text = toml_emit(toml, &size);
    const TomlToken *tokens = toml_tokens(toml, &n_tokens);
    g_assert_cmpuint(range.end, <=, n_tokens);
    GString *got = g_string_new(NULL);
    for (gsize i = range.first; i < range.end; i++)
        g_string_append_len(got, text + tokens[i].start, (gssize)tokens[i].size);
    g_assert_cmpstr(got->str, ==, expected);
    g_string_free(got, TRUE);
}

static const char spans[] = "# file\n"
                            "\n"
                            "# about a\n"
                            "  # more\n"
                            "  a = [1, 2] # here\n"
                            "b.c = {d = 'x'}\n"
                            "\n"
                            "# lost\n"
                            "\n"
                            "# about t\n"
                            "[ t . \"u\" ] # head\n"
                            "x = 1\n"
                            "y = \"\"\"\n"
                            "two\"\"\"\n"
                            "\n"
                            "[[l]]\n"
                            "z=1";

static void test_ranges_of_values(void)
{
    g_autoptr(TomlText) toml = parse(spans);
    const TomlItem *root = toml_root(toml), *a = toml_get(root, "a"), *c = toml_get(toml_get(root, "b"), "c");
    check_range(toml, a->lead, "# about a\n  # more\n");
    check_range(toml, a->statement, "  a = [1, 2] # here\n");
    check_range(toml, a->key_tokens, "a");
    check_range(toml, a->value, "[1, 2]");
    check_range(toml, ((TomlItem *)g_ptr_array_index(a->items, 1))->value, "2");
    check_range(toml, c->key_tokens, "c");
    check_range(toml, c->statement, "b.c = {d = 'x'}\n");
    check_range(toml, c->lead, "");
    check_range(toml, c->value, "{d = 'x'}");
    check_range(toml, toml_get(c, "d")->value, "'x'");
    check_range(toml, toml_get(c, "d")->statement, "");
    check_range(toml, toml_get(root, "b")->statement, "");
    g_assert_cmpint(a->shape, ==, TOML_ARRAY);
    g_assert_cmpint(c->shape, ==, TOML_INLINE);
    g_assert_null(toml_get(a, "x"));
    g_assert_null(toml_get(root, "x"));
    g_assert_null(toml_get(NULL, "x"));
}

static void test_ranges_of_tables(void)
{
    g_autoptr(TomlText) toml = parse(spans);
    const TomlItem *root = toml_root(toml), *u = toml_get(toml_get(root, "t"), "u"), *l = toml_get(root, "l");
    const TomlItem *first = g_ptr_array_index(l->items, 0);
    check_range(toml, root->body, "# file\n\n# about a\n  # more\n  a = [1, 2] # here\nb.c = {d = 'x'}\n\n# lost\n\n");
    check_range(toml, u->lead, "# about t\n");
    check_range(toml, u->statement, "[ t . \"u\" ] # head\n");
    check_range(toml, u->key_tokens, "\"u\"");
    check_range(toml, u->body, "x = 1\ny = \"\"\"\ntwo\"\"\"\n\n");
    check_range(toml, toml_get(u, "y")->statement, "y = \"\"\"\ntwo\"\"\"\n");
    check_range(toml, toml_get(root, "t")->body, "");
    g_assert_cmpint(l->shape, ==, TOML_TABLES);
    check_range(toml, first->statement, "[[l]]\n");
    check_range(toml, first->body, "z=1");
    check_range(toml, toml_get(first, "z")->statement, "z=1");
}

static void test_positions(void)
{
    g_autoptr(TomlText) toml = parse(spans);
    g_autoptr(Node) node = toml_to_node(toml);
    static const struct {
        const char *pointer;
        guint line, column;
    } cases[] = {{"", 1, 1},    {"/a", 5, 7},    {"/a/1", 5, 11},   {"/b", 6, 1},  {"/b/c", 6, 7},  {"/b/c/d", 6, 12},
                 {"/t", 11, 3}, {"/t/u", 11, 1}, {"/t/u/y", 13, 5}, {"/l", 16, 3}, {"/l/0", 16, 1}, {"/l/0/z", 17, 3}};
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        const Node *found = node_pointer(node, cases[i].pointer);
        g_assert_nonnull(found);
        g_assert_cmpuint(found->line, ==, cases[i].line);
        g_assert_cmpuint(found->column, ==, cases[i].column);
    }
    const Entry *entry = g_ptr_array_index(node_pointer(node, "/b")->items, 0);
    g_assert_cmpuint(entry->line, ==, 6);
    g_assert_cmpuint(entry->column, ==, 3);
}

/* --- limits ------------------------------------------------------------------------------------------------- */

static void check_limit(const char *before, const char *text, guint n, const char *expected)
{
    g_autoptr(GString) all = g_string_new(before);
    for (guint i = 0; i < n; i++)
        g_string_append(all, text);
    g_autoptr(GError) error = NULL;
    clock_t start = clock();
    g_autoptr(TomlText) toml = toml_parse(all->str, all->len, "f", FAULT_CONFIG, &error);
    g_assert_cmpint(clock() - start, <, 3 * CLOCKS_PER_SEC);
    g_assert_cmpstr(error ? error->message : NULL, ==, expected);
    g_assert_true((toml == NULL) == (expected != NULL));
}

static void test_limits(void)
{
    check_limit("a = ", "[", 500000, "f:1:68: nested deeper than 64 levels");
    check_limit("a = ", "{a = ", 200000, "f:1:320: nested deeper than 64 levels");
    check_limit("a", ".a", 500000, "f:1:129: nested deeper than 64 levels");
    check_limit("[a", ".a", 500000, "f:1:130: nested deeper than 64 levels");
    check_limit("a = [0", ",0", 100000, "f:1:200002: more than 100000 values");
    check_limit("[[a]]\n", "[[a]]\n", 100000, "f:99999:3: more than 100000 values");
    check_limit("", "\n", DOCUMENT_MAX_BYTES, NULL);
    check_limit("\n", "\n", DOCUMENT_MAX_BYTES, "f:1:1: larger than 1 MiB");
    check_limit("a = \"", "\\\"", 500000, "f:1:5: the string does not end in its line");
}

/* Sixty-four levels, the root among them, are read. */
static void test_deepest(void)
{
    g_autoptr(GString) text = g_string_new("a = ");
    for (guint i = 0; i < 63; i++)
        g_string_append_c(text, '[');
    for (guint i = 0; i < 63; i++)
        g_string_append_c(text, ']');
    g_autoptr(TomlText) toml = parse(text->str);
    check_kept(toml, text->str);
}

static void test_many_keys(void)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint i = 0; i < 60000; i++)
        g_string_append_printf(text, "k%u=%u\n", i, i);
    clock_t start = clock();
    g_autoptr(TomlText) toml = parse(text->str);
    g_assert_cmpint(clock() - start, <, 3 * CLOCKS_PER_SEC);
    g_assert_cmpstr(toml_get(toml_root(toml), "k59999")->text, ==, "59999");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/toml/values are read by their form", test_values);
    g_test_add_func("/toml/tables may come in any order", test_tables);
    g_test_add_func("/toml/a reopened table is refused", test_refused_definitions);
    g_test_add_func("/toml/what has not the form is refused with its place", test_refused_forms);
    g_test_add_func("/toml/a value knows its tokens", test_ranges_of_values);
    g_test_add_func("/toml/a table knows its tokens", test_ranges_of_tables);
    g_test_add_func("/toml/positions count characters", test_positions);
    g_test_add_func("/toml/depth, count and size are limited", test_limits);
    g_test_add_func("/toml/the deepest text is read", test_deepest);
    g_test_add_func("/toml/many keys cost no time", test_many_keys);
    return g_test_run();
}
