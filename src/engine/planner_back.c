/* SPDX-License-Identifier: Apache-2.0 */
/* Plans that go nowhere new: rollback, restore, restart, backup, uninstall (rule 9). */
#include "engine/planner.h"

#include "base/clock.h"
#include "base/fault.h"
#include "engine/backups.h"
#include "engine/data.h"
#include "engine/encryption.h"
#include "engine/job.h"
#include "engine/planner_files.h"
#include "engine/room.h"
#include "engine/sql_step.h"
#include "parts/layout/layout.h"

#include <string.h>

static Plan *plan_from_here(Planner *planner, PlanKind kind, GError **error)
{
    if (!planner->current) {
        fault_set(error, FAULT_ABSENT, "%s: nothing is installed", planner->config->name);
        return NULL;
    }
    Plan *plan = plan_new(kind, planner->config->name);
    plan->from = g_strdup(planner->current);
    plan->from_digest = g_strdup(planner->record->tree);
    plan->data = DATA_KEEP;
    return plan;
}

/* Going back leaves no margin: whoever goes back on a full disk needs it most. */
static void object_to_data(const Planner *planner, Plan *plan, const Manifest *target)
{
    guint uses = (plan->kind == PLAN_BACKUP ? 0 : ROOM_COPY) | ROOM_DUMP |
                 (planner->config->backups.encrypt_to ? ROOM_ENCRYPTED : 0);
    g_autoptr(GPtrArray) own = data_sets_own_new();
    g_autoptr(GPtrArray) sets = g_ptr_array_new();
    g_autoptr(GPtrArray) needs = room_needs_new();
    data_sets_add(sets, own, planner->installed);
    data_sets_add(sets, own, target);
    room_need_data(needs, planner->place, sets, uses);
    if (plan->data == DATA_RESTORE && plan->backup)
        room_need_restore(needs, planner->place, plan->backup);
    room_check(needs, 0, plan->objections);
    PartContext part = {.place = planner->place, .lock_fd = -1, .databases = planner->config->database};
    encryption_object(planner->config, planner->place, plan->data == DATA_RESTORE ? plan->backup : NULL, plan->identity,
                      plan->objections);
    if (plan->kind != PLAN_BACKUP)
        data_object(&part, sets, planner->installed->fence.mode != FENCE_NONE || plan->data == DATA_RESTORE,
                    plan->objections, plan->notes);
}

Plan *planner_simple(Planner *planner, PlanKind kind, const PlanWish *wish, GError **error)
{
    Plan *plan = plan_from_here(planner, kind, error);
    if (!plan)
        return NULL;
    plan->to = kind == PLAN_UNINSTALL ? NULL : g_strdup(plan->from);
    plan->purge = wish->purge;
    if (kind == PLAN_BACKUP)
        object_to_data(planner, plan, planner->installed);
    if (kind == PLAN_UNINSTALL && wish->purge)
        plan->loss = g_strdup("all of its data and backups");
    return plan;
}

/* --- rollback --- */

static gboolean is_complete(Planner *planner, const ReleaseRecord *record, GError **error)
{
    const LayoutDriver *layout = layout_find(planner->installed->layout, error);
    return layout && layout->verify(planner->place, record->version, record->tree, error);
}

/* The release to go back to: the newest older one that lies complete on this host. */
static ReleaseRecord *previous_release(Planner *planner, GError **error)
{
    g_autoptr(GPtrArray) records = journal_releases(planner->journal, planner->config->name, error);
    g_autoptr(GPtrArray) rejected = records ? journal_rejected(planner->journal, planner->config->name, error) : NULL;
    if (!rejected)
        return NULL;
    guint best = records->len;
    for (guint i = 0; i < records->len; i++) {
        const ReleaseRecord *record = g_ptr_array_index(records, i);
        gboolean bad = version_compare(record->version, planner->current) >= 0;
        for (guint j = 0; !bad && j < rejected->len; j++)
            bad = g_strcmp0(((const Rejection *)g_ptr_array_index(rejected, j))->release, record->sha256) == 0;
        if (bad || !is_complete(planner, record, NULL))
            continue;
        if (best == records->len ||
            version_compare(record->version, ((ReleaseRecord *)g_ptr_array_index(records, best))->version) > 0)
            best = i;
    }
    if (best == records->len) {
        fault_set(error, FAULT_ABSENT, "%s: no release older than %s is on this host", planner->config->name,
                  planner->current);
        return NULL;
    }
    return g_ptr_array_steal_index(records, best);
}

