/* SPDX-License-Identifier: Apache-2.0 */
/* Merging TOML: exact bytes, exact notes. That what comes out means the right thing is the concern of
 * tests/property/test_merge.py. */
#include "merge_cases.h"

#define CHECK(...)                                                                                                     \
    static const MergeCase rows[] = {__VA_ARGS__};                                                                     \
    merge_cases_check("toml", rows, G_N_ELEMENTS(rows))

static void values(void)
{
    CHECK({"a = 1\nb = 2\n", "a  =  0x01 # one\nb = 2\n", "a = 5\nb = 2\n", "a  =  5 # one\nb = 2\n",
           "f:1: updated: a\n"},
          {"a = [\n 1, # x\n]\nb = 1\n", "a = [\n 1, # x\n]\nb = 2\n", "a = [\n 1,\n 2,\n]\nb = 1\n",
           "a = [\n 1,\n 2,\n]\nb = 2\n", "f:1: updated: a\n"},
          {"a = [1]\nb = 1\n", "a = [\n  1, # mine\n]\nb = 2\n", "a = [1, 2]\nb = 1\n",
           "a = [\n  1, # mine\n]\nb = 2\n", "f:1: conflict: a: comments were written into it here\n"},
          {"a = {x = 1}\nb = 1\n", "a = {x = 2}\nb = 1\n", "a = {x = 1, y = 1}\nb = 2\n", "a = {x = 2}\nb = 2\n",
           "f:1: conflict: a: changed here and in the release\nf:2: updated: b\n"});
}

static void sections(void)
{
    CHECK({"[a]\nx = 1\n\n[c]\nz = 1\n", "[a]\nx = 2\n\n# mine\n[own]\ny = 1\n\n[c]\nz = 1\n",
           "[a]\nx = 1\n\n# new\n# section\n[b]\ny = 1 # y\n# and so on\n\n[c]\nz = 1\n",
           "[a]\nx = 2\n\n# new\n# section\n[b]\ny = 1 # y\n# and so on\n\n# mine\n[own]\ny = 1\n\n[c]\nz = 1\n",
           "f: added: b\n"},
          {"[a]\nx = 1\n", "k = 1\n", "[a]\nx = 1\n[a.b]\ny = 1\n", "k = 1\n",
           "f: conflict: a: removed here, changed in the release\n"},
          {"a = 1\n\n# b\n[b]\nx = 1\ny = 2\n\n[c]\n", "a = 2\n\n# b\n[b]\nx = 1\ny = 2\n\n[c]\n", "a = 1\n\n[c]\n",
           "a = 2\n\n[c]\n", "f:4: removed: b\n"},
          {"a = 1\n[b]\nx = 1\ny = 2\n", "a = 1\n[b]\nx = 1\ny = 3\n", "a = 1\n", "a = 1\n[b]\ny = 3\n",
           "f:3: removed: b.x\nf:4: kept: b.y\n"},
          {"", "[s]\nx = 1\n", "# top\na = 1\n", "# top\na = 1\n\n[s]\nx = 1\n", "f: added: a\n"},
          {"", "# mine\n", "[s]\nx = 1\n", "# mine\n\n[s]\nx = 1\n", "f: added: s\n"},
          {"[s]\nx = 1\n", "[s]\nx = 2", "[s]\nx = 1\n\n[t]\ny = 1", "[s]\nx = 2\n\n[t]\ny = 1", "f: added: t\n"});
}

static void dotted(void)
{
    CHECK({"[s]\np.x = 1\n", "[s]\n p . x = 2\n", "[s]\np.x = 1\np.y = 2\n", "[s]\n p . x = 2\n p . y = 2\n",
           "f: added: s.p.y\n"},
          {"[s]\np.x = 1\n", "[s.p]\nx = 2\n", "[s]\np.x = 1\n# y\np.y = 2\n", "[s.p]\nx = 2\n# y\ny = 2\n",
           "f: added: s.p.y\n"},
          {"[s.p]\nx = 1\n", "[s]\np.x = 2\n", "[s.p]\nx = 1\ny = 2\n", "[s]\np.x = 2\np.y = 2\n", "f: added: s.p.y\n"},
          {"[s.t]\na = 1\n", "[s.t]\na = 2\n", "[s]\nb = 1\nc = 1\n\n[s.t]\na = 1\n",
           "[s]\nb = 1\nc = 1\n\n[s.t]\na = 2\n", "f: added: s.b\nf: added: s.c\n"},
          {"a.b.c = 1\n", "[a.b]\nc = 2\n", "a.b.c = 1\na.b.d = 1\na.e = 1\n", "[a.b]\nc = 2\nd = 1\n",
           "f: added: a.b.d\nf: conflict: a.e: the tables are built differently here and in the release\n"});
}

