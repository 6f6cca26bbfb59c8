/* SPDX-License-Identifier: Apache-2.0 */
/* Ranges of bytes, and what servers say of them. */
#include "base/ranges.h"

static void test_sound(void)
{
    static const ByteRange rising[] = {{0, 10}, {10, 5}, {90, 10}};
    g_assert_true(ranges_are_sound(rising, 3, 100));
    g_assert_true(ranges_are_sound(NULL, 0, 0));
    g_assert_false(ranges_are_sound(rising, 3, 99));
    static const struct {
        ByteRange ranges[2];
    } bad[] = {
        {{{0, 10}, {9, 1}}},                 /* overlap */
        {{{50, 10}, {0, 1}}},                /* fall */
        {{{0, 0}, {5, 1}}},                  /* empty */
        {{{0, 1}, {101, 1}}},                /* behind the end */
        {{{0, 1}, {1, 100}}},                /* over the end */
        {{{0, 1}, {5, G_MAXUINT64}}},        /* around */
        {{{0, 1}, {G_MAXUINT64, 1}}},        /* around */
        {{{0, G_MAXUINT64}, {0, 1}}},        /* around */
        {{{G_MAXUINT64, G_MAXUINT64}, {0}}}, /* around */
    };
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_false(ranges_are_sound(bad[i].ranges, 2, 100));
    static const ByteRange one = {0, 1};
    g_assert_false(ranges_are_sound(&one, 1, G_MAXUINT64)); /* no file is so large */
    g_assert_cmpuint(ranges_sum(rising, 3), ==, 25);
}

static void test_text(void)
{
    static const ByteRange touching[] = {{0, 10}, {10, 5}, {20, 1}, {90, 10}};
    g_autofree char *text = ranges_to_text(touching, 4);
    g_assert_cmpstr(text, ==, "0-14,20-20,90-99");
    g_autoptr(GArray) read = ranges_from_text(text, 100);
    static const ByteRange joined[] = {{0, 15}, {20, 1}, {90, 10}};
    g_assert_cmpmem(read->data, read->len * sizeof(ByteRange), joined, sizeof joined);
    static const char *const bad[] = {"",
                                      "0",
                                      "0-",
                                      "-5",
                                      "5-4",
                                      "0-9,",
                                      "0-9,5-20",
                                      "0-100",
                                      "0-9 ",
                                      " 0-9",
                                      "0-9;20",
                                      "0x0-0x1f",
                                      "-1-5",
                                      "0-9-20",
                                      "1-2,,4-5",
                                      "+1-2",
                                      "0-99999999999999999999"};
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_null(ranges_from_text(bad[i], 100));
}

static void test_as_many(void)
{
    g_autoptr(GArray) many = g_array_new(FALSE, FALSE, sizeof(ByteRange));
    for (guint i = 0; i <= RANGES_MAX; i++) {
        ByteRange range = {.at = (guint64)i * 3000000000, .size = 1};
        g_array_append_val(many, range);
    }
    const ByteRange *ranges = (const ByteRange *)(void *)many->data;
    guint64 size = (guint64)RANGES_MAX * 3000000000 + 1;
    g_assert_true(ranges_are_sound(ranges, RANGES_MAX, size));
    g_assert_false(ranges_are_sound(ranges, RANGES_MAX + 1, size));
    g_autofree char *text = ranges_to_text(ranges, RANGES_MAX), *more = ranges_to_text(ranges, RANGES_MAX + 1);
    g_autoptr(GArray) read = ranges_from_text(text, size);
    g_assert_cmpuint(read->len, ==, RANGES_MAX);
    g_assert_null(ranges_from_text(more, size));
}

static void test_content_range(void)
{
    static const struct {
        const char *text;
        ByteRange range;
        gint64 file_bytes;
    } good[] = {
        {"bytes 0-99/1000", {0, 100}, 1000},
        {"bytes 999-999/1000", {999, 1}, 1000},
        {"BYTES 5-5/*", {5, 1}, -1},
        {"bytes */1000", {0, 0}, 1000},
        {"bytes 0-9223372036854775806/9223372036854775807", {0, G_MAXINT64}, G_MAXINT64},
    };
    for (guint i = 0; i < G_N_ELEMENTS(good); i++) {
        ContentRange said;
        g_assert_true(content_range_parse(good[i].text, &said));
        g_assert_cmpuint(said.range.at, ==, good[i].range.at);
        g_assert_cmpuint(said.range.size, ==, good[i].range.size);
        g_assert_cmpint(said.file_bytes, ==, good[i].file_bytes);
    }
    static const char *const bad[] = {
        "",
        "bytes",
        "bytes ",
        "bytes 0-99",
        "bytes 0-99/",
        "bytes 0-99/100x",
        "bytes 0-99/99",
        "bytes 100-100/100",
        "bytes 5-4/100",
        "bytes */*",
        "bytes */",
        "bytes *",
        "bytes=0-99/100",
        "bytes  0-99/100",
        "bytes -99/100",
        "bytes +0-99/100",
        "bytes 0-99/-1",
        "bytes 0- 99/100",
        "items 0-99/100",
        "bytes 0-99/9223372036854775808",
        "bytes 0-18446744073709551615/*",
        "bytes 18446744073709551616-18446744073709551617/*",
    };
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        ContentRange said;
        g_test_message("%s", bad[i]);
        g_assert_false(content_range_parse(bad[i], &said));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ranges/they rise, do not overlap and lie in the file", test_sound);
    g_test_add_func("/ranges/as text those that touch are one", test_text);
    g_test_add_func("/ranges/there is a limit to their number", test_as_many);
    g_test_add_func("/ranges/what a server says is taken at its word, or not at all", test_content_range);
    return g_test_run();
}
