/* SPDX-License-Identifier: Apache-2.0 */
/* Releasing by git: doing what was planned (release_git_plan.c), and taking it back. */
#include "publish/release_git.h"

#include "base/fault.h"
#include "base/fs.h"
#include "publish/own_manifest.h"
#include "publish/program.h"
#include "publish/release_git_inner.h"
#include "publish/version_edit.h"
#include "publish/work_tree.h"

#include <string.h>

#define PUSH_LIMIT_S (60 * 60)

void release_git_plan_clear(ReleaseGitPlan *plan)
{
    char **const texts[] = {&plan->directory, &plan->app,  &plan->manifest, &plan->from,   &plan->last,
                            &plan->version,   &plan->tag,  &plan->message,  &plan->branch, &plan->remote,
                            &plan->there,     &plan->head, &plan->commit,   &plan->object};
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(*texts[i]);
    *plan = (ReleaseGitPlan){0};
}

/* --- the commit ------------------------------------------------------------------------------------------------- */

/* A hook of the publisher's may change what is committed: the commit must name the version that the tag will. */
static gboolean check_commit(const ReleaseGitPlan *plan, GError **error)
{
    g_autofree char *spec = g_strdup_printf("%s:./%s", plan->commit, plan->manifest);
    g_autofree char *bytes = git_ask(plan->directory, error, "show", spec, NULL);
    g_autoptr(Node) document = bytes ? document_parse(own_manifest_language(plan->manifest), bytes, strlen(bytes),
                                                      plan->manifest, FAULT_MANIFEST, error)
                                     : NULL;
    if (!document)
        return FALSE;
    const char *version = node_get_text(document, "version", "");
    return strcmp(version, plan->version) == 0 ||
           fault_set(error, FAULT_STATE, "the commit's %s says %s, not %s", plan->manifest, version, plan->version);
}

/* The manifest as it was, also in git's index. */
static void put_manifest_back(const ReleaseGitPlan *plan, int dirfd, const char *bytes, gsize size)
{
    own_manifest_replace(dirfd, plan->manifest, bytes, size, NULL);
    g_free(git_ask(plan->directory, NULL, "reset", "-q", "--", plan->manifest, NULL));
}

static gboolean commit_version(ReleaseGitPlan *plan, GError **error)
{
    fs_fd int dirfd = fs_open_dir(plan->directory, error);
    gsize size = 0, edited_size = 0;
    g_autofree char *bytes = dirfd < 0 ? NULL : fs_read(dirfd, plan->manifest, DOCUMENT_MAX_BYTES, &size, error);
    g_autofree char *edited = bytes ? version_edit(own_manifest_language(plan->manifest), bytes, size, plan->manifest,
                                                   plan->version, &edited_size, error)
                                    : NULL;
    if (!edited || !own_manifest_replace(dirfd, plan->manifest, edited, edited_size, error))
        return FALSE;
    g_autofree char *message = g_strdup_printf("Release %s %s", plan->app, plan->version);
    g_autofree char *said = git_ask(plan->directory, error, "commit", "-q", "-m", message, "--", plan->manifest, NULL);
    if (!said) {
        put_manifest_back(plan, dirfd, bytes, size);
        return FALSE;
    }
    g_free(plan->commit);
    plan->commit = git_ask(plan->directory, error, "rev-parse", "--verify", "HEAD^{commit}", NULL);
    return plan->commit && check_commit(plan, error);
}

/* --- the way back ----------------------------------------------------------------------------------------------- */

/* Only what is still ours goes: the tag if it is the object that we made, the commit if HEAD is on it. */
static gboolean take_back(const ReleaseGitPlan *plan)
{
    g_autofree char *reference = g_strconcat("refs/tags/", plan->tag, NULL);
    g_autofree char *untagged =
        plan->object ? git_ask(plan->directory, NULL, "update-ref", "-d", reference, plan->object, NULL) : g_strdup("");
    g_autofree char *now = git_ask(plan->directory, NULL, "rev-parse", "HEAD", NULL);
    if (g_strcmp0(now, plan->head) != 0 && g_strcmp0(now, plan->commit) == 0)
        g_free(git_ask(plan->directory, NULL, "reset", "-q", "--keep", plan->head, NULL));
    g_autofree char *then = git_ask(plan->directory, NULL, "rev-parse", "HEAD", NULL);
    return untagged && g_strcmp0(then, plan->head) == 0 && work_tree_check(plan->directory, TRUE, NULL, NULL);
}

