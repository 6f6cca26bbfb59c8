/* SPDX-License-Identifier: Apache-2.0 */
/* The notification "command": a shell line, run as the app's user; the message is its standard input and
 * LIFTLOCK_MESSAGE. */
#include "base/process.h"
#include "parts/notify/senders.h"

static const Key command_keys[] = {
    {"command", KEY_TEXT, G_STRUCT_OFFSET(NotifyConfig, command), NULL,
     "shell line that gets the message on standard input"},
    {0},
};

static char **with_message(const PartContext *context, const char *message, const NotifyFacts *facts)
{
    g_autoptr(GStrvBuilder) environment = g_strv_builder_new();
    for (const char *const *entry = context->environment; entry && *entry; entry++)
        g_strv_builder_add(environment, *entry);
    g_autofree char *entry = g_strconcat("LIFTLOCK_MESSAGE=", message, NULL);
    g_autofree char *verdict = g_strconcat("LIFTLOCK_VERDICT=", facts->verdict ? facts->verdict : "", NULL);
    g_strv_builder_add(environment, entry);
    g_strv_builder_add(environment, verdict);
    return g_strv_builder_end(environment);
}

static gboolean command_send(const PartContext *context, const NotifyConfig *config, const char *message,
                             const NotifyFacts *facts, GError **error)
{
    const Place *place = context->place;
    g_auto(GStrv) environment = with_message(context, message, facts);
    /* The shell fills the pipe: programs get no standard input from us. */
    g_autofree char *line = g_strdup_printf("printf '%%s\\n' \"$LIFTLOCK_MESSAGE\" | {\n%s\n}", config->command);
    ProcessSpec spec = {
        .shell = line,
        .directory = place->root,
        .environment = (const char *const *)environment,
        .change_user = place->change_user,
        .uid = place->uid,
        .gid = place->gid,
        .timeout_ms = config->timeout_ms,
        .on_line = context->on_line,
        .on_line_data = context->on_line_data,
    };
    ProcessOutcome outcome = {0};
    if (!process_run(&spec, &outcome, error))
        return FALSE;
    if (outcome.exited && outcome.status == 0 && !outcome.timed_out)
        return TRUE;
    g_autofree char *how = process_describe(&outcome);
    return fault_set(error, FAULT_HOOK, "command: %s", how);
}

const NotifyDriver notify_command = {
    .name = "command", .summary = "a program of the host's choice", .keys = command_keys, .send = command_send};
