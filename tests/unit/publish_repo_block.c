/* SPDX-License-Identifier: Apache-2.0 */
/* The block of a release: what is made of a manifest and of a publisher's words, and how it changes. */
#include "base/fault.h"
#include "publish/repo_block.h"

#include <string.h>

static const char manifest_text[] =
    "app: books\nversion: 1.2.0\ndescription: Reading lists\nchangelog: https://example.org/1.2.0\n"
    "rollout: {stages: [{name: few, percentage: 5, criteria: \"server_id % 2 == 0\"}, {name: all, wait_hours: 48}]}\n";
static const char *const files[] = {"books/books-1.2.0.tar.zst", NULL};

static Manifest *read_manifest(void)
{
    g_autoptr(GError) error = NULL;
    Node *document = document_parse(DOCUMENT_YAML, manifest_text, strlen(manifest_text), "m", FAULT_MANIFEST, &error);
    g_assert_no_error(error);
    Manifest *manifest = manifest_read(document, "m", &error);
    g_assert_no_error(error);
    return manifest;
}

static Node *make(RepoBlock words, GError **error)
{
    g_autoptr(Manifest) manifest = read_manifest();
    words.app = "books";
    words.version = words.version ? words.version : "1.2.0";
    words.manifest = manifest;
    words.released = "2026-11-20";
    words.files = files;
    return repo_block_new(&words, error);
}

static void assert_json(const Node *node, const char *wanted)
{
    g_autofree char *json = node_to_json(node, 0);
    g_assert_cmpstr(json, ==, wanted);
}

/* A role's content with two releases and the file of one. */
static Node *make_content(void)
{
    Node *content = node_new_map(), *targets = node_new_map();
    const char *const versions[] = {"1.1.0", "1.2.0"};
    for (guint i = 0; i < G_N_ELEMENTS(versions); i++) {
        Node *target = node_new_map();
        g_autofree char *path = g_strdup_printf("books/books-%s.yaml", versions[i]);
        node_set(target, "custom", make((RepoBlock){.version = versions[i]}, NULL));
        node_set(targets, path, target);
    }
    Node *archive = node_new_map(), *custom = node_new_map();
    node_set_text(custom, "kind", "archive");
    node_set_text(custom, "version", "1.3.0");
    node_set(archive, "custom", custom);
    node_set(targets, "books/books-1.3.0.tar.zst", archive);
    node_set(content, "targets", targets);
    return content;
}

static const char *channel(Node *content, const char *name)
{
    return node_get_text(repo_block_of_channel(content, name), "version", NULL);
}

static void test_new(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Node) plain = make((RepoBlock){0}, &error);
    g_assert_no_error(error);
    assert_json(plain, "{\"kind\":\"release\",\"app\":\"books\",\"version\":\"1.2.0\",\"released\":\"2026-11-20\","
                       "\"changelog\":\"https://example.org/1.2.0\",\"description\":\"Reading lists\","
                       "\"files\":[\"books/books-1.2.0.tar.zst\"],\"channels\":[],\"rollout\":{\"stages\":[{\"name\":"
                       "\"few\",\"percentage\":5,\"criteria\":\"server_id % 2 == 0\"},{\"name\":\"all\","
                       "\"percentage\":100,\"wait\":\"2d\"}]}}");
    g_autoptr(Node) full = make((RepoBlock){.severity = "security",
                                            .changelog = "https://example.org/other",
                                            .min_age = "1440m",
                                            .gate = "stop",
                                            .gate_message = "read",
                                            .unpacked_bytes = 10,
                                            .unpacked_entries = 2},
                                &error);
    g_assert_no_error(error);
    g_assert_cmpstr(node_get_text(full, "changelog", ""), ==, "https://example.org/other");
    g_assert_cmpstr(node_get_text(full, "severity", ""), ==, "security");
    g_assert_cmpstr(node_get_text(full, "min_age", ""), ==, "1d");
    g_assert_cmpint(node_get_int(full, "unpacked_size", 0), ==, 10);
    assert_json(node_get(full, "gate"), "{\"kind\":\"stop\",\"message\":\"read\"}");
}

