/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/worker.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/fs.h"
#include "base/process.h"
#include "engine/lock.h"
#include "engine/quiet.h"
#include "parts/service/transient.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* --- writing a job down ------------------------------------------------------------------------------------------ */

/* Sorts by time for people; order is by the journal's sequence. */
static char *id_new(void)
{
    time_t now = (time_t)clock_now_s();
    struct tm tm;
    char stamp[32];
    strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", gmtime_r(&now, &tm));
    return g_strdup_printf("%s-%04x", stamp, g_random_int() & 0xffff);
}

static gboolean executable_copy(const char *from_directory, int bin_fd, const char *name, GError **error)
{
    g_autofree char *own = g_build_filename(from_directory, name, NULL);
    g_autofree char *installed = g_build_filename(LIFTLOCK_LIBEXECDIR, name, NULL);
    const char *from = access(own, X_OK) == 0 ? own : installed;
    fs_fd int from_fd = open(from, O_RDONLY | O_CLOEXEC);
    if (from_fd < 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot open %s", from);
    fs_fd int to_fd = fs_open_beneath(bin_fd, name, O_WRONLY | O_CREAT | O_EXCL, 0755, error);
    return to_fd >= 0 && fs_copy_content(from_fd, to_fd, NULL, error);
}

/* Rule 13: a job runs and recovers with the executable that started it, also when liftlock itself is updated meanwhile.
 */
static gboolean executables_copy(int job_fd, GError **error)
{
    static const char *const names[] = {"liftlock",          "liftlock-fetch",    "liftlock-unpack",  "liftlock-parse",
                                        "liftlock-assemble", "liftlock-transfer", "liftlock-postgres"};
    g_autofree char *directory = process_own_directory();
    fs_fd int bin = fs_make_dirs(job_fd, "bin", 0755, error)
                        ? fs_open_beneath(job_fd, "bin", O_RDONLY | O_DIRECTORY, 0, error)
                        : -1;
    for (guint i = 0; bin >= 0 && i < G_N_ELEMENTS(names); i++)
        if (!executable_copy(directory, bin, names[i], error))
            return FALSE;
    return bin >= 0;
}

static gboolean text_write(int job_fd, const char *name, const char *text, GError **error)
{
    fs_fd int fd = fs_open_beneath(job_fd, name, O_WRONLY | O_CREAT | O_EXCL, 0600, error);
    if (fd < 0 || fs_write_all(fd, text, strlen(text)))
        return fd >= 0;
    return fault_errno(error, errno == ENOSPC ? FAULT_SPACE : FAULT_SYSTEM, errno, "cannot write %s", name);
}

/* Nobody knows of the directory yet: half of it, left by a crash, means nothing. */
static gboolean directory_fill(int job_fd, const JobOrder *order, GError **error)
{
    if (!text_write(job_fd, "config.toml", order->config_text, error))
        return FALSE;
    if (order->manifest_records && !text_write(job_fd, "manifest", order->manifest_records, error))
        return FALSE;
    return executables_copy(job_fd, error);
}

static gboolean log_begin(const char *directory, Journal *journal, const JobOrder *order, GError **error)
{
    g_autoptr(JobLog) log = job_log_open(directory, error);
    if (!log)
        return FALSE;
    Node *fields = node_new_map();
    node_set(fields, "plan", plan_to_node(order->plan));
    node_set_text(fields, "requested_by", order->requested_by);
    node_set_text(fields, "liftlock", LIFTLOCK_VERSION);
    g_autoptr(GPtrArray) before = journal_jobs(journal, order->plan->app, 1, NULL);
    if (before && before->len > 0)
        node_set_text(fields, "after", ((const JobRecord *)g_ptr_array_index(before, 0))->id);
    g_autoptr(AppRecord) app = journal_app(journal, order->plan->app, NULL);
    node_set_int(fields, "index_seen", app ? app->index_seen : 0);
    job_log_write(log, "plan", fields, FALSE);
    return TRUE;
}

char *job_create(const HostPlace *host, const Place *place, Journal *journal, const JobOrder *order, GError **error)
{
    g_autoptr(JobRecord) open_job = journal_job_open_of(journal, place->app, NULL);
    if (open_job && g_strcmp0(open_job->id, order->replaces) != 0) {
        fault_set(error, FAULT_BUSY, "%s: job %s is not at its end", place->app, open_job->id);
        fault_hint(error, "'liftlock recover %s' brings it there", place->app);
        return NULL;
    }
    g_autofree char *id = id_new();
    g_autofree char *directory = g_build_filename(place->jobs, id, NULL);
    /* Executables of a job are root's; the folder above is not for others to list. */
    if (!fs_make_path(place->jobs, 0755, error) || !fs_make_path(directory, 0755, error))
        return NULL;
    fs_fd int fd = fs_open_dir(directory, error);
    fs_fd int jobs = fd < 0 ? -1 : fs_open_dir(place->jobs, error);
    if (jobs < 0 || !directory_fill(fd, order, error) || !log_begin(directory, journal, order, error) ||
        !fs_sync_file_system(jobs, error) || /* all of it at once; the later one, within the fence, finds less to do */
        !journal_job_begin(journal, id, order->plan, order->requested_by, order->replaces, error)) {
        fs_remove_tree(jobs, id, NULL);
        return NULL;
    }
    return g_steal_pointer(&id);
}

#define WORKER_MARK "LIFTLOCK_WORKER=" /* by which its process is found before it has the lock */

/* What a job must know of its caller's environment: the root, and the limits that an ordinary user set there. A root
 * job is told nothing. */
static GPtrArray *environment_new(const HostPlace *host, const char *id)
{
    GPtrArray *environment = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(environment, g_strconcat(WORKER_MARK, id, NULL));
    if (host->own_root)
        g_ptr_array_add(environment, g_strconcat("LIFTLOCK_ROOT=", host->root, NULL));
    for (const Key *key = host_config_keys; key->name && geteuid() != 0; key++) {
        const char *value = key->env ? g_getenv(key->env) : NULL;
        if (value)
            g_ptr_array_add(environment, g_strconcat(key->env, "=", value, NULL));
    }
    g_ptr_array_add(environment, NULL);
    return environment;
}

gboolean worker_start(const HostPlace *host, const Place *place, const char *id, WorkerMode mode, GError **error)
{
    g_autofree char *program = g_build_filename(place->jobs, id, "bin", "liftlock", NULL);
    const char *const argv[] = {program, "inner", "job", place->app, id, mode == WORKER_RUN ? "run" : "recover", NULL};
    g_autoptr(GPtrArray) variables = environment_new(host, id);
    const char *const *environment = (const char *const *)variables->pdata;
    if (service_manager_available(place)) {
        g_autofree char *unit = quiet_unit_name(id);
        g_autofree char *description = g_strdup_printf("liftlock: %s, job %s", place->app, id);
        TransientUnit transient = {.name = unit, .description = description, .argv = argv, .environment = environment};
        /* What a dead worker of this job left in its unit would keep the name; recovery makes it quiet first. */
        if (mode == WORKER_RECOVER && !service_kill_unit(place, unit, 20000, error))
            return FALSE;
        return service_start_transient(place, &transient, error);
    }
    ProcessSpec spec = {.argv = argv, .environment = environment};
    return process_start(&spec, TRUE, -1, error) > 0;
}

/* --- the job's process --- */

#define LOCK_TRIES 10
#define LOCK_PAUSE_MS 50

/* Asked with the lock held. Another client may have taken a job whose process was not there yet for a dead one and
 * brought it to its end: a closed job must not run, for nobody would recover it. */
static gboolean may_work(const Place *place, Journal *journal, const char *id, GError **error)
{
    g_autoptr(JobRecord) record = journal_job(journal, id, error);
    if (!record || record->open)
        return record != NULL;
    return fault_set(error, FAULT_STATE, "%s: job %s is at its end", place->app, id);
}

static int lock_for_job(HostPlace *host, const char *app, const char *id, GError **error)
{
    g_autoptr(Place) place = place_new(host, app, NULL);
    g_autoptr(Journal) journal = journal_open(host, TRUE, error);
    g_autoptr(JobRecord) record = journal ? journal_job(journal, id, error) : NULL;
    if (!record) {
        fault_set(error && *error ? NULL : error, FAULT_ABSENT, "there is no job %s", id);
        return -1;
    }
    g_autofree char *verb = record->to ? g_strdup_printf("%s to %s", record->kind, record->to) : g_strdup(record->kind);
    const char *who = record->requested_by ? record->requested_by : "?";
    for (int try = 1;; try++) { /* a client that only looks whether somebody is at work holds it for a moment */
        g_autoptr(GError) local = NULL;
        fs_fd int fd = lock_take(place, id, verb, who, &local);
        if (fd >= 0)
            return may_work(place, journal, id, error) ? fs_fd_steal(&fd) : -1;
        if (try == LOCK_TRIES || !g_error_matches(local, FAULT, FAULT_BUSY)) {
            g_propagate_error(error, g_steal_pointer(&local));
            return -1;
        }
        clock_sleep_ms(LOCK_PAUSE_MS);
    }
}

/* After an update that failed under observation: back to the old release, with the data as they are. */
static Plan *return_plan(const Job *job)
{
    Plan *plan = plan_new(PLAN_RETURN, job->plan->app);
    plan->from = g_strdup(job->plan->to);
    plan->to = g_strdup(job->plan->from);
    plan->to_tree = g_strdup(job->plan->from_digest);
    g_autoptr(ReleaseRecord) record = journal_release(job->journal, plan->app, plan->from, NULL);
    plan->from_digest = record ? g_strdup(record->tree) : NULL;
    plan->data = DATA_KEEP;
    return plan;
}

static Verdict run_return(Job *job)
{
    g_autoptr(Plan) plan = return_plan(job);
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_build_filename(job->directory, "config.toml", NULL);
    g_autofree char *config = NULL;
    JobOrder order = {.plan = plan, .requested_by = "liftlock", .replaces = job->id};
    g_autofree char *id = NULL;
    if (g_file_get_contents(path, &config, NULL, &error)) {
        order.config_text = config;
        id = job_create(job->host, job->place, job->journal, &order, &error);
    }
    if (!id) {
        fault_prefix(&error, "%s does not stay healthy, and the return to %s cannot begin", plan->from, plan->to);
        return transaction_give_up(job, error);
    }
    /* From here on the return is the app's open job; a crash is answered by its own recovery. */
    Node *fields = node_new_map();
    node_set_text(fields, "job", id);
    job_log_write(job->log, "return", fields, FALSE);
    job_log_write(job->log, "closed", NULL, TRUE);
    g_autoptr(Job) back = job_open(job->host, plan->app, id, job->lock_fd, &error);
    if (!back) {
        job_say(job, "could not begin the return: %s", error->message);
        return VERDICT_NEEDS_HELP;
    }
    return transaction_run(back) == VERDICT_UPDATED ? VERDICT_ROLLED_BACK : VERDICT_NEEDS_HELP;
}

/* A job that cannot even be opened must not block the next one. */
static void close_unopened(HostPlace *host, const char *id, const GError *cause)
{
    g_autoptr(Journal) journal = journal_open(host, FALSE, NULL);
    g_autoptr(JobRecord) record = journal ? journal_job(journal, id, NULL) : NULL;
    if (!record || !record->open)
        return;
    g_autoptr(GPtrArray) marks = journal_marks(journal, id, NULL);
    gboolean fresh = marks && marks->len == 0;
    journal_job_verdict(journal, id, verdict_name(fresh ? VERDICT_FAILED : VERDICT_NEEDS_HELP), NULL, cause, NULL);
    if (fresh)
        journal_job_close(journal, id, NULL);
}

static gboolean make_quiet(HostPlace *host, const char *app, const char *id, GError **error)
{
    g_autoptr(AppConfig) config = engine_job_config(host, app, id, error);
    g_autoptr(Place) place = config ? engine_place(host, config, error) : NULL;
    return place && quiet_job(place, id, error);
}

#define WORK_TIMEOUT_MS 5000

/* With the lock held, so that no two make each other quiet: the work that a dead worker left must be at its end, and be
 * seen to be, before any goes on. */
static int take_over(HostPlace *host, const char *app, const char *id, gboolean recovers, GError **error)
{
    g_autoptr(Place) place = place_new(host, app, NULL);
    if (recovers && !make_quiet(host, app, id, error))
        return -1;
    return lock_work(place, WORK_TIMEOUT_MS, error);
}

int worker_main(int argc, char **argv)
{
    if (argc != 4) {
        g_printerr("liftlock: usage: inner job APP ID run|recover\n");
        return 2;
    }
    const char *app = argv[1], *id = argv[2];
    gboolean recovers = strcmp(argv[3], "recover") == 0;
    g_autoptr(HostPlace) host = host_place_new(g_getenv("LIFTLOCK_ROOT"));
    g_autoptr(GError) error = NULL;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    process_become_reaper();
    umask(022);
    fs_fd int lock_fd = lock_for_job(host, app, id, &error);
    if (lock_fd < 0) {
        if (!recovers)
            close_unopened(host, id, error);
        return 3;
    }
    fs_fd int work_fd = take_over(host, app, id, recovers, &error);
    if (work_fd < 0) {
        close_unopened(host, id, error);
        return recovers ? 5 : 3;
    }
    g_autoptr(Job) job = job_open(host, app, id, work_fd, &error);
    if (!job) {
        close_unopened(host, id, error);
        return 5;
    }
    Verdict verdict = recovers ? transaction_recover(job) : transaction_run(job);
    if (job->return_wanted)
        verdict = run_return(job);
    return verdict_exit_code(verdict, NULL);
}

/* --- following --- */

#define POLL_MS 15
#define END_POLL_MS 1 /* once the log is closed: the process is on its way out */
#define DEAD_AFTER_MS 3000
#define RECOVERY_DEAD_AFTER_MS 60000 /* it makes the past quiet before it takes the lock */

typedef struct Follow {
    const Place *place;
    Journal *journal;
    const char *id;
    const char *started; /* the job that the process was started for: under that name it holds the lock for its return
                            job as well */
    gint64 lonely_since, dead_after_ms;
    gboolean seen;   /* its process, alive */
    gboolean closed; /* its log */
    char *next;      /* a return job */
} Follow;

static gboolean worker_lives(const Place *place, const char *id)
{
    g_autoptr(LockHolder) holder = lock_holder(place);
    return holder && holder->alive && strcmp(holder->job, id) == 0;
}

/* A loaded host may keep it from the lock for as long as it likes. */
static gboolean worker_is_on_its_way(const char *id)
{
    g_autofree char *mark = g_strconcat(WORKER_MARK, id, NULL);
    g_autoptr(GPtrArray) found = process_find_by_environment(mark);
    return found->len > 0;
}

/* The job's own record, once it is at its end; what a worker that died leaves is an open job without a live holder. A
 * process that was not seen yet may still be on its way to the lock, and the record an earlier try's. */
static JobRecord *end_of(Follow *follow, GError **error)
{
    if (worker_lives(follow->place, follow->started)) {
        follow->seen = TRUE;
        return follow->next ? journal_job(follow->journal, follow->id, NULL) : NULL;
    }
    gboolean gone = follow->seen || (clock_monotonic_ms() - follow->lonely_since > follow->dead_after_ms &&
                                     !worker_is_on_its_way(follow->started));
    g_autoptr(JobRecord) record = journal_job(follow->journal, follow->id, NULL);
    if (record && (!record->open || (gone && g_strcmp0(record->verdict, "needs-help") == 0)))
        return g_steal_pointer(&record);
    if (gone) {
        fault_set(error, FAULT_INTERRUPTED, "the process of job %s died", follow->id);
        fault_hint(error, "run 'liftlock recover %s'", follow->place->app);
    }
    return NULL;
}

static gboolean lines_pass_on(Follow *follow, const char *directory, guint64 *offset, WorkerLine on_line, gpointer data)
{
    g_autoptr(GPtrArray) lines = job_log_read(directory, offset, NULL);
    for (guint i = 0; lines && i < lines->len; i++) {
        const Node *line = g_ptr_array_index(lines, i);
        follow->closed = follow->closed || strcmp(node_get_text(line, "type", ""), "closed") == 0;
        if (strcmp(node_get_text(line, "type", ""), "return") == 0) {
            g_free(follow->next);
            follow->next = g_strdup(node_get_text(line, "job", NULL));
        }
        if (on_line)
            on_line(line, data);
    }
    return lines && lines->len > 0;
}

static JobRecord *follow_job(Follow *follow, WorkerLine on_line, gpointer data, GError **error)
{
    g_autofree char *directory = g_build_filename(follow->place->jobs, follow->id, NULL);
    guint64 offset = 0;
    JobRecord *record = NULL;
    GError *local = NULL;
    g_autoptr(GPtrArray) marks = journal_marks(follow->journal, follow->id, NULL);
    follow->dead_after_ms = marks && marks->len > 0 ? RECOVERY_DEAD_AFTER_MS : DEAD_AFTER_MS;
    follow->lonely_since = clock_monotonic_ms();
    follow->closed = FALSE;
    while (!record && !local) {
        gboolean moved = lines_pass_on(follow, directory, &offset, on_line, data);
        record = end_of(follow, &local);
        if (!record && !local && !moved)
            clock_sleep_ms(follow->closed ? END_POLL_MS : POLL_MS);
    }
    lines_pass_on(follow, directory, &offset, on_line, data); /* what came between the last look and the end */
    if (local)
        g_propagate_error(error, local);
    return record;
}

JobRecord *worker_follow(const HostPlace *host, const Place *place, Journal *journal, const char *id,
                         WorkerLine on_line, gpointer data, GError **error)
{
    Follow follow = {.place = place, .journal = journal, .id = id, .started = id};
    JobRecord *record = follow_job(&follow, on_line, data, error);
    g_autofree char *next = g_steal_pointer(&follow.next);
    if (!record || !next)
        return record;
    job_record_free(record);
    follow.id = next;
    record = follow_job(&follow, on_line, data, error);
    g_free(follow.next);
    return record;
}

JobRecord *worker_interrupted(const Place *place, Journal *journal, GError **error)
{
    g_autoptr(JobRecord) record = journal_job_open_of(journal, place->app, error);
    if (!record || worker_lives(place, record->id))
        return NULL;
    return g_steal_pointer(&record);
}
