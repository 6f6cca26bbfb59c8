/* SPDX-License-Identifier: Apache-2.0 */
/* The table of notification drivers, and the messages that they send. */
#include "parts/notify/notify.h"

#include <string.h>

#include "base/clock.h"
#include "parts/notify/senders.h"

const NotifyDriver *const notify_drivers[] = {&notify_webhook, &notify_mail, &notify_command, &notify_log, NULL};

#define FIRST_PAUSE_MS 250
#define LONGEST_PAUSE_MS 2000

/* --- messages --------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    gsize offset;
} places[] = {
    {"app", offsetof(NotifyFacts, app)},     {"version", offsetof(NotifyFacts, version)},
    {"from", offsetof(NotifyFacts, from)},   {"verdict", offsetof(NotifyFacts, verdict)},
    {"error", offsetof(NotifyFacts, error)}, {"host", offsetof(NotifyFacts, host)},
    {"job", offsetof(NotifyFacts, job)},
};

/* The fact that the text at a brace names; *length gets what the name takes with its braces. */
static const char *fact_at(const char *brace, const NotifyFacts *facts, gsize *length)
{
    for (guint i = 0; i < G_N_ELEMENTS(places); i++) {
        gsize size = strlen(places[i].name);
        if (strncmp(brace + 1, places[i].name, size) != 0 || brace[1 + size] != '}')
            continue;
        const char *value = G_STRUCT_MEMBER(const char *, facts, places[i].offset);
        *length = size + 2;
        return value ? value : "";
    }
    return NULL;
}

char *notify_expand(const char *template_text, const NotifyFacts *facts)
{
    GString *text = g_string_new(NULL);
    while (*template_text) {
        gsize length = 0;
        const char *value = *template_text == '{' ? fact_at(template_text, facts, &length) : NULL;
        if (value)
            g_string_append(text, value);
        else
            g_string_append_c(text, *template_text);
        template_text += value ? length : 1;
    }
    return g_string_free(text, FALSE);
}

/* An address in an error may hold what only its server may know. */
static char *without_credentials(char *message)
{
    g_autoptr(GRegex) credentials = g_regex_new("(?<=://)[^/@\\s]+(?=@)", G_REGEX_RAW, 0, NULL);
    g_autofree char *text = message;
    char *clean = g_regex_replace_literal(credentials, text, -1, 0, "...", 0, NULL);
    if (!clean)
        clean = g_strdup("");
    return clean;
}

static const char *default_template(const NotifyFacts *facts)
{
    if (facts->error && *facts->error)
        return "{app} {version} on {host}: {verdict}: {error}";
    return "{app} {version} on {host}: {verdict}";
}

/* --- sending ---------------------------------------------------------------------------------------------------- */

static const NotifyDriver *driver_of(const NotifyConfig *config)
{
    for (guint i = 0; notify_drivers[i]; i++)
        if (g_strcmp0(notify_drivers[i]->name, config->type) == 0)
            return notify_drivers[i];
    return NULL;
}

static gboolean is_wanted(const NotifyConfig *config, const NotifyFacts *facts)
{
    if (!config->on || config->on->len == 0 || !facts->verdict)
        return TRUE;
    for (guint i = 0; i < config->on->len; i++)
        if (g_str_equal(g_ptr_array_index(config->on, i), facts->verdict))
            return TRUE;
    return FALSE;
}

gboolean notify_send(const PartContext *context, const NotifyConfig *config, const NotifyFacts *facts, GError **error)
{
    const NotifyDriver *driver = driver_of(config);
    if (!driver)
        return fault_set(error, FAULT_CONFIG, "notification '%s': no way to send '%s'", config->name, config->type);
    if (!is_wanted(config, facts))
        return TRUE;
    g_autofree char *message =
        without_credentials(notify_expand(config->message ? config->message : default_template(facts), facts));
    gint64 pause_ms = FIRST_PAUSE_MS;
    for (gint64 left = config->retry_count;; left--) {
        g_autoptr(GError) why = NULL;
        if (driver->send(context, config, message, facts, &why))
            return TRUE;
        if (left <= 0 || !fault_row(fault_code_of(why))->retry) {
            g_propagate_error(error, g_steal_pointer(&why));
            return fault_prefix(error, "notification '%s'", config->name);
        }
        clock_sleep_ms(pause_ms);
        pause_ms = MIN(pause_ms * 2, LONGEST_PAUSE_MS);
    }
}
