/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"

#include "cli/cli.h"

#include "base/clock.h"
#include "engine/steps.h"

#include <string.h>
#include <unistd.h>

typedef enum { STATE_WAITING, STATE_RUNNING, STATE_DONE, STATE_FAILED, STATE_UNDOING, STATE_UNDONE } StepState;

struct Progress {
    FILE *out;
    gboolean live; /* redraw in place */
    const Step *shown[32];
    StepState state[32];
    gint64 duration_ms[32];
    guint n_shown;
    gboolean drawn;
    gint64 bytes_start_ms, bytes_last_ms;
    guint64 bytes_start;
    char *note;
};

static const struct {
    const char *sign, *colour, *word;
} looks[] = {
    [STATE_WAITING] = {"·", "2", "waiting"},  [STATE_RUNNING] = {"▸", "1", "running"},
    [STATE_DONE] = {"✓", "32", "done"},       [STATE_FAILED] = {"✗", "31", "failed"},
    [STATE_UNDOING] = {"↶", "33", "undoing"}, [STATE_UNDONE] = {"↶", "33", "undone"},
};

Progress *progress_new(FILE *out)
{
    Progress *progress = g_new0(Progress, 1);
    const char *term = g_getenv("TERM");
    progress->out = out;
    progress->live = isatty(fileno(out)) && !g_getenv("NO_COLOR") && term && strcmp(term, "dumb") != 0;
    return progress;
}

void progress_free(Progress *progress)
{
    if (!progress)
        return;
    g_free(progress->note);
    g_free(progress);
}

static void draw(Progress *progress)
{
    if (progress->drawn)
        fprintf(progress->out, "\033[%uA", progress->n_shown);
    for (guint i = 0; i < progress->n_shown; i++) {
        StepState state = progress->state[i];
        fprintf(progress->out, "\r\033[K  \033[%sm%s %-9s\033[0m %s", looks[state].colour, looks[state].sign,
                progress->shown[i]->name, progress->shown[i]->summary);
        if (state == STATE_DONE && progress->duration_ms[i] >= 100)
            fprintf(progress->out, "  \033[2m%.1f s\033[0m", (double)progress->duration_ms[i] / 1000);
        if (state == STATE_RUNNING && progress->note)
            fprintf(progress->out, "  \033[2m%s\033[0m", progress->note);
        fputc('\n', progress->out);
    }
    progress->drawn = TRUE;
    fflush(progress->out);
}

static void begin(Progress *progress, const Node *line)
{
    const char *kind = node_get_text(node_get(line, "plan"), "kind", "");
    Plan plan = {.rehearse = node_get_bool(node_get(line, "plan"), "rehearse", FALSE)};
    progress->n_shown = 0;
    progress->drawn = FALSE;
    while (plan.kind < PLAN_N_KINDS && strcmp(plan_kind_name(plan.kind), kind) != 0)
        plan.kind++;
    for (guint i = 0; plan.kind < PLAN_N_KINDS && i < n_steps; i++)
        if (step_is_of(&steps[i], &plan))
            progress->shown[progress->n_shown++] = &steps[i];
    memset(progress->state, 0, sizeof progress->state);
    if (progress->live)
        draw(progress);
}

static void plain_step(Progress *progress, const Step *step, StepState state, gint64 duration_ms, const char *text)
{
    if (state == STATE_RUNNING || state == STATE_UNDOING)
        return;
    fprintf(progress->out, "  %s: %s", step->name, looks[state].word);
    if (state == STATE_DONE && duration_ms >= 100)
        fprintf(progress->out, " (%.1f s)", (double)duration_ms / 1000);
    g_autofree char *first = text ? g_strndup(text, strcspn(text, "\n")) : NULL;
    g_autofree char *shown = first ? cli_line(first) : NULL;
    if (shown)
        fprintf(progress->out, ": %s", shown);
    fputc('\n', progress->out);
    fflush(progress->out);
}

static void on_step(Progress *progress, const Node *line)
{
    static const struct {
        const char *mark;
        StepState state;
    } marks[] = {{"begun", STATE_RUNNING},   {"done", STATE_DONE},     {"failed", STATE_FAILED},
                 {"undoing", STATE_UNDOING}, {"undone", STATE_UNDONE}, {"undo-failed", STATE_FAILED}};
    const char *name = node_get_text(line, "step", ""), *mark = node_get_text(line, "mark", "");
    for (guint i = 0; i < progress->n_shown; i++) {
        if (strcmp(progress->shown[i]->name, name) != 0)
            continue;
        for (guint j = 0; j < G_N_ELEMENTS(marks); j++)
            if (strcmp(marks[j].mark, mark) == 0)
                progress->state[i] = marks[j].state;
        progress->duration_ms[i] = node_get_int(line, "duration_ms", 0);
        progress->bytes_start_ms = 0;
        g_clear_pointer(&progress->note, g_free);
        if (progress->live)
            draw(progress);
        else
            plain_step(progress, progress->shown[i], progress->state[i], progress->duration_ms[i],
                       node_get_text(line, "text", NULL));
        return;
    }
}

static char *bytes_text(guint64 bytes)
{
    return g_format_size(bytes);
}

static void on_bytes(Progress *progress, const Node *line)
{
    if (!progress->live)
        return;
    gint64 now = clock_monotonic_ms();
    guint64 done = (guint64)node_get_int(line, "done", 0), total = (guint64)node_get_int(line, "total", 0);
    if (progress->bytes_start_ms == 0) {
        progress->bytes_start_ms = now;
        progress->bytes_start = done;
    }
    gint64 spent_ms = MAX(now - progress->bytes_start_ms, 1);
    guint64 rate = (done - MIN(progress->bytes_start, done)) * 1000 / (guint64)spent_ms;
    g_autofree char *have = bytes_text(done), *all = bytes_text(total), *speed = bytes_text(rate);
    GString *note = g_string_new(have);
    if (total > 0)
        g_string_append_printf(note, " of %s", all);
    if (rate > 0 && spent_ms > 500)
        g_string_append_printf(note, ", %s/s", speed);
    if (rate > 0 && total > done && spent_ms > 500)
        g_string_append_printf(note, ", %" G_GUINT64_FORMAT " s left", (total - done) / rate);
    g_free(progress->note);
    progress->note = g_string_free(note, FALSE);
    if (now - progress->bytes_last_ms > 60) {
        progress->bytes_last_ms = now;
        draw(progress);
    }
}

static void on_note(Progress *progress, const Node *line)
{
    g_autofree char *text = cli_line(node_get_text(line, "text", ""));
    if (progress->live && progress->drawn) { /* above the steps, which are drawn anew below */
        fprintf(progress->out, "\033[%uA\r\033[J  %s\n", progress->n_shown, text);
        progress->drawn = FALSE;
        draw(progress);
    } else
        fprintf(progress->out, "  %s\n", text);
    fflush(progress->out);
}

void progress_line(const Node *line, gpointer data)
{
    static const struct {
        const char *type;
        void (*show)(Progress *progress, const Node *line);
    } kinds[] = {{"plan", begin}, {"step", on_step}, {"progress", on_bytes}, {"note", on_note}};
    const char *type = node_get_text(line, "type", "");
    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++)
        if (strcmp(kinds[i].type, type) == 0)
            kinds[i].show(data, line);
}
