/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of model/manifest_conditions.h. */
#include "model/manifest_conditions.h"

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

static void documents(void)
{
    g_autoptr(Manifest) full = manifest_of_file("ship-full.yaml");
    const Conditional *skip = full->conditionals->pdata[0];
    g_assert_cmpint(skip->action, ==, CONDITION_SKIP_UPDATE);
    g_assert_cmpstr(skip->message, ==, "System in maintenance mode");
    g_assert_nonnull(skip->parsed);
    g_autoptr(Manifest) major = manifest_of_file("ship-major.yaml");
    const Conditional *manual = major->conditionals->pdata[0];
    g_assert_cmpint(manual->action, ==, CONDITION_REQUIRE_MANUAL);
    g_assert_cmpuint(manual->manual_steps->len, ==, 2);
}

static void wrong_conditionals(void)
{
    expect("conditionals:\n  - condition: \"curent_version < '2'\"\n    action: warn\n    message: m\n",
           "3:16: 'condition', character 1: unknown word 'curent_version'; did you mean 'current_version'?");
    expect("conditionals: [{condition: \"current_version < 2\", action: warn, message: m}]\n",
           "2:28: 'condition', character 19: a version is compared with a version in quotes, not with a number");
    expect("conditionals: [{condition: current_version, action: sleep}]\n",
           "2:53: 'action' must be skip_update, warn or require_manual_intervention, not 'sleep'");
    expect("conditionals: [{condition: current_version, action: warn}]\n", "2:16: the action 'warn' needs a 'message'");
    expect("conditionals: [{condition: current_version, action: require_manual_intervention}]\n",
           "2:16: somebody is to act, but neither 'message' nor 'manual_steps' says how");
    expect("conditionals: [{condition: current_version, action: skip_update, manual_steps: [a]}]\n",
           "2:80: 'manual_steps' has no meaning without the action 'require_manual_intervention'");
    expect("conditionals: [{condition: \"server_id < 3\", action: skip_update}]\n",
           "2:28: 'condition', character 1: 'server_id' has a meaning in the criteria of a rollout only");
    g_autoptr(GString) many = g_string_new("conditionals:\n");
    for (int i = 0; i < 51; i++)
        g_string_append(many, "- {condition: current_version, action: skip_update}\n");
    expect(many->str, "3:1: there are 51 conditionals, more than the 50 that are asked");
}

static void folded_text(void)
{
    g_autoptr(Manifest) m =
        manifest_from("conditionals:\n  - condition: >\n      current_version < '2'\n      and not\n"
                      "      file_exists('a')\n    action: skip_update\n");
    g_assert_nonnull(((const Conditional *)m->conditionals->pdata[0])->parsed);
}

static void stages(void)
{
    g_autoptr(Manifest) m = manifest_from("released: 2026-11-20\nrollout:\n  strategy: staged\n  stages:\n"
                                          "    - {name: canary, percentage: 5, criteria: \"server_id < 3\"}\n"
                                          "    - {name: early, percentage: 25, wait_hours: 24}\n"
                                          "    - {name: all, wait: 2d}\n");
    const RolloutStage *canary = m->rollout.stages->pdata[0], *early = m->rollout.stages->pdata[1];
    const RolloutStage *all = m->rollout.stages->pdata[2];
    g_assert_nonnull(canary->parsed);
    g_assert_cmpint(canary->wait_ms, ==, 0);
    g_assert_cmpint(early->wait_ms, ==, 86400000);
    g_assert_cmpint(all->percentage, ==, 100);
    g_assert_cmpint(all->wait_ms, ==, 172800000);
}

static void wrong_stages(void)
{
    expect("rollout: {strategy: random}\n", "2:21: 'strategy' must be staged, not 'random'");
    expect("rollout: {stages: [{percentage: 5}]}\n", "2:20: 'name' is missing");
    expect("rollout: {stages: [{name: a, percentage: 101}]}\n",
           "2:42: 'percentage' must be a whole number from 0 to 100, not '101'");
    expect("rollout: {stages: [{name: a, wait: 1h, wait_hours: 1}]}\n",
           "2:52: 'wait_hours' is another name of 'wait'; give one of them");
    expect("rollout: {stages: [{name: a, criteria: \"server_id\"}]}\n",
           "2:40: 'criteria', character 1: a number is neither true nor false; compare it with something");
    expect("rollout: {stages: [{name: a}, {name: a}]}\n", "2:38: two stages are named 'a'");
    expect("rollout: {stages: [{name: a, percentage: 50}, {name: b, percentage: 20}]}\n",
           "2:69: stage 'b' takes fewer hosts than 'a' before it");
    expect("released: soon\nrollout: {stages: [{name: a}]}\n",
           "2:11: a rollout needs a date of publication such as 2026-11-20 or 2026-11-20T06:00:00+01:00, not 'soon'");
    expect("release_date: \"2026-11-20T06:00:00\"\nrollout: {stages: [{name: a}]}\n",
           "2:15: a rollout needs a date of publication such as 2026-11-20 or 2026-11-20T06:00:00+01:00, not "
           "'2026-11-20T06:00:00'");
    expect("rollout: {stages: [{name: \"\"}]}\n", "2:27: 'name' must have 1 to 64 bytes, not ''");
}

static void required_versions(void)
{
    g_autoptr(Manifest) m = manifest_from("requirements: {required_versions: {node: \">=20 <23\", git: 2.30}}\n");
    g_assert_cmpuint(m->requirements.required_versions->len, ==, 2);
    expect("requirements: {required_versions: {\"/bin/sh -c\": \">=1\"}}\n",
           "2:36: 'required_versions' must name programs, not '/bin/sh -c'");
    expect("requirements: {required_versions: {--node: \">=1\"}}\n",
           "2:36: 'required_versions' must name programs, not '--node'");
    expect("requirements: {required_versions: {node: \">=newest\"}}\n",
           "2:42: 'node' in 'required_versions' must be a range such as \">=3.8 <4\", not '>=newest'");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/manifest conditions/the documents' conditions are read", documents);
    g_test_add_func("/manifest conditions/a wrong condition names its place and character", wrong_conditionals);
    g_test_add_func("/manifest conditions/a folded text is one condition", folded_text);
    g_test_add_func("/manifest conditions/stages of a rollout", stages);
    g_test_add_func("/manifest conditions/a wrong stage names its place", wrong_stages);
    g_test_add_func("/manifest conditions/required versions are ranges of programs", required_versions);
    return g_test_run();
}
