/* SPDX-License-Identifier: Apache-2.0 */
/* Only what is provably nobody's is removed. */
#include "base/clock.h"
#include "base/fault.h"
#include "base/fs.h"
#include "engine/catalog.h"
#include "engine/leftovers.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct Fixture {
    char *root;
    HostPlace *host;
    Place *place;
    Journal *journal;
    GPtrArray *sets;
    DataSet set;
    pid_t dead;
} Fixture;

static void set_up(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    f->root = g_dir_make_tmp("leftovers-XXXXXX", NULL);
    f->host = host_place_new(f->root);
    f->place = place_new(f->host, "wiki", NULL);
    f->journal = journal_open(f->host, FALSE, &error);
    g_assert_no_error(error);
    f->set = (DataSet){.name = (char *)"main", .path = (char *)"shared/wiki.db", .driver = (char *)"sqlite"};
    f->sets = g_ptr_array_new();
    g_ptr_array_add(f->sets, &f->set);
    const char *const paths[] = {f->place->root, f->place->shared, f->place->cache, f->place->jobs};
    for (guint i = 0; i < G_N_ELEMENTS(paths); i++)
        g_assert_true(fs_make_path(paths[i], 0755, NULL));
    g_autofree char *etc = g_path_get_dirname(f->place->config);
    g_assert_true(fs_make_path(etc, 0755, NULL));
    f->dead = fork();
    if (f->dead == 0)
        _exit(0);
    g_assert_cmpint(waitpid(f->dead, NULL, 0), ==, f->dead);
}

static void tear_down(Fixture *f, gconstpointer data)
{
    g_ptr_array_unref(f->sets);
    journal_close(f->journal);
    place_free(f->place);
    host_place_free(f->host);
    g_autofree char *line = g_strdup_printf("rm -rf '%s'", f->root);
    g_assert_cmpint(system(line), ==, 0);
    g_free(f->root);
}

static void make_older(const char *path, gint64 age_s)
{
    const struct timespec then[2] = {{.tv_sec = clock_now_s() - age_s}, {.tv_sec = clock_now_s() - age_s}};
    g_assert_cmpint(utimensat(AT_FDCWD, path, then, AT_SYMLINK_NOFOLLOW), ==, 0);
}

/* A temporary file of that process, and of that age. The caller frees the path. */
static char *temporary(const char *directory, pid_t pid, gint64 age_s)
{
    char *path = g_strdup_printf("%s/.liftlock-%d-0123456789abcdef.tmp", directory, (int)pid);
    g_assert_true(g_file_set_contents(path, "half", 4, NULL));
    make_older(path, age_s);
    return path;
}

static char *folder(const char *directory, const char *name, mode_t mode, gint64 age_s)
{
    char *path = g_build_filename(directory, name, NULL);
    g_assert_cmpint(g_mkdir(path, mode), ==, 0);
    g_autofree char *inside = g_build_filename(path, "log", NULL);
    g_assert_true(g_file_set_contents(inside, "{}", 2, NULL));
    make_older(path, age_s);
    return path;
}

static void job(Fixture *f, const char *id, const char *app, gboolean open)
{
    g_autoptr(Plan) plan = plan_new(PLAN_UPDATE, app);
    g_autoptr(GError) error = NULL;
    g_assert_true(journal_job_begin(f->journal, id, plan, "ann", NULL, &error));
    if (!open)
        g_assert_true(journal_job_close(f->journal, id, &error));
    g_assert_no_error(error);
}

static void prune(Fixture *f)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(leftovers_prune(f->journal, f->place, f->sets, "shared/maintenance", &error));
    g_assert_no_error(error);
    g_assert_true(leftovers_prune(f->journal, f->place, f->sets, NULL, &error));
    g_assert_no_error(error);
}

static void expect(const char *path, gboolean is_there)
{
    struct stat st;
    if ((lstat(path, &st) == 0) != is_there)
        g_error("%s is %s", path, is_there ? "gone" : "left");
}

static void a_temporary_file_of_a_dead_process_goes(Fixture *f, gconstpointer data)
{
    g_autofree char *etc = g_path_get_dirname(f->place->config);
    const char *const places[] = {f->place->root, f->place->shared, f->place->cache, etc};
    for (guint i = 0; i < G_N_ELEMENTS(places); i++) {
        g_autofree char *left = temporary(places[i], f->dead, 4000);
        prune(f);
        expect(left, FALSE);
    }
    g_autofree char *link = g_strdup_printf("%s/.liftlock-%d-00000000000000ff.tmp", f->place->root, (int)f->dead);
    g_assert_cmpint(symlink("releases/2.0.0", link), ==, 0);
    make_older(link, 4000);
    prune(f);
    expect(link, FALSE);
}

