/* SPDX-License-Identifier: Apache-2.0 */
/* Releasing by git: what is to be done, and what speaks against it. */
#include "publish/release_git.h"

#include "base/fault.h"
#include "base/fs.h"
#include "base/shown.h"
#include "model/version.h"
#include "publish/own_manifest.h"
#include "publish/program.h"
#include "publish/release_git_inner.h"
#include "publish/work_tree.h"

#include <string.h>

/* --- the remote ------------------------------------------------------------------------------------------------- */

void remote_refs_clear(RemoteRefs *refs)
{
    g_free(refs->tag);
    g_free(refs->branch);
    *refs = (RemoteRefs){0};
}

gboolean remote_refs_read(const char *directory, const char *remote, const char *tag, const char *branch,
                          RemoteRefs *refs, GError **error)
{
    g_autofree char *tag_ref = g_strconcat("refs/tags/", tag, NULL);
    g_autofree char *branch_ref = g_strconcat("refs/heads/", branch, NULL);
    g_autoptr(GError) local = NULL;
    g_autofree char *said = git_ask(directory, &local, "ls-remote", "--", remote, tag_ref, branch_ref, NULL);
    if (!said)
        return fault_set(error, FAULT_NETWORK, "%s does not answer: %s", remote, local->message);
    g_auto(GStrv) lines = g_strsplit(said, "\n", -1);
    for (char **line = lines; *line; line++) {
        char *name = strchr(*line, '\t');
        char **field = !name                               ? NULL
                       : strcmp(name + 1, tag_ref) == 0    ? &refs->tag
                       : strcmp(name + 1, branch_ref) == 0 ? &refs->branch
                                                           : NULL;
        if (field && !*field)
            *field = g_strndup(*line, name - *line);
    }
    return TRUE;
}

static char *config(const char *directory, const char *key)
{
    g_autofree char *value = git_ask(directory, NULL, "config", "--get", key, NULL);
    return value && *value ? g_steal_pointer(&value) : NULL;
}

static char *branch_config(const ReleaseGitPlan *plan, const char *key)
{
    g_autofree char *whole = g_strdup_printf("branch.%s.%s", plan->branch, key);
    return config(plan->directory, whole);
}

/* Where `git push` would send the branch to. */
static gboolean find_remote(ReleaseGitPlan *plan, const char *wish, GError **error)
{
    g_autofree char *upstream = branch_config(plan, "remote"), *merge = branch_config(plan, "merge");
    plan->remote = g_strdup(wish);
    if (!plan->remote)
        plan->remote = branch_config(plan, "pushRemote");
    if (!plan->remote)
        plan->remote = config(plan->directory, "remote.pushDefault");
    if (!plan->remote)
        plan->remote = g_strdup(upstream ? upstream : "origin");
    g_autofree char *said = git_ask(plan->directory, error, "remote", NULL);
    g_auto(GStrv) remotes = said ? g_strsplit(said, "\n", -1) : NULL;
    if (!remotes)
        return FALSE;
    if (!g_strv_contains((const char *const *)remotes, plan->remote)) {
        g_autofree char *shown = shown_text(plan->remote);
        return fault_set(error, FAULT_USAGE, "there is no remote '%s' to push to", shown) ||
               fault_hint(error, "'git remote add %s ADDRESS' names one", wish ? "NAME" : "origin");
    }
    gboolean same = g_strcmp0(upstream, plan->remote) == 0 && merge && g_str_has_prefix(merge, "refs/heads/");
    plan->there = g_strdup(same ? merge + strlen("refs/heads/") : plan->branch);
    return TRUE;
}

static gboolean check_remote(ReleaseGitPlan *plan, GError **error)
{
    g_auto(RemoteRefs) refs = {0};
    if (!remote_refs_read(plan->directory, plan->remote, plan->tag, plan->there, &refs, error))
        return FALSE;
    plan->is_done = plan->tagged && g_strcmp0(refs.tag, plan->object) == 0;
    if (plan->is_done)
        return TRUE;
    if (refs.tag)
        return fault_set(error, FAULT_POLICY, "%s has a tag %s already", plan->remote, plan->tag) ||
               fault_hint(error, "a version is released once: choose the next");
    if (!refs.branch)
        return TRUE;
    g_autofree char *ours =
        git_ask(plan->directory, NULL, "merge-base", "--is-ancestor", refs.branch, plan->head, NULL);
    if (ours)
        return TRUE;
    fault_set(error, FAULT_POLICY, "%s/%s holds commits that are not here", plan->remote, plan->there);
    return fault_hint(error, "'git pull --rebase' brings them");
}

