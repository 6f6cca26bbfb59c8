/* SPDX-License-Identifier: Apache-2.0 */
/* The job's side of a rehearsal: makes room for it, has it played by a process of its own, and clears away. */
#include "engine/rehearsal.h"

#include "base/fault.h"
#include "base/fs.h"
#include "base/process.h"
#include "engine/encryption.h"
#include "engine/steps.h"
#include "parts/backup/backup.h"
#include "parts/service/script.h"

#include <string.h>

#define FACT_RELEASE "rehearsal.release"
#define FACT_MS "rehearsal.ms"
#define JOBS_LOOKED_AT 20

void rehearsal_object(const GPtrArray *sets, GPtrArray *objections)
{
    for (guint i = 0; i < sets->len; i++) {
        const DataSet *set = g_ptr_array_index(sets, i);
        const BackupDriver *driver = backup_find(set, NULL);
        if (driver && !driver->scratch)
            objection_add(objections, FAULT_REQUIREMENT, NULL, "update without --rehearse",
                          "data '%s' cannot be rehearsed: nobody else can stand in for what its '%s' driver calls",
                          set->name, set->driver);
    }
}

gint64 rehearsal_known_ms(Journal *journal, const char *app, const char *release_key)
{
    g_autoptr(GPtrArray) jobs = journal_jobs(journal, app, JOBS_LOOKED_AT, NULL);
    for (guint i = 0; jobs && i < jobs->len; i++) {
        const JobRecord *record = g_ptr_array_index(jobs, i);
        g_autoptr(GHashTable) facts = journal_facts(journal, record->id, NULL);
        const char *ms = facts ? g_hash_table_lookup(facts, FACT_MS) : NULL;
        if (ms && g_strcmp0(g_hash_table_lookup(facts, FACT_RELEASE), release_key) == 0)
            return g_ascii_strtoll(ms, NULL, 10);
    }
    return -1;
}

/* --- the scratch --- */

static char *scratch_name(const Job *job)
{
    return g_strconcat("rehearsal-", job->id, NULL);
}

static char *scratch_make(Job *job, GError **error)
{
    g_autofree char *name = scratch_name(job);
    if (!fs_make_path(job->place->staging, 0700, error))
        return NULL;
    fs_fd int staging = fs_open_dir(job->place->staging, error);
    if (staging < 0 || !fs_remove_tree(staging, name, error) || !fs_make_dirs(staging, name, 0700, error))
        return NULL;
    return g_build_filename(job->place->staging, name, NULL);
}

gboolean rehearse_undo(Job *job, GError **error)
{
    if (!job->plan->rehearse)
        return TRUE;
    g_autoptr(GError) local = NULL;
    if (!encryption_close(&job->part, job->config, job->id, &local)) /* nobody reads it any more; settle tries again */
        job_say(job, "%s", local->message);
    for (guint i = 0; i < job->sets->len; i++) {
        const DataSet *set = g_ptr_array_index(job->sets, i);
        const BackupDriver *driver = backup_find(set, error);
        if (!driver || (driver->scratch_drop && !driver->scratch_drop(&job->part, set, error)))
            return FALSE;
    }
    g_autofree char *name = scratch_name(job);
    if (!g_file_test(job->place->staging, G_FILE_TEST_IS_DIR))
        return TRUE;
    fs_fd int staging = fs_open_dir(job->place->staging, error);
    return staging >= 0 && fs_remove_tree(staging, name, error);
}

/* --- services that are units: there is no manager in the scene --- */

static Node *texts_node(const GPtrArray *texts)
{
    Node *list = node_new_list();
    for (guint i = 0; i < texts->len; i++)
        node_append(list, node_new_scalar(SCALAR_STRING, g_ptr_array_index(texts, i)));
    return list;
}

