/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of migrations, and of the publisher's lines that parts run. */
#include "base/fault.h"
#include "base/fs.h"
#include "parts/migrate/migrate.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

typedef struct Notes {
    Facts facts;
    GPtrArray *set; /* "key=value" */
    gboolean broken;
} Notes;

static const char *notes_get(Facts *facts, const char *key)
{
    return NULL;
}

static gboolean notes_set(Facts *facts, const char *key, const char *value, GError **error)
{
    Notes *notes = (Notes *)facts;
    if (notes->broken)
        return fault_set(error, FAULT_SPACE, "the journal is full");
    g_ptr_array_add(notes->set, g_strconcat(key, "=", value, NULL));
    return TRUE;
}

typedef struct Scene {
    char *directory;
    Place place;
    Notes notes;
    PartContext context;
    GString *lines;
    GPtrArray *due;
} Scene;

static void keep_line(const char *line, gpointer data)
{
    g_string_append_printf(data, "%s\n", line);
}

static void scene_set(Scene *scene, gconstpointer unused)
{
    static const char *const environment[] = {"LIFTLOCK_APP=bookshelf", NULL};
    scene->directory = g_dir_make_tmp("liftlock-XXXXXX", NULL);
    scene->place = (Place){.app = (char *)"bookshelf", .user = (char *)"nobody", .uid = 65534, .gid = 65534};
    scene->place.change_user = geteuid() == 0;
    if (scene->place.change_user)
        g_assert_no_errno(chown(scene->directory, 65534, 65534));
    scene->notes = (Notes){.facts = {notes_get, notes_set}, .set = g_ptr_array_new_with_free_func(g_free)};
    scene->lines = g_string_new(NULL);
    scene->context = (PartContext){.place = &scene->place,
                                   .job = "7",
                                   .facts = &scene->notes.facts,
                                   .environment = environment,
                                   .lock_fd = -1,
                                   .on_line = keep_line,
                                   .on_line_data = scene->lines};
    scene->due = g_ptr_array_new();
}

static void scene_clear(Scene *scene, gconstpointer unused)
{
    for (guint i = 0; i < scene->due->len; i++) {
        VersionCommands *version = scene->due->pdata[i];
        g_ptr_array_unref(version->commands);
        g_free(version->name);
        g_free(version);
    }
    g_ptr_array_unref(scene->due);
    g_ptr_array_unref(scene->notes.set);
    g_string_free(scene->lines, TRUE);
    fs_fd int tmp = fs_open_dir("/", NULL);
    g_assert_true(fs_remove_tree(tmp, scene->directory + 1, NULL));
    g_free(scene->directory);
}

static void due(Scene *scene, const char *version, const char *first, const char *second)
{
    VersionCommands *commands = g_new0(VersionCommands, 1);
    commands->name = g_strdup(version);
    commands->commands = g_ptr_array_new();
    g_ptr_array_add(commands->commands, (gpointer)first);
    if (second)
        g_ptr_array_add(commands->commands, (gpointer)second);
    g_ptr_array_add(scene->due, commands);
}

static gboolean migrate(Scene *scene, gint64 timeout_ms, GError **error)
{
    return migrate_run(&scene->context, scene->due, scene->directory, timeout_ms, error);
}

static void assert_done(const Scene *scene, const char *expected)
{
    g_ptr_array_add(scene->notes.set, NULL);
    g_autofree char *text = g_strjoinv(" ", (char **)scene->notes.set->pdata);
    g_ptr_array_set_size(scene->notes.set, (int)scene->notes.set->len - 1);
    g_assert_cmpstr(text, ==, expected);
}

static void in_order(Scene *scene, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    due(scene, "1.5.0", "echo one >> trace", "echo two >> trace; echo said");
    due(scene, "2.0.0", "echo three $LIFTLOCK_APP >> trace", NULL);
    g_assert_true(migrate(scene, 0, &error));
    g_assert_no_error(error);
    g_autofree char *path = g_build_filename(scene->directory, "trace", NULL), *trace = NULL;
    g_assert_true(g_file_get_contents(path, &trace, NULL, NULL));
    g_assert_cmpstr(trace, ==, "one\ntwo\nthree bookshelf\n");
    g_assert_cmpstr(scene->lines->str, ==, "said\n");
    assert_done(scene, "migrate.done=1.5.0 migrate.done=2.0.0");
}

