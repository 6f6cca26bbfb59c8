/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/repo_tell.h"

#include <string.h>

Node *repo_tell_list(const GPtrArray *texts)
{
    Node *list = node_new_list();
    for (guint i = 0; i < texts->len; i++)
        node_append(list, node_new_scalar(SCALAR_STRING, texts->pdata[i]));
    return list;
}

static Node *list_of_files(const GPtrArray *files)
{
    Node *list = node_new_list();
    for (guint i = 0; i < files->len; i++) {
        const RepoReportFile *file = files->pdata[i];
        Node *item = node_new_map();
        node_set_text(item, "what", file->what);
        if (file->path) {
            node_set_text(item, "path", file->path);
            node_set_text(item, "sha256", file->sha256);
            node_set_int(item, "size", file->size_bytes);
        }
        node_append(list, item);
    }
    return list;
}

void repo_tell_answer(Call *call, const RepoReport *report)
{
    const char *const pairs[][2] = {{"app", report->app},         {"version", report->version},
                                    {"archive", report->archive}, {"sha256", report->sha256},
                                    {"channel", report->channel}, {"pending", report->pending}};
    call->answer = node_new_map();
    for (guint i = 0; i < G_N_ELEMENTS(pairs); i++)
        if (pairs[i][1])
            node_set_text(call->answer, pairs[i][0], pairs[i][1]);
    if (report->root) {
        node_set_int(call->answer, "root", report->root);
        node_set_int(call->answer, "missing_signatures", report->missing);
    }
    node_set_bool(call->answer, "nothing_to_do", report->nothing_to_do);
    node_set(call->answer, "files", list_of_files(report->files));
    node_set(call->answer, "keys", repo_tell_list(report->keys));
    node_set(call->answer, "notes", repo_tell_list(report->notes));
    node_set(call->answer, "upload", repo_tell_list(report->written));
}

static void say_root(Call *call, const RepoReport *report)
{
    if (!report->root)
        return;
    if (!report->missing) {
        call_say(call, "root %" G_GINT64_FORMAT " is published", report->root);
        return;
    }
    call_say(call, "root %" G_GINT64_FORMAT " waits for %" G_GINT64_FORMAT " more signature%s: %s", report->root,
             report->missing, report->missing == 1 ? "" : "s", report->pending);
    call_say(call, "  each of its people: liftlock repo sign FILE --keys KEY; then: liftlock repo sign %s",
             (const char *)call->arguments->pdata[1]);
}

/* The order matters: what others point to comes first, and the timestamp makes it known. */
static void say_upload(Call *call, const RepoReport *report)
{
    if (report->written->len && !call->options.rsync_list)
        call_say(call, "to upload, in this order:");
    for (guint i = 0; i < report->written->len && !call->options.rsync_list; i++)
        call_say(call, "  %s", (const char *)report->written->pdata[i]);
}

void repo_tell(Call *call, const RepoReport *report)
{
    for (guint i = 0; i < report->keys->len; i++)
        call_say(call, "  key       %s", (const char *)report->keys->pdata[i]);
    say_root(call, report);
    for (guint i = 0; i < report->notes->len; i++)
        call_say(call, "note: %s", (const char *)report->notes->pdata[i]);
    say_upload(call, report);
    repo_tell_answer(call, report);
}

/* What came to it, or would come, besides the archive. */
static void say_files(Call *call, const RepoReport *report)
{
    gsize width = 0;
    for (guint i = 0; i < report->files->len; i++)
        width = MAX(width, strlen(((const RepoReportFile *)report->files->pdata[i])->what));
    for (guint i = 0; i < report->files->len; i++) {
        const RepoReportFile *file = report->files->pdata[i];
        g_autofree char *size = g_format_size((guint64)file->size_bytes);
        if (file->path)
            call_say(call, "  %-*s   %s", (int)width, file->what, size);
        else
            call_say(call, "  with a %s, if that is smaller", file->what);
    }
}

void repo_tell_release(Call *call, const RepoReport *report)
{
    g_autofree char *size = g_format_size((guint64)report->size_bytes);
    if (call->options.dry_run) {
        call_say(call, "%s %s would be added: %s", report->app, report->version, report->archive);
        say_files(call, report);
        return;
    }
    if (report->nothing_to_do)
        call_say(call, "%s %s is there already, with the same content", report->app, report->version);
    else
        call_say(call, "%s %s is added: %s (%s)", report->app, report->version, report->archive, size);
    if (report->channel)
        call_say(call, "  channel   %s", report->channel);
    else
        call_say(call, "  channel   none: 'liftlock repo promote %s %s %s CHANNEL' lets hosts have it",
                 (const char *)call->arguments->pdata[1], report->app, report->version);
    say_files(call, report);
}
