/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the layout "files": what a change makes of what lies there, and that it comes back to the byte. */
#include "base/fault.h"
#include "base/fs.h"
#include "base/remote.h"
#include "parts/layout/layout.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

enum { APP = 65534 };

/* The host of a test need not have the children's own user: any that is not ours will do. */
gboolean remote_child_user(uid_t *uid, gid_t *gid, GError **error)
{
    *uid = *gid = 65533;
    return TRUE;
}

typedef struct Scene {
    char *directory;
    HostPlace *host;
    Place *place;
    PartContext context;
    Manifest manifest;
    const LayoutDriver *layout;
    LayoutReport report;
} Scene;

static void scene_set(Scene *scene, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    scene->directory = g_dir_make_tmp("liftlock-XXXXXX", &error);
    g_assert_no_error(error);
    g_assert_no_errno(chmod(scene->directory, 0755));
    scene->host = host_place_new(scene->directory);
    scene->place = place_new(scene->host, "shop", NULL);
    place_set_in_place(scene->place);
    scene->place->user = g_strdup("nobody");
    scene->place->uid = scene->place->gid = geteuid() == 0 ? APP : getuid();
    scene->place->change_user = geteuid() == 0;
    scene->context = (PartContext){.place = scene->place, .job = "7", .lock_fd = -1};
    scene->manifest = (Manifest){.layout = LAYOUT_FILES,
                                 .file_rules = g_ptr_array_new(),
                                 .directory_rules = g_ptr_array_new(),
                                 .privileged_files = g_ptr_array_new()};
    scene->layout = layout_find(LAYOUT_FILES, &error);
    g_assert_no_error(error);
}

static void scene_clear(Scene *scene, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    fs_fd int top = fs_open_dir("/", NULL);
    fs_remove_tree(top, scene->directory + 1, &error);
    g_assert_no_error(error);
    g_ptr_array_unref(scene->manifest.file_rules);
    g_ptr_array_unref(scene->manifest.directory_rules);
    g_ptr_array_unref(scene->manifest.privileged_files);
    layout_report_clear(&scene->report);
    place_free(scene->place);
    host_place_free(scene->host);
    g_free(scene->directory);
}

/* --- words of the tests --- */

static void put_in(const char *folder, const char *path, const char *text)
{
    g_autofree char *full = g_build_filename(folder, path, NULL);
    g_autofree char *above = text ? g_path_get_dirname(full) : g_strdup(full);
    g_assert_cmpint(g_mkdir_with_parents(above, 0755), ==, 0);
    g_assert_true(!text || g_file_set_contents(full, text, -1, NULL));
}

static void put(const Scene *scene, const char *path, const char *text)
{
    put_in(scene->place->root, path, text);
}

/* "PATH=TEXT" or "DIRECTORY/", blank-separated. */
static void release(const Scene *scene, const char *version, const char *content)
{
    g_autoptr(GError) error = NULL;
    fs_fd int fd = scene->layout->prepare(&scene->context, version, &error);
    g_assert_no_error(error);
    g_assert_cmpint(fd, >=, 0);
    g_autofree char *tree = place_release(scene->place, version, ".partial");
    g_auto(GStrv) entries = g_strsplit(content, " ", -1);
    for (char **entry = entries; *entry; entry++) {
        char *text = strchr(*entry, '=');
        if (text)
            *text++ = '\0';
        put_in(tree, *entry, text);
    }
    g_autofree char *digest = NULL;
    if (!scene->layout->furnish(&scene->context, &scene->manifest, version, &error) ||
        !scene->layout->seal(&scene->context, version, &digest, &error))
        g_assert_no_error(error);
    scene->layout->promote(&scene->context, version, &error);
    g_assert_no_error(error);
}

static void arrange(Scene *scene, const char *from, const char *to, gboolean take_release)
{
    g_autoptr(GError) error = NULL;
    const LayoutChange change = {.from = from, .to = to, .manifest = &scene->manifest, .take_release = take_release};
    layout_report_clear(&scene->report);
    layout_report_init(&scene->report, FALSE);
    scene->layout->arrange(&scene->context, &change, &scene->report, &error);
    g_assert_no_error(error);
}

static void activate(const Scene *scene, const char *version)
{
    g_autoptr(GError) error = NULL;
    scene->layout->activate(&scene->context, version, &error);
    g_assert_no_error(error);
}

static void revert(const Scene *scene, const char *version)
{
    g_autoptr(GError) error = NULL;
    scene->layout->revert(&scene->context, version, &error);
    g_assert_no_error(error);
}

static void settle(const Scene *scene)
{
    g_autoptr(GError) error = NULL;
    scene->layout->prepare_revert(&scene->context, NULL, &error);
    g_assert_no_error(error);
}

static void go(Scene *scene, const char *from, const char *to)
{
    arrange(scene, from, to, FALSE);
    g_assert_cmpuint(scene->report.conflicts->len, ==, 0);
    activate(scene, to);
    settle(scene);
}

static gboolean see(int parent, const char *name, const char *path, const struct stat *st, gpointer data,
                    GError **error)
{
    if (g_str_has_prefix(path, ".liftlock"))
        return TRUE;
    g_autofree char *text = S_ISREG(st->st_mode) ? fs_read(parent, name, 1000, NULL, error) : NULL;
    g_string_append_printf(data, "%s%s%s", ((GString *)data)->len ? " " : "", path, text ? "=" : "/");
    if (text)
        g_string_append(data, text);
    return TRUE;
}

/* All that lies in the root, as `release` takes it, in the order of a walk. */
static void assert_lies(const Scene *scene, const char *expected)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) content = g_string_new(NULL);
    fs_fd int root = fs_open_dir(scene->place->root, &error);
    fs_walk(root, ".", see, content, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(content->str, ==, expected);
}

