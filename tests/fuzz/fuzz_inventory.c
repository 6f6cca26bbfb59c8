/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes inventories: what is taken says the same when it is written again, and breaks no rule. */
#include "base/fault.h"
#include "delta/tree_inventory.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Lines end with \n in the corpus, so that it can be read. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_malloc(size + 1);
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) again = g_string_new(NULL);
    for (size_t i = 0; i < size; i++)
        text[i] = data[i] == '\n' ? '\0' : (char)data[i];
    g_autoptr(TreeInventory) inventory = tree_inventory_parse(text, size, "inventory", &error);
    if (!inventory) {
        g_assert_error(error, FAULT, FAULT_ARCHIVE);
        return 0;
    }
    for (guint i = 0; i < inventory->entries->len; i++) {
        const TreeEntry *entry = tree_inventory_at(inventory, i);
        g_assert_null(tree_path_fault(entry->path));
        g_assert_cmpint(tree_inventory_find(inventory, entry->path), ==, i);
        g_string_append_printf(again, "%c %c %" G_GUINT64_FORMAT " %s %s", entry->kind, entry->runs ? 'x' : '-',
                               entry->size, entry->content, entry->path);
        g_string_append_c(again, '\0');
    }
    g_assert_cmpmem(again->str, again->len, text, size);
    return 0;
}
