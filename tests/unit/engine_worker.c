/* SPDX-License-Identifier: Apache-2.0 */
/* Following a job: nobody is said to be dead who is only slow. */
#include "base/clock.h"
#include "base/fault.h"
#include "base/process.h"
#include "engine/worker.h"

#define SLOW_MS 3600 /* longer than a process is waited for that is not there */

typedef struct Fixture {
    char *root;
    HostPlace *host;
    Place *place;
    Journal *journal;
} Fixture;

static void set_up(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    f->root = g_dir_make_tmp("worker-XXXXXX", NULL);
    f->host = host_place_new(f->root);
    f->place = place_new(f->host, "wiki", NULL);
    f->journal = journal_open(f->host, FALSE, &error);
    g_assert_no_error(error);
}

static void tear_down(Fixture *f, gconstpointer data)
{
    journal_close(f->journal);
    place_free(f->place);
    host_place_free(f->host);
    g_autofree char *line = g_strdup_printf("rm -rf '%s'", f->root);
    g_assert_cmpint(system(line), ==, 0);
    g_free(f->root);
}

static void a_process_that_is_slow_to_take_the_lock_is_not_dead(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Plan) plan = plan_new(PLAN_UPDATE, "wiki");
    g_autofree char *id = g_strdup_printf("slow-%08x", g_random_int());
    g_assert_true(journal_job_begin(f->journal, id, plan, "ann", NULL, &error));
    g_autofree char *mark = g_strconcat("LIFTLOCK_WORKER=", id, NULL);
    const char *const argv[] = {"/bin/sleep", "3.6", NULL};
    const char *const environment[] = {mark, NULL};
    ProcessSpec spec = {.argv = argv, .environment = environment};
    gint64 begin = clock_monotonic_ms();
    g_assert_cmpint(process_start(&spec, TRUE, -1, &error), >, 0);
    g_autoptr(JobRecord) record = worker_follow(f->host, f->place, f->journal, id, NULL, NULL, &error);
    g_assert_null(record);
    g_autofree char *expected = g_strdup_printf("the process of job %s died", id);
    g_autofree char *text = fault_text(error);
    g_assert_cmpstr(text, ==, expected);
    g_assert_cmpint(clock_monotonic_ms() - begin, >=, SLOW_MS);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/worker/a process that is slow to take the lock is not dead", Fixture, NULL, set_up,
               a_process_that_is_slow_to_take_the_lock_is_not_dead, tear_down);
    return g_test_run();
}
