/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 of bytes, files and trees. Digests are 64 lower-case hexadecimal digits. */
#pragma once

#include <glib.h>
#include <sys/stat.h>

/* A digest of what comes piece by piece. */
typedef struct Digester Digester;
Digester *digester_new(void);
void digester_add(Digester *digester, const void *bytes, gsize size);
char *digester_end(Digester *digester); /* and begins anew */
void digester_free(Digester *digester);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Digester, digester_free)

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

/* The same, except that files whose digest `known` gives are looked at but not read. */
typedef const char *(*digest_known_fn)(const char *path, const struct stat *st, gpointer data);
char *digest_tree_text_known(int dirfd, const char *path, guint n_threads, digest_known_fn known, gpointer data,
                             gsize *size, GError **error);
