/* SPDX-License-Identifier: Apache-2.0 */
#include "delta/delta_write.h"

#include "base/fault.h"
#include "base/fs.h"
#include "base/shown.h"
#include "delta/delta_group.h"
#include "delta/delta_plan.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { OLD_AT_ONCE = 8 * 1024 * 1024 };

typedef struct Writing {
    const DeltaFile *file;
    const TreeInventory *old;
    int old_dirfd, out_fd;
    DeltaProgress progress;
    gpointer data;
    guint64 done, total, dropped;
    /* old files of the group under way */
    DeltaSpan *spans;
    guint n_spans;
    gboolean laid_out; /* they are read once, before the first content */
} Writing;

static gboolean put(int fd, gconstpointer bytes, gsize size, GError **error)
{
    return fs_write_all(fd, bytes, size) || fault_errno(error, FAULT_SYSTEM, errno, "cannot hand over the new files");
}

static gboolean put_plan(const Writing *writing, GError **error)
{
    g_autoptr(GString) text = delta_plan_text(writing->file);
    guint64 size = GUINT64_TO_LE((guint64)text->len);
    return put(writing->out_fd, &size, sizeof size, error) && put(writing->out_fd, text->str, text->len, error);
}

/* Old files are mapped whole; what was read of them need not stay in our memory. */
static void drop_old(Writing *writing)
{
    if (writing->done - writing->dropped < OLD_AT_ONCE)
        return;
    writing->dropped = writing->done;
    for (guint i = 0; i < writing->n_spans; i++)
        if (writing->spans[i].bytes)
            madvise((void *)writing->spans[i].bytes, writing->spans[i].size, MADV_DONTNEED);
    if (writing->laid_out)
        writing->n_spans = 0;
}

static gboolean put_content(const guint8 *bytes, gsize size, gpointer data, GError **error)
{
    Writing *writing = data;
    if (!put(writing->out_fd, bytes, size, error))
        return FALSE;
    writing->done += size;
    drop_old(writing);
    if (writing->progress)
        writing->progress(writing->done, writing->total, writing->data);
    return TRUE;
}

static gboolean map_old(const Writing *writing, const TreeEntry *entry, DeltaSpan *span, GError **error)
{
    g_autofree char *shown = shown_text(entry->path);
    fs_fd int fd = fs_open_beneath(writing->old_dirfd, entry->path, O_RDONLY | O_NONBLOCK, 0, error);
    struct stat st;
    if (fd < 0)
        return FALSE;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || (guint64)st.st_size != entry->size)
        return fault_set(error, FAULT_VERIFY, "'%s' is not what was installed", shown);
    span->size = entry->size;
    if (entry->size == 0)
        return TRUE;
    void *bytes = mmap(NULL, entry->size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot read '%s'", shown);
    span->bytes = bytes;
    return TRUE;
}

static gboolean write_group(Writing *writing, const DeltaGroup *group, GError **error)
{
    g_autofree DeltaSpan *old = g_new0(DeltaSpan, group->old->len + 1);
    gboolean good = TRUE;
    writing->spans = old;
    writing->n_spans = group->old->len;
    writing->laid_out = group->codec == DELTA_PREFIX && group->old->len > 1;
    for (guint i = 0; good && i < group->old->len; i++)
        good = map_old(writing, tree_inventory_at(writing->old, g_array_index(group->old, guint32, i)), &old[i], error);
    good = good && delta_group_make(group, old, put_content, writing, error);
    for (guint i = 0; i < group->old->len; i++)
        if (old[i].bytes)
            munmap((void *)old[i].bytes, old[i].size);
    return good;
}

gboolean delta_write(const DeltaFile *file, const TreeInventory *old, int old_dirfd, int out_fd, DeltaProgress progress,
                     gpointer data, GError **error)
{
    Writing writing = {.file = file, .old = old, .old_dirfd = old_dirfd, .out_fd = out_fd};
    writing.progress = progress;
    writing.data = data;
    if (!put_plan(&writing, error))
        return FALSE;
    for (guint i = 0; i < file->groups->len; i++)
        writing.total += ((const DeltaGroup *)file->groups->pdata[i])->size;
    for (guint i = 0; i < file->groups->len; i++)
        if (!write_group(&writing, file->groups->pdata[i], error))
            return FALSE;
    return TRUE;
}
