/* SPDX-License-Identifier: Apache-2.0 */
/* The probe "command": a shell line of the release, run in its tree as the app's user; its exit status and output
 * answer. */
#include <string.h>

#include "base/process.h"
#include "parts/probe/ask.h"

static gboolean command_applies(const Check *check)
{
    return check->command != NULL;
}

static const struct {
    const char *word;
    ProbeAnswer answer;
} words[] = {
    {"ok", ANSWER_OK}, {"will_migrate", ANSWER_WILL_MIGRATE}, {"refuse", ANSWER_REFUSE}, {"fail", ANSWER_FAIL}};

/* What the check's table says of a status; what it leaves out means what it means everywhere. */
static ProbeAnswer answer_of(const Check *check, int status)
{
    g_autofree char *name = g_strdup_printf("%d", status);
    for (guint i = 0; check->exit && i < check->exit->len; i++) {
        const KeyPair *pair = g_ptr_array_index(check->exit, i);
        for (guint w = 0; g_str_equal(pair->name, name) && w < G_N_ELEMENTS(words); w++)
            if (g_str_equal(words[w].word, pair->value))
                return words[w].answer;
    }
    return status == 0 ? ANSWER_OK : ANSWER_FAIL;
}

static gboolean run(const ProbeContext *context, const Check *check, GString *output, ProcessOutcome *outcome,
                    GError **error)
{
    const PartContext *part = &context->part;
    ProcessSpec spec = {
        .shell = check->command,
        .directory = context->directory ? context->directory : part->place->current,
        .environment = part->environment,
        .change_user = part->place->change_user,
        .uid = part->place->uid,
        .gid = part->place->gid,
        .timeout_ms = check->timeout_ms,
        .keep_fds = &part->lock_fd,
        .n_keep_fds = part->lock_fd >= 0 ? 1 : 0,
        .on_line = part->on_line,
        .on_line_data = part->on_line_data,
        .output = output,
        .no_network = context->isolated,
        .read_only = context->isolated,
        .stage_parent = context->stage_parent,
        .stage_from = context->stage_from,
        .stage_as = context->stage_as,
    };
    return process_run(&spec, outcome, error);
}

static gboolean command_ask(const ProbeContext *context, const Check *check, ProbeResult *result, GError **error)
{
    g_autoptr(GString) output = g_string_new(NULL);
    ProcessOutcome outcome = {0};
    if (!run(context, check, output, &outcome, error))
        return FALSE;
    result->exposed = context->isolated && !outcome.isolated;
    if (process_was_killed(&outcome)) {
        g_autofree char *how = process_describe(&outcome);
        return fault_set(error, FAULT_SYSTEM, "'%s': %s", check->command, how);
    }
    g_autofree char *answer = g_strstrip(g_utf8_make_valid(output->str, (gssize)output->len));
    g_autofree char *first_line = g_strndup(answer, strcspn(answer, "\r\n"));
    ProbeAnswer said = outcome.exited && !outcome.timed_out ? answer_of(check, outcome.status) : ANSWER_FAIL;
    if (said == ANSWER_FAIL || said == ANSWER_REFUSE) {
        g_autofree char *how = process_describe(&outcome);
        result->text = part_printable(first_line);
        ask_problem(result, "%s", how);
        result->answer = said;
        return TRUE;
    }
    if (!ask_judge(context, check, answer, first_line, result, error))
        return FALSE;
    if (!result->problem)
        result->answer = said;
    return TRUE;
}

const ProbeDriver ask_command = {
    .name = "command",
    .summary = "exit status and output of a program of the release",
    .applies = command_applies,
    .ask = command_ask,
};
