/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/rebuild.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/fs.h"
#include "engine/joblog.h"
#include "model/version.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The new file takes the damaged one's name in one rename; until then the damaged one is there, and a crash begins
 * anew. Its log goes first: SQLite would play it into the new file. */
static gboolean replace(const HostPlace *host, const char *fresh, char **kept, GError **error)
{
    static const char *const suffixes[] = {"-wal", "-shm"};
    g_autofree char *aside = g_strdup_printf("%s.damaged-%" G_GINT64_FORMAT, host->state_db, clock_now_s());
    for (guint i = 0; i < G_N_ELEMENTS(suffixes); i++) {
        g_autofree char *from = g_strconcat(host->state_db, suffixes[i], NULL);
        g_autofree char *to = g_strconcat(aside, suffixes[i], NULL);
        if (rename(from, to) != 0 && errno != ENOENT)
            return fault_errno(error, FAULT_SYSTEM, errno, "cannot move %s aside", from);
    }
    if ((link(host->state_db, aside) != 0 && errno != ENOENT) || rename(fresh, host->state_db) != 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot replace %s", host->state_db);
    fs_fd int fd = fs_open_dir(host->var, error);
    if (fd < 0 || !fs_sync_dir(fd, error))
        return FALSE;
    *kept = g_steal_pointer(&aside);
    return TRUE;
}

/* --- one job's log --- */

typedef struct Reading {
    Journal *journal;
    const char *app, *id;
    char *directory;
    Plan *plan;
    char *verdict;
    gboolean closed;
} Reading;

static gboolean on_plan(Reading *reading, const Node *line, GError **error)
{
    const Node *node = node_get(line, "plan");
    if (!node || reading->plan)
        return TRUE;
    reading->plan = plan_from_node(node, error);
    /* A later job proves that the ones before it were at their end, whether or not their logs came to say so (a crash
     * before the journal had the job, or between its end there and here). */
    g_autoptr(JobRecord) before = journal_job_open_of(reading->journal, reading->app, NULL);
    if (before && !journal_job_close(reading->journal, before->id, error))
        return FALSE;
    return reading->plan &&
           journal_index_seen(reading->journal, reading->app, node_get_int(line, "index_seen", 0), error) &&
           journal_job_begin(reading->journal, reading->id, reading->plan, node_get_text(line, "requested_by", NULL),
                             NULL, error);
}

static gboolean on_step(Reading *reading, const Node *line, GError **error)
{
    const char *mark = node_get_text(line, "mark", "");
    if (strcmp(mark, "begun") != 0 && strcmp(mark, "done") != 0 && strcmp(mark, "undone") != 0)
        return TRUE;
    return journal_mark(reading->journal, reading->id, node_get_text(line, "step", ""), mark,
                        node_get_int(line, "duration_ms", 0), error);
}

static gboolean on_fact(Reading *reading, const Node *line, GError **error)
{
    return journal_fact_set(reading->journal, reading->id, node_get_text(line, "key", ""),
                            node_get_text(line, "value", ""), error);
}

static gboolean on_sealed(Reading *reading, const Node *line, GError **error)
{
    g_autofree char *path = g_build_filename(reading->directory, "manifest", NULL);
    g_autofree char *records = NULL;
    if (!g_file_get_contents(path, &records, NULL, NULL))
        return TRUE; /* tidied up: the release is gone, too */
    ReleaseRecord record = {
        .version = (char *)node_get_text(line, "version", ""),
        .sha256 = (char *)node_get_text(line, "sha256", NULL),
        .tree = (char *)node_get_text(line, "tree", ""),
        .manifest = records,
        .sealed_s = clock_now_s(),
    };
    return journal_release_put(reading->journal, reading->app, &record, error);
}

/* When a line was written. */
static gint64 line_time(const Node *line)
{
    gint64 at_s = clock_now_s();
    clock_parse(node_get_text(line, "at", ""), &at_s);
    return at_s;
}

static gboolean on_backup(Reading *reading, const Node *line, GError **error)
{
    BackupRecord record = {
        .id = (char *)reading->id,
        .app = (char *)reading->app,
        .job = (char *)reading->id,
        .version = (char *)node_get_text(line, "version", NULL),
        .manifest_version = (char *)node_get_text(line, "schema", NULL),
        .reason = (char *)node_get_text(line, "reason", NULL),
        .made_s = line_time(line),
        .size_bytes = node_get_int(line, "size", 0),
    };
    return journal_backup_put(reading->journal, &record, error);
}

static gboolean on_rejected(Reading *reading, const Node *line, GError **error)
{
    return journal_reject(reading->journal, reading->app, node_get_text(line, "sha256", NULL),
                          node_get_text(line, "version", ""), node_get_text(line, "text", ""), line_time(line), error);
}

static gboolean on_verdict(Reading *reading, const Node *line, GError **error)
{
    const char *text = node_get_text(line, "text", NULL);
    g_autoptr(GError) cause = text ? g_error_new_literal(FAULT, FAULT_SYSTEM, text) : NULL;
    g_free(reading->verdict);
    reading->verdict = g_strdup(node_get_text(line, "verdict", NULL));
    return journal_job_verdict(reading->journal, reading->id, reading->verdict, node_get_text(line, "step", NULL),
                               cause, error);
}

static gboolean on_closed(Reading *reading, const Node *line, GError **error)
{
    reading->closed = TRUE;
    return journal_job_close(reading->journal, reading->id, error);
}

static gboolean read_line(Reading *reading, const Node *line, GError **error)
{
    static const struct {
        const char *type;
        gboolean (*take)(Reading *reading, const Node *line, GError **error);
    } kinds[] = {{"plan", on_plan},     {"step", on_step},         {"fact", on_fact},       {"sealed", on_sealed},
                 {"backup", on_backup}, {"rejected", on_rejected}, {"verdict", on_verdict}, {"closed", on_closed}};
    const char *type = node_get_text(line, "type", "");
    if (!reading->plan && strcmp(type, "plan") != 0)
        return TRUE;
    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++)
        if (strcmp(kinds[i].type, type) == 0)
            return kinds[i].take(reading, line, error);
    return TRUE;
}

