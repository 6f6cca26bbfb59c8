/* SPDX-License-Identifier: Apache-2.0 */
#include "delta/pack_assemble.h"

#include "base/digest.h"
#include "base/fault.h"
#include "base/fs.h"
#include "delta/delta_child.h"
#include "delta/delta_share.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { THREADS = 2 };

/* What both calls find out first. */
typedef struct Lacking {
    TreeInventory *old, *new;
    PackTable *table;
    GHashTable *old_content; /* digest -> TreeEntry of the old tree */
    gboolean *frames;        /* that are needed */
} Lacking;

static void lacking_clear(Lacking *lacking)
{
    g_clear_pointer(&lacking->old_content, g_hash_table_unref);
    g_clear_pointer(&lacking->old, tree_inventory_free);
    g_clear_pointer(&lacking->table, pack_table_free);
    g_clear_pointer(&lacking->new, tree_inventory_free);
    g_clear_pointer(&lacking->frames, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Lacking, lacking_clear)

/* So many bytes, or fewer if there are no more. */
static char *read_bytes(int fd, gsize *size, GError **error)
{
    g_autofree char *bytes = g_malloc(*size + 1);
    gsize done = 0;
    while (done < *size) {
        gssize n = pread(fd, bytes + done, *size - done, (off_t)done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fault_errno(error, FAULT_SYSTEM, errno, "cannot read the pack's table"), NULL;
        if (n == 0)
            break;
        done += (gsize)n;
    }
    *size = done;
    return g_steal_pointer(&bytes);
}

static char *read_table(int fd, gsize *size, GError **error)
{
    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || (guint64)st.st_size > PACK_MAX_TABLE) {
        fault_set(error, FAULT_ARCHIVE, "the pack's table is damaged");
        return NULL;
    }
    *size = (gsize)st.st_size;
    return read_bytes(fd, size, error);
}

/* A file in memory that can become neither longer nor shorter. */
static int sealed_file(gsize size, GError **error)
{
    fs_fd int fd = memfd_create("inventory", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || ftruncate(fd, (off_t)size) < 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0) {
        fault_errno(error, FAULT_SYSTEM, errno, "cannot take an inventory");
        return -1;
    }
    return fs_fd_steal(&fd);
}

gboolean pack_inventory(int table_fd, const char *tree_digest, char **text, gsize *size, GError **error)
{
    gsize table_size = 0, frame_size = 0, text_size = 0;
    const guint8 *frame = NULL;
    g_autofree char *table = read_table(table_fd, &table_size, error);
    if (!table || !pack_table_inventory((const guint8 *)table, table_size, &frame, &frame_size, &text_size, error))
        return FALSE;
    fs_fd int out = sealed_file(text_size, error);
    DeltaChildCall child = {.operation = "inventory", .doing = "reading the pack's table", .fds = {out, table_fd}};
    g_autoptr(Node) answer = NULL;
    if (out < 0 || !delta_child_call(&child, &answer, error))
        return FALSE;
    g_autofree char *bytes = read_bytes(out, &text_size, error);
    g_autofree char *digest = bytes ? digest_bytes(bytes, text_size) : NULL;
    if (bytes && strcmp(digest, tree_digest) != 0)
        return fault_set(error, FAULT_VERIFY, "the table's inventory is not the release's");
    *text = g_steal_pointer(&bytes);
    *size = text_size;
    return *text != NULL;
}

/* Whether a file lies there as it shall be; another one goes. */
static gboolean look(int tree, const TreeEntry *entry, gboolean *there, GError **error)
{
    *there = FALSE;
    if (tree < 0 || !fs_exists(tree, entry->path))
        return TRUE;
    fs_fd int fd = fs_open_beneath(tree, entry->path, O_RDONLY | O_NONBLOCK, 0, NULL);
    struct stat st;
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (guint64)st.st_size == entry->size &&
        ((st.st_mode & 0100) != 0) == entry->runs) {
        g_autofree char *digest = digest_fd(fd, NULL, error);
        if (!digest)
            return FALSE;
        *there = strcmp(digest, entry->content) == 0;
    }
    return *there || fs_remove_tree(tree, entry->path, error);
}

static gboolean find_lacking(const PackAssembly *assembly, Lacking *lacking, GError **error)
{
    const TreeInventory *new = lacking->new;
    g_autofree gboolean *wanted = g_new0(gboolean, new->entries->len + 1);
    lacking->old_content = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; lacking->old && i < lacking->old->entries->len; i++) {
        const TreeEntry *entry = tree_inventory_at(lacking->old, i);
        if (entry->kind == 'f')
            g_hash_table_insert(lacking->old_content, (gpointer)entry->content, (gpointer)entry);
    }
    for (guint i = 0; i < new->entries->len; i++) {
        const TreeEntry *entry = tree_inventory_at(new, i);
        gboolean there;
        if (entry->kind != 'f')
            continue;
        if (!look(assembly->new_dirfd, entry, &there, error))
            return FALSE;
        wanted[i] = !there && entry->size > 0 && !g_hash_table_contains(lacking->old_content, entry->content);
    }
    lacking->frames = pack_frames_with(lacking->table, new, wanted);
    return TRUE;
}

