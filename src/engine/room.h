/* SPDX-License-Identifier: Apache-2.0 */
/* Room on disk: counted before, reserved in `ready`, given back when the way back or the verdict needs it. */
#pragma once

#include "engine/job.h"

/* Needs of a plan per file system, compared with what is free; an objection for each that falls short. */
void room_check(const Place *place, const HostConfig *host, const Manifest *manifest, guint64 download_bytes,
                guint64 unpack_bytes, guint64 unpack_entries, guint64 data_bytes, GPtrArray *objections);

/* Keeps a little back on the file systems that undo and verdict write to. FAULT_SPACE. */
/* Before anything is fetched: whether the host's config admits so large a release, and whether it fits into the cache.
 * What the index says is a claim of the source, but nothing beyond it is fetched. */
gboolean room_for_download(const Place *place, const HostConfig *host, guint64 download_bytes, guint64 archive_bytes,
                           guint64 unpacked_bytes, GError **error);

gboolean room_reserve(Job *job, GError **error);
void room_release(Job *job);