static void nothing_due(Scene *scene, gconstpointer unused)
{
    g_assert_true(migrate(scene, 0, NULL));
    assert_done(scene, "");
}

static void first_failure_ends(Scene *scene, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    due(scene, "1.5.0", "true", NULL);
    due(scene, "2.0.0", "echo looking; printf 'no such\\033[31m table\\n\\n' >&2; exit 3", "touch never");
    due(scene, "3.0.0", "touch never", NULL);
    g_assert_false(migrate(scene, 0, &error));
    g_assert_error(error, FAULT, FAULT_MIGRATE);
    g_assert_cmpstr(error->message, ==,
                    "migration 2.0.0 'echo looking; printf 'no such\\033[31m table\\n\\n' >&2; exit 3': exit status 3\n"
                    "its last line: no such [31m table");
    g_autofree char *never = g_build_filename(scene->directory, "never", NULL);
    g_assert_false(g_file_test(never, G_FILE_TEST_EXISTS));
    assert_done(scene, "migrate.done=1.5.0");
}

static void silent_failure(Scene *scene, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    due(scene, "2.0.0", "kill -9 $$", NULL);
    g_assert_false(migrate(scene, 0, &error));
    g_assert_error(error, FAULT, FAULT_SYSTEM); /* who was killed is not to blame */
    g_assert_cmpstr(error->message, ==, "migration 2.0.0 'kill -9 $$': killed by signal 9 (Killed)");
}

static void time_limit(Scene *scene, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    due(scene, "2.0.0", "sleep 60", NULL);
    g_assert_false(migrate(scene, 200, &error));
    g_assert_error(error, FAULT, FAULT_MIGRATE);
    g_assert_cmpstr(error->message, ==, "migration 2.0.0 'sleep 60': no end after 200 ms");
    assert_done(scene, "");
}

static void as_the_user(Scene *scene, gconstpointer unused)
{
    g_autofree char *expected = g_strdup_printf("%u\n", geteuid() == 0 ? 65534U : (guint)geteuid());
    due(scene, "2.0.0", "id -u", NULL);
    g_assert_true(migrate(scene, 0, NULL));
    g_assert_cmpstr(scene->lines->str, ==, expected);
}

static void lost_note(Scene *scene, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    scene->notes.broken = TRUE;
    due(scene, "2.0.0", "true", NULL);
    due(scene, "3.0.0", "touch never", NULL);
    g_assert_false(migrate(scene, 0, &error));
    g_assert_error(error, FAULT, FAULT_SPACE);
    g_assert_cmpstr(error->message, ==, "the journal is full");
}

static void output_only(Scene *scene, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = part_run_output(&scene->context, "fingerprint", "echo ' 42 '; echo aside >&2",
                                            scene->directory, 0, FAULT_BACKUP, &error);
    g_assert_cmpstr(text, ==, "42");
    g_assert_cmpstr(scene->lines->str, ==, "aside\n");
    g_autofree char *none =
        part_run_output(&scene->context, "fingerprint", "exit 1", scene->directory, 0, FAULT_BACKUP, &error);
    g_assert_null(none);
    g_assert_error(error, FAULT, FAULT_BACKUP);
    g_assert_cmpstr(error->message, ==, "fingerprint: exit status 1");
}

static void printable(void)
{
    g_autofree char *mixed = part_printable(" a\tb\x1b[0m\xe2\x80\xae\xff ");
    g_assert_cmpstr(mixed, ==, "a b [0m \xef\xbf\xbd");
    g_autofree char *many = g_strnfill(1000, 'x');
    g_autofree char *cut = part_printable(many);
    g_assert_cmpuint(strlen(cut), ==, 200);
}

#define ADD(name, function) g_test_add("/migrate/" name, Scene, NULL, scene_set, function, scene_clear)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("versions run in order, each is noted", in_order);
    ADD("nothing due is good", nothing_due);
    ADD("the first failure ends it, with its last line", first_failure_ends);
    ADD("a failure without a word has no hint", silent_failure);
    ADD("a command that hangs is ended", time_limit);
    ADD("commands run as the app's user", as_the_user);
    ADD("a note that cannot be written ends it", lost_note);
    ADD("only standard output counts as the answer", output_only);
    g_test_add_func("/part/text for people is one printable line", printable);
    return g_test_run();
}
