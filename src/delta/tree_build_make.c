/* SPDX-License-Identifier: Apache-2.0 */
/* Making a new tree's directories, links and written files, by one thread. */
#include "base/fault.h"
#include "base/fs.h"
#include "delta/tree_build_inner.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum {
    FLUSH = 8 * 1024 * 1024, /* so much is written before the disk is told to begin */
    MAX_OPEN = 64,           /* written files that wait to be hashed */
};

static gboolean make_frame(TreeWorker *worker, const DeltaPlan *plan, GError **error)
{
    const char *name;
    for (guint i = 0; i < plan->dirs->len; i++) {
        const PlanEntry *entry = &g_array_index(plan->dirs, PlanEntry, i);
        int parent = share_parent(&worker->share, entry->path, &name, error);
        if (parent < 0 || (mkdirat(parent, name, 0755) < 0 && !tree_build_refuse(error, "make", entry->path)))
            return FALSE;
    }
    for (guint i = 0; i < plan->links->len; i++) {
        const PlanEntry *entry = &g_array_index(plan->links, PlanEntry, i);
        int parent = share_parent(&worker->share, entry->path, &name, error);
        if (parent < 0 ||
            (symlinkat(entry->target, parent, name) < 0 && !tree_build_refuse(error, "make", entry->path)))
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
        if (want >= TREE_CHUNK && (n = splice(content->fd, NULL, to, NULL, (gsize)MIN(want, (guint64)FLUSH), 0)) >= 0)
            return n;
        if (want >= TREE_CHUNK && errno != EINVAL)
            return -1;
        n = read(content->fd, content->bytes, TREE_CHUNK);
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

static void tell(TreeBuild *build, TreeWritten *written, guint64 ready, gboolean whole)
{
    g_mutex_lock(&build->lock);
    written->ready = ready;
    written->whole = whole;
    if (build->n_waiting > 0)
        g_cond_broadcast(&build->more);
    g_mutex_unlock(&build->lock);
}

/* The file at `fd` gets what it shall hold. */
static gboolean take_content(TreeBuild *build, Content *content, const PlanEntry *entry, int fd, TreeWritten *written,
                             GError **error)
{
    guint64 told = 0, flushed = 0;
    for (guint64 at = 0; at < entry->size;) {
        gssize n = copy_some(content, fd, entry->size - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return tree_build_refuse(error, "write", entry->path);
        if (n == 0)
            return fault_set(error, FAULT_ARCHIVE, "the delta is damaged");
        at += (guint64)n;
        if (at - flushed >= FLUSH || (flushed > 0 && at == entry->size)) {
            sync_file_range(fd, (off_t)flushed, (off_t)(at - flushed), SYNC_FILE_RANGE_WRITE);
            flushed = at;
        }
        if (at - told < TREE_CHUNK)
            continue;
        if (written)
            tell(build, written, at, FALSE);
        told = at;
    }
    return TRUE;
}

static TreeWritten *begin_written(TreeBuild *build, const PlanEntry *entry, int fd)
{
    TreeWritten *written = g_new0(TreeWritten, 1);
    *written = (TreeWritten){.path = entry->path, .fd = fd};
    g_mutex_lock(&build->lock);
    build->n_open++;
    g_queue_push_tail(&build->written, written);
    g_mutex_unlock(&build->lock);
    return written;
}

static gboolean make_written(TreeWorker *worker, Content *content, const PlanEntry *entry, GError **error)
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
        return tree_build_refuse(error, "make", entry->path);
    if (!build->early)
        return take_content(build, content, entry, fd, NULL, error);
    int own = fd;
    TreeWritten *written = begin_written(build, entry, fs_fd_steal(&fd));
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

static gboolean make_all(TreeWorker *worker, const DeltaPlan *plan, Content *content, GError **error)
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
        while (has_many_open(build) && tree_worker_work(worker, FALSE))
            ;
    }
    return TRUE;
}

void tree_build_make(TreeBuild *build, const DeltaPlan *plan, int content_fd)
{
    g_auto(TreeWorker) worker;
    tree_worker_init(&worker, build);
    g_autofree guint8 *bytes = g_malloc(TREE_CHUNK);
    Content content = {.fd = content_fd, .bytes = bytes};
    GError *error = NULL;
    gboolean good = make_all(&worker, plan, &content, &error);
    g_mutex_lock(&build->lock);
    build->closed = TRUE;
    g_cond_broadcast(&build->more);
    g_mutex_unlock(&build->lock);
    if (!good)
        tree_build_fail(build, error);
    while (tree_worker_work(&worker, TRUE))
        ;
}
