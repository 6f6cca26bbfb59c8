/* SPDX-License-Identifier: Apache-2.0 */
#include "model/auto.h"

#include <stdio.h>
#include <string.h>

#define MAX_AGE_MS ((gint64)3650 * 24 * 60 * 60 * 1000)
#define DEFAULT_CALENDAR "*-*-* 06:00:00"

/* What systemd.time(7) may be made of; nothing that a unit file would read as something else. */
static gboolean is_calendar(const char *text)
{
    static const char allowed[] = G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS " *-,:/.~_+";
    return *text && strlen(text) <= 100 && text[strspn(text, allowed)] == '\0';
}

static char *age_problem(const AppConfig *config)
{
    for (guint i = 0; i < config->policy.min_age_of->len; i++) {
        const KeyPair *pair = config->policy.min_age_of->pdata[i];
        gint64 age_ms = 0;
        if (duration_parse(pair->value, &age_ms) && age_ms <= MAX_AGE_MS)
            continue;
        g_autofree char *name = schema_quote(pair->name), *value = schema_quote(pair->value);
        return g_strdup_printf("'min_age_of' must give for %s a time from 0s to 3650d, such as 2h or 7d, not %s", name,
                               value);
    }
    return NULL;
}

char *auto_config_problem(const AppConfig *config, const char **pointer)
{
    Window window;
    *pointer = "/auto/window";
    if (config->auto_.window && !window_parse(config->auto_.window, &window)) {
        g_autofree char *quoted = schema_quote(config->auto_.window);
        return g_strdup_printf("'window' must be a span of the day such as 22:00-05:00, not %s", quoted);
    }
    *pointer = "/auto/calendar";
    if (config->auto_.calendar && !is_calendar(config->auto_.calendar)) {
        g_autofree char *quoted = schema_quote(config->auto_.calendar);
        return g_strdup_printf("'calendar' must be a time as systemd.time(7) has it, such as Mon..Fri 04:30, not %s",
                               quoted);
    }
    *pointer = "/policy/min_age_of";
    return age_problem(config);
}

gboolean auto_window(const AppConfig *config, Window *window)
{
    return config->auto_.window && window_parse(config->auto_.window, window);
}

char *auto_calendar(const AppConfig *config)
{
    Window window;
    if (config->auto_.calendar)
        return g_strdup(config->auto_.calendar);
    if (auto_window(config, &window))
        return g_strdup_printf("*-*-* %02d:%02d:00", window.opens_min / 60, window.opens_min % 60);
    return g_strdup(DEFAULT_CALENDAR);
}

gint64 auto_delay_ms(const AppConfig *config)
{
    Window window;
    gint64 delay_ms = config->auto_.random_delay_ms;
    return auto_window(config, &window) ? MIN(delay_ms, window_length_ms(&window) / 2) : delay_ms;
}

char *auto_cron_time(const AppConfig *config)
{
    static const char *const words[][2] = {
        {"hourly", "0 * * * *"}, {"daily", "0 0 * * *"}, {"weekly", "0 0 * * 1"}, {"monthly", "0 0 1 * *"}};
    g_autofree char *calendar = auto_calendar(config);
    for (guint i = 0; i < G_N_ELEMENTS(words); i++)
        if (strcmp(calendar, words[i][0]) == 0)
            return g_strdup(words[i][1]);
    const char *time = g_str_has_prefix(calendar, "*-*-* ") ? calendar + strlen("*-*-* ") : calendar;
    guint hour = 24, minute = 60, second = 0;
    int end = -1, end_short = -1;
    if (sscanf(time, "%2u:%2u%n:%2u%n", &hour, &minute, &end_short, &second, &end) < 2 || hour > 23 || minute > 59 ||
        (end >= 0 ? time[end] : time[end_short]) != '\0')
        return NULL;
    return g_strdup_printf("%u %u * * *", minute, hour);
}

gint64 auto_min_age_ms(const AppConfig *config, const char *severity)
{
    const char *word = severity && *severity ? severity : "normal";
    for (guint i = 0; config->policy.min_age_of && i < config->policy.min_age_of->len; i++) {
        const KeyPair *pair = config->policy.min_age_of->pdata[i];
        gint64 age_ms = 0;
        if (g_ascii_strcasecmp(pair->name, word) == 0 && duration_parse(pair->value, &age_ms))
            return age_ms;
    }
    gboolean urgent = g_ascii_strcasecmp(word, "security") == 0 || g_ascii_strcasecmp(word, "critical") == 0;
    return urgent ? 0 : config->policy.min_age_ms;
}
