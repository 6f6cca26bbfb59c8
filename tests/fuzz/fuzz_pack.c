/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes tables of packs: every frame lies in the pack, every content is in one frame, ranges cover what is marked; the
 * inventory lies in the table, and is unpacked to the byte or refused. */
#include "base/fault.h"
#include "base/fs.h"
#include "delta/pack.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define A "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define B "f3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define TREE "d - 0 - a\0f - 100 " A " a/b\0f x 100 " A " a/c\0f - 3000 " B " d\0l - 3 a/b e\0"

/* fuzz: libzstd */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const PackTable *table, const TreeInventory *tree)
{
    const gboolean wanted[] = {FALSE, FALSE, TRUE, FALSE, FALSE};
    g_autofree gboolean *frames = pack_frames_with(table, tree, wanted);
    g_autoptr(GArray) ranges = pack_ranges(table, frames, 10);
    guint64 at = 0;
    for (guint i = 0; i < table->frames->len; i++) {
        const PackFrame *frame = &g_array_index(table->frames, PackFrame, i);
        g_assert_cmpuint(frame->at, ==, at);
        g_assert_cmpuint(frame->first + frame->n, <=, table->contents->len);
        at += frame->stored;
    }
    g_assert_cmpuint(at, ==, table->pack_size);
    g_assert_cmpuint(table->contents->len, ==, 2);
    g_assert_cmpuint(ranges->len, ==, 1);
}

static void unpack(const guint8 *bytes, gsize size, gboolean is_table)
{
    const guint8 *frame = NULL;
    gsize frame_size = 0, text_size = 0;
    g_autoptr(GError) error = NULL;
    if (!pack_table_inventory(bytes, size, &frame, &frame_size, &text_size, &error)) {
        g_assert_error(error, FAULT, FAULT_ARCHIVE);
        g_assert_false(is_table);
        return;
    }
    g_assert_true(frame > bytes && frame <= bytes + size && frame_size <= (gsize)(bytes + size - frame));
    g_assert_cmpuint(text_size, <=, TREE_MAX_TEXT);
    fs_fd int fd = memfd_create("text", MFD_CLOEXEC);
    gboolean good = pack_write_inventory(frame, frame_size, text_size, fd, &error);
    gsize written = (gsize)lseek(fd, 0, SEEK_END);
    g_assert_cmpuint(written, <=, text_size);
    g_assert_true(good ? written == text_size : g_error_matches(error, FAULT, FAULT_ARCHIVE));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(TreeInventory) tree = tree_inventory_parse(TREE, sizeof TREE - 1, "tree", NULL);
    g_assert_nonnull(tree);
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    g_byte_array_append(bytes, (const guint8 *)PACK_MAGIC, (guint)strlen(PACK_MAGIC));
    for (guint i = 0; i < 64; i += 2) {
        guint8 byte = (guint8)(g_ascii_xdigit_value(tree->digest[i]) << 4 | g_ascii_xdigit_value(tree->digest[i + 1]));
        g_byte_array_append(bytes, &byte, 1);
    }
    g_byte_array_append(bytes, data, (guint)size);
    g_autoptr(GError) error = NULL, other = NULL;
    g_autoptr(PackTable) plain = pack_table_read(data, size, tree, &other);
    g_autoptr(PackTable) table = pack_table_read(bytes->data, bytes->len, tree, &error);
    unpack(bytes->data, bytes->len, table != NULL);
    if (table)
        check(table, tree);
    else
        g_assert_error(error, FAULT, FAULT_ARCHIVE);
    return 0;
}