static void one_that_may_be_in_use_stays(Fixture *f, gconstpointer data)
{
    g_autofree char *alive = temporary(f->place->cache, getpid(), 4000);
    g_autofree char *fresh = temporary(f->place->cache, f->dead, 100);
    g_autofree char *other = g_build_filename(f->place->cache, ".liftlock-1-0123456789abcdef.tmp.txt", NULL);
    g_autofree char *short_one = g_strdup_printf("%s/.liftlock-%d-0123.tmp", f->place->cache, (int)f->dead);
    g_assert_true(g_file_set_contents(other, "", 0, NULL));
    g_assert_true(g_file_set_contents(short_one, "", 0, NULL));
    make_older(other, 4000);
    make_older(short_one, 4000);
    prune(f);
    expect(alive, TRUE);
    expect(fresh, TRUE);
    expect(other, TRUE);
    expect(short_one, TRUE);
}

static void a_folder_of_a_job_that_never_came_to_be_goes(Fixture *f, gconstpointer data)
{
    g_autofree char *left = folder(f->place->jobs, "20261101-010203-00aa", 0755, 4000);
    g_autofree char *fresh = folder(f->place->jobs, "20261101-010203-00ab", 0755, 100);
    g_autofree char *known = folder(f->place->jobs, "20261101-010203-00ac", 0755, 4000);
    g_autofree char *strange = folder(f->place->jobs, "notes", 0755, 4000);
    job(f, "20261101-010203-00ac", "wiki", FALSE);
    prune(f);
    expect(left, FALSE);
    expect(fresh, TRUE);
    expect(known, TRUE);
    expect(strange, TRUE);
}

static void what_closed_jobs_kept_beside_the_data_goes(Fixture *f, gconstpointer data)
{
    job(f, "20261101-010203-00aa", "wiki", FALSE);
    job(f, "20261101-010203-00ab", "wiki", TRUE);
    job(f, "20261101-010203-00ac", "shop", FALSE);
    g_autofree char *left = folder(f->place->shared, ".liftlock-20261101-010203-00aa", 0700, 0);
    g_autofree char *open_one = folder(f->place->shared, ".liftlock-20261101-010203-00ab", 0700, 0);
    g_autofree char *others = folder(f->place->shared, ".liftlock-20261101-010203-00ac", 0700, 0);
    g_autofree char *unknown = folder(f->place->shared, ".liftlock-20261101-010203-00ad", 0700, 0);
    prune(f);
    expect(left, FALSE);
    expect(open_one, TRUE);
    expect(others, TRUE);
    expect(unknown, TRUE);
}

static void a_folder_that_others_could_enter_is_not_ours(Fixture *f, gconstpointer data)
{
    job(f, "20261101-010203-00aa", "wiki", FALSE);
    g_autofree char *planted = folder(f->place->shared, ".liftlock-20261101-010203-00aa", 0755, 0);
    prune(f);
    expect(planted, TRUE);
}

static void the_cache_keeps_one_archive_and_no_half_ones(Fixture *f, gconstpointer data)
{
    static const char *const names[] = {"archive-aa", "archive-bb", "part-cc.etag", "index.json", "index.etag"};
    static const gboolean kept[] = {TRUE, FALSE, FALSE, TRUE, TRUE};
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_build_filename(f->place->cache, names[i], NULL);
        g_assert_true(g_file_set_contents(path, "", 0, NULL));
    }
    catalog_cache_prune(f->place, "aa");
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_build_filename(f->place->cache, names[i], NULL);
        expect(path, kept[i]);
    }
}

static void an_app_that_is_not_there_has_no_leftovers(Fixture *f, gconstpointer data)
{
    g_autofree char *line = g_strdup_printf("rm -rf '%s' '%s' '%s'", f->place->root, f->place->cache, f->place->jobs);
    g_assert_cmpint(system(line), ==, 0);
    prune(f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    static const struct {
        const char *name;
        void (*run)(Fixture *f, gconstpointer data);
    } tests[] = {
        {"a temporary file of a dead process goes", a_temporary_file_of_a_dead_process_goes},
        {"one that may be in use stays", one_that_may_be_in_use_stays},
        {"a folder of a job that never came to be goes", a_folder_of_a_job_that_never_came_to_be_goes},
        {"what closed jobs kept beside the data goes", what_closed_jobs_kept_beside_the_data_goes},
        {"a folder that others could enter is not ours", a_folder_that_others_could_enter_is_not_ours},
        {"the cache keeps one archive and no half ones", the_cache_keeps_one_archive_and_no_half_ones},
        {"an app that is not there has no leftovers", an_app_that_is_not_there_has_no_leftovers},
    };
    for (guint i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_autofree char *path = g_strdup_printf("/leftovers/%s", tests[i].name);
        g_test_add(path, Fixture, NULL, set_up, tests[i].run, tear_down);
    }
    return g_test_run();
}
