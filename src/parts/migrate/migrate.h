/* SPDX-License-Identifier: Apache-2.0 */
/* Migrations: bringing the data to the new shape. Version-keyed commands of the manifest, each once, in order. */
#pragma once

#include "parts/part.h"

/* Runs the commands of every due version in `directory` (the new release's tree). Facts "migrate.done" name the last
 * one that ended well; a crash in between is answered by the copy's undo, never by going on. FAULT_MIGRATE. */
gboolean migrate_run(const PartContext *context, const GPtrArray *due /* VersionCommands */, const char *directory,
                     gint64 timeout_ms, GError **error);
