/* SPDX-License-Identifier: Apache-2.0 */
/* Steps that keep data safe and bring them to a new shape: dump, copy, migrate. */
#include "engine/steps.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/fs.h"
#include "engine/backups.h"
#include "engine/encryption.h"
#include "engine/room.h"
#include "engine/sql_step.h"
#include "parts/backup/backup.h"
#include "parts/migrate/migrate.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* --- dump --------------------------------------------------------------------------------------------------------- */

static gboolean dump_set(Job *job, const DataSet *set, const char *directory, GError **error)
{
    const BackupDriver *driver = backup_find(set, error);
    if (!driver || !driver->dump(&job->part, set, directory, error) ||
        !driver->verify(&job->part, set, directory, error))
        return FALSE;
    fs_fd int fd = fs_open_dir(directory, error);
    return fd >= 0 && backup_note_driver(fd, set, error);
}

/* What is to come back is read in full while the app still serves: nobody is stopped for a backup that cannot. */
static gboolean restore_verify(Job *job, GError **error)
{
    g_autofree char *directory = g_build_filename(job->place->backups, job->plan->backup, NULL);
    if (encryption_hides(job->place, job->plan->backup) &&
        !encryption_open(&job->part, job->plan->backup, job->plan->identity, directory, error))
        return FALSE;
    g_autoptr(GPtrArray) objections = g_ptr_array_new_with_free_func((GDestroyNotify)objection_free);
    g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
    backup_compare(job->place, job->plan->backup, job->sets, job->manifest, objections, notes);
    if (objections->len > 0) {
        const Objection *first = g_ptr_array_index(objections, 0);
        return fault_set(error, (enum fault_code)first->code, "%s: %s", job->plan->app, first->text);
    }
    for (guint i = 0; i < job->sets->len; i++) {
        const DataSet *set = g_ptr_array_index(job->sets, i);
        const BackupDriver *driver = backup_find(set, error);
        if (!driver)
            return FALSE;
        if (backup_has(job->place, job->plan->backup, set->name) && !driver->verify(&job->part, set, directory, error))
            return fault_prefix(error, "backup %s", job->plan->backup);
    }
    return TRUE;
}

static const char *dump_reason(const Job *job)
{
    return job->plan->kind == PLAN_BACKUP ? "by hand" : plan_kind_name(job->plan->kind);
}

static gboolean dump_record(Job *job, guint64 size_bytes, GError **error)
{
    g_autofree char *schema =
        job->installed ? g_strdup_printf("%" G_GINT64_FORMAT, job->installed->schema.version) : NULL;
    BackupRecord record = {
        .id = job->id,
        .app = job->plan->app,
        .job = job->id,
        .version = job->plan->from ? job->plan->from : job->plan->data_from,
        .manifest_version = schema,
        .reason = (char *)dump_reason(job),
        .made_s = clock_now_s(),
        .size_bytes = (gint64)size_bytes,
    };
    Node *fields = node_new_map();
    node_set_text(fields, "version", record.version);
    node_set_text(fields, "schema", record.manifest_version);
    node_set_text(fields, "reason", record.reason);
    node_set_int(fields, "size", record.size_bytes);
    job_log_write(job->log, "backup", fields, FALSE);
    return journal_backup_put(job->journal, &record, error);
}

static gboolean dump_sets(Job *job, int parent, GError **error)
{
    g_autofree char *directory = g_build_filename(job->place->backups, job->id, NULL);
    FsUsage usage = {0};
    for (guint i = 0; i < job->sets->len; i++)
        if (!dump_set(job, g_ptr_array_index(job->sets, i), directory, error))
            return FALSE;
    return fs_sync_file_system(parent, error) && fs_usage(parent, job->id, &usage, error) &&
           dump_record(job, usage.bytes, error);
}

/* What a restore replaces must be saved to the last row, so that its dump has to wait for the fence: copy makes it. */
static gboolean dumps_in_fence(const Job *job)
{
    return job->plan->data == DATA_RESTORE;
}

