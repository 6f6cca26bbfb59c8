/* SPDX-License-Identifier: Apache-2.0 */
/* Ranges of bytes as numbers and as text. */
#include "base/ranges.h"

#include <string.h>

gboolean ranges_are_sound(const ByteRange *ranges, guint n_ranges, guint64 file_bytes)
{
    guint64 end = 0;
    if (n_ranges > RANGES_MAX || file_bytes > G_MAXINT64)
        return FALSE;
    for (guint i = 0; i < n_ranges; i++) {
        if (ranges[i].size == 0 || ranges[i].at < end || ranges[i].at > file_bytes ||
            ranges[i].size > file_bytes - ranges[i].at)
            return FALSE;
        end = ranges[i].at + ranges[i].size;
    }
    return TRUE;
}

guint64 ranges_sum(const ByteRange *ranges, guint n_ranges)
{
    guint64 sum = 0;
    for (guint i = 0; i < n_ranges; i++)
        sum += ranges[i].size;
    return sum;
}

char *ranges_to_text(const ByteRange *ranges, guint n_ranges)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < n_ranges;) {
        guint64 at = ranges[i].at, end = at;
        for (; i < n_ranges && ranges[i].at == end; i++)
            end += ranges[i].size;
        g_string_append_printf(text, "%s%" G_GUINT64_FORMAT "-%" G_GUINT64_FORMAT, text->len ? "," : "", at, end - 1);
    }
    return g_string_free(text, FALSE);
}

/* A number below 2^63 at *text, which then points behind it. */
static gboolean take_number(const char **text, guint64 *number)
{
    const char *at = *text;
    for (*number = 0; g_ascii_isdigit(*at); at++) {
        guint64 digit = (guint64)(*at - '0');
        if (*number > (G_MAXINT64 - digit) / 10)
            return FALSE;
        *number = *number * 10 + digit;
    }
    gboolean any = at > *text;
    *text = at;
    return any;
}

static gboolean take_sign(const char **text, char sign)
{
    if (**text != sign)
        return FALSE;
    (*text)++;
    return TRUE;
}

/* "0-99" */
static gboolean take_range(const char **text, ByteRange *range)
{
    guint64 last = 0;
    if (!take_number(text, &range->at) || !take_sign(text, '-') || !take_number(text, &last) || last < range->at)
        return FALSE;
    range->size = last - range->at + 1;
    return TRUE;
}

GArray *ranges_from_text(const char *text, guint64 file_bytes)
{
    g_autoptr(GArray) ranges = g_array_new(FALSE, FALSE, sizeof(ByteRange));
    ByteRange range;
    do {
        if (ranges->len == RANGES_MAX || !take_range(&text, &range))
            return NULL;
        g_array_append_val(ranges, range);
    } while (take_sign(&text, ','));
    gboolean good = !*text && ranges_are_sound((const ByteRange *)(void *)ranges->data, ranges->len, file_bytes);
    return good ? g_steal_pointer(&ranges) : NULL;
}

gboolean content_range_parse(const char *text, ContentRange *said)
{
    static const char unit[] = "bytes ";
    *said = (ContentRange){.file_bytes = -1};
    if (g_ascii_strncasecmp(text, unit, strlen(unit)) != 0)
        return FALSE;
    text += strlen(unit);
    gboolean none = take_sign(&text, '*');
    if ((!none && !take_range(&text, &said->range)) || !take_sign(&text, '/'))
        return FALSE;
    if (!none && take_sign(&text, '*'))
        return !*text;
    guint64 total = 0;
    if (!take_number(&text, &total) || *text || (!none && said->range.size > total) ||
        (!none && said->range.at > total - said->range.size))
        return FALSE;
    said->file_bytes = (gint64)total;
    return TRUE;
}
