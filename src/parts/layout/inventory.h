/* SPDX-License-Identifier: Apache-2.0 */
/* What a sealed release consists of: a line per file, directory and link, kept beside the releases once it was read. */
#pragma once

#include <glib.h>

typedef struct InventoryEntry {
    char type;     /* f, d, l */
    gboolean runs; /* a file that may be executed */
    char *content; /* SHA-256 of a file, target of a link, "" */
    char *path;    /* below the tree */
} InventoryEntry;

/* In bytewise order of paths; `store` is the directory that holds releases/VERSION, sealed. VERSION NULL: an empty one.
 * The caller frees; NULL on failure. */
GPtrArray *inventory_read(int store, const char *version, GError **error);
/* While the tree is sealed: `entries` of inventory_new takes what digest_tree_told tells; then it is kept. */
GPtrArray *inventory_new(void);
void inventory_note(char type, gboolean runs, const char *content, const char *path, gpointer entries);
gboolean inventory_keep(int store, const char *version, const GPtrArray *entries, GError **error);
/* Of a tree that lies anywhere and is nobody's but ours. */
GPtrArray *inventory_of(int tree, GError **error);
/* Once the release is gone; absent is good. */
void inventory_forget(int store, const char *version);

gboolean inventory_same(const InventoryEntry *a, const InventoryEntry *b); /* either may be NULL: absent */
