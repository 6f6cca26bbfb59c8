/* SPDX-License-Identifier: Apache-2.0 */
/* `repo prune`: releases that nobody needs any more leave the metadata of their app, and later their files go. */
#pragma once

#include "publish/repo_keys.h"
#include "publish/repo_report.h"

typedef struct RepoPruneOptions {
    const char *path, *app;
    int keep; /* so many of the newest good releases stay; 1 or more */
    RepoKeySources keys;
    gboolean dry_run; /* looks, and changes nothing */
} RepoPruneOptions;

typedef struct RepoPruned {
    GPtrArray *releases; /* char *: versions that the metadata no longer name, newest first */
    gint64 stay;         /* releases that do */
    GPtrArray *removed;  /* char *: paths of files that nobody could ask for any more */
    guint waiting;       /* files that readers of former metadata may still ask for, */
    gint64 until_s;      /* the last of them until then */
} RepoPruned;
void repo_pruned_clear(RepoPruned *pruned);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(RepoPruned, repo_pruned_clear)

/* Forgets releases that are older than the newest good ones, unless a channel names them, hosts take them because what
 * a channel names is withdrawn, or they are a gate that hosts must come through. Then removes files of what was let go
 * before, when no reader can have metadata that lead to them. After a failure readers see the repository as it was. */
gboolean repo_prune(const RepoPruneOptions *options, RepoPruned *pruned, RepoReport *report, GError **error);
