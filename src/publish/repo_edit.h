/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A change of a repository: new contents of some roles, signed and written so that a reader sees the old repository or
 * the new one at every moment.
 *
 * All is signed, and held against its signers, before the first byte is written. Then come the files with a number in
 * their names, which nobody asks for yet, and last, by rename, the timestamp, which makes them known. A new root comes
 * after it: until then the timestamp and what it leads to are signed for the old root and for the new one. Killed
 * anywhere, the next change writes over what nobody asks for.
 */
#pragma once

#include "publish/repo.h"
#include "publish/repo_keys.h"

typedef struct RepoEdit {
    Repo *repo;
    RepoKeys *keys;
    Node *targets;   /* NULL: as it is */
    GPtrArray *apps; /* RepoEditApp */
    gboolean snapshot;
    const RepoFile *next; /* a root, signed, that is published with it; NULL */
    gboolean only_root;   /* all the rest is good for its readers as it is */
    GPtrArray *written; /* char *: paths beneath the repository, in the order of writing, which is that of uploading */
} RepoEdit;

/* Takes both. */
RepoEdit *repo_edit_new(Repo *repo, RepoKeys *keys);
void repo_edit_free(RepoEdit *edit);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RepoEdit, repo_edit_free)

/* The content of a role, to be changed; version and expiry are set by the commit. Borrowed. */
Node *repo_edit_targets(RepoEdit *edit);
Node *repo_edit_app(RepoEdit *edit, const char *app);

/* Signs and writes. Keys that are not at hand are FAULT_USAGE with the names of those that would do, and nothing is
 * written. */
gboolean repo_edit_commit(RepoEdit *edit, GError **error);

/* Signs what there is so far, and writes nothing: before work that takes its time, so that a key that is not at hand is
 * missed, and a passphrase asked for, at once. */
gboolean repo_edit_rehearse(RepoEdit *edit, GError **error);

/* How long a role's metadata are good, and when they are due to be signed again. */
gint64 repo_lifetime_s(const char *role);
gboolean repo_is_due(const Repo *repo, const RepoFile *file);

/* Signs by the keys at hand until the threshold is met; `envelope` may hold signatures already. FALSE with *error only
 * if a key cannot be opened. */
gboolean repo_sign(RepoKeys *keys, const Node *content, RepoSigners signers, gboolean all, Envelope *envelope,
                   GError **error);

/* "one of these keys is needed: ..." for people: key ids shortened. */
gboolean repo_fault_keys(GError **error, const char *file, RepoSigners signers, const Envelope *envelope);

/* The beginning of a key's id, enough for people. The caller frees. */
char *repo_key_short(const char *id);
