/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at an app in place: what of its release is not as it came, and what its user has besides. */
#include "parts/layout/files_inner.h"

#include "base/fault.h"
#include "base/fs.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define KEPT_MARK ".before-"

typedef struct Examination {
    Arranger *a;
    LayoutTell tell;
    gpointer data;
} Examination;

static gboolean examine_entry(const Examination *e, const InventoryEntry *entry, GError **error)
{
    Arranger *a = e->a;
    g_auto(Found) live = {0};
    if (ground_is_top(a->ground, entry->path))
        return TRUE;
    if (arranger_keeps_off(a, entry->path)) {
        if (entry->type != 'd')
            e->tell(LAYOUT_LEFT_ALONE, entry->path, e->data);
        return TRUE;
    }
    found_look(a, entry->path, &live);
    if (live.type && !found_read(a, &live, error))
        return FALSE;
    if (!live.type && !a->blocked)
        e->tell(LAYOUT_MISSING, entry->path, e->data);
    else if (!live.type || live.type != entry->type)
        e->tell(LAYOUT_IN_THE_WAY, entry->path, e->data);
    else if (!found_is(&live, entry))
        e->tell(LAYOUT_EDITED, entry->path, e->data);
    return TRUE;
}

/* Files that an update kept for their user beside what it brought. */
static void examine_directory(const Examination *e, const char *directory)
{
    fs_fd int fd = ground_directory(e->a->ground, directory, NULL);
    DIR *listing = fd < 0 ? NULL : fdopendir(fd);
    if (!listing)
        return;
    fs_fd_steal(&fd);
    for (struct dirent *entry; (entry = readdir(listing));) {
        const char *mark = strstr(entry->d_name, KEPT_MARK);
        g_autofree char *name = mark ? g_strndup(entry->d_name, (gsize)(mark - entry->d_name)) : NULL;
        g_autofree char *of = name ? g_build_filename(directory, name, NULL) : NULL;
        const char *plain = of && g_str_has_prefix(of, "./") ? of + 2 : of;
        g_autofree char *path = plain ? g_strconcat(plain, mark, NULL) : NULL;
        if (path && arranger_brought(e->a, plain))
            e->tell(LAYOUT_KEPT_COPY, path, e->data);
    }
    closedir(listing);
}

gboolean files_examine(const PartContext *context, const char *version, const Manifest *manifest, LayoutTell tell,
                       gpointer data, GError **error)
{
    const LayoutChange change = {.from = version, .to = version, .manifest = manifest};
    LayoutReport report = {0};
    g_auto(Arranger) a = ARRANGER(context, &change, &report);
    a.looks = TRUE;
    g_autoptr(GPtrArray) entries = arranger_begin(&a, error) ? inventory_read(a.store, version, error) : NULL;
    const Examination e = {&a, tell, data};
    if (!entries)
        return FALSE;
    a.old = entries;
    examine_directory(&e, ".");
    for (guint i = 0; i < entries->len; i++) {
        const InventoryEntry *entry = entries->pdata[i];
        if (!examine_entry(&e, entry, error))
            return FALSE;
        if (entry->type == 'd')
            examine_directory(&e, entry->path);
    }
    return TRUE;
}
