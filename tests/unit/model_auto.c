/* SPDX-License-Identifier: Apache-2.0 */
/* [auto]: when a timer begins, and how old a release must be. */
#include "model/auto.h"

#include "model_read.h"

#define TAIL "[source]\ntype = \"folder\"\npath = \"/srv/x\"\n[trust]\nlevel = \"none\"\n"
#define MINUTE_MS (60 * 1000)

static AppConfig *config_from(const char *toml)
{
    GError *error = NULL;
    g_autofree char *text = g_strconcat(TAIL, toml, NULL);
    AppConfig *config = app_config_read(document_from(DOCUMENT_TOML, text), "demo", "demo.toml", &error);
    g_assert_no_error(error);
    return config;
}

static void expect(const char *toml, const char *message)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = g_strconcat(TAIL, toml, NULL), *whole = g_strconcat("demo.toml:", message, NULL);
    g_assert_null(app_config_read(document_from(DOCUMENT_TOML, text), "demo", "demo.toml", &error));
    assert_fault(&error, FAULT_CONFIG, whole);
}

static void test_times(void)
{
    static const struct {
        const char *toml, *calendar, *cron;
        int delay_min;
    } cases[] = {
        {"", "*-*-* 06:00:00", "0 6 * * *", 30},
        {"[auto]\nwindow = \"22:30-05:00\"\n", "*-*-* 22:30:00", "30 22 * * *", 30},
        {"[auto]\nwindow = \"04:00-04:20\"\n", "*-*-* 04:00:00", "0 4 * * *", 10},
        {"[auto]\nrandom_delay = \"2h\"\n", "*-*-* 06:00:00", "0 6 * * *", 120},
        {"[auto]\nrandom_delay = 0\nwindow = \"04:00-04:20\"\n", "*-*-* 04:00:00", "0 4 * * *", 0},
        {"[auto]\ncalendar = \"03:07\"\nwindow = \"02:00-05:00\"\n", "03:07", "7 3 * * *", 30},
        {"[auto]\ncalendar = \"*-*-* 03:07:59\"\n", "*-*-* 03:07:59", "7 3 * * *", 30},
        {"[auto]\ncalendar = \"daily\"\n", "daily", "0 0 * * *", 30},
        {"[auto]\ncalendar = \"weekly\"\n", "weekly", "0 0 * * 1", 30},
        {"[auto]\ncalendar = \"Mon..Fri 04:30\"\n", "Mon..Fri 04:30", NULL, 30},
        {"[auto]\ncalendar = \"04:30 Europe/Berlin\"\n", "04:30 Europe/Berlin", NULL, 30},
        {"[auto]\ncalendar = \"4:30\"\n", "4:30", "30 4 * * *", 30},
        {"[auto]\ncalendar = \"24:30\"\n", "24:30", NULL, 30},
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(AppConfig) config = config_from(cases[i].toml);
        g_autofree char *calendar = auto_calendar(config), *cron = auto_cron_time(config);
        g_assert_cmpstr(calendar, ==, cases[i].calendar);
        g_assert_cmpstr(cron, ==, cases[i].cron);
        g_assert_cmpint(auto_delay_ms(config), ==, cases[i].delay_min * MINUTE_MS);
    }
}

static void test_wrong(void)
{
    expect("[auto]\nwindow = \"10pm-5am\"\n",
           "7:10: 'window' must be a span of the day such as 22:00-05:00, not '10pm-5am'");
    expect("[auto]\nwindow = \"05:00-05:00\"\n",
           "7:10: 'window' must be a span of the day such as 22:00-05:00, not '05:00-05:00'");
    expect("[auto]\ncalendar = \"\"\n",
           "7:12: 'calendar' must be a time as systemd.time(7) has it, such as Mon..Fri 04:30, not ''");
    expect("[auto]\ncalendar = \"06:00\\nUnit=x.service\"\n",
           "7:12: 'calendar' must be a time as systemd.time(7) has it, such as Mon..Fri 04:30, not "
           "'06:00\\x0aUnit=x.service'");
    expect("[auto]\nrandom_delay = \"2d\"\n",
           "7:16: 'random_delay' must be a time from 0s to 1d, such as 30s, 5m or 2h, not the text '2d'");
    expect("[auto]\nat = \"06:00\"\n", "7:1: unknown key 'at'");
    expect("[policy]\nmin_age_of = {security = \"soon\"}\n",
           "7:14: 'min_age_of' must give for 'security' a time from 0s to 3650d, such as 2h or 7d, not 'soon'");
}

static void test_age(void)
{
    g_autoptr(AppConfig) plain = config_from("[policy]\nmin_age = \"3d\"\n");
    g_assert_cmpint(auto_min_age_ms(plain, NULL), ==, 3 * 24 * 60 * MINUTE_MS);
    g_assert_cmpint(auto_min_age_ms(plain, "minor"), ==, 3 * 24 * 60 * MINUTE_MS);
    g_assert_cmpint(auto_min_age_ms(plain, "Security"), ==, 0);
    g_assert_cmpint(auto_min_age_ms(plain, "critical"), ==, 0);
    g_autoptr(AppConfig) config =
        config_from("[policy]\nmin_age = \"3d\"\nmin_age_of = {security = \"2h\", normal = \"7d\", minor = \"30d\"}\n");
    g_assert_cmpint(auto_min_age_ms(config, "SECURITY"), ==, 2 * 60 * MINUTE_MS);
    g_assert_cmpint(auto_min_age_ms(config, "critical"), ==, 0);
    g_assert_cmpint(auto_min_age_ms(config, NULL), ==, (gint64)7 * 24 * 60 * MINUTE_MS);
    g_assert_cmpint(auto_min_age_ms(config, "minor"), ==, (gint64)30 * 24 * 60 * MINUTE_MS);
    g_assert_cmpint(auto_min_age_ms(config, "odd"), ==, 3 * 24 * 60 * MINUTE_MS);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/auto/begins when its configuration says", test_times);
    g_test_add_func("/auto/says what is wrong in its configuration", test_wrong);
    g_test_add_func("/auto/takes a release at the age of its severity", test_age);
    return g_test_run();
}
