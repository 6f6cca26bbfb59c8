/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/status_file.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/fs.h"
#include "engine/lock.h"
#include "engine/offer.h"
#include "parts/layout/layout.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void add_available(Node *node, const Place *place)
{
    const LayoutDriver *layout = layout_find(LAYOUT_RELEASES, NULL);
    g_autofree char *live = layout->current(place, NULL);
    Node *available = node_new_map();
    node_set_text(available, "installed", live);
    offer_tell(available, place, live, OFFER_FOR_ALL);
    node_set(node, "available", available);
}

/* No sync: below /run nothing outlives a power cut anyway. `suffix`: two writers must not share a temporary file. */
static void replace_file(const Place *place, const Node *node, const char *suffix)
{
    g_autofree char *json = node_to_json(node, 0);
    g_autofree char *temporary = g_strconcat(place->status, suffix, NULL);
    if (g_file_set_contents_full(temporary, json, (gssize)strlen(json), G_FILE_SET_CONTENTS_NONE, 0644, NULL))
        rename(temporary, place->status);
}

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
    add_available(node, job->place);
    replace_file(job->place, node, ".new");
}

static Node *last_word(const Place *place)
{
    Node *node = document_read_file(place->status, FAULT_STATE, NULL);
    if (node && node->kind == NODE_MAP)
        return node;
    node_free(node);
    node = node_new_map();
    node_set_text(node, "app", place->app);
    return node;
}

void status_file_refresh(const Place *place)
{
    g_autofree char *run = g_path_get_dirname(place->status);
    g_autoptr(LockHolder) holder = lock_holder(place);
    if ((holder && holder->alive) || !fs_make_path(run, 0755, NULL))
        return;
    g_autoptr(Node) node = last_word(place);
    add_available(node, place);
    replace_file(place, node, ".look");
}
