/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes delta files: the head is ours and the middle is not packed, so that what is found lies behind them. Groups are
 * made from old files whose content does not matter. Nothing is made that is longer than it says. */
#include "base/fault.h"
#include "delta/bytes.h"
#include "delta/delta_group.h"
#include "delta/delta_plan.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SUM "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define OLD "d - 0 - a\0f - 100 " SUM " a/b\0f x 0 " SUM " a/c\0f - 3000 " SUM " d\0l - 3 a/b e\0"

/* fuzz: libzstd */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static gboolean sink(const guint8 *bytes, gsize size, gpointer data, GError **error)
{
    guint64 *left = data;
    g_assert_cmpuint(size, <=, *left);
    *left -= size;
    return size == 0 || bytes[0] + bytes[size - 1] >= 0;
}

static void make(const DeltaFile *file, const TreeInventory *old)
{
    static const guint8 content[3000] = "old";
    for (guint i = 0; i < file->groups->len; i++) {
        const DeltaGroup *group = file->groups->pdata[i];
        g_autofree DeltaSpan *spans = g_new0(DeltaSpan, group->old->len + 1);
        for (guint k = 0; k < group->old->len; k++) {
            const TreeEntry *entry = tree_inventory_at(old, g_array_index(group->old, guint32, k));
            spans[k] = (DeltaSpan){entry->size > 0 ? content : NULL, entry->size};
        }
        guint64 left = group->size;
        g_autoptr(GError) error = NULL;
        gboolean good = delta_group_make(group, spans, sink, &left, &error);
        g_assert_true(good ? left == 0 : error != NULL);
    }
}

static GByteArray *wrap(const TreeInventory *old, const uint8_t *data, size_t size)
{
    GByteArray *bytes = g_byte_array_new();
    size_t meta = size > 1 ? MIN((size_t)data[0] * 2, size - 1) : 0;
    g_byte_array_append(bytes, (const guint8 *)DELTA_MAGIC, (guint)strlen(DELTA_MAGIC));
    for (guint i = 0; i < 64; i += 2) {
        guint8 byte = (guint8)(g_ascii_xdigit_value(old->digest[i]) << 4 | g_ascii_xdigit_value(old->digest[i + 1]));
        g_byte_array_append(bytes, &byte, 1);
    }
    g_byte_array_append(bytes, (const guint8 *)"12345678901234567890123456789012", 32);
    bytes_put_number(bytes, 3 * 1024 * 1024);
    bytes_put_number(bytes, meta);
    bytes_put_number(bytes, meta);
    g_byte_array_append(bytes, data + MIN(size, (size_t)1), (guint)(size > 0 ? size - 1 : 0));
    return bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const DeltaLimits limits = {.memory_bytes = 4 * 1024 * 1024, .tree_bytes = 8 * 1024 * 1024};
    g_autoptr(TreeInventory) old = tree_inventory_parse(OLD, sizeof OLD - 1, "old", NULL);
    g_assert_nonnull(old);
    g_autoptr(GByteArray) wrapped = wrap(old, data, size);
    const guint8 *inputs[] = {data, wrapped->data};
    const gsize sizes[] = {size, wrapped->len};
    for (guint i = 0; i < 2; i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(DeltaFile) file = delta_file_read(inputs[i], sizes[i], old, &limits, &error);
        g_assert_true((file != NULL) == (error == NULL));
        if (!file)
            continue;
        g_autoptr(GString) told = delta_plan_text(file);
        g_autofree char *text = g_memdup2(told->str, told->len + 1);
        g_autoptr(DeltaPlan) plan = delta_plan_read(g_steal_pointer(&text), told->len, old, limits.tree_bytes, NULL);
        g_assert_nonnull(plan);
        g_assert_cmpuint(plan->written->len, ==, file->written->len);
        make(file, old);
    }
    return 0;
}
