/* SPDX-License-Identifier: Apache-2.0 */
/* The table of backup drivers. */
#include "parts/backup/backup.h"
#include "base/fault.h"
#include "base/process.h"
#include "parts/backup/drivers.h"

#include <string.h>

const BackupDriver *const backup_drivers[] = {&backup_sqlite, &backup_files, &backup_postgres, &backup_command, NULL};

gboolean backup_name_fault(const DataSet *set, GError **error)
{
    return fault_prefix(error, "data '%s'", set->name);
}

char *backup_sessions(const char *const *paths)
{
    g_autoptr(GPtrArray) found = process_find_by_open_file(paths);
    if (!found || found->len == 0)
        return NULL;
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < found->len; i++) {
        const ProcessInfo *process = found->pdata[i];
        g_string_append_printf(text, "%s%d (%s)", i > 0 ? ", " : "", (int)process->pid, process->name);
    }
    return g_string_free(text, FALSE);
}

/* Names become names of files and keys of facts. */
static gboolean check_name(const DataSet *set, GError **error)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    gsize length = set->name ? strlen(set->name) : 0;
    if (length > 0 && length <= 64 && set->name[0] != '-' && strspn(set->name, allowed) == length)
        return TRUE;
    g_autofree char *shown = part_printable(set->name ? set->name : "");
    return fault_set(error, FAULT_MANIFEST, "data '%s': a name is 1 to 64 letters, digits, '_' and '-'", shown);
}

static gboolean check_keys(const DataSet *set, const BackupDriver *driver, GError **error)
{
    const char *missing = NULL;
    if (driver == &backup_command)
        missing = !set->save ? "save" : !set->restore ? "restore" : NULL;
    else if (driver == &backup_postgres)
        missing = !set->url_from ? "url_from" : NULL;
    else if (!set->path)
        missing = "path";
    return !missing ||
           fault_set(error, FAULT_MANIFEST, "data '%s': driver %s needs '%s'", set->name, driver->name, missing);
}

static const BackupDriver *find(const char *name)
{
    for (const BackupDriver *const *driver = backup_drivers; *driver; driver++)
        if (g_strcmp0((*driver)->name, name) == 0)
            return *driver;
    return NULL;
}

const BackupDriver *backup_find(const DataSet *set, GError **error)
{
    const char *names[G_N_ELEMENTS(backup_drivers)] = {NULL};
    for (gsize i = 0; backup_drivers[i]; i++)
        names[i] = backup_drivers[i]->name;
    if (!check_name(set, error))
        return NULL;
    const BackupDriver *driver = find(set->driver);
    if (driver)
        return check_keys(set, driver, error) ? driver : NULL;
    g_autofree char *shown = part_printable(set->driver ? set->driver : "");
    const char *nearest = schema_nearest(shown, names);
    if (nearest)
        fault_set(error, FAULT_MANIFEST, "data '%s': unknown driver '%s'; did you mean '%s'?", set->name, shown,
                  nearest);
    else
        fault_set(error, FAULT_MANIFEST, "data '%s': unknown driver '%s'", set->name, shown);
    return NULL;
}
