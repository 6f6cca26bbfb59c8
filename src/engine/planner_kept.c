/* SPDX-License-Identifier: Apache-2.0 */
/* Data that an earlier installation left: of which release they are, and what an install over them has to do. */
#include "engine/planner_kept.h"

#include "base/fault.h"
#include "engine/job.h"

#include <string.h>
#include <unistd.h>

static gboolean was_purged(const JobRecord *record)
{
    g_autoptr(Node) plan = document_parse(DOCUMENT_JSON, record->plan, strlen(record->plan), "plan", FAULT_STATE, NULL);
    return plan && node_get_bool(plan, "purge", FALSE);
}

/* The last job that came to a good end left the data as its release has them. *version NULL: none, or nobody knows. */
static gboolean version_from_journal(const Planner *planner, char **version, GError **error)
{
    g_autoptr(GPtrArray) jobs = journal_jobs(planner->journal, planner->config->name, -1, error);
    for (guint i = 0; jobs && i < jobs->len; i++) {
        const JobRecord *record = g_ptr_array_index(jobs, i);
        if (g_strcmp0(record->verdict, "updated") != 0)
            continue;
        gboolean gone = g_strcmp0(record->kind, "uninstall") == 0;
        *version = gone && was_purged(record) ? NULL : g_strdup(gone ? record->from : record->to);
        break;
    }
    return jobs != NULL;
}

/* The path of state that lies there already, for people; "" for a set that no path shows. NULL: none. */
static char *kept_path(const Planner *planner, gboolean known)
{
    g_autoptr(GPtrArray) own = data_sets_own_new();
    g_autoptr(GPtrArray) sets = g_ptr_array_new();
    data_sets_add(sets, own, planner->manifest);
    for (guint i = 0; i < sets->len; i++) {
        const DataSet *set = g_ptr_array_index(sets, i);
        g_autofree char *path = set->path ? g_build_filename(planner->place->root, set->path, NULL) : NULL;
        if (set->class_ == DATA_STATE && path && access(path, F_OK) == 0)
            return g_steal_pointer(&path);
        if (set->class_ == DATA_STATE && !path && known)
            return g_strdup_printf("data '%s'", set->name);
    }
    return NULL;
}

static void object_to_unknown(const Planner *planner, Plan *plan, const char *path)
{
    g_autoptr(GPtrArray) due = manifest_migrations_due(planner->manifest, "0", plan->to);
    if (due->len > 0)
        objection_add(plan->objections, FAULT_POLICY, NULL,
                      "say --data-from with the version that wrote them, or move them away",
                      "%s is there already, and nobody knows which migrations of %s it needs", path, plan->to);
}

gboolean planner_kept_data(Planner *planner, Plan *plan, const char *said, GError **error)
{
    g_autofree char *version = g_strdup(said);
    if (plan->kind != PLAN_INSTALL)
        return TRUE;
    if (!said && !version_from_journal(planner, &version, error))
        return FALSE;
    g_autofree char *path = kept_path(planner, version != NULL);
    if (!path) {
        if (said)
            objection_add(plan->objections, FAULT_USAGE, NULL, NULL, "--data-from %s: there are no data in %s", said,
                          planner->place->root);
        return TRUE;
    }
    if (!version) {
        object_to_unknown(planner, plan, path);
        return TRUE;
    }
    plan->data_from = g_strdup(version);
    g_ptr_array_add(plan->notes, g_strdup_printf("%s is kept, as data of %s", path, version));
    if (version_is_ordered(version) && version_is_ordered(plan->to) && version_compare(plan->to, version) < 0) {
        g_autofree char *hint = g_strdup_printf("install %s or a newer release, or move the data away", version);
        objection_add(plan->objections, FAULT_POLICY, NULL, hint, "%s holds data of %s, which is newer than %s", path,
                      version, plan->to);
    }
    return TRUE;
}
