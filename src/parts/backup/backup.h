/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Backups. Two things with two names: a *dump* is durable, verified, taken while the app serves, and never restored by
 * itself after writes; a *copy* is the instant image of the data inside the fence, and going back to it is a rename.
 * Faults are FAULT_BACKUP, FAULT_STATE, FAULT_SPACE or FAULT_SYSTEM and begin with "data 'NAME': ".
 */
#pragma once

#include "parts/part.h"

typedef struct BackupDriver {
    const char *name, *summary;
    const Key *keys;

    /* What speaks against updating with these data as they are now (objections: Objection), and what a person should
     * know of them (notes: char *). Asked in the plan and again in ready. NULL: nothing ever does. */
    void (*object)(const PartContext *context, const DataSet *set, GPtrArray *objections, GPtrArray *notes);
    /* What speaks against a copy in the fence, where one is to be made: asked before anybody is disturbed. NULL:
     * nothing that `object` does not say. */
    void (*object_to_copy)(const PartContext *context, const DataSet *set, GPtrArray *objections);
    /* The name under which they belong to one app (rule 12), where neither a path nor a unit says so; NULL: it cannot
     * be found out now. May be NULL. The caller frees. */
    char *(*claim)(const PartContext *context, const DataSet *set);

    /* A text for the run of the server that keeps the data: another one once it was started again. NULL, with a fault:
     * it does not answer. May be NULL: there is no server. The caller frees. */
    char *(*server)(const PartContext *context, const DataSet *set, GError **error);

    /* Processes that have the data open, for people: "123 (python3), 140 (sqlite3)"; NULL: none. The caller frees. */
    char *(*sessions)(const PartContext *context, const DataSet *set);
    /* Ends what still uses the data though all services are stopped, such as a statement that outlived its client; what
     * does not end, `sessions` shows. `own`: only what was begun for this job; the app may be running. NULL: there is
     * nothing that would not be a process of this host. */
    gboolean (*end_sessions)(const PartContext *context, const DataSet *set, gboolean own, GError **error);
    /* Bytes that a copy of it takes at most; *shared TRUE where the file system shares blocks. */
    gboolean (*size)(const PartContext *context, const DataSet *set, guint64 *bytes, gboolean *shared, GError **error);
    /* What the data look like: a short text that changes when schema or migration state changes; "absent" where there
     * are none. sqlite adds the first row of set->fingerprint, a query, if there is one. The caller frees. */
    char *(*fingerprint)(const PartContext *context, const DataSet *set, GError **error);

    /* Dump into `directory` (an existing directory of root's alone): a file or tree named
     * after set->name, and its digest in set->name.sha256 ("absent" if there were no data); synced. */
    gboolean (*dump)(const PartContext *context, const DataSet *set, const char *directory, GError **error);
    /* Reads a dump in full, against its digest, and restoring it into a scratch place where that is what proves it. */
    gboolean (*verify)(const PartContext *context, const DataSet *set, const char *directory, GError **error);

    /* The copy, when nobody can write: below place->wayback/JOB if that is the data's file system, else in a directory
     * of ours beside the data. The fact "copy.NAME" says where and what it was. */
    gboolean (*copy)(const PartContext *context, const DataSet *set, GError **error);
    /* TRUE if the data are no longer what copy saw (or may not be). FALSE if there is no copy, or it went back. */
    gboolean (*changed)(const PartContext *context, const DataSet *set);
    /* Back to the copy by rename, in one go; what is replaced stays in failed/ beside the copy. Idempotent, copes with
     * a crash at any point of itself, needs no new room. (command: by the publisher's restore line, which may be run
     * again and finds its {file} unchanged then.) */
    gboolean (*put_back)(const PartContext *context, const DataSet *set, GError **error);
    /* Where put_back left what it replaced, for people; NULL: in the way back's directory. May be NULL. The caller
     * frees.
     */
    char *(*kept)(const PartContext *context, const DataSet *set);
    /* Puts a dump in place of the data: prepared beside them, switched by rename, the replaced kept. Only after copy.
     */
    gboolean (*restore)(const PartContext *context, const DataSet *set, const char *directory, GError **error);
    /* In a rehearsal's scene: puts a dump in place of the data, for all that run there and for nobody else. NULL:
     * nobody can stand in for these data. What it made outside of the scene's own files, `scratch_drop` (may be NULL)
     * removes again, called outside of it; idempotent. */
    gboolean (*scratch)(const PartContext *context, const DataSet *set, const char *directory, GError **error);
    gboolean scratch_last; /* it changes a file that another set may hold: its turn is after theirs */
    gboolean (*scratch_drop)(const PartContext *context, const DataSet *set, GError **error);
    /* Makes what was written durable (checkpoint, sync). */
    gboolean (*sync)(const PartContext *context, const DataSet *set, GError **error);
    /* Removes what copy, put_back and restore of this job left. Only settle asks for it. Idempotent. */
    gboolean (*forget)(const PartContext *context, const DataSet *set, GError **error);
} BackupDriver;

extern const BackupDriver *const backup_drivers[];
/* The driver of a set whose keys suit it. FAULT_MANIFEST, with the nearest known name. */
const BackupDriver *backup_find(const DataSet *set, GError **error);

/* The inner program that the sqlite driver runs as the app's user: `liftlock inner sqlite OP ...` comes here with argv
 * from OP on: {"dump", SRC, DST}, {"check", FD}, {"fingerprint", FILE[, SQL]}, {"checkpoint", FILE}. The driver starts
 * it as /proc/self/exe. Returns an exit status: 0 done, 1 failed (why: last line of standard error), 2 wrong call, 3
 * busy. */
int backup_sqlite_main(int argc, char **argv);
