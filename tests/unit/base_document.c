/* SPDX-License-Identifier: Apache-2.0 */
/* YAML and JSON: what is read, what is refused in which words, and how nodes are looked into and written. */
#include "base/document.h"
#include "base/fault.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

typedef struct Case {
    const char *text, *expected; /* the JSON of what is read, or the fault */
} Case;

static char *outcome(DocumentLanguage language, const char *bytes, gsize size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Node) node = document_parse(language, bytes, size, "f", FAULT_MANIFEST, &error);
    if (node) {
        g_assert_no_error(error);
        return node_to_json(node, 0);
    }
    g_assert_error(error, FAULT, FAULT_MANIFEST);
    return g_strdup(error->message);
}

static void check(DocumentLanguage language, const Case *cases, gsize n_cases)
{
    for (gsize i = 0; i < n_cases; i++) {
        g_autofree char *got = outcome(language, cases[i].text, strlen(cases[i].text));
        g_assert_cmpstr(got, ==, cases[i].expected);
    }
}

/* --- YAML --------------------------------------------------------------------------------------------------- */

static void test_yaml_reads(void)
{
    static const Case cases[] = {
        {"", "{}"},
        {"# nothing\n", "{}"},
        {"---\n", "{}"},
        {"---\n...\n# end\n", "{}"},
        {"a: 1\nb: [x, 'y', \"z\\n\"]\n", "{\"a\":\"1\",\"b\":[\"x\",\"y\",\"z\\n\"]}"},
        {"a:\n  - b: c\n    d:\n", "{\"a\":[{\"b\":\"c\",\"d\":\"\"}]}"},
        {"a: |\n  one\n  two\nb: >-\n  one\n  two\n", "{\"a\":\"one\\ntwo\\n\",\"b\":\"one two\"}"},
        {"\"<<\": 1\n\"\": 2", "{\"<<\":\"1\",\"\":\"2\"}"},
        {"{\"a\": [1, 2.5, true, null]}", "{\"a\":[\"1\",\"2.5\",\"true\",\"null\"]}"},
        {"\xc3\xa4: \xf0\x9f\x98\x80", "{\"\xc3\xa4\":\"\xf0\x9f\x98\x80\"}"},
        {"text", "\"text\""},
    };
    check(DOCUMENT_YAML, cases, G_N_ELEMENTS(cases));
}

