/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/room.h"

#include "engine/encryption.h"

#include "base/fault.h"
#include "base/fs.h"
#include "engine/steps.h"
#include "parts/backup/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Undo itself is made of renames and unlinks; these bytes are for its log lines, marks and the verdict. */
#define RESERVE_BYTES (2 * 1024 * 1024)
#define RESERVE_NAME "reserve"

#define WORK_NAME "reserve-work"

typedef struct Need {
    char *path, *what;
    dev_t device;
    guint64 bytes, entries, free_bytes, free_inodes;
} Need;

static char *megabytes(guint64 bytes)
{
    return g_strdup_printf("%" G_GUINT64_FORMAT " MB", (bytes + 999999) / 1000000);
}

/* "has 1 MB, takes at most 1 MB" helps nobody. */
static char *size_said(guint64 bytes, guint64 beside)
{
    gboolean small = MIN(bytes, beside) < 10000000;
    return small ? g_strdup_printf("%" G_GUINT64_FORMAT " bytes", bytes) : megabytes(bytes);
}

gboolean room_for_download(const Place *place, const HostConfig *host, guint64 download_bytes, guint64 archive_bytes,
                           guint64 unpacked_bytes, GError **error)
{
    guint64 largest = MAX(archive_bytes, unpacked_bytes), most = (guint64)host->max_release_bytes;
    if (largest > most) {
        g_autofree char *size = size_said(largest, most), *limit = size_said(most, largest);
        fault_set(error, FAULT_REQUIREMENT, "the release has %s, this host takes at most %s", size, limit);
        return fault_hint(error, "if that is right, raise max_release_size in the configuration");
    }
    FsRoom room;
    if (!fs_room(place->state, &room, error))
        return FALSE;
    guint64 need_bytes = download_bytes + (guint64)host->space_margin_bytes;
    if (need_bytes <= room.free_bytes)
        return TRUE;
    g_autofree char *need = megabytes(need_bytes), *have = megabytes(room.free_bytes);
    fault_set(error, FAULT_SPACE, "%s: the download needs %s, %s are free", place->state, need, have);
    return fault_hint(error, "free room there, then try again");
}

/* --- what a plan needs --- */

static void need_free(gpointer data)
{
    Need *need = data;
    g_free(need->path);
    g_free(need->what);
    g_free(need);
}

GPtrArray *room_needs_new(void)
{
    return g_ptr_array_new_with_free_func(need_free);
}

static Need *need_on(GPtrArray *needs, const char *path, const FsRoom *room)
{
    for (guint i = 0; i < needs->len; i++)
        if (((Need *)g_ptr_array_index(needs, i))->device == room->device)
            return g_ptr_array_index(needs, i);
    Need *need = g_new0(Need, 1);
    need->path = g_strdup(path);
    need->device = room->device;
    need->free_bytes = room->free_bytes;
    need->free_inodes = room->free_inodes;
    g_ptr_array_add(needs, need);
    return need;
}

static gboolean names(const Need *need, const char *what)
{
    g_auto(GStrv) all = g_strsplit(need->what ? need->what : "", ", ", -1);
    return g_strv_contains((const char *const *)all, what);
}

void room_need(GPtrArray *needs, const char *path, const char *what, guint64 bytes, guint64 entries)
{
    FsRoom room;
    if (bytes + entries == 0 || !fs_room(path, &room, NULL)) /* whoever acts there says what is wrong with it */
        return;
    Need *need = need_on(needs, path, &room);
    need->bytes += bytes;
    need->entries += entries;
    if (names(need, what))
        return;
    g_autofree char *before = need->what;
    need->what = before ? g_strconcat(before, ", ", what, NULL) : g_strdup(what);
}

static void need_set(GPtrArray *needs, const Place *place, const DataSet *set, guint uses)
{
    PartContext part = {.place = place, .lock_fd = -1};
    const BackupDriver *driver = backup_find(set, NULL);
    FsUsage usage = {0};
    guint64 bytes = 0;
    gboolean shared = FALSE;
    if (!driver || !driver->size || !driver->size(&part, set, &bytes, &shared, NULL))
        return;
    g_autofree char *path = g_build_filename(place->root, set->path, NULL);
    g_autofree char *directory = set->path ? g_path_get_dirname(path) : g_strdup(place->root);
    fs_fd int root = set->path ? fs_open_dir(place->root, NULL) : -1;
    if (root >= 0)
        fs_usage(root, set->path, &usage, NULL);
    if (uses & ROOM_DUMP)
        room_need(needs, place->backups, "backup", bytes, usage.entries);
    if (uses & ROOM_DUMP && uses & ROOM_ENCRYPTED) /* a tree becomes one file on the way */
        room_need(needs, place->backups, "its encryption", 2 * bytes, 2);
    if (uses & ROOM_REHEARSAL)
        room_need(needs, place->staging, "rehearsal", 2 * bytes, usage.entries);
    if (set->url_from) /* the rest is the server's: its driver objects */
        return;
    if (uses & ROOM_COPY)
        room_need(needs, directory, "copy of the data", shared ? 0 : bytes, usage.entries);
    if (uses & ROOM_MIGRATION)
        room_need(needs, directory, "migration", bytes, usage.entries);
}

