/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The root of a repository: who signs what. `repo init`, `repo rotate` and `repo sign`.
 *
 * A new root is published at once where enough of its keys are at hand. Else it waits as pending/N.root.json, to be
 * signed by each of its people (repo_sign_file, on machines of their own), and is published by repo_sign_pending when
 * the threshold is met: of the root before it, and its own.
 */
#pragma once

#include "publish/repo_keys.h"
#include "publish/repo_report.h"

typedef struct RepoRootOptions {
    const char *path;
    RepoKeySources keys;
    const char *const *add; /* public keys that are to sign: files; may be NULL */
    const char *const
        *drop;        /* beginnings of key ids (8 digits and more), files of public keys, or "all"; may be NULL */
    gint64 threshold; /* 0: init: more than half of the keys; rotate: as it is */
} RepoRootOptions;

/* Begins a repository. Without `add` a key of its own is made for root. FAULT_USAGE if DIR holds one already. */
gboolean repo_init(const RepoRootOptions *options, RepoReport *report, GError **error);

/* Changes who signs a role: "root", "targets", "snapshot", "timestamp", or the name of an app. Without add, drop and
 * threshold: a new key instead of the ones before; for root: the same keys sign it again, for another year. */
gboolean repo_rotate(const RepoRootOptions *options, const char *role, RepoReport *report, GError **error);

/* Signs a root that waits, in a file of its own, and takes over what others have signed in copies of it. */
gboolean repo_sign_file(const char *file, const char *const *copies, const RepoKeySources *sources, RepoReport *report,
                        GError **error);

/* The same for the root that waits in DIR; publishes it when enough have signed. */
gboolean repo_sign_pending(const RepoRootOptions *options, const char *const *copies, RepoReport *report,
                           GError **error);

/* `repo refresh`: signs again what would expire, if it is due. *force: also what is not. */
gboolean repo_refresh(const RepoRootOptions *options, gboolean force, RepoReport *report, GError **error);