static void assert_conflict(const Scene *scene, const char *text, const char *hint)
{
    g_assert_cmpuint(scene->report.conflicts->len, ==, 1);
    const LayoutConflict *conflict = scene->report.conflicts->pdata[0];
    g_assert_cmpstr(conflict->text, ==, text);
    g_assert_cmpstr(conflict->hint, ==, hint);
}

/* --- tests --- */

#define DIRECTORY "a=1 thing/ thing/deep/ thing/deep/x=x thing/y=y z=1"
#define FILE_ "a=1 thing=file z=2"

static void there_and_back(Scene *scene, gconstpointer unused)
{
    release(scene, "1", "a=1 thing/deep/x=x thing/y=y z=1");
    release(scene, "2", "a=1 thing=file z=2");
    go(scene, NULL, "1");
    assert_lies(scene, DIRECTORY);
    arrange(scene, "1", "2", FALSE);
    g_assert_cmpuint(scene->report.conflicts->len, ==, 0);
    activate(scene, "2");
    assert_lies(scene, FILE_);
    revert(scene, "1");
    assert_lies(scene, DIRECTORY);
    revert(scene, "1"); /* a recovery may have done it before */
    assert_lies(scene, DIRECTORY);
    settle(scene);
    go(scene, "1", "2");
    arrange(scene, "2", "1", FALSE); /* and a file becomes a directory */
    g_assert_cmpuint(scene->report.conflicts->len, ==, 0);
    activate(scene, "1");
    activate(scene, "1");
    assert_lies(scene, DIRECTORY);
    revert(scene, "2");
    assert_lies(scene, FILE_);
    settle(scene);
    go(scene, "2", "1");
    assert_lies(scene, DIRECTORY);
}

static void users_files(Scene *scene, gconstpointer unused)
{
    release(scene, "1", "a=1 thing/x=x thing/y=y");
    release(scene, "2", "a=1 thing=file");
    go(scene, NULL, "1");
    put(scene, "thing/y", "mine");
    arrange(scene, "1", "2", FALSE);
    assert_conflict(scene, "thing becomes a file, but in it is thing/y, which is not the release's", LAYOUT_STUCK_HINT);
    put(scene, "thing/own/z", "mine too");
    arrange(scene, "1", "2", TRUE);
    assert_conflict(scene, "thing becomes a file, but in it are thing/own and 2 more that are not the release's",
                    LAYOUT_STUCK_HINT);
    assert_lies(scene, "a=1 thing/ thing/own/ thing/own/z=mine too thing/x=x thing/y=mine");
}

/* Between the look and the switch somebody put a file there: nothing of it may end in a bay. */
static void arrives_late(Scene *scene, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    release(scene, "1", "a=1 thing/x=x");
    release(scene, "2", "a=2 thing=file");
    go(scene, NULL, "1");
    arrange(scene, "1", "2", FALSE);
    put(scene, "thing/late", "mine");
    g_assert_false(scene->layout->activate(&scene->context, "2", &error));
    g_assert_error(error, FAULT, FAULT_BUSY);
    g_assert_cmpstr(error->message, ==,
                    "thing was changed after the update had looked at it\ntry again when nobody edits the app's files");
    revert(scene, "1");
    assert_lies(scene, "a=1 thing/ thing/late=mine thing/x=x");
}

static void edited_file(Scene *scene, gconstpointer unused)
{
    release(scene, "1", "a=1 thing=file");
    release(scene, "2", "a=1 thing/x=x");
    go(scene, NULL, "1");
    put(scene, "thing", "mine");
    arrange(scene, "1", "2", FALSE);
    assert_conflict(scene, "thing was edited here and becomes a directory in the release", LAYOUT_CONFLICT_HINT);
    arrange(scene, "1", "2", TRUE);
    g_assert_cmpuint(scene->report.conflicts->len, ==, 0);
    activate(scene, "2");
    assert_lies(scene, "a=1 thing/ thing/x=x thing.before-2=mine");
    revert(scene, "1");
    assert_lies(scene, "a=1 thing=mine");
}

static void in_other_folders(Scene *scene, gconstpointer unused)
{
    g_autofree char *site = g_build_filename(scene->directory, "srv/site", NULL);
    g_assert_cmpint(g_mkdir_with_parents(site, 0755), ==, 0);
    place_send_away(scene->place, scene->host, "www", "/srv/site");
    release(scene, "1", "a=1 www/thing/x=x");
    release(scene, "2", "a=1 www/thing=file");
    release(scene, "3", "a=1 www=file");
    go(scene, NULL, "1");
    assert_lies(scene, "a=1");
    go(scene, "1", "2");
    g_autofree char *thing = g_build_filename(site, "thing", NULL), *text = NULL;
    g_assert_true(g_file_get_contents(thing, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, "file");
    arrange(scene, "2", "3", FALSE);
    assert_conflict(scene, "www has a destination of its own here, but is no directory in the release",
                    LAYOUT_STUCK_HINT);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(Scene *, gconstpointer);
    } tests[] = {
        {"/files/a directory becomes a file, and back", there_and_back},
        {"/files/a directory with a user's file does not", users_files},
        {"/files/nor one into which a file came at the last moment", arrives_late},
        {"/files/a file that was edited becomes a directory only if somebody says so", edited_file},
        {"/files/a directory in a folder of its own", in_other_folders},
    };
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(tests); i++)
        g_test_add(tests[i].name, Scene, NULL, scene_set, tests[i].run, scene_clear);
    return g_test_run();
}
