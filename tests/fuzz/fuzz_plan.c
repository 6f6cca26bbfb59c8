/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes what a child says that a delta makes: whatever is taken has clean paths, links that stay, files of the old
 * tree that are files, and no more bytes than are allowed. */
#include "base/archive_rules.h"
#include "delta/delta_plan.h"

#include <stddef.h>
#include <stdint.h>

#define SUM "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define OLD "d - 0 - a\0f - 100 " SUM " a/b\0f x 0 " SUM " a/c\0f - 3000 " SUM " d\0l - 3 a/b e\0"

/* fuzz: libzstd */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static guint64 check(const GArray *entries, const TreeInventory *old, gboolean shared)
{
    guint64 bytes = 0;
    for (guint i = 0; i < entries->len; i++) {
        const PlanEntry *entry = &g_array_index(entries, PlanEntry, i);
        g_assert_null(archive_path_fault(entry->path));
        g_assert_true(!entry->target || !archive_link_fault(entry->path, entry->target));
        g_assert_true(!shared || tree_inventory_at(old, entry->old)->kind == 'f');
        bytes += entry->size;
    }
    return bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { LIMIT = 1000000 };
    g_autoptr(TreeInventory) old = tree_inventory_parse(OLD, sizeof OLD - 1, "old", NULL);
    g_autoptr(GError) error = NULL;
    char *text = g_malloc0(size + 1);
    for (size_t i = 0; i < size; i++)
        text[i] = (char)data[i];
    g_autoptr(DeltaPlan) plan = delta_plan_read(text, size, old, LIMIT, &error);
    g_assert_true((plan != NULL) == (error == NULL));
    if (!plan)
        return 0;
    check(plan->dirs, old, FALSE);
    check(plan->links, old, FALSE);
    check(plan->shared, old, TRUE);
    g_assert_cmpuint(check(plan->written, old, FALSE), <=, LIMIT);
    return 0;
}
