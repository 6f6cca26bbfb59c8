/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/status_file.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

void status_file_write(Job *job, const char *step, const char *mark, guint64 done, guint64 total, const char *verdict)
{
    g_autofree char *now = clock_format(clock_now_s());
    g_autoptr(Node) node = node_new_map();
    node_set_text(node, "app", job->plan->app);
    node_set_text(node, "job", job->id);
    node_set_text(node, "kind", plan_kind_name(job->plan->kind));
    node_set_text(node, "from", job->plan->from);
    node_set_text(node, "to", job->plan->to);
    node_set_text(node, "step", step);
    node_set_text(node, "mark", mark);
    node_set_int(node, "done", (gint64)done);
    node_set_int(node, "total", (gint64)total);
    node_set_text(node, "verdict", verdict);
    node_set_text(node, "at", now);
    g_autofree char *json = node_to_json(node, 0);
    g_autofree char *temporary = g_strconcat(job->place->status, ".new", NULL);
    /* No sync: below /run nothing outlives a power cut anyway. */
    if (g_file_set_contents_full(temporary, json, (gssize)strlen(json), G_FILE_SET_CONTENTS_NONE, 0644, NULL))
        rename(temporary, job->place->status);
}