static void test_yaml_refuses(void)
{
    static const Case cases[] = {
        {"a: &x 1", "f:1:4: anchors are not allowed"},
        {"a: 1\nb: *x", "f:2:4: aliases are not allowed"},
        {"a: !!int 1", "f:1:4: tags are not allowed"},
        {"a: ! 1", "f:1:4: tags are not allowed"},
        {"a: !x:y [1]", "f:1:4: tags are not allowed"},
        {"a: !e!x 1", "f:1:4: tags are not allowed"},
        {"%TAG ! tag:x,2000:\n---\na: 1", "f:1:1: directives are not allowed"},
        {"# c\n%YAML 1.2\n---\na: 1", "f:2:1: directives are not allowed"},
        {"a: 1\n---\nb: 1", "f:2:1: only one document is allowed"},
        {"a: 1\n... # \xc3\xa4\n\n  x", "f:4:3: only one document is allowed"},
        {"a: 1\n...\n%TAG ! x\n", "f:3:1: only one document is allowed"},
        {"a: 1\nb: 2\na: 3\nb: 4", "f:3:1: the key \"a\" appears twice (line 1)"},
        {"a: {b: 1, \"b\": 2}", "f:1:11: the key \"b\" appears twice (line 1)"},
        {"a: 1\n<<: {b: 2}", "f:2:1: merge keys are not allowed"},
        {"? [a]\n: 1", "f:1:3: a key must be a plain or quoted text"},
        {"? |\n  a\n: 1", "f:1:3: a key must be a plain or quoted text"},
        {"{a: 1}: 2", "f:1:1: a key must be a plain or quoted text"},
        {"? \n: 1", "f:1:2: a key is missing before ':'"},
        {"a: \"\\0\"", "f:1:4: a NUL character is not allowed"},
        {"a: \x01", "f:1:4: the character U+0001 is not allowed"},
        {"a: \xc3\xa4\xef\xbb\xbf", "f:1:5: the character U+FEFF is not allowed"},
        {"a: \xff", "f:1:4: not valid UTF-8"},
        {"\xef\xbb\xbf"
         "a: 1",
         "f:1:1: begins with a byte order mark\nsave it as UTF-8 without a byte order mark"},
        {"a:\n\tb: 1",
         "f:2:1: a value cannot begin with this character; a text needs quotes, indentation needs spaces"},
        {"a: @x", "f:1:4: a value cannot begin with this character; a text needs quotes, indentation needs spaces"},
        {"a: b: c", "f:1:5: ': ' cannot stand here; a text that contains it needs quotes"},
        {"a: 1\n b: 2", "f:2:3: ': ' cannot stand here; a text that contains it needs quotes"},
        {"a: 1\n- b", "f:2:1: expected a key; check the indentation"},
        {"- a\nb: 1", "f:2:1: expected a list item; check the indentation"},
        {"a: \"x", "f:1:4: the quoted text never ends"},
        {"a: \"\\q\"", "f:1:5: unknown escape in a quoted text"},
        {"a: \"\\ud800\"", "f:1:7: an escape names no character"},
        {"a: [1, 2", "f:1:4: the brackets that open here are never closed"},
        {"a: [1, 2}\n", "f:1:9: expected ',' or ']'"},
        {"a: {b: 1", "f:1:4: the brackets that open here are never closed"},
        {"a: 'x' y", "f:1:8: expected a key; check the indentation"},
        {"a: |x\n  b", "f:1:5: only a comment may follow '|' or '>' in its line"},
        {"a\nb: 1", "f:2:2: ': ' cannot stand here; a text that contains it needs quotes"},
        {"a: 1\nb\nc: 2", "f:3:1: a key without its ':'"},
    };
    check(DOCUMENT_YAML, cases, G_N_ELEMENTS(cases));
}

/* --- JSON --------------------------------------------------------------------------------------------------- */

static void test_json_reads(void)
{
    static const Case cases[] = {
        {"{}", "{}"},
        {" [ ] \r\n\t", "[]"},
        {"null", "null"},
        {"[1, -0, 1.50, 1E+2, 123456789012345678901234567890]", "[1,-0,1.50,1E+2,123456789012345678901234567890]"},
        {"{\"a\" : true , \"\" : false}", "{\"a\":true,\"\":false}"},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\"", "\"\\\"\\\\/\\b\\f\\n\\r\\t\xc3\xa9\xf0\x9f\x98\x80\""},
        {"\"\x7f\"", "\"\\u007f\""},
        {"\"\\u001f\"", "\"\\u001f\""},
    };
    check(DOCUMENT_JSON, cases, G_N_ELEMENTS(cases));
}

