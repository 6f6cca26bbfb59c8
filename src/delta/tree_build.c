/* SPDX-License-Identifier: Apache-2.0 */
/* Hashing what is there of a new tree, by all threads. */
#include "base/fault.h"
#include "base/fs.h"
#include "base/shown.h"
#include "delta/tree_build_inner.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

void tree_worker_init(TreeWorker *worker, TreeBuild *build)
{
    *worker = (TreeWorker){.build = build, .buffer = g_malloc(TREE_CHUNK)};
    worker->share = (Share){.from = build->old_dirfd, .to = build->new_dirfd, .link = build->link};
    worker->written.digester = digester_new();
    worker->shared.digester = digester_new();
}

/* What it leaves unfinished somebody may still be writing. */
void tree_worker_clear(TreeWorker *worker)
{
    if (worker->current) {
        g_mutex_lock(&worker->build->lock);
        g_queue_push_tail(&worker->build->written, worker->current);
        g_mutex_unlock(&worker->build->lock);
    }
    share_clear(&worker->share);
    digester_free(worker->written.digester);
    digester_free(worker->shared.digester);
    g_free(worker->buffer);
}

static void written_free(gpointer written)
{
    fs_fd_clear(&((TreeWritten *)written)->fd);
    g_free(written);
}

TreeBuild *tree_build_new(int old_dirfd, int new_dirfd, const TreeInventory *old, gboolean link, gboolean early)
{
    TreeBuild *build = g_new0(TreeBuild, 1);
    build->old_dirfd = old_dirfd;
    build->new_dirfd = new_dirfd;
    build->old = old;
    build->link = link;
    build->early = early;
    build->uid = geteuid();
    g_mutex_init(&build->lock);
    g_cond_init(&build->more);
    g_queue_init(&build->written);
    build->hashed = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
    return build;
}

void tree_build_free(TreeBuild *build)
{
    g_queue_clear_full(&build->written, written_free);
    g_hash_table_unref(build->hashed);
    g_clear_error(&build->error);
    g_cond_clear(&build->more);
    g_mutex_clear(&build->lock);
    g_free(build);
}

void tree_build_fail(TreeBuild *build, GError *error)
{
    g_mutex_lock(&build->lock);
    if (build->error)
        g_error_free(error);
    else
        build->error = error;
    g_cond_broadcast(&build->more);
    g_mutex_unlock(&build->lock);
}

gboolean tree_build_refuse(GError **error, const char *verb, const char *path)
{
    int code = errno;
    g_autofree char *shown = shown_text(path);
    return fault_errno(error, FAULT_SYSTEM, code, "cannot %s '%s'", verb, shown);
}

/* --- hashing ------------------------------------------------------------------------------------------------ */

