/* SPDX-License-Identifier: Apache-2.0 */
/* What a job stands on: its log, the lock, claims, the step table. */
#include "base/fault.h"
#include "base/fs.h"
#include "base/process.h"
#include "engine/claims.h"
#include "engine/joblog.h"
#include "engine/lock.h"
#include "engine/quiet.h"
#include "engine/steps.h"
#include "engine/worker.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct Fixture {
    char *root;
    HostPlace *host;
    Place *place;
} Fixture;

static void set_up(Fixture *f, gconstpointer data)
{
    f->root = g_dir_make_tmp("job-XXXXXX", NULL);
    f->host = host_place_new(f->root);
    f->place = place_new(f->host, "wiki", NULL);
}

static void tear_down(Fixture *f, gconstpointer data)
{
    place_free(f->place);
    host_place_free(f->host);
    g_autofree char *line = g_strdup_printf("rm -rf '%s'", f->root);
    g_assert_cmpint(system(line), ==, 0);
    g_free(f->root);
}

static void write_lines(const char *directory, guint n)
{
    g_autoptr(JobLog) log = job_log_open(directory, NULL);
    for (guint i = 0; i < n; i++)
        job_log_text(log, "note", "hello\nworld");
}

static void a_log_goes_on_where_it_ended(Fixture *f, gconstpointer data)
{
    write_lines(f->root, 2);
    write_lines(f->root, 1);
    guint64 offset = 0;
    g_autoptr(GPtrArray) lines = job_log_read(f->root, &offset, NULL);
    g_assert_cmpuint(lines->len, ==, 3);
    g_assert_cmpint(node_get_int(g_ptr_array_index(lines, 2), "seq", 0), ==, 3);
    g_autoptr(GPtrArray) more = job_log_read(f->root, &offset, NULL);
    g_assert_cmpuint(more->len, ==, 0);
}

static void a_torn_line_is_dropped_and_written_over(Fixture *f, gconstpointer data)
{
    write_lines(f->root, 2);
    g_autofree char *path = g_build_filename(f->root, "log", NULL);
    int fd = open(path, O_WRONLY | O_APPEND);
    g_assert_cmpint(write(fd, "{\"seq\":3,\"at", 12), ==, 12);
    close(fd);
    write_lines(f->root, 1);
    guint64 offset = 0;
    g_autoptr(GPtrArray) lines = job_log_read(f->root, &offset, NULL);
    g_assert_cmpuint(lines->len, ==, 3);
}

static void an_edited_line_ends_what_is_believed(Fixture *f, gconstpointer data)
{
    write_lines(f->root, 3);
    g_autofree char *path = g_build_filename(f->root, "log", NULL);
    g_autofree char *bytes = NULL;
    gsize size;
    g_assert_true(g_file_get_contents(path, &bytes, &size, NULL));
    char *second = strchr(bytes, '\n') + 1;
    *strstr(second, "hello") = 'H';
    g_assert_true(g_file_set_contents(path, bytes, (gssize)size, NULL));
    guint64 offset = 0;
    g_autoptr(GPtrArray) lines = job_log_read(f->root, &offset, NULL);
    g_assert_cmpuint(lines->len, ==, 1);
}

static void a_follower_goes_on_where_it_was(Fixture *f, gconstpointer data)
{
    guint64 offset = 0;
    write_lines(f->root, 2);
    g_ptr_array_unref(job_log_read(f->root, &offset, NULL));
    write_lines(f->root, 2);
    g_autoptr(GPtrArray) more = job_log_read(f->root, &offset, NULL);
    g_assert_cmpuint(more->len, ==, 2);
    g_assert_cmpint(node_get_int(g_ptr_array_index(more, 0), "seq", 0), ==, 3);
}