/* What a healthy end says about the app. */
static gboolean app_from_job(const Reading *reading, GError **error)
{
    const Plan *plan = reading->plan;
    if (!plan || g_strcmp0(reading->verdict, "updated") != 0 || plan->kind == PLAN_BACKUP)
        return TRUE;
    g_autoptr(AppRecord) app = journal_app(reading->journal, reading->app, NULL);
    gboolean higher = plan->to && (!app || !app->floor || version_compare(plan->to, app->floor) > 0);
    return journal_app_set(reading->journal, reading->app, "version", plan->to, error) &&
           (!higher || journal_app_set(reading->journal, reading->app, "floor", plan->to, error));
}

static gboolean read_job(Journal *journal, const char *app, const char *jobs, const char *id, GError **error)
{
    Reading reading = {.journal = journal, .app = app, .id = id, .directory = g_build_filename(jobs, id, NULL)};
    guint64 offset = 0;
    g_autoptr(GPtrArray) lines = job_log_read(reading.directory, &offset, NULL);
    gboolean good = TRUE;
    for (guint i = 0; good && lines && i < lines->len; i++)
        good = read_line(&reading, g_ptr_array_index(lines, i), error);
    good = good && app_from_job(&reading, error);
    g_free(reading.directory);
    g_free(reading.verdict);
    plan_free(reading.plan);
    return good;
}

/* --- all of them
 * --------------------------------------------------------------------------------------------------------- */

static int text_compare(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static GPtrArray *names_in(const char *directory)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
    const char *name;
    while (dir && (name = g_dir_read_name(dir)))
        g_ptr_array_add(names, g_strdup(name));
    g_ptr_array_sort(names, text_compare); /* ids begin with the time */
    return names;
}

/* The job before it, as it says itself. The caller frees. */
static char *job_before(const char *jobs, const char *id)
{
    g_autofree char *directory = g_build_filename(jobs, id, NULL);
    guint64 offset = 0;
    g_autoptr(GPtrArray) lines = job_log_read(directory, &offset, NULL);
    return lines && lines->len > 0 ? g_strdup(node_get_text(g_ptr_array_index(lines, 0), "after", NULL)) : NULL;
}

static guint index_of(const GPtrArray *ids, const char *id)
{
    for (guint i = 0; i < ids->len; i++)
        if (strcmp(g_ptr_array_index(ids, i), id) == 0)
            return i;
    return 0;
}

/* Ids tell the second; of two jobs of one second, such as an update and its return, the later names the earlier. */
static void order_within_seconds(GPtrArray *ids, const char *jobs)
{
    for (guint i = 0, moves = 0; i < ids->len && moves < ids->len; i++) {
        g_autofree char *before = job_before(jobs, g_ptr_array_index(ids, i));
        guint at = before ? index_of(ids, before) : 0;
        if (at <= i)
            continue;
        g_ptr_array_insert(ids, (int)at, g_ptr_array_steal_index(ids, i));
        i--;
        moves++;
    }
}

static gboolean read_all_jobs(Journal *journal, const HostPlace *host, GError **error)
{
    g_autoptr(GPtrArray) apps = names_in(host->var);
    for (guint i = 0; i < apps->len; i++) {
        const char *app = g_ptr_array_index(apps, i);
        g_autofree char *jobs = g_build_filename(host->var, app, "jobs", NULL);
        g_autoptr(GPtrArray) ids = names_in(jobs);
        order_within_seconds(ids, jobs);
        for (guint j = 0; j < ids->len; j++)
            if (!read_job(journal, app, jobs, g_ptr_array_index(ids, j), error))
                return FALSE;
    }
    return TRUE;
}

gboolean journal_rebuild(const HostPlace *host, char **kept, GError **error)
{
    g_autofree char *fresh = g_strconcat(host->state_db, ".new", NULL);
    g_autofree char *name = g_path_get_basename(fresh);
    HostPlace beside = *host;
    beside.state_db = fresh;
    fs_fd int var = fs_open_dir(host->var, error);
    if (var < 0 || !fs_remove_tree(var, name, error)) /* of a try that a crash ended */
        return FALSE;
    Journal *journal = journal_open(&beside, FALSE, error);
    gboolean good = journal && read_all_jobs(journal, host, error);
    journal_close(journal); /* its log is in the file now, and the file on the disk */
    return good && replace(host, fresh, kept, error);
}