/* Reads on to `end`. */
static gboolean hash_upto(const TreeWorker *worker, TreeHashing *hashing, int fd, const char *path, guint64 end,
                          GError **error)
{
    while (hashing->done < end) {
        gssize n =
            pread(fd, worker->buffer, (gsize)MIN((guint64)TREE_CHUNK, end - hashing->done), (off_t)hashing->done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return tree_build_refuse(error, "read", path);
        if (n == 0)
            break; /* it is shorter by now: its size will tell */
        digester_add(hashing->digester, worker->buffer, (gsize)n);
        hashing->done += (guint64)n;
    }
    return TRUE;
}

static gboolean note_hashed(const TreeWorker *worker, TreeHashing *hashing, int fd, const char *path, GError **error)
{
    g_autofree char *digest = digester_end(hashing->digester);
    struct stat st;
    if (fstat(fd, &st) < 0)
        return tree_build_refuse(error, "read", path);
    TreeHashed *hashed = g_new0(TreeHashed, 1);
    *hashed = (TreeHashed){.device = st.st_dev, .inode = st.st_ino, .size = hashing->done, .changed = st.st_mtim};
    g_strlcpy(hashed->digest, digest, sizeof hashed->digest);
    hashing->done = 0;
    g_mutex_lock(&worker->build->lock);
    g_hash_table_insert(worker->build->hashed, (gpointer)path, hashed);
    g_mutex_unlock(&worker->build->lock);
    return TRUE;
}

static gboolean share_and_hash(TreeWorker *worker, const PlanEntry *entry, GError **error)
{
    const TreeBuild *build = worker->build;
    const TreeEntry *old = tree_inventory_at(build->old, entry->old);
    if (!share_file(&worker->share, old, entry->path, entry->runs, error))
        return FALSE;
    if (!build->early)
        return TRUE;
    fs_fd int fd = share_open(&worker->share, entry->path, error);
    return fd >= 0 && hash_upto(worker, &worker->shared, fd, entry->path, old->size, error) &&
           note_hashed(worker, &worker->shared, fd, entry->path, error);
}

/* One piece of the file that is being written, or its end. */
static gboolean hash_current(TreeWorker *worker, guint64 ready, gboolean whole, GError **error)
{
    TreeWritten *written = worker->current;
    if (!hash_upto(worker, &worker->written, written->fd, written->path, ready, error))
        return FALSE;
    if (!whole)
        return TRUE;
    gboolean good = note_hashed(worker, &worker->written, written->fd, written->path, error);
    g_clear_pointer(&worker->current, written_free);
    g_mutex_lock(&worker->build->lock);
    worker->build->n_open--;
    g_mutex_unlock(&worker->build->lock);
    return good;
}

typedef enum { NOTHING, LATER, HASH, SHARE } Task;

/* What to do next: written files first, for they may be in the way of others; FALSE in `wait`: without waiting. */
static Task next_task(TreeWorker *worker, gboolean wait, guint64 *ready, gboolean *whole, const PlanEntry **entry)
{
    TreeBuild *build = worker->build;
    if (build->error)
        return NOTHING;
    if (!worker->current)
        worker->current = g_queue_pop_head(&build->written);
    if (worker->current && (worker->current->whole || worker->current->ready > worker->written.done)) {
        *ready = worker->current->ready;
        *whole = worker->current->whole;
        return HASH;
    }
    if (wait && build->shared && build->next_shared < build->shared->len) {
        *entry = &g_array_index(build->shared, PlanEntry, build->next_shared++);
        return SHARE;
    }
    return wait && (worker->current || !build->closed) ? LATER : NOTHING;
}

gboolean tree_worker_work(TreeWorker *worker, gboolean wait)
{
    TreeBuild *build = worker->build;
    const PlanEntry *entry = NULL;
    guint64 ready = 0;
    gboolean whole = FALSE;
    g_autoptr(GError) error = NULL;
    g_mutex_lock(&build->lock);
    Task task;
    while ((task = next_task(worker, wait, &ready, &whole, &entry)) == LATER) {
        build->n_waiting++;
        g_cond_wait(&build->more, &build->lock);
        build->n_waiting--;
    }
    g_mutex_unlock(&build->lock);
    if (task == HASH)
        hash_current(worker, ready, whole, &error);
    if (task == SHARE)
        share_and_hash(worker, entry, &error);
    if (error)
        tree_build_fail(build, g_steal_pointer(&error));
    return task != NOTHING;
}

void tree_build_help(TreeBuild *build)
{
    g_auto(TreeWorker) worker;
    tree_worker_init(&worker, build);
    while (tree_worker_work(&worker, TRUE))
        ;
}

/* --- the end ------------------------------------------------------------------------------------------------ */

gboolean tree_build_end(TreeBuild *build, GError **error)
{
    if (!build->error)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&build->error));
    return FALSE;
}

static gboolean is_same(const TreeHashed *hashed, const struct stat *st)
{
    return st->st_dev == hashed->device && st->st_ino == hashed->inode && (guint64)st->st_size == hashed->size &&
           st->st_mtim.tv_sec == hashed->changed.tv_sec && st->st_mtim.tv_nsec == hashed->changed.tv_nsec;
}

/* Nobody but us can have written to it, and set its time back. */
static gboolean is_ours(const TreeBuild *build, const struct stat *st)
{
    return st->st_uid == build->uid && (st->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static const char *known_digest(const char *path, const struct stat *st, gpointer data)
{
    const TreeBuild *build = data;
    const TreeHashed *hashed = g_hash_table_lookup(build->hashed, path);
    return hashed && is_same(hashed, st) && is_ours(build, st) ? hashed->digest : NULL;
}

char *tree_build_text(const TreeBuild *build, guint n_threads, gsize *size, GError **error)
{
    return digest_tree_text_known(build->new_dirfd, ".", n_threads, known_digest, (gpointer)build, size, error);
}
