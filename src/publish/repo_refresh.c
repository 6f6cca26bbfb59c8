/* SPDX-License-Identifier: Apache-2.0 */
/* `repo refresh`: what cron does, so that readers can tell a quiet publisher from one whose word is withheld. */
#include "base/clock.h"
#include "base/fault.h"
#include "publish/repo_inner.h"
#include "publish/repo_root.h"

#define WARN_MAX_S ((gint64)30 * DAY_S) /* before something ends that a person must sign */

static gboolean can_sign(const RepoKeys *keys, RepoSigners signers)
{
    gint64 n = 0;
    for (guint i = 0; i < signers.role->keyids->len; i++)
        n += repo_keys_has(keys, signers.role->keyids->pdata[i]);
    return n >= signers.role->threshold;
}

/* Somebody must come and sign: said in the last quarter, and not before the last month. */
static void warn(const Repo *repo, const RepoFile *file, RepoReport *report)
{
    gint64 left_s = file->metadata->expires_s - repo->now_s;
    if (left_s > MIN(WARN_MAX_S, repo_lifetime_s(file->role) / 4))
        return;
    g_autofree char *span = clock_span(left_s < 0 ? -left_s : left_s, FALSE);
    repo_report_note(report,
                     left_s > 0 ? "%s expires in %s, and its keys are not at hand"
                                : "%s expired %s ago, and its keys are not at hand",
                     file->path, span);
    report->attention = TRUE;
}

/* Whether a role is to be signed again here. */
static gboolean wants(const Repo *repo, const RepoKeys *keys, const RepoFile *file, gboolean force, RepoReport *report)
{
    RepoSigners signers = repo_signers(repo->root->metadata, repo->targets->metadata, file->role);
    gboolean signs = can_sign(keys, signers);
    if (!signs)
        warn(repo, file, report);
    return signs && (force || repo_is_due(repo, file));
}

static gboolean refresh(RepoEdit *edit, gboolean force, RepoReport *report, GError **error)
{
    const Repo *repo = edit->repo;
    for (guint i = 0; i < repo->apps->len; i++) {
        const RepoFile *app = repo->apps->pdata[i];
        if (wants(repo, edit->keys, app, force, report))
            repo_edit_app(edit, repo_app_of_role(app->role));
    }
    if (wants(repo, edit->keys, repo->targets, force, report))
        repo_edit_targets(edit);
    edit->snapshot = wants(repo, edit->keys, repo->snapshot, force, report);
    warn(repo, repo->root, report);
    if (!edit->apps->len && !edit->targets && !edit->snapshot && !force && !repo_is_due(repo, repo->timestamp)) {
        report->nothing_to_do = TRUE;
        return TRUE;
    }
    gboolean good = repo_edit_commit(edit, error);
    repo_report_written(report, edit->written);
    return good;
}

gboolean repo_refresh(const RepoRootOptions *options, gboolean force, RepoReport *report, GError **error)
{
    repo_report_init(report);
    g_autoptr(RepoEdit) edit = repo_begin(options->path, &options->keys, error);
    return edit && refresh(edit, force, report, error);
}
