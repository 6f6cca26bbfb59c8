/* SPDX-License-Identifier: Apache-2.0 */
/* Migrations: the publisher's commands, version by version. */
#include "parts/migrate/migrate.h"
#include "base/fault.h"

static gboolean run_version(const PartContext *context, const VersionCommands *version, const char *directory,
                            gint64 timeout_ms, GError **error)
{
    for (guint i = 0; i < version->commands->len; i++) {
        const char *line = version->commands->pdata[i];
        g_autofree char *shown = part_printable(line);
        g_autofree char *name = g_strdup_printf("migration %s '%s'", version->name, shown);
        if (!part_run_line(context, name, line, directory, timeout_ms, FAULT_MIGRATE, error))
            return FALSE;
    }
    return TRUE;
}

gboolean migrate_run(const PartContext *context, const GPtrArray *due, const char *directory, gint64 timeout_ms,
                     GError **error)
{
    for (guint i = 0; i < due->len; i++) {
        const VersionCommands *version = due->pdata[i];
        if (!run_version(context, version, directory, timeout_ms, error))
            return FALSE;
        if (context->facts && !context->facts->set(context->facts, "migrate.done", version->name, error))
            return FALSE;
    }
    return TRUE;
}
