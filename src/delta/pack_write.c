/* SPDX-License-Identifier: Apache-2.0 */
/* Files out of a pack's frames: in the child without rights. */
#include "base/digest.h"
#include "base/fault.h"
#include "base/fs.h"
#include "base/shown.h"
#include "delta/pack.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

enum { BUFFER = 512 * 1024 };

typedef struct Unpacking {
    const PackTable *table;
    const TreeInventory *inventory;
    GHashTable *paths; /* content -> GArray of guint32: all its entries */
    int tree;
    const PackFrame *frame;
    guint next; /* content of the frame after the one under way */
    int fd;     /* -1: it is there already */
    guint64 left;
} Unpacking;

static gboolean refuse(GError **error, const char *verb, const char *path)
{
    g_autofree char *shown = shown_text(path);
    return fault_errno(error, FAULT_SYSTEM, errno, "cannot %s '%s'", verb, shown);
}

static const TreeEntry *content_at(const Unpacking *unpacking, guint i)
{
    guint32 index = g_array_index(unpacking->table->contents, guint32, unpacking->frame->first + i);
    return tree_inventory_at(unpacking->inventory, index);
}

/* -1 without an error: something is there. */
static int create(const Unpacking *unpacking, const TreeEntry *entry, GError **error)
{
    if (fs_exists(unpacking->tree, entry->path))
        return -1;
    int fd = fs_open_beneath(unpacking->tree, entry->path, O_RDWR | O_CREAT | O_EXCL, 0600, error);
    if (fd >= 0 && fchmod(fd, entry->runs ? 0755 : 0644) < 0) {
        refuse(error, "write", entry->path);
        fs_fd_clear(&fd);
    }
    return fd;
}

