/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of model/manifest_files.h: rules of layout files, and what of them contradicts itself. */
#include "model/manifest_files.h"

#include "model_read.h"

#define HEAD "version: 2.1.0\n"

static Manifest *manifest_from(const char *tail)
{
    GError *error = NULL;
    g_autofree char *yaml = g_strconcat(HEAD, tail, NULL);
    Manifest *manifest = manifest_read(yaml_from(yaml), "m", &error);
    g_assert_no_error(error);
    return manifest;
}

static void expect(const char *tail, const char *message)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *yaml = g_strconcat(HEAD, tail, NULL);
    g_autofree char *text = g_strconcat("m:", message, NULL);
    g_assert_null(manifest_read(yaml_from(yaml), "m", &error));
    assert_fault(&error, FAULT_MANIFEST, text);
}

static Manifest *manifest_of_file(const char *name)
{
    GError *error = NULL;
    g_autofree char *path = g_test_build_filename(G_TEST_DIST, "manifests", name, NULL);
    Node *document = document_read_file(path, FAULT_MANIFEST, &error);
    g_assert_no_error(error);
    Manifest *manifest = manifest_read(document, name, &error);
    g_assert_no_error(error);
    return manifest;
}

static void document_in_full(void)
{
    g_autoptr(Manifest) m = manifest_of_file("ship-full.yaml");
    g_assert_cmpuint(m->file_rules->len, ==, 6);
    const FileRule *config = m->file_rules->pdata[0], *more = m->file_rules->pdata[1];
    g_assert_cmpstr(config->glob, ==, "config.toml");
    g_assert_cmpint(config->action, ==, FILE_MERGE_TOML);
    g_assert_cmpint(config->merge_strategy, ==, MERGE_RULE_PRESERVE_USER);
    g_assert_true(config->backup);
    g_assert_false(more->backup);
    g_assert_cmpuint(config->line, ==, 8);
    g_assert_cmpuint(config->column, ==, 3);
    g_assert_cmpint(((const FileRule *)m->file_rules->pdata[2])->action, ==, FILE_REPLACE);
    g_assert_cmpint(((const FileRule *)m->file_rules->pdata[4])->action, ==, FILE_SKIP);
    g_assert_cmpuint(m->directory_rules->len, ==, 4);
    const DirectoryRule *data = m->directory_rules->pdata[0], *logs = m->directory_rules->pdata[2];
    const DirectoryRule *cache = m->directory_rules->pdata[3];
    g_assert_true(data->preserve && !data->cleanup_old);
    g_assert_cmpstr(data->description, ==, "User data");
    g_assert_true(logs->preserve && logs->cleanup_old);
    g_assert_cmpint(logs->keep_days, ==, 30);
    g_assert_false(cache->preserve);
}

static void other_documents(void)
{
    g_autoptr(Manifest) config = manifest_of_file("ship-config.yaml");
    g_assert_cmpint(((const FileRule *)config->file_rules->pdata[0])->merge_strategy, ==, MERGE_RULE_UPDATE_ONLY);
    g_autoptr(Manifest) bugfix = manifest_of_file("ship-bugfix.yaml");
    g_assert_cmpuint(bugfix->file_rules->len, ==, 2);
    g_autoptr(Manifest) major = manifest_of_file("ship-major.yaml");
    g_assert_cmpuint(major->directory_rules->len, ==, 2);
    g_autoptr(Manifest) pikit = manifest_of_file("pikit-manifest.json");
    g_assert_cmpuint(pikit->file_rules->len, ==, 0);
    g_assert_cmpint(pikit->files->kind, ==, NODE_LIST);
}