/* --- what is here ----------------------------------------------------------------------------------------------- */

static gboolean read_state(ReleaseGitPlan *plan, GError **error)
{
    if (!work_tree_is_one(plan->directory)) {
        g_autofree char *shown = fs_display(plan->directory);
        return fault_set(error, FAULT_USAGE, "%s is not in a git work tree", shown);
    }
    plan->branch = git_ask(plan->directory, NULL, "symbolic-ref", "--quiet", "--short", "HEAD", NULL);
    if (!plan->branch)
        return fault_set(error, FAULT_USAGE, "no branch is checked out that could be pushed") ||
               fault_hint(error, "'git switch BRANCH' goes to one");
    plan->head = git_ask(plan->directory, NULL, "rev-parse", "--verify", "--quiet", "HEAD^{commit}", NULL);
    return plan->head || fault_set(error, FAULT_USAGE, "%s has no commit yet", plan->branch);
}

/* The newest version among the tags below HEAD. */
static gboolean find_last(ReleaseGitPlan *plan, GError **error)
{
    g_autofree char *said =
        git_ask(plan->directory, error, "tag", "--merged", "HEAD", "--list", "v[0-9]*", "[0-9]*", NULL);
    g_auto(GStrv) tags = said ? g_strsplit(said, "\n", -1) : NULL;
    const char *last = NULL;
    for (char **tag = tags; tag && *tag; tag++)
        if (version_is_ordered(*tag) && (!last || version_compare(*tag, last) > 0))
            last = *tag;
    plan->last = g_strdup(last);
    return tags != NULL;
}

static gboolean read_manifest(ReleaseGitPlan *plan, const char *app, GError **error)
{
    fs_fd int dirfd = fs_open_dir(plan->directory, error);
    if (dirfd < 0 || !own_manifest_find(dirfd, plan->directory, &plan->manifest, error))
        return FALSE;
    g_autofree char *shown = fs_display(plan->directory);
    if (!plan->manifest)
        return fault_set(error, FAULT_MANIFEST, "%s holds no manifest", shown) ||
               fault_hint(error, "'liftlock release manifest' writes one");
    gsize size;
    g_autofree char *bytes = NULL;
    g_autoptr(Manifest) manifest = own_manifest_read(dirfd, plan->manifest, app, &bytes, &size, error);
    if (!manifest || !own_manifest_check_app(manifest, plan->manifest, app, error))
        return FALSE;
    plan->app = g_strdup(manifest->app);
    plan->from = g_strdup(manifest->version);
    g_autofree char *known = git_ask(plan->directory, NULL, "ls-files", "--error-unmatch", "--", plan->manifest, NULL);
    return known || fault_set(error, FAULT_POLICY, "%s is not in git", plan->manifest) ||
           fault_hint(error, "add and commit it");
}

/* What the last release called the app, under whichever name its manifest went; NULL: it had none that can be read. */
static char *last_app(const ReleaseGitPlan *plan)
{
    for (const char *const *name = manifest_names; *name; name++) {
        g_autofree char *spec = g_strdup_printf("refs/tags/%s:./%s", plan->last, *name);
        g_autofree char *bytes = git_ask(plan->directory, NULL, "show", spec, NULL);
        g_autoptr(Node) document =
            bytes ? document_parse(own_manifest_language(*name), bytes, strlen(bytes), *name, FAULT_MANIFEST, NULL)
                  : NULL;
        const char *app = node_get_text(document, "app", NULL);
        if (app)
            return g_strdup(app);
    }
    return NULL;
}

static gboolean check_app(const ReleaseGitPlan *plan, const char *wish, GError **error)
{
    g_autofree char *last = !wish && plan->last ? last_app(plan) : NULL;
    if (!last || strcmp(last, plan->app) == 0)
        return TRUE;
    g_autofree char *shown = shown_text(last);
    fault_set(error, FAULT_POLICY, "%s is the manifest of '%s', but %s released '%s'", plan->manifest, plan->app,
              plan->last, shown);
    return fault_hint(error, "if that is meant, say --name %s", plan->app);
}

/* --- the version ------------------------------------------------------------------------------------------------ */

/* HEAD is the last release: nothing follows it yet. */
static gboolean is_released(const ReleaseGitPlan *plan)
{
    g_autofree char *spec = plan->last ? g_strdup_printf("refs/tags/%s^{commit}", plan->last) : NULL;
    g_autofree char *commit = spec ? git_ask(plan->directory, NULL, "rev-parse", "--verify", spec, NULL) : NULL;
    return g_strcmp0(commit, plan->head) == 0 && version_compare(plan->last, plan->from) == 0;
}

