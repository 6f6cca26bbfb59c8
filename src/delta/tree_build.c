/* SPDX-License-Identifier: Apache-2.0 */
#include "delta/tree_build.h"

#include "base/digest.h"
#include "base/fault.h"
#include "base/fs.h"
#include "base/shown.h"
#include "delta/delta_share.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum {
    CHUNK = 64 * 1024,
    FLUSH = 8 * 1024 * 1024, /* so much is written before the disk is told to begin */
    MAX_OPEN = 64,           /* written files that wait to be hashed */
};

/* A file that was hashed, as it was then. */
typedef struct Hashed {
    dev_t device;
    ino_t inode;
    guint64 size;
    struct timespec changed;
    char digest[65];
} Hashed;

/* A file whose content comes. */
typedef struct Written {
    const char *path;
    int fd;
    guint64 ready; /* bytes that are there */
    gboolean whole;
} Written;

struct TreeBuild {
    int old_dirfd, new_dirfd;
    const TreeInventory *old;
    gboolean link, early;
    GMutex lock; /* guards all below, and what Written says */
    GCond more;
    const GArray *shared; /* of PlanEntry; NULL: not known yet */
    guint next_shared;
    GQueue written;  /* of Written that no thread has taken */
    guint n_open;    /* written files that are not hashed */
    gboolean closed; /* no more will be written */
    GError *error;
    GHashTable *hashed; /* path -> Hashed */
};

/* A file that is being hashed. */
typedef struct Hashing {
    Digester *digester;
    guint64 done; /* bytes */
} Hashing;

/* A thread's own. */
typedef struct Worker {
    TreeBuild *build;
    Share share;
    guint8 *buffer;
    Written *current;
    Hashing written, shared;
} Worker;

static void worker_init(Worker *worker, TreeBuild *build)
{
    *worker = (Worker){.build = build, .buffer = g_malloc(CHUNK)};
    worker->share = (Share){.from = build->old_dirfd, .to = build->new_dirfd, .link = build->link};
    worker->written.digester = digester_new();
    worker->shared.digester = digester_new();
}

/* What it leaves unfinished somebody may still be writing. */
static void worker_clear(Worker *worker)
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
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Worker, worker_clear)