static void test_json_refuses(void)
{
    static const Case cases[] = {
        {"", "f:1:1: expected a value, found the end of the text"},
        {"{", "f:1:2: expected a key in double quotes, found the end of the text"},
        {"{\"a\"}", "f:1:5: expected ':', found \"}\""},
        {"{\"a\":1,}", "f:1:8: expected a key in double quotes, found \"}\""},
        {"{a:1}", "f:1:2: expected a key in double quotes, found \"a\""},
        {"[1,]", "f:1:4: expected a value, found \"]\""},
        {"[1 2]", "f:1:4: expected ',' or ']', found \"2\""},
        {"{\"a\":1 \"b\"}", "f:1:8: expected ',' or '}', found \"\\\"\""},
        {"[\n  \"\xc3\xa4\", x]", "f:2:8: expected a value, found \"x\""},
        {"{} {}", "f:1:4: expected the end of the text, found \"{\""},
        {"nul", "f:1:1: expected a value, found \"n\""},
        {"nullx", "f:1:5: expected the end of the text, found \"x\""},
        {"NaN", "f:1:1: expected a value, found \"N\""},
        {"-Infinity", "f:1:2: expected a digit, found \"I\""},
        {"01", "f:1:2: a number cannot begin with 0"},
        {"+1", "f:1:1: expected a value, found \"+\""},
        {".5", "f:1:1: expected a value, found \".\""},
        {"1.", "f:1:3: expected a digit, found the end of the text"},
        {"1e", "f:1:3: expected a digit, found the end of the text"},
        {"// c\n1", "f:1:1: expected a value, found \"/\""},
        {"'a'", "f:1:1: expected a value, found \"'\""},
        {"\"a", "f:1:3: the string never ends"},
        {"\"a\nb\"", "f:1:3: the control character U+000A in a string must be escaped"},
        {"\"\\x\"", "f:1:3: expected an escape, found \"x\""},
        {"\"\\u12g4\"", "f:1:3: \\u needs four hexadecimal digits"},
        {"\"\\u0000\"", "f:1:3: a NUL character is not allowed"},
        {"\"\\ud800\"", "f:1:3: half of a surrogate pair"},
        {"\"\\udc00\"", "f:1:3: half of a surrogate pair"},
        {"\"\\ud800\\u0041\"", "f:1:3: half of a surrogate pair"},
        {"\"\\ud83d\\ude0", "f:1:3: half of a surrogate pair"},
        {"{\"a\":1,\n \"\\u0061\":2}", "f:2:2: the key \"a\" appears twice (line 1)"},
        {"{\"\\u001b[31m\":1,\"\\u001b[31m\":2}", "f:1:17: the key \"\\u001B[31m\" appears twice (line 1)"},
        {"\xef\xbb\xbf{}", "f:1:1: begins with a byte order mark\nsave it as UTF-8 without a byte order mark"},
        {"\xa0", "f:1:1: not valid UTF-8"},
        {"\"\xed\xa0\x80\"", "f:1:2: not valid UTF-8"},
    };
    check(DOCUMENT_JSON, cases, G_N_ELEMENTS(cases));
}

static void test_nul_is_refused(void)
{
    static const DocumentLanguage languages[] = {DOCUMENT_YAML, DOCUMENT_JSON, DOCUMENT_TOML};
    for (gsize i = 0; i < G_N_ELEMENTS(languages); i++) {
        g_autofree char *got = outcome(languages[i], "[1\n\0]", 5);
        g_assert_cmpstr(got, ==, "f:2:1: a NUL byte is not allowed");
    }
}

/* --- limits ------------------------------------------------------------------------------------------------- */

static char *repeated(const char *before, const char *text, guint n, const char *after)
{
    GString *all = g_string_new(before);
    for (guint i = 0; i < n; i++)
        g_string_append(all, text);
    g_string_append(all, after);
    return g_string_free(all, FALSE);
}

static void check_limit(DocumentLanguage language, char *text, const char *expected)
{
    clock_t start = clock();
    g_autofree char *got = outcome(language, text, strlen(text));
    g_assert_cmpstr(got, ==, expected);
    g_assert_cmpint(clock() - start, <, 3 * CLOCKS_PER_SEC);
    g_free(text);
}

static void test_depth(void)
{
    static const DocumentLanguage languages[] = {DOCUMENT_YAML, DOCUMENT_JSON};
    for (gsize i = 0; i < G_N_ELEMENTS(languages); i++) {
        g_autofree char *opening = repeated("", "[", 64, ""), *all = repeated(opening, "]", 64, "");
        g_autofree char *got = outcome(languages[i], all, strlen(all));
        g_assert_cmpstr(got, ==, all);
        check_limit(languages[i], repeated("", "[", 65, "1"), "f:1:65: nested deeper than 64 levels");
        check_limit(languages[i], repeated("", "[", 500000, ""), "f:1:65: nested deeper than 64 levels");
    }
    check_limit(DOCUMENT_YAML, repeated("", "- ", 500000, "a"), "f:1:129: nested deeper than 64 levels");
    check_limit(DOCUMENT_YAML, repeated("", "{a: ", 250000, ""), "f:1:257: nested deeper than 64 levels");
    check_limit(DOCUMENT_JSON, repeated("", "{\"a\":", 200000, ""), "f:1:321: nested deeper than 64 levels");
}

