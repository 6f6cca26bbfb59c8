/* SPDX-License-Identifier: Apache-2.0 */
#include "delta/delta_write.h"

#include "base/fault.h"
#include "base/fs.h"
#include "base/shown.h"
#include "delta/delta_group.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct Writing {
    const DeltaFile *file;
    const TreeInventory *old;
    int old_dirfd, new_dirfd;
    DeltaProgress progress;
    gpointer data;
    guint64 done, total;
    /* of the group under way */
    const DeltaGroup *group;
    guint next; /* file of the group that follows the open one */
    int fd;
    guint64 left; /* bytes that the open file lacks */
} Writing;

static gboolean refuse(GError **error, int code, const char *verb, const char *path)
{
    g_autofree char *shown = shown_text(path);
    return fault_errno(error, FAULT_SYSTEM, code, "cannot %s '%s'", verb, shown);
}

/* --- what needs no content ---------------------------------------------------------------------------------- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* The directory that an entry goes into. */
static int open_parent(int dirfd, const char *path, GError **error)
{
    const char *slash = strrchr(path, '/');
    g_autofree char *parent = slash ? g_strndup(path, (gsize)(slash - path)) : g_strdup(".");
    return fs_open_beneath(dirfd, parent, O_PATH | O_DIRECTORY, 0, error);
}

static gboolean make_entry(Writing *writing, const DeltaEntry *entry, GError **error)
{
    if (entry->kind == 'f')
        return TRUE;
    fs_fd int parent = open_parent(writing->new_dirfd, entry->path, error);
    if (parent < 0)
        return FALSE;
    if (entry->kind == 'd' && mkdirat(parent, base_name(entry->path), 0755) < 0)
        return refuse(error, errno, "make", entry->path);
    if (entry->kind == 'l' && symlinkat(entry->target, parent, base_name(entry->path)) < 0)
        return refuse(error, errno, "make", entry->path);
    return TRUE;
}

/* --- content ------------------------------------------------------------------------------------------------ */

static const DeltaEntry *group_entry(const Writing *writing, guint i)
{
    guint32 written = g_array_index(writing->group->files, guint32, i);
    return delta_file_at(writing->file, g_array_index(writing->file->written, guint32, written));
}

/* Goes on to the next file of the group that has bytes to come; makes the empty ones before it. */
static gboolean open_next(Writing *writing, GError **error)
{
    while (writing->left == 0 && writing->next < writing->group->files->len) {
        const DeltaEntry *entry = group_entry(writing, writing->next++);
        fs_fd_clear(&writing->fd);
        writing->fd = fs_open_beneath(writing->new_dirfd, entry->path, O_WRONLY | O_CREAT | O_EXCL, 0600, error);
        if (writing->fd < 0)
            return FALSE;
        if (fchmod(writing->fd, entry->runs ? 0755 : 0644) < 0)
            return refuse(error, errno, "write", entry->path);
        writing->left = entry->size;
    }
    return TRUE;
}

static gboolean write_content(const guint8 *bytes, gsize size, gpointer data, GError **error)
{
    Writing *writing = data;
    writing->done += size;
    while (size > 0) {
        if (!open_next(writing, error))
            return FALSE;
        gsize n = (gsize)MIN(size, writing->left);
        if (n == 0)
            return fault_set(error, FAULT_ARCHIVE, "the delta is damaged");
        if (!fs_write_all(writing->fd, bytes, n))
            return refuse(error, errno, "write", group_entry(writing, writing->next - 1)->path);
        bytes += n;
        size -= n;
        writing->left -= n;
    }
    if (writing->progress)
        writing->progress(writing->done, writing->total, writing->data);
    return TRUE;
}

static gboolean map_old(const Writing *writing, const TreeEntry *entry, DeltaSpan *span, GError **error)
{
    fs_fd int fd = fs_open_beneath(writing->old_dirfd, entry->path, O_RDONLY | O_NONBLOCK, 0, error);
    struct stat st;
    if (fd < 0)
        return FALSE;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || (guint64)st.st_size != entry->size) {
        g_autofree char *shown = shown_text(entry->path);
        return fault_set(error, FAULT_VERIFY, "'%s' is not what was installed", shown);
    }
    span->size = entry->size;
    if (entry->size == 0)
        return TRUE;
    void *bytes = mmap(NULL, entry->size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        return refuse(error, errno, "read", entry->path);
    span->bytes = bytes;
    return TRUE;
}

static gboolean write_group(Writing *writing, const DeltaGroup *group, GError **error)
{
    g_autofree DeltaSpan *old = g_new0(DeltaSpan, group->old->len + 1);
    gboolean good = TRUE;
    writing->group = group;
    writing->next = 0;
    writing->left = 0;
    for (guint i = 0; good && i < group->old->len; i++)
        good = map_old(writing, tree_inventory_at(writing->old, g_array_index(group->old, guint32, i)), &old[i], error);
    good = good && delta_group_make(group, old, write_content, writing, error) && open_next(writing, error);
    fs_fd_clear(&writing->fd);
    for (guint i = 0; i < group->old->len; i++)
        if (old[i].bytes)
            munmap((void *)old[i].bytes, old[i].size);
    if (good && writing->left > 0)
        return fault_set(error, FAULT_ARCHIVE, "the delta is damaged");
    return good;
}

gboolean delta_write(const DeltaFile *file, const TreeInventory *old, int old_dirfd, int new_dirfd,
                     DeltaProgress progress, gpointer data, GError **error)
{
    Writing writing = {.file = file, .old = old, .old_dirfd = old_dirfd, .new_dirfd = new_dirfd, .fd = -1};
    writing.progress = progress;
    writing.data = data;
    for (guint i = 0; i < file->entries->len; i++)
        if (!make_entry(&writing, delta_file_at(file, i), error))
            return FALSE;
    for (guint i = 0; i < file->groups->len; i++)
        writing.total += ((const DeltaGroup *)file->groups->pdata[i])->size;
    for (guint i = 0; i < file->groups->len; i++)
        if (!write_group(&writing, file->groups->pdata[i], error))
            return FALSE;
    return TRUE;
}

char *delta_kept_text(const DeltaFile *file)
{
    GString *text = g_string_new(NULL);
    guint32 first = 0, count = 0;
    for (guint i = 0; i <= file->entries->len; i++) {
        const DeltaEntry *entry = i < file->entries->len ? delta_file_at(file, i) : NULL;
        if (entry && entry->origin != DELTA_KEPT)
            continue;
        if (entry && count > 0 && entry->old == first + count) {
            count++;
            continue;
        }
        if (count > 0)
            g_string_append_printf(text, "%s%u %u", text->len > 0 ? " " : "", first, count);
        first = entry ? entry->old : 0;
        count = entry ? 1 : 0;
    }
    return g_string_free(text, FALSE);
}