static void a_flood_of_output_ends_and_steps_are_still_written(Fixture *f, gconstpointer data)
{
    g_autofree char *line = g_strnfill(4000, 'y');
    g_autoptr(JobLog) log = job_log_open(f->root, NULL);
    for (guint i = 0; i < 2000; i++)
        job_log_output(log, line);
    job_log_text(log, "step", "failed");
    guint64 offset = 0;
    g_autoptr(GPtrArray) lines = job_log_read(f->root, &offset, NULL);
    g_assert_cmpuint(offset, <, 4 * 1024 * 1024 + 8192);
    const Node *last = g_ptr_array_index(lines, lines->len - 1), *note = g_ptr_array_index(lines, lines->len - 2);
    g_assert_cmpstr(node_get_text(last, "type", ""), ==, "step");
    g_assert_cmpstr(node_get_text(note, "text", ""), ==,
                    "further output is not kept: this job has written more than 4 MiB of it");
}

static void a_second_taker_is_told_who_holds_the_lock(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    int fd = lock_take(f->place, "j1", "update to 2.0.0", "ann", &error);
    g_assert_no_error(error);
    g_assert_cmpint(lock_take(f->place, "j2", "restart", "bob", &error), ==, -1);
    g_assert_error(error, FAULT, FAULT_BUSY);
    g_autofree char *pattern =
        g_strdup_printf("wiki: update to 2.0.0 is at work since *:*:* (job j1, process %d, started by ann)\n"
                        "watch it with 'liftlock logs wiki -f'",
                        getpid());
    g_assert_true(g_pattern_match_simple(pattern, error->message));
    g_autoptr(LockHolder) holder = lock_holder(f->place);
    g_assert_true(holder->alive);
    g_assert_cmpstr(holder->job, ==, "j1");
    close(fd);
    g_assert_null(lock_holder(f->place));
}

/* Takes and lets go of locks until killed: /proc/locks is never the same twice. */
static void churn_locks(const char *root)
{
    enum { N_FILES = 400 };
    int fds[N_FILES];
    for (guint i = 0; i < N_FILES; i++) {
        g_autofree char *path = g_strdup_printf("%s/churn%u", root, i);
        fds[i] = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    }
    for (guint i = 0;; i++)
        flock(fds[(i * 7919) % N_FILES], i / 3 % 2 ? LOCK_EX : LOCK_UN);
}

