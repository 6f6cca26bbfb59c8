/* SPDX-License-Identifier: Apache-2.0 */
/* The journal keeps what it was told, tells what it holds, and comes back from the jobs' logs when its file is damaged.
 */
#include "base/fault.h"
#include "engine/joblog.h"
#include "engine/journal.h"
#include "engine/journal_db.h"
#include "engine/rebuild.h"

#include <glib/gstdio.h>
#include <string.h>

typedef struct Fixture {
    char *root;
    HostPlace *host;
    Journal *journal;
} Fixture;

static void set_up(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    f->root = g_dir_make_tmp("journal-XXXXXX", NULL);
    f->host = host_place_new(f->root);
    f->journal = journal_open(f->host, FALSE, &error);
    g_assert_no_error(error);
}

static void tear_down(Fixture *f, gconstpointer data)
{
    journal_close(f->journal);
    host_place_free(f->host);
    g_autofree char *line = g_strdup_printf("rm -rf '%s'", f->root);
    g_assert_cmpint(system(line), ==, 0);
    g_free(f->root);
}

static Plan *update_plan(void)
{
    Plan *plan = plan_new(PLAN_UPDATE, "wiki");
    plan->from = g_strdup("1.0.0");
    plan->to = g_strdup("2.0.0");
    plan->to_sha256 = g_strdup("aa");
    plan->attempt = 1;
    return plan;
}

static void begin(Fixture *f, const char *id)
{
    g_autoptr(Plan) plan = update_plan();
    g_autoptr(GError) error = NULL;
    g_assert_true(journal_job_begin(f->journal, id, plan, "ann", NULL, &error));
    g_assert_no_error(error);
}

static void a_job_is_read_back_as_it_was_written(Fixture *f, gconstpointer data)
{
    begin(f, "j1");
    g_autoptr(JobRecord) job = journal_job_open_of(f->journal, "wiki", NULL);
    g_assert_nonnull(job);
    g_assert_cmpstr(job->id, ==, "j1");
    g_assert_cmpstr(job->kind, ==, "update");
    g_assert_cmpstr(job->from, ==, "1.0.0");
    g_assert_cmpstr(job->to, ==, "2.0.0");
    g_assert_cmpstr(job->requested_by, ==, "ann");
    g_assert_true(job->open);
    g_assert_null(job->verdict);
}

static void an_app_has_one_open_job(Fixture *f, gconstpointer data)
{
    begin(f, "j1");
    g_autoptr(Plan) plan = update_plan();
    g_autoptr(GError) error = NULL;
    g_assert_false(journal_job_begin(f->journal, "j2", plan, "bob", NULL, &error));
    g_clear_error(&error);
    g_assert_true(journal_job_close(f->journal, "j1", &error));
    g_assert_true(journal_job_begin(f->journal, "j2", plan, "bob", NULL, &error));
}

static void forgetting_an_app_ends_the_job_that_does_it(Fixture *f, gconstpointer data)
{
    begin(f, "j1");
    g_assert_true(journal_app_forget(f->journal, "wiki", NULL));
    g_autoptr(JobRecord) running = journal_job_open_of(f->journal, "wiki", NULL);
    g_assert_nonnull(running); /* nobody knows yet how it ended */
    g_assert_true(journal_job_verdict(f->journal, "j1", "updated", NULL, NULL, NULL));
    g_assert_true(journal_app_forget(f->journal, "wiki", NULL));
    g_assert_null(journal_job_open_of(f->journal, "wiki", NULL));
}

static void a_verdict_keeps_text_and_hint_apart(Fixture *f, gconstpointer data)
{
    begin(f, "j1");
    g_autoptr(GError) cause = NULL;
    fault_set(&cause, FAULT_PROBE, "it is ill");
    fault_hint(&cause, "see a doctor");
    g_assert_true(journal_job_verdict(f->journal, "j1", "rolled-back", "probe", cause, NULL));
    g_autoptr(JobRecord) job = journal_job(f->journal, "j1", NULL);
    g_assert_cmpstr(job->verdict, ==, "rolled-back");
    g_assert_cmpstr(job->code, ==, "probe");
    g_assert_cmpstr(job->error, ==, "it is ill");
    g_assert_cmpstr(job->hint, ==, "see a doctor");
    g_assert_cmpstr(job->failed_step, ==, "probe");
    g_assert_true(job->open); /* a verdict is not the end */
}

