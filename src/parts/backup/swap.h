/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The swap: data go aside and others come in, by nothing but renames, so that it needs no room and can be
 * run again from wherever it stopped.
 *
 * A set of data may be several files (a database, its journal). Each is NAME + suffix, in all three directories, which
 * lie on one file system. What comes in is known by its inode: it is looked for, never guessed from a flag.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

typedef struct SwapPart {
    const char *suffix; /* "-wal", "" */
    ino_t inode;        /* of what comes in; 0: nothing is to be there afterwards */
} SwapPart;

typedef struct Swap {
    const char *name;
    int live, incoming, aside;
    const SwapPart *parts; /* in the order in which they come in; the last one makes the data live */
    guint n_parts;
} Swap;

/* Whether a rename can take what `b` is to where the directory `a` is: both within one mount and, for directories, one
 * subvolume. (The device of a file says nothing about that: an overlay shows those of its layers.) */
gboolean swap_is_near(int a, int b);

/* TRUE if the part that makes the data live is in place: then all is. FALSE where nothing is to come in. */
gboolean swap_is_done(const Swap *swap);

/* Moves all parts aside, then lets the others in. Nothing is moved if a part that should come in is not there
 * (FAULT_STATE). What goes aside never replaces anything: it gets ".1", ".2" ... Durable when it returns. */
gboolean swap_run(const Swap *swap, GError **error);