static void a_live_holder_is_not_overlooked(Fixture *f, gconstpointer data)
{
    int fd = lock_take(f->place, "j1", "update", "ann", NULL);
    g_assert_cmpint(fd, >=, 0);
    pid_t pid = fork();
    if (pid == 0)
        churn_locks(f->root);
    guint overlooked = 0;
    for (guint i = 0; i < 4000; i++) {
        g_autoptr(LockHolder) holder = lock_holder(f->place);
        overlooked += !holder;
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    close(fd);
    g_assert_cmpuint(overlooked, ==, 0);
}

/* A worker that dies while `work` goes on in a child that inherited the descriptor of the work. */
static pid_t leave_at_work(HostPlace *host, const char *work)
{
    g_autofree char *line = NULL;
    int tell[2];
    g_assert_cmpint(pipe(tell), ==, 0);
    pid_t holder = fork();
    if (holder == 0) {
        g_autoptr(Place) place = place_new(host, "wiki", NULL);
        const int keep[] = {lock_take(place, "j1", "update", "ann", NULL) < 0 ? -1 : lock_work(place, 0, NULL)};
        line = g_strdup_printf("fd=%d\n%s", keep[0], work);
        ProcessSpec spec = {.shell = line, .keep_fds = keep, .n_keep_fds = 1};
        pid_t child = keep[0] < 0 ? -1 : process_start(&spec, TRUE, -1, NULL);
        _exit(write(tell[1], &child, sizeof child) == sizeof child ? 0 : 1);
    }
    pid_t child = -1;
    g_assert_cmpint(read(tell[0], &child, sizeof child), ==, sizeof child);
    waitpid(holder, NULL, 0);
    close(tell[0]);
    close(tell[1]);
    g_assert_cmpint(child, >, 0);
    g_autofree char *comm = g_strdup_printf("/proc/%d/comm", (int)child);
    for (guint i = 0; i < 500; i++, g_usleep(10000)) {
        g_autofree char *name = NULL;
        if (g_file_get_contents(comm, &name, NULL, NULL) && strcmp(name, "sleep\n") == 0)
            break;
    }
    return child;
}

static void work_outlives_the_holder_and_keeps_the_next_one_waiting(Fixture *f, gconstpointer data)
{
    pid_t child = leave_at_work(f->host, "exec sleep 60");
    g_autoptr(GError) error = NULL;
    fs_fd int fd = lock_take(f->place, "j2", "recover", "bob", &error); /* the lock itself was the dead one's alone */
    g_assert_no_error(error);
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(lock_work(f->place, 50, &error), ==, -1);
    g_assert_error(error, FAULT, FAULT_BUSY);
    g_autofree char *text = g_strdup_printf("wiki: process %d (sleep) still does the work of an earlier job\n"
                                            "'ps -fp %d' shows what it is; end it",
                                            (int)child, (int)child);
    g_assert_cmpstr(error->message, ==, text);
    kill(child, SIGKILL);
    fs_fd int work = lock_work(f->place, 5000, NULL);
    g_assert_cmpint(work, >=, 0);
}

static void recovery_ends_whoever_has_the_work_open(Fixture *f, gconstpointer data)
{
    /* Without the job's mark, in a session of its own, its share of the lock let go. */
    pid_t child = leave_at_work(f->host, "flock -u $fd; exec env -i sleep 60");
    guint64 start = process_start_time(child);
    g_assert_cmpuint(start, >, 0);
    f->place->uid = getuid();
    f->place->user = g_strdup("somebody");
    g_autoptr(GError) error = NULL;
    g_assert_true(quiet_job(f->place, "j1", &error));
    g_assert_no_error(error);
    g_assert_cmpuint(process_start_time(child), !=, start);
}

static void a_child_reaches_neither_the_lock_nor_its_text(Fixture *f, gconstpointer data)
{
    fs_fd int fd = lock_take(f->place, "j1", "update", "ann", NULL);
    fs_fd int work = lock_work(f->place, 0, NULL);
    g_assert_cmpint(fcntl(fd, F_GETFD) & FD_CLOEXEC, !=, 0);
    g_assert_cmpint(fcntl(work, F_GETFL) & O_ACCMODE, ==, O_RDONLY);
    g_autofree char *line =
        g_strdup_printf("for at in /proc/self/fd/*; do case $(readlink $at) in *.lock) exit 9; esac; "
                        "done; echo forged >&%d; flock -u %d; true",
                        work, work);
    ProcessOutcome outcome = {0};
    ProcessSpec spec = {.shell = line, .keep_fds = &work, .n_keep_fds = 1};
    g_assert_true(process_run(&spec, &outcome, NULL));
    g_assert_cmpint(outcome.status, ==, 0);
    g_autoptr(LockHolder) holder = lock_holder(f->place);
    g_assert_cmpstr(holder->job, ==, "j1");
    g_assert_cmpint(lock_take(f->place, "j2", "restart", "bob", NULL), ==, -1);
    struct stat st;
    g_assert_cmpint(fstat(work, &st), ==, 0);
    g_assert_cmpint(st.st_size, ==, 0);
}

static void a_job_at_its_end_is_not_run_again(Fixture *f, gconstpointer data)
{
    g_autoptr(Journal) journal = journal_open(f->host, FALSE, NULL);
    g_autoptr(Plan) plan = plan_new(PLAN_RESTART, "wiki");
    g_assert_true(journal_job_begin(journal, "j1", plan, "ann", NULL, NULL));
    g_assert_true(journal_job_verdict(journal, "j1", "rolled-back", "stop", NULL, NULL));
    g_assert_true(journal_job_close(journal, "j1", NULL));
    g_setenv("LIFTLOCK_ROOT", f->root, TRUE);
    static const char *const modes[] = {"run", "recover"};
    for (guint i = 0; i < G_N_ELEMENTS(modes); i++) {
        g_auto(GStrv) argv = g_strsplit("job wiki j1", " ", -1);
        char *all[] = {argv[0], argv[1], argv[2], (char *)modes[i], NULL};
        g_assert_cmpint(worker_main(4, all), ==, 3);
    }
    g_autoptr(JobRecord) job = journal_job(journal, "j1", NULL);
    g_assert_cmpstr(job->verdict, ==, "rolled-back"); /* as it was */
    g_assert_cmpstr(job->failed_step, ==, "stop");
}

static void the_fence_stands_while_any_claim_does(Fixture *f, gconstpointer data)
{
    g_autofree char *shared = g_build_filename(f->place->root, "shared", NULL);
    g_autofree char *file = g_build_filename(shared, "maintenance", NULL);
    g_assert_cmpint(g_mkdir_with_parents(shared, 0755), ==, 0);
    g_assert_true(claim_set(f->place, CLAIM_FENCE, "operator", "moving house", 0, NULL));
    g_assert_true(claim_set(f->place, CLAIM_FENCE, "job-1", "updating", 0, NULL));
    g_assert_true(claim_set(f->place, CLAIM_FENCE, "job-1", "updating", 0, NULL)); /* again is good */
    g_assert_true(fence_file_update(f->place, "shared/maintenance", NULL));
    g_assert_true(g_file_test(file, G_FILE_TEST_EXISTS));
    g_assert_true(claim_lift(f->place, CLAIM_FENCE, "job-1", NULL));
    g_assert_true(fence_file_update(f->place, "shared/maintenance", NULL));
    g_assert_true(g_file_test(file, G_FILE_TEST_EXISTS)); /* the operator's stands */
    g_autoptr(GPtrArray) standing = claims(f->place, CLAIM_FENCE);
    g_assert_cmpuint(standing->len, ==, 1);
    g_assert_cmpstr(((Claim *)g_ptr_array_index(standing, 0))->reason, ==, "moving house");
    g_assert_true(claim_lift(f->place, CLAIM_FENCE, "operator", NULL));
    g_assert_true(claim_lift(f->place, CLAIM_FENCE, "operator", NULL)); /* absent is good */
    g_assert_true(fence_file_update(f->place, "shared/maintenance", NULL));
    g_assert_false(g_file_test(file, G_FILE_TEST_EXISTS));
}

static void a_fence_file_whose_directory_is_gone_is_gone(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(g_mkdir_with_parents(f->place->root, 0755), ==, 0);
    g_assert_true(fence_file_update(f->place, "shared/maintenance", &error));
    g_assert_no_error(error);
    g_assert_true(claim_set(f->place, CLAIM_FENCE, "job-1", "updating", 0, NULL));
    g_assert_false(fence_file_update(f->place, "shared/maintenance", &error)); /* but it cannot be put up */
    g_assert_nonnull(error);
}

static void a_planted_maintenance_link_is_replaced_not_followed(Fixture *f, gconstpointer data)
{
    g_autofree char *shared = g_build_filename(f->place->root, "shared", NULL);
    g_autofree char *file = g_build_filename(shared, "maintenance", NULL);
    g_autofree char *victim = g_build_filename(f->root, "victim", NULL);
    g_assert_cmpint(g_mkdir_with_parents(shared, 0755), ==, 0);
    g_assert_true(g_file_set_contents(victim, "mine", -1, NULL));
    g_assert_cmpint(symlink(victim, file), ==, 0);
    g_assert_true(claim_set(f->place, CLAIM_FENCE, "job-1", "updating", 0, NULL));
    g_assert_true(fence_file_update(f->place, "shared/maintenance", NULL));
    g_autofree char *content = NULL;
    g_assert_true(g_file_get_contents(victim, &content, NULL, NULL));
    g_assert_cmpstr(content, ==, "mine");
    g_assert_false(g_file_test(file, G_FILE_TEST_IS_SYMLINK));
}

static void the_table_says_what_each_kind_of_plan_does(Fixture *f, gconstpointer data)
{
    static const char *const expected[PLAN_N_KINDS] = {
        [PLAN_INSTALL] =
            "fetch stage seal trial dump ready fence stop copy migrate activate start probe commit open observe settle",
        [PLAN_UPDATE] = ("fetch stage seal trial dump rehearse ready fence stop copy migrate activate start probe "
                         "commit open observe settle"),
        [PLAN_ROLLBACK] = "dump ready fence stop copy migrate activate start probe commit open observe settle",
        [PLAN_RETURN] = "ready fence stop copy migrate activate start probe commit open observe settle",
        [PLAN_RESTORE] = "dump ready fence stop copy migrate start probe commit open settle",
        [PLAN_RESTART] = "ready fence stop start probe commit open settle",
        [PLAN_BACKUP] = "dump settle",
        [PLAN_UNINSTALL] = "ready fence stop activate commit open settle",
    };
    for (int kind = 0; kind < PLAN_N_KINDS; kind++) {
        g_autoptr(GString) names = g_string_new(NULL);
        for (guint i = 0; i < n_steps; i++)
            if (step_is_in(&steps[i], (PlanKind)kind))
                g_string_append_printf(names, "%s%s", names->len ? " " : "", steps[i].name);
        g_assert_cmpstr(names->str, ==, expected[kind]);
    }
}

static void what_changes_before_commit_has_an_undo(Fixture *f, gconstpointer data)
{
    /* fetch and dump are kept on purpose, seal and trial change nothing that stage's undo does not drop, probe only
     * looks */
    static const char *const without[] = {"fetch", "seal", "trial", "dump", "probe", "commit", NULL};
    for (guint i = 0; i <= step_index(step_find("commit")); i++)
        g_assert_true((steps[i].undo != NULL) != g_strv_contains(without, steps[i].name));
    for (guint i = step_index(step_find("commit")) + 1; i < n_steps; i++)
        g_assert_null(steps[i].undo);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(Fixture *f, gconstpointer data);
    } tests[] = {
        {"/job log/it goes on where it ended", a_log_goes_on_where_it_ended},
        {"/job log/a torn line is dropped and written over", a_torn_line_is_dropped_and_written_over},
        {"/job log/an edited line ends what is believed", an_edited_line_ends_what_is_believed},
        {"/job log/a follower goes on where it was", a_follower_goes_on_where_it_was},
        {"/job log/a flood of output ends and steps are still written",
         a_flood_of_output_ends_and_steps_are_still_written},
        {"/lock/a second taker is told who holds it", a_second_taker_is_told_who_holds_the_lock},
        {"/lock/a live holder is not overlooked", a_live_holder_is_not_overlooked},
        {"/lock/work outlives the holder and keeps the next one waiting",
         work_outlives_the_holder_and_keeps_the_next_one_waiting},
        {"/lock/recovery ends whoever has the work open", recovery_ends_whoever_has_the_work_open},
        {"/lock/a child reaches neither the lock nor its text", a_child_reaches_neither_the_lock_nor_its_text},
        {"/worker/a job at its end is not run again", a_job_at_its_end_is_not_run_again},
        {"/claims/the fence stands while any claim does", the_fence_stands_while_any_claim_does},
        {"/claims/a fence file whose directory is gone is gone", a_fence_file_whose_directory_is_gone_is_gone},
        {"/claims/a planted maintenance link is replaced, not followed",
         a_planted_maintenance_link_is_replaced_not_followed},
        {"/steps/the table says what each kind of plan does", the_table_says_what_each_kind_of_plan_does},
        {"/steps/what changes before commit has an undo", what_changes_before_commit_has_an_undo},
    };
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(tests); i++)
        g_test_add(tests[i].name, Fixture, NULL, set_up, tests[i].run, tear_down);
    return g_test_run();
}
