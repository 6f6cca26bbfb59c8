/* SPDX-License-Identifier: Apache-2.0 */
/* Room on disk: counted before, reserved in `ready`, given back when the way back or the verdict needs it. */
#pragma once

#include "engine/job.h"

/* Before anything is fetched: whether the host's config admits so large a release, and whether it fits into the cache.
 * What the index says is a claim of the source, but nothing beyond it is fetched. */
gboolean room_for_download(const Place *place, const HostConfig *host, guint64 download_bytes, guint64 archive_bytes,
                           guint64 unpacked_bytes, GError **error);

/* What a plan needs, summed up per file system. */
GPtrArray *room_needs_new(void);
void room_need(GPtrArray *needs, const char *path, const char *what, guint64 bytes, guint64 entries);
enum {
    ROOM_DUMP = 1 << 0,
    ROOM_COPY = 1 << 1,
    ROOM_MIGRATION = 1 << 2,
    ROOM_REHEARSAL = 1 << 3,
    ROOM_ENCRYPTED = 1 << 4
};
void room_need_data(GPtrArray *needs, const Place *place, const GPtrArray *sets, guint uses);
void room_need_restore(GPtrArray *needs, const Place *place, const char *backup);

/* An objection for each file system that is short of bytes or inodes; `margin_bytes` must stay free on each. */
void room_check(const GPtrArray *needs, guint64 margin_bytes, GPtrArray *objections);

/* Keeps back what verdict and way back write, and what the steps inside the fence will need. FAULT_SPACE. */
gboolean room_reserve(Job *job, GError **error);
void room_release_work(Job *job); /* for the steps inside the fence */
void room_release(Job *job);      /* all of it */
