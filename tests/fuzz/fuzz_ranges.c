/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the readers of ranges: a server's Content-Range, and the list that the child is given. What they take can be
 * reckoned with. */
#include "base/ranges.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    ContentRange said;
    if (content_range_parse(text, &said)) {
        guint64 end = said.range.at + said.range.size;
        g_assert_true(end >= said.range.at && end <= (guint64)G_MAXINT64 + 1);
        g_assert_true(said.file_bytes < 0 ? said.range.size > 0 : end <= (guint64)said.file_bytes);
        g_assert_cmpint(said.file_bytes, >=, -1);
    }
    g_autoptr(GArray) ranges = ranges_from_text(text, 1000000);
    if (!ranges)
        return 0;
    const ByteRange *list = (const ByteRange *)(void *)ranges->data;
    g_assert_true(ranges->len > 0 && ranges_are_sound(list, ranges->len, 1000000));
    g_assert_cmpuint(ranges_sum(list, ranges->len), <=, 1000000);
    g_autofree char *written = ranges_to_text(list, ranges->len);
    g_autoptr(GArray) again = ranges_from_text(written, 1000000);
    g_assert_true(again && again->len <= ranges->len);
    g_assert_cmpuint(ranges_sum((const ByteRange *)(void *)again->data, again->len), ==, ranges_sum(list, ranges->len));
    return 0;
}
