/* SPDX-License-Identifier: Apache-2.0 */
/* Records: exact round trips, and no second way to write anything. */
#include "base/document.h"
#include "base/fault.h"

#include <string.h>

static void check_round_trip(const Node *node)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *records = node_to_records(node);
    g_autoptr(Node) again = node_from_records(records, strlen(records), &error);
    g_assert_no_error(error);
    g_autofree char *second = node_to_records(again);
    g_assert_cmpstr(second, ==, records);
    g_autofree char *json = node_to_json(node, 0), *json_again = node_to_json(again, 0);
    g_assert_cmpstr(json_again, ==, json);
}

static void test_format(void)
{
    static const char yaml[] = "a b: 'x%y'\n\xc3\xa4:\n- \"\"\n- {k: v}\n";
    g_autoptr(Node) node = document_parse(DOCUMENT_YAML, yaml, strlen(yaml), "f", FAULT_CONFIG, NULL);
    g_autofree char *records = node_to_records(node);
    g_assert_cmpstr(records, ==,
                    "0 m - 1 1 - \n"
                    "1 s s 1 6 1:1:a%20b x%25y\n"
                    "1 l - 3 1 2:1:%C3%A4 \n"
                    "2 s s 3 3 - \n"
                    "2 m - 4 3 - \n"
                    "3 s p 4 7 4:4:k v\n");
    check_round_trip(node);
}

static void test_round_trips(void)
{
    static const char toml[] =
        "i = 0x1f\nf = 1e5\nb = true\nd = 07:32:00\ns = \"\\u001b\\n\"\n[t.'']\n[[l]]\n[[l]]\na = [[], {}]\n";
    g_autoptr(Node) node = document_parse(DOCUMENT_TOML, toml, strlen(toml), "f", FAULT_CONFIG, NULL);
    g_assert_nonnull(node);
    check_round_trip(node);
    g_autoptr(Node) null = node_new_scalar(SCALAR_NULL, "null");
    check_round_trip(null);
    g_autoptr(Node) map = node_new_map();
    check_round_trip(map);
    g_autoptr(Node) far = node_new_scalar(SCALAR_STRING, "x");
    far->line = far->column = G_MAXUINT;
    check_round_trip(far);
}

static void test_types_survive(void)
{
    for (ScalarType type = SCALAR_PLAIN; type <= SCALAR_NULL; type++) {
        g_autoptr(Node) node = node_new_scalar(type, "1");
        g_autofree char *records = node_to_records(node);
        g_autoptr(Node) again = node_from_records(records, strlen(records), NULL);
        g_assert_cmpint(again->kind, ==, NODE_SCALAR);
        g_assert_cmpint(again->type, ==, type);
    }
}