static void test_count_and_size(void)
{
    check_limit(DOCUMENT_JSON, repeated("[0", ",0", 99999, "]"), "f:1:200000: more than 100000 values");
    check_limit(DOCUMENT_YAML, repeated("[0", ",0", 99999, "]"), "f:1:200000: more than 100000 values");
    check_limit(DOCUMENT_JSON, repeated("", " ", DOCUMENT_MAX_BYTES, "1"), "f:1:1: larger than 1 MiB");
    check_limit(DOCUMENT_YAML, repeated("", "#", DOCUMENT_MAX_BYTES, ""), "{}");
    check_limit(DOCUMENT_YAML, repeated("", "%TAG ! x\n", 100000, ""), "f:1:1: directives are not allowed");
    check_limit(DOCUMENT_YAML, repeated("a\n...\n", "%TAG ! x\n", 100000, ""), "f:3:1: only one document is allowed");
    check_limit(DOCUMENT_JSON, repeated("", "\"", DOCUMENT_MAX_BYTES, ""),
                "f:1:3: expected the end of the text, found \"\\\"\"");
}

/* Keys that all have the same g_str_hash: each pair is one of two words of equal hash. */
static void test_colliding_keys(void)
{
    GString *json = g_string_new("{\"a\":0");
    for (guint i = 0; i < 20000; i++) {
        g_string_append(json, ",\"");
        for (guint bit = 0; bit < 15; bit++)
            g_string_append(json, i >> bit & 1 ? "aB" : "b!");
        g_string_append(json, "\":0");
    }
    g_string_append(json, ",\"a\":1}");
    g_assert_cmpuint(g_str_hash("aB"), ==, g_str_hash("b!"));
    check_limit(DOCUMENT_JSON, g_string_free(json, FALSE), "f:1:700008: the key \"a\" appears twice (line 1)");
}

/* --- positions, looking, making ----------------------------------------------------------------------------- */

static void check_position(const Node *node, guint line, guint column)
{
    g_assert_nonnull(node);
    g_assert_cmpuint(node->line, ==, line);
    g_assert_cmpuint(node->column, ==, column);
}

static void test_positions(void)
{
    static const char json[] = "{\"\xc3\xa4\": 1, \"b\": [\n  true,\n {\"c\": \"x\"}]}";
    static const char yaml[] = "# \xc3\xa4\n\xc3\xa4: 1\nb:\n  - true\n  - {c: x}\n";
    g_autoptr(Node) j = document_parse(DOCUMENT_JSON, json, strlen(json), "f", FAULT_CONFIG, NULL);
    g_autoptr(Node) y = document_parse(DOCUMENT_YAML, yaml, strlen(yaml), "f", FAULT_CONFIG, NULL);
    check_position(j, 1, 1);
    check_position(node_pointer(j, "/\xc3\xa4"), 1, 7);
    check_position(node_pointer(j, "/b/0"), 2, 3);
    check_position(node_pointer(j, "/b/1/c"), 3, 8);
    check_position(y, 2, 1);
    check_position(node_pointer(y, "/b"), 4, 3);
    check_position(node_pointer(y, "/b/1"), 5, 5);
    check_position(node_pointer(y, "/b/1/c"), 5, 9);
    const Entry *entry = g_ptr_array_index(y->items, 1);
    g_assert_cmpuint(entry->line, ==, 3);
    g_assert_cmpuint(entry->column, ==, 1);
    entry = g_ptr_array_index(j->items, 1);
    g_assert_cmpuint(entry->column, ==, 10);
}

static void test_pointer(void)
{
    static const char json[] = "{\"a/b\": 1, \"m~n\": 2, \"\": {\"\": 3}, \"l\": [[4, 5]], \"~1\": 6}";
    static const Case cases[] = {
        {"/a~1b", "1"}, {"/m~0n", "2"}, {"//", "3"}, {"/l/0/1", "5"}, {"/~01", "6"},
    };
    static const char *const nowhere[] = {"/x",    "a",     "/l/1", "/l/00",   "/l/-", "/l/0/01",
                                          "/l/+0", "/m~2n", "/m~",  "/a~1b/0", "/l/",  "/l/99999999999999999999"};
    g_autoptr(Node) node = document_parse(DOCUMENT_JSON, json, strlen(json), "f", FAULT_CONFIG, NULL);
    g_assert_true(node_pointer(node, "") == node);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
        g_assert_cmpstr(node_pointer(node, cases[i].text)->text, ==, cases[i].expected);
    for (gsize i = 0; i < G_N_ELEMENTS(nowhere); i++)
        g_assert_null(node_pointer(node, nowhere[i]));
    g_assert_null(node_pointer(NULL, ""));
}

