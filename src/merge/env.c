/* SPDX-License-Identifier: Apache-2.0 */
/*
 * .env files: KEY=value, export KEY="value". Readers differ in quotes, escapes and in whether " #" begins a comment, so
 * all behind '=' counts as written: a text in quotes may span lines, and a backslash at the end of a line goes on.
 */
#include "merge/merge_inner.h"

#include <string.h>

typedef struct Env {
    MergeDoc *doc;
    const Reading *reading;
    gsize at;
    guint number;
} Env;

static gboolean is_name(char c, gboolean first)
{
    return g_ascii_isalpha(c) || c == '_' || (!first && (g_ascii_isdigit(c) || c == '.' || c == '-'));
}

/* Behind the closing quote of the text that opens at `at`; 0 if there is none. */
static gsize quote_end(const Reading *reading, gsize at)
{
    char quote = reading->bytes[at];
    for (at++; at < reading->size; at++) {
        if (reading->bytes[at] == '\\' && quote == '"')
            at++;
        else if (reading->bytes[at] == quote)
            return at + 1;
    }
    return 0;
}

/* The lines that the value which begins at `at` reaches into: moves env and *line to the last. *open: the text ends
 * before the value does. */
static gboolean take_lines(Env *env, gsize at, MergeLine *line, gboolean *open, GError **error)
{
    gsize reach = 0;
    if (at < line->end && strchr("\"'`", env->reading->bytes[at])) {
        reach = quote_end(env->reading, at);
        if (!reach)
            return merge_fault_at(env->reading, at, error, "the quoted text never ends");
    }
    while (reach > line->end || (!reach && merge_ends_in_backslash(env->reading, line))) {
        *open = !merge_line_next(env->reading, &env->at, &env->number, line);
        if (*open)
            break;
    }
    return TRUE;
}

/* "export " in front of a name. */
static gsize skip_export(const Reading *reading, gsize at, gsize end)
{
    gsize size = strlen("export"), next = merge_skip_space(reading, at + size, end);
    gboolean there = end - at > size && memcmp(reading->bytes + at, "export", size) == 0 && next > at + size;
    return there && next < end && is_name(reading->bytes[next], TRUE) ? next : at;
}

static gboolean read_entry(Env *env, MergeLine line, MergeSpan lead, GError **error)
{
    const Reading *reading = env->reading;
    gsize start = skip_export(reading, merge_skip_space(reading, line.start, line.end), line.end), end = start;
    guint number = line.number;
    while (end < line.end && is_name(reading->bytes[end], end == start))
        end++;
    gsize at = merge_skip_space(reading, end, line.end);
    gboolean value = at < line.end && reading->bytes[at] == '=';
    if (end == start || (at < line.end && !value))
        return merge_fault_at(env->reading, at, error,
                              end == start ? "expected a name, then '='" : "expected '=' after the name");
    MergeEntry entry = {.key = g_strndup(reading->bytes + start, end - start),
                        .line = number,
                        .column = (guint)(start - line.start) + 1,
                        .lead = lead,
                        .key_end = end,
                        .bare = !value};
    entry.text.start = value ? merge_skip_space(reading, at + 1, line.end) : end;
    entry.block.start = line.start;
    gboolean open = FALSE;
    if (value && !take_lines(env, entry.text.start, &line, &open, error)) {
        g_free(entry.key);
        return FALSE;
    }
    entry.block.end = line.next;
    entry.text.end = merge_trim(reading, entry.text.start, line.end);
    MergeItem *item = merge_entry_add(env->doc, env->doc->root->holds, &entry, error);
    if (item && open)
        item->closed = env->doc->open_end = merge_goes_on;
    return item != NULL;
}

gboolean merge_read_env(MergeDoc *doc, GError **error)
{
    Env env = {.doc = doc, .reading = &doc->reading};
    doc->root = merge_item_new(doc, NULL, NULL, TRUE, 1, 1, error);
    doc->root->holds = merge_place_new(doc, doc->root);
    doc->root->holds->start = doc->reading.size;
    gsize lead = 0;
    MergeLine line;
    while (merge_line_next(env.reading, &env.at, &env.number, &line)) {
        gsize at = merge_skip_space(env.reading, line.start, line.end);
        if (at < line.end && strchr("#;", env.reading->bytes[at]))
            continue;
        if (at < line.end && !read_entry(&env, line, (MergeSpan){lead, line.start}, error))
            return FALSE;
        lead = env.at;
    }
    merge_entries_close(doc);
    return TRUE;
}
