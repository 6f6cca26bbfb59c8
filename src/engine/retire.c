/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/retire.h"

#include "base/fault.h"
#include "base/fs.h"
#include "engine/data.h"
#include "engine/encryption.h"
#include "engine/inventories.h"
#include "engine/leftovers.h"
#include "engine/live.h"
#include "engine/live_switch.h"
#include "engine/offer.h"
#include "engine/unattended.h"
#include "model/manifest_switch.h"
#include "parts/backup/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define KEEP_JOBS 30
#define LIVED_JOBS 1000 /* looked back at for what was live */

static gboolean remove_below(const char *directory, const char *name, GError **error)
{
    fs_fd int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? TRUE : fault_errno(error, FAULT_SYSTEM, errno, "cannot open %s", directory);
    return fs_remove_tree(fd, name, error);
}

/* Versions that were live once, by jobs that ended well, and the one before the live one. */
typedef struct Lived {
    GHashTable *versions; /* set of char * */
    char *before;
} Lived;

static void lived_clear(Lived *lived)
{
    g_clear_pointer(&lived->versions, g_hash_table_unref);
    g_free(lived->before);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Lived, lived_clear)

static gboolean lived_read(Job *job, Lived *lived, GError **error)
{
    g_autoptr(GPtrArray) jobs = journal_jobs(job->journal, job->plan->app, LIVED_JOBS, error);
    lived->versions = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; jobs && i < jobs->len; i++) { /* the newest first */
        const JobRecord *record = g_ptr_array_index(jobs, i);
        if (g_strcmp0(record->verdict, "updated") != 0 || !record->to)
            continue;
        g_hash_table_add(lived->versions, g_strdup(record->to));
        if (!lived->before && g_strcmp0(record->to, job->plan->to) != 0)
            lived->before = g_strdup(record->to);
    }
    return jobs != NULL;
}

/* The live release, the one before it and the newest `keep` that were live stay: those are ways back. A release that
 * never got so far is none, however new. */
/* A release that is gone is nothing that a delta could start from. */
static void inventories_follow(const Job *job)
{
    g_autoptr(GPtrArray) versions = job->layout->present(job->place, NULL);
    if (versions)
        inventories_prune(job->place, versions);
}

static gboolean releases_prune(Job *job, GError **error)
{
    g_auto(Lived) lived = {0};
    g_autoptr(GPtrArray) records = journal_releases(job->journal, job->plan->app, error);
    if (!records || !lived_read(job, &lived, error))
        return FALSE;
    gint64 kept = 0, keep = job->config->policy.keep_releases > 0 ? job->config->policy.keep_releases
                                                                  : job->manifest->rollback.keep_releases;
    for (guint i = 0; i < records->len; i++) {
        const ReleaseRecord *record = g_ptr_array_index(records, i);
        gboolean needed = g_strcmp0(record->version, job->plan->to) == 0 ||
                          g_strcmp0(record->version, job->plan->from) == 0 ||
                          g_strcmp0(record->version, lived.before) == 0;
        if (needed || (kept < keep && g_hash_table_contains(lived.versions, record->version))) {
            kept++;
            continue;
        }
        if (!job->layout->remove(job->place, record->version, error) ||
            !journal_release_forget(job->journal, job->plan->app, record->version, error))
            return FALSE;
    }
    inventories_follow(job);
    return TRUE;
}

static gboolean backups_prune(Job *job, GError **error)
{
    g_autoptr(GPtrArray) backups = journal_backups(job->journal, job->plan->app, error);
    if (!backups)
        return FALSE;
    gint64 keep = MAX(job->config->policy.keep_backups > 0 ? job->config->policy.keep_backups
                                                           : job->manifest->rollback.keep_backups,
                      1);
    for (guint i = (guint)keep; i < backups->len; i++) {
        const BackupRecord *record = g_ptr_array_index(backups, i);
        if (!remove_below(job->place->backups, record->id, error) ||
            !journal_backup_forget(job->journal, record->id, error))
            return FALSE;
    }
    return TRUE;
}

/* What was made in the fence, or before there was a key, or was opened to be put back. */
static gboolean backups_close(Job *job, GError **error)
{
    g_autoptr(GPtrArray) backups = journal_backups(job->journal, job->plan->app, error);
    for (guint i = 0; backups && i < backups->len; i++)
        if (!encryption_close(&job->part, job->config, ((const BackupRecord *)backups->pdata[i])->id, error))
            return FALSE;
    return backups != NULL;
}