void room_need_data(GPtrArray *needs, const Place *place, const GPtrArray *sets, guint uses)
{
    for (guint i = 0; i < sets->len; i++)
        need_set(needs, place, g_ptr_array_index(sets, i), uses);
}

void room_need_restore(GPtrArray *needs, const Place *place, const char *backup)
{
    FsUsage usage = {0};
    fs_fd int backups = fs_open_dir(place->backups, NULL);
    if (backups < 0 || !fs_usage(backups, backup, &usage, NULL))
        return;
    room_need(needs, place->root, "data that come back", usage.bytes, usage.entries);
    if (encryption_hides(place, backup))
        room_need(needs, place->backups, "the decrypted backup", 2 * usage.bytes, usage.entries);
}

/* "download, release and backup" */
static char *purposes(const Need *need)
{
    const char *last = strrchr(need->what, ',');
    return last ? g_strdup_printf("%.*s and%s", (int)(last - need->what), need->what, last + 1) : g_strdup(need->what);
}

void room_check(const GPtrArray *needs, guint64 margin_bytes, GPtrArray *objections)
{
    for (guint i = 0; i < needs->len; i++) {
        const Need *need = g_ptr_array_index(needs, i);
        g_autofree char *bytes = megabytes(need->bytes + margin_bytes), *what = purposes(need);
        g_autofree char *have = g_strdup_printf("%" G_GUINT64_FORMAT " MB", need->free_bytes / 1000000);
        if (need->bytes + margin_bytes > need->free_bytes)
            objection_add(objections, FAULT_SPACE, NULL, "free room there, then try again",
                          "the file system of %s needs %s for %s, and %s are free", need->path, bytes, what, have);
        else if (need->entries > need->free_inodes)
            objection_add(objections, FAULT_SPACE, NULL, "remove small files there, then try again",
                          "the file system of %s needs %" G_GUINT64_FORMAT " inodes for %s, and %" G_GUINT64_FORMAT
                          " are free",
                          need->path, need->entries, what, need->free_inodes);
    }
}

/* --- what a job keeps back --- */

/* What is still to be written between ready and commit. */
static GPtrArray *needs_of_fence(const Job *job)
{
    GPtrArray *needs = room_needs_new();
    const Plan *plan = job->plan;
    if (!step_is_in(step_find("copy"), plan->kind))
        return needs;
    room_need_data(needs, job->place, job->sets,
                   (plan->copy == COPY_NEVER ? 0 : ROOM_COPY) | (plan->data == DATA_RESTORE ? ROOM_DUMP : 0) |
                       (plan->migrations->len > 0 ? ROOM_MIGRATION : 0));
    if (plan->data == DATA_RESTORE)
        room_need_restore(needs, job->place, plan->backup);
    return needs;
}

/* Without writing: a file system that cannot reserve is taken at its word of what is free. */
static gboolean reserve_work(const char *directory, const GPtrArray *needs, GError **error)
{
    FsRoom room;
    fs_fd int dir = fs_open_dir(directory, error);
    if (dir < 0 || !fs_room(directory, &room, error))
        return FALSE;
    for (guint i = 0; i < needs->len; i++) {
        const Need *need = g_ptr_array_index(needs, i);
        if (need->device != room.device || need->bytes == 0)
            continue;
        fs_fd int fd = fs_open_beneath(dir, WORK_NAME, O_WRONLY | O_CREAT, 0600, error);
        if (fd < 0)
            return FALSE;
        if (fallocate(fd, 0, 0, (off_t)MIN(need->bytes, (guint64)G_MAXINT64)) == 0 || errno == EOPNOTSUPP)
            continue;
        int why = errno;
        g_autofree char *bytes = megabytes(need->bytes), *what = purposes(need);
        unlinkat(dir, WORK_NAME, 0);
        return fault_errno(error, FAULT_SPACE, why, "cannot reserve %s in %s for %s", bytes, directory, what);
    }
    return TRUE;
}

static gboolean reserve_in(const char *directory, GError **error)
{
    fs_fd int fd = fs_open_dir(directory, error);
    return fd >= 0 && fs_reserve(fd, RESERVE_NAME, RESERVE_BYTES, error);
}

gboolean room_reserve(Job *job, GError **error)
{
    g_autofree char *wayback = g_build_filename(job->place->wayback, job->id, NULL);
    g_autoptr(GPtrArray) needs = needs_of_fence(job);
    FsRoom here, there;
    if (!fs_room(wayback, &here, error) || !fs_room(job->directory, &there, error))
        return FALSE;
    return reserve_in(wayback, error) && reserve_in(job->directory, error) && reserve_work(wayback, needs, error) &&
           (here.device == there.device || reserve_work(job->directory, needs, error));
}

static void drop(const Job *job, const char *name)
{
    g_autofree char *wayback = g_build_filename(job->place->wayback, job->id, name, NULL);
    g_autofree char *directory = g_build_filename(job->directory, name, NULL);
    unlink(wayback);
    unlink(directory);
}

void room_release_work(Job *job)
{
    drop(job, WORK_NAME);
}

void room_release(Job *job)
{
    drop(job, WORK_NAME);
    drop(job, RESERVE_NAME);
}
