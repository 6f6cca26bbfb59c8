/* SPDX-License-Identifier: Apache-2.0 */
/* The table of layouts. */
#include "parts/layout/layout.h"
#include "base/fault.h"
#include "parts/layout/files.h"
#include "parts/layout/releases.h"

const LayoutDriver *const layout_drivers[] = {&layout_releases, &layout_files, NULL};

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
