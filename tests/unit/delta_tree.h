/* SPDX-License-Identifier: Apache-2.0 */
/* Trees for the tests of deltas and packs. */
#pragma once

#include "base/fs.h"
#include "base/remote.h"
#include "delta/tree_inventory.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct Place {
    char *path;
    int fd; /* of path, where old, new and out are */
    int old, new, out;
} Place;

static int place_dir(const Place *place, const char *name, gboolean child)
{
    uid_t uid;
    gid_t gid;
    g_assert_cmpint(mkdirat(place->fd, name, 0755), ==, 0);
    int fd = openat(place->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_assert_cmpint(fd, >=, 0);
    if (child && geteuid() == 0) {
        g_assert_true(remote_child_user(&uid, &gid, NULL));
        g_assert_cmpint(fchown(fd, uid, gid), ==, 0);
    }
    return fd;
}

static void place_setup(Place *place, gconstpointer data)
{
    umask(022);
    place->path = g_dir_make_tmp("delta-XXXXXX", NULL);
    g_assert_cmpint(chmod(place->path, 0755), ==, 0);
    place->fd = open(place->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    place->old = place_dir(place, "old", FALSE);
    place->new = place_dir(place, "new", FALSE);
    place->out = place_dir(place, "out", TRUE);
}

static void place_teardown(Place *place, gconstpointer data)
{
    close(place->old);
    close(place->new);
    close(place->out);
    g_assert_true(fs_remove_tree(place->fd, "old", NULL) && fs_remove_tree(place->fd, "new", NULL) &&
                  fs_remove_tree(place->fd, "out", NULL));
    close(place->fd);
    rmdir(place->path);
    g_free(place->path);
}

static void put_bytes(int tree, const char *path, const void *bytes, gsize size, int mode)
{
    g_autofree char *parent = g_path_get_dirname(path);
    if (strcmp(parent, ".") != 0)
        g_assert_true(fs_make_dirs(tree, parent, 0755, NULL));
    unlinkat(tree, path, 0);
    fs_fd int fd = openat(tree, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    g_assert_true(fd >= 0 && fs_write_all(fd, bytes, size));
}

static void put_text(int tree, const char *path, const char *text)
{
    put_bytes(tree, path, text, strlen(text), 0644);
}

/* Bytes that look like a program's: the same for the same seed. */
static GByteArray *noise(guint32 seed, guint size)
{
    GByteArray *bytes = g_byte_array_sized_new(size);
    g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
    while (bytes->len < size) {
        guint32 word = g_rand_int(rand);
        g_byte_array_append(bytes, (const guint8 *)&word, 4);
    }
    g_byte_array_set_size(bytes, size);
    return bytes;
}

static char *tree_text(int tree, gsize *size, char **digest)
{
    char *text = NULL;
    g_autoptr(TreeInventory) inventory = tree_inventory_read(tree, ".", 1, &text, size, NULL);
    g_assert_nonnull(inventory);
    if (digest)
        *digest = g_strdup(inventory->digest);
    return text;
}

/* A file that only this test knows. */
static int file_of(const void *bytes, gsize size)
{
    g_autofree char *path = NULL;
    int fd = g_file_open_tmp("delta-XXXXXX", &path, NULL);
    g_assert_true(fd >= 0 && fs_write_all(fd, bytes, size) && unlink(path) == 0);
    return fd;
}
