/* SPDX-License-Identifier: Apache-2.0 */
/* liftlock-delta: makes, applies and shows deltas and packs by hand. The repository tool and the benchmarks use it. */
#include "base/digest.h"
#include "base/fault.h"
#include "base/fs.h"
#include "base/remote.h"
#include "delta/delta_assemble.h"
#include "delta/delta_make.h"
#include "delta/pack_assemble.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static gboolean save(const char *path, const GByteArray *bytes, GError **error)
{
    fs_fd int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    return (fd >= 0 && fs_write_all(fd, bytes->data, bytes->len)) ||
           fault_errno(error, FAULT_SYSTEM, errno, "cannot write '%s'", path);
}

/* make OLD NEW DELTA */
static gboolean run_make(char **args, GError **error)
{
    fs_fd int old = fs_open_dir(args[0], error), new = old < 0 ? -1 : fs_open_dir(args[1], error);
    DeltaMade made;
    gboolean good = new >= 0 && delta_make(old, new, 0, &made, error) && save(args[2], made.bytes, error);
    if (good)
        printf("%u bytes; %u files written, %u kept, %u moved; %u groups, %" G_GUINT64_FORMAT
               " bytes by prefix, %" G_GUINT64_FORMAT " by ops; applying takes %" G_GUINT64_FORMAT " MiB\n",
               made.bytes->len, made.n_written, made.n_kept, made.n_moved, made.n_groups, made.prefix_bytes,
               made.ops_bytes, (made.memory_bytes + 1048575) / 1048576);
    if (new >= 0)
        delta_made_clear(&made);
    return good;
}

/* An empty directory that the child may write into. */
static int make_tree(const char *path, GError **error)
{
    uid_t uid;
    gid_t gid;
    if (!remote_child_user(&uid, &gid, error) || !fs_make_path(path, 0755, error))
        return -1;
    fs_fd int fd = fs_open_dir(path, error);
    if (fd >= 0 && geteuid() == 0 && fchown(fd, uid, gid) < 0) {
        fault_errno(error, FAULT_SYSTEM, errno, "cannot hand over %s", path);
        return -1;
    }
    return fs_fd_steal(&fd);
}