static ReleaseRecord *release_named(Planner *planner, const char *version, GError **error)
{
    g_autoptr(GError) local = NULL;
    g_autoptr(ReleaseRecord) record =
        journal_release(planner->journal, planner->config->name, version[0] == 'v' ? version + 1 : version, &local);
    if (record && is_complete(planner, record, &local))
        return g_steal_pointer(&record);
    if (local)
        g_propagate_error(error, g_steal_pointer(&local));
    else {
        fault_set(error, FAULT_ABSENT, "%s: release %s is not on this host", planner->config->name, version);
        fault_hint(error, "'liftlock update %s --to %s' fetches a newer one; 'liftlock status %s' lists what is here",
                   planner->config->name, version, planner->config->name);
    }
    return NULL;
}

/* Rule 9, keep: the present data's own manifest says so, or nothing about them changed in between. */
static gboolean data_fit(const Planner *planner, const Manifest *target)
{
    const Manifest *installed = planner->installed;
    gboolean has_state = installed->data->len > 0;
    for (guint i = 0; i < installed->shared->len; i++)
        has_state = has_state || ((const SharedPath *)g_ptr_array_index(installed->shared, i))->class_ == DATA_STATE;
    if (!has_state)
        return TRUE;
    if (installed->schema.runs_with)
        return version_matches(target->version, installed->schema.runs_with);
    g_autoptr(GPtrArray) between = manifest_migrations_due(installed, target->version, installed->version);
    const PartContext part = {.place = planner->place, .lock_fd = -1, .databases = planner->config->database};
    return between->len == 0 && installed->schema.version == target->schema.version &&
           sql_step_fits(&part, installed, target);
}

/* What speaks against restoring a backup beneath `target`, and what else to know of it. */
static GPtrArray *against_backup(const Planner *planner, const char *id, const Manifest *target, GPtrArray *notes)
{
    GPtrArray *objections = g_ptr_array_new_with_free_func((GDestroyNotify)objection_free);
    g_autoptr(GPtrArray) own = data_sets_own_new();
    g_autoptr(GPtrArray) sets = g_ptr_array_new();
    data_sets_add(sets, own, planner->installed);
    data_sets_add(sets, own, target);
    backup_compare(planner->place, id, sets, target, objections, notes);
    return objections;
}

static void take_backup(Plan *plan, const BackupRecord *record, GPtrArray *notes)
{
    g_free(plan->backup);
    plan->backup = g_strdup(record->id);
    g_ptr_array_unref(plan->notes);
    plan->notes = g_ptr_array_ref(notes);
}

/* The newest backup of the target's own data that it can take; of those that it cannot, why not. */
static const BackupRecord *backup_for(const Planner *planner, Plan *plan, const GPtrArray *backups,
                                      const Manifest *target)
{
    const BackupRecord *found = NULL;
    for (guint i = 0; i < backups->len; i++) {
        const BackupRecord *record = g_ptr_array_index(backups, i);
        if (g_strcmp0(record->version, plan->to) != 0)
            continue;
        g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
        g_autoptr(GPtrArray) objections = against_backup(planner, record->id, target, notes);
        if (!found || objections->len == 0) {
            g_ptr_array_unref(plan->objections);
            plan->objections = g_ptr_array_ref(objections);
            take_backup(plan, record, notes);
            found = record;
        }
        if (objections->len == 0)
            return record;
    }
    return found;
}

/* Rule 9, down: by a chain without a gap, declared by the publisher of what is installed. */
static gboolean plan_down(const Planner *planner, Plan *plan, const Manifest *target, char **why)
{
    const Manifest *installed = planner->installed;
    g_autoptr(GPtrArray) due = manifest_down_due(installed, target->version);
    const PartContext part = {.place = planner->place, .lock_fd = -1, .databases = planner->config->database};
    g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
    if (installed->migrate.at_start || !due || !sql_step_can_go_down(&part, installed, target, notes, why))
        return FALSE;
    if (due->len == 0 && notes->len == 0) /* what differs is nothing that could be taken back */
        return FALSE;
    for (guint i = 0; i < due->len; i++)
        g_ptr_array_add(plan->migrations, g_strdup(((const VersionCommands *)due->pdata[i])->name));
    g_ptr_array_extend_and_steal(plan->notes, g_steal_pointer(&notes));
    plan->data = DATA_DOWN;
    plan->loss = g_strdup_printf("what only the data of %s have room for (a backup of them is made first)", plan->from);
    return TRUE;
}