/* Makes the job's backup, and lists it once it is durable and was read again. */
static gboolean dump_make(Job *job, GError **error)
{
    fs_fd int parent = fs_make_path(job->place->backups, 0700, error) ? fs_open_dir(job->place->backups, error) : -1;
    /* What an interrupted try of this very job left is not a backup. */
    if (parent < 0 || !fs_remove_tree(parent, job->id, error) || !fs_make_dirs(parent, job->id, 0700, error))
        return FALSE;
    /* A rehearsal reads it first; in the fence there is no time for it. Settle sees to what is left in plain. */
    gboolean later = job->plan->rehearse || dumps_in_fence(job);
    if (dump_sets(job, parent, error) && (later || encryption_close(&job->part, job->config, job->id, error)))
        return TRUE;
    fs_remove_tree(parent, job->id, NULL); /* half of one only takes room, which may be what was missing */
    return FALSE;
}

/* An install finds nothing, or data that need nothing done. */
static gboolean leaves_data_alone(const Job *job)
{
    return job->plan->kind == PLAN_INSTALL && job->plan->migrations->len == 0 && !job->manifest->sql.path;
}

gboolean dump_act(Job *job, GError **error)
{
    if (job->sets->len == 0 || leaves_data_alone(job))
        return TRUE;
    return dumps_in_fence(job) ? restore_verify(job, error) : dump_make(job, error);
}

/* --- copy --------------------------------------------------------------------------------------------------------- */

static gboolean sync_root(Job *job, GError **error)
{
    fs_fd int fd = fs_open_dir(job->place->root, error);
    return fd >= 0 && fs_sync_file_system(fd, error);
}

static gboolean changes_nothing(Job *job)
{
    return job->plan->copy == COPY_NEVER ||
           (job->plan->copy == COPY_IF_SQL_IS_DUE && g_strcmp0(job_fact(job, SQL_FACT), SQL_NOTHING_DUE) == 0);
}

/* Without a fence nobody is at rest, and a copy would be a lie; the plan has proved that none is needed. (Where other
 * data come in, all services were stopped and observed to be.) */
gboolean data_is_to_be_copied(Job *job)
{
    gboolean changes_data = !job->installed || step_is_in(step_find("stage"), job->plan->kind);
    const Manifest *manifest = changes_data ? job->manifest : job->installed;
    gboolean at_rest = dumps_in_fence(job) || (!job->installed && !leaves_data_alone(job));
    return (manifest->fence.mode != FENCE_NONE && !changes_nothing(job)) || at_rest;
}

/* While this stands beside the copies, going back means putting them back. Undo takes it away before anybody may write
 * again: a second undo must not put older data over what users wrote meanwhile. Taking away needs no room. */
#define COPIED "copied"

