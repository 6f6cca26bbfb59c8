/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of model/index.h. */
#include "model/index.h"

#include "model_read.h"

#define HASH "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static ReleaseIndex *index_from(const char *json)
{
    GError *error = NULL;
    ReleaseIndex *index = release_index_read(document_from(DOCUMENT_JSON, json), "releases.json", &error);
    g_assert_no_error(error);
    return index;
}

static void expect(const char *json, const char *message)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = g_strconcat("releases.json:", message, NULL);
    g_assert_null(release_index_read(document_from(DOCUMENT_JSON, json), "releases.json", &error));
    assert_fault(&error, FAULT_SOURCE, text);
}

static void in_full(void)
{
    g_autoptr(ReleaseIndex) index = index_from(
        "{\"app\": \"demo\", \"index\": 7, \"channels\": {\"stable\": \"2.1.0\", \"beta\": \"v2.2.0-rc.1\"},\n"
        "\"releases\": [{\"version\": \"2.2.0-rc.1\", \"url\": \"b.tar.zst\"},\n"
        "{\"version\": \"2.1.0\", \"url\": \"https://example.org/a.tar.gz\", \"sha256\": "
        "\"E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855\", \"size\": 12, "
        "\"signature\": \"a.minisig\", \"released\": \"2026-11-20\", \"severity\": \"security\", \"withdrawn\": true, "
        "\"withdrawn_reason\": \"broken login\", \"unpacked_size\": 30, \"unpacked_entries\": 3, \"later\": [1]}],\n"
        "\"newer\": {\"than\": \"we\"}}");
    g_assert_cmpint(index->index, ==, 7);
    const Release *release = index->releases->pdata[1];
    g_assert_cmpstr(release->sha256, ==, HASH);
    g_assert_cmpint(release->size_bytes, ==, 12);
    g_assert_true(release->withdrawn);
    g_assert_cmpstr(release->withdrawn_reason, ==, "broken login");
    g_assert_cmpint(release->unpacked_bytes, ==, 30);
    g_assert_cmpstr(release_index_channel(index, "stable"), ==, "2.1.0");
    g_assert_cmpstr(release_index_channel(index, "beta"), ==, "v2.2.0-rc.1");
    g_assert_null(release_index_channel(index, "nightly"));
    g_assert_true(release_index_find(index, "v2.1.0") == release);
    g_assert_true(release_index_find(index, "2.1") == release);
    g_assert_null(release_index_find(index, "2.1.0+build"));
    g_assert_null(release_index_find(index, "3"));
    g_assert_null(release_index_find(index, "../x"));
}

static void empty(void)
{
    g_autoptr(ReleaseIndex) index = index_from("{\"releases\": []}");
    g_assert_null(release_index_channel(index, "stable"));
    g_assert_null(release_index_find(index, "1"));
    expect("{}", "1:1: 'releases' is missing");
}

static void stable_without_channels(void)
{
    g_autoptr(ReleaseIndex) named = index_from(
        "{\"latest_stable\": \"1.0\", \"releases\": [{\"version\": \"1.0\", \"url\": \"a\"}, {\"version\": \"2.0\", "
        "\"url\": \"b\"}]}");
    g_assert_cmpstr(release_index_channel(named, "stable"), ==, "1.0");
    g_autoptr(ReleaseIndex) highest = index_from(
        "{\"releases\": [{\"version\": \"1.9\", \"url\": \"a\"}, {\"version\": \"1.10\", \"url\": \"b\"}, "
        "{\"version\": \"2.0-rc.1\", \"url\": \"c\"}, {\"version\": \"1.11\", \"url\": \"d\", \"withdrawn\": true}, "
        "{\"version\": \"nightly\", \"url\": \"e\"}]}");
    g_assert_cmpstr(release_index_channel(highest, "stable"), ==, "1.10");
    g_autoptr(ReleaseIndex) listed = index_from(
        "{\"releases\": [{\"version\": \"spring\", \"url\": \"a\", \"withdrawn\": true}, {\"version\": \"autumn\", "
        "\"url\": \"b\"}, {\"version\": \"winter\", \"url\": \"c\"}]}");
    g_assert_cmpstr(release_index_channel(listed, "stable"), ==, "autumn");
}

#define RELEASE(members) "{\"releases\": [{\"version\": \"1.0\", " members "}]}"

static void wrong_members(void)
{
    expect("[]", "1:1: must be a map, not a list");
    expect("{\"releases\": [{\"version\": \"../x\", \"url\": \"a\"}]}",
           "1:27: 'version' must be a version such as 2.1.0, not '../x'");
    expect("{\"releases\": [{\"version\": \"1.0\"}]}", "1:15: 'url' is missing");
    expect(RELEASE("\"url\": 5"), "1:41: 'url' must be a text, not '5'");
    expect(RELEASE("\"url\": \"a\", \"size\": -1"), "1:54: 'size' must be a whole number of at least 0, not '-1'");
    expect(RELEASE("\"url\": \"a\", \"sha256\": \"abc\""), "1:56: 'sha256' must be 64 hexadecimal digits, not 'abc'");
    expect(RELEASE("\"url\": \"a\", \"withdrawn\": \"yes\""), "1:59: 'withdrawn' must be true or false, not 'yes'");
}

static void wrong_addresses(void)
{
    expect(RELEASE("\"url\": \"https://me:secret@x/a\""), "1:41: 'url' must not hold a user or password");
    static const char *const bad[] = {"file:///etc/passwd", "//evil/a", "", "javascript:1", "a\\\\b"};
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *json = g_strdup_printf(RELEASE("\"url\": \"%s\""), bad[i]);
        g_autofree char *message = g_strdup_printf(
            "1:41: 'url' must be an http or https address or a relative path, not '%s'", i == 4 ? "a\\b" : bad[i]);
        expect(json, message);
    }
    expect(RELEASE("\"url\": \"a\", \"signature\": \"ftp://x\""),
           "1:59: 'signature' must be an http or https address or a relative path, not 'ftp://x'");
}

static void contradictions(void)
{
    expect("{\"releases\": [{\"version\": \"1.0\", \"url\": \"a\"},\n{\"version\": \"v1.0.0\", \"url\": \"b\"}]}",
           "2:13: release v1.0.0 is listed twice");
    expect("{\"channels\": {\"stable\": \"2.0\"}, \"releases\": []}",
           "1:25: 'stable' names release '2.0', which is not listed");
    expect("{\"latest_stable\": \"2.0\", \"releases\": []}",
           "1:19: 'latest_stable' names release '2.0', which is not listed");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/index/an index with every member is read, and more", in_full);
    g_test_add_func("/index/an index without releases has no channel", empty);
    g_test_add_func("/index/stable falls back to the highest release", stable_without_channels);
    g_test_add_func("/index/a wrong member is refused at its place", wrong_members);
    g_test_add_func("/index/addresses are http or relative, without secrets", wrong_addresses);
    g_test_add_func("/index/an index that contradicts itself is refused", contradictions);
    return g_test_run();
}
