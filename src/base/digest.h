/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 of bytes, files and trees. Digests are 64 lower-case hexadecimal digits. */
#pragma once

#include <glib.h>

char *digest_bytes(const void *bytes, gsize size);
char *digest_fd(int fd, guint64 *size, GError **error); /* from offset 0 to the end; the offset is left at the end */
gboolean digest_is_valid(const char *text);             /* 64 of 0-9a-f */

/* Digest of a tree's content: over one line per entry in bytewise order of paths,
 * "TYPE MODE SIZE SHA256-OR-LINK-TARGET PATH\0" with TYPE f d or l, MODE only the executable bit (x or -).
 * Owners, times and write bits do not count, so that a sealed and an unsealed tree agree. Anything else than files,
 * directories and links is FAULT_ARCHIVE. */
char *digest_tree(int dirfd, const char *path, GError **error);

/* The same, and each entry is told, in the order of those lines; `content` is the digest, the link's target, or "-". */
typedef void (*digest_entry_fn)(char type, gboolean runs, const char *content, const char *path, gpointer data);
char *digest_tree_told(int dirfd, const char *path, digest_entry_fn tell, gpointer data, GError **error);

/* The lines themselves, NUL behind each; *size is their length. Files are read by so many threads. */
char *digest_tree_text(int dirfd, const char *path, guint n_threads, gsize *size, GError **error);