static int wayback_open(const Job *job)
{
    g_autofree char *path = g_build_filename(job->place->wayback, job->id, NULL);
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static gboolean copied_note(Job *job, GError **error)
{
    fs_fd int fd = wayback_open(job);
    if (fd < 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot open %s/%s", job->place->wayback, job->id);
    return fs_write_atomic(fd, COPIED, "", 0, 0600, error);
}

gboolean data_is_copied(Job *job)
{
    fs_fd int fd = wayback_open(job);
    return fd >= 0 && fs_exists(fd, COPIED);
}

gboolean data_went_back(Job *job)
{
    return step_is_in(step_find("copy"), job->plan->kind) && data_is_to_be_copied(job) && !data_is_copied(job);
}

gboolean copy_act(Job *job, GError **error)
{
    if (!data_is_to_be_copied(job))
        return TRUE;
    room_release_work(job);
    /* Before the copies: reading a database may tidy its files up. */
    if (dumps_in_fence(job) && job->sets->len > 0 && !dump_make(job, error))
        return FALSE;
    for (guint i = 0; i < job->sets->len; i++) {
        const DataSet *set = g_ptr_array_index(job->sets, i);
        const BackupDriver *driver = backup_find(set, error);
        if (!driver || !driver->copy(&job->part, set, error))
            return FALSE;
    }
    return sync_root(job, error) && copied_note(job, error);
}

static gboolean put_back(Job *job, const DataSet *set, GError **error)
{
    const BackupDriver *driver = backup_find(set, error);
    if (!driver)
        return FALSE;
    if (!driver->changed(&job->part, set))
        return TRUE;
    if (!driver->put_back(&job->part, set, error))
        return FALSE;
    g_autofree char *kept = driver->kept ? driver->kept(&job->part, set) : NULL;
    g_autofree char *directory = g_build_filename(job->place->wayback, job->id, NULL);
    job_say(job, "data '%s' are back as they were; what replaced them is kept in %s", set->name,
            kept ? kept : directory);
    return TRUE;
}

/* Copies that were not all finished are of data that nobody has touched yet: migrate comes after. */
gboolean copy_undo(Job *job, GError **error)
{
    fs_fd int fd = wayback_open(job);
    if (fd < 0)
        return errno == ENOENT ||
               fault_errno(error, FAULT_SYSTEM, errno, "cannot open %s/%s", job->place->wayback, job->id);
    if (!fs_exists(fd, COPIED)) /* a try before this one may have got no further than taking it away */
        return fs_sync_dir(fd, error);
    for (guint i = job->sets->len; i > 0; i--)
        if (!put_back(job, g_ptr_array_index(job->sets, i - 1), error))
            return FALSE;
    if (unlinkat(fd, COPIED, 0) != 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot remove %s/%s/%s", job->place->wayback, job->id, COPIED);
    return fs_sync_dir(fd, error);
}

/* --- migrate ------------------------------------------------------------------------------------------------------ */

static gboolean restore_sets(Job *job, GError **error)
{
    g_autofree char *directory = g_build_filename(job->place->backups, job->plan->backup, NULL);
    for (guint i = 0; i < job->sets->len; i++) {
        const DataSet *set = g_ptr_array_index(job->sets, i);
        const BackupDriver *driver = backup_find(set, error);
        if (!driver)
            return FALSE;
        /* The plan has said so: the release that comes back does not know these data. */
        if (backup_has(job->place, job->plan->backup, set->name) && !driver->restore(&job->part, set, directory, error))
            return FALSE;
    }
    return TRUE;
}

/* SQL files first: the version's commands are written for the new schema. */
static gboolean migrations_run(Job *job, GError **error)
{
    g_autofree char *tree = job_tree(job, job->plan->to);
    g_autoptr(GPtrArray) due =
        manifest_migrations_due(job->manifest, job->plan->from ? job->plan->from : job->plan->data_from, job->plan->to);
    return sql_step_run(job, tree, error) &&
           migrate_run(&job->part, due, tree, job->manifest->migrate_timeout_ms, error);
}

static gboolean sets_sync(Job *job, GError **error)
{
    for (guint i = 0; i < job->sets->len; i++) {
        const DataSet *set = g_ptr_array_index(job->sets, i);
        const BackupDriver *driver = backup_find(set, error);
        if (!driver || (driver->sync && !driver->sync(&job->part, set, error)))
            return FALSE;
    }
    return TRUE;
}

/* In the order opposite to migrations_run, by what the release that goes away brought along. */
static gboolean migrations_take_back(Job *job, GError **error)
{
    g_autofree char *tree = job_tree(job, job->plan->from);
    g_autoptr(GPtrArray) due = manifest_down_due(job->installed, job->plan->to);
    if (!due)
        return fault_set(error, FAULT_MIGRATE, "%s has no way down to %s", job->plan->from, job->plan->to);
    return migrate_run(&job->part, due, tree, job->installed->migrate_timeout_ms, error) && sql_step_down(job, error);
}

/* Migrations of an app in place find the new release where they will always find it: the switch comes before them, and
 * activate finds nothing left to do. Those that take something back belong to the release that goes. */
static gboolean switches_first(const Job *job)
{
    return job->layout->in_place && step_is_in(step_find("activate"), job->plan->kind) && job->plan->data != DATA_DOWN;
}

gboolean migrate_undo(Job *job, GError **error)
{
    return !switches_first(job) || activate_undo(job, error);
}

gboolean migrate_act(Job *job, GError **error)
{
    if (switches_first(job) && !activate_act(job, error))
        return FALSE;
    switch (job->plan->data) {
    case DATA_KEEP:
        return TRUE;
    case DATA_RESTORE:
        return restore_sets(job, error) && sync_root(job, error);
    case DATA_DOWN:
        return migrations_take_back(job, error) && sets_sync(job, error) && sync_root(job, error);
    case DATA_MIGRATE:
        break;
    }
    if (leaves_data_alone(job))
        return TRUE;
    return migrations_run(job, error) && sets_sync(job, error) && sync_root(job, error);
}
