/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A change of many files in place that has happened whole or not at all. What is to come lies prepared in a bay, a
 * directory of root's alone on the file system of its destination, and a list says what goes where; the list is on disk
 * before the first file moves. Every move is a rename that leaves what it replaces in the bay, so going back needs no
 * room. Who moved is told by inode: all of it can be done again, in both directions, after a crash at any point.
 */
#pragma once

#include "parts/layout/ground.h"

typedef enum { INTENT_REPLACE, INTENT_ADD, INTENT_REMOVE, INTENT_N_KINDS } IntentKind;

typedef struct Intent {
    int kind;
    char *path;                     /* as in the release: of a file, a link, or an empty directory that is new */
    gint64 bay, slot;               /* index of its bay; its name there is the number */
    gint64 new_inode;               /* of what was prepared; 0: nothing */
    gint64 old_inode, old_ctime_ns; /* of what was there when it was looked at; 0: nothing. A directory has no time
                                     * here, and must be empty when it goes */
} Intent;

/* The directory that a bay lies in, by which a file system that is not mounted is told from one that is. */
typedef struct IntentHolder {
    gint64 inode, type;
} IntentHolder;

typedef struct Intents {
    char *from, *to;  /* versions; NULL: none */
    GPtrArray *away;  /* PlaceAway: where files were sent when the change was prepared */
    GPtrArray *bays;  /* char *: directories, like paths of the release */
    GArray *holders;  /* IntentHolder: of each bay, once it is there; else shorter */
    GPtrArray *list;  /* Intent: in the order of the way there */
    GPtrArray *empty; /* char *: directories that the old release brought and the new one lacks, deepest first */
} Intents;

Intents *intents_new(const char *from, const char *to);
void intents_free(Intents *intents);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Intents, intents_free)

/* The list on disk, in the directory `store`. NULL with *error unset: there is none. */
Intents *intents_read(int store, GError **error);
gboolean intents_write(int store, const Intents *intents, GError **error);

/* A bay, made if it is missing; what is in it is removed if `anew`. -1 on failure. FAULT_STATE if somebody else's. */
int intents_bay(const Ground *ground, const char *path, gboolean anew, GError **error);
/* To be called for each bay in its turn, before the list is written for good. */
gboolean intents_hold(Intents *intents, const Ground *ground, const char *path, GError **error);

/* All of it, durable when it returns. FAULT_STATE, as in the other direction: a bay's file system is not there. Before
 * anything moves it looks whether the files are still what they were when the change was prepared: FAULT_BUSY names one
 * that is not. */
gboolean intents_switch(const Ground *ground, const Intents *intents, GError **error);
/* All of it taken back; what somebody else put in a file's place meanwhile ends in the bay. */
gboolean intents_back(const Ground *ground, const Intents *intents, GError **error);
/* The bays, what they hold, and the list itself; if the change was made, the directories that became empty too. Absent
 * is good. */
gboolean intents_forget(const Ground *ground, int store, const Intents *intents, gboolean made, GError **error);