static void marks_and_facts_keep_their_order_and_last_value(Fixture *f, gconstpointer data)
{
    begin(f, "j1");
    g_assert_true(journal_mark(f->journal, "j1", "fetch", "begun", 0, NULL));
    g_assert_true(journal_mark(f->journal, "j1", "fetch", "done", 12, NULL));
    g_autoptr(GPtrArray) marks = journal_marks(f->journal, "j1", NULL);
    g_assert_cmpuint(marks->len, ==, 2);
    g_assert_cmpstr(((MarkRecord *)g_ptr_array_index(marks, 0))->mark, ==, "begun");
    g_assert_cmpint(((MarkRecord *)g_ptr_array_index(marks, 1))->duration_ms, ==, 12);
    g_assert_true(journal_fact_set(f->journal, "j1", "a", "1", NULL));
    g_assert_true(journal_fact_set(f->journal, "j1", "a", "2", NULL));
    g_autoptr(GHashTable) facts = journal_facts(f->journal, "j1", NULL);
    g_assert_cmpstr(g_hash_table_lookup(facts, "a"), ==, "2");
}

static void after_a_note_all_is_durable_again(Fixture *f, gconstpointer data)
{
    static const char *const marks[] = {"begun", "done", "undone"};
    begin(f, "j1");
    for (guint i = 0; i < G_N_ELEMENTS(marks); i++) {
        g_assert_true(journal_mark(f->journal, "j1", "fetch", marks[i], 0, NULL));
        g_assert_cmpint(database_int(f->journal->database, -1, "PRAGMA synchronous", ""), ==, 2);
    }
}

static void commit_raises_the_floor_and_never_lowers_it(Fixture *f, gconstpointer data)
{
    begin(f, "j1");
    g_autoptr(Plan) plan = update_plan();
    g_assert_true(journal_commit(f->journal, "j1", "commit", plan, "/opt/wiki", NULL));
    g_free(plan->to);
    plan->to = g_strdup("1.0.0");
    g_assert_true(journal_commit(f->journal, "j1", "commit", plan, "/opt/wiki", NULL));
    g_autoptr(AppRecord) app = journal_app(f->journal, "wiki", NULL);
    g_assert_cmpstr(app->version, ==, "1.0.0");
    g_assert_cmpstr(app->floor, ==, "2.0.0");
    g_assert_cmpstr(app->root, ==, "/opt/wiki");
}

static void the_newest_index_seen_only_rises(Fixture *f, gconstpointer data)
{
    g_assert_true(journal_index_seen(f->journal, "wiki", 5, NULL));
    g_assert_true(journal_index_seen(f->journal, "wiki", 3, NULL));
    g_autoptr(AppRecord) app = journal_app(f->journal, "wiki", NULL);
    g_assert_cmpint(app->index_seen, ==, 5);
}

static void a_rejection_names_the_digest_and_allow_clears_it(Fixture *f, gconstpointer data)
{
    gboolean had = FALSE;
    g_assert_true(journal_reject(f->journal, "wiki", "aa", "2.0.0", "probe: ill", 1795600000, NULL));
    g_autoptr(GPtrArray) rejected = journal_rejected(f->journal, "wiki", NULL);
    g_assert_cmpuint(rejected->len, ==, 1); /* by digest alone: the same version with other bytes is another release */
    const Rejection *rejection = g_ptr_array_index(rejected, 0);
    g_assert_cmpstr(rejection->release, ==, "aa");
    g_assert_cmpstr(rejection->reason, ==, "probe: ill");
    g_assert_cmpint(rejection->at_s, ==, 1795600000);
    g_assert_true(journal_allow(f->journal, "wiki", "2.0.0", &had, NULL));
    g_assert_true(had);
    g_autoptr(GPtrArray) none = journal_rejected(f->journal, "wiki", NULL);
    g_assert_cmpuint(none->len, ==, 0);
    g_assert_true(journal_allow(f->journal, "wiki", "2.0.0", &had, NULL));
    g_assert_false(had);
}

