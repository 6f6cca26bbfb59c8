/* SPDX-License-Identifier: Apache-2.0 */
#include "delta/pack.h"

#include "base/fault.h"
#include "delta/bytes.h"
#include "delta/pack_assemble.h"
#include "delta_tree.h"

enum { PACK_HEAD = 40 }; /* of a table: what stands before the inventory */

typedef struct Pack {
    GByteArray *table;
    int fd;
    int here; /* what of it was fetched before; -1 */
    char *text, *digest;
    gsize size;
} Pack;

static void pack_setup(const Place *place, Pack *pack)
{
    g_autoptr(GError) error = NULL;
    pack->fd = file_of("", 0);
    pack->here = -1;
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
    assembly.pack_fd = pack->here;
    g_autoptr(GArray) ranges = pack_plan(&assembly, 0, error);
    assembly.pack_fd = pack->fd;
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

static void what_was_fetched_is_not_fetched_again(Place *place, gconstpointer data)
{
    Pack pack;
    guint64 bytes;
    fill(place);
    pack_setup(place, &pack);
    gsize size = (gsize)lseek(pack.fd, 0, SEEK_END);
    g_autofree guint8 *all = g_malloc(size);
    g_assert_cmpint(pread(pack.fd, all, size, 0), ==, (gssize)size);
    fs_fd int here = pack.here = file_of(all, size - 1500 * 1000); /* half of the fourth of six, a frame each */
    g_assert_cmpint(pwrite(here, "another", 7, 700 * 1000), ==, 7);
    g_assert_true(assemble(place, &pack, FALSE, &bytes, NULL));
    g_assert_cmpuint(bytes, >, 2400 * 1000);
    g_assert_cmpuint(bytes, <, 2410 * 1000);
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

static gboolean take_inventory(const GByteArray *table, const char *digest, char **text, gsize *size, GError **error)
{
    fs_fd int fd = file_of(table->data, table->len);
    return pack_inventory(fd, digest, text, size, error);
}

static void assert_no_inventory(const GByteArray *table, const char *digest, int code, const char *message)
{
    g_autoptr(GError) error = NULL;
    char *text = NULL;
    gsize size;
    g_assert_false(take_inventory(table, digest, &text, &size, &error));
    g_assert_error(error, FAULT, code);
    g_assert_cmpstr(error->message, ==, message);
    g_assert_null(text);
}

static void a_table_carries_the_inventory(Place *place, gconstpointer data)
{
    Pack pack;
    g_autofree char *text = NULL;
    gsize size;
    g_autoptr(GError) error = NULL;
    if (data)
        fill(place);
    pack_setup(place, &pack);
    gboolean good = take_inventory(pack.table, pack.digest, &text, &size, &error);
    g_assert_no_error(error);
    g_assert_true(good);
    g_assert_cmpmem(text, size, pack.text, pack.size);
    pack_clear(&pack);
}

static void another_inventory_is_refused(Place *place, gconstpointer data)
{
    Pack pack;
    fill(place);
    pack_setup(place, &pack);
    g_autofree char *other = g_strdup(pack.digest);
    other[0] = other[0] == '0' ? '1' : '0';
    assert_no_inventory(pack.table, other, FAULT_VERIFY, "the table's inventory is not the release's");
    g_assert_cmpuint(pack.size, >=, 256);             /* its number has two bytes */
    for (int change = -1; change <= 1; change += 2) { /* one byte less than the frame makes, and one more */
        pack.table->data[PACK_HEAD] = (guint8)(pack.table->data[PACK_HEAD] + change);
        assert_no_inventory(pack.table, pack.digest, FAULT_ARCHIVE, "the pack's table is damaged");
        pack.table->data[PACK_HEAD] = (guint8)(pack.table->data[PACK_HEAD] - change);
    }
    pack.table->data[PACK_HEAD + 4] ^= 0x55; /* the frame's magic number */
    assert_no_inventory(pack.table, pack.digest, FAULT_ARCHIVE, "the pack's table is damaged");
    g_byte_array_set_size(pack.table, PACK_HEAD + 20);
    assert_no_inventory(pack.table, pack.digest, FAULT_ARCHIVE, "the pack's table is damaged");
    pack.table->data[0] ^= 1;
    assert_no_inventory(pack.table, pack.digest, FAULT_ARCHIVE, "this is no pack's table of version 1");
    pack_clear(&pack);
}

static void a_tables_sizes_are_limited(Place *place, gconstpointer data)
{
    static const struct {
        guint64 text, frame;
        gboolean good;
    } rows[] = {
        {TREE_MAX_TEXT, 3, TRUE},
        {TREE_MAX_TEXT + 1, 3, FALSE},
        {0, 4, FALSE},
        {0, G_MAXUINT64, FALSE},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GByteArray) table = g_byte_array_new();
        const guint8 *frame;
        gsize frame_size, text_size;
        g_byte_array_append(table, (const guint8 *)PACK_MAGIC "0123456789abcdef0123456789abcdef", PACK_HEAD);
        bytes_put_number(table, rows[i].text);
        bytes_put_number(table, rows[i].frame);
        g_byte_array_append(table, (const guint8 *)"abc", 3);
        gboolean good = pack_table_inventory(table->data, table->len, &frame, &frame_size, &text_size, NULL);
        g_assert_cmpint(good, ==, rows[i].good);
        if (good)
            g_assert_cmpmem(frame, frame_size, "abc", 3);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, function) g_test_add("/pack/" name, Place, NULL, place_setup, function, place_teardown)
    ADD("a pack is the tree", a_pack_is_the_tree);
    ADD("only what is missing is fetched", only_what_is_missing_is_fetched);
    ADD("what was cut short goes on", what_was_cut_short_goes_on);
    ADD("what was fetched is not fetched again", what_was_fetched_is_not_fetched_again);
    ADD("a damaged pack is refused", a_damaged_pack_is_refused);
    ADD("a table is of one tree", a_table_is_of_one_tree);
    ADD("a table carries the inventory of an empty tree", a_table_carries_the_inventory);
    g_test_add("/pack/a table carries the inventory", Place, "full", place_setup, a_table_carries_the_inventory,
               place_teardown);
    ADD("another inventory is refused", another_inventory_is_refused);
    ADD("a table's sizes are limited", a_tables_sizes_are_limited);
    return g_test_run();
}
