/* SPDX-License-Identifier: Apache-2.0 */
/* backup create, list, restore, verify. */
#include "cli/run.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/fs.h"
#include "engine/backups.h"
#include "engine/encryption.h"
#include "engine/job.h"
#include "parts/backup/backup.h"

#include <string.h>

static int backup_create(Call *call, Planner *planner, const char *id, GError **error)
{
    PlanWish wish = {0};
    g_autoptr(Plan) plan = planner_simple(planner, PLAN_BACKUP, &wish, error);
    if (!plan)
        return -1;
    if (planner->installed->data->len == 0 && planner->installed->shared->len == 0) {
        fault_set(error, FAULT_REQUIREMENT, "%s declares no data", plan->app);
        return -1;
    }
    if (!plan_is_clear(plan, error))
        return -1;
    return run_plan(call, planner, plan, error);
}

static Node *sets_node(const Place *place, const char *id)
{
    g_autoptr(GPtrArray) names = backup_sets(place, id);
    Node *list = node_new_list();
    for (guint i = 0; i < names->len; i++)
        node_append(list, node_new_scalar(SCALAR_STRING, g_ptr_array_index(names, i)));
    return list;
}

static int backup_list(Call *call, Planner *planner, const char *id, GError **error)
{
    g_autoptr(GPtrArray) backups = journal_backups(planner->journal, planner->config->name, error);
    if (!backups)
        return -1;
    call->answer = node_new_list();
    if (backups->len == 0)
        call_say(call, "%s: there is no backup", planner->config->name);
    for (guint i = 0; i < backups->len; i++) {
        const BackupRecord *record = g_ptr_array_index(backups, i);
        g_autofree char *at = clock_format(record->made_s);
        g_autofree char *size = g_format_size((guint64)record->size_bytes);
        call_say(call, "%s  %s  data of %-10s %-10s %s", record->id, at, record->version ? record->version : "?", size,
                 record->reason ? record->reason : "");
        Node *node = node_new_map();
        node_set_text(node, "id", record->id);
        node_set_text(node, "made_at", at);
        node_set_text(node, "version", record->version);
        node_set_text(node, "reason", record->reason);
        node_set_int(node, "size_bytes", record->size_bytes);
        node_set(node, "data", sets_node(planner->place, record->id));
        node_append(call->answer, node);
    }
    return 0;
}

static int backup_restore(Call *call, Planner *planner, const char *id, GError **error)
{
    g_autofree char *identity = call_identity(call);
    PlanWish wish = {.backup = id, .force = call->options.force, .identity = identity};
    g_autoptr(Plan) plan = planner_restore(planner, &wish, error);
    if (!plan || !plan_is_clear(plan, error))
        return -1;
    g_autofree char *question = g_strdup_printf("restoring backup %s loses %s. Go on?", plan->backup, plan->loss);
    if (!call_confirm(call, question, error))
        return -1;
    return run_plan(call, planner, plan, error);
}

static void ignore_line(const char *line, gpointer data)
{
}

static gboolean verify_in(Call *call, Planner *planner, const PartContext *part, const BackupRecord *record,
                          const char *directory)
{
    gboolean good = TRUE;
    g_autoptr(GPtrArray) own = data_sets_own_new();
    g_autoptr(GPtrArray) sets = g_ptr_array_new();
    data_sets_add(sets, own, planner->installed);
    for (guint i = 0; i < sets->len; i++) {
        const DataSet *set = g_ptr_array_index(sets, i);
        g_autoptr(GError) local = NULL;
        if (!backup_has(planner->place, record->id, set->name))
            continue; /* of a release that did not have them */
        const BackupDriver *driver = backup_find(set, &local);
        gboolean holds = driver && driver->verify(part, set, directory, &local);
        g_autofree char *problem = holds ? NULL : fault_text(local);
        call_say(call, "%s  %s: %s", record->id, set->name, holds ? "good" : problem);
        good &= holds;
    }
    return good;
}

