/* SPDX-License-Identifier: Apache-2.0 */
/* What a publisher decides about releases that are there: channels, withdrawals, rollouts. */
#include "publish/repo_release.h"

#include "base/fault.h"
#include "model/version.h"
#include "publish/release_http.h"
#include "publish/repo_block.h"
#include "publish/repo_inner.h"

#include <string.h>

/* --- channels ----------------------------------------------------------------------------------------------- */

gboolean repo_channel_check(const char *channel, const char *app, const char *version, GError **error)
{
    if (!release_channel_is_valid(channel)) {
        g_autofree char *quoted = schema_quote(channel);
        return fault_set(error, FAULT_USAGE, "a channel is at most 32 of a-z, 0-9, '_' and '-', not %s", quoted);
    }
    if (version_is_prerelease(version) && g_str_equal(channel, "stable")) {
        fault_set(error, FAULT_USAGE, "%s %s is a pre-release and cannot go to the channel 'stable'", app, version);
        return fault_hint(error, "name a channel for it, such as beta");
    }
    return TRUE;
}

gboolean repo_channel_move(Node *content, const char *app, const char *version, const char *channel, gboolean must,
                           RepoReport *report, gboolean *changed, GError **error)
{
    const Node *before = repo_block_of_channel(content, channel);
    const char *now = before ? node_get_text(before, "version", "") : NULL;
    gboolean ordered = now && version_is_ordered(now) && version_is_ordered(version);
    if (before && !repo_block_is_withdrawn(before) && ordered && version_compare(version, now) < 0) {
        if (!must) {
            repo_report_note(report, "the channel '%s' names %s, which is higher, and goes on to", channel, now);
            return TRUE;
        }
        fault_set(error, FAULT_POLICY, "%s: the channel '%s' names %s, which is higher than %s", app, channel, now,
                  version);
        return fault_hint(error, "--force takes it back; hosts that have %s keep it", now);
    }
    if (!now || version_compare(now, version) != 0) {
        repo_block_set_channel(content, version, channel);
        *changed = TRUE;
    }
    report->channel = g_strdup(channel);
    return TRUE;
}

/* --- what all of them do ------------------------------------------------------------------------------------ */

typedef struct Decision {
    const RepoReleaseOptions *options;
    RepoReport *report;
    const char *channel, *reason;
    const char *const *stages;
} Decision;

typedef gboolean (*Decide)(const Decision *decision, Node *content, Node *block, gboolean *changed, GError **error);

static gboolean decide(const Decision *decision, RepoEdit *edit, Decide how, GError **error)
{
    const RepoReleaseOptions *options = decision->options;
    gboolean changed = FALSE;
    if (!repo_app(edit->repo, options->app)) {
        g_autofree char *quoted = schema_quote(options->app);
        return fault_set(error, FAULT_ABSENT, "%s holds no app %s", options->path, quoted);
    }
    Node *content = repo_edit_app(edit, options->app);
    Node *block = version_is_valid(options->version) ? repo_block_find(content, options->version, NULL) : NULL;
    if (!block) {
        g_autofree char *quoted = schema_quote(options->version);
        return fault_set(error, FAULT_ABSENT, "%s %s is not published here", options->app, quoted);
    }
    decision->report->version = g_strdup(node_get_text(block, "version", ""));
    if (!how(decision, content, block, &changed, error))
        return FALSE;
    decision->report->nothing_to_do = !changed;
    gboolean good = !changed || repo_edit_commit(edit, error);
    repo_report_written(decision->report, edit->written);
    return good;
}

static gboolean run(const Decision *decision, Decide how, GError **error)
{
    const RepoReleaseOptions *options = decision->options;
    decision->report->app = g_strdup(options->app);
    g_autoptr(RepoEdit) edit = repo_begin(options->path, &options->keys, error);
    return edit && decide(decision, edit, how, error);
}

/* --- the three ---------------------------------------------------------------------------------------------- */

static gboolean decide_channel(const Decision *decision, Node *content, Node *block, gboolean *changed, GError **error)
{
    const RepoReleaseOptions *options = decision->options;
    const char *version = node_get_text(block, "version", "");
    if (repo_block_is_withdrawn(block))
        return fault_set(error, FAULT_POLICY, "%s %s was withdrawn", options->app, version);
    const Node *before = repo_block_of_channel(content, decision->channel);
    if (options->force && before && before != block) { /* named by nobody: then nothing is higher */
        repo_block_set_channel(content, version, decision->channel);
        *changed = TRUE;
    }
    return repo_channel_check(decision->channel, options->app, version, error) &&
           repo_channel_move(content, options->app, version, decision->channel, TRUE, decision->report, changed, error);
}

gboolean repo_promote(const RepoReleaseOptions *options, const char *channel, RepoReport *report, GError **error)
{
    repo_report_init(report);
    const Decision decision = {.options = options, .report = report, .channel = channel};
    return run(&decision, decide_channel, error);
}

static void note_channels(const Node *block, RepoReport *report)
{
    const Node *list = node_get(block, "channels");
    for (guint i = 0; list && list->kind == NODE_LIST && i < list->items->len; i++) {
        const char *channel = ((const Node *)list->items->pdata[i])->text;
        repo_report_note(report,
                         "the channel '%s' still names it: hosts take the newest good release below it, until "
                         "'repo promote' names another",
                         channel);
    }
}

static gboolean decide_withdrawal(const Decision *decision, Node *content, Node *block, gboolean *changed,
                                  GError **error)
{
    const char *before = node_get_text(node_get(block, "withdrawn"), "reason", NULL);
    note_channels(block, decision->report);
    if (repo_block_is_withdrawn(block) && (!decision->reason || g_strcmp0(before, decision->reason) == 0))
        return TRUE;
    Node *withdrawn = node_new_map();
    if (decision->reason)
        node_set_text(withdrawn, "reason", decision->reason);
    node_set(block, "withdrawn", withdrawn);
    *changed = TRUE;
    return TRUE;
}

gboolean repo_withdraw(const RepoReleaseOptions *options, const char *reason, RepoReport *report, GError **error)
{
    repo_report_init(report);
    const Decision decision = {.options = options, .report = report, .reason = reason};
    return repo_text_check("--reason", reason, error) && run(&decision, decide_withdrawal, error);
}

static gboolean decide_rollout(const Decision *decision, Node *content, Node *block, gboolean *changed, GError **error)
{
    if (repo_block_is_withdrawn(block))
        return fault_set(error, FAULT_POLICY, "%s %s was withdrawn", decision->options->app,
                         node_get_text(block, "version", ""));
    const Node *rollout = node_get(block, "rollout");
    g_autofree char *before = rollout ? node_to_json(rollout, 0) : g_strdup("");
    if (!repo_block_set_rollout(block, decision->stages, error))
        return FALSE;
    g_autofree char *after = node_to_json(node_get(block, "rollout"), 0);
    *changed = !g_str_equal(before, after);
    return TRUE;
}

gboolean repo_rollout(const RepoReleaseOptions *options, const char *const *stages, RepoReport *report, GError **error)
{
    repo_report_init(report);
    const Decision decision = {.options = options, .report = report, .stages = stages};
    return run(&decision, decide_rollout, error);
}
