/* SPDX-License-Identifier: Apache-2.0 */
/* What the last look at a source found is told with its time, and never of another version than is live. */
#include "engine/offer.h"

#include "base/fault.h"
#include "model/policy.h"

#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Fixture {
    char *root;
    Place *place;
} Fixture;

static void set_up(Fixture *f, gconstpointer data)
{
    f->root = g_dir_make_tmp("offer-XXXXXX", NULL);
    g_autoptr(HostPlace) host = host_place_new(f->root);
    f->place = place_new(host, "wiki", NULL);
}

static void tear_down(Fixture *f, gconstpointer data)
{
    g_autofree char *line = g_strdup_printf("rm -rf '%s'", f->root);
    g_assert_cmpint(system(line), ==, 0);
    place_free(f->place);
    g_free(f->root);
}

static char *record_path(const Fixture *f)
{
    return g_build_filename(f->place->state, "offer.json", NULL);
}

static Node *told(const Fixture *f, const char *installed, OfferReader reader)
{
    Node *map = node_new_map();
    offer_tell(map, f->place, installed, reader);
    return map;
}

static void look(const Fixture *f, char *version)
{
    g_autoptr(GPtrArray) objections = g_ptr_array_new_with_free_func((GDestroyNotify)objection_free);
    objection_add(objections, FAULT_POLICY, NULL, NULL, "3.0.0 is too young");
    Release release = {.version = version, .severity = (char *)"security"};
    offer_found(f->place, "1.0.0", version ? &release : NULL, objections);
}

static void before(Fixture *f, gconstpointer data)
{
    g_autoptr(Node) all = told(f, "1.0.0", OFFER_FOR_ALL), operators = told(f, "1.0.0", OFFER_FOR_OPERATORS);
    g_assert_null(node_get_text(all, "offered", NULL));
    g_assert_null(node_get_text(all, "checked_at", NULL));
    g_assert_null(node_get(all, "passed_over"));
    g_assert_true(node_is_null(node_get(operators, "checked_age_s")));
}

static void found(Fixture *f, gconstpointer data)
{
    look(f, (char *)"v2.0.0");
    g_autoptr(Node) all = told(f, "1.0.0", OFFER_FOR_ALL), operators = told(f, "1.0.0", OFFER_FOR_OPERATORS);
    g_assert_cmpstr(node_get_text(all, "offered", NULL), ==, "2.0.0");
    g_assert_cmpstr(node_get_text(all, "severity", NULL), ==, "security");
    g_assert_nonnull(node_get_text(all, "checked_at", NULL));
    g_assert_null(node_get(all, "passed_over"));
    g_assert_cmpint(node_get_int(operators, "checked_age_s", -1), >=, 0);
    g_assert_cmpint(node_get_int(operators, "checked_age_s", -1), <, 60);
    const Node *passed = node_get(operators, "passed_over");
    g_assert_cmpuint(passed->items->len, ==, 1);
    g_assert_cmpstr(((const Node *)passed->items->pdata[0])->text, ==, "3.0.0 is too young");
}

static void another_version(Fixture *f, gconstpointer data)
{
    look(f, (char *)"2.0.0");
    g_autoptr(Node) later = told(f, "2.0.0", OFFER_FOR_OPERATORS), again = told(f, "1.0.0", OFFER_FOR_ALL);
    g_assert_null(node_get_text(later, "offered", NULL));
    g_assert_cmpuint(node_get(later, "passed_over")->items->len, ==, 0);
    g_assert_nonnull(node_get_text(later, "checked_at", NULL));
    g_assert_cmpstr(node_get_text(again, "offered", NULL), ==, "2.0.0");
}

static void no_answer(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) why = NULL;
    look(f, (char *)"2.0.0");
    fault_set(&why, FAULT_NETWORK, "cannot reach 10.0.0.1");
    offer_not_found(f->place, why);
    g_autoptr(Node) after = told(f, "1.0.0", OFFER_FOR_ALL);
    g_assert_cmpstr(node_get_text(after, "offered", NULL), ==, "2.0.0");
    g_assert_cmpstr(node_get_text(after, "check_error", NULL), ==, "cannot reach 10.0.0.1");
    g_assert_nonnull(node_get_text(after, "check_failed_at", NULL));
    look(f, NULL);
    g_autoptr(Node) answered = told(f, "1.0.0", OFFER_FOR_ALL);
    g_assert_null(node_get_text(answered, "offered", NULL));
    g_assert_null(node_get_text(answered, "check_error", NULL));
}

static void spoilt(Fixture *f, gconstpointer data)
{
    look(f, (char *)"2.0.0");
    offer_spoil(f->place, "1.9.0");
    g_autoptr(Node) other = told(f, "1.0.0", OFFER_FOR_ALL);
    g_assert_cmpstr(node_get_text(other, "offered", NULL), ==, "2.0.0");
    offer_spoil(f->place, "2.0.0");
    g_autoptr(Node) bad = told(f, "1.0.0", OFFER_FOR_ALL);
    g_assert_null(node_get_text(bad, "offered", NULL));
}

static void damaged(Fixture *f, gconstpointer data)
{
    static const char *const texts[] = {"", "[1]", "{\"offered\": [", "{\"installed\": \"1.0.0\", \"passed_over\": 7}",
                                        "{\"installed\": \"1.0.0\", \"passed_over\": [{}], \"checked_at\": [2]}"};
    g_autofree char *path = record_path(f);
    g_assert_cmpint(g_mkdir_with_parents(f->place->state, 0755), ==, 0);
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_assert_true(g_file_set_contents(path, texts[i], -1, NULL));
        g_autoptr(Node) node = told(f, "1.0.0", OFFER_FOR_OPERATORS);
        g_assert_null(node_get_text(node, "offered", NULL));
        g_assert_cmpuint(node_get(node, "passed_over")->items->len, ==, 0);
        g_assert_true(node_is_null(node_get(node, "checked_age_s")));
    }
    offer_retire(f->place);
    g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define TEST(path, function) g_test_add(path, Fixture, NULL, set_up, function, tear_down)
    TEST("/offer/before a look nothing is known", before);
    TEST("/offer/what was found is told with its age", found);
    TEST("/offer/it is not told of another version than was live", another_version);
    TEST("/offer/a look without an answer keeps what was found", no_answer);
    TEST("/offer/what turned out bad is not offered", spoilt);
    TEST("/offer/a damaged record says nothing", damaged);
    return g_test_run();
}
