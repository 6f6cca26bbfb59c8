/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/backups.h"

#include "base/fault.h"
#include "base/fs.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define DIGEST_SUFFIX ".sha256"
#define DRIVER_SUFFIX ".driver"

static int backup_open(const Place *place, const char *id)
{
    g_autofree char *path = g_build_filename(place->backups, id, NULL);
    return open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int text_compare(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

GPtrArray *backup_sets(const Place *place, const char *id)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *path = g_build_filename(place->backups, id, NULL);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;
    while (dir && (name = g_dir_read_name(dir)))
        if (g_str_has_suffix(name, DIGEST_SUFFIX))
            g_ptr_array_add(names, g_strndup(name, strlen(name) - strlen(DIGEST_SUFFIX)));
    g_ptr_array_sort(names, text_compare);
    return names;
}

gboolean backup_has(const Place *place, const char *id, const char *set)
{
    g_autofree char *name = g_strconcat(set, DIGEST_SUFFIX, NULL);
    fs_fd int directory = backup_open(place, id);
    return directory >= 0 && fs_exists(directory, name);
}

gboolean backup_note_driver(int directory, const DataSet *set, GError **error)
{
    g_autofree char *name = g_strconcat(set->name, DRIVER_SUFFIX, NULL);
    return fs_write_atomic(directory, name, set->driver, strlen(set->driver), 0600, error);
}

/* NULL: not noted. */
static char *driver_of(int directory, const char *set)
{
    g_autofree char *name = g_strconcat(set, DRIVER_SUFFIX, NULL);
    return fs_read(directory, name, 256, NULL, NULL);
}

/* By name or by path: a set may have another name in another release, and holds the same data. */
static gboolean is_declared(const Manifest *manifest, const DataSet *set)
{
    for (guint i = 0; i < manifest->data->len; i++) {
        const DataSet *other = g_ptr_array_index(manifest->data, i);
        if (strcmp(other->name, set->name) == 0 || (set->path && g_strcmp0(other->path, set->path) == 0))
            return TRUE;
    }
    for (guint i = 0; i < manifest->shared->len; i++) {
        g_autofree char *path =
            g_build_filename("shared", ((const SharedPath *)g_ptr_array_index(manifest->shared, i))->path, NULL);
        if (g_strcmp0(path, set->path) == 0)
            return TRUE;
    }
    return FALSE;
}

static void compare_set(int directory, const char *id, const DataSet *set, const Manifest *target,
                        GPtrArray *objections, GPtrArray *notes)
{
    g_autofree char *digest = g_strconcat(set->name, DIGEST_SUFFIX, NULL);
    g_autofree char *driver = driver_of(directory, set->name);
    if (fs_exists(directory, digest)) {
        if (driver && g_strcmp0(driver, set->driver) != 0)
            objection_add(objections, FAULT_POLICY, NULL, "go forward instead: a newer release may repair it",
                          "backup %s holds data '%s' as driver %s wrote them, and driver %s has them now", id,
                          set->name, driver, set->driver);
    } else if (is_declared(target, set))
        objection_add(objections, FAULT_POLICY, NULL, "choose a backup that holds them, or go forward instead",
                      "backup %s has no data '%s', which %s needs", id, set->name, target->version);
    else
        g_ptr_array_add(notes, g_strdup_printf("data '%s' stay as they are: the backup has none, and %s does not "
                                               "know them",
                                               set->name, target->version));
}

void backup_compare(const Place *place, const char *id, const GPtrArray *sets, const Manifest *target,
                    GPtrArray *objections, GPtrArray *notes)
{
    fs_fd int directory = backup_open(place, id);
    if (directory < 0) {
        objection_add(objections, FAULT_POLICY, NULL, "choose another backup, or go forward instead",
                      "backup %s is no longer in %s", id, place->backups);
        return;
    }
    for (guint i = 0; i < sets->len; i++)
        compare_set(directory, id, g_ptr_array_index(sets, i), target, objections, notes);
    g_autoptr(GPtrArray) held = backup_sets(place, id);
    for (guint i = 0; i < held->len; i++) {
        const char *name = g_ptr_array_index(held, i);
        gboolean known = FALSE;
        for (guint j = 0; !known && j < sets->len; j++)
            known = strcmp(((const DataSet *)g_ptr_array_index(sets, j))->name, name) == 0;
        if (!known)
            g_ptr_array_add(notes, g_strdup_printf("data '%s' of the backup are not put back: %s does not know them",
                                                   name, target->version));
    }
}
