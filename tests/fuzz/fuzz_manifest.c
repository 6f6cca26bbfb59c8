/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes what is read by tables of keys (libFuzzer): manifests, app configs, indexes and plans, from YAML text. */
#include "base/fault.h"
#include "model/glob.h"
#include "model/index.h"
#include "model/plan.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Messages end on a terminal: valid UTF-8, one line and a hint, nothing that moves the cursor. */
static void check_message(const GError *error)
{
    if (!error || !g_utf8_validate(error->message, -1, NULL))
        g_error("no message, or not UTF-8");
    for (const char *p = error->message; *p; p = g_utf8_next_char(p))
        if (*p != '\n' && !g_unichar_isprint(g_utf8_get_char(p)))
            g_error("message holds U+%04X", g_utf8_get_char(p));
}

static void show(const Key *keys, const Node *document, gconstpointer target)
{
    g_autoptr(Node) shown = schema_show(keys, document, "fuzz", target);
    g_autofree char *json = node_to_json(shown, 2);
    g_assert_true(g_utf8_validate(json, -1, NULL));
}

static void read_manifest(Node *document)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Manifest) manifest = manifest_read(document, "fuzz", &error);
    if (!manifest) {
        check_message(error);
        return;
    }
    show(manifest_keys, manifest->document, manifest);
    g_autoptr(GPtrArray) due = manifest_migrations_due(manifest, "0", manifest->version);
    g_assert_cmpuint(due->len, <=, manifest->migrations->len);
    for (guint i = 0; i < manifest->file_rules->len; i++)
        g_assert_null(glob_problem(((const FileRule *)manifest->file_rules->pdata[i])->glob));
    for (guint i = 0; i < manifest->conditionals->len; i++)
        g_assert_nonnull(((const Conditional *)manifest->conditionals->pdata[i])->parsed);
    const FileRule *rule = manifest_file_rule(manifest, "src/main.py");
    g_assert_true(!rule || glob_matches(rule->glob, "src/main.py"));
}

static void read_config(Node *document)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(AppConfig) config = app_config_read(document, "fuzz", "fuzz", &error);
    if (config)
        show(app_config_keys, config->document, config);
    else
        check_message(error);
}

static void read_index(Node *document)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ReleaseIndex) index = release_index_read(document, "fuzz", &error);
    if (!index) {
        check_message(error);
        return;
    }
    for (guint i = 0; i < index->releases->len; i++) {
        const Release *release = index->releases->pdata[i];
        g_assert_true(release_index_find(index, release->version) == release);
    }
    const char *stable = release_index_channel(index, "stable");
    g_assert_true(!stable || release_index_find(index, stable));
}

static void read_plan(Node *document)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Node) owned = document;
    g_autoptr(Plan) plan = plan_from_node(owned, &error);
    if (!plan) {
        check_message(error);
        return;
    }
    g_autoptr(Node) node = plan_to_node(plan);
    g_autoptr(Plan) copy = plan_from_node(node, &error);
    g_assert_no_error(error);
    g_autofree char *digest = plan_digest(plan), *digest_of_copy = plan_digest(copy);
    g_assert_cmpstr(digest, ==, digest_of_copy);
}

/* The first byte, 0 to 3, chooses the reader. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const readers[])(Node *) = {read_manifest, read_config, read_index, read_plan};
    if (size < 1)
        return 0;
    g_autoptr(GError) error = NULL;
    Node *document = document_parse(DOCUMENT_YAML, (const char *)data + 1, size - 1, "fuzz", FAULT_MANIFEST, &error);
    if (document)
        readers[data[0] % G_N_ELEMENTS(readers)](document);
    else
        check_message(error);
    return 0;
}
