/* SPDX-License-Identifier: Apache-2.0 */
/* Merging INI files: exact bytes, exact notes. */
#include "merge_cases.h"

#define CHECK(...)                                                                                                     \
    static const MergeCase rows[] = {__VA_ARGS__};                                                                     \
    merge_cases_check("ini", rows, G_N_ELEMENTS(rows))

static void values(void)
{
    CHECK({"[a]\nx = 1\ny: 2\n", "; mine\n[a]\nx = 1\ny:   2\n", "[a]\nx = 3\ny: 4\n", "; mine\n[a]\nx = 3\ny:   4\n",
           "f:3: updated: a.x\nf:4: updated: a.y\n"},
          {"[a]\nx =\n  one\n  two\ny = 1\n", "[a]\nx =\n    one\n    two\ny = 2\n",
           "[a]\nx =\n  one\n  three\ny = 1\n", "[a]\nx =\n  one\n  three\ny = 2\n", "f:2: updated: a.x\n"},
          {"[a]\nx = 1 ; one\n", "[a]\nx = 1 ; mine\n", "[a]\nx = 2 ; two\n", "[a]\nx = 1 ; mine\n",
           "f:2: conflict: a.x: changed here and in the release\n"});
}

static void sections(void)
{
    CHECK({"[a]\nx=1\n\n[c]\nz=1\n", "[a]\nx=2\n\n[c]\nz=1\n", "[a]\nx=1\n\n; b\n[b]\ny=1\n; end\n\n[c]\nz=1\n",
           "[a]\nx=2\n\n; b\n[b]\ny=1\n; end\n\n[c]\nz=1\n", "f: added: b\n"},
          {"[a]\nx=1\n\n[b]\ny=1\n", "[a]\nx=2\n\n[b]\ny=1\n", "[a]\nx=1\n", "[a]\nx=2\n", "f:4: removed: b\n"},
          {"k=1\n[a]\n", "k=2\n[a]\n", "k=1\nl=1\n[a]\nm=1\n", "k=2\nl=1\n[a]\nm=1\n", "f: added: a.m\nf: added: l\n"});
}

static void indentation(void)
{
    CHECK({"[u]\n\tname = x\n", "[u]\n    name = y\n", "[u]\n\tname = x\n\t# mail\n\tmail = a\\\n\t\tb\n",
           "[u]\n    name = y\n    # mail\n    mail = a\\\n    \tb\n", "f: added: u.mail\n"},
          {"[u]\nname = x\n", "[u]\nname = y\n", "[u]\nname = x\n  more = 1\nlist =\n  a\n",
           "[u]\nname = y\nlist =\n  a\n",
           "f:2: conflict: u.name: changed here and in the release\nf: added: u.list\n"});
}

static void indented_headers(void)
{
    CHECK({"", "  [a]\nx = 1\n", "k = 1\n", "  [a]\nx = 1\n", "f: conflict: k: the header below it is indented\n"},
          {"", "[a]\nx =\n  1", " [b]\ny = 1\n", "[a]\nx =\n  1\n\n[b]\ny = 1", "f: added: b\n"});
}

static void repeated(void)
{
    CHECK({"[S]\nExec=\nExec=/a\nUser=x\n", "[S]\nExec=\nExec=/a\nUser=y\n", "[S]\nExec=\nExec=/b\nUser=x\n",
           "[S]\nExec=\nExec=/b\nUser=y\n", "f:2: updated: S.Exec\n"},
          {"[S]\nE=1\nF=1\nE=2\n", "[S]\nE=1\nF=2\nE=2\n", "[S]\nE=3\nF=1\n", "[S]\nE=1\nF=2\nE=2\n",
           "f:2: conflict: S.E: the key stands there more than once\n"},
          {"[a]\nx=1\n[b]\n[a]\ny=1\n", "[a]\nx=1\n[b]\nz=1\n[a]\ny=1\n", "[a]\nx=2\n[b]\n[a]\ny=1\n",
           "[a]\nx=1\n[b]\nz=1\n[a]\ny=1\n", "f:2: conflict: a.x: the section stands there more than once\n"});
}

static void letter_case(void)
{
    CHECK({"[a]\n", "[a]\nPort = 1\n", "[a]\nport = 2\n", "[a]\nPort = 1\n",
           "f: conflict: a.port: it stands here in other letter case\n"});
}

static void refused(void)
{
    merge_case_refused("ini", "[a]\n", "[a]\n[b\n", "2:3: expected ']' after the name of the section");
    merge_case_refused("ini", "[a]\n", "[a]\n = 1\n", "2:2: a key is missing");
    merge_case_refused("ini", "[a]\n", "b = 1\n[b]\n", "2:1: \"b\" is a key above the sections (line 1)");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ini/a value is exchanged, what stands around it stays", values);
    g_test_add_func("/ini/sections come and go with their comments", sections);
    g_test_add_func("/ini/new lines are indented as their neighbours are", indentation);
    g_test_add_func("/ini/a header never becomes part of a value", indented_headers);
    g_test_add_func("/ini/what is repeated is one, or a conflict", repeated);
    g_test_add_func("/ini/a key in other letter case is not added beside its twin", letter_case);
    g_test_add_func("/ini/errors have a place and the code of their text", refused);
    return g_test_run();
}