/* An encrypted one is opened beside the others, never in its own place: a job may be at work there. */
static gboolean verify_opened(Call *call, Planner *planner, const PartContext *part, const BackupRecord *record,
                              const char *identity, GError **error)
{
    g_autofree char *name = g_strconcat("verify-", record->id, NULL);
    g_autofree char *scratch = g_build_filename(planner->place->staging, name, NULL);
    fs_fd int staging =
        fs_make_path(planner->place->staging, 0700, error) ? fs_open_dir(planner->place->staging, error) : -1;
    if (staging < 0 || !fs_remove_tree(staging, name, error) || !fs_make_dirs(staging, name, 0700, error))
        return FALSE;
    gboolean good =
        encryption_open(part, record->id, identity, scratch, error) && verify_in(call, planner, part, record, scratch);
    return fs_remove_tree(staging, name, good ? error : NULL) && good;
}

static gboolean verify_one(Call *call, Planner *planner, const BackupRecord *record)
{
    PartContext part = {
        .place = planner->place, .lock_fd = -1, .on_line = ignore_line, .databases = planner->config->database};
    g_autofree char *directory = g_build_filename(planner->place->backups, record->id, NULL);
    g_autofree char *identity = call_identity(call);
    g_autoptr(GError) local = NULL;
    if (!encryption_hides(planner->place, record->id))
        return verify_in(call, planner, &part, record, directory);
    gboolean good = identity ? verify_opened(call, planner, &part, record, identity, &local)
                             : encryption_open(&part, record->id, NULL, directory, &local);
    g_autofree char *problem = local ? fault_text(local) : NULL;
    if (problem)
        call_say(call, "%s  %s", record->id, problem);
    else if (!identity)
        call_say(call, "%s  encrypted, and what was written; --identity reads it in full", record->id);
    return good;
}

static int backup_verify(Call *call, Planner *planner, const char *id, GError **error)
{
    g_autoptr(GPtrArray) backups = journal_backups(planner->journal, planner->config->name, error);
    if (!backups)
        return -1;
    gboolean good = TRUE, any = FALSE;
    for (guint i = 0; i < backups->len && planner->installed; i++) {
        const BackupRecord *record = g_ptr_array_index(backups, i);
        if (id && strcmp(record->id, id) != 0)
            continue;
        any = TRUE;
        good &= verify_one(call, planner, record);
    }
    if (!any) {
        fault_set(error, FAULT_ABSENT, id ? "%s: there is no backup %s" : "%s: there is no backup",
                  planner->config->name, id);
        return -1;
    }
    call->answer = node_new_map();
    node_set_bool(call->answer, "good", good);
    return good ? 0 : 1;
}

/* --- which -------------------------------------------------------------------------------------------------- */

typedef int (*BackupAct)(Call *call, Planner *planner, const char *id, GError **error);

static int with_app(Call *call, gboolean is_job, BackupAct run, GError **error)
{
    const char *app = call->arguments->pdata[1], *id = call->arguments->len > 2 ? call->arguments->pdata[2] : NULL;
    g_autoptr(Planner) planner = planner_open(call->host, app, error);
    if (!planner || (is_job && !run_recover_first(call, call->host, planner->place, planner->journal, error)))
        return -1;
    return run(call, planner, id, error);
}

static int act_create(Call *call, GError **error)
{
    return with_app(call, TRUE, backup_create, error);
}

static int act_list(Call *call, GError **error)
{
    return with_app(call, FALSE, backup_list, error);
}

static int act_restore(Call *call, GError **error)
{
    return with_app(call, TRUE, backup_restore, error);
}

static int act_verify(Call *call, GError **error)
{
    return with_app(call, FALSE, backup_verify, error);
}

const Act backup_acts[] = {
    {"create", "APP", "save the app's data now", act_create, 2, 2, "detach"},
    {"list", "APP", "the backups that there are, newest first", act_list, 2, 2, ""},
    {"restore", "APP [ID]", "put a backup back, the newest if none is named; the present data are saved before",
     act_restore, 2, 3, "yes force detach identity"},
    {"verify", "APP [ID]", "look whether a backup is whole, or all of them", act_verify, 2, 3, "identity"},
    {NULL},
};