/* A content is complete: it is what the inventory says, and goes to its other paths too. */
static gboolean end_content(Unpacking *unpacking, GError **error)
{
    const TreeEntry *entry = content_at(unpacking, unpacking->next - 1);
    if (unpacking->fd < 0)
        return TRUE;
    fs_fd int fd = unpacking->fd;
    unpacking->fd = -1;
    g_autofree char *digest = digest_fd(fd, NULL, error), *shown = shown_text(entry->path);
    if (!digest)
        return FALSE;
    if (strcmp(digest, entry->content) != 0)
        return fault_set(error, FAULT_VERIFY, "'%s' is not in the pack as the inventory has it", shown);
    const GArray *others = g_hash_table_lookup(unpacking->paths, entry->content);
    for (guint i = 0; i < others->len; i++) {
        const TreeEntry *other = tree_inventory_at(unpacking->inventory, g_array_index(others, guint32, i));
        g_autoptr(GError) cause = NULL;
        fs_fd int to = create(unpacking, other, &cause);
        if (cause) {
            g_propagate_error(error, g_steal_pointer(&cause));
            return FALSE;
        }
        if (to >= 0 && !fs_copy_content(fd, to, NULL, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean next_content(Unpacking *unpacking, GError **error)
{
    if (unpacking->next > 0 && !end_content(unpacking, error))
        return FALSE;
    if (unpacking->next == unpacking->frame->n)
        return TRUE;
    const TreeEntry *entry = content_at(unpacking, unpacking->next++);
    const GArray *paths = g_hash_table_lookup(unpacking->paths, entry->content);
    g_autoptr(GError) cause = NULL;
    unpacking->left = entry->size;
    for (guint i = 0; i < paths->len && unpacking->fd < 0 && !cause; i++)
        unpacking->fd =
            create(unpacking, tree_inventory_at(unpacking->inventory, g_array_index(paths, guint32, i)), &cause);
    if (cause) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return FALSE;
    }
    return TRUE;
}

static gboolean take(Unpacking *unpacking, const guint8 *bytes, gsize size, GError **error)
{
    while (size > 0) {
        gsize n = (gsize)MIN(size, unpacking->left);
        if (n == 0)
            return fault_set(error, FAULT_VERIFY, "a frame of the pack is longer than its table says");
        if (unpacking->fd >= 0 && !fs_write_all(unpacking->fd, bytes, n))
            return refuse(error, "write", content_at(unpacking, unpacking->next - 1)->path);
        unpacking->left -= n;
        bytes += n;
        size -= n;
        if (unpacking->left == 0 && !next_content(unpacking, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean unpack_frame(Unpacking *unpacking, const guint8 *stored, ZSTD_DCtx *context, guint8 *buffer,
                             GError **error)
{
    ZSTD_inBuffer in = {.src = stored, .size = unpacking->frame->stored};
    guint64 made = 0;
    gsize expected = 1;
    ZSTD_DCtx_reset(context, ZSTD_reset_session_only);
    while (expected != 0) {
        ZSTD_outBuffer out = {.dst = buffer, .size = BUFFER};
        gsize before = in.pos;
        expected = ZSTD_decompressStream(context, &out, &in);
        if (ZSTD_isError(expected) || (out.pos == 0 && in.pos == before && expected != 0))
            return fault_set(error, FAULT_VERIFY, "a frame of the pack is damaged");
        if (!take(unpacking, buffer, out.pos, error))
            return FALSE;
        made += out.pos;
    }
    return (made == unpacking->frame->size && in.pos == in.size) ||
           fault_set(error, FAULT_VERIFY, "a frame of the pack is damaged");
}

static gboolean write_frame(Unpacking *unpacking, const guint8 *pack, gsize pack_size, ZSTD_DCtx *context,
                            guint8 *buffer, GError **error)
{
    const PackFrame *frame = unpacking->frame;
    if (frame->at > pack_size || frame->stored > pack_size - frame->at)
        return fault_set(error, FAULT_VERIFY, "the pack is shorter than its table says");
    g_autofree char *digest = digest_bytes(pack + frame->at, frame->stored);
    if (strcmp(digest, frame->digest) != 0)
        return fault_set(error, FAULT_VERIFY, "a frame of the pack is damaged");
    unpacking->next = 0;
    gboolean good = next_content(unpacking, error) && unpack_frame(unpacking, pack + frame->at, context, buffer, error);
    fs_fd_clear(&unpacking->fd);
    return good;
}

/* Directories and links; those that are there already are good if they are the same in the end. */
static gboolean make_rest(const TreeInventory *inventory, int tree, GError **error)
{
    for (guint i = 0; i < inventory->entries->len; i++) {
        const TreeEntry *entry = tree_inventory_at(inventory, i);
        if (entry->kind == 'f')
            continue;
        if (entry->kind == 'd') {
            if (!fs_make_dirs(tree, entry->path, 0755, error))
                return FALSE;
            continue;
        }
        const char *slash = strrchr(entry->path, '/');
        g_autofree char *parent = slash ? g_strndup(entry->path, (gsize)(slash - entry->path)) : g_strdup(".");
        fs_fd int fd = fs_open_beneath(tree, parent, O_PATH | O_DIRECTORY, 0, error);
        if (fd < 0)
            return FALSE;
        if (symlinkat(entry->content, fd, slash ? slash + 1 : entry->path) < 0 && errno != EEXIST)
            return refuse(error, "make", entry->path);
    }
    return TRUE;
}

static void free_paths(gpointer paths)
{
    g_array_free(paths, TRUE);
}

static GHashTable *paths_of(const TreeInventory *inventory)
{
    GHashTable *paths = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free_paths);
    for (guint32 i = 0; i < inventory->entries->len; i++) {
        const TreeEntry *entry = tree_inventory_at(inventory, i);
        if (entry->kind != 'f')
            continue;
        GArray *same = g_hash_table_lookup(paths, entry->content);
        if (!same) {
            same = g_array_new(FALSE, FALSE, sizeof(guint32));
            g_hash_table_insert(paths, (gpointer)entry->content, same);
        }
        g_array_append_val(same, i);
    }
    return paths;
}

/* Empty files are in no frame. */
static gboolean make_empty(const Unpacking *unpacking, GError **error)
{
    for (guint i = 0; i < unpacking->inventory->entries->len; i++) {
        const TreeEntry *entry = tree_inventory_at(unpacking->inventory, i);
        g_autoptr(GError) cause = NULL;
        if (entry->kind != 'f' || entry->size > 0)
            continue;
        fs_fd int fd = create(unpacking, entry, &cause);
        if (fd < 0 && cause) {
            g_propagate_error(error, g_steal_pointer(&cause));
            return FALSE;
        }
    }
    return TRUE;
}

gboolean pack_write(const PackTable *table, const TreeInventory *inventory, const gboolean *frames, const guint8 *pack,
                    gsize pack_size, int new_dirfd, DeltaProgress progress, gpointer data, GError **error)
{
    g_autoptr(GHashTable) paths = paths_of(inventory);
    g_autofree guint8 *buffer = g_malloc(BUFFER);
    Unpacking unpacking = {.table = table, .inventory = inventory, .paths = paths, .tree = new_dirfd, .fd = -1};
    if (!make_rest(inventory, new_dirfd, error) || !make_empty(&unpacking, error))
        return FALSE;
    ZSTD_DCtx *context = ZSTD_createDCtx();
    gboolean good = context && !ZSTD_isError(ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, PACK_WINDOW_LOG));
    if (!good)
        fault_set(error, FAULT_SYSTEM, "there is not enough memory to unpack");
    for (guint i = 0; good && i < table->frames->len; i++) {
        if (!frames[i])
            continue;
        unpacking.frame = &g_array_index(table->frames, PackFrame, i);
        good = write_frame(&unpacking, pack, pack_size, context, buffer, error);
        if (good && progress)
            progress(unpacking.frame->at + unpacking.frame->stored, table->pack_size, data);
    }
    ZSTD_freeDCtx(context);
    return good;
}

/* All that is in the frame, and no byte more than was said. */
static gboolean unpack_text(ZSTD_DCtx *context, ZSTD_inBuffer *in, gsize text_size, int fd, GError **error)
{
    g_autofree guint8 *buffer = g_malloc(BUFFER);
    gsize made = 0, expected = 1;
    while (expected != 0) {
        ZSTD_outBuffer out = {.dst = buffer, .size = BUFFER};
        gsize before = in->pos;
        expected = ZSTD_decompressStream(context, &out, in);
        if (ZSTD_isError(expected) || out.pos > text_size - made ||
            (out.pos == 0 && in->pos == before && expected != 0))
            return fault_set(error, FAULT_ARCHIVE, "the pack's table is damaged");
        if (!fs_write_all(fd, buffer, out.pos))
            return fault_errno(error, FAULT_SYSTEM, errno, "cannot write an inventory");
        made += out.pos;
    }
    return (made == text_size && in->pos == in->size) || fault_set(error, FAULT_ARCHIVE, "the pack's table is damaged");
}

gboolean pack_write_inventory(const guint8 *frame, gsize frame_size, gsize text_size, int fd, GError **error)
{
    ZSTD_DCtx *context = ZSTD_createDCtx();
    ZSTD_inBuffer in = {.src = frame, .size = frame_size};
    gboolean good = context && !ZSTD_isError(ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, PACK_WINDOW_LOG));
    if (!good)
        fault_set(error, FAULT_SYSTEM, "there is not enough memory to unpack");
    good = good && unpack_text(context, &in, text_size, fd, error);
    ZSTD_freeDCtx(context);
    return good;
}
