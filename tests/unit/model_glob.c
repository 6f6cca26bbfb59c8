/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of model/glob.h. */
#include "model/glob.h"

#include <string.h>

static void yes(const char *pattern, const char *path)
{
    g_assert_null(glob_problem(pattern));
    if (!glob_matches(pattern, path))
        g_error("'%s' should match '%s'", pattern, path);
}

static void no(const char *pattern, const char *path)
{
    g_assert_null(glob_problem(pattern));
    if (glob_matches(pattern, path))
        g_error("'%s' should not match '%s'", pattern, path);
}

static void one_part(void)
{
    yes("*.py", "a.py");
    yes("*.py", ".py");
    no("*.py", "src/a.py");
    no("*.py", "a.pyc");
    yes("a?c", "abc");
    yes("a?c", "aüc");
    no("a?c", "ac");
    yes("*a*b*", "xxaxxbxx");
    no("*a*b*", "xxbxxaxx");
    yes("*ab", "aab");
    yes(".env", ".env");
    yes("*", ".env");
}

static void sets(void)
{
    yes("[a-c]x", "bx");
    no("[a-c]x", "dx");
    yes("[!a-c]x", "dx");
    no("[!a-c]x", "ax");
    yes("[]]", "]");
    yes("[!]]", "a");
    yes("[a-]", "-");
    yes("[ä-ü]", "ö");
    yes("[[]id].tsx", "[id].tsx");
    no("[abc]", "d");
}

static void many_parts(void)
{
    yes("src/**/*.py", "src/a.py");
    yes("src/**/*.py", "src/a/b/c.py");
    no("src/**/*.py", "srcs/a.py");
    no("src/**/*.py", "src/a.pyc");
    yes("**/*.py", "a.py");
    yes("**", "a/b/c");
    yes("data/**", "data/a/b");
    no("data/**", "data");
    no("data/**", "database");
    yes("a/**/b/**/c", "a/x/b/y/b/c");
    no("a/**/b/**/c", "a/x/y/c");
    yes("config/*.toml", "config/app.toml");
    no("config/*.toml", "config/sub/app.toml");
    no("secrets/*", "secrets");
}

