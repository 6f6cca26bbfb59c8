/* SPDX-License-Identifier: Apache-2.0 */
/* What fs.c and the other fs_*.c share; not for the rest of the house. */
#pragma once

#include "base/fs.h"

/* openat2(2) with the "beneath" rules and `more` resolve flags. -1 and errno on failure. */
int fs_openat2(int dirfd, const char *path, int flags, mode_t mode, guint64 more);

/* Sets a fault "cannot VERB 'PATH': why". Returns FALSE. */
gboolean fs_refuse(GError **error, int errno_value, const char *verb, const char *path);

/* The same for a failed open: what openat2 says about its own rules reads oddly in errno's words. */
gboolean fs_refuse_open(GError **error, int errno_value, const char *path);

/* Opens the directory that holds `path`; *name gets its last component (the caller frees). -1 and errno on failure. */
int fs_open_parent(int dirfd, const char *path, char **name);

/* A name for a temporary file that nobody can foresee. The caller frees. */
char *fs_temporary_name(void);

/* A chain of open directories, each the parent of the next, of which only the last few stay open: a tree may be deeper
 * than we may have descriptors. */
typedef struct FsChain FsChain;
FsChain *fs_chain_new(void);
void fs_chain_free(FsChain *chain);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FsChain, fs_chain_free)
gboolean fs_chain_push(FsChain *chain, int fd); /* takes fd; FALSE and errno if it cannot */
gboolean fs_chain_pop(FsChain *chain);          /* closes the last; FALSE and errno (ESTALE: moved meanwhile) */
int fs_chain_last(const FsChain *chain);

/* fs_walk, and `leave` (may be NULL) is called for a directory after all below it. */
typedef gboolean (*FsLeave)(int parent_fd, const char *name, const char *path, const struct stat *st, gpointer data,
                            GError **error);
gboolean fs_walk_both(int dirfd, const char *path, FsVisit visit, FsLeave leave, gpointer data, GError **error);

/* The names in a directory, sorted bytewise. NULL and errno on failure. */
GPtrArray *fs_list(int dirfd);
