/* SPDX-License-Identifier: Apache-2.0 */
#include "delta/tree_build.h"

#include "base/digest.h"
#include "base/fault.h"
#include "delta_tree.h"

#include <sys/stat.h>

static gpointer help(gpointer build)
{
    tree_build_help(build);
    return NULL;
}

static DeltaPlan *plan_of(const char *lines, const TreeInventory *old, GError **error)
{
    gsize size = strlen(lines);
    char *text = g_strdup(lines);
    g_strdelimit(text, "\n", '\0');
    return delta_plan_read(text, size, old, 1000000, error);
}

/* Lines of a plan, and the content of the written files, laid at `out`. */
static TreeBuild *build(const Place *place, const TreeInventory *old, const DeltaPlan *plan, const void *content,
                        gsize size, gboolean early, GError **error)
{
    TreeBuild *made = tree_build_new(place->old, place->out, old, TRUE, early);
    fs_fd int fd = file_of(content, size);
    lseek(fd, 0, SEEK_SET);
    GThread *helper = g_thread_new("help", help, made);
    tree_build_make(made, plan, fd);
    g_thread_join(helper);
    if (tree_build_end(made, error))
        return made;
    tree_build_free(made);
    return NULL;
}

/* The inventory that the build tells. */
static void assert_tells_what_is_there(const TreeBuild *made, const Place *place)
{
    gsize told_size = 0, size = 0;
    g_autofree char *told = tree_build_text(made, 2, &told_size, NULL), *text = tree_text(place->out, &size, NULL);
    g_assert_cmpmem(told, told_size, text, size);
}

static TreeInventory *inventory_of(int tree)
{
    return tree_inventory_read(tree, ".", 1, NULL, NULL, NULL);
}

static void what_is_told_is_what_lies_there(Place *place, gconstpointer data)
{
    g_autoptr(GByteArray) large = noise(4, 700000);
    g_autoptr(GError) error = NULL;
    put_text(place->old, "a", "stays");
    put_text(place->old, "b", "moves");
    g_autoptr(TreeInventory) old = inventory_of(place->old);
    g_byte_array_append(large, (const guint8 *)"small", 5);
    g_autoptr(DeltaPlan) plan =
        plan_of("k 0 1\nd d\nl d/l\n../a\nm 1 x d/moved\nf 700000 - d/large\nf 0 x empty\nf 5 - small\n", old, &error);
    g_assert_no_error(error);
    g_autoptr(TreeBuild) made = build(place, old, plan, large->data, large->len, TRUE, &error);
    g_assert_no_error(error);
    assert_tells_what_is_there(made, place);
    g_autoptr(TreeInventory) found = inventory_of(place->out);
    g_assert_cmpuint(found->entries->len, ==, 7);
    struct stat st;
    g_assert_cmpint(fstatat(place->out, "empty", &st, 0), ==, 0);
    g_assert_cmpuint(st.st_mode & 07777, ==, 0755);
}