static void attempts_are_counted_by_digest(Fixture *f, gconstpointer data)
{
    g_assert_cmpint(journal_attempts(f->journal, "wiki", "aa"), ==, 0);
    g_assert_true(journal_attempt_count(f->journal, "wiki", "aa", NULL));
    g_assert_true(journal_attempt_count(f->journal, "wiki", "aa", NULL));
    g_assert_cmpint(journal_attempts(f->journal, "wiki", "aa"), ==, 2);
    g_assert_cmpint(journal_attempts(f->journal, "wiki", "bb"), ==, 0);
}

static void a_thing_belongs_to_one_app(Fixture *f, gconstpointer data)
{
    g_autoptr(GPtrArray) kinds = g_ptr_array_new();
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    g_ptr_array_add(kinds, (gpointer) "unit");
    g_ptr_array_add(names, (gpointer) "wiki.service");
    g_assert_true(journal_own(f->journal, "wiki", kinds, names, NULL));
    g_assert_true(journal_own(f->journal, "other", kinds, names, NULL));
    g_autofree char *owner = journal_owner(f->journal, "unit", "wiki.service");
    g_assert_cmpstr(owner, ==, "wiki");
}

/* What a crash leaves of a job before the journal knows of it. */
static void write_unfinished_job(Fixture *f, const char *id)
{
    g_autofree char *directory = g_build_filename(f->host->var, "wiki", "jobs", id, NULL);
    g_assert_cmpint(g_mkdir_with_parents(directory, 0755), ==, 0);
    g_autoptr(JobLog) log = job_log_open(directory, NULL);
    g_autoptr(Plan) plan = update_plan();
    Node *fields = node_new_map();
    node_set(fields, "plan", plan_to_node(plan));
    job_log_write(log, "plan", fields, TRUE);
}

static void a_damaged_file_is_named_and_made_anew_from_the_logs(Fixture *f, gconstpointer data)
{
    write_unfinished_job(f, "20251231-235959-0001");
    /* a job as worker.c and transaction.c write it */
    g_autofree char *directory = g_build_filename(f->host->var, "wiki", "jobs", "20260101-000000-0001", NULL);
    g_assert_cmpint(g_mkdir_with_parents(directory, 0755), ==, 0);
    g_autoptr(GError) error = NULL;
    JobLog *log = job_log_open(directory, &error);
    g_assert_no_error(error);
    g_autoptr(Plan) plan = update_plan();
    Node *fields = node_new_map();
    node_set(fields, "plan", plan_to_node(plan));
    node_set_int(fields, "index_seen", 7);
    job_log_write(log, "plan", fields, TRUE);
    fields = node_new_map();
    node_set_text(fields, "step", "commit");
    node_set_text(fields, "mark", "done");
    job_log_write(log, "step", fields, FALSE);
    fields = node_new_map();
    node_set_text(fields, "verdict", "updated");
    job_log_write(log, "verdict", fields, TRUE);
    job_log_write(log, "closed", NULL, TRUE);
    job_log_close(log);

    g_clear_pointer(&f->journal, journal_close);
    g_assert_true(g_file_set_contents(f->host->state_db, "this is no database at all, and never was one", -1, NULL));
    g_assert_null(journal_open(f->host, FALSE, &error));
    g_assert_error(error, FAULT, FAULT_STATE);
    g_clear_error(&error);

    g_autofree char *kept = NULL;
    g_assert_true(journal_rebuild(f->host, &kept, &error));
    g_assert_no_error(error);
    g_assert_true(g_file_test(kept, G_FILE_TEST_EXISTS));
    f->journal = journal_open(f->host, FALSE, &error);
    g_assert_no_error(error);
    g_autoptr(JobRecord) job = journal_job(f->journal, "20260101-000000-0001", NULL);
    g_assert_cmpstr(job->verdict, ==, "updated");
    g_assert_false(job->open);
    g_assert_null(journal_job_open_of(f->journal, "wiki", NULL));
    g_autoptr(AppRecord) app = journal_app(f->journal, "wiki", NULL);
    g_assert_cmpstr(app->version, ==, "2.0.0");
    g_assert_cmpint(app->index_seen, ==, 7);
}

