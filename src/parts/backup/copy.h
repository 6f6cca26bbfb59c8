/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The copy of data that are files: made inside the fence, found unchanged or not, put back by rename.
 *
 * It lies in place->wayback/JOB/NAME, or, where the data are on another file system, in .liftlock-JOB/NAME beside them:
 *   copy/      what goes back      done      its name once it went back
 *   failed/    what it replaced    restore/, replaced/    the same for a dump that was restored
 * One fact, "copy.NAME", written when the copy is durable, holds the place, what the data looked like, and the copy's
 * inodes.
 */
#pragma once

#include "parts/backup/backup.h"

typedef struct CopyFile {
    const char *suffix;
    gboolean copied; /* FALSE: only moved aside (it is made anew) */
} CopyFile;

typedef struct CopyKind {
    const CopyFile *files; /* in the order in which they come back; the last one is "" */
    guint n_files;
    gboolean like_present; /* a dump that is restored gets owner and mode of the present data */
} CopyKind;

/* Faults say nothing of the set's name: the drivers' callers do, see backup.h. */
gboolean copy_make(const PartContext *context, const DataSet *set, const CopyKind *kind, GError **error);
/* What copy_make would refuse because of where the data lie. */
void copy_object(const PartContext *context, const DataSet *set, GPtrArray *objections);
gboolean copy_changed(const PartContext *context, const DataSet *set, const CopyKind *kind);
gboolean copy_put_back(const PartContext *context, const DataSet *set, const CopyKind *kind, GError **error);
/* `directory` -1: the dump holds nothing, as there was nothing. */
gboolean copy_restore(const PartContext *context, const DataSet *set, const CopyKind *kind, int directory,
                      GError **error);
/* The same without a way back: only for a scene, where what is replaced is not the real thing. */
gboolean copy_replace(const Place *place, const DataSet *set, const CopyKind *kind, int directory, GError **error);
gboolean copy_forget(const PartContext *context, const DataSet *set, GError **error);

/* Opens the directory that holds the data; *name gets their name in it. -1 with *error unset if there is none. */
int copy_open_live(const Place *place, const DataSet *set, char **name, GError **error);

char *copy_fact(const DataSet *set); /* the fact's key; the caller frees */
