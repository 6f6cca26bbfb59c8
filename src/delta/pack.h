/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A release's pack: every content of its tree once, in zstd frames that can be read by themselves, and a table of them,
 * in which the tree's inventory lies too. From any tree a host reaches the release by the frames that hold what it
 * lacks. docs/delta-format.md specifies both.
 */
#pragma once

#include "delta/delta_write.h"

#define PACK_MAGIC "llpack\1\n"

#define PACK_MAX_CONTENT (G_GUINT64_CONSTANT(1) << 30)
#define PACK_MAX_TABLE (G_GUINT64_CONSTANT(64) * 1024 * 1024)

enum { PACK_MAX_FRAMES = TREE_MAX_ENTRIES, PACK_WINDOW_LOG = 26 };

typedef struct PackFrame {
    guint64 at, stored; /* where it lies in the pack */
    guint64 size;       /* unpacked */
    guint first, n;     /* of PackTable.contents */
    char digest[65];    /* of the stored bytes */
} PackFrame;

typedef struct PackTable {
    GArray *frames;   /* of PackFrame, in the order of the pack */
    GArray *contents; /* of guint32: the first entry of the inventory that has each content */
    guint64 pack_size;
} PackTable;

/* Reads a table of the tree with this inventory; whoever has rights has checked its digest before. FAULT_ARCHIVE "the
 * pack's table is damaged", "the pack's table belongs to another tree"; NULL then. */
PackTable *pack_table_read(const guint8 *bytes, gsize size, const TreeInventory *inventory, GError **error);
void pack_table_free(PackTable *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PackTable, pack_table_free)

/* Where the inventory lies in a table: a zstd frame (into `table`) of *text_size bytes, which are at most
 * TREE_MAX_TEXT. Nothing is unpacked: pack_inventory (pack_assemble.h) has that done. FAULT_ARCHIVE "the pack's table
 * is damaged". */
gboolean pack_table_inventory(const guint8 *table, gsize size, const guint8 **frame, gsize *frame_size,
                              gsize *text_size, GError **error);

/* Whether a tree can be packed: FAULT_ARCHIVE "'PATH' is larger than 1 GiB". */
gboolean pack_check(const TreeInventory *inventory, GError **error);

/* Makes both for a tree; the same bytes for the same tree, always. `pack_fd` is written from its offset on.
 * FAULT_ARCHIVE if the tree is none that could be packed. The caller frees the table's bytes. */
GByteArray *pack_make(int tree_dirfd, int pack_fd, GError **error);

/* Marks the frames that hold contents of those entries which are marked. The caller frees. */
gboolean *pack_frames_with(const PackTable *table, const TreeInventory *inventory, const gboolean *entries);

typedef struct PackRange {
    guint64 at, size;
} PackRange;

/* What to fetch for the marked frames: ranges in rising order; two with at most `gap_bytes` between become one. The
 * caller frees the array of PackRange. */
GArray *pack_ranges(const PackTable *table, const gboolean *frames, guint64 gap_bytes);

/* What the child without rights does: makes directories and links, and writes the contents of the marked frames to all
 * their paths. What is there already stays. FAULT_VERIFY if a frame or a content has another digest. */
gboolean pack_write(const PackTable *table, const TreeInventory *inventory, const gboolean *frames, const guint8 *pack,
                    gsize pack_size, int new_dirfd, DeltaProgress progress, gpointer data, GError **error);

/* The child's too: unpacks a table's inventory into a file, of exactly that many bytes. FAULT_ARCHIVE "the pack's table
 * is damaged". */
gboolean pack_write_inventory(const guint8 *frame, gsize frame_size, gsize text_size, int fd, GError **error);
