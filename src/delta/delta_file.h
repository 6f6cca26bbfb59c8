/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A delta file: what makes a new tree out of an old one. docs/delta-format.md is its specification.
 *
 * Reading one needs the old tree's inventory and trusts nothing: every number is checked against the limits before
 * memory is taken or a byte written. What it leads to is checked by the caller, against the new tree's digest.
 */
#pragma once

#include "delta/tree_inventory.h"

#define DELTA_MAGIC "lldelta\1"
#define DELTA_MEMORY_BYTES                                                                                             \
    (G_GUINT64_CONSTANT(256) * 1024 * 1024) /* what applying may take if nobody says otherwise                         \
                                             */
#define DELTA_TREE_BYTES (G_GUINT64_CONSTANT(64) * 1024 * 1024 * 1024) /* of a new tree, likewise */
#define DELTA_MAX_TREE (G_GUINT64_CONSTANT(1) << 40)

enum { DELTA_MAX_STREAMS = 8, DELTA_MAX_WIDTH = 4, DELTA_MAX_GROUPS = 65536, DELTA_HEAD_BYTES = 128 };

typedef struct DeltaLimits {
    guint64 memory_bytes; /* besides the mapped old files */
    guint64 tree_bytes;   /* of the new tree's files */
} DeltaLimits;

/* Where an entry of the new tree comes from. */
typedef enum { DELTA_KEPT, DELTA_MOVED, DELTA_WRITTEN, DELTA_MADE } DeltaOrigin; /* made: new directories and links */

typedef struct DeltaEntry {
    char *path, *target; /* target: of links */
    DeltaOrigin origin;
    guint32 old;  /* kept, moved: entry of the old inventory */
    guint64 size; /* of a file */
    char kind;
    gboolean runs;
} DeltaEntry;

/* A group makes some written files, one after another, out of some old files, one after another. */
typedef enum {
    DELTA_PLAIN,  /* its one stream is the content */
    DELTA_PREFIX, /* one zstd frame, with the old files as its prefix */
    DELTA_OPS,    /* copies from the old files, corrected word by word, and fresh bytes between them */
    DELTA_N_CODECS
} DeltaCodec;

/* Streams of DELTA_OPS. */
enum { STREAM_CONTROL, STREAM_GAPS, STREAM_RANKS, STREAM_FRESH, STREAM_WORDS, OPS_STREAMS = STREAM_WORDS };

typedef struct DeltaStream {
    const guint8 *bytes; /* into the delta file */
    guint64 size, stored;
} DeltaStream;

typedef struct DeltaGroup {
    DeltaCodec codec;
    guint width;         /* of the words of DELTA_OPS */
    GArray *files, *old; /* of guint32: into written, into the old inventory */
    guint64 size, old_size;
    DeltaStream streams[DELTA_MAX_STREAMS];
    guint n_streams;
} DeltaGroup;

typedef struct DeltaFile {
    char old_digest[65], new_digest[65];
    guint64 memory_bytes; /* that applying takes: its largest group */
    GArray *entries;      /* of DeltaEntry, in bytewise order of paths */
    GArray *written;      /* of guint32: entries that a group makes */
    GPtrArray *groups;    /* of DeltaGroup */
} DeltaFile;

/* The memory that a group takes. */
guint64 delta_group_memory(const DeltaGroup *group);

/* What a delta says of itself at its beginning. */
typedef struct DeltaHead {
    char old_digest[65], new_digest[65];
    guint64 memory_bytes; /* that applying takes */
} DeltaHead;

/* Takes the head alone, from the first DELTA_HEAD_BYTES or whatever there is. FAULT_ARCHIVE. */
gboolean delta_head_read(const guint8 *bytes, gsize size, DeltaHead *head, GError **error);

/* Reads `bytes`, which must stay. FAULT_VERIFY if it starts from another tree than `old`, FAULT_REQUIREMENT if it takes
 * more memory than the limit, else FAULT_ARCHIVE. NULL then. */
DeltaFile *delta_file_read(const guint8 *bytes, gsize size, const TreeInventory *old, const DeltaLimits *limits,
                           GError **error);

void delta_file_free(DeltaFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DeltaFile, delta_file_free)

static inline const DeltaEntry *delta_file_at(const DeltaFile *file, guint i)
{
    return &g_array_index(file->entries, DeltaEntry, i);
}

DeltaGroup *delta_group_new(DeltaCodec codec);
void delta_group_free(DeltaGroup *group);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DeltaGroup, delta_group_free)
