/* SPDX-License-Identifier: Apache-2.0 */
/* Files that a new tree takes from an old one, by link or by copy. */
#pragma once

#include "delta/tree_inventory.h"

typedef struct Share {
    int from, to; /* trees */
    gboolean link;
    /* directories used last, -1 before */
    char *from_parent, *to_parent;
    int from_fd, to_fd;
} Share;
void share_clear(Share *share);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Share, share_clear)

/* The directory of the new tree that `path` goes into, and its last name; -1 on failure. The next call may close it. */
int share_parent(Share *share, const char *path, const char **name, GError **error);

/* A file of the new tree, to read. */
int share_open(Share *share, const char *path, GError **error);

/* Puts the file of the old tree at `path` of the new one. What is there already stays (digests tell in the end). */
gboolean share_file(Share *share, const TreeEntry *entry, const char *path, gboolean runs, GError **error);

/* Compares the text that was read of a tree (taken; NULL: it could not be, and *error says why): FAULT_VERIFY with that
 * text if it is another one. */
gboolean share_check(char *read, gsize length, const char *digest, const char *fault, char **text, gsize *size,
                     GError **error);