static gboolean fail_back(const ReleaseGitPlan *plan, GError **error)
{
    if (plan->tagged)
        return fault_hint(error, "nothing was released; what an earlier run has left stays: commit and tag");
    if (take_back(plan))
        return fault_hint(error, "nothing was released; branch, manifest and tags are as they were");
    return fault_hint(error,
                      "nothing was released; 'git reset --keep %.12s' and 'git tag -d %s' take back what is here",
                      plan->head, plan->tag);
}

/* --- tag and push ----------------------------------------------------------------------------------------------- */

static gboolean make_tag(ReleaseGitPlan *plan, GError **error)
{
    g_autofree char *reference = g_strdup_printf("refs/tags/%s", plan->tag);
    g_autofree char *said = git_ask(plan->directory, error, "tag", plan->sign ? "-s" : "-a", "--cleanup=whitespace",
                                    "-m", plan->message, plan->tag, plan->commit, NULL);
    if (!said)
        return FALSE;
    plan->object = git_ask(plan->directory, error, "rev-parse", "--verify", reference, NULL);
    g_autofree char *text =
        plan->object ? git_ask(plan->directory, error, "cat-file", "tag", plan->object, NULL) : NULL;
    if (!text)
        return FALSE;
    if (!plan->sign || strstr(text, "\n-----BEGIN "))
        return TRUE;
    fault_set(error, FAULT_SYSTEM, "git has not signed %s", plan->tag); /* which 2.39 passes over if the key is gone */
    return FALSE;
}

/* What the remote said to a reference that it did not take: "!\tFROM:TO\t[rejected] (why)"; NULL: nothing. */
static char *find_rejection(const char *output)
{
    g_auto(GStrv) lines = g_strsplit(output, "\n", -1);
    char *first = NULL;
    for (char **line = lines; *line; line++) {
        char *why = (*line)[0] == '!' ? strrchr(*line, '\t') : NULL;
        gboolean follows = why && strstr(why, "atomic");
        if (!why || (first && follows))
            continue;
        g_free(first);
        first = g_strdup(why + 1);
        if (!follows)
            break;
    }
    return first;
}

static gboolean fail_push(const ReleaseGitPlan *plan, const ProgramAnswer *answer, GError **error)
{
    g_autofree char *why = find_rejection(answer->output);
    if (why)
        fault_set(error, FAULT_POLICY, "%s did not take %s and %s: %s", plan->remote, plan->there, plan->tag, why);
    else
        fault_set(error, FAULT_NETWORK, "%s did not take %s and %s: %s", plan->remote, plan->there, plan->tag,
                  answer->complaint);
    return fail_back(plan, error);
}

/* What the remote has is what counts, whatever the push said: a connection may end after all was taken. */
static gboolean push(const ReleaseGitPlan *plan, GError **error)
{
    g_autofree char *branch = g_strdup_printf("%s:refs/heads/%s", plan->commit, plan->there);
    g_autofree char *tag = g_strdup_printf("%s:refs/tags/%s", plan->object, plan->tag);
    const char *argv[] = {"git", "push", "--porcelain", "--atomic", plan->remote, branch, tag, NULL};
    g_auto(ProgramAnswer) answer = {0};
    g_autoptr(GError) local = NULL;
    gboolean ran = program_run(argv, plan->directory, PUSH_LIMIT_S, &answer, &local);
    g_auto(RemoteRefs) refs = {0};
    if (!remote_refs_read(plan->directory, plan->remote, plan->tag, plan->there, &refs, NULL)) {
        fault_set(error, FAULT_NETWORK, "whether %s took %s is not known: %s", plan->remote, plan->tag,
                  local ? local->message : answer.complaint);
        return fault_hint(error, "say the same again when it answers");
    }
    if (g_strcmp0(refs.tag, plan->object) == 0)
        return TRUE;
    if (ran && answer.status != 0)
        return fail_push(plan, &answer, error);
    fault_set(error, FAULT_NETWORK, "%s does not have %s after the push", plan->remote, plan->tag);
    return fail_back(plan, error);
}

gboolean release_git(ReleaseGitPlan *plan, GError **error)
{
    if (plan->is_done)
        return TRUE;
    if (!plan->commit)
        plan->commit = g_strdup(plan->head);
    if (plan->edits && !commit_version(plan, error))
        return fail_back(plan, error);
    if (!plan->tagged && !make_tag(plan, error))
        return fail_back(plan, error);
    return push(plan, error);
}