static gboolean add_script(Job *job, const Service *service, Node *list, GError **error)
{
    g_auto(ServiceScript) script = {0};
    if (!service_script_read(&job->service, service, &script, error))
        return FALSE;
    Node *node = node_new_map();
    node_set_text(node, "name", service->name);
    node_set_text(node, "start", script.start);
    node_set(node, "environment", texts_node(script.environment));
    node_set(node, "files", texts_node(script.files));
    node_set(node, "directories", texts_node(script.directories));
    node_append(list, node);
    return TRUE;
}

static gboolean scripts_write(Job *job, const char *scratch, GError **error)
{
    g_autoptr(Node) list = node_new_list();
    for (guint i = 0; i < job->manifest->services->len; i++) {
        const Service *service = g_ptr_array_index(job->manifest->services, i);
        if (service->unit && service->starts == STARTS_BEFORE_COMMIT && !add_script(job, service, list, error))
            return FALSE;
    }
    g_autofree char *json = node_to_json(list, 0);
    fs_fd int fd = fs_open_dir(scratch, error);
    return fd >= 0 && fs_write_atomic(fd, REHEARSAL_SCRIPTS, json, strlen(json), 0600, error);
}

/* --- the play --- */

static gboolean note_times(Job *job, const Node *answer, GError **error)
{
    gint64 migrate_ms = node_get_int(answer, "migrate_ms", 0), start_ms = node_get_int(answer, "start_ms", 0);
    g_autofree char *ms = g_strdup_printf("%" G_GINT64_FORMAT, migrate_ms + start_ms);
    job_say(job, "rehearsed on the restored data: migrated in %.1f s, started and proven in %.1f s",
            (double)migrate_ms / 1000, (double)start_ms / 1000);
    return job_fact_note(job, FACT_MS, ms, error) &&
           job_fact_set(job, FACT_RELEASE, plan_release_key(job->plan), error);
}

static gboolean take_answer(Job *job, const char *text, GError **error)
{
    g_autoptr(Node) answer = document_parse(DOCUMENT_JSON, text, strlen(text), "rehearsal", FAULT_SYSTEM, error);
    if (!answer)
        return FALSE;
    if (node_get_bool(answer, "ok", FALSE))
        return note_times(job, answer, error);
    fault_set(error, (enum fault_code)node_get_int(answer, "code", FAULT_SYSTEM), "rehearsal: %s",
              node_get_text(answer, "text", "it did not end well"));
    const char *hint = node_get_text(answer, "hint", NULL);
    return hint ? fault_hint(error, "%s", hint) : FALSE;
}

static gboolean play(Job *job, const char *scratch, GError **error)
{
    const char *const argv[] = {"/proc/self/exe", "inner", "rehearse", job->plan->app, job->id, scratch, NULL};
    g_autofree char *mark = g_strconcat("LIFTLOCK_JOB=", job->id, NULL);
    g_autofree char *root = job->host->own_root ? g_strconcat("LIFTLOCK_ROOT=", job->host->root, NULL) : NULL;
    const char *const environment[] = {mark, root, NULL};
    g_autoptr(GString) said = g_string_new(NULL);
    const ProcessSpec spec = {.argv = argv,
                              .environment = environment,
                              .keep_fds = &job->part.lock_fd,
                              .n_keep_fds = job->part.lock_fd >= 0 ? 1 : 0,
                              .on_line = job->part.on_line,
                              .on_line_data = job->part.on_line_data,
                              .output = said};
    ProcessOutcome outcome = {0};
    if (!process_run(&spec, &outcome, error))
        return fault_prefix(error, "rehearsal");
    if (outcome.exited && outcome.status == 0)
        return take_answer(job, said->str, error);
    g_autofree char *why = process_describe(&outcome);
    return fault_set(error, FAULT_SYSTEM, "rehearsal: %s", why);
}

gboolean rehearse_act(Job *job, GError **error)
{
    g_autofree char *scratch = scratch_make(job, error);
    return scratch && scripts_write(job, scratch, error) && play(job, scratch, error) && rehearse_undo(job, error);
}
