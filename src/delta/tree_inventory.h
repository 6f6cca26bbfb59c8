/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tree's inventory: what digest_tree (base/digest.h) digests, kept as a text. So the SHA-256 of an inventory is the
 * digest of its tree, and whoever knows the one can check the other. docs/delta-format.md has the form.
 */
#pragma once

#include <glib.h>

#define TREE_MAX_ENTRIES 1000000
#define TREE_MAX_TEXT (G_GUINT64_CONSTANT(512) * 1024 * 1024)

typedef struct TreeEntry {
    const char *path;
    const char *content; /* SHA-256 of a file in hexadecimal, target of a link, "-" of a directory */
    guint64 size;        /* of a file; length of a link's target */
    char kind;           /* f, d, l */
    gboolean runs;       /* a file that may be executed */
} TreeEntry;

typedef struct TreeInventory {
    GArray *entries; /* of TreeEntry, in bytewise order of paths */
    char digest[65];
    char *text; /* what the entries point into */
} TreeInventory;

/* Takes an inventory apart, by the rules of an archive's entries: no path leaves the tree, looks like another or lies
 * below what is no directory; no link leads outside or in a circle; every directory stands by itself. Otherwise
 * FAULT_ARCHIVE: "NAME: 'PATH': why". NULL then. */
TreeInventory *tree_inventory_parse(const char *text, gsize size, const char *name, GError **error);

/* Of a tree on disk, hashed by so many threads; *text (may be NULL) gets its canonical text, *size the length of that.
 */
TreeInventory *tree_inventory_read(int dirfd, const char *path, guint n_threads, char **text, gsize *size,
                                   GError **error);
void tree_inventory_free(TreeInventory *inventory);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TreeInventory, tree_inventory_free)

const TreeEntry *tree_inventory_at(const TreeInventory *inventory, guint i);
gint64 tree_inventory_find(const TreeInventory *inventory, const char *path); /* -1: it has none */
gboolean tree_entry_same(const TreeEntry *a, const TreeEntry *b);             /* all but the path */
guint64 tree_inventory_bytes(const TreeInventory *inventory);                 /* of all files */

/* The text of those entries whose files lie in the tree: as files of that size, or with that very content, which takes
 * reading them all. Directories and links stay. The caller frees. */
typedef enum { TREE_FIND_SIZES, TREE_FIND_CONTENTS } TreeFind;
char *tree_inventory_found(const TreeInventory *inventory, int dirfd, TreeFind find, gsize *size);

/* Only the rules that look at one path, and at one link (its target). NULL: none is broken. */
const char *tree_path_fault(const char *path);

/* The content of a file of the tree, into `bytes` (its size); FAULT_ARCHIVE if it is not what the inventory says. */
gboolean tree_entry_load(int dirfd, const TreeEntry *entry, guint8 *bytes, GError **error);
