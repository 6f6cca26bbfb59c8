/* SPDX-License-Identifier: Apache-2.0 */
/* Which lines of two texts are the same. */
#pragma once

#include <glib.h>

/* Lines a .. a + n of one text are lines b .. b + n of the other. */
typedef struct MergeRun {
    guint a, b, n;
} MergeRun;

/* Runs of equal lines, rising in both texts; lines are given as numbers. The caller unrefs the array of MergeRun. */
GArray *merge_lines_match(const guint *a, guint n, const guint *b, guint m);
