/* SPDX-License-Identifier: Apache-2.0 */
#include "base/digest.h"
#include "base/fault.h"
#include "base/fs.h"
#include "delta/tree_inventory.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUM "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/* Lines end with \n here, with NUL there. */
static TreeInventory *parse(const char *lines, GError **error)
{
    gsize size = strlen(lines);
    g_autofree char *text = g_strdup(lines);
    g_strdelimit(text, "\n", '\0');
    return tree_inventory_parse(text, size, "inventory", error);
}

static void assert_refused(const char *lines, const char *expected)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(TreeInventory) inventory = parse(lines, &error);
    g_assert_null(inventory);
    g_assert_error(error, FAULT, FAULT_ARCHIVE);
    g_assert_cmpstr(error->message, ==, expected);
}

static void an_inventory_is_what_the_digest_is_made_of(void)
{
    g_autofree char *top = g_dir_make_tmp("inventory-XXXXXX", NULL), *a = g_build_filename(top, "a", NULL);
    g_autofree char *dir = g_build_filename(top, "a.d", NULL), *b = g_build_filename(dir, "b c", NULL);
    g_autofree char *link = g_build_filename(top, "a.d", "link", NULL);
    g_assert_true(g_file_set_contents(a, "one", 3, NULL));
    g_assert_cmpint(mkdir(dir, 0755), ==, 0);
    g_assert_true(g_file_set_contents(b, "", 0, NULL));
    g_assert_cmpint(chmod(b, 0755), ==, 0);
    g_assert_cmpint(symlink("b c", link), ==, 0);
    fs_fd int fd = fs_open_dir(top, NULL);
    for (guint n_threads = 1; n_threads < 4; n_threads++) {
        g_autofree char *text = NULL;
        gsize size = 0;
        g_autoptr(TreeInventory) inventory = tree_inventory_read(fd, ".", n_threads, &text, &size, NULL);
        g_autofree char *digest = digest_tree(fd, ".", NULL);
        g_assert_nonnull(inventory);
        g_assert_cmpstr(inventory->digest, ==, digest);
        g_assert_cmpuint(inventory->entries->len, ==, 4);
        g_assert_cmpuint(tree_inventory_bytes(inventory), ==, 3);
        const TreeEntry *entry = tree_inventory_at(inventory, (guint)tree_inventory_find(inventory, "a.d/b c"));
        g_assert_true(entry->runs && entry->kind == 'f' && entry->size == 0);
        g_assert_cmpstr(entry->content, ==, SUM);
        entry = tree_inventory_at(inventory, (guint)tree_inventory_find(inventory, "a.d/link"));
        g_assert_cmpstr(entry->content, ==, "b c");
        g_assert_cmpint(tree_inventory_find(inventory, "b"), ==, -1);
    }
    g_assert_true(g_remove(link) == 0 && g_remove(b) == 0 && g_remove(dir) == 0 && g_remove(a) == 0 &&
                  g_remove(top) == 0);
}

static void what_is_no_line_is_refused(void)
{
    assert_refused("f - 0 " SUM " a", "inventory: it ends in the middle of a line");
    assert_refused("x - 0 - a\n", "inventory: entry 1: it does not begin as a line does");
    assert_refused("d - 00 - a\n", "inventory: entry 1: its size is no number");
    assert_refused("d - 1 - a\n", "inventory: entry 1: a directory has no content");
    assert_refused("d x 0 - a\n", "inventory: entry 1: only files are executable");
    assert_refused("f - 0 e3b0 a\n", "inventory: entry 1: its content has another length");
    assert_refused("l - 99999 x a\n", "inventory: entry 1: its content has another length");
    assert_refused("f - 99999999999999999999 " SUM " a\n", "inventory: entry 1: its size is no number");
}

