/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Backups. Two things with two names: a *dump* is durable, verified, taken while the app serves, and never restored by
 * itself after writes; a *copy* is the instant image of the data inside the fence, and going back to it is a rename.
 */
#pragma once

#include "parts/part.h"

typedef struct BackupDriver {
    const char *name, *summary;
    const Key *keys;

    /* Processes that have the data open, for people: "123 (python3), 140 (sqlite3)"; NULL: none. The caller frees. */
    char *(*sessions)(const PartContext *context, const DataSet *set);
    /* Bytes that a copy of it takes at most; *shared TRUE where the file system shares blocks. */
    gboolean (*size)(const PartContext *context, const DataSet *set, guint64 *bytes, gboolean *shared, GError **error);
    /* What the data look like: a short text that changes when schema or migration state changes. The caller frees. */
    char *(*fingerprint)(const PartContext *context, const DataSet *set, GError **error);

    /* Dump into `directory` (an existing directory of root's alone): a file or tree named after set->name, synced. */
    gboolean (*dump)(const PartContext *context, const DataSet *set, const char *directory, GError **error);
    /* Reads a dump in full, restoring it into a scratch place where that is what proves it. */
    gboolean (*verify)(const PartContext *context, const DataSet *set, const char *directory, GError **error);

    /* The copy, when nobody can write: beside the data, below place->wayback/JOB on the same file system. Facts say where and what it was. */
    gboolean (*copy)(const PartContext *context, const DataSet *set, GError **error);
    /* TRUE if the data are no longer what copy saw (or may not be). */
    gboolean (*changed)(const PartContext *context, const DataSet *set);
    /* Back to the copy by rename, in one go; what is replaced stays below wayback/JOB/failed. Idempotent, copes with a
     * crash at any point of itself, needs no new room. */
    gboolean (*put_back)(const PartContext *context, const DataSet *set, GError **error);
    /* Puts a dump in place of the data: prepared beside them, switched by rename, the replaced kept. Only after copy. */
    gboolean (*restore)(const PartContext *context, const DataSet *set, const char *directory, GError **error);
    /* Makes what was written durable (checkpoint, sync). */
    gboolean (*sync)(const PartContext *context, const DataSet *set, GError **error);
} BackupDriver;

extern const BackupDriver *const backup_drivers[];
const BackupDriver *backup_find(const DataSet *set, GError **error); /* FAULT_MANIFEST, with the nearest known name */

/* The inner program that the sqlite driver runs as the app's user: argv {"dump", SRC, DST} ... Returns an exit status. */
int backup_sqlite_main(int argc, char **argv);
