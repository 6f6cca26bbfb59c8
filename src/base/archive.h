/* SPDX-License-Identifier: Apache-2.0 */
/* tar.gz and tar.zst (libarchive). Linked only into the child without rights (libexec/unpack.c). */
#pragma once

#include <glib.h>

typedef struct ArchiveLimits {
    guint64 bytes;   /* sum of file sizes; 0: 8 GiB */
    guint64 entries; /* 0: 1,000,000 */
    guint64 file_bytes; /* one file; 0: as bytes */
    guint ratio;     /* unpacked : packed, checked past 64 MiB unpacked; 0: 1000 */
} ArchiveLimits;

/* Unpacks into the directory `dirfd`, which must be empty. Takes regular files, directories, symbolic and hard links
 * that stay inside; refuses the whole archive (FAULT_ARCHIVE, "NAME: entry 'x': why") at the first entry that is
 * anything else, leaves the tree, stands twice, collides, or has a name that is not valid UTF-8, holds control
 * characters, or is too long. Modes become 0755 or 0644 by the owner's execute bit. One common leading directory is
 * kept; the caller decides. Malformed input refuses all. */
gboolean archive_unpack(int archive_fd, const char *name, int dirfd, const ArchiveLimits *limits, guint64 *n_entries, guint64 *n_bytes, GError **error);

/* Reads one file out of an archive (at most DOCUMENT_MAX_BYTES), by any of `paths` at the top or in a single leading directory.
 * *found gets its path. The caller frees both. */
char *archive_read_file(int archive_fd, const char *name, const char *const *paths, char **found, gsize *size, GError **error);

/* Writes a reproducible tar.zst or tar.gz (by the suffix of `name`) of the tree: names in bytewise order, owner 0,
 * time `mtime_s`, modes 0755/0644. `exclude` are globs of paths, NULL-terminated. */
gboolean archive_pack(int tree_dirfd, const char *name, int output_fd, gint64 mtime_s, const char *const *exclude, GError **error);
