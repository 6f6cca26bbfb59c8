/* SPDX-License-Identifier: Apache-2.0 */
/* Merging YAML: exact bytes, exact notes. */
#include "merge_cases.h"

#define CHECK(...)                                                                                                     \
    static const MergeCase rows[] = {__VA_ARGS__};                                                                     \
    merge_cases_check("yaml", rows, G_N_ELEMENTS(rows))

static void values(void)
{
    CHECK(
        {"a: 1\nb: x\n", "a:   1   # one\nb: y\n", "a: 2\nb: x\n", "a:   2   # one\nb: y\n", "f:1: updated: a\n"},
        {"a:\n- 1\nb: 1\n", "a:\n    - 1\nb: 2\n", "a:\n- 1\n- 2\nb: 1\n", "a:\n- 1\n- 2\nb: 2\n", "f:1: updated: a\n"},
        {"a: 1\nb: 1\n", "a: 1 # a\nb: 2\n", "a: |\n  text\n\n  more\nb: 1\n", "a: |\n  text\n\n  more\nb: 2\n",
         "f:1: updated: a\n"},
        {"a: \nb: 1\n", "a: # none\nb: 2\n", "a: 5\nb: 1\n", "a: 5\nb: 2\n", "f:1: updated: a\n"},
        {"\u00fc: 1\nb: \u00e9\n", "\u00fc: 1 # \u20ac\nb: x\n", "\u00fc: 2\nb: \u00e9\n", "\u00fc: 2 # \u20ac\nb: x\n",
         "f:1: updated: \"\u00fc\"\n"});
}

static void maps(void)
{
    CHECK({"s:\n  a: 1\n", "# mine\ns:\n    a: 2\n    own: 1\n", "s:\n  a: 1\n  # b\n  b:\n    c: [1,\n      2]\n",
           "# mine\ns:\n    a: 2\n    # b\n    b:\n      c: [1,\n        2]\n    own: 1\n", "f: added: s.b\n"},
          {"s:\n  a: 1\n  b: 2\nt: 1\n", "s:\n  a: 1\n  b: 2\nt: 2\n", "t: 1\n", "t: 2\n", "f:1: removed: s\n"},
          {"s:\n  a: 1\n  b: 2\nt: 1\n", "s:\n  a: 1\n  # mine\n  b: 2\nt: 2\n", "t: 1\n",
           "s:\n  a: 1\n  # mine\n  b: 2\nt: 2\n", "f:1: conflict: s: comments were written into it here\n"},
          {"s:\n  a: 1\n  b: 1\n", "s: # s\n  a: 1\n", "s:\n  b: 1\n", "s: {} # s\n", "f:2: removed: s.a\n"},
          {"s:\n  a: 1\n  # b: 2\n\nt: 1\n", "s:\n  a: 2\n  # b: 2\n\nt: 1\n", "s:\n  a: 1\nm: 1\n\nt: 1\n",
           "s:\n  a: 2\n  # b: 2\nm: 1\n\nt: 1\n", "f: added: m\n"},
          {"", "# mine\n", "a: 1\n", "# mine\na: 1\n", "f: added: a\n"},
          {"---\na: 1\n", "---\na: 2\n...\n", "---\na: 1\nb: 1\n", "---\na: 2\nb: 1\n...\n", "f: added: b\n"});
}

static void closed(void)
{
    CHECK({"a: &x 1\nb: *x\nc: 1\n", "a: &x 1\nb: *x\nc: 9\n", "a: &x 2\nb: 2\nc: 1\nd: 1\n",
           "a: &x 1\nb: *x\nc: 9\nd: 1\n",
           "f:1: conflict: a: anchors, aliases and tags cannot be edited safely\n"
           "f:2: conflict: b: anchors, aliases and tags cannot be edited safely\nf: added: d\n"},
          {"a: &x\n  b: 1\nc: 1\n", "a: &x\n  b: 1\nc: 2\n", "a: &x\n  b: 2\nc: 1\n", "a: &x\n  b: 1\nc: 2\n",
           "f:2: conflict: a.b: anchors, aliases and tags cannot be edited safely\n"},
          {"c: 1\n", "c: 2\n", "c: 1\nd:\n  e: !secret x\n", "c: 2\n",
           "f: conflict: d: it contains what cannot be edited safely\n"},
          {"? a\n: 1\nb: 1\n", "? a\n: 1\nb: 2\n", "? a\n: 2\nb: 1\n", "? a\n: 1\nb: 2\n",
           "f:1: conflict: a: its key cannot be edited safely\n"},
          {"a: 1\n---\nb: 1\n", "a: 2\n---\nb: 1\n", "a: 1\n---\nb: 2\n", "a: 2\n---\nb: 1\n",
           "f:1: conflict: changed here and in the release\n"},
          {"a: 1\nb: |\n  x\n", "a: 1\nb: |\n  x", "a: 2\nb: |\n  x\nc: 1\n", "a: 2\nb: |\n  x",
           "f:1: updated: a\n"
           "f: conflict: c: the file ends in a text without a last newline\n"});
}

static void refused(void)
{
    merge_case_refused("yaml", "a: 1\n", "a: 1\nb: [1\n", "2:4: the brackets that open here are never closed");
    merge_case_refused("yaml", "a: 1\n", "a: &x 1\nb: 1\nb: 2\n", "3:1: the key \"b\" appears twice (line 2)");
    merge_case_refused("yaml", "a: 1\n", "a: {b: 1, c: 1, b: 2}\n", "1:17: the key \"b\" appears twice (line 1)");
    merge_case_refused("yaml", "a: 1\n", "a: 1\n\tb: 1\n", "2:1: indentation needs spaces, not tabs");
    merge_case_refused("yaml", "a: 1\n", "%YAML 1.1\n---\na: 1\n", "1:1: directives are not allowed");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/yaml/a value is exchanged, what stands around it stays", values);
    g_test_add_func("/yaml/entries of maps come and go with their comments", maps);
    g_test_add_func("/yaml/what cannot be edited safely is a conflict", closed);
    g_test_add_func("/yaml/errors have a place and the code of their text", refused);
    return g_test_run();
}
