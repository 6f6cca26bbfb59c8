/* SPDX-License-Identifier: Apache-2.0 */
/* Digests of bytes, files and trees. */
#include "base/digest.h"
#include "base/fault.h"
#include "base/fs.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void test_bytes(void)
{
    g_autofree char *empty = digest_bytes("", 0), *abc = digest_bytes("abc", 3);
    g_assert_cmpstr(empty, ==, EMPTY);
    g_assert_cmpstr(abc, ==, ABC);
    g_assert_true(digest_is_valid(abc));
    g_assert_false(digest_is_valid(NULL));
    g_assert_false(digest_is_valid(""));
    g_assert_false(digest_is_valid(ABC "0"));
    abc[3] = 'A';
    g_assert_false(digest_is_valid(abc));
}

typedef struct Place {
    char *path;
    int fd;
} Place;

static void set_up(Place *place, gconstpointer data)
{
    place->path = g_dir_make_tmp("liftlock-digest-XXXXXX", NULL);
    place->fd = fs_open_dir(place->path, NULL);
    g_assert_cmpint(place->fd, >=, 0);
}

static void tear_down(Place *place, gconstpointer data)
{
    g_autofree char *parent = g_path_get_dirname(place->path), *name = g_path_get_basename(place->path);
    fs_fd int fd = fs_open_dir(parent, NULL);
    g_assert_true(fs_remove_tree(fd, name, NULL));
    close(place->fd);
    g_free(place->path);
}

static void write_file(Place *place, const char *name, const char *text, mode_t mode)
{
    g_assert_true(fs_write_atomic(place->fd, name, text, strlen(text), mode, NULL));
}

static void test_fd(Place *place, gconstpointer data)
{
    fs_fd int fd = fs_open_beneath(place->fd, "f", O_RDWR | O_CREAT, 0600, NULL);
    g_assert_cmpint(write(fd, "abc", 3), ==, 3);
    guint64 size = 77;
    GError *error = NULL;
    g_autofree char *digest = digest_fd(fd, &size, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(digest, ==, ABC);
    g_assert_cmpuint(size, ==, 3);
    g_assert_cmpint(lseek(fd, 0, SEEK_CUR), ==, 3);
    int ends[2];
    g_assert_cmpint(pipe(ends), ==, 0);
    g_assert_null(digest_fd(ends[0], NULL, &error));
    g_assert_error(error, FAULT, FAULT_SYSTEM);
    g_assert_cmpstr(error->message, ==, "cannot read a file to digest: illegal seek");
    g_error_free(error);
    close(ends[0]);
    close(ends[1]);
}

static char *tree_of(Place *place)
{
    GError *error = NULL;
    char *digest = digest_tree(place->fd, "t", &error);
    g_assert_no_error(error);
    return digest;
}

/* The lines as the header gives them: anybody can compute the same with sha256sum. */
static void test_tree_lines(Place *place, gconstpointer data)
{
    g_assert_true(fs_make_dirs(place->fd, "t/a", 0755, NULL));
    write_file(place, "t/a/b", "abc", 0644);
    write_file(place, "t/a.b", "", 0755);
    g_assert_cmpint(symlinkat("a/b", place->fd, "t/l"), ==, 0);
    static const char lines[] = "d - 0 - a\0"
                                "f x 0 " EMPTY " a.b\0"
                                "f - 3 " ABC " a/b\0"
                                "l - 3 a/b l";
    g_autofree char *expected = digest_bytes(lines, sizeof lines), *digest = tree_of(place);
    g_assert_cmpstr(digest, ==, expected);
}

static void test_tree_seal(Place *place, gconstpointer data)
{
    g_assert_true(fs_make_dirs(place->fd, "t", 0755, NULL));
    write_file(place, "t/f", "abc", 0755);
    g_autofree char *open = tree_of(place);
    const struct timespec times[2] = {{1, 0}, {1, 0}};
    g_assert_cmpint(fchmodat(place->fd, "t/f", 0555, 0), ==, 0);
    g_assert_cmpint(utimensat(place->fd, "t/f", times, 0), ==, 0);
    g_assert_cmpint(fchmodat(place->fd, "t", 0555, 0), ==, 0);
    g_autofree char *sealed = tree_of(place);
    g_assert_cmpstr(open, ==, sealed);
    g_assert_cmpint(fchmodat(place->fd, "t/f", 0444, 0), ==, 0);
    g_autofree char *plain = tree_of(place);
    g_assert_cmpstr(open, !=, plain);
}

static void test_tree_differs(Place *place, gconstpointer data)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_assert_true(fs_make_dirs(place->fd, "t", 0755, NULL));
    g_assert_true(g_hash_table_add(seen, tree_of(place)));
    g_assert_true(fs_make_dirs(place->fd, "t/d", 0755, NULL));
    g_assert_true(g_hash_table_add(seen, tree_of(place)));
    write_file(place, "t/d/f", "abc", 0644);
    g_assert_true(g_hash_table_add(seen, tree_of(place)));
    write_file(place, "t/d/f", "abd", 0644);
    g_assert_true(g_hash_table_add(seen, tree_of(place)));
    g_assert_true(fs_rename(place->fd, "t/d/f", place->fd, "t/d/g", NULL));
    g_assert_true(g_hash_table_add(seen, tree_of(place)));
    g_assert_true(fs_link_atomic(place->fd, "x", "t/l", NULL));
    g_assert_true(g_hash_table_add(seen, tree_of(place)));
    g_assert_true(fs_link_atomic(place->fd, "y", "t/l", NULL));
    g_assert_true(g_hash_table_add(seen, tree_of(place)));
}

static void test_tree_refuses(Place *place, gconstpointer data)
{
    g_assert_true(fs_make_dirs(place->fd, "t/a", 0755, NULL));
    g_assert_cmpint(mkfifoat(place->fd, "t/a/fi\nfo", 0600), ==, 0);
    GError *error = NULL;
    g_assert_null(digest_tree(place->fd, "t", &error));
    g_assert_error(error, FAULT, FAULT_ARCHIVE);
    g_assert_cmpstr(error->message, ==, "'a/fi\\x0afo' is not a file, directory or link");
    g_clear_error(&error);
    g_assert_null(digest_tree(place->fd, "none", &error));
    g_assert_error(error, FAULT, FAULT_SYSTEM);
    g_assert_cmpstr(error->message, ==, "cannot open 'none': no such file or directory");
    g_error_free(error);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/digest/bytes have the digest that all the world computes", test_bytes);
    g_test_add("/digest/a file is read from its start", Place, NULL, set_up, test_fd, tear_down);
    g_test_add("/digest/a tree is its lines in the order of paths", Place, NULL, set_up, test_tree_lines, tear_down);
    g_test_add("/digest/sealing a tree leaves its digest", Place, NULL, set_up, test_tree_seal, tear_down);
    g_test_add("/digest/every change of content changes the digest", Place, NULL, set_up, test_tree_differs, tear_down);
    g_test_add("/digest/a tree with a fifo has none", Place, NULL, set_up, test_tree_refuses, tear_down);
    return g_test_run();
}
