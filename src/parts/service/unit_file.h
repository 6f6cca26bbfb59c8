/* SPDX-License-Identifier: Apache-2.0 */
/* Unit files that liftlock itself writes: where, by which words, and no more often than needed. */
#pragma once

#include "parts/part.h"

/* Where units of this manager are configured. Units belong to the manager, not to LIFTLOCK_ROOT: elsewhere it would not
 * see them. The caller frees. */
char *unit_directory(const Place *place);

/* The liftlock that units are to start. NULL: it cannot be found. The caller frees. */
char *unit_program(void);

/* A path or word as unit files want it. FALSE for what cannot be said there. */
gboolean unit_quote(const char *path, gboolean in_command, char **quoted, GError **error);

/* Writes a file, or removes it if text is NULL; *changed becomes TRUE if it was not so already. */
gboolean unit_file_bring(int dirfd, const char *name, const char *text, gboolean *changed, GError **error);