static void arrays_of_tables(void)
{
    CHECK({"[[u]]\nn = 1\n\n[k]\n", "[[u]]\nn = 1\n\n[k]\nx = 1\n", "[[u]]\nn = 2\n[[u]]\nn = 3\n\n[k]\n",
           "[[u]]\nn = 2\n[[u]]\nn = 3\n\n[k]\nx = 1\n", "f:1: updated: u\n"},
          {"[[u]]\nn = 1\n", "[[u]]\nn = 1\n[[u]]\nn = 5\n", "[[u]]\nn = 2\n", "[[u]]\nn = 1\n[[u]]\nn = 5\n",
           "f:1: conflict: u: changed here and in the release\n"},
          {"[[u]]\n[k]\n[[u]]\n", "[[u]]\n[k]\nx = 1\n[[u]]\n", "[[u]]\n[k]\n", "[[u]]\n[k]\nx = 1\n[[u]]\n",
           "f:1: conflict: u: other tables stand between those of the array\n"},
          {"[k]\n", "[k]\nx = 1\n", "[k]\n\n# u\n[[u]]\nn = 1\n[u.sub]\nm = 1\n",
           "[k]\nx = 1\n\n# u\n[[u]]\nn = 1\n[u.sub]\nm = 1\n", "f: added: u\n"});
}

static void forms_that_change(void)
{
    CHECK({"a = {x = 1}\nb = 1\n", "a = {x = 1}\nb = 2\n", "b = 1\n\n[a]\nx = 2\n", "b = 2\n\n[a]\nx = 2\n",
           "f:1: updated: a\n"},
          {"b = 1\n[a]\nx = 1\n", "b = 2\n[a]\nx = 1\n", "b = 1\na = {x = 2}\n", "b = 2\na = {x = 2}\n",
           "f:2: updated: a\n"});
}

static void rules(void)
{
    static const MergeRule rules[] = {
        {"db", MERGE_REPLACE}, {"db.url", MERGE_PRESERVE_USER}, {"log", MERGE_UPDATE_ONLY}};
    MergeCase row = {"[db]\nurl = 1\npool = 1\n[log]\nlevel = 1\n[x]\ny = 1\n",
                     "[db]\nurl = 9\npool = 9\nmine = 1\n[log]\nlevel = 1\n[x]\ny = 9\n",
                     "[db]\nurl = 1\npool = 2\n[log]\nlevel = 2\nfile = 1\n[x]\ny = 1\n", NULL, NULL};
    MergeRequest request = merge_case_request("toml", &row);
    request.rules = rules;
    request.n_rules = G_N_ELEMENTS(rules);
    merge_case_check(&request, "[db]\nurl = 9\npool = 2\n[log]\nlevel = 1\nfile = 1\n[x]\ny = 9\n",
                     "f:3: overridden: db.pool\nf:4: overridden: db.mine\nf: added: log.file\n");
}

static void shown_paths(void)
{
    CHECK({"a = 1\n", "a = 2\n", "a = 1\n\"x y\".\"b.c\" = 1\n", "a = 2\n\"x y\".\"b.c\" = 1\n", "f: added: \"x y\"\n"},
          {"\"b.c\" = 1\n", "\"b.c\" = 2\n", "\"b.c\" = 3\n", "\"b.c\" = 2\n",
           "f:1: conflict: \"b.c\": changed here and in the release\n"});
}

static void refused(void)
{
    merge_case_refused("toml", "a = 1\n", "a = 1\nb = \n", "2:5: expected a value, found the end of the line");
    merge_case_refused("toml", "a = 1\n", "a = 1\na = 2\n", "2:1: the key \"a\" appears twice (line 1)");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/toml/a value is exchanged, what stands around it stays", values);
    g_test_add_func("/toml/sections come and go with their comments", sections);
    g_test_add_func("/toml/dotted keys are written as their neighbours are", dotted);
    g_test_add_func("/toml/an array of tables is one value", arrays_of_tables);
    g_test_add_func("/toml/a table may change its form", forms_that_change);
    g_test_add_func("/toml/the longest rule wins", rules);
    g_test_add_func("/toml/paths are shown as they are written", shown_paths);
    g_test_add_func("/toml/errors have a place and the code of their text", refused);
    return g_test_run();
}
