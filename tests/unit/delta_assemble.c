/* SPDX-License-Identifier: Apache-2.0 */
#include "delta/delta_assemble.h"

#include "base/fault.h"
#include "delta/delta_make.h"
#include "delta_tree.h"

static gboolean assemble(const Place *place, const guint8 *bytes, gsize size, const char *digest, guint64 memory_bytes,
                         gboolean link, GError **error)
{
    gsize old_size = 0;
    g_autofree char *old_text = tree_text(place->old, &old_size, NULL);
    fs_fd int delta = file_of(bytes, size);
    DeltaAssembly assembly = {.old_dirfd = place->old, .new_dirfd = place->out, .delta_fd = delta, .link = link};
    assembly.old_text = old_text;
    assembly.old_size = old_size;
    assembly.new_digest = digest;
    assembly.limits.memory_bytes = memory_bytes;
    return delta_assemble(&assembly, NULL, NULL, error);
}

/* Makes the delta, applies it, and finds the new tree. */
static void assert_leads(const Place *place, DeltaMade *made)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(delta_make(place->old, place->new, 0, made, &error));
    gboolean good = assemble(place, made->bytes->data, made->bytes->len, made->new_digest, 0, TRUE, &error);
    g_assert_no_error(error);
    g_assert_true(good);
    g_assert_no_error(error);
    gsize size = 0;
    g_autofree char *digest = NULL;
    g_free(tree_text(place->out, &size, &digest));
    g_assert_cmpstr(digest, ==, made->new_digest);
}

static ino_t inode(int tree, const char *path)
{
    struct stat st;
    g_assert_cmpint(fstatat(tree, path, &st, AT_SYMLINK_NOFOLLOW), ==, 0);
    return st.st_ino;
}

static void every_kind_of_change_is_made(Place *place, gconstpointer data)
{
    put_text(place->old, "same", "stays");
    put_text(place->new, "same", "stays");
    put_text(place->old, "d/moves", "this moves to another place");
    put_text(place->new, "e/moved", "this moves to another place");
    put_bytes(place->old, "mode", "#!", 2, 0644);
    put_bytes(place->new, "mode", "#!", 2, 0755);
    put_text(place->old, "kind", "file");
    g_assert_cmpint(symlinkat("same", place->new, "kind"), ==, 0);
    g_assert_cmpint(symlinkat("same", place->old, "link"), ==, 0);
    put_text(place->new, "link/below", "");
    put_text(place->old, "gone", "gone");
    put_text(place->new, "new", "new");
    put_text(place->old, "edited", "one two three four five six seven eight nine ten");
    put_text(place->new, "edited", "one two three four 5 six seven eight nine ten");
    DeltaMade made;
    assert_leads(place, &made);
    g_assert_cmpuint(made.n_moved, ==, 2);
    g_assert_cmpuint(made.n_written, ==, 3);
    g_assert_true(inode(place->old, "same") == inode(place->out, "same"));
    g_assert_true(inode(place->old, "d/moves") == inode(place->out, "e/moved"));
    g_assert_true(inode(place->old, "mode") != inode(place->out, "mode"));
    delta_made_clear(&made);
}

static void nothing_new_is_a_small_delta(Place *place, gconstpointer data)
{
    for (guint i = 0; i < 500; i++) {
        g_autofree char *path = g_strdup_printf("d%u/f%u", i % 20, i);
        put_text(place->old, path, path);
        put_text(place->new, path, path);
    }
    put_text(place->new, "VERSION", "2\n");
    DeltaMade made;
    assert_leads(place, &made);
    g_assert_cmpuint(made.bytes->len, <, 150);
    delta_made_clear(&made);
}

