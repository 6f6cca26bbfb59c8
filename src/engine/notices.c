/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/notices.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/fs.h"
#include "parts/log_file.h"
#include "parts/notify/notify.h"

#include <string.h>
#include <unistd.h>

/* logs/update.log: one JSON object a job. The folder is the app user's, so no link is followed there, symbolic or hard.
 */
static void update_log_write(Job *job, const NotifyFacts *facts)
{
    g_autoptr(Node) node = node_new_map();
    g_autofree char *now = clock_format(clock_now_s());
    node_set_text(node, "at", now);
    node_set_text(node, "job", facts->job);
    node_set_text(node, "kind", plan_kind_name(job->plan->kind));
    node_set_text(node, "from", job->plan->from);
    node_set_text(node, "to", job->plan->to);
    node_set_text(node, "verdict", facts->verdict);
    node_set_text(node, "error", facts->error);
    g_autofree char *json = node_to_json(node, 0);
    g_autofree char *line = g_strconcat(json, "\n", NULL);
    fs_fd int fd = log_file_open(job->place, "update.log", NULL);
    if (fd < 0 || write(fd, line, strlen(line)) < 0)
        job_say(job, "could not write %s/update.log", job->place->logs);
}

static gboolean is_wanted(const NotifyConfig *config, const char *verdict)
{
    if (!config->on || config->on->len == 0)
        return TRUE;
    for (guint i = 0; i < config->on->len; i++)
        if (strcmp(g_ptr_array_index(config->on, i), verdict) == 0)
            return TRUE;
    return FALSE;
}

static void send_one(Job *job, const NotifyConfig *config, const NotifyFacts *facts)
{
    g_autoptr(GError) error = NULL;
    if (!notify_send(&job->part, config, facts, &error))
        job_say(job, "notification: %s", error->message);
}

void notices_tell(const PartContext *part, const AppConfig *config, const NotifyFacts *facts)
{
    for (guint i = 0; i < config->notify->len; i++) {
        const NotifyConfig *notify = g_ptr_array_index(config->notify, i);
        g_autoptr(GError) error = NULL;
        if (is_wanted(notify, facts->verdict) && !notify_send(part, notify, facts, &error))
            part->on_line(error->message, part->on_line_data);
    }
}

/* The publisher's own wishes, in the manifest, count where the host configures none of its own. */
static void send_from_manifest(Job *job, const GPtrArray *wishes, const NotifyFacts *facts)
{
    for (guint i = 0; wishes && i < wishes->len; i++) {
        const Notification *wish = g_ptr_array_index(wishes, i);
        NotifyConfig config = {
            .name = (char *)"manifest",
            .type = wish->type,
            .url = wish->url,
            .command = wish->command,
            .message = wish->message,
            .timeout_ms = 10000,
            .retry_count = 1,
        };
        send_one(job, &config, facts);
    }
}

void notices_send(Job *job, const char *verdict, const GError *cause)
{
    g_autofree char *text = cause ? fault_text(cause) : NULL;
    NotifyFacts facts = {
        .app = job->plan->app,
        .version = job->plan->to ? job->plan->to : "",
        .from = job->plan->from ? job->plan->from : "",
        .verdict = verdict,
        .error = text ? text : "",
        .host = g_get_host_name(),
        .job = job->id,
    };
    update_log_write(job, &facts);
    for (guint i = 0; job->config->notify && i < job->config->notify->len; i++) {
        const NotifyConfig *config = g_ptr_array_index(job->config->notify, i);
        if (is_wanted(config, verdict))
            send_one(job, config, &facts);
    }
    gboolean changes =
        job->plan->kind == PLAN_UPDATE || job->plan->kind == PLAN_INSTALL || job->plan->kind == PLAN_RETURN;
    if (changes && (!job->config->notify || job->config->notify->len == 0))
        send_from_manifest(
            job, cause ? job->manifest->notifications.on_failure : job->manifest->notifications.on_success, &facts);
}
