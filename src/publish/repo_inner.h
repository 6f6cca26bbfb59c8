/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files that change a repository's root. */
#pragma once

#include "publish/repo_edit.h"
#include "publish/repo_report.h"

/* Signatures that a root still needs, of its own keys and of those of the root before it (NULL: there is none). */
gint64 repo_root_missing(const RepoFile *root, const RepoFile *before);

/* A root with the signatures of `signed_already` (NULL: none) and of all keys at hand that count. The caller frees. */
RepoFile *repo_root_sign(RepoKeys *keys, const Node *content, const RepoFile *before, const RepoFile *signed_already,
                         GError **error);

/* Publishes it if enough have signed, with what else is in the edit; else it waits in pending/. */
gboolean repo_root_publish(RepoEdit *edit, const RepoFile *root, RepoReport *report, GError **error);

/* Opens a repository and the keys at hand for a change. FAULT_POLICY as long as its first root waits for signatures;
 * FAULT_VERIFY if it is not the one that these keys have signed before. The caller frees. */
RepoEdit *repo_begin(const char *path, const RepoKeySources *sources, GError **error);

/* The root that stands beside the keys, KEYS/root.json: what is not in its line is not signed, whoever has written it.
 * TRUE where there is none. */
gboolean repo_anchor_check(const Repo *repo, const RepoKeys *keys, GError **error);

/* Writes down the newest root beside the keys, where that is possible: it is only a help. */
void repo_anchor_write(const char *bytes, gsize size, const RepoKeys *keys);

/* One line, not too long, UTF-8; NULL is good. FAULT_USAGE names the option. */
gboolean repo_text_check(const char *option, const char *text, GError **error);

/* Where a target lies: "targets/books/SHA256.books-1.0.0.tar.zst". The caller frees. */
char *repo_target_file(const char *path, const char *sha256);

/* Whether the name is one of a channel, and the version may be in it. FAULT_USAGE. */
gboolean repo_channel_check(const char *channel, const char *app, const char *version, GError **error);

/* The channel names the version, unless it names a higher one (then a note says so; with `must` it is FAULT_POLICY).
 * *changed becomes TRUE if it did not before. */
gboolean repo_channel_move(Node *content, const char *app, const char *version, const char *channel, gboolean must,
                           RepoReport *report, gboolean *changed, GError **error);

/* Removes metadata that a run which was killed has left, and nobody was told of. */
void repo_sweep(const Repo *repo);

/* The same of an app's files, and of those that the release metadata of the last time have let go: readers who have the
 * ones before may ask for those for seven days (repo_former.h). */
void repo_sweep_targets(const Repo *repo, const char *app);
