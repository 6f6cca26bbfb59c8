/* SPDX-License-Identifier: Apache-2.0 */
/* Time, for deadlines and for people. */
#include "base/clock.h"

#include <errno.h>
#include <string.h>
#include <time.h>

gint64 clock_monotonic_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (gint64)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

gint64 clock_now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (gint64)now.tv_sec;
}

char *clock_format(gint64 time_s)
{
    time_t time = (time_t)time_s;
    struct tm tm;
    if (!gmtime_r(&time, &tm))
        return g_strdup("");
    return g_strdup_printf("%04ld-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900L, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
                           tm.tm_min, tm.tm_sec);
}

/* `count` digits at *at, which moves on. -1 if they are not there. */
static int take_digits(const char **at, int count)
{
    int value = 0;
    for (int i = 0; i < count; i++) {
        if (!g_ascii_isdigit(**at))
            return -1;
        value = value * 10 + (*(*at)++ - '0');
    }
    return value;
}

static gboolean take(const char **at, char c)
{
    if (**at != c)
        return FALSE;
    (*at)++;
    return TRUE;
}

static gboolean take_date(const char **at, struct tm *tm)
{
    int year = take_digits(at, 4), month = -1, day = -1;
    if (year < 0 || !take(at, '-') || (month = take_digits(at, 2)) < 1 || month > 12 || !take(at, '-') ||
        (day = take_digits(at, 2)) < 1 || year < 1 ||
        day > g_date_get_days_in_month((GDateMonth)month, (GDateYear)year))
        return FALSE;
    tm->tm_year = year - 1900;
    tm->tm_mon = month - 1;
    tm->tm_mday = day;
    return TRUE;
}

static gboolean take_time(const char **at, struct tm *tm)
{
    if ((tm->tm_hour = take_digits(at, 2)) < 0 || tm->tm_hour > 23 || !take(at, ':') ||
        (tm->tm_min = take_digits(at, 2)) < 0 || tm->tm_min > 59 || !take(at, ':') ||
        (tm->tm_sec = take_digits(at, 2)) < 0 || tm->tm_sec > 60)
        return FALSE;
    if (!take(at, '.'))
        return TRUE;
    if (!g_ascii_isdigit(**at))
        return FALSE;
    while (g_ascii_isdigit(**at))
        (*at)++;
    return TRUE;
}

static gboolean take_offset(const char **at, int *offset_s)
{
    *offset_s = 0;
    if (take(at, 'Z') || take(at, 'z'))
        return TRUE;
    int sign = **at == '-' ? -1 : 1;
    if (!take(at, '-') && !take(at, '+'))
        return FALSE;
    int hours = take_digits(at, 2), minutes = -1;
    if (hours < 0 || hours > 23 || !take(at, ':') || (minutes = take_digits(at, 2)) < 0 || minutes > 59)
        return FALSE;
    *offset_s = sign * (hours * 3600 + minutes * 60);
    return TRUE;
}

gboolean clock_parse(const char *text, gint64 *time_s)
{
    struct tm tm = {0};
    int offset_s = 0;
    const char *at = text;
    if (!take_date(&at, &tm))
        return FALSE;
    if (*at && ((!take(&at, 'T') && !take(&at, 't') && !take(&at, ' ')) || !take_time(&at, &tm) ||
                !take_offset(&at, &offset_s)))
        return FALSE;
    if (*at)
        return FALSE;
    *time_s = (gint64)timegm(&tm) - offset_s;
    return TRUE;
}

char *clock_span(gint64 seconds, gboolean exact)
{
    static const struct {
        const char *name;
        gint64 seconds;
    } units[] = {{"day", 86400}, {"hour", 3600}, {"minute", 60}, {"second", 1}};
    gsize i = 0;
    while (i < G_N_ELEMENTS(units) - 1 && (seconds < units[i].seconds || (exact && seconds % units[i].seconds)))
        i++;
    gint64 count = seconds / units[i].seconds;
    return g_strdup_printf("%" G_GINT64_FORMAT " %s%s", count, units[i].name, count == 1 ? "" : "s");
}

void clock_sleep_ms(gint64 duration_ms)
{
    if (duration_ms <= 0)
        return;
    /* By an absolute time, so that signals that do not end us do not make it longer. */
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += duration_ms / 1000;
    until.tv_nsec += duration_ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
        continue;
}
