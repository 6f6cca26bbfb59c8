/* SPDX-License-Identifier: Apache-2.0 */
/* JSON under a signature: its one form, and what no reader of it may let pass. */
#include "base/canonical.h"
#include "base/fault.h"

#include <string.h>

typedef struct Case {
    const char *text, *expected; /* the canonical form of what is read, or the fault */
} Case;

typedef Node *(*Reader)(const char *bytes, gsize size, const char *name, int fault_code, GError **error);

static char *outcome(Reader read, const char *bytes, gsize size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Node) node = read(bytes, size, "f", FAULT_VERIFY, &error);
    if (node)
        return canonical_write(node, NULL);
    g_assert_error(error, FAULT, FAULT_VERIFY);
    return g_strdup(error->message);
}

static void check(Reader read, const Case *cases, gsize n_cases)
{
    for (gsize i = 0; i < n_cases; i++) {
        g_autofree char *got = outcome(read, cases[i].text, strlen(cases[i].text));
        g_assert_cmpstr(got, ==, cases[i].expected);
    }
}

static void test_form(void)
{
    static const Case cases[] = {
        {"{ }", "{}"},
        {" [ 1 , -2, true,false , null,\"x\" ] \n\n", "[1,-2,true,false,null,\"x\"]"},
        {"{\"b\":1,\"a\":{\"z\":[],\"y\":{}}}", "{\"a\":{\"y\":{},\"z\":[]},\"b\":1}"},
        /* bytes, not letters: upper case first, and what UTF-16 would put elsewhere */
        {"{\"a\":1,\"B\":2,\"\\uFF61\":3,\"\\ud83d\\ude00\":4,\"\":5,\"aa\":6}",
         "{\"\":5,\"B\":2,\"a\":1,\"aa\":6,\"\xef\xbd\xa1\":3,\"\xf0\x9f\x98\x80\":4}"},
        {"\"\\u00e4\\/\\n\\t\\u0001\\\"\\\\\\u007f\"", "\"\xc3\xa4/\n\t\x01\\\"\\\\\x7f\""},
        {"9223372036854775807", "9223372036854775807"},
        {"-9223372036854775808", "-9223372036854775808"},
    };
    check(canonical_read, cases, G_N_ELEMENTS(cases));
}

static void test_refusals(void)
{
    static const Case cases[] = {
        {"", "f:1:1: expected a value, found the end of the text"},
        {"{\"a\":1,\"\\u0061\":2}", "f:1:8: the key \"a\" appears twice (line 1)"},
        {"{\"x\":{\"a\":1,\n\"a\":1}}", "f:2:1: the key \"a\" appears twice (line 1)"},
        {"[1.0]", "f:1:2: a number with a fraction or an exponent"},
        {"{\"a\":1e0}", "f:1:6: a number with a fraction or an exponent"},
        {"-0", "f:1:1: -0 is no integer"},
        {"01", "f:1:2: a number cannot begin with 0"},
        {"9223372036854775808", "f:1:1: an integer of more than 64 bits"},
        {"[-9223372036854775809]", "f:1:2: an integer of more than 64 bits"},
        {"{} {}", "f:1:4: expected the end of the text, found \"{\""},
        {"\"\\u0000\"", "f:1:3: a NUL character is not allowed"},
        {"\"\\ud800\"", "f:1:3: half of a surrogate pair"},
        {"\"\x01\"", "f:1:2: the control character U+0001 in a string must be escaped"},
        {"\"\xff\"", "f:1:2: not valid UTF-8"},
        {"\"\xed\xa0\x80\"", "f:1:2: not valid UTF-8"},
        {"\xef\xbb\xbf{}", "f:1:1: begins with a byte order mark\nsave it as UTF-8 without a byte order mark"},
        {"NaN", "f:1:1: expected a value, found \"N\""},
        {"[1,]", "f:1:4: expected a value, found \"]\""},
        {"{'a':1}", "f:1:2: expected a key in double quotes, found \"'\""},
        {"[1]//x", "f:1:4: expected the end of the text, found \"/\""},
    };
    check(canonical_read, cases, G_N_ELEMENTS(cases));
    g_autofree char *nul = outcome(canonical_read, "[]\0", 3);
    g_assert_cmpstr(nul, ==, "f:1:3: a NUL byte is not allowed");
}

static char *repeated(const char *piece, gsize n, const char *last)
{
    GString *text = g_string_new(NULL);
    for (gsize i = 0; i < n; i++)
        g_string_append(text, piece);
    g_string_append(text, last);
    return g_string_free(text, FALSE);
}

static void check_limit(char *text, const char *expected)
{
    g_autofree char *got = outcome(canonical_read, text, strlen(text));
    if (expected)
        g_assert_cmpstr(got, ==, expected);
    else
        g_assert_cmpint(*got, ==, '[');
    g_free(text);
}

static void test_limits(void)
{
    g_autofree char *closing = repeated("]", 32, "");
    check_limit(repeated("[", 32, closing), NULL);
    check_limit(repeated("[", 33, ""), "f:1:33: nested deeper than 32 levels");
    check_limit(repeated("[", 1000000, ""), "f:1:33: nested deeper than 32 levels");
    check_limit(repeated(" ", CANONICAL_MAX_BYTES, "1"), "f:1:1: larger than 8 MiB");
    g_autofree char *many = repeated("0,", 999999, "0]");
    check_limit(g_strconcat("[", many, NULL), "f:1:2000000: more than 1000000 values");
}

static void test_exact(void)
{
    static const Case cases[] = {
        {"{\"a\":1,\"b\":\"x\ny\\\\\"}", "{\"a\":1,\"b\":\"x\ny\\\\\"}"},
        {"{}\n", "f:1:1: not in canonical form"},
        {"{ }", "f:1:1: not in canonical form"},
        {"{\"b\":1,\"a\":1}", "f:1:1: not in canonical form"},
        {"{\"a\":1,\"a\":1}", "f:1:8: the key \"a\" appears twice (line 1)"},
        {"\"\\n\"", "f:1:1: not in canonical form"},
        {"\"\\u0041\"", "f:1:1: not in canonical form"},
    };
    check(canonical_read_exact, cases, G_N_ELEMENTS(cases));
}

static void test_made(void)
{
    g_autoptr(Node) map = node_new_map();
    node_set_text(map, "name", "a\"b");
    node_set_int(map, "int", G_MININT64);
    node_set_bool(map, "bool", TRUE);
    node_set_text(map, "null", NULL);
    gsize size = 0;
    g_autofree char *text = canonical_write(map, &size);
    g_assert_cmpstr(text, ==, "{\"bool\":true,\"int\":-9223372036854775808,\"name\":\"a\\\"b\",\"null\":null}");
    g_assert_cmpuint(size, ==, strlen(text));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/canonical/there is one form of each value", test_form);
    g_test_add_func("/canonical/what two readers could understand differently is refused", test_refusals);
    g_test_add_func("/canonical/size, depth and count are limited", test_limits);
    g_test_add_func("/canonical/the exact reader takes only what the writer wrote", test_exact);
    g_test_add_func("/canonical/what is made is written in the same form", test_made);
    return g_test_run();
}
