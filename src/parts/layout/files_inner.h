/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One change in place while it is put together: files_arrange.c decides about each path, files_prepare.c looks at what
 * lies there and lays out beside it what is to come.
 */
#pragma once

#include "parts/layout/files.h"
#include "parts/layout/files_known.h"

/* Renames do not cross a mount, and in some file systems not a volume either. */
typedef struct Mount {
    guint64 id;
    dev_t device;
} Mount;

typedef struct Arranger {
    const PartContext *context;
    const LayoutChange *change;
    LayoutReport *report;
    gboolean looks; /* only: nothing is prepared, nothing written */
    int tree;       /* the new release where it lies unpacked; -1: below the store */
    Ground *ground; /* NULL: there is nothing yet */
    int store;
    Known *known;
    const GPtrArray *old; /* InventoryEntry: what the installed release brought */
    GPtrArray *turned;    /* char *: directories that become files, or stand in the way of one */
    GPtrArray *becoming;  /* char *: what is no directory here, but one in the release */
    Intents *intents;
    gint64 slots;   /* taken so far */
    GArray *bays;   /* int: opened, as intents->bays */
    GArray *mounts; /* Mount: of each bay */
    int parent;     /* of the file at hand; -1: there is none */
    char *parent_dir;
    char *blocked; /* why nothing can be done below parent_dir; NULL: something can */
} Arranger;

#define ARRANGER(the_context, the_change, the_report)                                                                  \
    {                                                                                                                  \
        .context = (the_context), .change = (the_change), .report = (the_report), .tree = -1, .store = -1,             \
        .parent = -1                                                                                                   \
    }
void arranger_clear(Arranger *a);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Arranger, arranger_clear)

/* One path as it lies there. */
typedef struct Found {
    const char *path;
    struct stat st;
    char type;     /* f, d, l, o (anything else), or 0: nothing */
    char *content; /* as in an inventory; read when it is first asked for */
    char *name;
} Found;

void found_clear(Found *live);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Found, found_clear)

/* One path, and who has what there. */
typedef struct Case {
    const InventoryEntry *old, *new;
    const FileRule *rule;
    Found *live;
} Case;

/* --- files_prepare.c --- */

void found_look(Arranger *a, const char *path, Found *live);
gboolean found_read(Arranger *a, Found *live, GError **error);
/* Whether what lies there is what a release brought. Rights do not count: they are the host's. */
gboolean found_is(const Found *live, const InventoryEntry *entry);

gboolean arranger_is_privileged(const Arranger *a, const char *path);

/* What the release brings, where something else or nothing lies. */
gboolean arranger_bring(Arranger *a, const Case *c, GError **error);
gboolean arranger_remove(Arranger *a, const Case *c, GError **error);
gboolean arranger_make_directory(Arranger *a, const char *path, GError **error);
/* The file as it was, beside it, for its user. One of an earlier try to the same version is the older truth. */
gboolean arranger_keep(Arranger *a, const Case *c, GError **error);
/* A file that is the user's and the release's. */
gboolean arranger_merge(Arranger *a, const Case *c, GError **error);
/* Where the report wants it: what lies there against what the release brings. */
gboolean arranger_show(Arranger *a, const Case *c, GError **error);

/* What neither comes nor goes by this change, whoever brought it: the manifest or the host keeps it off. */
gboolean arranger_keeps_off(const Arranger *a, const char *path);

gboolean arranger_begin(Arranger *a, GError **error); /* all that is to be open, opened */

/* --- files_turn.c: c->old is a directory and c->new none, or the other way round --- */

const InventoryEntry *arranger_brought(const Arranger *a, const char *path); /* by the installed release; or NULL */
gboolean arranger_to_file(Arranger *a, const Case *c, GError **error);       /* a directory lies there, or nothing */
gboolean arranger_to_directory(Arranger *a, const Case *c, GError **error);  /* something lies there, no directory */

/* Lines of the report. */
void arranger_note(Arranger *a, const char *format, ...) G_GNUC_PRINTF(2, 3);
void arranger_conflict(Arranger *a, const char *format, ...) G_GNUC_PRINTF(2, 3);
void arranger_stuck(Arranger *a, const char *format, ...) G_GNUC_PRINTF(2, 3); /* --take-release does not help */
