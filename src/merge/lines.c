/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which lines of two texts are the same: lines that are unique in both first (patience), what lies between them by the
 * shortest edit (Myers), up to a number of differences beyond which it is simply different: the time stays bounded.
 */
#include "merge/lines.h"

#include <string.h>

#define MAX_DIFFERENCES 400
#define MAX_DEPTH 48

typedef struct Span {
    const guint *a, *b;
    guint at_a, at_b, n, m; /* a[at_a .. at_a + n), b likewise */
} Span;

/* --- lines -------------------------------------------------------------------------------------------------------- */

static int bytes_compare(gconstpointer a, gconstpointer b, gpointer unused)
{
    (void)unused;
    return g_bytes_compare(a, b);
}

GTree *merge_lines_known(void)
{
    return g_tree_new_full(bytes_compare, NULL, (GDestroyNotify)g_bytes_unref, NULL);
}

gsize merge_trim_newline(const char *bytes, gsize start, gsize end)
{
    if (end > start && bytes[end - 1] == '\n')
        end--;
    if (end > start && bytes[end - 1] == '\r')
        end--;
    return end;
}

void merge_lines_read(MergeLines *lines, const char *bytes, gsize size, GTree *known)
{
    *lines = (MergeLines){.bytes = bytes, .size = size};
    lines->starts = g_array_new(FALSE, FALSE, sizeof(gsize));
    lines->ids = g_array_new(FALSE, FALSE, sizeof(guint));
    for (gsize at = 0; at < size;) {
        const char *newline = memchr(bytes + at, '\n', size - at);
        gsize next = newline ? (gsize)(newline - bytes) + 1 : size;
        GBytes *line = g_bytes_new_static(bytes + at, merge_trim_newline(bytes, at, next) - at);
        guint id = GPOINTER_TO_UINT(g_tree_lookup(known, line));
        if (!id) {
            id = (guint)g_tree_nnodes(known) + 1;
            g_tree_insert(known, g_bytes_ref(line), GUINT_TO_POINTER(id));
        }
        g_bytes_unref(line);
        g_array_append_val(lines->starts, at);
        g_array_append_val(lines->ids, id);
        at = next;
    }
    g_array_append_val(lines->starts, size);
}

void merge_lines_clear(MergeLines *lines)
{
    g_clear_pointer(&lines->starts, g_array_unref);
    g_clear_pointer(&lines->ids, g_array_unref);
}

/* --- runs --------------------------------------------------------------------------------------------------------- */

static void add_run(GArray *runs, guint a, guint b, guint n)
{
    MergeRun *last = runs->len ? &g_array_index(runs, MergeRun, runs->len - 1) : NULL;
    if (n == 0)
        return;
    if (last && last->a + last->n == a && last->b + last->n == b) {
        last->n += n;
    } else {
        MergeRun run = {a, b, n};
        g_array_append_val(runs, run);
    }
}

/* --- the shortest edit -------------------------------------------------------------------------------------------- */

/* How far each diagonal reaches with d differences: reach[d * d + d + k], for k = -d .. d. */
static gint *reach_of(GArray *reach, gint d, gint k)
{
    return &g_array_index(reach, gint, (guint)(d * d + d + k));
}

/* Where a path on diagonal k with d differences comes from: TRUE if from k + 1, which is a step down in b. */
static gboolean comes_down(GArray *reach, gint d, gint k)
{
    return k == -d || (k != d && *reach_of(reach, d - 1, k - 1) < *reach_of(reach, d - 1, k + 1));
}

static gint step(const Span *span, GArray *reach, gint d, gint k)
{
    gint x = 0;
    if (d > 0)
        x = comes_down(reach, d, k) ? *reach_of(reach, d - 1, k + 1) : *reach_of(reach, d - 1, k - 1) + 1;
    gint y = x - k;
    while (x < (gint)span->n && y >= 0 && y < (gint)span->m && span->a[span->at_a + x] == span->b[span->at_b + y]) {
        x++;
        y++;
    }
    return x;
}

static void walk_back(const Span *span, GArray *reach, gint d, GArray *runs)
{
    g_autoptr(GArray) reversed = g_array_new(FALSE, FALSE, sizeof(MergeRun));
    gint k = (gint)span->n - (gint)span->m, x = (gint)span->n;
    for (; d >= 0; d--) {
        gint start = 0;
        gboolean down = d > 0 && comes_down(reach, d, k);
        if (d > 0)
            start = down ? *reach_of(reach, d - 1, k + 1) : *reach_of(reach, d - 1, k - 1) + 1;
        MergeRun run = {span->at_a + (guint)start, span->at_b + (guint)(start - k), (guint)(x - start)};
        g_array_append_val(reversed, run);
        x = down ? start : start - 1;
        k += down ? 1 : -1;
    }
    for (guint i = reversed->len; i-- > 0;) {
        const MergeRun *run = &g_array_index(reversed, MergeRun, i);
        add_run(runs, run->a, run->b, run->n);
    }
}

