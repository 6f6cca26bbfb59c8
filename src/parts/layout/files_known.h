/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Digests of the files that lie in place, remembered with what the file system says of them: a file whose inode, size
 * and times are those of last time is not read again. A convenience: without it everything is read.
 */
#pragma once

#include <glib.h>
#include <sys/stat.h>

typedef struct Known Known;

Known *known_read(int store, GError **error);
void known_free(Known *known);

/* SHA-256 of the regular file `name` in the directory; `path` is what it is remembered by. NULL on failure; the caller
 * frees. */
char *known_digest(Known *known, int directory, const char *name, const char *path, const struct stat *st,
                   GError **error);

/* What was asked for this time, and nothing else. */
gboolean known_write(const Known *known, int store, GError **error);