/* Addresses that all move by the same distance. */
static void a_program_with_moved_addresses_is_small(Place *place, gconstpointer data)
{
    enum { SIZE = 100 * 1000 };
    g_autoptr(GByteArray) old = noise(1, SIZE), new = noise(1, SIZE);
    for (guint i = 0; i + 40 < SIZE; i += 40) {
        guint32 word;
        memcpy(&word, new->data + i, 4);
        word += 0x1230;
        memcpy(new->data + i, &word, 4);
    }
    g_byte_array_append(new, (const guint8 *)"and a little more", 17);
    put_bytes(place->old, "bin/program", old->data, old->len, 0755);
    put_bytes(place->new, "bin/program", new->data, new->len, 0755);
    DeltaMade made;
    assert_leads(place, &made);
    g_assert_cmpuint(made.bytes->len, <, 2000);
    g_assert_cmpuint(made.ops_bytes, >, 0);
    delta_made_clear(&made);
}

static void edited_text_takes_a_prefix(Place *place, gconstpointer data)
{
    g_autoptr(GString) old = g_string_new(NULL), new = g_string_new(NULL);
    g_autoptr(GRand) rand = g_rand_new_with_seed(5);
    for (guint i = 0; i < 3000; i++) {
        guint number = g_rand_int(rand);
        g_string_append_printf(old, "var v%u = %u;\n", i, number);
        g_string_append_printf(new, i % 3 ? "var v%u = %u;\n" : "const w%u=%u;\n", i, number);
    }
    put_text(place->old, "a-1f3a9c.js", old->str);
    put_text(place->new, "a-77e0d1.js", new->str);
    DeltaMade made;
    assert_leads(place, &made);
    g_assert_cmpuint(made.bytes->len, <, old->len / 8);
    delta_made_clear(&made);
}

static void empty_trees_have_deltas_too(Place *place, gconstpointer data)
{
    DeltaMade made, again;
    put_text(place->new, "a/empty", "");
    put_text(place->new, "a/full", "full");
    assert_leads(place, &made);
    g_assert_true(delta_make(place->old, place->new, 0, &again, NULL));
    g_assert_cmpmem(made.bytes->data, made.bytes->len, again.bytes->data, again.bytes->len);
    delta_made_clear(&again);
    delta_made_clear(&made);
}

static void copies_are_no_links(Place *place, gconstpointer data)
{
    DeltaMade made;
    put_bytes(place->old, "same", "stays", 5, 0755);
    put_bytes(place->new, "same", "stays", 5, 0755);
    put_text(place->new, "more", "more");
    g_assert_true(delta_make(place->old, place->new, 0, &made, NULL));
    g_assert_true(assemble(place, made.bytes->data, made.bytes->len, made.new_digest, 0, FALSE, NULL));
    g_assert_true(inode(place->old, "same") != inode(place->out, "same"));
    delta_made_clear(&made);
}

static void assert_refused(const Place *place, const DeltaMade *made, guint64 memory_bytes, enum fault_code code,
                           const char *text)
{
    g_autoptr(GError) error = NULL;
    g_assert_false(assemble(place, made->bytes->data, made->bytes->len, made->new_digest, memory_bytes, TRUE, &error));
    g_assert_cmpstr(error->message, ==, text);
    g_assert_error(error, FAULT, (int)code);
}

static void another_base_is_refused(Place *place, gconstpointer data)
{
    DeltaMade made;
    put_text(place->old, "a", "one two three four five six seven eight nine ten");
    put_text(place->new, "a", "one two three four five six seven eight nine eleven");
    g_assert_true(delta_make(place->old, place->new, 0, &made, NULL));
    put_text(place->old, "a", "one two three four five six seven eight nine tEn");
    assert_refused(place, &made, 0, FAULT_VERIFY, "the delta starts from another tree than the one here");
    delta_made_clear(&made);
}

