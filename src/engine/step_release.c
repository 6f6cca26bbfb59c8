/* SPDX-License-Identifier: Apache-2.0 */
/* Steps that make a release ready beside the running one: fetch, stage, seal, trial. Nothing outside staging changes.
 */
#include "engine/steps.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/fault.h"
#include "base/fs.h"
#include "base/process.h"
#include "engine/admission.h"
#include "engine/data.h"
#include "engine/sql_step.h"
#include "engine/ways.h"
#include "parts/backup/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* A release that lies sealed on disk with the digest that its record says needs no second building. */
static gboolean sealed_already(Job *job)
{
    g_autoptr(ReleaseRecord) record = journal_release(job->journal, job->plan->app, job->plan->to, NULL);
    return record && g_strcmp0(record->sha256, job->plan->to_sha256) == 0 && job->plan->to_sha256 &&
           job->layout->verify(job->place, job->plan->to, record->tree, NULL);
}

static void say_to_job(const char *text, gpointer job)
{
    job_say(job, "%s", text);
}

/* Into the cache, or with a tree into that. */
static gboolean take_release(Job *job, int tree, GError **error)
{
    g_autoptr(Catalog) catalog = catalog_open(job->config, job->host_config, job->place, error);
    if (!catalog)
        return FALSE;
    const Ways ways = {.catalog = catalog,
                       .plan = job->plan,
                       .links = job->part.kin != NULL,
                       .keeps = TRUE,
                       .progress = job->part.on_progress,
                       .say = say_to_job,
                       .data = job};
    g_autofree char *sha256 = NULL;
    gboolean good = tree < 0 ? ways_fetch(&ways, &sha256, error) : ways_unpack(&ways, tree, &sha256, error);
    return good && (!sha256 || job_fact_set(job, "archive.sha256", sha256, error));
}

/* Where a build, or a user in place, could write into what is shared, nothing is. */
static const char *kin_of(const Job *job)
{
    gboolean written = job->manifest->build->len > 0 || job->layout->in_place;
    return geteuid() == 0 && !written ? job->plan->from : NULL;
}

gboolean fetch_act(Job *job, GError **error)
{
    if (sealed_already(job))
        return job_fact_set(job, "reuse", "yes", error);
    return take_release(job, -1, error);
}

/* The plan was made with a manifest; the archive must hold the same one, or the plan was about something else. */
static gboolean manifest_is_the_plans(Job *job, int tree_fd, GError **error)
{
    const char *own[] = {job->config->app.manifest, NULL};
    const char *const *names = job->config->app.manifest ? own : manifest_names;
    const char *found = NULL;
    for (guint i = 0; names[i]; i++) {
        if (!fs_exists(tree_fd, names[i]))
            continue;
        if (found)
            return fault_set(error, FAULT_MANIFEST, "%s %s holds both %s and %s: which one counts?", job->plan->app,
                             job->plan->to, found, names[i]);
        found = names[i];
    }
    if (!found)
        return fault_set(error, FAULT_MANIFEST, "%s %s holds no %s", job->plan->app, job->plan->to, names[0]);
    fs_fd int fd = fs_open_beneath(tree_fd, found, O_RDONLY | O_NONBLOCK, 0, error);
    if (fd < 0)
        return FALSE;
    g_autofree char *digest = digest_fd(fd, NULL, error);
    if (!digest)
        return FALSE;
    if (g_strcmp0(digest, job->plan->manifest_sha256) == 0)
        return TRUE;
    return fault_set(error, FAULT_VERIFY, "%s %s: the archive's %s is not the one beside it at the source",
                     job->plan->app, job->plan->to, found);
}

/* A tree of this version that is not live and not what we want is of no use to anybody: of a failed try, or of a
 * release that was published anew. */
static gboolean drop_stale(Job *job, GError **error)
{
    g_autofree char *live = job->layout->current(job->place, NULL);
    if (g_strcmp0(live, job->plan->to) == 0)
        return fault_set(error, FAULT_STATE, "%s %s is live already, with another content", job->plan->app,
                         job->plan->to);
    return job->layout->remove(job->place, job->plan->to, error) &&
           journal_release_forget(job->journal, job->plan->app, job->plan->to, error);
}