/* FALSE if they differ too much. */
static gboolean shortest_edit(const Span *span, GArray *runs)
{
    g_autoptr(GArray) reach = g_array_new(FALSE, FALSE, sizeof(gint));
    gint wanted = (gint)span->n - (gint)span->m;
    for (gint d = 0; d <= MAX_DIFFERENCES; d++) {
        g_array_set_size(reach, (guint)((d + 1) * (d + 1)));
        for (gint k = -d; k <= d; k++) {
            gboolean reached = (k - d) % 2 == 0;
            gint x = reached ? step(span, reach, d, k) : -1;
            *reach_of(reach, d, k) = x;
            if (reached && k == wanted && x >= (gint)span->n) {
                walk_back(span, reach, d, runs);
                return TRUE;
            }
        }
    }
    return FALSE;
}

/* --- unique lines ------------------------------------------------------------------------------------------------- */

/* Where a line stands; 0: nowhere, G_MAXUINT: more than once. */
static GHashTable *places_of(const guint *ids, guint at, guint n)
{
    GHashTable *places = g_hash_table_new(NULL, NULL);
    for (guint i = at; i < at + n; i++) {
        gpointer id = GUINT_TO_POINTER(ids[i]);
        guint place = g_hash_table_contains(places, id) ? G_MAXUINT : i + 1;
        g_hash_table_insert(places, id, GUINT_TO_POINTER(place));
    }
    return places;
}

static guint place_of(GHashTable *places, guint id)
{
    guint place = GPOINTER_TO_UINT(g_hash_table_lookup(places, GUINT_TO_POINTER(id)));
    return place == G_MAXUINT ? 0 : place;
}

/* The longest rising row among pairs that rise in a: by their b. */
static GArray *longest_rise(GArray *pairs)
{
    GArray *row = g_array_new(FALSE, FALSE, sizeof(MergeRun));
    g_autofree guint *tops = g_new(guint, pairs->len + 1), *before = g_new(guint, pairs->len + 1);
    guint n = 0;
    for (guint i = 0; i < pairs->len; i++) {
        guint low = 0, high = n, b = g_array_index(pairs, MergeRun, i).b;
        while (low < high) {
            guint middle = (low + high) / 2;
            if (g_array_index(pairs, MergeRun, tops[middle]).b < b)
                low = middle + 1;
            else
                high = middle;
        }
        before[i] = low ? tops[low - 1] : G_MAXUINT;
        tops[low] = i;
        n = MAX(n, low + 1);
    }
    g_array_set_size(row, n);
    for (guint i = n ? tops[n - 1] : 0, left = n; left > 0; i = before[i])
        g_array_index(row, MergeRun, --left) = g_array_index(pairs, MergeRun, i);
    return row;
}

static GArray *unique_pairs(const Span *span)
{
    g_autoptr(GHashTable) in_a = places_of(span->a, span->at_a, span->n);
    g_autoptr(GHashTable) in_b = places_of(span->b, span->at_b, span->m);
    g_autoptr(GArray) pairs = g_array_new(FALSE, FALSE, sizeof(MergeRun));
    for (guint i = span->at_a; i < span->at_a + span->n; i++) {
        guint b = place_of(in_b, span->a[i]);
        MergeRun pair = {i, b - 1, 1};
        if (b && place_of(in_a, span->a[i]))
            g_array_append_val(pairs, pair);
    }
    return longest_rise(pairs);
}

/* --- all ---------------------------------------------------------------------------------------------------------- */

static void match(Span span, guint depth, GArray *runs);

static void match_between(const Span *span, GArray *anchors, guint depth, GArray *runs)
{
    guint a = span->at_a, b = span->at_b;
    for (guint i = 0; i < anchors->len; i++) {
        const MergeRun *anchor = &g_array_index(anchors, MergeRun, i);
        match((Span){span->a, span->b, a, b, anchor->a - a, anchor->b - b}, depth + 1, runs);
        add_run(runs, anchor->a, anchor->b, 1);
        a = anchor->a + 1;
        b = anchor->b + 1;
    }
    match((Span){span->a, span->b, a, b, span->at_a + span->n - a, span->at_b + span->m - b}, depth + 1, runs);
}

static void match(Span span, guint depth, GArray *runs)
{
    guint head = 0, tail = 0;
    while (head < span.n && head < span.m && span.a[span.at_a + head] == span.b[span.at_b + head])
        head++;
    add_run(runs, span.at_a, span.at_b, head);
    span = (Span){span.a, span.b, span.at_a + head, span.at_b + head, span.n - head, span.m - head};
    while (tail < span.n && tail < span.m &&
           span.a[span.at_a + span.n - tail - 1] == span.b[span.at_b + span.m - tail - 1])
        tail++;
    span.n -= tail;
    span.m -= tail;
    if (span.n && span.m) {
        g_autoptr(GArray) anchors = depth < MAX_DEPTH ? unique_pairs(&span) : NULL;
        if (anchors && anchors->len)
            match_between(&span, anchors, depth, runs);
        else
            shortest_edit(&span, runs);
    }
    add_run(runs, span.at_a + span.n, span.at_b + span.m, tail);
}

GArray *merge_lines_match(const MergeLines *a, const MergeLines *b)
{
    GArray *runs = g_array_new(FALSE, FALSE, sizeof(MergeRun));
    const guint *in_a = (const guint *)(const void *)a->ids->data, *in_b = (const guint *)(const void *)b->ids->data;
    match((Span){in_a, in_b, 0, 0, a->ids->len, b->ids->len}, 0, runs);
    return runs;
}
