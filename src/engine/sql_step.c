/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/sql_step.h"

#include "base/fault.h"
#include "base/fs.h"
#include "parts/migrate/sql.h"

#include <string.h>

static void say_remarks(Job *job, const GPtrArray *files)
{
    for (guint i = 0; i < files->len; i++) {
        g_autofree char *remark = sql_remark(files->pdata[i]);
        if (remark)
            job_say(job, "%s", remark);
    }
}

/* "a.sql, b.sql and 3 more"; NULL: none. */
static char *pending_names(const GPtrArray *files)
{
    enum { SHOWN = 8 };
    GString *text = g_string_new(NULL);
    guint n = 0;
    for (guint i = 0; i < files->len; i++) {
        const SqlMigration *migration = files->pdata[i];
        if (migration->state == SQL_PENDING && n++ < SHOWN)
            g_string_append_printf(text, "%s%s", n > 1 ? ", " : "", migration->name);
    }
    if (n > SHOWN)
        g_string_append_printf(text, " and %u more", n - SHOWN);
    return g_string_free(text, n == 0);
}

gboolean sql_step_look(Job *job, const char *tree, GError **error)
{
    const DataSet *set = sql_data_set(job->manifest);
    const SqlAccess access = {.context = &job->part, .set = set};
    g_autoptr(GPtrArray) files = set ? sql_look(&access, job->manifest, tree, error) : NULL;
    if (!files)
        return !set;
    g_autofree char *names = pending_names(files);
    if (!names && !job_fact_note(job, SQL_FACT, SQL_NOTHING_DUE, error))
        return FALSE;
    if (names)
        job_say(job, "to run on data '%s': %s", set->name, names);
    return TRUE;
}

gboolean sql_step_run(Job *job, const char *tree, GError **error)
{
    const DataSet *set = sql_data_set(job->manifest);
    const SqlAccess access = {.context = &job->part, .set = set};
    g_autoptr(GPtrArray) files = set ? sql_run(&access, job->manifest, tree, error) : NULL;
    if (files)
        say_remarks(job, files);
    return files || !set;
}

void sql_step_note(const PartContext *part, const Manifest *manifest, const char *to, GPtrArray *notes)
{
    const DataSet *set = sql_data_set(manifest);
    const SqlAccess access = {.context = part, .set = set};
    g_autofree char *tree = place_release(part->place, to, "");
    gboolean here = set && g_file_test(tree, G_FILE_TEST_IS_DIR);
    g_autoptr(GPtrArray) files = here ? sql_look(&access, manifest, tree, NULL) : NULL;
    if (!set)
        return;
    if (!files) { /* which of them are new is known when the release is unpacked */
        g_ptr_array_add(notes, g_strdup_printf("of %s, those run on data '%s' that were not run yet",
                                               manifest->sql.path, set->name));
        return;
    }
    g_autofree char *names = pending_names(files);
    if (names)
        g_ptr_array_add(notes, g_strdup_printf("to run on data '%s': %s", set->name, names));
    for (guint i = 0; i < files->len; i++) {
        char *remark = sql_remark(files->pdata[i]);
        if (remark)
            g_ptr_array_add(notes, remark);
    }
}

static GPtrArray *down(const PartContext *part, const Manifest *installed, const Manifest *older, gboolean apply,
                       GError **error)
{
    const SqlAccess access = {.context = part, .set = sql_data_set(installed)};
    g_autofree char *here = place_release(part->place, installed->version, "");
    g_autofree char *there = place_release(part->place, older->version, "");
    const SqlRelease from = {.manifest = installed, .directory = here}, to = {.manifest = older, .directory = there};
    return sql_down(&access, &from, &to, apply, error);
}

gboolean sql_step_down(Job *job, GError **error)
{
    if (!sql_data_set(job->installed))
        return TRUE;
    g_autoptr(GPtrArray) files = down(&job->part, job->installed, job->manifest, TRUE, error);
    if (!files)
        return FALSE;
    return sql_step_fits(&job->part, job->installed, job->manifest) ||
           fault_set(error, FAULT_MIGRATE, "the database still has migrations that %s does not know",
                     job->manifest->version);
}

gboolean sql_step_can_go_down(const PartContext *part, const Manifest *installed, const Manifest *older,
                              GPtrArray *notes, char **why)
{
    const DataSet *set = sql_data_set(installed);
    g_autoptr(GError) local = NULL;
    g_autoptr(GPtrArray) files = set ? down(part, installed, older, FALSE, &local) : NULL;
    if (set && !files)
        *why = g_strdup(local->message);
    for (guint i = 0; files && i < files->len; i++)
        g_ptr_array_add(notes,
                        g_strdup_printf("%s runs on data '%s'", ((SqlMigration *)files->pdata[i])->name, set->name));
    return !*why;
}

gboolean sql_step_fits(const PartContext *part, const Manifest *installed, const Manifest *older)
{
    const DataSet *set = sql_data_set(installed);
    const SqlAccess access = {.context = part, .set = set};
    g_autofree char *tree = place_release(part->place, older->version, "");
    return !set || sql_knows_all(&access, installed->sql.table, older, tree);
}