static gboolean unpack(Job *job, GError **error)
{
    job->part.kin = kin_of(job);
    fs_fd int tree = drop_stale(job, error) ? job->layout->prepare(&job->part, job->plan->to, error) : -1;
    if (tree < 0 || !take_release(job, tree, error) ||
        !job->layout->furnish(&job->part, job->manifest, job->plan->to, error))
        return FALSE;
    g_autofree char *path = NULL, *shown_as = NULL;
    job->layout->staged(job->place, job->plan->to, &path, &shown_as);
    fs_fd int staged = fs_open_dir(path, error); /* again: furnish may have lifted a leading directory */
    return staged >= 0 && manifest_is_the_plans(job, staged, error) && admission_hold(job, staged, error);
}

/* Once a job, and for status: what a kernel does not give is no failure, but has to be known. */
static gboolean note_isolation(Job *job, const char *fact, gboolean isolated, const char *otherwise, GError **error)
{
    const char *said = job_fact(job, fact);
    if (g_strcmp0(said, "no") == 0 || (said && isolated))
        return TRUE;
    if (!isolated)
        job_say(job, "%s", otherwise);
    return job_fact_note(job, fact, isolated ? "yes" : "no", error);
}

static gboolean build_line(Job *job, const char *line, GError **error)
{
    g_autofree char *path = NULL, *shown_as = NULL;
    job->layout->staged(job->place, job->plan->to, &path, &shown_as);
    g_autofree char *as = g_path_get_basename(shown_as);
    const int keep[] = {job->lock_fd};
    ProcessSpec spec = {
        .shell = line,
        .directory = shown_as,
        .environment = job->part.environment,
        .change_user = job->place->change_user,
        .uid = job->place->uid,
        .gid = job->place->gid,
        .timeout_ms = job->manifest->build_timeout_ms,
        .keep_fds = keep,
        .n_keep_fds = job->lock_fd >= 0,
        .on_line = job->part.on_line,
        .on_line_data = job->part.on_line_data,
        .stage_parent = job->place->releases,
        .stage_from = path,
        .stage_as = as,
    };
    ProcessOutcome outcome;
    if (!process_run(&spec, &outcome, error) ||
        !note_isolation(job, FACT_BUILD_ISOLATED, outcome.isolated,
                        "no mount namespaces here: the build is beside the live app, which is not frozen for it",
                        error))
        return FALSE;
    if (outcome.exited && outcome.status == 0)
        return TRUE;
    g_autofree char *how = process_describe(&outcome);
    fault_set(error, process_was_killed(&outcome) ? FAULT_SYSTEM : FAULT_BUILD, "build of %s %s: '%s': %s",
              job->plan->app, job->plan->to, line, how);
    return fault_hint(error, "'liftlock logs %s --job %s --all' shows its output", job->plan->app, job->id);
}

gboolean stage_act(Job *job, GError **error)
{
    if (job_fact(job, "reuse"))
        return TRUE;
    if (!unpack(job, error))
        return FALSE;
    for (guint i = 0; i < job->manifest->build->len; i++)
        if (!build_line(job, g_ptr_array_index(job->manifest->build, i), error))
            return FALSE;
    return TRUE;
}

gboolean stage_undo(Job *job, GError **error)
{
    return job->layout->drop_staged(&job->part, job->plan->to, error);
}

gboolean seal_act(Job *job, GError **error)
{
    if (job_fact(job, "reuse"))
        return TRUE;
    g_autofree char *tree = NULL;
    if (!job->layout->seal(&job->part, job->plan->to, &tree, error))
        return FALSE;
    g_autofree char *path = g_build_filename(job->directory, "manifest", NULL);
    g_autofree char *records = NULL;
    if (!g_file_get_contents(path, &records, NULL, error))
        return FALSE;
    ReleaseRecord record = {
        .version = job->plan->to,
        .sha256 = (char *)job_fact(job, "archive.sha256"),
        .tree = tree,
        .manifest = records,
        .sealed_s = clock_now_s(),
    };
    Node *fields = node_new_map();
    node_set_text(fields, "version", record.version);
    node_set_text(fields, "sha256", record.sha256);
    node_set_text(fields, "tree", record.tree);
    job_log_write(job->log, "sealed", fields, FALSE);
    return journal_release_put(job->journal, job->plan->app, &record, error);
}

