/* SPDX-License-Identifier: Apache-2.0 */
/* What a crash interrupted is tried again by itself: when, and when not any more. */
#include "engine/retry.h"

#include "base/clock.h"
#include "base/fault.h"
#include "engine/journal_db.h"

#include <string.h>

typedef struct Fixture {
    char *root;
    HostPlace *host;
    Journal *journal;
    gint64 now_s;
    guint jobs;
} Fixture;

static void set_up(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    f->root = g_dir_make_tmp("retry-XXXXXX", NULL);
    f->host = host_place_new(f->root);
    f->journal = journal_open(f->host, FALSE, &error);
    g_assert_no_error(error);
    f->now_s = clock_now_s();
}

static void tear_down(Fixture *f, gconstpointer data)
{
    journal_close(f->journal);
    host_place_free(f->host);
    g_autofree char *line = g_strdup_printf("rm -rf '%s'", f->root);
    g_assert_cmpint(system(line), ==, 0);
    g_free(f->root);
}

/* A job that ended so many seconds ago with this fault; a negative code: well. */
static void job_ended(Fixture *f, PlanKind kind, const char *to, int code, gint64 ago_s)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Plan) plan = plan_new(kind, "wiki");
    plan->from = g_strdup("1.0.0");
    plan->to = g_strdup(to);
    g_autofree char *id = g_strdup_printf("j%u", f->jobs++);
    g_autoptr(GError) cause = code < 0 ? NULL : g_error_new_literal(FAULT, code, "so it ended");
    g_assert_true(journal_job_begin(f->journal, id, plan, "ann", NULL, &error));
    g_assert_true(journal_job_verdict(f->journal, id, cause ? "rolled-back" : "updated", NULL, cause, &error));
    g_assert_true(journal_job_close(f->journal, id, &error));
    g_assert_true(database_run(f->journal->database, &error, NULL, NULL, "UPDATE job SET ended_s = ? WHERE id = ?",
                               "is", f->now_s - ago_s, id));
    g_assert_no_error(error);
}

static void interrupted(Fixture *f, gint64 ago_s)
{
    job_ended(f, PLAN_UPDATE, "2.0.0", FAULT_INTERRUPTED, ago_s);
}

static void expect_retry(Fixture *f, gint64 times, gint64 in_s)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Retry) retry = retry_wanted(f->journal, "wiki", f->now_s, &error);
    g_assert_no_error(error);
    g_assert_nonnull(retry);
    g_assert_cmpstr(retry->to, ==, "2.0.0");
    g_assert_cmpint(retry->interrupted, ==, times);
    g_assert_cmpint(retry->due_s - f->now_s, ==, in_s);
}

static void expect_none(Fixture *f)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Retry) retry = retry_wanted(f->journal, "wiki", f->now_s, &error);
    g_assert_no_error(error);
    g_assert_null(retry);
}

static void what_was_not_interrupted_is_not_tried_again(Fixture *f, gconstpointer data)
{
    expect_none(f);
    job_ended(f, PLAN_UPDATE, "2.0.0", -1, 10);
    expect_none(f);
    job_ended(f, PLAN_UPDATE, "2.0.0", FAULT_MIGRATE, 10);
    expect_none(f);
    job_ended(f, PLAN_RESTART, NULL, FAULT_INTERRUPTED, 10);
    expect_none(f);
}

static void each_crash_makes_the_pause_longer(Fixture *f, gconstpointer data)
{
    interrupted(f, 4000);
    expect_retry(f, 1, -4000);
    interrupted(f, 30);
    expect_retry(f, 2, 270);
    interrupted(f, 20);
    expect_retry(f, 3, 580);
    for (int i = 0; i < 60; i++)
        interrupted(f, 0);
    expect_retry(f, 63, 3600);
}

static void a_clock_that_was_set_back_keeps_nobody_waiting(Fixture *f, gconstpointer data)
{
    interrupted(f, -500000);
    interrupted(f, -500000);
    expect_retry(f, 2, 300);
}

static void another_change_of_the_app_ends_it(Fixture *f, gconstpointer data)
{
    interrupted(f, 10);
    interrupted(f, 10);
    job_ended(f, PLAN_ROLLBACK, "1.0.0", -1, 5);
    expect_none(f);
    interrupted(f, 0);
    expect_retry(f, 1, 0);
    job_ended(f, PLAN_UPDATE, "3.0.0", FAULT_NETWORK, 0);
    expect_none(f);
}

static void what_passes_by_itself_and_backups_leave_it_as_it_is(Fixture *f, gconstpointer data)
{
    interrupted(f, 100);
    interrupted(f, 100);
    job_ended(f, PLAN_BACKUP, NULL, -1, 50);
    job_ended(f, PLAN_UPDATE, "2.0.0", FAULT_NETWORK, 20);
    expect_retry(f, 2, 200);
}

static void a_release_that_failed_by_itself_is_no_crash(Fixture *f, gconstpointer data)
{
    interrupted(f, 100);
    job_ended(f, PLAN_UPDATE, "2.0.0", FAULT_PROBE, 20);
    expect_none(f);
}

static void nothing_begins_by_itself_after_a_day(Fixture *f, gconstpointer data)
{
    interrupted(f, 24 * 3600 - 1);
    expect_retry(f, 1, 1 - 24 * 3600);
    f->now_s++;
    expect_none(f);
}

static void an_open_job_is_for_recovery(Fixture *f, gconstpointer data)
{
    interrupted(f, 10);
    g_autoptr(Plan) plan = plan_new(PLAN_UPDATE, "wiki");
    plan->to = g_strdup("2.0.0");
    g_assert_true(journal_job_begin(f->journal, "open", plan, "ann", NULL, NULL));
    expect_none(f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    static const struct {
        const char *name;
        void (*run)(Fixture *f, gconstpointer data);
    } tests[] = {
        {"what was not interrupted is not tried again", what_was_not_interrupted_is_not_tried_again},
        {"each crash makes the pause longer", each_crash_makes_the_pause_longer},
        {"a clock that was set back keeps nobody waiting", a_clock_that_was_set_back_keeps_nobody_waiting},
        {"another change of the app ends it", another_change_of_the_app_ends_it},
        {"what passes by itself, and backups, leave it as it is", what_passes_by_itself_and_backups_leave_it_as_it_is},
        {"a release that failed by itself is no crash", a_release_that_failed_by_itself_is_no_crash},
        {"nothing begins by itself after a day", nothing_begins_by_itself_after_a_day},
        {"an open job is for recovery", an_open_job_is_for_recovery},
    };
    for (guint i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_autofree char *path = g_strdup_printf("/retry/%s", tests[i].name);
        g_test_add(path, Fixture, NULL, set_up, tests[i].run, tear_down);
    }
    return g_test_run();
}