static void test_typed(void)
{
    static const char yaml[] =
        "i: -12\np: +7\nq: '5'\nb: true\nc: \"true\"\ny: yes\nn: ~\ne:\nbig: 9223372036854775808\nf: 1.5\n"
        "min: -9223372036854775808\nl: []\nw: null\nnine: 0x9\n";
    g_autoptr(Node) node = document_parse(DOCUMENT_YAML, yaml, strlen(yaml), "f", FAULT_CONFIG, NULL);
    g_assert_cmpint(node_get_int(node, "i", 0), ==, -12);
    g_assert_cmpint(node_get_int(node, "p", 0), ==, 7);
    g_assert_cmpint(node_get_int(node, "q", 99), ==, 99);
    g_assert_cmpint(node_get_int(node, "big", 99), ==, 99);
    g_assert_cmpint(node_get_int(node, "min", 99), ==, G_MININT64);
    g_assert_cmpint(node_get_int(node, "f", 99), ==, 99);
    g_assert_cmpint(node_get_int(node, "nine", 99), ==, 99);
    g_assert_cmpint(node_get_int(node, "absent", 99), ==, 99);
    g_assert_true(node_get_bool(node, "b", FALSE));
    g_assert_false(node_get_bool(node, "c", FALSE));
    g_assert_false(node_get_bool(node, "y", FALSE));
    g_assert_true(node_is_null(node_get(node, "n")) && node_is_null(node_get(node, "e")) &&
                  node_is_null(node_get(node, "w")));
    g_assert_false(node_is_null(node_get(node, "l")) || node_is_null(node_get(node, "q")) || node_is_null(NULL));
    g_assert_cmpstr(node_get_text(node, "q", "none"), ==, "5");
    g_assert_cmpstr(node_get_text(node, "n", "none"), ==, "none");
    g_assert_cmpstr(node_get_text(node, "l", "none"), ==, "none");
    g_assert_null(node_get(node_get(node, "i"), "x"));
    g_assert_null(node_get(NULL, "x"));
}

static void test_making(void)
{
    g_autoptr(Node) map = node_new_map();
    Node *list = node_new_list();
    node_append(list, node_new_scalar(SCALAR_FLOAT, "1.5"));
    node_append(list, node_new_scalar(SCALAR_FLOAT, "inf"));
    node_append(list, node_new_scalar(SCALAR_INTEGER, "0x"));
    node_append(list, node_new_scalar(SCALAR_INTEGER, "-\xff"));
    node_append(list, node_new_scalar(SCALAR_BOOLEAN, "maybe"));
    node_append(list, node_new_scalar(SCALAR_DATETIME, "07:32:00"));
    node_append(list, node_new_map());
    node_set_text(map, "t", "old");
    node_set_int(map, "i", G_MININT64);
    node_set(map, "l", list);
    node_set_bool(map, "b", FALSE);
    node_set_text(map, "t", "\x01\"\\\x7f\xc3\xa4\xff");
    node_set_text(map, "n", NULL);
    g_autofree char *line = node_to_json(map, 0);
    g_assert_cmpstr(
        line, ==,
        "{\"t\":\"\\u0001\\\"\\\\\\u007f\xc3\xa4\xef\xbf\xbd\",\"i\":-9223372036854775808,\"l\":[1.5,\"inf\",\"0x\","
        "\"-\xef\xbf\xbd\",\"maybe\",\"07:32:00\",{}],\"b\":false,\"n\":null}");
    g_autoptr(Node) small = node_new_map();
    node_set(small, "a", node_new_list());
    node_append((Node *)node_get(small, "a"), node_new_scalar(SCALAR_STRING, ""));
    node_set(small, "e", node_new_list());
    g_autofree char *lines = node_to_json(small, 2);
    g_assert_cmpstr(lines, ==, "{\n  \"a\": [\n    \"\"\n  ],\n  \"e\": []\n}");
}

