/* SPDX-License-Identifier: Apache-2.0 */
/* A damaged state.db is made anew from what the jobs' logs hold and what lies on the host. */
#pragma once

#include "engine/journal.h"

/* Moves the damaged file aside (*kept names it; the caller frees) and writes a new one. Lost beyond recall: pins, skips
 * and attempts; the floor and the newest index seen come back from the logs. */
gboolean journal_rebuild(const HostPlace *host, char **kept, GError **error);
