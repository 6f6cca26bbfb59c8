/* SPDX-License-Identifier: Apache-2.0 */
#include "delta/pack.h"

#include "base/fault.h"
#include "delta/pack_assemble.h"
#include "delta_tree.h"

typedef struct Pack {
    GByteArray *table;
    int fd;
    char *text, *digest;
    gsize size;
} Pack;

static void pack_setup(const Place *place, Pack *pack)
{
    g_autoptr(GError) error = NULL;
    pack->fd = file_of("", 0);
    pack->table = pack_make(place->new, pack->fd, &error);
    g_assert_no_error(error);
    pack->text = tree_text(place->new, &pack->size, &pack->digest);
}

static void pack_clear(Pack *pack)
{
    g_byte_array_unref(pack->table);
    close(pack->fd);
    g_free(pack->text);
    g_free(pack->digest);
}

/* old: whether the old tree may be used. *bytes: what had to be fetched. */
static gboolean assemble(const Place *place, const Pack *pack, gboolean old, guint64 *bytes, GError **error)
{
    gsize old_size = 0;
    g_autofree char *old_text = tree_text(place->old, &old_size, NULL);
    fs_fd int table = file_of(pack->table->data, pack->table->len);
    PackAssembly assembly = {
        .old_dirfd = old ? place->old : -1, .new_dirfd = place->out, .table_fd = table, .link = TRUE};
    assembly.old_text = old_text;
    assembly.old_size = old_size;
    assembly.new_text = pack->text;
    assembly.new_size = pack->size;
    assembly.new_digest = pack->digest;
    assembly.pack_fd = pack->fd;
    g_autoptr(GArray) ranges = pack_plan(&assembly, 0, error);
    *bytes = 0;
    for (guint i = 0; ranges && i < ranges->len; i++)
        *bytes += g_array_index(ranges, PackRange, i).size;
    return ranges && pack_assemble(&assembly, error);
}

static void fill(const Place *place)
{
    for (guint i = 0; i < 6; i++) {
        g_autofree char *path = g_strdup_printf("d/f%u.bin", i);
        g_autoptr(GByteArray) bytes = noise(i, 600 * 1000);
        put_bytes(place->new, path, bytes->data, bytes->len, i % 2 ? 0755 : 0644);
    }
    put_text(place->new, "empty", "");
    put_text(place->new, "twice/a", "the same");
    put_text(place->new, "twice/b", "the same");
    g_assert_cmpint(symlinkat("d/f1.bin", place->new, "link"), ==, 0);
}

static void a_pack_is_the_tree(Place *place, gconstpointer data)
{
    Pack pack, again;
    guint64 bytes;
    g_autoptr(GError) error = NULL;
    fill(place);
    pack_setup(place, &pack);
    pack_setup(place, &again);
    g_assert_cmpmem(pack.table->data, pack.table->len, again.table->data, again.table->len);
    gboolean good = assemble(place, &pack, FALSE, &bytes, &error);
    g_assert_no_error(error);
    g_assert_true(good);
    g_assert_cmpuint(bytes, ==, lseek(pack.fd, 0, SEEK_END));
    pack_clear(&again);
    pack_clear(&pack);
}

static void only_what_is_missing_is_fetched(Place *place, gconstpointer data)
{
    Pack pack;
    guint64 bytes;
    fill(place);
    pack_setup(place, &pack);
    put_text(place->old, "t", "the same");
    for (guint i = 0; i < 5; i++) { /* all but one, under other names */
        g_autofree char *path = g_strdup_printf("other/%u", i);
        g_autoptr(GByteArray) content = noise(i, 600 * 1000);
        put_bytes(place->old, path, content->data, content->len, 0644);
    }
    g_assert_true(assemble(place, &pack, TRUE, &bytes, NULL));
    g_assert_cmpuint(bytes, >, 600 * 1000);
    g_assert_cmpuint(bytes, <, 610 * 1000);
    pack_clear(&pack);
}

static void what_was_cut_short_goes_on(Place *place, gconstpointer data)
{
    Pack pack;
    guint64 bytes;
    fill(place);
    pack_setup(place, &pack);
    g_assert_true(assemble(place, &pack, FALSE, &bytes, NULL));
    g_assert_cmpint(unlinkat(place->out, "d/f3.bin", 0), ==, 0);
    g_assert_cmpint(unlinkat(place->out, "twice/b", 0), ==, 0);
    fs_fd int half = openat(place->out, "d/f4.bin", O_WRONLY | O_CLOEXEC);
    g_assert_cmpint(ftruncate(half, 1000), ==, 0);
    g_assert_true(assemble(place, &pack, FALSE, &bytes, NULL));
    g_assert_cmpuint(bytes, >, 1800 * 1000);
    g_assert_cmpuint(bytes, <, 1810 * 1000);
    pack_clear(&pack);
}

static void assert_refused(const Place *place, const Pack *pack, const char *text)
{
    guint64 bytes;
    g_autoptr(GError) error = NULL;
    g_assert_false(assemble(place, pack, FALSE, &bytes, &error));
    g_assert_cmpstr(error->message, ==, text);
}

static void a_damaged_pack_is_refused(Place *place, gconstpointer data)
{
    Pack pack;
    guint8 byte = 0;
    fill(place);
    pack_setup(place, &pack);
    off_t end = lseek(pack.fd, 0, SEEK_END);
    g_assert_cmpint(pread(pack.fd, &byte, 1, 700 * 1000), ==, 1);
    byte ^= 4;
    g_assert_cmpint(pwrite(pack.fd, &byte, 1, 700 * 1000), ==, 1);
    assert_refused(place, &pack, "a frame of the pack is damaged");
    byte ^= 4;
    g_assert_cmpint(pwrite(pack.fd, &byte, 1, 700 * 1000), ==, 1);
    g_assert_cmpint(ftruncate(pack.fd, end - 1), ==, 0);
    assert_refused(place, &pack, "the pack is shorter than its table says");
    pack_clear(&pack);
}

static void a_table_is_of_one_tree(Place *place, gconstpointer data)
{
    Pack pack;
    fill(place);
    pack_setup(place, &pack);
    pack.table->data[20] ^= 1;
    assert_refused(place, &pack, "the pack's table belongs to another tree");
    pack.table->data[20] ^= 1;
    pack.table->data[0] ^= 1;
    assert_refused(place, &pack, "this is no pack's table of version 1");
    pack.table->data[0] ^= 1;
    g_byte_array_set_size(pack.table, pack.table->len - 1);
    assert_refused(place, &pack, "the pack's table is damaged");
    pack.text[0] ^= 1;
    assert_refused(place, &pack, "the inventory is not the release's");
    pack_clear(&pack);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, function) g_test_add("/pack/" name, Place, NULL, place_setup, function, place_teardown)
    ADD("a pack is the tree", a_pack_is_the_tree);
    ADD("only what is missing is fetched", only_what_is_missing_is_fetched);
    ADD("what was cut short goes on", what_was_cut_short_goes_on);
    ADD("a damaged pack is refused", a_damaged_pack_is_refused);
    ADD("a table is of one tree", a_table_is_of_one_tree);
    return g_test_run();
}