static void test_wrong(void)
{
    const struct {
        RepoBlock words;
        const char *why;
    } cases[] = {
        {{.min_age = "a while"}, "--min-age must be a time such as 24h, not 'a while'"},
        {{.min_age = "-1h"}, "--min-age must be a time such as 24h, not '-1h'"},
        {{.gate = "wall"}, "--gate must be breakpoint or stop, not 'wall'"},
        {{.gate = ""}, "--gate must be breakpoint or stop, not ''"},
        {{.gate_message = "read"}, "--reason has no meaning without --gate"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(make(cases[i].words, &error));
        g_assert_error(error, FAULT, FAULT_USAGE);
        g_assert_cmpstr(error->message, ==, cases[i].why);
    }
}

static void test_find(void)
{
    g_autoptr(Node) content = make_content();
    const char *path = NULL;
    g_assert_nonnull(repo_block_find(content, "1.2.0", &path));
    g_assert_cmpstr(path, ==, "books/books-1.2.0.yaml");
    g_assert_nonnull(repo_block_find(content, "v1.2", &path)); /* readers could not tell it from 1.2.0 */
    g_assert_cmpstr(path, ==, "books/books-1.2.0.yaml");
    g_assert_null(repo_block_find(content, "1.3.0", &path)); /* a file of a release is none */
    g_assert_null(path);
    g_autoptr(Node) empty = node_new_map();
    g_assert_null(repo_block_find(empty, "1.2.0", NULL));
}

static void test_channels(void)
{
    g_autoptr(Node) content = make_content();
    g_assert_null(channel(content, "stable"));
    repo_block_set_channel(content, "1.1.0", "stable");
    repo_block_set_channel(content, "1.1.0", "beta");
    g_assert_cmpstr(channel(content, "stable"), ==, "1.1.0");
    repo_block_set_channel(content, "1.2.0", "stable");
    g_assert_cmpstr(channel(content, "stable"), ==, "1.2.0");
    g_assert_cmpstr(channel(content, "beta"), ==, "1.1.0");
    assert_json(node_get(repo_block_find(content, "1.1.0", NULL), "channels"), "[\"beta\"]");
    assert_json(node_get(repo_block_find(content, "1.1.0", NULL), "former"), "[\"stable\"]");
    g_assert_true(repo_block_is_named(repo_block_find(content, "1.1.0", NULL)));
    g_assert_null(node_get(repo_block_find(content, "1.2.0", NULL), "former"));
    g_assert_false(repo_block_was_named(repo_block_find(content, "1.2.0", NULL)));
    repo_block_set_channel(content, "1.2.0", "beta");
    g_assert_false(repo_block_is_named(repo_block_find(content, "1.1.0", NULL)));
    assert_json(node_get(repo_block_find(content, "1.1.0", NULL), "former"), "[\"beta\",\"stable\"]");
    repo_block_set_channel(content, "1.1.0", "beta");
    assert_json(node_get(repo_block_find(content, "1.1.0", NULL), "former"), "[\"stable\"]");
    repo_block_set_channel(content, "1.2.0", "beta");
    assert_json(node_get(repo_block_find(content, "1.2.0", NULL), "channels"), "[\"beta\",\"stable\"]");
    assert_json(node_get(repo_block_find(content, "1.1.0", NULL), "channels"), "[]");
}

static void test_rollout(void)
{
    static const char *const good[] = {"0", "10%", "20:90s", "100%:72h", NULL};
    const struct {
        const char *stages[3];
        const char *why;
    } cases[] = {
        {{"half"}, "'half' is no stage of a rollout"},
        {{"101"}, "'101' is no stage of a rollout"},
        {{"10:"}, "'10:' is no stage of a rollout"},
        {{"10:-1h"}, "'10:-1h' is no stage of a rollout"},
        {{"%"}, "'%' is no stage of a rollout"},
        {{"10:1h:1h"}, "'10:1h:1h' is no stage of a rollout"},
        {{"10", "10:1h"}, "the stage '10:1h' takes no more hosts than the one before it"},
        {{"50", "10:1h"}, "the stage '10:1h' takes no more hosts than the one before it"},
    };
    g_autoptr(GError) error = NULL;
    g_autoptr(Node) block = make((RepoBlock){0}, NULL);
    g_assert_true(repo_block_set_rollout(block, good, &error));
    assert_json(
        node_get(block, "rollout"),
        "{\"stages\":[{\"name\":\"0%\",\"percentage\":0},{\"name\":\"10%\",\"percentage\":10},{\"name\":\"20%\","
        "\"percentage\":20,\"wait\":\"90s\"},{\"name\":\"100%\",\"percentage\":100,\"wait\":\"3d\"}]}");
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) local = NULL;
        g_autofree char *before = node_to_json(block, 0);
        g_assert_false(repo_block_set_rollout(block, cases[i].stages, &local));
        g_assert_error(local, FAULT, FAULT_USAGE);
        g_autofree char *said = fault_text(local);
        g_assert_cmpstr(said, ==, cases[i].why);
        assert_json(block, before);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/repo_block/a block says what manifest and publisher say", test_new);
    g_test_add_func("/repo_block/words that mean nothing are refused", test_wrong);
    g_test_add_func("/repo_block/a version is found as readers find it", test_find);
    g_test_add_func("/repo_block/a channel names one release", test_channels);
    g_test_add_func("/repo_block/a rollout is what its stages say", test_rollout);
    return g_test_run();
}