static void paths_stay_in_the_tree_and_apart(void)
{
    assert_refused("d - 0 - ..\n", "inventory: '..': it has the component '..'");
    assert_refused("d - 0 - /a\n", "inventory: '/a': it is absolute");
    assert_refused("f - 0 " SUM " a/b\n", "inventory: 'a/b': its directory is not listed");
    assert_refused("f - 0 " SUM " a\nf - 0 " SUM " a/b\n", "inventory: 'a/b': its directory is not listed");
    assert_refused("d - 0 - a\nd - 0 - a\n", "inventory: 'a': it stands twice");
    assert_refused("d - 0 - b\nd - 0 - a\n", "inventory: 'a': it is not in order");
    assert_refused("d - 0 - A\nd - 0 - a\n", "inventory: 'a': it differs from another only in case or form of letters");
    assert_refused("d - 0 - e\xcc\x81\nd - 0 - \xc3\xa9\n",
                   "inventory: '\xc3\xa9': it differs from another only in case or form of letters");
}

static void links_lead_somewhere_inside(void)
{
    assert_refused("l - 4 ../b a\n", "inventory: 'a': its target leaves the tree");
    assert_refused("l - 1 b a\nl - 1 c b\nl - 1 a c\n", "inventory: 'a': it leads in a circle");
    assert_refused("l - 1 a a\n", "inventory: 'a': it leads in a circle");
    assert_refused("d - 0 - d\nl - 7 ../up/x d/l\nl - 3 d/l up\n", "inventory: 'd/l': it leads in a circle");
    g_autoptr(TreeInventory) good = parse("d - 0 - a\nl - 3 a/c b\nl - 1 . c\n", NULL);
    g_assert_nonnull(good);
    g_autoptr(TreeInventory) empty = parse("", NULL);
    g_assert_nonnull(empty);
}

/* Links in a row, one behind the other, and another that passes through them all. */
static TreeInventory *row_of_links(guint n, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint i = 0; i < n; i++)
        g_string_append_printf(text, "l - 3 %03u %03u\n", i + 1, i);
    g_string_append(text, "l - 3 000 last\n");
    return parse(text->str, error);
}

static void forty_links_in_a_row_are_the_most(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(TreeInventory) good = row_of_links(40, &error);
    g_assert_no_error(error);
    g_assert_nonnull(good);
    g_assert_null(row_of_links(41, &error));
    g_assert_cmpstr(error->message, ==, "inventory: 'last': it leads in a circle");
    g_clear_error(&error);
    g_assert_null(row_of_links(900, &error));
    g_assert_cmpstr(error->message, ==, "inventory: '000': it leads in a circle");
}

/* b passes through a/x twenty times; c through b, and so many times more. */
static void links_through_links_count_together(void)
{
#define FIVE "/x/x/x/x/x"
#define BEFORE "d - 0 - a\nl - 1 . a/x\nl - 41 a" FIVE FIVE FIVE FIVE " b\n"
    g_autoptr(GError) error = NULL;
    g_autoptr(TreeInventory) good = parse(BEFORE "l - 39 b" FIVE FIVE FIVE "/x/x/x/x c\n", &error);
    g_assert_no_error(error);
    g_assert_nonnull(good);
    assert_refused(BEFORE "l - 41 b" FIVE FIVE FIVE FIVE " c\n", "inventory: 'c': it leads in a circle");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/tree_inventory/an inventory is what the digest is made of",
                    an_inventory_is_what_the_digest_is_made_of);
    g_test_add_func("/tree_inventory/what is no line is refused", what_is_no_line_is_refused);
    g_test_add_func("/tree_inventory/paths stay in the tree and apart", paths_stay_in_the_tree_and_apart);
    g_test_add_func("/tree_inventory/links lead somewhere inside", links_lead_somewhere_inside);
    g_test_add_func("/tree_inventory/forty links in a row are the most", forty_links_in_a_row_are_the_most);
    g_test_add_func("/tree_inventory/links through links count together", links_through_links_count_together);
    return g_test_run();
}
