/* SPDX-License-Identifier: Apache-2.0 */
/* tar.gz and tar.zst (libarchive). Linked only into the child without rights (libexec/unpack.c). */
#pragma once

#include "base/tar.h"

typedef struct ArchiveLimits {
    guint64 bytes;      /* sum of file sizes; 0: 8 GiB */
    guint64 entries;    /* 0: 1,000,000 */
    guint64 file_bytes; /* one file; 0: as bytes */
    gboolean host;      /* these are the host's own, by its keys: more is FAULT_REQUIREMENT, with the key as hint */
    guint ratio;        /* unpacked : packed, checked past 64 MiB unpacked; 0: 1000 */
    void (*progress)(guint64 done_bytes, guint64 total_bytes, gpointer data); /* of the packed bytes; may be NULL */
    gpointer progress_data;
} ArchiveLimits;

/* Unpacks into the directory `dirfd`, which must be empty. Takes regular files, directories, symbolic and hard links
 * that stay inside; refuses the whole archive (FAULT_ARCHIVE, "NAME: entry 'x': why") at the first entry that is
 * anything else, leaves the tree, stands twice, collides, or has a name that is not valid UTF-8, holds control
 * characters, or is too long. Setuid, setgid, sticky, access control lists and file capabilities are refused; owners
 * and all other attributes are dropped. Modes become 0755 or 0644 by the owner's execute bit; times are kept, but none
 * in the future. A directory "./" is the tree itself. One common leading directory is kept; the caller decides.
 * Malformed input, a missing end mark and anything behind it refuse all. Nothing is synced. What was written before a
 * refusal stays: the caller drops the directory. */
gboolean archive_unpack(int archive_fd, const char *name, int dirfd, const ArchiveLimits *limits, guint64 *n_entries,
                        guint64 *n_bytes, GError **error);

/* Reads one file out of an archive (at most DOCUMENT_MAX_BYTES), by any of `paths` at the top or in a single leading
 * directory. *found gets its path. The caller frees both. The whole archive is read and judged as by archive_unpack.
 * None there: FAULT_ABSENT; two: FAULT_ARCHIVE. */
char *archive_read_file(int archive_fd, const char *name, const char *const *paths, char **found, gsize *size,
                        GError **error);

/* Writes a reproducible tar.zst or tar.gz (by the suffix of `name`: .tar.gz .tgz .tar.zst .tzst) of the tree: names in
 * bytewise order, owner 0, time `mtime_s`, modes 0755/0644. `exclude` are globs of paths (fnmatch, "*" stays within a
 * component), NULL-terminated; what lies below an excluded directory is excluded. Keeps the rules of archive_unpack:
 * what that would refuse is FAULT_ARCHIVE here. */
gboolean archive_pack(int tree_dirfd, const char *name, int output_fd, gint64 mtime_s, const char *const *exclude,
                      GError **error);

/* Reads every entry that the rules of archive_unpack admit, under its clean path; `visit` may take the content from
 * `tar`. FALSE of it, with *error set, ends the reading. */
typedef gboolean (*ArchiveVisit)(const TarEntry *entry, const char *path, TarReader *tar, gpointer data,
                                 GError **error);
gboolean archive_walk(int archive_fd, const char *name, ArchiveVisit visit, gpointer data, GError **error);
