/* SPDX-License-Identifier: Apache-2.0 */
/* Which update is tried again by itself after a crash, and when (rule 6). */
#pragma once

#include "engine/journal.h"

typedef struct Retry {
    char *to;
    gint64 interrupted; /* how often in a row it was: 1.. */
    gint64 due_s;       /* not before that; the first time at once. By the wall clock: it has to outlast a reboot */
} Retry;
void retry_free(Retry *retry);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Retry, retry_free)

/* The app's last change, if it was an update that a crash interrupted less than a day ago. NULL without an error: there
 * is none. How many tries are too many is for the caller's configuration to say. */
Retry *retry_wanted(Journal *journal, const char *app, gint64 now_s, GError **error);
