/* SPDX-License-Identifier: Apache-2.0 */
#include "model/window.h"

#include <string.h>
#include <time.h>

enum { DAY_MIN = 24 * 60, HOUR_S = 3600 };

/* --- the text --- */

/* "HH:MM" at *at, which moves on; -1 if it is not there. */
static int take_time(const char **at)
{
    const char *text = *at;
    for (int i = 0; i < 5; i++)
        if (i == 2 ? text[i] != ':' : !g_ascii_isdigit(text[i]))
            return -1;
    int hour = (text[0] - '0') * 10 + text[1] - '0', minute = (text[3] - '0') * 10 + text[4] - '0';
    *at = text + 5;
    return hour < 24 && minute < 60 ? hour * 60 + minute : -1;
}

gboolean window_parse(const char *text, Window *window)
{
    int opens_min = take_time(&text);
    if (opens_min < 0 || *text++ != '-')
        return FALSE;
    int closes_min = take_time(&text);
    if (closes_min < 0 || *text || closes_min == opens_min)
        return FALSE;
    *window = (Window){opens_min, closes_min};
    return TRUE;
}

static int length_min(const Window *window)
{
    return (window->closes_min - window->opens_min + DAY_MIN) % DAY_MIN;
}

gint64 window_length_ms(const Window *window)
{
    return (gint64)length_min(window) * 60 * 1000;
}

/* --- the clock on the wall --- */

static struct tm wall(gint64 time_s)
{
    struct tm tm = {0};
    time_t time = (time_t)time_s;
    localtime_r(&time, &tm);
    return tm;
}

static int minute_at(gint64 time_s)
{
    struct tm tm = wall(time_s);
    return tm.tm_hour * 60 + tm.tm_min;
}

static gboolean holds(const Window *window, int minute)
{
    return (minute - window->opens_min + DAY_MIN) % DAY_MIN < length_min(window);
}

/* The first moment after `from_s`, and not after `to_s`, in which the offset from UTC is that of `to_s`. */
static gint64 change_between(gint64 from_s, gint64 to_s)
{
    long offset = wall(to_s).tm_gmtoff;
    while (to_s - from_s > 1) {
        gint64 middle_s = from_s + (to_s - from_s) / 2;
        if (wall(middle_s).tm_gmtoff == offset)
            to_s = middle_s;
        else
            from_s = middle_s;
    }
    return to_s;
}

/* Whether the clock was set forwards over the whole window, less than its length ago. */
static gboolean was_skipped(const Window *window, gint64 time_s)
{
    gint64 length_s = (gint64)length_min(window) * 60;
    if (length_s > 3 * HOUR_S || wall(time_s).tm_gmtoff <= wall(time_s - length_s).tm_gmtoff)
        return FALSE;
    gint64 change_s = change_between(time_s - length_s, time_s);
    int first = minute_at(change_s - 1) + 1, last = minute_at(change_s); /* [first, last) did not exist */
    int gap = (last - first + DAY_MIN) % DAY_MIN;
    int opens = (window->opens_min - first + DAY_MIN) % DAY_MIN;
    return opens + length_min(window) <= gap && time_s - change_s < length_s;
}

gboolean window_is_open(const Window *window, gint64 time_s)
{
    return holds(window, minute_at(time_s)) || was_skipped(window, time_s);
}

gint64 window_day(const Window *window, gint64 time_s)
{
    struct tm tm = wall(time_s);
    struct tm date = {.tm_year = tm.tm_year, .tm_mon = tm.tm_mon, .tm_mday = tm.tm_mday};
    gint64 day = (gint64)timegm(&date) / (24 * HOUR_S);
    gboolean past_midnight = window && window->closes_min < window->opens_min;
    return past_midnight && tm.tm_hour * 60 + tm.tm_min < window->closes_min ? day - 1 : day;
}