static void test_damage(void)
{
    static const struct {
        const char *records, *expected;
    } cases[] = {
        {"", "records:1: empty"},
        {"\n", "records:1: no depth"},
        {"00 s s 1 1 - x\n", "records:1: no depth"},
        {"-1 s s 1 1 - x\n", "records:1: no depth"},
        {"4294967296 s s 1 1 - x\n", "records:1: no depth"},
        {"1 s s 1 1 - x\n", "records:1: wrong depth"},
        {"0 s s 1 1 - x\n0 s s 1 1 - x\n", "records:2: wrong depth"},
        {"0 s s 1 1 - x\n1 s s 1 1 - x\n", "records:2: wrong depth"},
        {"0 l - 1 1 - \n2 s s 1 1 - x\n", "records:2: wrong depth"},
        {"0 x s 1 1 - x\n", "records:1: unknown kind or type"},
        {"0 s x 1 1 - x\n", "records:1: unknown kind or type"},
        {"0 s - 1 1 - x\n", "records:1: unknown kind or type"},
        {"0 l s 1 1 - \n", "records:1: unknown kind or type"},
        {"0 s", "records:1: unknown kind or type"},
        {"0 s s +1 1 - x\n", "records:1: no position"},
        {"0 s s 1  1 - x\n", "records:1: no position"},
        {"0 s s 1 4294967296 - x\n", "records:1: no position"},
        {"0 s s 1 1 1:1:a x\n", "records:1: wrong key"},
        {"0 s s 1 1 -x\n", "records:1: wrong key"},
        {"0 m - 1 1 - \n1 s s 1 1 - x\n", "records:2: wrong key"},
        {"0 m - 1 1 - \n1 s s 1 1 1:1 x\n", "records:2: wrong key"},
        {"0 m - 1 1 - \n1 s s 1 1 1:1:%61 x\n", "records:2: wrong key"},
        {"0 l - 1 1 - \n1 s s 1 1 1:1:a x\n", "records:2: wrong key"},
        {"0 s s 1 1 - x", "records:1: wrong text"},
        {"0 s s 1 1 - x y\n", "records:1: wrong text"},
        {"0 s s 1 1 - %0a\n", "records:1: wrong text"},
        {"0 s s 1 1 - %41\n", "records:1: wrong text"},
        {"0 s s 1 1 - %\n", "records:1: wrong text"},
        {"0 s s 1 1 - %2", "records:1: wrong text"},
        {"0 s s 1 1 - %00\n", "records:1: wrong text"},
        {"0 s s 1 1 - %FF\n", "records:1: wrong text"},
        {"0 s s 1 1 - \xc3\xa4\n", "records:1: wrong text"},
        {"0 s s 1 1 - x\r\n", "records:1: wrong text"},
        {"0 m - 1 1 - x\n", "records:1: wrong text"},
        {"0 m - 1 1 - \n1 s s 1 1 7:1:a x\n1 s s 1 1 8:1:a x\n", "records:8:1: the key \"a\" appears twice (line 7)"},
        {"0 l - 1 1 - \n1 m - 1 1 - \n2 s s 1 1 7:1:a x\n2 s s 1 1 8:1:a x\n1 s s 1 1 - x\n",
         "records:8:1: the key \"a\" appears twice (line 7)"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(node_from_records(cases[i].records, strlen(cases[i].records), &error));
        g_assert_error(error, FAULT, FAULT_STATE);
        g_assert_cmpstr(error->message, ==, cases[i].expected);
    }
}

static void check_limit(const char *line, gboolean deeper, guint n, const char *expected)
{
    g_autoptr(GString) records = g_string_new(deeper ? "" : "0 l - 1 1 - \n");
    for (guint i = 0; i < n; i++)
        g_string_append_printf(records, "%u%s", deeper ? i : 1, line);
    g_autoptr(GError) error = NULL;
    g_autoptr(Node) node = node_from_records(records->str, records->len, &error);
    g_assert_cmpstr(error ? error->message : NULL, ==, expected);
    g_assert_true((node != NULL) == (expected == NULL));
}

static void test_limits(void)
{
    check_limit(" l - 1 1 - \n", TRUE, 64, NULL);
    check_limit(" l - 1 1 - \n", TRUE, 65, "records:65: nested too deep");
    check_limit(" s s 1 1 - \n", FALSE, DOCUMENT_MAX_NODES - 1, NULL);
    check_limit(" s s 1 1 - \n", FALSE, DOCUMENT_MAX_NODES, "records:100001: too many nodes");
    gsize size = 16 * 1024 * 1024 + 1;
    g_autofree char *large = g_malloc(size);
    memset(large, '0', size);
    g_autoptr(GError) error = NULL;
    g_assert_null(node_from_records(large, size, &error));
    g_assert_cmpstr(error->message, ==, "records:1: larger than 16 MiB");
}

static void test_any_cut_is_refused_or_whole(void)
{
    static const char json[] = "{\"a\": [1, {\"b\": \"\\u00e9 x\"}], \"c\": null}";
    g_autoptr(Node) node = document_parse(DOCUMENT_JSON, json, strlen(json), "f", FAULT_CONFIG, NULL);
    g_autofree char *records = node_to_records(node);
    for (gsize size = 0; size < strlen(records); size++) {
        g_autofree char *cut = g_memdup2(records, size); /* no byte more: a read beyond shows under the sanitizer */
        g_autoptr(GError) error = NULL;
        g_autoptr(Node) part = node_from_records(cut, size, &error);
        g_assert_true((part != NULL) == (size > 0 && records[size - 1] == '\n'));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/records/a node is one line of seven fields", test_format);
    g_test_add_func("/records/what goes in comes out", test_round_trips);
    g_test_add_func("/records/types survive", test_types_survive);
    g_test_add_func("/records/damage is refused with its line", test_damage);
    g_test_add_func("/records/size, depth and count are limited", test_limits);
    g_test_add_func("/records/a cut between lines is the only one taken", test_any_cut_is_refused_or_whole);
    return g_test_run();
}
