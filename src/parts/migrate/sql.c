/* SPDX-License-Identifier: Apache-2.0 */
/* Which SQL files there are, which of them are due, and their turn. */
#include "parts/migrate/sql_drivers.h"

#include "base/digest.h"
#include "base/fault.h"
#include "base/fs.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <string.h>
#include <unistd.h>

#define FILE_LIMIT_BYTES (4 * 1024 * 1024)
#define WITHOUT_TRANSACTION "-- liftlock: no-transaction"

static const SqlDriver *const drivers[] = {&sql_sqlite, &sql_postgres};

static const SqlDriver *driver_of(const DataSet *set)
{
    for (gsize i = 0; i < G_N_ELEMENTS(drivers); i++)
        if (strcmp(drivers[i]->name, set->driver) == 0)
            return drivers[i];
    return NULL;
}

const DataSet *sql_data_set(const Manifest *manifest)
{
    for (guint i = 0; manifest->sql.path && i < manifest->data->len; i++) {
        const DataSet *set = manifest->data->pdata[i];
        if (g_strcmp0(set->name, manifest->sql.database) == 0 || (!manifest->sql.database && driver_of(set)))
            return set;
    }
    return NULL;
}

gboolean sql_is_without_transaction(const char *text)
{
    gsize size = strcspn(text, "\r\n");
    return size == strlen(WITHOUT_TRANSACTION) && strncmp(text, WITHOUT_TRANSACTION, size) == 0;
}

gboolean sql_fault(const SqlMigration *migration, gssize offset, const char *message, GError **error)
{
    g_autofree char *shown = part_printable(message);
    if (offset < 0)
        return fault_set(error, FAULT_MIGRATE, "%s: %s", migration->name, shown);
    guint line = 1;
    for (const char *at = migration->text; at < migration->text + offset && *at; at++)
        line += *at == '\n';
    return fault_set(error, FAULT_MIGRATE, "%s:%u: %s", migration->name, line, shown);
}

/* --- files --- */

static void migration_free(gpointer data)
{
    SqlMigration *migration = data;
    g_free(migration->name);
    g_free(migration->checksum);
    g_free(migration->text);
    g_free(migration);
}

static int by_name(gconstpointer a, gconstpointer b)
{
    return strcmp((*(const SqlMigration *const *)a)->name, (*(const SqlMigration *const *)b)->name);
}

static SqlMigration *read_one(int folder, const char *name, GError **error)
{
    gsize size;
    g_autofree char *text = fs_read(folder, name, FILE_LIMIT_BYTES, &size, error);
    if (!text)
        return NULL;
    if (!g_utf8_validate(text, (gssize)size, NULL)) { /* a NUL byte among them */
        fault_set(error, FAULT_MIGRATE, "%s is not UTF-8 text", name);
        return NULL;
    }
    SqlMigration *migration = g_new0(SqlMigration, 1);
    migration->name = g_strdup(name);
    migration->checksum = digest_bytes(text, size);
    migration->text = g_steal_pointer(&text);
    return migration;
}

static GPtrArray *read_all(const char *directory, const char *pattern, GError **error)
{
    g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(migration_free);
    g_autofree char *above = g_path_get_dirname(pattern), *names = g_path_get_basename(pattern);
    fs_fd int tree = fs_open_dir(directory, error);
    if (tree < 0)
        return NULL;
    if (!fs_exists(tree, above))
        return g_steal_pointer(&files);
    fs_fd int folder = fs_open_beneath(tree, above, O_RDONLY | O_DIRECTORY, 0, error);
    g_autofree char *path = g_build_filename(directory, above, NULL);
    g_autoptr(GDir) dir = folder < 0 ? NULL : g_dir_open(path, 0, NULL);
    if (!dir)
        return folder < 0 ? NULL : (fault_set(error, FAULT_SYSTEM, "cannot read %s", path), NULL);
    for (const char *name; (name = g_dir_read_name(dir));) {
        if (fnmatch(names, name, FNM_PERIOD) != 0)
            continue;
        SqlMigration *migration = read_one(folder, name, error);
        if (!migration)
            return NULL;
        g_ptr_array_add(files, migration);
    }
    g_ptr_array_sort(files, by_name);
    return g_steal_pointer(&files);
}

/* --- what is due --- */

static void add_gone(GPtrArray *files, GHashTable *applied)
{
    GHashTableIter iter;
    gpointer name, checksum;
    g_hash_table_iter_init(&iter, applied);
    while (g_hash_table_iter_next(&iter, &name, &checksum)) {
        SqlMigration *gone = g_new0(SqlMigration, 1);
        *gone = (SqlMigration){.name = g_strdup(name), .checksum = g_strdup(checksum), .state = SQL_GONE};
        g_ptr_array_add(files, gone);
    }
    g_ptr_array_sort(files, by_name);
}

GPtrArray *sql_look(const PartContext *context, const Manifest *manifest, const DataSet *set, const char *directory,
                    GError **error)
{
    const SqlDriver *driver = driver_of(set);
    g_autoptr(GPtrArray) files = read_all(directory, manifest->sql.path, error);
    g_autoptr(GHashTable) applied = files ? driver->applied(context, set, manifest->sql.table, error) : NULL;
    if (!applied)
        return NULL;
    for (guint i = 0; i < files->len; i++) {
        SqlMigration *migration = files->pdata[i];
        const char *checksum = g_hash_table_lookup(applied, migration->name);
        if (checksum)
            migration->state = strcmp(checksum, migration->checksum) == 0 ? SQL_APPLIED : SQL_EDITED;
        g_hash_table_remove(applied, migration->name);
    }
    add_gone(files, applied);
    return g_steal_pointer(&files);
}

static void tell(const PartContext *context, const char *format, const char *name)
{
    g_autofree char *text = g_strdup_printf("%s %s", name, format);
    if (context->on_line)
        context->on_line(text, context->on_line_data);
}

gboolean sql_run(const PartContext *context, const Manifest *manifest, const DataSet *set, const char *directory,
                 GError **error)
{
    g_autoptr(GPtrArray) files = sql_look(context, manifest, set, directory, error);
    if (!files)
        return FALSE;
    for (guint i = 0; i < files->len; i++) {
        const SqlMigration *migration = files->pdata[i];
        switch (migration->state) {
        case SQL_PENDING:
            if (!driver_of(set)->apply(context, set, manifest->sql.table, migration, manifest->version,
                                       manifest->migrate_timeout_ms, error))
                return FALSE;
            tell(context, "is applied", migration->name);
            break;
        case SQL_EDITED:
            tell(context, "was edited after it was applied; it is not run again", migration->name);
            break;
        case SQL_GONE:
            tell(context, "was applied once, and is not in this release", migration->name);
            break;
        case SQL_APPLIED:
            break;
        }
    }
    return TRUE;
}
