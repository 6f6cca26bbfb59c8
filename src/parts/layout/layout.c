/* SPDX-License-Identifier: Apache-2.0 */
/* The table of layouts. */
#include "parts/layout/layout.h"
#include "base/fault.h"
#include "parts/layout/files.h"
#include "parts/layout/releases.h"

const LayoutDriver *const layout_drivers[] = {&layout_releases, &layout_files, NULL};

const char *const layout_state_names[] = {"edited", "missing", "in_the_way", "left_alone", "kept_copies", NULL};
G_STATIC_ASSERT(G_N_ELEMENTS(layout_state_names) == LAYOUT_N_STATES + 1);

static void conflict_free(gpointer data)
{
    g_free(((LayoutConflict *)data)->text);
    g_free(data);
}

void layout_report_init(LayoutReport *report, gboolean diffs)
{
    *report = (LayoutReport){.notes = g_ptr_array_new_with_free_func(g_free),
                             .conflicts = g_ptr_array_new_with_free_func(conflict_free),
                             .diffs = diffs ? g_ptr_array_new_with_free_func(g_free) : NULL};
}

void layout_report_clear(LayoutReport *report)
{
    g_clear_pointer(&report->notes, g_ptr_array_unref);
    g_clear_pointer(&report->conflicts, g_ptr_array_unref);
    g_clear_pointer(&report->diffs, g_ptr_array_unref);
}

char *layout_report_sum(const LayoutReport *report)
{
    static const char *const words[LAYOUT_N_DEEDS] = {"added", "replaced", "merged", "removed"};
    g_autoptr(GString) sum = g_string_new(NULL);
    for (int i = 0; i < LAYOUT_N_DEEDS; i++)
        if (report->n[i])
            g_string_append_printf(sum, "%s%u %s", sum->len ? ", " : "", report->n[i], words[i]);
    return sum->len ? g_string_free(g_steal_pointer(&sum), FALSE) : NULL;
}

/* In the order of LayoutKind. */
static const char *const kind_names[] = {"releases", "files", "binaries", "container"};

const LayoutDriver *layout_find(LayoutKind kind, GError **error)
{
    const char *name = (guint)kind < G_N_ELEMENTS(kind_names) ? kind_names[kind] : "?";
    for (const LayoutDriver *const *driver = layout_drivers; *driver; driver++)
        if (g_str_equal((*driver)->name, name))
            return *driver;
    fault_set(error, FAULT_MANIFEST, "layout '%s' is not supported yet", name);
    return NULL;
}
