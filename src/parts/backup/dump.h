/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dumps: files that a program of the app's user wrote become root's, and their digest is kept beside them.
 *
 * A "hand" is a directory of the app's user's own through which such a program gives ("image") or takes a file; while
 * no program runs it is ours, and nobody else can enter it.
 */
#pragma once

#include "parts/part.h"

/* A fresh, empty hand at parent/name, the app's user's; -1 on failure. */
int hand_open(const Place *place, int parent, const char *name, GError **error);

/* Takes the hand back with the image in it: a regular file with one name, ours, synced. FAULT_BACKUP if there is none.
 */
gboolean hand_take(int hand, GError **error);

/* Lets the app's user read the image, but not change it by accident. */
gboolean hand_lend(const Place *place, int hand, GError **error);

/* Moves the image out, to directory/name; what is there is replaced. Synced. */
gboolean hand_move(int hand, int directory, const char *name, GError **error);

/* Writes NAME.sha256 for directory/NAME, a file or a tree; "absent" if there is none. */
gboolean dump_note(int directory, const char *name, GError **error);

/* Compares it. *absent: the dump says that there were no data. */
gboolean dump_check(int directory, const char *name, gboolean *absent, GError **error);