/* The worst that backtracking could meet: a second would be a catastrophe. */
static void hostile_patterns(void)
{
    g_autoptr(GString) pattern = g_string_new(NULL);
    g_autoptr(GString) path = g_string_new(NULL);
    for (int i = 0; i < 100; i++) {
        g_string_append(pattern, "**/a*a*a/");
        g_string_append(path, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaa/");
    }
    g_string_append(pattern, "b");
    g_string_append(path, "c");
    gint64 began = g_get_monotonic_time();
    no(pattern->str, path->str);
    g_assert_cmpint(g_get_monotonic_time() - began, <, 500000);
}

static void names_that_are_no_text(void)
{
    yes("*", "\xff\xfe");
    yes("??", "\xff\xfe");
    no("?", "\xff\xfe");
    yes("a[!b]", "a\xff");
}

static void problems(void)
{
    static const struct {
        const char *pattern, *problem;
    } rows[] = {
        {"", "must not be empty"},
        {"/etc/*", "must not begin with '/': it is relative to the app"},
        {"a//b", "must not hold an empty part"},
        {"a/", "must not hold an empty part"},
        {"../a", "must stay inside: no '.' or '..'"},
        {"./a", "must stay inside: no '.' or '..'"},
        {"a/**b", "must have '**' alone between slashes"},
        {"a***", "must have '**' alone between slashes"},
        {"[a", "must close its '['"},
        {"[a/b]", "must close its '['"},
        {"[]", "must close its '['"},
        {"a\\b", "must not hold a backslash"},
        {"a\nb", "must be printable"},
        {"\xff", "must be UTF-8"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        g_assert_cmpstr(glob_problem(rows[i].pattern), ==, rows[i].problem);
    g_autofree char *most = g_strnfill(GLOB_MAX, 'a'), *more = g_strnfill(GLOB_MAX + 1, 'a');
    g_assert_null(glob_problem(most));
    g_assert_cmpstr(glob_problem(more), ==, "must not be longer than 1024 bytes");
    g_assert_null(glob_problem("...a"));
}

static void covering(void)
{
    static const struct {
        const char *wide, *narrow;
        gboolean covers;
    } rows[] = {
        {"**", "src/**/*.py", TRUE},
        {"src/**", "src/a/*.py", TRUE},
        {"src/**", "src/**", TRUE},
        {"src/**", "src", FALSE},
        {"*", "a", TRUE},
        {"*", "a/b", FALSE},
        {"*", "**", FALSE},
        {"*.py", "a*.py", TRUE},
        {"a*.py", "*.py", FALSE},
        {"*.p?", "*.p*", FALSE},
        {"*.p*", "*.p?", TRUE},
        {"**/*.py", "src/**/*.py", TRUE},
        {"**/*.py", "src/**", FALSE},
        {"[a-c]x", "bx", TRUE},
        {"[a-c]x", "dx", FALSE},
        {"?x", "[ab]x", TRUE},
        {"[ab]x", "?x", FALSE},
        {"[ab]x", "[ab]x", TRUE},
        {"src/*/a", "src/**/a", FALSE},
        {"src/**/a", "src/*/a", TRUE},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        if (glob_covers(rows[i].wide, rows[i].narrow) != rows[i].covers)
            g_error("'%s' over '%s'", rows[i].wide, rows[i].narrow);
}

/* Whatever is said to be covered is: tried on all short patterns and paths of a small alphabet. */
static void covering_is_sound(void)
{
    static const char letters[] = "a*?/";
    enum { PATTERNS = 4 * 4 * 4 * 4 };
    g_autoptr(GPtrArray) good = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
    for (guint n = 0; n < PATTERNS; n++) {
        const char text[] = {letters[n & 3], letters[n >> 2 & 3], letters[n >> 4 & 3], letters[n >> 6 & 3], '\0'};
        for (guint from = 0; from < 4; from++)
            if (!glob_problem(text + from))
                g_ptr_array_add(good, g_strdup(text + from));
        char path[] = {"ab/"[n % 3], "ab/"[n / 3 % 3], "ab/"[n / 9 % 3], "ab/"[n / 27 % 3], '\0'};
        for (guint from = 0; from < 4; from++)
            if (!glob_problem(path + from))
                g_ptr_array_add(paths, g_strdup(path + from));
    }
    for (guint i = 0; i < good->len; i++)
        for (guint j = 0; j < good->len; j++) {
            const char *wide = good->pdata[i], *narrow = good->pdata[j];
            gboolean covers = glob_covers(wide, narrow);
            for (guint k = 0; covers && k < paths->len; k++)
                if (glob_matches(narrow, paths->pdata[k]) && !glob_matches(wide, paths->pdata[k]))
                    g_error("'%s' does not cover '%s': %s", wide, narrow, (char *)paths->pdata[k]);
        }
    g_assert_cmpuint(good->len, >, 100);
}

static void directories(void)
{
    g_assert_cmpuint(glob_directory_length("config/a*.toml"), ==, strlen("config/"));
    g_assert_cmpuint(glob_directory_length("*.py"), ==, 0);
    g_assert_cmpuint(glob_directory_length("a/b"), ==, 3);
    g_assert_cmpuint(glob_directory_length("a/b/**"), ==, 4);
    g_assert_true(glob_is_literal("a/b"));
    g_assert_false(glob_is_literal("a/[b]"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/glob/stars and marks stay within a part", one_part);
    g_test_add_func("/glob/sets name characters", sets);
    g_test_add_func("/glob/two stars cross parts", many_parts);
    g_test_add_func("/glob/a hostile pattern costs no more than its length", hostile_patterns);
    g_test_add_func("/glob/names that are no text match by bytes", names_that_are_no_text);
    g_test_add_func("/glob/what is no pattern says why", problems);
    g_test_add_func("/glob/one pattern covers another", covering);
    g_test_add_func("/glob/what is covered is matched", covering_is_sound);
    g_test_add_func("/glob/the literal directory of a pattern", directories);
    return g_test_run();
}