/* Whatever happens to a file after it was read is seen in the end. */
static void what_changed_since_is_read_again(Place *place, gconstpointer data)
{
    static const struct timespec same[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    g_autoptr(GError) error = NULL;
    g_autoptr(TreeInventory) old = inventory_of(place->old);
    g_autoptr(DeltaPlan) plan = plan_of("f 3 - a\nf 3 - b\nf 3 - c\nf 3 - d\n", old, &error);
    g_autoptr(TreeBuild) made = build(place, old, plan, "onetwosixten", 12, TRUE, &error);
    g_assert_no_error(error);
    fs_fd int a = openat(place->out, "a", O_WRONLY | O_CLOEXEC);
    g_assert_true(fs_write_all(a, "ONE", 3)); /* its time tells */
    put_text(place->out, "b", "TWO");         /* another file */
    fs_fd int c = openat(place->out, "c", O_WRONLY | O_APPEND | O_CLOEXEC);
    g_assert_true(fs_write_all(c, "teen", 4)); /* its size tells */
    g_assert_cmpint(futimens(c, same), ==, 0);
    g_assert_cmpint(unlinkat(place->out, "d", 0), ==, 0);
    assert_tells_what_is_there(made, place);
}

/* A file that others may write to counts for nothing, though it looks the same. */
static void what_others_may_write_is_read_again(Place *place, gconstpointer data)
{
    struct stat st;
    g_autoptr(GError) error = NULL;
    put_text(place->old, "kept", "one");
    g_assert_cmpint(fchmodat(place->old, "kept", 0666, 0), ==, 0);
    g_autoptr(TreeInventory) old = inventory_of(place->old);
    g_autoptr(DeltaPlan) plan = plan_of("k 0 1\n", old, &error);
    g_autoptr(TreeBuild) made = build(place, old, plan, "", 0, TRUE, &error);
    g_assert_no_error(error);
    fs_fd int kept = openat(place->old, "kept", O_WRONLY | O_CLOEXEC);
    g_assert_cmpint(fstat(kept, &st), ==, 0);
    g_assert_true(fs_write_all(kept, "ONE", 3));
    g_assert_cmpint(futimens(kept, (const struct timespec[]){st.st_atim, st.st_mtim}), ==, 0);
    assert_tells_what_is_there(made, place);
}

/* Where the child could write as we can, nothing that was read on the way counts. */
static void early_reading_can_be_left(Place *place, gconstpointer data)
{
    struct stat st;
    g_autoptr(GError) error = NULL;
    g_autoptr(TreeInventory) old = inventory_of(place->old);
    g_autoptr(DeltaPlan) plan = plan_of("f 3 - a\n", old, &error);
    g_autoptr(TreeBuild) made = build(place, old, plan, "one", 3, FALSE, &error);
    g_assert_no_error(error);
    fs_fd int a = openat(place->out, "a", O_WRONLY | O_CLOEXEC);
    g_assert_cmpint(fstat(a, &st), ==, 0);
    g_assert_true(fs_write_all(a, "ONE", 3));
    g_assert_cmpint(futimens(a, (const struct timespec[]){st.st_atim, st.st_mtim}), ==, 0);
    assert_tells_what_is_there(made, place);
}

static void content_that_ends_early_is_no_file(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(TreeInventory) old = inventory_of(place->old);
    g_autoptr(DeltaPlan) plan = plan_of("f 3 - a\nf 300000 - b\n", old, &error);
    g_assert_null(build(place, old, plan, "one and too little", 18, TRUE, &error));
    g_assert_error(error, FAULT, FAULT_ARCHIVE);
    g_assert_cmpstr(error->message, ==, "the delta is damaged");
}

static void nothing_is_replaced(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    put_text(place->out, "a", "here");
    g_autoptr(TreeInventory) old = inventory_of(place->old);
    g_autoptr(DeltaPlan) plan = plan_of("f 3 - a\n", old, &error);
    g_assert_null(build(place, old, plan, "one", 3, TRUE, &error));
    g_assert_cmpstr(error->message, ==, "cannot make 'a': file exists");
}

/* What a child that was taken over might say. */
static void senseless_plans_are_refused(Place *place, gconstpointer data)
{
    static const char *const plans[] = {
        "f 3 - ../a\n",
        "f 3 - /a\n",
        "f 3 - a/./b\n",
        "d .\n",
        "d \n",
        "d",
        "f 1000001 - a\n",
        "f 900000 - a\nf 100001 - b\n",
        "f -1 - a\n",
        "f 3 y a\n",
        "f 3 -a\n",
        "f  - a\n",
        "l a\n",
        "l a\n/etc\n",
        "l d/a\n../../b\n",
        "m 0 - a\n",
        "m 2 - a\n",
        "m 1  a\n",
        "k 0 3\n",
        "k 3 1\n",
        "k 1\n",
        "k 0 1 \n",
        "x a\n",
        "k 0 18446744073709551616\n",
        "m 99999999999 - a\n",
        "\n",
    };
    put_text(place->old, "d/file", "file");
    g_autoptr(TreeInventory) old = inventory_of(place->old); /* 0: d, 1: d/file */
    for (gsize i = 0; i < G_N_ELEMENTS(plans); i++) {
        g_autoptr(GError) error = NULL;
        g_test_message("%s", plans[i]);
        g_assert_null(plan_of(plans[i], old, &error));
        g_assert_error(error, FAULT, FAULT_ARCHIVE);
        g_assert_cmpstr(error->message, ==, "the delta is damaged");
    }
}

/* The same entries again and again are more than a tree may have. */
static void a_plan_has_a_million_entries_at_most(Place *place, gconstpointer data)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint i = 0; i < 1000; i++) {
        g_autofree char *name = g_strdup_printf("%u", i);
        put_text(place->old, name, "");
    }
    g_autoptr(TreeInventory) old = inventory_of(place->old);
    for (guint i = 0; i < TREE_MAX_ENTRIES / 1000; i++)
        g_string_append(text, "k 0 1000\n");
    g_autoptr(DeltaPlan) most = plan_of(text->str, old, NULL);
    g_assert_nonnull(most);
    g_string_append(text, "k 0 1\n");
    g_assert_null(plan_of(text->str, old, NULL));
}

static const struct {
    const char *name;
    void (*run)(Place *place, gconstpointer data);
} tests[] = {
    {"/tree_build/what is told is what lies there", what_is_told_is_what_lies_there},
    {"/tree_build/what changed since is read again", what_changed_since_is_read_again},
    {"/tree_build/what others may write is read again", what_others_may_write_is_read_again},
    {"/tree_build/early reading can be left", early_reading_can_be_left},
    {"/tree_build/content that ends early is no file", content_that_ends_early_is_no_file},
    {"/tree_build/nothing is replaced", nothing_is_replaced},
    {"/tree_build/senseless plans are refused", senseless_plans_are_refused},
    {"/tree_build/a plan has a million entries at most", a_plan_has_a_million_entries_at_most},
};

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(tests); i++)
        g_test_add(tests[i].name, Place, NULL, place_setup, tests[i].run, place_teardown);
    return g_test_run();
}