/* What the data look like now, all sets in one text. */
static char *fingerprints(Job *job, GError **error)
{
    g_autoptr(GString) all = g_string_new(NULL);
    for (guint i = 0; i < job->sets->len; i++) {
        const DataSet *set = g_ptr_array_index(job->sets, i);
        const BackupDriver *driver = backup_find(set, error);
        if (!driver)
            return NULL;
        if (!driver->fingerprint)
            continue;
        g_autofree char *print = driver->fingerprint(&job->part, set, error);
        if (!print)
            return NULL;
        g_string_append_printf(all, "%s=%s\n", set->name, print);
    }
    return g_string_free(g_steal_pointer(&all), FALSE);
}

/* Asks a check in the staged tree, without network and with the data read-only. */
static gboolean ask_staged(Job *job, const Check *check, ProbeResult *result, GError **error)
{
    g_autofree char *path = NULL, *shown_as = NULL;
    job->layout->staged(job->place, job->plan->to, &path, &shown_as);
    g_autofree char *as = g_path_get_basename(shown_as);
    ProbeContext context = job_probe_context(job, job->plan->to);
    context.directory = shown_as;
    context.isolated = TRUE;
    context.stage_parent = job->place->releases;
    context.stage_from = path;
    context.stage_as = as;
    if (!probe_ask_patiently(&context, check, result, error))
        return FALSE;
    if (!check->command || note_isolation(job, FACT_TRIAL_ISOLATED, !result->exposed,
                                          "no isolation here: the trial is not kept from network and data", error))
        return TRUE;
    probe_result_clear(result);
    return FALSE;
}

/* The release's checks of its surroundings are its own scripts: the first moment to ask them is in the staged tree. */
static gboolean environment_one(Job *job, const Check *check, GError **error)
{
    ProbeResult result = {0};
    if (!ask_staged(job, check, &result, error))
        return FALSE;
    gboolean good = result.answer == ANSWER_OK;
    if (!good)
        fault_set(error, FAULT_REQUIREMENT, "%s %s requires '%s': %s", job->plan->app, job->plan->to, check->name,
                  result.problem ? result.problem : "not ok");
    probe_result_clear(&result);
    return good;
}

static gboolean trial_one(Job *job, const Check *check, GError **error)
{
    ProbeResult result = {0};
    if (!ask_staged(job, check, &result, error))
        return FALSE;
    gboolean good = result.answer == ANSWER_OK || result.answer == ANSWER_WILL_MIGRATE;
    if (result.answer == ANSWER_REFUSE)
        fault_set(error, FAULT_INCOMPATIBLE, "%s %s says that it does not fit this host: %s: %s", job->plan->app,
                  job->plan->to, check->name, result.problem ? result.problem : result.text);
    else if (!good)
        fault_set(error, FAULT_TRIAL, "trial of %s %s: %s: %s", job->plan->app, job->plan->to, check->name,
                  result.problem);
    probe_result_clear(&result);
    return good;
}

gboolean trial_act(Job *job, GError **error)
{
    if (!data_servers_note(job, error)) /* from here on programs of the release use the data */
        return FALSE;
    const GPtrArray *environment = job->manifest->requirements.environment_checks;
    for (guint i = 0; i < environment->len; i++)
        if (!environment_one(job, g_ptr_array_index(environment, i), error))
            return FALSE;
    g_autofree char *path = NULL, *shown_as = NULL;
    job->layout->staged(job->place, job->plan->to, &path, &shown_as);
    if (!sql_step_look(job, path, error))
        return FALSE;
    if (job->manifest->trial->len == 0)
        return TRUE;
    g_autofree char *before = fingerprints(job, error);
    if (!before)
        return FALSE;
    for (guint i = 0; i < job->manifest->trial->len; i++)
        if (!trial_one(job, g_ptr_array_index(job->manifest->trial, i), error))
            return FALSE;
    g_autofree char *after = fingerprints(job, error);
    if (!after)
        return FALSE;
    if (strcmp(before, after) != 0)
        return fault_set(error, FAULT_TRIAL, "trial of %s %s changed the shape of the live data", job->plan->app,
                         job->plan->to);
    return TRUE;
}
