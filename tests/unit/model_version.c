/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of model/version.h. */
#include "model/version.h"

#include <glib.h>

static void names(void)
{
    static const char *const good[] = {"1", "2.1.0", "v2.1.0", "2.0.0-rc.1+build.5", "2026_11", "nightly", "a+b"};
    static const char *const bad[] = {"",    ".",    "..",          ".hidden",     "-rf", "1/2", "1 2",
                                      "1\n", "../x", "1.0.partial", "1.0.pending", "1:2", "1~2", "ü"};
    for (gsize i = 0; i < G_N_ELEMENTS(good); i++)
        g_assert_true(version_is_valid(good[i]));
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_false(version_is_valid(bad[i]));
    g_assert_false(version_is_valid(NULL));
}

static void length(void)
{
    g_autofree char *most = g_strnfill(VERSION_MAX, '1'), *more = g_strnfill(VERSION_MAX + 1, '1');
    g_assert_true(version_is_valid(most));
    g_assert_false(version_is_valid(more));
}

static void ordered(void)
{
    static const char *const good[] = {"1", "v1", "1.2.3.4.5", "1.0-rc.1", "1.0-rc.1+b", "1.0+b", "2024.01.05"};
    static const char *const bad[] = {"nightly", "1.", "1..2", "1.0-", "1.0-a..b", "1.0+", "1.0rc1", "v", "V1", "vv1"};
    for (gsize i = 0; i < G_N_ELEMENTS(good); i++)
        g_assert_true(version_is_ordered(good[i]));
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_false(version_is_ordered(bad[i]));
}

static void prerelease(void)
{
    g_assert_true(version_is_prerelease("1.0.0-rc.1"));
    g_assert_false(version_is_prerelease("1.0.0"));
    g_assert_false(version_is_prerelease("1.0.0+a-b"));
    g_assert_false(version_is_prerelease("nightly-1"));
}

/* Each line is older than all below it: SemVer 2.0 section 11.4 in its middle. */
static void order(void)
{
    static const char *const rising[] = {
        "0",
        "0.0.1",
        "0.9",
        "1.0.0-0",
        "1.0.0-1",
        "1.0.0-2",
        "1.0.0-11",
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.beta",
        "1.0.0-beta",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0-rc.1",
        "1.0.0",
        "1.0.0.1",
        "1.0.1",
        "1.2",
        "v1.10",
        "2",
        "10",
        "99999999999999999999999999999999999998",
        "99999999999999999999999999999999999999",
        "master",
        "nightly",
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rising); i++)
        for (gsize j = 0; j < G_N_ELEMENTS(rising); j++) {
            int result = version_compare(rising[i], rising[j]);
            if ((result > 0) - (result < 0) != (i > j) - (i < j))
                g_error("%s and %s compare as %d", rising[i], rising[j], result);
        }
}

static void equal(void)
{
    static const char *const same[][2] = {{"1", "1.0.0"},    {"v1.0", "1"},           {"1.0+a", "1.0+b"},
                                          {"01.002", "1.2"}, {"1.0-rc.01", "1-rc.1"}, {"1.0-rc+x", "v1.0.0-rc"}};
    for (gsize i = 0; i < G_N_ELEMENTS(same); i++) {
        g_assert_cmpint(version_compare(same[i][0], same[i][1]), ==, 0);
        g_assert_cmpint(version_compare(same[i][1], same[i][0]), ==, 0);
    }
}

static void ranges(void)
{
    static const char *const good[] = {">=2.0.0 <3", "=1.4",   "==1.4",     "1.4", ">1,!=1.5",
                                       ">= 2.0",     ">1, <2", "!=nightly", " 1 "};
    static const char *const bad[] = {
        "not a version", "1.0 2.0", "",    " ",  ",",  ">",     ">=",       ">1,",      ",>1",
        ">1,,<2",        ">=1<2",   "=>1", "~1", "^1", "1 - 2", ">nightly", ">=1.x y/z"};
    for (gsize i = 0; i < G_N_ELEMENTS(good); i++)
        g_assert_true(version_range_is_valid(good[i]));
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
        if (version_range_is_valid(bad[i]))
            g_error("'%s' counts as a range", bad[i]);
    g_assert_false(version_range_is_valid(NULL));
}

