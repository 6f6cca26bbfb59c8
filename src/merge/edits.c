/* SPDX-License-Identifier: Apache-2.0 */
/* Edits on bytes, and bytes of the release on their way into the user's file. */
#include "merge/merge_inner.h"

#include <string.h>

void merge_edit_add(MergeWriter *writer, gsize start, gsize end, char *text, gboolean lines)
{
    MergeEdit edit = {.start = start, .end = end, .order = writer->edits->len, .text = text, .lines = lines};
    g_array_append_val(writer->edits, edit);
}

const char *merge_newline(const MergeWriter *writer)
{
    return writer->user->crlf ? "\r\n" : "\n";
}

gboolean merge_has_lines(const Reading *reading, MergeSpan span)
{
    return memchr(reading->bytes + span.start, '\n', span.end - span.start) != NULL;
}

char *merge_indent_at(const Reading *reading, gsize at)
{
    gsize start = merge_line_start(reading, at);
    return g_strndup(reading->bytes + start, merge_skip_space(reading, start, reading->size) - start);
}

void merge_carry(const MergeWriter *writer, GString *out, MergeSpan span, const char *from, const char *to)
{
    const Reading *reading = &writer->release->reading;
    for (gsize at = span.start; at < span.end;) {
        const char *newline = memchr(reading->bytes + at, '\n', span.end - at);
        gsize next = newline ? (gsize)(newline - reading->bytes) + 1 : span.end, end = next - (newline != NULL);
        if (newline && end > at && reading->bytes[end - 1] == '\r')
            end--;
        gsize n_from = from ? strlen(from) : 0;
        gboolean whole = at == 0 || reading->bytes[at - 1] == '\n';
        if (from && whole && end > at && end - at >= n_from && memcmp(reading->bytes + at, from, n_from) == 0) {
            g_string_append(out, to);
            at += n_from;
        }
        g_string_append_len(out, reading->bytes + at, (gssize)(end - at));
        if (newline)
            g_string_append(out, merge_newline(writer));
        at = next;
    }
}

void merge_end_line(const MergeWriter *writer, GString *text)
{
    char last = text->len ? text->str[text->len - 1] : '\n';
    if (last != '\n') /* a carriage return that ended the text becomes half of a line end */
        g_string_append(text, last == '\r' ? "\n" : merge_newline(writer));
}

/* --- applying --------------------------------------------------------------------------------------------------- */

static int edit_compare(gconstpointer a, gconstpointer b)
{
    const MergeEdit *x = a, *y = b;
    if (x->start != y->start)
        return x->start > y->start ? 1 : -1;
    gboolean x_inserts = x->end == x->start, y_inserts = y->end == y->start;
    if (x_inserts != y_inserts)
        return x_inserts ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

static gboolean only_deletes_lines(const MergeEdit *edit)
{
    return edit->lines && !edit->text && edit->end > edit->start;
}

/* Start of the line above the one that begins at `at` > 0. */
static gsize line_above(const Reading *reading, gsize at)
{
    return merge_line_start(reading, at - 1);
}

static gboolean blank_above(const Reading *reading, gsize at)
{
    return at == 0 || (reading->bytes[at - 1] == '\n' && merge_line_is_blank(reading, line_above(reading, at)));
}

/* The blank line above `at` belongs to the one above it, which ends in a backslash. */
static gboolean goes_on_above(const Reading *reading, gsize at)
{
    gsize end = line_above(reading, at);
    while (end > 0 && strchr("\r\n", reading->bytes[end - 1]))
        end--;
    return end > 0 && reading->bytes[end - 1] == '\\';
}

/* Where lines go from between blank lines, the blank ones below them go too; at the end of the file those above. */
static void take_blanks(const MergeWriter *writer, MergeEdit *edit, gsize from, gsize limit)
{
    const Reading *reading = &writer->user->reading;
    gsize end = edit->end;
    while (end < reading->size && merge_line_is_blank(reading, end))
        end = merge_line_end(reading, end);
    if (blank_above(reading, edit->start) && end <= limit)
        edit->end = end;
    if (edit->end < reading->size || limit <= reading->size || writer->language->last_newline_counts)
        return;
    while (edit->start > from && blank_above(reading, edit->start) && !goes_on_above(reading, edit->start))
        edit->start = line_above(reading, edit->start);
}

/* Deletions that touch become one. */
static void join_deletions(MergeWriter *writer)
{
    GArray *joined = g_array_new(FALSE, FALSE, sizeof(MergeEdit));
    for (guint i = 0; i < writer->edits->len; i++) {
        MergeEdit *edit = &g_array_index(writer->edits, MergeEdit, i);
        MergeEdit *last = joined->len ? &g_array_index(joined, MergeEdit, joined->len - 1) : NULL;
        if (last && only_deletes_lines(last) && only_deletes_lines(edit) && last->end == edit->start)
            last->end = edit->end;
        else
            g_array_append_val(joined, *edit);
    }
    g_array_unref(writer->edits);
    writer->edits = joined;
    gsize from = 0;
    for (guint i = 0; i < joined->len; i++) {
        MergeEdit *edit = &g_array_index(joined, MergeEdit, i);
        gsize limit = i + 1 < joined->len ? edit[1].start : writer->user->reading.size + 1;
        if (only_deletes_lines(edit))
            take_blanks(writer, edit, from, limit);
        from = edit->end;
    }
}

static gboolean ends_line(const GString *out)
{
    return out->len == 0 || out->str[out->len - 1] == '\n';
}

/* The user's file had no newline at its end: it gets none. */
static void drop_last_newline(const MergeWriter *writer, GString *out)
{
    const Reading *reading = &writer->user->reading;
    gboolean had = reading->size == 0 || reading->bytes[reading->size - 1] == '\n';
    if (had || writer->language->last_newline_counts || out->len == 0 || !ends_line(out))
        return;
    gsize size = out->len - 1;
    if (size > 0 && out->str[size - 1] == '\r')
        size--;
    if (size > 0 && out->str[size - 1] != '\n') /* else it would be a line that goes */
        g_string_truncate(out, size);
}

char *merge_edits_apply(MergeWriter *writer, gsize *size)
{
    const Reading *reading = &writer->user->reading;
    GString *out = g_string_new(writer->user->bom ? "\xef\xbb\xbf" : NULL);
    gsize at = 0, bom = out->len;
    g_array_sort(writer->edits, edit_compare);
    join_deletions(writer);
    for (guint i = 0; i < writer->edits->len; i++) {
        const MergeEdit *edit = &g_array_index(writer->edits, MergeEdit, i);
        if (edit->start > at)
            g_string_append_len(out, reading->bytes + at, (gssize)(edit->start - at));
        if (edit->text && edit->lines && out->len > bom)
            merge_end_line(writer, out);
        if (edit->text)
            g_string_append(out, edit->text);
        at = MAX(at, edit->end);
    }
    g_string_append_len(out, reading->bytes + at, (gssize)(reading->size - at));
    if (writer->edits->len)
        drop_last_newline(writer, out);
    *size = out->len;
    return g_string_free(out, FALSE);
}
