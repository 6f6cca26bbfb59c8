/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes versions and ranges (libFuzzer): the order is total, whatever the texts, and ranges agree with it. */
#include "model/version.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int sign(int value)
{
    return (value > 0) - (value < 0);
}

static void hold(gboolean true_always, const char *law)
{
    if (!true_always)
        g_error("%s", law);
}

static void check_pair(const char *a, const char *b)
{
    int ab = sign(version_compare(a, b));
    hold(ab == -sign(version_compare(b, a)), "a < b means b > a");
    if (!version_is_ordered(b))
        return;
    g_autofree char *at_least = g_strconcat(">=", b, NULL), *below = g_strconcat("<", b, NULL);
    hold(version_range_is_valid(at_least) && version_range_is_valid(below), "a bound is a version with order");
    if (version_is_ordered(a))
        hold(version_matches(a, at_least) == (ab >= 0) && version_matches(a, below) == (ab < 0), "ranges keep order");
    else
        hold(!version_matches(a, at_least) && !version_matches(a, below), "no order, no bound");
}

/* Three texts, one a line; the whole is also tried as a range. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    g_auto(GStrv) lines = g_strsplit(text, "\n", 4);
    gboolean range = version_range_is_valid(text);
    hold(range || !version_matches("1.0", text), "what is no range holds nothing");
    g_autofree char *found = version_find(text);
    hold(!found || (version_is_valid(found) && version_is_ordered(found) && strstr(text, found)),
         "what is found is one");
    if (g_strv_length(lines) < 3)
        return 0;
    const char *a = lines[0], *b = lines[1], *c = lines[2];
    if (!version_is_valid(a) || !version_is_valid(b) || !version_is_valid(c))
        return 0;
    hold(version_compare(a, a) == 0, "a = a");
    check_pair(a, b);
    check_pair(b, c);
    check_pair(a, c);
    if (version_compare(a, b) <= 0 && version_compare(b, c) <= 0)
        hold(version_compare(a, c) <= 0, "a <= b <= c means a <= c");
    return 0;
}
