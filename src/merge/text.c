/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text by lines, three-way: what changed on one side only is taken, what changed on both is a conflict, in which the
 * user's lines stay. No marks are written into the file.
 */
#include "merge/lines.h"
#include "merge/merge_inner.h"

#include "base/fault.h"

#include <string.h>

typedef struct TextMerge {
    MergeStrategy strategy;
    MergeLines base, user, release;
    GString *out;
    const char *newline;
    gboolean bom;
    GPtrArray *notes;
} TextMerge;

/* Lines from..to of a text, and in the others what corresponds to them. */
typedef struct Region {
    guint from, to;
} Region;

/* --- lines -------------------------------------------------------------------------------------------------------- */

static gboolean check_text(const MergeText *text, GError **error)
{
    if (text->size > DOCUMENT_MAX_BYTES)
        return fault_set(error, (enum fault_code)text->fault_code, "%s:1:1: larger than 1 MiB", text->name);
    const char *zero = text->size ? memchr(text->bytes, 0, text->size) : NULL;
    if (!zero)
        return TRUE;
    guint line = 1, column = 1;
    for (const char *at = text->bytes; at < zero; at++) {
        column = *at == '\n' ? 1 : column + ((*at & 0xc0) != 0x80);
        line += *at == '\n';
    }
    return fault_set(error, (enum fault_code)text->fault_code, "%s:%u:%u: a NUL byte is not allowed", text->name, line,
                     column);
}

/* A byte order mark is no part of the first line. */
static gboolean read_lines(MergeLines *lines, const MergeText *text, GTree *known, GError **error)
{
    if (!check_text(text, error))
        return FALSE;
    gsize skip = merge_has_bom(text) ? 3 : 0;
    merge_lines_read(lines, text->bytes ? text->bytes + skip : "", text->size - skip, known);
    return TRUE;
}

static const guint *ids_of(const MergeLines *lines)
{
    return (const guint *)(const void *)lines->ids->data;
}

