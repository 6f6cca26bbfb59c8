/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/data.h"

#include "base/fault.h"
#include "parts/backup/backup.h"

#include <string.h>

void data_object(const PartContext *context, const GPtrArray *sets, GPtrArray *objections, GPtrArray *notes)
{
    for (guint i = 0; i < sets->len; i++) {
        const DataSet *set = g_ptr_array_index(sets, i);
        const BackupDriver *driver = backup_find(set, NULL); /* whoever uses it says what is wrong with it */
        if (driver && driver->object)
            driver->object(context, set, objections, notes);
    }
}

static char *claim_of(const PartContext *context, const DataSet *set)
{
    const BackupDriver *driver = backup_find(set, NULL);
    return driver && driver->claim ? driver->claim(context, set) : NULL;
}

void data_claims(const PartContext *context, const GPtrArray *sets, GPtrArray *kinds, GPtrArray *names)
{
    for (guint i = 0; i < sets->len; i++) {
        char *claim = claim_of(context, g_ptr_array_index(sets, i));
        if (!claim)
            continue;
        g_ptr_array_add(kinds, (gpointer) "database");
        g_ptr_array_add(names, claim);
    }
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