/* Data that a failed job left beside its way back are kept until a later job was observed healthy: now. */
static gboolean wayback_prune(Job *job, GError **error)
{
    if (!job->layout->prepare_revert(&job->part, NULL, error))
        return FALSE;
    for (guint i = 0; i < job->sets->len; i++) {
        const DataSet *set = g_ptr_array_index(job->sets, i);
        const BackupDriver *driver = backup_find(set, error);
        if (!driver || (driver->forget && !driver->forget(&job->part, set, error)))
            return FALSE;
    }
    fs_fd int fd = open(job->place->wayback, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_autoptr(GDir) dir = fd < 0 ? NULL : g_dir_open(job->place->wayback, 0, NULL);
    const char *name;
    while (dir && (name = g_dir_read_name(dir)))
        if (!fs_remove_tree(fd, name, error))
            return FALSE;
    return TRUE;
}

/* The journal is made anew from these: the folder of a job that sealed a release which is still here, or made a backup
 * which is, tells of it alone. */
static gboolean is_needed_to_rebuild(Job *job, const JobRecord *record)
{
    g_autofree char *backup = g_build_filename(job->place->backups, record->id, NULL);
    g_autoptr(ReleaseRecord) release =
        record->to && (g_str_equal(record->kind, "install") || g_str_equal(record->kind, "update"))
            ? journal_release(job->journal, record->app, record->to, NULL)
            : NULL;
    return release || g_file_test(backup, G_FILE_TEST_IS_DIR);
}

static gboolean jobs_prune(Job *job, GError **error)
{
    g_autoptr(GPtrArray) jobs = journal_jobs(job->journal, job->plan->app, 1000, error);
    if (!jobs)
        return FALSE;
    for (guint i = 0; i < jobs->len; i++) {
        const JobRecord *record = g_ptr_array_index(jobs, i);
        g_autofree char *directory = g_build_filename(job->place->jobs, record->id, NULL);
        gboolean ours = strcmp(record->id, job->id) == 0;
        /* A closed job needs no executable to recover with; its log stays for a while. */
        if (!ours && !remove_below(directory, "bin", error))
            return FALSE;
        if (!ours && i >= KEEP_JOBS && !is_needed_to_rebuild(job, record) &&
            !remove_below(job->place->jobs, record->id, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean own_record(Job *job, GError **error)
{
    g_autoptr(GPtrArray) kinds = g_ptr_array_new();
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(kinds, (gpointer) "path");
    g_ptr_array_add(names, g_strdup(job->place->root));
    for (guint i = 0; i < job->place->away->len; i++) {
        const PlaceAway *away = g_ptr_array_index(job->place->away, i);
        g_ptr_array_add(kinds, (gpointer) "path");
        g_ptr_array_add(names, g_strdup(away->path));
    }
    for (guint i = 0; i < job->manifest->services->len; i++) {
        const Service *service = g_ptr_array_index(job->manifest->services, i);
        if (service->unit) {
            g_ptr_array_add(kinds, (gpointer) "unit");
            g_ptr_array_add(names, g_strdup(service_own_unit(service)));
        }
    }
    return data_claims(&job->part, job->sets, kinds, names, error) &&
           journal_own(job->journal, job->plan->app, kinds, names, error);
}

gboolean retire_surplus(Job *job, GError **error)
{
    if (job->plan->kind == PLAN_BACKUP)
        return backups_prune(job, error) && backups_close(job, error);
    catalog_cache_prune(job->place, job->plan->to_sha256);
    return own_record(job, error) && live_switch_retire(job, error) &&
           live_unequip(job, job->installed, job->manifest, error) && releases_prune(job, error) &&
           backups_prune(job, error) && backups_close(job, error) && wayback_prune(job, error) &&
           jobs_prune(job, error) &&
           leftovers_prune(job->journal, job->place, job->sets, job->manifest->fence.file, error);
}

static gboolean app_records_remove(Job *job, GError **error)
{
    if (unlink(job->place->config) != 0 && errno != ENOENT)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot remove %s", job->place->config);
    unlink(job->place->status);
    return journal_app_forget(job->journal, job->plan->app, error);
}

static gboolean backups_forget(Job *job, GError **error)
{
    g_autoptr(GPtrArray) backups = journal_backups(job->journal, job->plan->app, error);
    for (guint i = 0; backups && i < backups->len; i++)
        if (!journal_backup_forget(job->journal, ((const BackupRecord *)g_ptr_array_index(backups, i))->id, error))
            return FALSE;
    return backups && remove_below(job->place->state, "backups", error);
}

/* The databases are the operator's; what jobs left beside them is ours. A server that is gone does not keep the app. */
static void databases_tidy(Job *job)
{
    for (guint i = 0; i < job->sets->len; i++) {
        const DataSet *set = g_ptr_array_index(job->sets, i);
        const BackupDriver *driver = set->url_from ? backup_find(set, NULL) : NULL;
        g_autoptr(GError) local = NULL;
        if (driver && driver->forget && !driver->forget(&job->part, set, &local))
            job_say(job, "%s", local->message);
    }
}

static gboolean remove_named(Job *job, const char *const *names, GError **error)
{
    for (guint i = 0; names[i]; i++)
        if (!remove_below(job->place->root, names[i], error))
            return FALSE;
    return TRUE;
}

static gboolean purge_sets(Job *job, GError **error)
{
    for (guint i = 0; i < job->sets->len; i++) {
        const DataSet *set = g_ptr_array_index(job->sets, i);
        if (set->path && !remove_below(job->place->root, set->path, error))
            return FALSE;
    }
    return TRUE;
}

gboolean retire_app(Job *job, GError **error)
{
    databases_tidy(job);
    if (!live_switch_retire(job, error) || !live_unequip(job, job->manifest, NULL, error) ||
        !job->layout->prepare_revert(&job->part, NULL, error) || !unattended_retire(job->place, error))
        return FALSE;
    static const char *const program[] = {"releases", "system", ".liftlock", NULL};
    static const char *const data[] = {"shared", "logs", NULL};
    static const char *const in_place[] = {".liftlock-store", ".liftlock",
                                           NULL}; /* the rest of the root is the user's */
    if (!remove_named(job, job->layout->in_place ? in_place : program, error))
        return FALSE;
    if (job->plan->purge && !(job->layout->in_place ? purge_sets(job, error) : remove_named(job, data, error)))
        return FALSE;
    static const char *const state[] = {"cache", "inventories", "staging", "trust", "hold", "fence"};
    for (guint i = 0; i < G_N_ELEMENTS(state); i++)
        if (!remove_below(job->place->state, state[i], error))
            return FALSE;
    if (job->plan->purge && !backups_forget(job, error))
        return FALSE;
    offer_retire(job->place);
    rmdir(job->place->root); /* only if nothing else is in it */
    return app_records_remove(job, error);
}