static void write_ended_job(Fixture *f, const char *id, const char *to, const char *after)
{
    g_autofree char *directory = g_build_filename(f->host->var, "wiki", "jobs", id, NULL);
    g_assert_cmpint(g_mkdir_with_parents(directory, 0755), ==, 0);
    g_autoptr(JobLog) log = job_log_open(directory, NULL);
    g_autoptr(Plan) plan = update_plan();
    g_free(plan->to);
    plan->to = g_strdup(to);
    Node *fields = node_new_map();
    node_set(fields, "plan", plan_to_node(plan));
    if (after)
        node_set_text(fields, "after", after);
    job_log_write(log, "plan", fields, TRUE);
    fields = node_new_map();
    node_set_text(fields, "verdict", "updated");
    job_log_write(log, "verdict", fields, TRUE);
    job_log_write(log, "closed", NULL, TRUE);
}

static void jobs_of_one_second_keep_their_order(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    write_ended_job(f, "20260101-000000-eeee", "2.0.0", NULL);
    write_ended_job(f, "20260101-000000-bbbb", "2.1.0", "20260101-000000-eeee");
    write_ended_job(f, "20260101-000000-aaaa", "2.2.0", "20260101-000000-bbbb");
    write_ended_job(f, "20260101-000000-cccc", "2.3.0", "20260101-000000-aaaa");
    g_clear_pointer(&f->journal, journal_close);
    g_autofree char *kept = NULL;
    g_assert_true(journal_rebuild(f->host, &kept, &error));
    g_assert_no_error(error);
    f->journal = journal_open(f->host, FALSE, &error);
    g_autoptr(GPtrArray) jobs = journal_jobs(f->journal, "wiki", 10, NULL);
    static const char *const newest_first[] = {"cccc", "aaaa", "bbbb", "eeee"};
    g_assert_cmpint((int)jobs->len, ==, G_N_ELEMENTS(newest_first));
    for (guint i = 0; i < jobs->len; i++)
        g_assert_true(g_str_has_suffix(((const JobRecord *)g_ptr_array_index(jobs, i))->id, newest_first[i]));
    g_autoptr(AppRecord) app = journal_app(f->journal, "wiki", NULL);
    g_assert_cmpstr(app->version, ==, "2.3.0");
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(Fixture *f, gconstpointer data);
    } tests[] = {
        {"/journal/a job is read back as it was written", a_job_is_read_back_as_it_was_written},
        {"/journal/an app has one open job", an_app_has_one_open_job},
        {"/journal/forgetting an app ends the job that does it", forgetting_an_app_ends_the_job_that_does_it},
        {"/journal/a verdict keeps text and hint apart", a_verdict_keeps_text_and_hint_apart},
        {"/journal/marks and facts keep their order and last value", marks_and_facts_keep_their_order_and_last_value},
        {"/journal/after a note all is durable again", after_a_note_all_is_durable_again},
        {"/journal/commit raises the floor and never lowers it", commit_raises_the_floor_and_never_lowers_it},
        {"/journal/the newest index seen only rises", the_newest_index_seen_only_rises},
        {"/journal/a rejection names the digest, and allow clears it",
         a_rejection_names_the_digest_and_allow_clears_it},
        {"/journal/attempts are counted by digest", attempts_are_counted_by_digest},
        {"/journal/a thing belongs to one app", a_thing_belongs_to_one_app},
        {"/journal/a damaged file is named and made anew from the logs",
         a_damaged_file_is_named_and_made_anew_from_the_logs},
        {"/journal/jobs of one second keep their order", jobs_of_one_second_keep_their_order},
    };
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(tests); i++)
        g_test_add(tests[i].name, Fixture, NULL, set_up, tests[i].run, tear_down);
    return g_test_run();
}
