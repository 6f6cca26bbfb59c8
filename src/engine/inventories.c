/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/inventories.h"

#include "base/digest.h"
#include "base/fs.h"
#include "delta/tree_inventory.h"

#include <unistd.h>

char *inventories_find(const Place *place, const char *version, gsize *size, char **digest)
{
    fs_fd int dir = fs_open_dir(place->inventories, NULL);
    char *text = dir < 0 ? NULL : fs_read(dir, version, TREE_MAX_TEXT, size, NULL);
    if (text && digest)
        *digest = digest_bytes(text, *size);
    return text;
}

gboolean inventories_keep(const Place *place, const char *version, const char *text, gsize size, GError **error)
{
    fs_fd int dir = fs_make_path(place->inventories, 0700, error) ? fs_open_dir(place->inventories, error) : -1;
    return dir >= 0 && fs_write_atomic(dir, version, text, size, 0600, error);
}

void inventories_prune(const Place *place, const GPtrArray *versions)
{
    g_autoptr(GDir) dir = g_dir_open(place->inventories, 0, NULL);
    for (const char *name; dir && (name = g_dir_read_name(dir));) {
        g_autofree char *path = g_build_filename(place->inventories, name, NULL);
        gboolean needed = FALSE;
        for (guint i = 0; i < versions->len && !needed; i++)
            needed = g_str_equal(versions->pdata[i], name);
        if (!needed)
            unlink(path);
    }
}
