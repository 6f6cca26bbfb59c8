/* SPDX-License-Identifier: Apache-2.0 */
/* Merging any text, by lines; and what is the same in every language. */
#include "merge/merge_inner.h"
#include "merge_cases.h"

#define CHECK(...)                                                                                                     \
    static const MergeCase rows[] = {__VA_ARGS__};                                                                     \
    merge_cases_check("text", rows, G_N_ELEMENTS(rows))

static void one_side(void)
{
    CHECK({"a\nb\nc\n", "a\nb\nc\nmine\n", "a\nB\nc\n", "a\nB\nc\nmine\n", "f:2: updated\n"},
          {"a\nb\nc\nd\n", "A\nb\nc\nd\n", "a\nb\nnew\nc\n", "A\nb\nnew\nc\n", "f:3: added\nf:4: removed\n"},
          {"a\r\nb\r\n", "a\r\nb", "x\na\nb\n", "x\r\na\r\nb", "f:1: added\n"});
}

static void both_sides(void)
{
    CHECK({"a\nb\nc\n", "a\nmine\nc\n", "a\ntheirs\nc\n", "a\nmine\nc\n",
           "f:2: conflict: changed here and in the release\n"},
          {"a\nb\nc\n", "a\nx\nc\n", "a\nx\nc\n", "a\nx\nc\n", ""},
          {NULL, "a\n", "b\n", "a\n", "f:1: conflict: the default that it came from is not known\n"});
}

static void strategies(void)
{
    CHECK({"a\nb\nc\n", "a\nb\nc\nm\n", "a\nB\nc\n", "a\nb\nc\nm\n", "", MERGE_UPDATE_ONLY},
          {"a\nb\n", "a\nb\nm\n", "a\nn\nb\n", "a\nn\nb\nm\n", "f:2: added\n", MERGE_UPDATE_ONLY},
          {"a\n", "m\n", "b\n", "b\n", "f:1: updated\n", MERGE_REPLACE});
}

static void binary(void)
{
    static const char bytes[] = "a\nb\0c\n";
    MergeCase row = {"a\n", "a\n", "a\n", NULL, NULL};
    MergeRequest request = merge_case_request("text", &row);
    request.user.bytes = bytes;
    request.user.size = sizeof bytes - 1;
    g_autoptr(GError) error = NULL;
    g_assert_null(merge_texts(&request, &error));
    g_assert_error(error, FAULT, FAULT_CONFIG);
    g_assert_cmpstr(error->message, ==, "f:2:2: a NUL byte is not allowed");
}

/* A hundred thousand lines of two kinds, all in disorder: no shortest edit is looked for without end. */
static void much(void)
{
    g_autoptr(GString) base = g_string_new(NULL);
    g_autoptr(GString) user = g_string_new(NULL);
    g_autoptr(GRand) dice = g_rand_new_with_seed(7);
    for (guint i = 0; i < 100000; i++) {
        g_string_append(base, g_rand_boolean(dice) ? "a\n" : "b\n");
        g_string_append(user, g_rand_boolean(dice) ? "a\n" : "b\n");
    }
    MergeCase row = {base->str, user->str, base->str, NULL, NULL};
    MergeRequest request = merge_case_request("text", &row);
    gint64 start = g_get_monotonic_time();
    merge_case_check(&request, user->str, "");
    g_assert_cmpint(g_get_monotonic_time() - start, <, 4 * G_USEC_PER_SEC);
}

/* A reader that is wrong about where values stand. */
static gboolean read_wrongly(MergeDoc *doc, GError **error)
{
    gboolean good = merge_read_env(doc, error);
    for (guint i = 1; good && i < doc->items->len; i++)
        ((MergeItem *)g_ptr_array_index(doc->items, i))->text.start++;
    return good;
}

static void guard(void)
{
    MergeLanguage wrong = {.name = "wrong", .read = read_wrongly};
    MergeCase row = {"A=12\nB=1\n", "A=12\nB=2\n", "A=34\nB=1\n", NULL, NULL};
    MergeRequest request = merge_case_request("env", &row);
    merge_case_check(&request, "A=34\nB=2\n", "f:1: updated: A\n");
    request.language = &wrong;
    g_autoptr(GError) error = NULL;
    g_assert_null(merge_texts(&request, &error));
    g_assert_error(error, FAULT, FAULT_STATE);
    g_assert_cmpstr(error->message, ==,
                    "f: merging it would not give what was intended\nmerge it by hand, then try again");
}

static void languages(void)
{
    static const char *const files[][2] = {{"/etc/app/config.toml", "toml"},
                                           {".env", "env"},
                                           {"a/.env.local", "env"},
                                           {"prod.env", "env"},
                                           {"x.ini", "ini"},
                                           {"setup.cfg", "ini"},
                                           {"a.jsonc", "json"},
                                           {"b.json", "json"},
                                           {"c.yml", "yaml"},
                                           {"c.d/x.yaml", "yaml"},
                                           {"nginx.conf", "text"},
                                           {"toml", "text"},
                                           {"config.toml/notes", "text"}};
    for (gsize i = 0; i < G_N_ELEMENTS(files); i++)
        g_assert_cmpstr(merge_language_name(merge_language_of(files[i][0])), ==, files[i][1]);
    g_auto(GStrv) names = merge_language_names();
    g_autofree char *all = g_strjoinv(" ", names);
    g_assert_cmpstr(all, ==, "env ini toml json yaml text");
    for (char **name = names; *name; name++)
        g_assert_cmpstr(merge_language_name(merge_language(*name)), ==, *name);
    g_assert_null(merge_language("xml"));
}

static void strategy_names(void)
{
    MergeStrategy strategy = MERGE_REPLACE;
    g_assert_true(merge_strategy_of("preserve_user", &strategy));
    g_assert_cmpint(strategy, ==, MERGE_PRESERVE_USER);
    g_assert_true(merge_strategy_of("update_only", &strategy));
    g_assert_cmpint(strategy, ==, MERGE_UPDATE_ONLY);
    g_assert_false(merge_strategy_of("merge_smart", &strategy));
    g_assert_cmpint(strategy, ==, MERGE_UPDATE_ONLY);
    g_assert_cmpstr(merge_strategy_name(MERGE_REPLACE), ==, "replace");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/text/what changed on one side is taken", one_side);
    g_test_add_func("/text/what changed on both sides stays as it is here", both_sides);
    g_test_add_func("/text/strategies", strategies);
    g_test_add_func("/text/a file that is no text is refused", binary);
    g_test_add_func("/text/time is bounded", much);
    g_test_add_func("/merge/an output that does not mean what was intended is refused", guard);
    g_test_add_func("/merge/a file's name tells its language", languages);
    g_test_add_func("/merge/strategies have names", strategy_names);
    return g_test_run();
}
