/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/room.h"

#include "base/fault.h"
#include "base/fs.h"

#include <fcntl.h>
#include <unistd.h>

/* Undo itself is made of renames and unlinks; these bytes are for its log lines, marks and the verdict. */
#define RESERVE_BYTES (2 * 1024 * 1024)
#define RESERVE_NAME "reserve"

typedef struct Need {
    const char *path, *what;
    guint64 bytes, entries;
} Need;

static char *megabytes(guint64 bytes)
{
    return g_strdup_printf("%" G_GUINT64_FORMAT " MB", (bytes + 999999) / 1000000);
}

gboolean room_for_download(const Place *place, const HostConfig *host, guint64 download_bytes, guint64 archive_bytes,
                           guint64 unpacked_bytes, GError **error)
{
    guint64 largest = MAX(archive_bytes, unpacked_bytes);
    if (largest > (guint64)host->max_release_bytes) {
        g_autofree char *size = megabytes(largest), *limit = megabytes((guint64)host->max_release_bytes);
        fault_set(error, FAULT_REQUIREMENT, "the release has %s, this host takes at most %s", size, limit);
        return fault_hint(error, "if that is right, raise max_release_size in liftlock.toml");
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

void room_check(const Place *place, const HostConfig *host, const Manifest *manifest, guint64 download_bytes,
                guint64 unpack_bytes, guint64 unpack_entries, guint64 data_bytes, GPtrArray *objections)
{
    guint64 margin = (guint64)host->space_margin_bytes;
    guint64 declared = (guint64)manifest->requirements.min_disk_space_mb * 1000000;
    /* cache and dumps lie below the state directory, the release and the copy of the data below the app's root */
    Need needs[] = {
        {place->state, "download and backup", download_bytes + data_bytes + margin, 64},
        {place->root, "release and copy of the data", MAX(unpack_bytes + data_bytes + margin, declared),
         unpack_entries + 64},
    };
    FsRoom rooms[G_N_ELEMENTS(needs)];
    for (guint i = 0; i < G_N_ELEMENTS(needs); i++) {
        g_autoptr(GError) error = NULL;
        if (!fs_room(needs[i].path, &rooms[i], &error)) {
            objection_add(objections, FAULT_SPACE, NULL, NULL, "%s", error->message);
            return;
        }
    }
    if (rooms[0].device == rooms[1].device) {
        needs[1].bytes += needs[0].bytes - margin;
        needs[1].entries += needs[0].entries;
        needs[0].bytes = needs[0].entries = 0;
    }
    for (guint i = 0; i < G_N_ELEMENTS(needs); i++) {
        g_autofree char *need = megabytes(needs[i].bytes);
        g_autofree char *have = megabytes(rooms[i].free_bytes);
        if (needs[i].bytes > rooms[i].free_bytes)
            objection_add(objections, FAULT_SPACE, NULL, "free room there, then try again",
                          "%s: %s needs %s, %s are free", needs[i].path, needs[i].what, need, have);
        else if (needs[i].entries > rooms[i].free_inodes)
            objection_add(objections, FAULT_SPACE, NULL, "remove small files there, then try again",
                          "%s: %s needs %" G_GUINT64_FORMAT " inodes, %" G_GUINT64_FORMAT " are free", needs[i].path,
                          needs[i].what, needs[i].entries, rooms[i].free_inodes);
    }
}

static gboolean reserve_in(const char *directory, GError **error)
{
    fs_fd int fd = fs_open_dir(directory, error);
    return fd >= 0 && fs_reserve(fd, RESERVE_NAME, RESERVE_BYTES, error);
}

gboolean room_reserve(Job *job, GError **error)
{
    g_autofree char *wayback = g_build_filename(job->place->wayback, job->id, NULL);
    return reserve_in(wayback, error) && reserve_in(job->directory, error);
}

void room_release(Job *job)
{
    g_autofree char *wayback = g_build_filename(job->place->wayback, job->id, RESERVE_NAME, NULL);
    g_autofree char *directory = g_build_filename(job->directory, RESERVE_NAME, NULL);
    unlink(wayback);
    unlink(directory);
}