/* The inventory says what was installed; the files have changed since. */
static void a_base_that_changed_leads_nowhere(Place *place, gconstpointer data)
{
    g_autoptr(GByteArray) old = noise(3, 50000), new = noise(3, 50000);
    g_autoptr(GError) error = NULL;
    DeltaMade made;
    gsize size = 0;
    new->data[100] ^= 1;
    put_bytes(place->old, "a", old->data, old->len, 0644);
    put_bytes(place->new, "a", new->data, new->len, 0644);
    g_autofree char *text = tree_text(place->old, &size, NULL);
    g_assert_true(delta_make(place->old, place->new, 0, &made, NULL));
    old->data[30000] ^= 1;
    put_bytes(place->old, "a", old->data, old->len, 0644);
    fs_fd int delta = file_of(made.bytes->data, made.bytes->len);
    DeltaAssembly assembly = {.old_dirfd = place->old, .new_dirfd = place->out, .delta_fd = delta, .link = TRUE};
    assembly.old_text = text;
    assembly.old_size = size;
    assembly.new_digest = made.new_digest;
    g_assert_false(delta_assemble(&assembly, NULL, NULL, &error));
    g_assert_error(error, FAULT, FAULT_VERIFY);
    g_assert_cmpstr(error->message, ==, "the delta does not lead to the release");
    g_clear_error(&error);
    g_assert_true(fs_remove_tree(place->out, "a", NULL));
    put_text(place->old, "a", "shorter");
    g_assert_false(delta_assemble(&assembly, NULL, NULL, &error));
    g_assert_cmpstr(error->message, ==, "'a' is not what was installed");
    delta_made_clear(&made);
}

static void memory_is_kept_to(Place *place, gconstpointer data)
{
    g_autoptr(GString) text = g_string_new(NULL);
    DeltaMade made;
    for (guint i = 0; i < 20000; i++)
        g_string_append_printf(text, "%u\n", i * 2654435761u);
    put_text(place->old, "a", text->str);
    put_text(place->old, "b", "another old file: more than one is laid out in memory");
    g_string_prepend(text, "one more line\n");
    put_text(place->new, "a", text->str);
    g_assert_true(delta_make(place->old, place->new, 0, &made, NULL));
    g_assert_cmpuint(made.memory_bytes, <, 10 * 1024 * 1024);
    assert_refused(place, &made, 1024, FAULT_REQUIREMENT,
                   "applying the delta takes 1 MiB of memory, allowed are 0 MiB");
    delta_made_clear(&made);
}

/* Whatever is cut off or turned over: refused, or the right tree. */
static void damage_never_makes_another_tree(Place *place, gconstpointer data)
{
    DeltaMade made;
    put_text(place->old, "a", "one two three four five six seven eight nine ten");
    put_text(place->new, "a", "one two three four FIVE six seven eight nine ten");
    put_text(place->new, "b/c", "c");
    g_assert_true(delta_make(place->old, place->new, 0, &made, NULL));
    guint step = g_test_slow() ? 1 : 5;
    for (guint i = 0; i < made.bytes->len; i += step) {
        g_autofree guint8 *damaged = g_memdup2(made.bytes->data, made.bytes->len);
        damaged[i] ^= (guint8)(1 << i % 8);
        for (int cut = 0; cut < 2; cut++) {
            gboolean good = assemble(place, cut ? made.bytes->data : damaged, cut ? i : made.bytes->len,
                                     made.new_digest, 0, TRUE, NULL);
            g_autofree char *digest = NULL;
            gsize size = 0;
            g_free(tree_text(place->out, &size, &digest));
            g_assert_true(!good || strcmp(digest, made.new_digest) == 0);
            g_assert_true(!cut || !good);
            g_assert_true(fs_remove_tree(place->out, "a", NULL) && fs_remove_tree(place->out, "b", NULL));
        }
    }
    delta_made_clear(&made);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, function) g_test_add("/delta/" name, Place, NULL, place_setup, function, place_teardown)
    ADD("every kind of change is made", every_kind_of_change_is_made);
    ADD("nothing new is a small delta", nothing_new_is_a_small_delta);
    ADD("a program with moved addresses is small", a_program_with_moved_addresses_is_small);
    ADD("edited text takes a prefix", edited_text_takes_a_prefix);
    ADD("empty trees have deltas too", empty_trees_have_deltas_too);
    ADD("copies are no links", copies_are_no_links);
    ADD("another base is refused", another_base_is_refused);
    ADD("a base that changed leads nowhere", a_base_that_changed_leads_nowhere);
    ADD("memory is kept to", memory_is_kept_to);
    ADD("damage never makes another tree", damage_never_makes_another_tree);
    return g_test_run();
}
