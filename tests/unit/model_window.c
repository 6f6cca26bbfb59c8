/* SPDX-License-Identifier: Apache-2.0 */
/* The window of unattended updates, on nights that have an hour more or less. */
#include <time.h>

#include "base/clock.h"
#include "model/window.h"

static void in_zone(const char *zone)
{
    g_setenv("TZ", zone, TRUE);
    tzset();
}

static gint64 at(const char *text)
{
    gint64 time_s = 0;
    g_assert_true(clock_parse(text, &time_s));
    return time_s;
}

static void test_text(void)
{
    static const struct {
        const char *text;
        int opens, closes;
    } good[] = {
        {"22:00-05:00", 1320, 300}, {"00:00-23:59", 0, 1439}, {"06:30-06:31", 390, 391}, {"23:59-00:00", 1439, 0}};
    for (guint i = 0; i < G_N_ELEMENTS(good); i++) {
        Window window = {0};
        g_assert_true(window_parse(good[i].text, &window));
        g_assert_cmpint(window.opens_min, ==, good[i].opens);
        g_assert_cmpint(window.closes_min, ==, good[i].closes);
    }
    static const char *const bad[] = {
        "",           "22:00",         "22:00-",       "-05:00",      "22:00-24:00", "22:60-05:00", "22:00-22:00",
        "2:00-05:00", "22:00 - 05:00", "22:00-05:00 ", "22.00-05.00", "22:00-05:0",  "22:00--5:00", "+2:00-05:00"};
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        Window window = {7, 8};
        g_assert_false(window_parse(bad[i], &window));
        g_assert_cmpint(window.opens_min, ==, 7);
    }
}

typedef struct Moment {
    const char *zone, *window, *time;
    gboolean open;
} Moment;

static void check(const Moment *moments, gsize n)
{
    for (gsize i = 0; i < n; i++) {
        Window window;
        in_zone(moments[i].zone);
        g_assert_true(window_parse(moments[i].window, &window));
        if (window_is_open(&window, at(moments[i].time)) != moments[i].open)
            g_error("%s %s at %s: not %s", moments[i].zone, moments[i].window, moments[i].time,
                    moments[i].open ? "open" : "closed");
    }
}

static void test_ordinary(void)
{
    static const Moment moments[] = {
        {"UTC", "22:00-05:00", "2026-11-21T21:59:59Z", FALSE},
        {"UTC", "22:00-05:00", "2026-11-21T22:00:00Z", TRUE},
        {"UTC", "22:00-05:00", "2026-11-22T04:59:59Z", TRUE},
        {"UTC", "22:00-05:00", "2026-11-22T05:00:00Z", FALSE},
        {"UTC", "06:00-06:01", "2026-11-22T06:00:59Z", TRUE},
        {"UTC", "06:00-06:01", "2026-11-22T06:01:00Z", FALSE},
        {"America/New_York", "22:00-05:00", "2026-11-22T03:00:00Z", TRUE},
        {"America/New_York", "22:00-05:00", "2026-11-22T02:59:59Z", FALSE},
        {"Asia/Kathmandu", "22:00-05:00", "2026-11-21T16:15:00Z", TRUE},
        {"Asia/Kathmandu", "22:00-05:00", "2026-11-21T16:14:59Z", FALSE},
    };
    check(moments, G_N_ELEMENTS(moments));
}

/* Berlin, 29 March 2026: after 01:59:59 (00:59:59Z) comes 03:00:00. */
static void test_forwards(void)
{
    static const Moment moments[] = {
        {"Europe/Berlin", "22:00-05:00", "2026-03-29T00:59:59Z", TRUE},
        {"Europe/Berlin", "22:00-05:00", "2026-03-29T02:59:59Z", TRUE},
        {"Europe/Berlin", "22:00-05:00", "2026-03-29T03:00:00Z", FALSE},
        /* begins in the hour that is not there */
        {"Europe/Berlin", "02:30-03:30", "2026-03-29T00:59:59Z", FALSE},
        {"Europe/Berlin", "02:30-03:30", "2026-03-29T01:00:00Z", TRUE},
        {"Europe/Berlin", "02:30-03:30", "2026-03-29T01:30:00Z", FALSE},
        /* ends in it */
        {"Europe/Berlin", "01:30-02:30", "2026-03-29T00:59:59Z", TRUE},
        {"Europe/Berlin", "01:30-02:30", "2026-03-29T01:00:00Z", FALSE},
        /* lies in it */
        {"Europe/Berlin", "02:15-02:45", "2026-03-29T00:59:59Z", FALSE},
        {"Europe/Berlin", "02:15-02:45", "2026-03-29T01:00:00Z", TRUE},
        {"Europe/Berlin", "02:15-02:45", "2026-03-29T01:29:59Z", TRUE},
        {"Europe/Berlin", "02:15-02:45", "2026-03-29T01:30:00Z", FALSE},
        {"Europe/Berlin", "02:00-03:00", "2026-03-29T01:00:00Z", TRUE},
        {"Europe/Berlin", "02:00-03:00", "2026-03-29T01:59:59Z", TRUE},
        {"Europe/Berlin", "02:00-03:00", "2026-03-29T02:00:00Z", FALSE},
        /* the day after, and a window elsewhere on that day */
        {"Europe/Berlin", "02:15-02:45", "2026-03-30T00:15:00Z", TRUE},
        {"Europe/Berlin", "02:15-02:45", "2026-03-30T01:00:00Z", FALSE},
        {"Europe/Berlin", "01:15-01:45", "2026-03-29T01:05:00Z", FALSE},
        /* half an hour, at Lord Howe: after 01:59:59 (15:29:59Z) comes 02:30:00 */
        {"Australia/Lord_Howe", "02:05-02:15", "2026-10-03T15:29:59Z", FALSE},
        {"Australia/Lord_Howe", "02:05-02:15", "2026-10-03T15:30:00Z", TRUE},
        {"Australia/Lord_Howe", "02:05-02:15", "2026-10-03T15:40:00Z", FALSE},
        /* over midnight, in Beirut: after 23:59:59 (21:59:59Z) comes 01:00:00 */
        {"Asia/Beirut", "00:10-00:50", "2026-03-28T21:59:59Z", FALSE},
        {"Asia/Beirut", "00:10-00:50", "2026-03-28T22:00:00Z", TRUE},
        {"Asia/Beirut", "00:10-00:50", "2026-03-28T22:40:00Z", FALSE},
    };
    check(moments, G_N_ELEMENTS(moments));
}