static gboolean prepare(const PackAssembly *assembly, Lacking *lacking, GError **error)
{
    gsize size = 0;
    g_autofree char *table = read_table(assembly->table_fd, &size, error);
    if (!table)
        return FALSE;
    g_autofree char *digest = digest_bytes(assembly->new_text, assembly->new_size);
    if (strcmp(digest, assembly->new_digest) != 0)
        return fault_set(error, FAULT_VERIFY, "the inventory is not the release's");
    lacking->new = tree_inventory_parse(assembly->new_text, assembly->new_size, "the release's inventory", error);
    if (!lacking->new)
        return FALSE;
    if (assembly->old_dirfd >= 0) {
        lacking->old = tree_inventory_parse(assembly->old_text, assembly->old_size, "the installed inventory", error);
        if (!lacking->old)
            return FALSE;
    }
    lacking->table = pack_table_read((const guint8 *)table, size, lacking->new, error);
    return lacking->table && find_lacking(assembly, lacking, error);
}

/* Whether the frame lies in the pack already, from a fetch that was cut short. */
static gboolean frame_is_here(int pack, const PackFrame *frame)
{
    g_autofree guint8 *bytes = g_try_malloc(frame->stored);
    gsize done = 0;
    for (gssize n = 1; bytes && done < frame->stored && n > 0; done += (gsize)MAX(n, 0))
        n = pread(pack, bytes + done, frame->stored - done, (off_t)(frame->at + done));
    if (!bytes || done < frame->stored)
        return FALSE;
    g_autofree char *digest = digest_bytes(bytes, frame->stored);
    return strcmp(digest, frame->digest) == 0;
}

GArray *pack_plan(const PackAssembly *assembly, guint64 gap_bytes, GError **error)
{
    g_auto(Lacking) lacking = {.frames = NULL};
    if (!prepare(assembly, &lacking, error))
        return NULL;
    for (guint i = 0; assembly->pack_fd >= 0 && i < lacking.table->frames->len; i++)
        if (lacking.frames[i] && frame_is_here(assembly->pack_fd, &g_array_index(lacking.table->frames, PackFrame, i)))
            lacking.frames[i] = FALSE;
    return pack_ranges(lacking.table, lacking.frames, gap_bytes);
}

static gboolean call(const PackAssembly *assembly, const Lacking *lacking, GError **error)
{
    g_autoptr(GString) frames = g_string_new(NULL);
    g_autoptr(Node) answer = NULL;
    for (guint i = 0; i < lacking->table->frames->len; i++)
        if (lacking->frames[i])
            g_string_append_printf(frames, "%u ", i);
    DeltaChildCall child = {.operation = "frames", .doing = "unpacking the release"};
    child.text = assembly->new_text;
    child.text_size = assembly->new_size;
    child.fds[0] = assembly->pack_fd;
    child.fds[1] = assembly->table_fd;
    child.fds[2] = assembly->new_dirfd;
    child.frames = frames->str;
    child.progress = assembly->progress;
    child.data = assembly->data;
    return delta_child_call(&child, &answer, error);
}

static gboolean share_old(const PackAssembly *assembly, const Lacking *lacking, GError **error)
{
    g_auto(Share) share = {.from = assembly->old_dirfd, .to = assembly->new_dirfd, .link = assembly->link};
    for (guint i = 0; lacking->old && i < lacking->new->entries->len; i++) {
        const TreeEntry *entry = tree_inventory_at(lacking->new, i);
        gint64 k = tree_inventory_find(lacking->old, entry->path);
        const TreeEntry *old = k < 0 ? NULL : tree_inventory_at(lacking->old, (guint)k);
        if (entry->kind != 'f')
            continue;
        if (!old || !tree_entry_same(old, entry))
            old = g_hash_table_lookup(lacking->old_content, entry->content);
        if (old && !share_file(&share, old, entry->path, entry->runs, error))
            return FALSE;
    }
    return TRUE;
}

gboolean pack_assemble(const PackAssembly *assembly, GError **error)
{
    g_auto(Lacking) lacking = {.frames = NULL};
    if (!prepare(assembly, &lacking, error) || !call(assembly, &lacking, error) ||
        !share_old(assembly, &lacking, error))
        return FALSE;
    gsize size = 0;
    char *lines =
        digest_tree_text(assembly->new_dirfd, ".", assembly->n_threads ? assembly->n_threads : THREADS, &size, error);
    return share_check(lines, size, assembly->new_digest, "the pack does not lead to the release", NULL, NULL, error);
}
