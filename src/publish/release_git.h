/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `release git`: a commit and a tag, pushed together.
 *
 * The version goes into the manifest, the manifest into a commit, a tag upon it (signed where the publisher has a key
 * for that), and branch and tag to the remote in one atomic push. What the remote does not take is taken back here. Who
 * was interrupted says the same again: what is done already is found, and the rest follows.
 */
#pragma once

#include <glib.h>

typedef struct ReleaseGitOptions {
    const char *directory; /* where the manifest lies */
    const char *app;       /* NULL: what the last release called it */
    const char *wish;    /* as for own_version_meant; NULL: the manifest's own version, if that was not released yet */
    const char *message; /* of the tag; NULL: "APP VERSION" */
    const char *remote;  /* NULL: where the branch is pushed to */
    gboolean sign;       /* also where git is not told to */
} ReleaseGitOptions;

typedef struct ReleaseGitPlan {
    char *directory, *app, *manifest, *from; /* from: the manifest's version */
    char *last;                              /* the newest tag below HEAD; NULL: there is none */
    char *version, *tag, *message;
    char *branch, *remote, *there;         /* there: the branch's name at the remote */
    char *head;                            /* the commit that all starts from */
    char *commit, *object;                 /* after release_git: commit and tag's object */
    gboolean edits, sign, tagged, is_done; /* tagged: the tag is there, unpushed; is_done: at the remote too */
} ReleaseGitPlan;
void release_git_plan_clear(ReleaseGitPlan *plan);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ReleaseGitPlan, release_git_plan_clear)

/* Looks, here and at the remote, and changes nothing. FAULT_POLICY: a work tree with changes, a tag that exists, a
 * version that is not newer, a manifest of another app, a remote that is ahead. */
gboolean release_git_plan(const ReleaseGitOptions *options, ReleaseGitPlan *plan, GError **error);

/* Does it. After a failure branch, manifest and tag are as they were; only if nobody can tell whether the remote took
 * them (FAULT_NETWORK), they stay, and the hint says what to do. */
gboolean release_git(ReleaseGitPlan *plan, GError **error);
