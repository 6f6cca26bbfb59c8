/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of what is asked of all data at once: one database belongs to one app. */
#include "base/fault.h"
#include "base/fs.h"
#include "engine/data.h"

#include "postgres_server.h"

#include <errno.h>

typedef struct Stage {
    PostgresServer server;
    char *directory;
    HostPlace *host;
    Journal *journal;
} Stage;

static Place *app_new(const Stage *stage, const char *name)
{
    Place *place = place_new(stage->host, name, NULL);
    place->user = g_strdup(name);
    place->uid = stage->server.uid;
    place->gid = stage->server.gid;
    place->change_user = geteuid() == 0;
    g_assert_no_errno(g_mkdir_with_parents(place->shared, 0755));
    g_autofree char *env = g_build_filename(place->shared, ".env", NULL);
    g_autofree char *text = g_strdup_printf("DB=postgresql://app@/app?host=%s\n", stage->server.top);
    g_assert_true(g_file_set_contents(env, text, -1, NULL));
    return place;
}

static void database_has_one_app(gconstpointer data)
{
    const Stage *stage = data;
    GError *error = NULL;
    DataSet set = {.name = (char *)"main", .driver = (char *)"postgres", .url_from = (char *)".env#DB"};
    g_autoptr(GPtrArray) sets = g_ptr_array_new();
    g_autoptr(GPtrArray) kinds = g_ptr_array_new();
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) objections = g_ptr_array_new_with_free_func((GDestroyNotify)objection_free);
    g_autoptr(Place) library = app_new(stage, "library");
    g_autoptr(Place) bookshelf = app_new(stage, "bookshelf");
    PartContext context = {.place = library, .lock_fd = -1};
    g_ptr_array_add(sets, &set);
    g_assert_true(data_claims(&context, sets, kinds, names, NULL));
    g_assert_cmpuint(names->len, ==, 1);
    g_assert_cmpstr(kinds->pdata[0], ==, "database");
    g_assert_true(journal_own(stage->journal, "library", kinds, names, &error));
    data_object_to_claimed(&context, stage->journal, "library", sets, objections);
    g_assert_cmpuint(objections->len, ==, 0);
    /* The other one's file leads to the same database. */
    context.place = bookshelf;
    data_object_to_claimed(&context, stage->journal, "bookshelf", sets, objections);
    g_assert_cmpuint(objections->len, ==, 1);
    const Objection *objection = objections->pdata[0];
    g_assert_cmpint(objection->code, ==, FAULT_POLICY);
    g_assert_cmpstr(objection->text, ==, "database 'app' belongs to the app 'library'");
    g_assert_null(objection->override);
}

static void name_is_of_one_set(gconstpointer data)
{
    const Stage *stage = data;
    DataSet old = {.name = (char *)"books", .driver = (char *)"sqlite", .path = (char *)"shared/books.db"};
    DataSet new = {.name = (char *)"books", .driver = (char *)"sqlite", .path = (char *)"shared/library.db"};
    g_autoptr(GPtrArray) sets = g_ptr_array_new();
    g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) objections = g_ptr_array_new_with_free_func((GDestroyNotify)objection_free);
    g_autoptr(Place) library = app_new(stage, "library");
    PartContext context = {.place = library, .lock_fd = -1};
    g_ptr_array_add(sets, &old);
    g_ptr_array_add(sets, &new);
    data_object(&context, sets, FALSE, objections, notes);
    g_assert_cmpuint(objections->len, ==, 1);
    const Objection *objection = objections->pdata[0];
    g_assert_cmpint(objection->code, ==, FAULT_MANIFEST);
    g_assert_cmpstr(objection->text, ==,
                    "data 'books' would be two: shared/books.db, and shared/library.db of the other release");
    g_assert_cmpstr(objection->hint, ==, "the publisher gives other data a name of their own");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    Stage stage = {0};
    GError *error = NULL;
    server_begin(&stage.server);
    g_free(server_sql(&stage.server, "postgres", "CREATE ROLE app LOGIN"));
    g_free(server_sql(&stage.server, "postgres", "CREATE DATABASE app OWNER app"));
    stage.directory = g_dir_make_tmp("liftlock-XXXXXX", NULL);
    g_assert_no_errno(chmod(stage.directory, 0755));
    stage.host = host_place_new(stage.directory);
    g_assert_no_errno(g_mkdir_with_parents(stage.host->var, 0755));
    stage.journal = journal_open(stage.host, FALSE, &error);
    g_assert_no_error(error);
    g_test_add_data_func("/data/a database belongs to one app", &stage, database_has_one_app);
    g_test_add_data_func("/data/a name belongs to one set", &stage, name_is_of_one_set);
    int status = g_test_run();
    journal_close(stage.journal);
    server_end(&stage.server);
    fs_fd int top = fs_open_dir("/", NULL);
    g_assert_true(fs_remove_tree(top, stage.directory + 1, NULL));
    host_place_free(stage.host);
    g_free(stage.directory);
    return status;
}