/* What a bump adds to: the last tag, or the manifest's version where that is ahead of it. */
static const char *bump_base(const ReleaseGitPlan *plan)
{
    gboolean ahead = plan->last && version_is_ordered(plan->from) && version_compare(plan->from, plan->last) > 0;
    return plan->last && !ahead ? plan->last : plan->from;
}

/* A bump on what is released already, perhaps by a run that
 * was interrupted before the push, means that release. */
static gboolean choose_version(ReleaseGitPlan *plan, const char *wish, GError **error)
{
    gboolean bumps = wish && g_strv_contains(version_part_names, wish);
    g_autofree char *meant =
        !wish || (bumps && is_released(plan)) ? g_strdup(plan->from) : own_version_meant(wish, bump_base(plan), error);
    if (!meant)
        return FALSE;
    if (!version_is_ordered(meant))
        return fault_set(error, FAULT_USAGE, "release: '%s' is no version that can be tagged", meant) ||
               fault_hint(error, "say which version it is");
    plan->version = g_strdup(meant + (meant[0] == 'v'));
    plan->edits = version_compare(plan->version, plan->from) != 0;
    plan->tag = g_strconcat(plan->last && plan->last[0] != 'v' ? "" : "v", plan->version, NULL);
    return TRUE;
}

static gboolean check_version(const ReleaseGitPlan *plan, const char *wish, GError **error)
{
    gboolean ordered = version_is_ordered(plan->from);
    if (plan->last && version_compare(plan->version, plan->last) <= 0 && !plan->tagged) {
        fault_set(error, FAULT_POLICY, "%s: %s is not newer than %s, which is tagged", plan->app, plan->version,
                  plan->last);
        return wish ? FALSE : fault_hint(error, "say major, minor, patch, or a version");
    }
    if (plan->edits && ordered && version_compare(plan->version, plan->from) < 0)
        return fault_set(error, FAULT_POLICY, "%s: %s is not newer than %s, which %s names", plan->app, plan->version,
                         plan->from, plan->manifest);
    return TRUE;
}

/* A tag upon HEAD, with a message, of the version that the manifest names: one of ours, which was not pushed. Any other
 * tag of that name was made for something else. */
static gboolean look_at_tag(ReleaseGitPlan *plan, GError **error)
{
    g_autofree char *reference = g_strconcat("refs/tags/", plan->tag, NULL);
    g_autofree char *peeled = g_strconcat(reference, "^{commit}", NULL);
    g_autofree char *good = git_ask(plan->directory, NULL, "check-ref-format", reference, NULL);
    if (!good)
        return fault_set(error, FAULT_USAGE, "git does not take '%s' as the name of a tag", plan->tag);
    plan->object = git_ask(plan->directory, NULL, "rev-parse", "--verify", "--quiet", reference, NULL);
    if (!plan->object)
        return TRUE;
    g_autofree char *kind = git_ask(plan->directory, error, "cat-file", "-t", plan->object, NULL);
    g_autofree char *commit = kind ? git_ask(plan->directory, error, "rev-parse", "--verify", peeled, NULL) : NULL;
    if (!commit)
        return FALSE;
    plan->tagged = !plan->edits && strcmp(kind, "tag") == 0 && strcmp(commit, plan->head) == 0;
    if (plan->tagged)
        return TRUE;
    fault_set(error, FAULT_POLICY, "there is a tag %s already, upon %.12s", plan->tag, commit);
    return fault_hint(error, "a version is released once: choose the next");
}

static gboolean wants_signature(const ReleaseGitPlan *plan)
{
    g_autofree char *key = config(plan->directory, "user.signingKey");
    g_autofree char *always = git_ask(plan->directory, NULL, "config", "--type=bool", "--get", "tag.gpgSign", NULL);
    return key || g_strcmp0(always, "true") == 0;
}

gboolean release_git_plan(const ReleaseGitOptions *options, ReleaseGitPlan *plan, GError **error)
{
    *plan = (ReleaseGitPlan){.directory = g_strdup(options->directory)};
    if (!read_state(plan, error) || !work_tree_check(plan->directory, TRUE, NULL, error) ||
        !read_manifest(plan, options->app, error) || !find_last(plan, error) ||
        !choose_version(plan, options->wish, error) || !look_at_tag(plan, error) ||
        !check_version(plan, options->wish, error) || !check_app(plan, options->app, error) ||
        !find_remote(plan, options->remote, error))
        return FALSE;
    plan->message = options->message ? g_strdup(options->message) : g_strdup_printf("%s %s", plan->app, plan->version);
    plan->sign = options->sign || wants_signature(plan);
    return check_remote(plan, error);
}