/* apply OLD INVENTORY DELTA NEW DIGEST: INVENTORY of OLD ("-": read OLD); DIGEST of NEW ("-": what the delta says) */
static gboolean run_apply(char **args, GError **error)
{
    g_autofree char *text = NULL;
    gsize size = 0;
    fs_fd int old = fs_open_dir(args[0], error), delta = -1, new = -1;
    if (old < 0)
        return FALSE;
    text = strcmp(args[1], "-") == 0 ? digest_tree_text(old, ".", 2, &size, error) : NULL;
    if (!text && (*error || !g_file_get_contents(args[1], &text, &size, error)))
        return FALSE;
    delta = open(args[2], O_RDONLY | O_CLOEXEC);
    guint8 bytes[DELTA_HEAD_BYTES];
    DeltaHead head;
    gssize n = delta < 0 ? -1 : pread(delta, bytes, sizeof bytes, 0);
    if (n < 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot read '%s'", args[2]);
    if (!delta_head_read(bytes, (gsize)n, &head, error) || (new = make_tree(args[3], error)) < 0)
        return FALSE;
    DeltaAssembly assembly = {
        .old_dirfd = old, .new_dirfd = new, .delta_fd = delta, .old_text = text, .old_size = size};
    assembly.new_digest = strcmp(args[4], "-") == 0 ? head.new_digest : args[4];
    assembly.link = TRUE;
    return delta_assemble(&assembly, NULL, NULL, error) && fs_sync_file_system(new, error);
}

/* inspect DELTA */
static gboolean run_inspect(char **args, GError **error)
{
    g_autofree char *bytes = NULL;
    gsize size = 0;
    if (!g_file_get_contents(args[0], &bytes, &size, error))
        return FALSE;
    DeltaHead head;
    if (!delta_head_read((const guint8 *)bytes, size, &head, error))
        return FALSE;
    printf("from %s\nto   %s\nmemory %" G_GUINT64_FORMAT " bytes\n", head.old_digest, head.new_digest,
           head.memory_bytes);
    return TRUE;
}

/* inventory TREE OUT */
static gboolean run_inventory(char **args, GError **error)
{
    fs_fd int tree = fs_open_dir(args[0], error);
    g_autofree char *text = NULL;
    gsize size = 0;
    g_autoptr(TreeInventory) inventory = tree < 0 ? NULL : tree_inventory_read(tree, ".", 2, &text, &size, error);
    if (inventory)
        printf("%s\n", inventory->digest);
    return inventory && g_file_set_contents(args[1], text, (gssize)size, error);
}

/* pack TREE PACK TABLE */
static gboolean run_pack(char **args, GError **error)
{
    fs_fd int tree = fs_open_dir(args[0], error), out = -1;
    if (tree < 0)
        return FALSE;
    out = open(args[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (out < 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot write '%s'", args[1]);
    g_autoptr(GByteArray) table = pack_make(tree, out, error);
    return table && save(args[2], table, error);
}

static gboolean read_text(const char *path, char **text, gsize *size, GError **error)
{
    return strcmp(path, "-") == 0 || g_file_get_contents(path, text, size, error);
}

/* unpack OLD INVENTORY PACK TABLE NEW DIGEST: OLD "-": there is none */
static gboolean run_unpack(char **args, GError **error)
{
    PackAssembly assembly = {.old_dirfd = -1, .new_digest = args[5], .link = TRUE};
    g_autofree char *old_text = NULL, *new_text = NULL;
    fs_fd int old = -1, pack = open(args[2], O_RDONLY | O_CLOEXEC), table = open(args[3], O_RDONLY | O_CLOEXEC),
              new = -1;
    if (strcmp(args[0], "-") != 0 && (old = fs_open_dir(args[0], error)) < 0)
        return FALSE;
    if (pack < 0 || table < 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot read '%s'", args[pack < 0 ? 2 : 3]);
    if (!read_text(args[1], &old_text, &assembly.old_size, error) ||
        !pack_inventory(table, args[5], &new_text, &assembly.new_size, error) || (new = make_tree(args[4], error)) < 0)
        return FALSE;
    assembly.old_dirfd = old;
    assembly.old_text = old_text;
    assembly.new_text = new_text;
    assembly.pack_fd = -1; /* how much of it is needed, although all of it is here */
    assembly.table_fd = table;
    assembly.new_dirfd = new;
    g_autoptr(GArray) ranges = pack_plan(&assembly, 0, error);
    assembly.pack_fd = pack;
    guint64 bytes = 0;
    for (guint i = 0; ranges && i < ranges->len; i++)
        bytes += g_array_index(ranges, PackRange, i).size;
    if (ranges)
        printf("%" G_GUINT64_FORMAT " bytes in %u ranges\n", bytes, ranges->len);
    return ranges && pack_assemble(&assembly, error) && fs_sync_file_system(new, error);
}

static const struct {
    const char *name, *arguments;
    int n_args;
    gboolean (*run)(char **args, GError **error);
} verbs[] = {
    {"make", "OLD NEW DELTA", 3, run_make},
    {"apply", "OLD INVENTORY|- DELTA NEW DIGEST|-", 5, run_apply},
    {"inspect", "DELTA", 1, run_inspect},
    {"pack", "TREE PACK TABLE", 3, run_pack},
    {"unpack", "OLD|- INVENTORY|- PACK TABLE NEW DIGEST", 6, run_unpack},
    {"inventory", "TREE INVENTORY", 2, run_inventory},
};

int main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    setlocale(LC_CTYPE, "C.UTF-8");
    for (gsize i = 0; argc > 1 && i < G_N_ELEMENTS(verbs); i++) {
        if (strcmp(verbs[i].name, argv[1]) != 0 || argc != verbs[i].n_args + 2)
            continue;
        if (verbs[i].run(argv + 2, &error))
            return 0;
        fprintf(stderr, "liftlock-delta: %s\n", error->message);
        return fault_row(fault_code_of(error))->exit_code;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(verbs); i++)
        fprintf(stderr, "liftlock-delta %s %s\n", verbs[i].name, verbs[i].arguments);
    return 2;
}
