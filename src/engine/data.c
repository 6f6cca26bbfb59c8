/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/data.h"

#include "base/fault.h"
#include "parts/backup/backup.h"

#include <string.h>

/* Copies, dumps and notes go by the name of a set: two of one name would lie one over the other. */
static void object_to_names(const GPtrArray *sets, GPtrArray *objections)
{
    for (guint i = 0; i < sets->len; i++)
        for (guint j = i + 1; j < sets->len; j++) {
            const DataSet *one = g_ptr_array_index(sets, i), *other = g_ptr_array_index(sets, j);
            if (strcmp(one->name, other->name) == 0)
                objection_add(objections, FAULT_MANIFEST, NULL, "the publisher gives other data a name of their own",
                              "data '%s' would be two: %s, and %s of the other release", one->name,
                              one->path ? one->path : one->url_from, other->path ? other->path : other->url_from);
        }
}

void data_object(const PartContext *context, const GPtrArray *sets, gboolean copied, GPtrArray *objections,
                 GPtrArray *notes)
{
    object_to_names(sets, objections);
    for (guint i = 0; i < sets->len; i++) {
        const DataSet *set = g_ptr_array_index(sets, i);
        const BackupDriver *driver = backup_find(set, NULL); /* whoever uses it says what is wrong with it */
        if (driver && driver->object)
            driver->object(context, set, objections, notes);
        if (driver && driver->object_to_copy && copied)
            driver->object_to_copy(context, set, objections);
    }
}

static char *claim_of(const PartContext *context, const DataSet *set)
{
    const BackupDriver *driver = backup_find(set, NULL);
    return driver && driver->claim ? driver->claim(context, set) : NULL;
}

/* What cannot be asked now may be claimed all the same: nobody gives it up for that. */
gboolean data_claims(const PartContext *context, const GPtrArray *sets, GPtrArray *kinds, GPtrArray *names,
                     GError **error)
{
    for (guint i = 0; i < sets->len; i++) {
        const DataSet *set = g_ptr_array_index(sets, i);
        const BackupDriver *driver = backup_find(set, NULL);
        if (!driver || !driver->claim)
            continue;
        char *claim = driver->claim(context, set);
        if (!claim)
            return fault_set(error, FAULT_BACKUP, "data '%s': nobody says which database they are", set->name);
        g_ptr_array_add(kinds, (gpointer) "database");
        g_ptr_array_add(names, claim);
    }
    return TRUE;
}

void data_object_to_claimed(const PartContext *context, Journal *journal, const char *app, const GPtrArray *sets,
                            GPtrArray *objections)
{
    for (guint i = 0; i < sets->len; i++) {
        g_autofree char *claim = claim_of(context, g_ptr_array_index(sets, i));
        g_autofree char *owner = claim ? journal_owner(journal, "database", claim) : NULL;
        if (owner && strcmp(owner, app) != 0)
            objection_add(objections, FAULT_POLICY, NULL, "what must switch together is one app",
                          "database '%s' belongs to the app '%s'", strchr(claim, '/') + 1, owner);
    }
}

static char *server_key(const DataSet *set)
{
    return g_strconcat("server.", set->name, NULL);
}

gboolean data_servers_note(Job *job, GError **error)
{
    for (guint i = 0; i < job->sets->len; i++) {
        const DataSet *set = g_ptr_array_index(job->sets, i);
        const BackupDriver *driver = backup_find(set, error);
        if (!driver)
            return FALSE;
        if (!driver->server)
            continue;
        g_autofree char *run = driver->server(&job->part, set, NULL); /* who does not answer now stands for nothing */
        g_autofree char *key = server_key(set);
        if (!job_fact_note(job, key, run ? run : "", error))
            return FALSE;
    }
    return TRUE;
}

gboolean data_servers_stand(Job *job, GError **error)
{
    for (guint i = 0; i < job->sets->len; i++) {
        const DataSet *set = g_ptr_array_index(job->sets, i);
        const BackupDriver *driver = backup_find(set, NULL);
        g_autofree char *key = server_key(set);
        const char *noted = job_fact(job, key);
        if (!driver || !driver->server || !noted)
            continue;
        g_autofree char *run = driver->server(&job->part, set, error);
        if (!run)
            return FALSE;
        if (strcmp(run, noted) != 0)
            return fault_set(error, FAULT_BACKUP, "data '%s': the database server was started again meanwhile",
                             set->name);
    }
    return TRUE;
}

gboolean data_end_sessions(Job *job, gboolean own, GError **error)
{
    for (guint i = 0; i < job->sets->len; i++) {
        const DataSet *set = g_ptr_array_index(job->sets, i);
        const BackupDriver *driver = backup_find(set, error);
        if (!driver || (driver->end_sessions && !driver->end_sessions(&job->part, set, own, error)))
            return FALSE;
    }
    return TRUE;
}