static gboolean plan_data_back(Planner *planner, Plan *plan, const Manifest *target, GError **error)
{
    plan->data = DATA_KEEP;
    if (data_fit(planner, target))
        return TRUE;
    g_autoptr(GPtrArray) backups = journal_backups(planner->journal, planner->config->name, error);
    if (!backups)
        return FALSE;
    g_autofree char *why = NULL;
    if (plan_down(planner, plan, target, &why))
        return TRUE;
    const BackupRecord *chosen = backup_for(planner, plan, backups, target);
    if (why)
        g_ptr_array_add(plan->notes, g_strdup_printf("the data cannot go down to %s: %s", plan->to, why));
    if (!chosen) {
        objection_add(plan->objections, FAULT_POLICY, NULL, "go forward instead: a newer release may repair it",
                      "%s cannot run on the data of %s, and there is no backup of its own", plan->to, plan->from);
        return TRUE;
    }
    plan->data = DATA_RESTORE;
    g_autofree char *when = clock_format(chosen->made_s);
    plan->loss = g_strdup_printf(
        "everything written since %s, when the backup of %s was made (the present data are saved first)", when,
        plan->to);
    return TRUE;
}

Plan *planner_rollback(Planner *planner, const PlanWish *wish, GError **error)
{
    g_autoptr(Plan) plan = plan_from_here(planner, PLAN_ROLLBACK, error);
    if (!plan)
        return NULL;
    g_autoptr(ReleaseRecord) record =
        wish->to ? release_named(planner, wish->to, error) : previous_release(planner, error);
    if (!record)
        return NULL;
    if (strcmp(record->version, plan->from) == 0) {
        fault_set(error, FAULT_USAGE, "%s: %s is what runs now", plan->app, plan->from);
        return NULL;
    }
    plan->identity = g_strdup(wish->identity);
    plan->take_release = wish->take_release;
    plan->to = g_strdup(record->version);
    plan->to_tree = g_strdup(record->tree);
    g_autoptr(Manifest) target = manifest_from_records(record->manifest, error);
    if (!target || !plan_data_back(planner, plan, target, error))
        return NULL;
    object_to_data(planner, plan, target);
    planner->manifest = g_steal_pointer(&target);
    if (wish->foresee)
        planner_foresee(planner, plan, NULL);
    return g_steal_pointer(&plan);
}

Plan *planner_restore(Planner *planner, const PlanWish *wish, GError **error)
{
    g_autoptr(Plan) plan = plan_from_here(planner, PLAN_RESTORE, error);
    g_autoptr(GPtrArray) backups = plan ? journal_backups(planner->journal, planner->config->name, error) : NULL;
    if (!backups)
        return NULL;
    const BackupRecord *chosen = NULL;
    for (guint i = 0; i < backups->len && !chosen; i++) {
        const BackupRecord *record = g_ptr_array_index(backups, i);
        if (!wish->backup || strcmp(record->id, wish->backup) == 0)
            chosen = record;
    }
    if (!chosen) {
        fault_set(error, FAULT_ABSENT, wish->backup ? "%s: there is no backup %s" : "%s: there is no backup", plan->app,
                  wish->backup);
        fault_hint(error, "'liftlock backup list %s' shows what there is", plan->app);
        return NULL;
    }
    plan->identity = g_strdup(wish->identity);
    plan->to = g_strdup(plan->from);
    plan->to_tree = g_strdup(plan->from_digest);
    plan->data = DATA_RESTORE;
    g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_unref(plan->objections);
    plan->objections = against_backup(planner, chosen->id, planner->installed, notes);
    take_backup(plan, chosen, notes);
    object_to_data(planner, plan, planner->installed);
    g_autofree char *when = clock_format(chosen->made_s);
    plan->loss = g_strdup_printf("everything written since %s (the present data are saved first)", when);
    gboolean fits = g_strcmp0(chosen->version, plan->from) == 0;
    if (!fits)
        objection_add(plan->objections, FAULT_POLICY, "--force", "roll back to that release instead",
                      "the backup holds data of %s, but %s runs", chosen->version, plan->from);
    plan_override(plan, wish);
    return g_steal_pointer(&plan);
}
