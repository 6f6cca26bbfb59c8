/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A repository in the publisher's directory (docs/repository-format.md): opened under a lock, read, and held against
 * its own signatures, so that nothing is signed that strangers have put there.
 *
 *   metadata/N.root.json, N.targets.json, N.app-NAME.json, N.snapshot.json, timestamp.json
 *   targets/NAME/SHA256.FILE
 *   pending/N.root.json     a root that waits for signatures; not published
 */
#pragma once

#include "trust/tuf_metadata.h"

#define REPO_ROLE_PREFIX "app-" /* of the role of an app: no app's name is that of a role of the top level */
#define REPO_ROOTS_MAX 1024
#define DAY_S (24 * 60 * 60)

/* One file of metadata, as it is published. */
typedef struct RepoFile {
    char *role; /* "root", "app-books"... */
    char *path; /* beneath the repository */
    char *bytes;
    gsize size;
    Envelope *envelope;
    TufMetadata *metadata;
} RepoFile;
void repo_file_free(RepoFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RepoFile, repo_file_free)

typedef struct Repo {
    char *path;
    int dirfd;         /* locked as long as it is open */
    RepoFile *root;    /* NULL: none is published yet */
    RepoFile *pending; /* the next root; NULL: none waits */
    RepoFile *timestamp, *snapshot, *targets;
    GPtrArray *apps; /* RepoFile, in the order of the delegations */
    gint64 now_s;
} Repo;

/* Opens DIR. Somebody else at work there is FAULT_BUSY; no repository FAULT_USAGE; metadata that are missing
 * FAULT_STATE, and those that are not signed as they must be FAULT_VERIFY. That they have expired is no fault here. */
Repo *repo_open(const char *path, GError **error);
void repo_free(Repo *repo);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Repo, repo_free)

/* The same for a directory that holds no repository yet; it is made. FAULT_USAGE if it holds one. */
Repo *repo_open_new(const char *path, GError **error);

/* Reads one file, signed or not; FAULT_ABSENT, FAULT_VERIFY. The caller frees. */
RepoFile *repo_file_read(int dirfd, const char *path, const char *role, GError **error);
RepoFile *repo_file_parse(const char *path, const char *role, const char *bytes, gsize size, GError **error);

/* "targets" for "5.targets.json"; TUF_TARGETS for all that are no role of the top level. */
TufType repo_type_of(const char *role);
char *repo_metadata_path(const char *role, gint64 version); /* "metadata/5.targets.json"; 0: without a number */

/* Which root stands for what is being signed: the published one, before the first the pending one. Borrowed. */
const TufMetadata *repo_root(const Repo *repo);

/* Borrowed; NULL: no such app. */
const RepoFile *repo_app(const Repo *repo, const char *app);
char *repo_role_of_app(const char *app);
const char *repo_app_of_role(const char *role); /* NULL: it is no app's */

/* Who signs a role, and whose metadata say so. */
typedef struct RepoSigners {
    const TufMetadata *by;
    const TufRole *role;
} RepoSigners;
RepoSigners repo_signers(const TufMetadata *root, const TufMetadata *targets, const char *role);

/* A copy that may be changed. The caller frees. */
Node *repo_copy(const Node *node);