static gboolean same_lines(const MergeLines *a, Region in_a, const MergeLines *b, Region in_b)
{
    gsize n = in_a.to - in_a.from;
    return in_b.to - in_b.from == n &&
           (n == 0 || memcmp(ids_of(a) + in_a.from, ids_of(b) + in_b.from, n * sizeof(guint)) == 0);
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

/* The user's lines with their own ends, others with those of the user's file. */
static void put(TextMerge *merge, const MergeLines *lines, Region region)
{
    for (guint i = region.from; i < region.to; i++) {
        gsize start = g_array_index(lines->starts, gsize, i), next = g_array_index(lines->starts, gsize, i + 1);
        gsize end = merge_trim_newline(lines->bytes, start, next);
        if (merge->out->len && merge->out->str[merge->out->len - 1] != '\n')
            g_string_append(merge->out, merge->newline);
        if (lines == &merge->user)
            end = next;
        g_string_append_len(merge->out, lines->bytes + start, (gssize)(end - start));
        if (lines != &merge->user)
            g_string_append(merge->out, merge->newline);
    }
}

static void note(TextMerge *merge, MergeAct act, Region user, Region release)
{
    const char *reason = act == MERGE_CONFLICT ? "changed here and in the release" : NULL;
    merge_note_add(merge->notes, act, NULL, user.from + 1, release.from + 1, reason);
}

/* A stretch between lines that are the same in all three. */
static void put_region(TextMerge *merge, Region base, Region user, Region release)
{
    gboolean touched = !same_lines(&merge->user, user, &merge->base, base);
    gboolean changed = !same_lines(&merge->release, release, &merge->base, base);
    gboolean adds = base.from == base.to;
    if (!changed || same_lines(&merge->user, user, &merge->release, release)) {
        put(merge, &merge->user, user);
    } else if (touched) {
        put(merge, &merge->user, user);
        note(merge, MERGE_CONFLICT, user, release);
    } else if (merge->strategy == MERGE_UPDATE_ONLY && !adds) {
        put(merge, &merge->user, user);
    } else {
        put(merge, &merge->release, release);
        note(merge, adds ? MERGE_ADDED : release.from == release.to ? MERGE_REMOVED : MERGE_UPDATED, user, release);
    }
}

/* --- three-way ---------------------------------------------------------------------------------------------------- */

/* The line of the other text for each line of the base; G_MAXUINT where it has none. */
static guint *partners(const MergeLines *base, const MergeLines *other)
{
    guint *of = g_new(guint, base->ids->len + 1);
    memset(of, 0xff, (base->ids->len + 1) * sizeof(guint));
    g_autoptr(GArray) runs = merge_lines_match(base, other);
    for (guint i = 0; i < runs->len; i++) {
        const MergeRun *run = &g_array_index(runs, MergeRun, i);
        for (guint j = 0; j < run->n; j++)
            of[run->a + j] = run->b + j;
    }
    return of;
}

static void merge_lines(TextMerge *merge)
{
    g_autofree guint *in_user = partners(&merge->base, &merge->user);
    g_autofree guint *in_release = partners(&merge->base, &merge->release);
    guint n = merge->base.ids->len, base = 0, user = 0, release = 0;
    for (guint i = 0; i <= n; i++) {
        gboolean end = i == n, stable = !end && in_user[i] != G_MAXUINT && in_release[i] != G_MAXUINT;
        if (!end && !stable)
            continue;
        guint to_user = end ? merge->user.ids->len : in_user[i];
        guint to_release = end ? merge->release.ids->len : in_release[i];
        put_region(merge, (Region){base, i}, (Region){user, to_user}, (Region){release, to_release});
        if (!end)
            put(merge, &merge->user, (Region){to_user, to_user + 1});
        base = i + 1;
        user = to_user + 1;
        release = to_release + 1;
    }
}

/* The user's file had no newline at its end: it gets none. */
static void drop_last_newline(TextMerge *merge)
{
    const MergeLines *user = &merge->user;
    GString *out = merge->out;
    if (user->size && user->bytes[user->size - 1] != '\n' && out->len && out->str[out->len - 1] == '\n')
        g_string_truncate(out, merge_trim_newline(out->str, 0, out->len));
}

static void merge_known(TextMerge *merge)
{
    const char *newline = memchr(merge->user.bytes, '\n', merge->user.size);
    merge->newline = newline && newline > merge->user.bytes && newline[-1] == '\r' ? "\r\n" : "\n";
    merge_lines(merge);
    drop_last_newline(merge);
    if (merge->bom)
        g_string_prepend(merge->out, "\xef\xbb\xbf");
}

static void merge_all(TextMerge *merge, const MergeRequest *request, gboolean verbatim)
{
    Region user = {0, merge->user.ids->len}, release = {0, merge->release.ids->len};
    gboolean same = same_lines(&merge->user, user, &merge->release, release);
    if (verbatim) {
        g_string_append_len(merge->out, request->release.bytes, (gssize)request->release.size);
        if (!same)
            note(merge, request->base.bytes ? MERGE_UPDATED : MERGE_OVERRIDDEN, (Region){0, 0}, (Region){0, 0});
    } else if (request->base.bytes) {
        merge_known(merge);
    } else {
        g_string_append_len(merge->out, request->user.bytes, (gssize)request->user.size);
        if (!same)
            merge_note_add(merge->notes, MERGE_CONFLICT, NULL, 1, 1, "the default that it came from is not known");
    }
}

char *merge_lines_of_texts(const MergeRequest *request, gboolean verbatim, GPtrArray *notes, gsize *size,
                           GError **error)
{
    TextMerge merge = {.strategy = request->strategy, .bom = merge_has_bom(&request->user), .notes = notes};
    g_autoptr(GTree) known = merge_lines_known();
    MergeText none = {.bytes = "", .name = request->base.name};
    gboolean good = read_lines(&merge.user, &request->user, known, error) &&
                    read_lines(&merge.base, request->base.bytes ? &request->base : &none, known, error) &&
                    read_lines(&merge.release, &request->release, known, error);
    merge.out = g_string_new(NULL);
    if (good)
        merge_all(&merge, request, verbatim);
    merge_lines_clear(&merge.base);
    merge_lines_clear(&merge.user);
    merge_lines_clear(&merge.release);
    *size = merge.out->len;
    return g_string_free(merge.out, !good);
}
