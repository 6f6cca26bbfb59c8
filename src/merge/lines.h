/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of texts as numbers, and which of them are the same. */
#pragma once

#include <glib.h>

/* The numbers are equal where the lines are, their ends aside. All zero: none. */
typedef struct MergeLines {
    const char *bytes;
    gsize size;
    GArray *starts; /* of gsize: one more than there are lines */
    GArray *ids;    /* of guint */
} MergeLines;

/* What different lines were seen so far, with their numbers: texts that are to be compared share it. The caller unrefs.
 */
GTree *merge_lines_known(void);

/* The lines borrow the bytes. The caller clears. */
void merge_lines_read(MergeLines *lines, const char *bytes, gsize size, GTree *known);
void merge_lines_clear(MergeLines *lines);

/* The end of a line without its newline. */
gsize merge_trim_newline(const char *bytes, gsize start, gsize end);

/* Lines a .. a + n of one text are lines b .. b + n of the other. */
typedef struct MergeRun {
    guint a, b, n;
} MergeRun;

/* Runs of equal lines, rising in both texts. The caller unrefs the array of MergeRun. */
GArray *merge_lines_match(const MergeLines *a, const MergeLines *b);