static void decides(void)
{
    g_autoptr(Manifest) m = manifest_from("files:\n  src/main.py: {action: skip}\n  \"src/**\": {action: replace}\n"
                                          "  \"*.md\": {action: backup_replace}\n"
                                          "  settings.yaml: {action: merge_yaml, sections: {server: {strategy: "
                                          "replace}, server.tls: {strategy: update_only}}}\n"
                                          "directories: {data/: {preserve: true}}\n");
    g_assert_cmpint(manifest_file_rule(m, "src/main.py")->action, ==, FILE_SKIP);
    g_assert_cmpint(manifest_file_rule(m, "src/other.py")->action, ==, FILE_REPLACE);
    g_assert_true(manifest_file_rule(m, "README.md")->backup);
    g_assert_null(manifest_file_rule(m, "data/a"));
    g_assert_cmpstr(manifest_directory_rule(m, "data/a/b")->path, ==, "data");
    g_assert_nonnull(manifest_directory_rule(m, "data"));
    g_assert_null(manifest_directory_rule(m, "database"));
    const GPtrArray *sections = manifest_file_rule(m, "settings.yaml")->sections;
    g_assert_cmpuint(sections->len, ==, 2);
    g_assert_cmpstr(((const MergeSection *)sections->pdata[1])->name, ==, "server.tls");
    g_assert_cmpint(((const MergeSection *)sections->pdata[1])->strategy, ==, MERGE_RULE_UPDATE_ONLY);
}

static void wrong_rules(void)
{
    expect("files: {a: replace}\n", "2:12: must be a map, not 'replace'");
    expect("files: text\n", "2:8: 'files' must be a map of patterns, or a list of files");
    expect("directories: [data]\n", "2:14: 'directories' must be a map of directories");
    expect("files: {a: {}}\n",
           "2:12: 'action' is missing\nwhat becomes of the files that match: replace, skip, backup_replace, "
           "merge_toml, merge_yaml, merge_json, merge_ini, merge_env or merge_text");
    expect("files: {a: {action: merge}}\n",
           "2:21: 'action' must be replace, skip, backup_replace, merge_toml, merge_yaml, merge_json, merge_ini, "
           "merge_env or merge_text, not 'merge'");
    expect("files: {a: {action: replace, when: now}}\n", "2:30: unknown key 'when'");
    expect("files: {/etc/passwd: {action: replace}}\n",
           "2:9: pattern '/etc/passwd' must not begin with '/': it is relative to the app");
    expect("files: {../a: {action: replace}}\n", "2:9: pattern '../a' must stay inside: no '.' or '..'");
    expect("files: {\"a/[b\": {action: replace}}\n", "2:9: pattern 'a/[b' must close its '['");
    expect("files: {a: {action: replace, merge_strategy: replace}}\n",
           "2:46: 'merge_strategy' has no meaning with the action 'replace'");
    expect("files: {a: {action: merge_env, sections: {}}}\n",
           "2:42: 'sections' has no meaning with the action 'merge_env'");
    expect("files: {a: {action: skip, backup: true}}\n", "2:35: 'backup' has no meaning with the action 'skip'");
    expect("files: {a: {action: backup_replace, backup: false}}\n",
           "2:45: 'backup: false' contradicts the action 'backup_replace'");
    expect("files: {a.json: {action: merge_toml}}\n",
           "2:26: the action 'merge_toml' cannot merge 'a.json'; use 'merge_json'");
}

static void wrong_directories(void)
{
    expect("directories: {\"a*\": {preserve: true}}\n", "2:15: directory 'a*' must be a path, not a pattern");
    expect("directories: {/var: {preserve: true}}\n",
           "2:15: directory '/var' must not begin with '/': it is relative to the app");
    expect("directories: {a: {}}\n", "2:18: 'preserve' is missing");
    expect("directories: {a: {preserve: false, cleanup_old: true}}\n",
           "2:49: 'cleanup_old' contradicts 'preserve: false': the whole of it may be emptied");
    expect("directories: {a: {preserve: true, keep_days: 3}}\n",
           "2:46: 'keep_days' has no meaning without 'cleanup_old: true'");
    expect("directories: {a: {preserve: true}, a/b/c: {preserve: false}}\n",
           "2:36: directory 'a/b/c' lies in 'a', which has rules on line 2");
}

