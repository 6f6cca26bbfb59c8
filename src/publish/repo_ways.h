/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ways to a release for hosts that have another one: its pack, the pack's table, and deltas from releases before it
 * (docs/delta-format.md). They are made beside the archive and become targets of their own.
 */
#pragma once

#include "publish/repo.h"
#include "publish/repo_report.h"
#include "publish/repo_tree.h"

typedef struct RepoWay {
    const char *kind; /* "delta", "table", "pack" */
    char *path;       /* the target's */
    char *partial;    /* where it lies beneath the repository; NULL: it has its name */
    char *sha256;
    gint64 size;
    char *from, *from_tree; /* of a delta: version and tree that it starts from */
    gint64 memory;          /* of a delta: bytes that applying takes */
} RepoWay;

typedef struct RepoWays {
    int repo;        /* directory; borrowed */
    char *tree;      /* digest of the release's tree; NULL: there is only the archive */
    GPtrArray *ways; /* RepoWay, in the order of preference */
} RepoWays;
void repo_ways_init(RepoWays *ways, int repo_dirfd);
void repo_ways_clear(RepoWays *ways); /* with what has no name yet */

typedef struct RepoWaysWish {
    const char *app, *version;
    int archive; /* the release's, */
    const char *archive_name;
    gint64 archive_bytes;
    const RepoFile *role; /* the app's releases; NULL: this is the first */
    guint n_deltas;
    void (*tell)(const char *text, gpointer data); /* what is being done, for people; may be NULL */
    gpointer tell_data;
} RepoWaysWish;

/* Blocks of the releases that deltas to this one start from, at most so many: those that channels name, then those that
 * channels have named, newest first. Where there are older ones, but none of these, a note says so. Borrowed; the
 * caller frees the array. */
GPtrArray *repo_ways_bases(const RepoFile *role, const char *version, guint n, RepoReport *report);

/* Makes them all, beneath the repository and under names that nobody asks for. What leads nowhere (a base that is
 * missing or damaged, a delta that would save nothing) is left out with a note. FALSE: the archive is none that a host
 * could unpack, or this machine has failed. */
gboolean repo_ways_make(RepoWays *ways, const RepoWaysWish *wish, RepoReport *report, GError **error);

/* Gives them their names; *written gets those. */
gboolean repo_ways_put(RepoWays *ways, GPtrArray *written, GError **error);

/* Lists them as targets. */
void repo_ways_list(const RepoWays *ways, Node *content, const char *version);

/* Takes deltas to releases that no channel names any more off the lists. */
void repo_ways_forget(Node *content, RepoReport *report);
