/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Releases in a repository: `repo add`, `promote`, `withdraw` and `rollout`.
 *
 * A release is the target NAME/NAME-VERSION.yaml (its manifest), whose block "custom" holds what policy needs, and the
 * files that the block lists: its archive, as `release http` makes it, and the ways to it from other releases
 * (docs/repository-format.md, repo_ways.h).
 */
#pragma once

#include "publish/repo_keys.h"
#include "publish/repo_report.h"

typedef struct RepoAddOptions {
    const char *path, *app, *version;
    const char *what;                           /* a tree, or an archive (.tar.zst and the like) of one */
    const char *channel, *changelog, *severity; /* NULL: none, the manifest's, none */
    const char *min_age;                        /* "24h"; NULL: none */
    const char *gate, *gate_message;            /* "breakpoint", "stop" or NULL; the message may be NULL */
    RepoKeySources keys;
    guint n_deltas;                                /* from so many releases before it, at most */
    void (*tell)(const char *text, gpointer data); /* what is being done and takes its time; NULL */
    gpointer tell_data;
    gboolean dry_run; /* looks at release, repository and keys, and writes nothing */
} RepoAddOptions;

/* Adds a release. A version that is there with other content, or was withdrawn, is FAULT_POLICY; a manifest of another
 * app or version FAULT_USAGE. After a failure readers see the repository as it was. */
gboolean repo_add(const RepoAddOptions *options, RepoReport *report, GError **error);

typedef struct RepoReleaseOptions {
    const char *path, *app, *version;
    RepoKeySources keys;
    gboolean force; /* promote: also to an older version */
} RepoReleaseOptions;

/* The channel names this release from now on. A withdrawn one, a pre-release for stable, and without `force` an older
 * version than the channel names now are FAULT_POLICY. */
gboolean repo_promote(const RepoReleaseOptions *options, const char *channel, RepoReport *report, GError **error);

/* No host takes it any more; channels that name it go back to the newest release before it that is good. */
gboolean repo_withdraw(const RepoReleaseOptions *options, const char *reason, RepoReport *report, GError **error);

/* Which share of the hosts takes it when: stages as "10", "50:24h", "100:3d" (percentage, and how long after the stage
 * before). NULL-terminated; one stage "100" ends a rollout, "0" halts it. */
gboolean repo_rollout(const RepoReleaseOptions *options, const char *const *stages, RepoReport *report, GError **error);