static void matches(void)
{
    g_assert_true(version_matches("2.5", ">=2.0.0 <3"));
    g_assert_true(version_matches("v2.0.0", ">=2.0.0 <3"));
    g_assert_false(version_matches("3", ">=2.0.0 <3"));
    g_assert_false(version_matches("2.0.0-rc.1", ">=2.0.0"));
    g_assert_true(version_matches("1.4.0", "1.4"));
    g_assert_false(version_matches("1.5", ">1,!=1.5"));
    g_assert_true(version_matches("1.6", ">1,!=1.5"));
    g_assert_true(version_matches("2", "<=2"));
    g_assert_false(version_matches("2", "<2"));
    g_assert_false(version_matches("2", ">2"));
    g_assert_true(version_matches("nightly", "=nightly"));
    g_assert_true(version_matches("nightly", "!=1.0"));
}

static void unordered_is_nowhere(void)
{
    g_assert_false(version_matches("nightly", ">=2.0.0"));
    g_assert_false(version_matches("nightly", "<2.0.0"));
    g_assert_false(version_matches("1/2", "!=1"));
    g_assert_false(version_matches("1", "nonsense here >"));
}

static void found_in_texts(void)
{
    static const struct {
        const char *text, *version;
    } rows[] = {
        {"git version 2.39.5\n", "2.39.5"},
        {"Python 3.11.2", "3.11.2"},
        {"v20.11.1\n", "20.11.1"},
        {"psql (PostgreSQL) 15.5 (Debian 15.5-0+deb12u1)", "15.5"},
        {"nginx version: nginx/1.22.1", "1.22.1"},
        {"openjdk 17.0.9 2023-10-17\nOpenJDK Runtime", "17.0.9"},
        {"OpenSSL 1.1.1w  11 Sep 2023", "1.1.1"},
        {"less 590 (GNU regular expressions)", "590"},
        {"tool 2 of 3, version 4.5.", "4.5"},
        {"x86_64 build", NULL},
        {"...", NULL},
        {"", NULL},
        {"1..2", NULL},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *version = version_find(rows[i].text);
        g_assert_cmpstr(version, ==, rows[i].version);
    }
}

static void bump(void)
{
    static const struct {
        const char *version, *major, *minor, *patch;
    } rows[] = {
        {"1.2.3", "2.0.0", "1.3.0", "1.2.4"},
        {"v1.2.3+build", "2.0.0", "1.3.0", "1.2.4"},
        {"1", "2", "1.1", "1.0.1"},
        {"1.9", "2.0", "1.10", "1.9.1"},
        {"1.2.3.4", "2.0.0.0", "1.3.0.0", "1.2.4.0"},
        {"2026.09.09", "2027.0.0", "2026.10.0", "2026.09.10"},
        {"9.99.99999999999999999999", "10.0.0", "9.100.0", "9.99.100000000000000000000"},
        {"1.3.0-rc.1", "2.0.0", "1.3.0", "1.3.0"},
        {"1.2.4-rc.1", "2.0.0", "1.3.0", "1.2.4"},
        {"2.0.0-rc.1", "2.0.0", "2.0.0", "2.0.0"},
        {"2-rc.1", "2", "2.1", "2.0.1"},
        {"nightly", NULL, NULL, NULL},
        {"1.0rc1", NULL, NULL, NULL},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        const char *const wanted[] = {rows[i].major, rows[i].minor, rows[i].patch};
        for (int part = VERSION_MAJOR; part < VERSION_N_PARTS; part++) {
            g_autofree char *next = version_bump(rows[i].version, (VersionPart)part);
            g_assert_cmpstr(next, ==, wanted[part]);
            if (next)
                g_assert_cmpint(version_compare(next, rows[i].version), >, 0);
        }
    }
    g_autofree char *most = g_strnfill(VERSION_MAX, '9');
    g_assert_null(version_bump(most, VERSION_MAJOR));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/version/only names that are safe as a file name are versions", names);
    g_test_add_func("/version/64 characters are allowed and 65 are not", length);
    g_test_add_func("/version/a version with numeric fields has an order", ordered);
    g_test_add_func("/version/a dash makes a pre-release", prerelease);
    g_test_add_func("/version/order is that of SemVer with any number of fields", order);
    g_test_add_func("/version/missing fields, v, zeros and build do not count", equal);
    g_test_add_func("/version/a range is comparisons joined by comma or space", ranges);
    g_test_add_func("/version/all comparisons of a range must hold", matches);
    g_test_add_func("/version/a version without order is in no range by order", unordered_is_nowhere);
    g_test_add_func("/version/found in what a program says of itself", found_in_texts);
    g_test_add_func("/version/the next one is higher in the part that was asked for", bump);
    return g_test_run();
}
