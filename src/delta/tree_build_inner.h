/* SPDX-License-Identifier: Apache-2.0 */
/* What the two halves of tree_build.h share: hashing in tree_build.c, making in tree_build_make.c. */
#pragma once

#include "base/digest.h"
#include "delta/delta_share.h"
#include "delta/tree_build.h"

enum { TREE_CHUNK = 64 * 1024 };

/* A file that was hashed, as it was then. */
typedef struct TreeHashed {
    dev_t device;
    ino_t inode;
    guint64 size;
    struct timespec changed;
    char digest[65];
} TreeHashed;

/* A file whose content comes. */
typedef struct TreeWritten {
    const char *path;
    int fd;
    guint64 ready; /* bytes that are there */
    gboolean whole;
} TreeWritten;

struct TreeBuild {
    int old_dirfd, new_dirfd;
    const TreeInventory *old;
    gboolean link, early;
    uid_t uid;   /* ours */
    GMutex lock; /* guards all below, and what TreeWritten says */
    GCond more;
    const GArray *shared; /* of PlanEntry; NULL: not known yet */
    guint next_shared;
    GQueue written;  /* of TreeWritten that no thread has taken */
    guint n_open;    /* written files that are not hashed */
    guint n_waiting; /* threads */
    gboolean closed; /* no more will be written */
    GError *error;
    GHashTable *hashed; /* path -> TreeHashed */
};

/* A file that is being hashed. */
typedef struct TreeHashing {
    Digester *digester;
    guint64 done; /* bytes */
} TreeHashing;

/* A thread's own. */
typedef struct TreeWorker {
    TreeBuild *build;
    Share share;
    guint8 *buffer;
    TreeWritten *current;
    TreeHashing written, shared;
} TreeWorker;

void tree_worker_init(TreeWorker *worker, TreeBuild *build);
void tree_worker_clear(TreeWorker *worker);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(TreeWorker, tree_worker_clear)

/* Does the next thing that there is to do: hash what was written, and if it may `wait`, shared files too. FALSE: there
 * is nothing more for this thread, or something failed. */
gboolean tree_worker_work(TreeWorker *worker, gboolean wait);

/* Fails with errno. */
gboolean tree_build_refuse(GError **error, const char *verb, const char *path);
