/* SPDX-License-Identifier: Apache-2.0 */
/* Merging JSON: exact bytes, exact notes. */
#include "merge_cases.h"

#define CHECK(...)                                                                                                     \
    static const MergeCase rows[] = {__VA_ARGS__};                                                                     \
    merge_cases_check("json", rows, G_N_ELEMENTS(rows))

static void values(void)
{
    CHECK({"{\"a\": 1, \"b\": 2}", "{\"a\":1 , \"b\":   2}\n", "{\"a\": 3, \"b\": 2}", "{\"a\":3 , \"b\":   2}\n",
           "f:1: updated: a\n"},
          {"{\"a\": [1]}", "{\"a\": [\n  1 // mine\n]}", "{\"a\": [2]}", "{\"a\": [\n  1 // mine\n]}",
           "f:1: conflict: a: comments were written into it here\n"},
          {"[1]", "[ 1 ]\n", "[2, 3]", "[2, 3]\n", "f:1: updated\n"});
}

static void lines(void)
{
    CHECK({"{\n  \"a\": 1,\n  \"c\": 3\n}\n", "{\n  \"a\": 9, // mine\n  \"c\": 3\n}\n",
           "{\n    \"a\": 1,\n    // about b\n    \"b\": {\n        \"x\": 1\n    }, // b\n    \"c\": 3,\n    \"d\": "
           "4\n}\n",
           "{\n  \"a\": 9, // mine\n  // about b\n  \"b\": {\n      \"x\": 1\n  }, // b\n  \"c\": 3,\n  \"d\": 4\n}\n",
           "f: added: b\nf: added: d\n"},
          {"{\n  \"a\": 1,\n  // b\n  \"b\": 2\n}\n", "{\n  \"a\": 9, // a\n  // b\n  \"b\": 2\n}\n",
           "{\n  \"a\": 1\n}\n", "{\n  \"a\": 9 // a\n}\n", "f:4: removed: b\n"},
          {"{\n}\n", "{ }\n", "{\n  // a\n  \"a\": 1\n}\n", "{\n  // a\n  \"a\": 1\n}\n", "f: added: a\n"},
          {"{\r\n  \"a\": 1\r\n}\r\n", "{\r\n  \"a\": 2\r\n}\r\n", "{\n  \"b\": 1,\n  \"a\": 1\n}\n",
           "{\r\n  \"b\": 1,\r\n  \"a\": 2\r\n}\r\n", "f: added: b\n"});
}

static void one_line(void)
{
    CHECK({"{\"a\": 1, \"b\": 2, \"c\": 3}", "{\"a\": 9, \"b\": 2, \"c\": 3}", "{\"a\": 1, \"c\": 3}",
           "{\"a\": 9, \"c\": 3}", "f:1: removed: b\n"},
          {"{\"a\": 1, \"b\": 2}", "{\"a\": 9, \"b\": 2}", "{\"a\": 1}", "{\"a\": 9}", "f:1: removed: b\n"},
          {"{\"a\": 1}", "{\"a\": 9}", "{\"z\": 0, \"a\": 1, \"b\": [2]}", "{\"z\": 0, \"a\": 9, \"b\": [2]}",
           "f: added: z\nf: added: b\n"},
          {"{\"a\": 1,}", "{\"a\": 9,}", "{\"a\": 1, \"b\": 2}", "{\"a\": 9, \"b\": 2,}", "f: added: b\n"},
          {"{\"a\": 1, \"b\": 2}", "{\"a\": 1, \"b\": 2, \"m\": 1}", "{}", "{\"m\": 1}",
           "f:1: removed: a\nf:1: removed: b\n"});
}

static void refused(void)
{
    merge_case_refused("json", "{}", "{\"a\": 1 /* x }", "1:9: the comment never ends");
    merge_case_refused("json", "{}", "{\"a\": 1,,}", "1:9: expected a key in double quotes, found \",\"");
    merge_case_refused("json", "{}", "// x\n{\"a\" 1}", "2:6: expected ':', found \"1\"");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/json/a value is exchanged, what stands around it stays", values);
    g_test_add_func("/json/entries in lines come and go with comments and commas", lines);
    g_test_add_func("/json/entries in one line come and go in it", one_line);
    g_test_add_func("/json/errors have a place and the code of their text", refused);
    return g_test_run();
}