/* --- files -------------------------------------------------------------------------------------------------- */

static void check_file(const char *dir, const char *name, const char *text, enum fault_code code, const char *expected)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);
    g_autoptr(GError) error = NULL;
    if (text)
        g_assert_true(g_file_set_contents(path, text, -1, NULL));
    g_autoptr(Node) node = document_read_file(path, FAULT_CONFIG, &error);
    g_autofree char *got = node ? node_to_json(node, 0) : g_strdup(error->message);
    const char *shown = g_str_has_prefix(got, dir) ? got + strlen(dir) + 1 : got;
    g_assert_cmpstr(shown, ==, expected);
    if (!node)
        g_assert_error(error, FAULT, (int)code);
    g_remove(path);
}

static void test_files(void)
{
    g_autofree char *dir = g_dir_make_tmp("document-XXXXXX", NULL);
    check_file(dir, "a.yaml", "a: 1", 0, "{\"a\":\"1\"}");
    check_file(dir, "a.yml", "a: 1", 0, "{\"a\":\"1\"}");
    check_file(dir, "a.json", "{\"a\": 1}", 0, "{\"a\":1}");
    check_file(dir, "a.toml", "a = 1", 0, "{\"a\":1}");
    check_file(dir, "a.toml", "a = ", FAULT_CONFIG, "a.toml:1:5: expected a value, found the end of the text");
    check_file(dir, "a.ini", "a = 1", FAULT_CONFIG, "a.ini: its name does not end in .yaml, .yml, .json or .toml");
    check_file(dir, "none.yaml", NULL, FAULT_ABSENT, "none.yaml does not exist");
    g_autofree char *large = repeated("", "#", DOCUMENT_MAX_BYTES + 1, "");
    check_file(dir, "large.yaml", large, FAULT_CONFIG, "large.yaml:1:1: larger than 1 MiB");
    g_autofree char *fifo = g_build_filename(dir, "fifo.yaml", NULL);
    g_assert_cmpint(mkfifo(fifo, 0600), ==, 0);
    check_file(dir, "fifo.yaml", NULL, FAULT_CONFIG, "fifo.yaml is not a regular file");
    g_assert_cmpint(g_rmdir(dir), ==, 0);
}

static void test_seeds(void)
{
    g_autofree char *path = g_test_build_filename(G_TEST_DIST, "..", "data", "seeds", NULL);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    g_assert_nonnull(dir);
    guint n = 0;
    for (const char *name = g_dir_read_name(dir); name; name = g_dir_read_name(dir), n++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *file = g_build_filename(path, name, NULL);
        g_autoptr(Node) node = document_read_file(file, FAULT_MANIFEST, &error);
        g_assert_no_error(error);
        g_assert_cmpint(node->kind, ==, NODE_MAP);
        g_assert_cmpuint(node->items->len, >, 0);
    }
    g_assert_cmpuint(n, ==, 7);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/document/yaml is read without guessing types", test_yaml_reads);
    g_test_add_func("/document/yaml beyond the plain is refused with its place", test_yaml_refuses);
    g_test_add_func("/document/json is read with its numbers as written", test_json_reads);
    g_test_add_func("/document/json that is not strict is refused with its place", test_json_refuses);
    g_test_add_func("/document/a NUL byte is refused in every language", test_nul_is_refused);
    g_test_add_func("/document/depth is limited before it costs time", test_depth);
    g_test_add_func("/document/size and count are limited", test_count_and_size);
    g_test_add_func("/document/keys of one hash cost no time", test_colliding_keys);
    g_test_add_func("/document/positions count characters", test_positions);
    g_test_add_func("/document/a pointer finds or finds nothing", test_pointer);
    g_test_add_func("/document/types are taken from what is sure", test_typed);
    g_test_add_func("/document/what is made is written as strict JSON", test_making);
    g_test_add_func("/document/files are read by their suffix", test_files);
    g_test_add_func("/document/every restored seed is read", test_seeds);
    return g_test_run();
}
