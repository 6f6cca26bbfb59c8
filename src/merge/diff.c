/* SPDX-License-Identifier: Apache-2.0 */
/* What changes between two texts, as people know it from diff -u. */
#include "merge/lines.h"
#include "merge/merge.h"

#include <string.h>

#define CONTEXT 3

/* Lines a0 .. a1 give way to lines b0 .. b1. */
typedef struct Change {
    guint a0, a1, b0, b1;
} Change;

static GArray *changes_of(const MergeLines *a, const MergeLines *b)
{
    g_autoptr(GArray) runs = merge_lines_match(a, b);
    GArray *changes = g_array_new(FALSE, FALSE, sizeof(Change));
    Change gap = {0};
    for (guint i = 0; i <= runs->len; i++) {
        MergeRun end = {a->ids->len, b->ids->len, 0};
        const MergeRun *run = i < runs->len ? &g_array_index(runs, MergeRun, i) : &end;
        gap.a1 = run->a;
        gap.b1 = run->b;
        if (gap.a1 > gap.a0 || gap.b1 > gap.b0)
            g_array_append_val(changes, gap);
        gap.a0 = run->a + run->n;
        gap.b0 = run->b + run->n;
    }
    return changes;
}

static void append_lines(GString *out, char mark, const MergeLines *lines, guint from, guint to)
{
    for (guint i = from; i < to; i++) {
        gsize start = g_array_index(lines->starts, gsize, i), next = g_array_index(lines->starts, gsize, i + 1);
        gsize end = merge_trim_newline(lines->bytes, start, next);
        g_string_append_c(out, mark);
        g_string_append_len(out, lines->bytes + start, (gssize)(end - start));
        g_string_append_c(out, '\n');
        if (lines->bytes[next - 1] != '\n')
            g_string_append(out, "\\ No newline at end of file\n");
    }
}

/* A range of no lines is named by the line above it. */
static void append_range(GString *out, char mark, guint from, guint n)
{
    g_string_append_printf(out, "%c%u", mark, n ? from + 1 : from);
    if (n != 1)
        g_string_append_printf(out, ",%u", n);
}

/* Changes first .. last, so near to one another that their contexts touch. */
static void append_hunk(GString *out, const MergeLines *a, const MergeLines *b, const Change *first, const Change *last)
{
    guint above = MIN(first->a0, CONTEXT), below = MIN(a->ids->len - last->a1, CONTEXT);
    g_string_append(out, "@@ ");
    append_range(out, '-', first->a0 - above, last->a1 + below - first->a0 + above);
    g_string_append_c(out, ' ');
    append_range(out, '+', first->b0 - above, last->b1 + below - first->b0 + above);
    g_string_append(out, " @@\n");
    guint at = first->a0 - above;
    for (const Change *change = first; change <= last; change++) {
        append_lines(out, ' ', a, at, change->a0);
        append_lines(out, '-', a, change->a0, change->a1);
        append_lines(out, '+', b, change->b0, change->b1);
        at = change->a1;
    }
    append_lines(out, ' ', a, at, at + below);
}

char *merge_diff(const MergeText *before, const MergeText *after)
{
    MergeLines a, b;
    g_autoptr(GTree) known = merge_lines_known();
    merge_lines_read(&a, before->bytes, before->size, known);
    merge_lines_read(&b, after->bytes, after->size, known);
    g_autoptr(GArray) changes = changes_of(&a, &b);
    GString *out = g_string_new(NULL);
    if (changes->len)
        g_string_append_printf(out, "--- %s\n+++ %s\n", before->name, after->name);
    for (guint i = 0; i < changes->len;) {
        const Change *first = &g_array_index(changes, Change, i), *last = first;
        for (i++; i < changes->len && last[1].a0 - last->a1 <= 2 * CONTEXT; i++)
            last++;
        append_hunk(out, &a, &b, first, last);
    }
    merge_lines_clear(&a);
    merge_lines_clear(&b);
    return g_string_free(out, FALSE);
}
