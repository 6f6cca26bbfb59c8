/* SPDX-License-Identifier: Apache-2.0 */
/* Merging .env files: exact bytes, exact notes. */
#include "merge_cases.h"

#define CHECK(...)                                                                                                     \
    static const MergeCase rows[] = {__VA_ARGS__};                                                                     \
    merge_cases_check("env", rows, G_N_ELEMENTS(rows))

static void untouched(void)
{
    CHECK({"A=1\nB=2\n", "A=1\nB=2\n", "B=3\nA=1\n", "B=3\nA=1\n", "f:2: updated: B\n"},
          {"A=1\nB=2\n", "# mine\nA=1\nB=2\n", "A=1\nB=3\n", "# mine\nA=1\nB=3\n", "f:3: updated: B\n"},
          {"A=1\nB=2\n", "A=1\n\nB=2\n", "A=1\n", "A=1\n", "f:3: removed: B\n"});
}

static void touched(void)
{
    CHECK({"A=1\nB=2\n", "A=7\nB=2\n", "A=1\nB=3\n", "A=7\nB=3\n", "f:2: updated: B\n"},
          {"A=1\n", "A=7\n", "A=2\n", "A=7\n", "f:1: conflict: A: changed here and in the release\n"},
          {"A=1\nB=1\n", "A=7\nB=1\n", "B=1\n", "A=7\nB=1\n", "f:1: kept: A\n"},
          {"A=1\nB=1\n", "B=1\n", "A=2\nB=1\n", "B=1\n", "f: conflict: A: removed here, changed in the release\n"},
          {"A=1\nB=1\n", "B=1\n", "A=1\nB=1\n", "B=1\n", ""},
          {"", "A=1\n", "A=2\n", "A=1\n", "f:1: conflict: A: new here and in the release, with different values\n"},
          {NULL, "A=1\n", "A=2\n", "A=1\n", ""});
}

static void arriving(void)
{
    CHECK({"A=1\nC=3\n", "C=3\n# end\nA=1\n", "A=1\n# about B\n# more\nB=2\nC=3\n",
           "C=3\n# end\nA=1\n# about B\n# more\nB=2\n", "f: added: B\n"},
          {"A=1\n", "A=9\n", "# first\nZ=0\n\nA=1\n", "# first\nZ=0\n\nA=9\n", "f: added: Z\n"},
          {"# App\nA=1\n", "# App\nA=9\n", "# App\nZ=0\nA=1\n", "# App\nZ=0\nA=9\n", "f: added: Z\n"},
          {"", "# only words\n", "A=1\n", "# only words\nA=1\n", "f: added: A\n"},
          {"A=1\n", "A=9\n", "A=1\nexport B=\"x\n#y\"\n", "A=9\nexport B=\"x\n#y\"\n", "f: added: B\n"});
}

static void bytes_that_stay(void)
{
    CHECK({"A=1\nB=2\n",
           "\xef\xbb\xbf"
           "A=1\r\nB=5\r\n",
           "A=2\nB=2\n# c\nC=3\n",
           "\xef\xbb\xbf"
           "A=2\r\nB=5\r\n# c\r\nC=3\r\n",
           "f:1: updated: A\nf: added: C\n"},
          {"A=1\n", "A=9", "A=1\nB=2\n", "A=9\nB=2", "f: added: B\n"},
          {"A=1\nB=2\n", "A=9\nB=2", "A=1\n", "A=9", "f:2: removed: B\n"},
          {"A=1\n", "  export A = 1  \nB= 'x' # y\n", "A=2\n", "  export A = 2  \nB= 'x' # y\n", "f:1: updated: A\n"});
}

static void comments_and_keys_go_together(void)
{
    CHECK(
        {"# a\nA=1\n# b\nB=2\n\nC=3\n", "# a\nA=1\n# b\nB=2\n\nC=4\n", "# a\nA=1\n\nC=3\n", "# a\nA=1\n\nC=4\n",
         "f:4: removed: B\n"},
        {"A=1\n\n# b\nB=2\n\nC=3\n", "A=1\n\n# mine\nB=2\n\nC=4\n", "A=1\n\nC=3\n", "A=1\n\n# mine\n\nC=4\n",
         "f:4: removed: B\n"},
        {"A=1\n\n# b\nB=2\n\nC=3\n", "A=1\n\n# b\nB=2\n\nC=4\n", "A=1\n\nC=3\n", "A=1\n\nC=4\n", "f:4: removed: B\n"});
}

static void strategies(void)
{
    CHECK({"A=1\nB=2\nC=3\n", "A=1\nB=9\nC=3\n", "A=2\nB=3\nD=4\n", "A=1\nB=9\nD=4\nC=3\n",
           "f:3: kept: C\nf: added: D\n", MERGE_UPDATE_ONLY},
          {"A=1\nB=2\nC=3\n", "A=1\nC=3\n", "A=1\nB=3\nC=3\n", "A=1\nC=3\n", "", MERGE_UPDATE_ONLY},
          {"A=1\nB=2\n", "A=9\nB=2\nMINE=1\n", "A=1\nB=3\n", "A=1\nB=3\n",
           "f:1: overridden: A\nf:2: updated: B\nf:3: overridden: MINE\n", MERGE_REPLACE});
}

static void repeated_keys(void)
{
    CHECK({"A=1\nA=2\nB=1\n", "A=1\nA=2\nB=7\n", "A=3\nB=1\n", "A=3\nB=7\n", "f:1: updated: A\n"},
          {"A=1\nB=1\nA=2\n", "A=1\nB=7\nA=2\n", "A=3\nB=1\n", "A=1\nB=7\nA=2\n",
           "f:1: conflict: A: the key stands there more than once\n"});
}

static void long_values(void)
{
    CHECK({"A=\"x\ny\"\nB=1\n", "A=\"x\ny\"\nB=2\n", "A=\"x\nz\"\nB=1\n", "A=\"x\nz\"\nB=2\n", "f:1: updated: A\n"},
          {"A=x\\\ny\nB=1\n", "A=x\\\ny\nB=2\n", "A=z\nB=1\n", "A=z\nB=2\n", "f:1: updated: A\n"},
          {"A\nB=1\n", "A\nB=2\n", "A=1\nB=1\n", "A=1\nB=2\n", "f:1: updated: A\n"});
}

static void refused(void)
{
    merge_case_refused("env", "A=1\n", "A=1\n1B=2\n", "2:1: expected a name, then '='");
    merge_case_refused("env", "A=1\n", "A=1\nB C\n", "2:3: expected '=' after the name");
    merge_case_refused("env", "A=1\n", "A=\"x\nB=2\n", "1:3: the quoted text never ends");
    merge_case_refused("env", "A=1\n", "A=\xff\n", "1:3: not valid UTF-8");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/env/what the user left alone follows the release", untouched);
    g_test_add_func("/env/what the user changed stays", touched);
    g_test_add_func("/env/a new key comes with its comment, behind its neighbour", arriving);
    g_test_add_func("/env/line ends, byte order mark and a missing newline stay", bytes_that_stay);
    g_test_add_func("/env/a comment goes with its key, a user's own does not", comments_and_keys_go_together);
    g_test_add_func("/env/strategies", strategies);
    g_test_add_func("/env/a repeated key is one, or a conflict", repeated_keys);
    g_test_add_func("/env/values may span lines", long_values);
    g_test_add_func("/env/errors have a place and the code of their text", refused);
    return g_test_run();
}