/* Berlin, 25 October 2026: after 02:59:59 (00:59:59Z) comes 02:00:00. */
static void test_back(void)
{
    static const Moment moments[] = {
        {"Europe/Berlin", "22:00-05:00", "2026-10-25T03:59:59Z", TRUE},
        {"Europe/Berlin", "22:00-05:00", "2026-10-25T04:00:00Z", FALSE},
        {"Europe/Berlin", "01:30-02:30", "2026-10-25T00:29:59Z", TRUE},
        {"Europe/Berlin", "01:30-02:30", "2026-10-25T00:30:00Z", FALSE},
        {"Europe/Berlin", "01:30-02:30", "2026-10-25T01:00:00Z", TRUE}, /* the second 02:00 */
        {"Europe/Berlin", "01:30-02:30", "2026-10-25T01:30:00Z", FALSE},
        {"Europe/Berlin", "02:15-02:45", "2026-10-25T00:15:00Z", TRUE},
        {"Europe/Berlin", "02:15-02:45", "2026-10-25T01:15:00Z", TRUE},
        {"Europe/Berlin", "03:00-04:00", "2026-10-25T01:59:59Z", FALSE},
        {"Europe/Berlin", "03:00-04:00", "2026-10-25T02:00:00Z", TRUE},
    };
    check(moments, G_N_ELEMENTS(moments));
}

static gint64 day(const char *window_text, const char *time)
{
    Window window;
    g_assert_true(!window_text || window_parse(window_text, &window));
    return window_day(window_text ? &window : NULL, at(time));
}

static void test_day(void)
{
    in_zone("Europe/Berlin");
    g_assert_cmpint(day(NULL, "2026-11-21T22:59:59Z") + 1, ==, day(NULL, "2026-11-21T23:00:00Z"));
    g_assert_cmpint(day(NULL, "2026-11-21T23:00:00Z"), ==, day(NULL, "2026-11-22T22:59:59Z"));
    /* a night is one day, however long it is */
    static const char *const nights[][2] = {{"2026-11-21T21:00:00Z", "2026-11-22T03:59:59Z"},
                                            {"2026-03-28T21:00:00Z", "2026-03-29T02:59:59Z"},
                                            {"2026-10-24T20:00:00Z", "2026-10-25T03:59:59Z"}};
    for (guint i = 0; i < G_N_ELEMENTS(nights); i++)
        g_assert_cmpint(day("22:00-05:00", nights[i][0]), ==, day("22:00-05:00", nights[i][1]));
    g_assert_cmpint(day("22:00-05:00", "2026-11-22T03:59:59Z") + 1, ==, day("22:00-05:00", "2026-11-22T21:00:00Z"));
    g_assert_cmpint(day("02:00-05:00", "2026-11-22T02:00:00Z") - 1, ==, day("02:00-05:00", "2026-11-21T02:00:00Z"));
    /* of a year's and a leap year's end */
    g_assert_cmpint(day(NULL, "2028-02-29T12:00:00Z") + 1, ==, day(NULL, "2028-03-01T12:00:00Z"));
    g_assert_cmpint(day(NULL, "2026-12-31T12:00:00Z") + 1, ==, day(NULL, "2027-01-01T12:00:00Z"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/window/is a span of the day", test_text);
    g_test_add_func("/window/is open on the host's own clock", test_ordinary);
    g_test_add_func("/window/survives an hour that is not there", test_forwards);
    g_test_add_func("/window/survives an hour that comes twice", test_back);
    g_test_add_func("/window/belongs to the day on which it opens", test_day);
    return g_test_run();
}
