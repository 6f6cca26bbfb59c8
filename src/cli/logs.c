/* SPDX-License-Identifier: Apache-2.0 */
/* logs: what a job wrote; with -f also what it and later jobs go on to write. */
#include "cli/cli.h"

#include "base/clock.h"
#include "base/fault.h"
#include "engine/joblog.h"

#include <string.h>

#define FOLLOW_MS 200

static void show_line(Call *call, const Node *line)
{
    if (call->options.json) {
        g_autofree char *json = node_to_json(line, 0);
        printf("%s\n", json);
        fflush(stdout);
        return;
    }
    const char *type = node_get_text(line, "type", "");
    const char *at = node_get_text(line, "at", "");
    const char *text = node_get_text(line, "text", NULL);
    const Node *plan = node_get(line, "plan");
    static const char *const details[] = {"output", "fact", "sealed", "backup", NULL};
    if (strcmp(type, "progress") == 0 || (g_strv_contains(details, type) && !call->options.all))
        return;
    if (plan) {
        const char *from = node_get_text(plan, "from", NULL), *to = node_get_text(plan, "to", NULL);
        call_say(call, "%s  %-9s %s %s%s%s", at, type, node_get_text(plan, "kind", ""), from ? from : "",
                 from && to ? " → " : "", to ? to : "");
    } else if (strcmp(type, "fact") == 0)
        call_say(call, "%s  %-9s %s %s", at, type, node_get_text(line, "key", ""), node_get_text(line, "value", ""));
    else if (strcmp(type, "step") == 0)
        call_say(call, "%s  %-9s %s%s%s", at, node_get_text(line, "step", ""), node_get_text(line, "mark", ""),
                 text ? ": " : "", text ? text : "");
    else if (strcmp(type, "verdict") == 0)
        call_say(call, "%s  %-9s %s%s%s", at, "verdict", node_get_text(line, "verdict", ""), text ? ": " : "",
                 text ? text : "");
    else
        call_say(call, "%s  %-9s %s", at, type, text ? text : node_get_text(line, "job", ""));
}

static void show_new(Call *call, const char *directory, guint64 *offset)
{
    g_autoptr(GPtrArray) lines = job_log_read(directory, offset, NULL);
    for (guint i = 0; lines && i < lines->len; i++)
        show_line(call, g_ptr_array_index(lines, i));
}

static char *newest_job(Call *call, GError **error)
{
    if (call->options.job)
        return g_strdup(call->options.job);
    g_autoptr(Journal) journal = journal_open(call->host, TRUE, error);
    g_autoptr(GPtrArray) jobs = journal ? journal_jobs(journal, call_app(call), 1, error) : NULL;
    return jobs && jobs->len > 0 ? g_strdup(((const JobRecord *)g_ptr_array_index(jobs, 0))->id) : NULL;
}

int verb_logs(Call *call, GError **error)
{
    g_autoptr(GError) local = NULL;
    g_autofree char *id = newest_job(call, &local);
    if (!id) {
        if (local)
            g_propagate_error(error, g_steal_pointer(&local));
        else
            fault_set(error, FAULT_ABSENT, "%s: there is no job yet", call_app(call));
        return -1;
    }
    if (strchr(id, '/') || !app_name_is_valid(call_app(call)))
        return fault_set(error, FAULT_USAGE, "'%s' is not a job's id", id), -1;
    g_autoptr(Place) place = place_new(call->host, call_app(call), NULL);
    g_autofree char *directory = g_build_filename(place->jobs, id, NULL);
    if (!g_file_test(directory, G_FILE_TEST_IS_DIR)) {
        fault_set(error, FAULT_ABSENT, "%s: there is no job %s", call_app(call), id);
        fault_hint(error, "'liftlock history %s' lists them", call_app(call));
        return -1;
    }
    guint64 offset = 0;
    show_new(call, directory, &offset);
    while (call->options.follow) {
        clock_sleep_ms(FOLLOW_MS);
        show_new(call, directory, &offset);
        g_autofree char *newest = call->options.job ? NULL : newest_job(call, NULL);
        if (newest && strcmp(newest, id) != 0) { /* the next job of the app: its log from the start */
            show_new(call, directory, &offset);
            g_free(id);
            id = g_steal_pointer(&newest);
            g_free(directory);
            directory = g_build_filename(place->jobs, id, NULL);
            offset = 0;
        }
    }
    return 0;
}