static void contradictions(void)
{
    expect("files:\n  \"src/**\": {action: replace}\n  src/main.py: {action: skip}\n",
           "4:3: pattern 'src/main.py' is never reached: 'src/**' on line 3 comes first and says 'replace'");
    expect("files:\n  \"**\": {action: skip}\n  \"*.toml\": {action: merge_toml}\n",
           "4:3: pattern '*.toml' is never reached: '**' on line 3 comes first and says 'skip'");
    expect("directories: {data: {preserve: true}}\nfiles: {\"data/*.json\": {action: replace}}\n",
           "3:9: pattern 'data/*.json' writes into the directory 'data', which is preserved (line 2)");
    expect("directories: {cache: {preserve: false}}\nfiles: {\"cache/**\": {action: replace}}\n",
           "3:9: pattern 'cache/**' writes into the directory 'cache', which may be emptied (line 2)");
    expect("directories: {data: {preserve: true}}\ncleanup: {remove_directories: [data/old]}\n",
           "3:32: cleanup of 'data/old' contradicts the directory 'data', which is preserved (line 2)");
    expect("directories: {data/users: {preserve: true}}\ncleanup: {remove_directories: data/}\n",
           "3:31: cleanup of 'data' contradicts the directory 'data/users', which is preserved (line 2)");
    expect("directories: {data: {preserve: true}}\ncleanup: {remove_files: [a, \"data/*.tmp\"]}\n",
           "3:29: cleanup of 'data/*.tmp' contradicts the directory 'data', which is preserved (line 2)");
    expect("cleanup: {remove_files: [\"/tmp/*\"]}\n",
           "2:26: pattern '/tmp/*' must not begin with '/': it is relative to the app");
    expect("cleanup: {remove_directories: [..]}\n", "2:32: directory '..' must stay inside: no '.' or '..'");
    expect("privileged_files: [/etc/sudoers]\n",
           "2:20: pattern '/etc/sudoers' must not begin with '/': it is relative to the app");
}

static void harmless(void)
{
    g_autoptr(Manifest) m = manifest_from("files: {\"**\": {action: replace}, a: {action: replace}}\n"
                                          "directories: {data: {preserve: true}}\n");
    g_assert_cmpuint(m->file_rules->len, ==, 2);
    g_autoptr(Manifest) kept = manifest_from("files: {\"data/**\": {action: skip}}\ndirectories: {data: {preserve: "
                                             "true}}\ncleanup: {remove_files: [\"*.pyc\"]}\n");
    g_assert_cmpuint(kept->file_rules->len, ==, 1);
}

static char *many_rules(guint count)
{
    GString *yaml = g_string_new("files:\n");
    for (guint i = 0; i < count; i++)
        g_string_append_printf(yaml, "  \"d%u/**/*.x\": {action: %s}\n", i, i % 2 ? "replace" : "skip");
    return g_string_free(yaml, FALSE);
}

static void many(void)
{
    g_autofree char *most = many_rules(FILE_RULES_MAX), *more = many_rules(FILE_RULES_MAX + 1);
    gint64 began = g_get_monotonic_time();
    g_autoptr(Manifest) m = manifest_from(most);
    g_assert_cmpuint(m->file_rules->len, ==, FILE_RULES_MAX);
    g_assert_cmpint(g_get_monotonic_time() - began, <, 3000000);
    g_assert_cmpint(manifest_file_rule(m, "d9999/a/b.x")->action, ==, FILE_REPLACE);
    expect(more, "3:3: 'files' has 10001 rules, more than the 10000 that are read");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/manifest files/the document's rules arrive in full", document_in_full);
    g_test_add_func("/manifest files/its smaller manifests too", other_documents);
    g_test_add_func("/manifest files/the first rule that matches decides", decides);
    g_test_add_func("/manifest files/a wrong rule names its place", wrong_rules);
    g_test_add_func("/manifest files/a wrong directory names its place", wrong_directories);
    g_test_add_func("/manifest files/rules that contradict are refused", contradictions);
    g_test_add_func("/manifest files/rules without effect are not", harmless);
    g_test_add_func("/manifest files/ten thousand rules are read at once", many);
    return g_test_run();
}