static void written_free(gpointer written)
{
    fs_fd_clear(&((Written *)written)->fd);
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

static gboolean refuse(GError **error, const char *verb, const char *path)
{
    int code = errno;
    g_autofree char *shown = shown_text(path);
    return fault_errno(error, FAULT_SYSTEM, code, "cannot %s '%s'", verb, shown);
}

/* --- hashing ------------------------------------------------------------------------------------------------ */

/* Reads on to `end`. */
static gboolean hash_upto(const Worker *worker, Hashing *hashing, int fd, const char *path, guint64 end, GError **error)
{
    while (hashing->done < end) {
        gssize n = pread(fd, worker->buffer, (gsize)MIN((guint64)CHUNK, end - hashing->done), (off_t)hashing->done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return refuse(error, "read", path);
        if (n == 0)
            break; /* it is shorter by now: its size will tell */
        digester_add(hashing->digester, worker->buffer, (gsize)n);
        hashing->done += (guint64)n;
    }
    return TRUE;
}

static gboolean note_hashed(const Worker *worker, Hashing *hashing, int fd, const char *path, GError **error)
{
    g_autofree char *digest = digester_end(hashing->digester);
    struct stat st;
    if (fstat(fd, &st) < 0)
        return refuse(error, "read", path);
    Hashed *hashed = g_new0(Hashed, 1);
    *hashed = (Hashed){.device = st.st_dev, .inode = st.st_ino, .size = hashing->done, .changed = st.st_mtim};
    g_strlcpy(hashed->digest, digest, sizeof hashed->digest);
    hashing->done = 0;
    g_mutex_lock(&worker->build->lock);
    g_hash_table_insert(worker->build->hashed, (gpointer)path, hashed);
    g_mutex_unlock(&worker->build->lock);
    return TRUE;
}

static gboolean share_and_hash(Worker *worker, const PlanEntry *entry, GError **error)
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
static gboolean hash_current(Worker *worker, guint64 ready, gboolean whole, GError **error)
{
    Written *written = worker->current;
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
static Task next_task(Worker *worker, gboolean wait, guint64 *ready, gboolean *whole, const PlanEntry **entry)
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

/* FALSE: there is nothing more to do for this thread. */
static gboolean work(Worker *worker, gboolean wait)
{
    TreeBuild *build = worker->build;
    const PlanEntry *entry = NULL;
    guint64 ready = 0;
    gboolean whole = FALSE;
    g_autoptr(GError) error = NULL;
    g_mutex_lock(&build->lock);
    Task task;
    while ((task = next_task(worker, wait, &ready, &whole, &entry)) == LATER)
        g_cond_wait(&build->more, &build->lock);
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
    g_auto(Worker) worker;
    worker_init(&worker, build);
    while (work(&worker, TRUE))
        ;
}

/* --- making ------------------------------------------------------------------------------------------------- */

static gboolean make_frame(Worker *worker, const DeltaPlan *plan, GError **error)
{
    const char *name;
    for (guint i = 0; i < plan->dirs->len; i++) {
        const PlanEntry *entry = &g_array_index(plan->dirs, PlanEntry, i);
        int parent = share_parent(&worker->share, entry->path, &name, error);
        if (parent < 0 || (mkdirat(parent, name, 0755) < 0 && !refuse(error, "make", entry->path)))
            return FALSE;
    }
    for (guint i = 0; i < plan->links->len; i++) {
        const PlanEntry *entry = &g_array_index(plan->links, PlanEntry, i);
        int parent = share_parent(&worker->share, entry->path, &name, error);
        if (parent < 0 || (symlinkat(entry->target, parent, name) < 0 && !refuse(error, "make", entry->path)))
            return FALSE;
    }
    return TRUE;
}

/* Content as it comes: small files out of the buffer, large ones past it. */
typedef struct Content {
    int fd;
    guint8 *bytes;
    gsize at, end;
} Content;

static gssize copy_some(Content *content, int to, guint64 want)
{
    if (content->at == content->end) {
        gssize n;
        if (want >= CHUNK && (n = splice(content->fd, NULL, to, NULL, (gsize)MIN(want, (guint64)FLUSH), 0)) >= 0)
            return n;
        if (want >= CHUNK && errno != EINVAL)
            return -1;
        n = read(content->fd, content->bytes, CHUNK);
        if (n <= 0)
            return n;
        content->at = 0;
        content->end = (gsize)n;
    }
    gsize n = (gsize)MIN(want, content->end - content->at);
    if (!fs_write_all(to, content->bytes + content->at, n))
        return -1;
    content->at += n;
    return (gssize)n;
}

static void tell(TreeBuild *build, Written *written, guint64 ready, gboolean whole)
{
    g_mutex_lock(&build->lock);
    written->ready = ready;
    written->whole = whole;
    g_cond_broadcast(&build->more);
    g_mutex_unlock(&build->lock);
}

/* The file at `fd` gets what it shall hold. */
static gboolean take_content(TreeBuild *build, Content *content, const PlanEntry *entry, int fd, Written *written,
                             GError **error)
{
    guint64 told = 0, flushed = 0;
    for (guint64 at = 0; at < entry->size;) {
        gssize n = copy_some(content, fd, entry->size - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return refuse(error, "write", entry->path);
        if (n == 0)
            return fault_set(error, FAULT_ARCHIVE, "the delta is damaged");
        at += (guint64)n;
        if (at - flushed >= FLUSH) {
            sync_file_range(fd, (off_t)flushed, (off_t)(at - flushed), SYNC_FILE_RANGE_WRITE);
            flushed = at;
        }
        if (at - told < CHUNK)
            continue;
        if (written)
            tell(build, written, at, FALSE);
        told = at;
    }
    return TRUE;
}

static Written *begin_written(TreeBuild *build, const PlanEntry *entry, int fd)
{
    Written *written = g_new0(Written, 1);
    *written = (Written){.path = entry->path, .fd = fd};
    g_mutex_lock(&build->lock);
    build->n_open++;
    g_queue_push_tail(&build->written, written);
    g_mutex_unlock(&build->lock);
    return written;
}

static gboolean make_written(Worker *worker, Content *content, const PlanEntry *entry, GError **error)
{
    TreeBuild *build = worker->build;
    const char *name;
    struct stat st;
    mode_t mode = entry->runs ? 0755 : 0644;
    int parent = share_parent(&worker->share, entry->path, &name, error);
    if (parent < 0)
        return FALSE;
    fs_fd int fd = openat(parent, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0 || fstat(fd, &st) < 0 || ((st.st_mode & 07777) != mode && fchmod(fd, mode) < 0))
        return refuse(error, "make", entry->path);
    if (!build->early)
        return take_content(build, content, entry, fd, NULL, error);
    int own = fd;
    Written *written = begin_written(build, entry, fs_fd_steal(&fd));
    if (!take_content(build, content, entry, own, written, error))
        return FALSE;
    tell(build, written, entry->size, TRUE);
    return TRUE;
}

static gboolean has_many_open(TreeBuild *build)
{
    g_mutex_lock(&build->lock);
    gboolean many = build->n_open > MAX_OPEN;
    g_mutex_unlock(&build->lock);
    return many;
}

static gboolean make_all(Worker *worker, const DeltaPlan *plan, Content *content, GError **error)
{
    TreeBuild *build = worker->build;
    if (!make_frame(worker, plan, error))
        return FALSE;
    g_mutex_lock(&build->lock);
    build->shared = plan->shared;
    g_cond_broadcast(&build->more);
    g_mutex_unlock(&build->lock);
    for (guint i = 0; i < plan->written->len; i++) {
        if (!make_written(worker, content, &g_array_index(plan->written, PlanEntry, i), error))
            return FALSE;
        while (has_many_open(build) && work(worker, FALSE))
            ;
    }
    return TRUE;
}

void tree_build_make(TreeBuild *build, const DeltaPlan *plan, int content_fd)
{
    g_auto(Worker) worker;
    worker_init(&worker, build);
    g_autofree guint8 *bytes = g_malloc(CHUNK);
    Content content = {.fd = content_fd, .bytes = bytes};
    GError *error = NULL;
    gboolean good = make_all(&worker, plan, &content, &error);
    g_mutex_lock(&build->lock);
    build->closed = TRUE;
    g_cond_broadcast(&build->more);
    g_mutex_unlock(&build->lock);
    if (!good)
        tree_build_fail(build, error);
    while (work(&worker, TRUE))
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

static gboolean is_same(const Hashed *hashed, const struct stat *st)
{
    return st->st_dev == hashed->device && st->st_ino == hashed->inode && (guint64)st->st_size == hashed->size &&
           st->st_mtim.tv_sec == hashed->changed.tv_sec && st->st_mtim.tv_nsec == hashed->changed.tv_nsec;
}

/* Nobody but us can have written to it, and set its time back. */
static gboolean is_ours(const struct stat *st)
{
    return st->st_uid == geteuid() && (st->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static const char *known_digest(const char *path, const struct stat *st, gpointer data)
{
    const Hashed *hashed = g_hash_table_lookup(((const TreeBuild *)data)->hashed, path);
    return hashed && is_same(hashed, st) && is_ours(st) ? hashed->digest : NULL;
}

char *tree_build_text(const TreeBuild *build, guint n_threads, gsize *size, GError **error)
{
    return digest_tree_text_known(build->new_dirfd, ".", n_threads, known_digest, (gpointer)build, size, error);
}
