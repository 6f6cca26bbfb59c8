/* SPDX-License-Identifier: Apache-2.0 */
#include "parts/layout/ground.h"

#include "base/fault.h"
#include "base/fs.h"

#include <fcntl.h>
#include <string.h>

typedef struct Folder {
    char *directory; /* of the release; NULL: all that no other folder has */
    char *path;
    int fd;
} Folder;

struct Ground {
    GPtrArray *folders; /* Folder; the root is the last */
};

static void folder_free(gpointer data)
{
    Folder *folder = data;
    fs_fd_clear(&folder->fd);
    g_free(folder->directory);
    g_free(folder->path);
    g_free(folder);
}

static gboolean folder_add(Ground *ground, const Place *place, const char *directory, const char *path, GError **error)
{
    g_autoptr(GError) local = NULL;
    Folder *folder = g_new0(Folder, 1);
    *folder = (Folder){g_strdup(directory), g_strdup(path), part_open_folder(place, path, &local)};
    g_ptr_array_add(ground->folders, folder);
    if (folder->fd >= 0)
        return TRUE;
    if (directory && !g_file_test(path, G_FILE_TEST_IS_DIR)) {
        fault_set(error, FAULT_CONFIG, "the destination of '%s' is not there: %s", directory, path);
        return fault_hint(error, "is its file system mounted? a new one is made with 'mkdir -p %s'", path);
    }
    g_propagate_error(error, g_steal_pointer(&local));
    return FALSE;
}

Ground *ground_open(const Place *place, const GPtrArray *away, GError **error)
{
    g_autoptr(Ground) ground = g_new0(Ground, 1);
    ground->folders = g_ptr_array_new_with_free_func(folder_free);
    for (guint i = 0; away && i < away->len; i++) {
        const PlaceAway *folder = away->pdata[i];
        if (!folder_add(ground, place, folder->directory, folder->path, error))
            return NULL;
    }
    return folder_add(ground, place, NULL, place->root, error) ? g_steal_pointer(&ground) : NULL;
}

void ground_close(Ground *ground)
{
    g_ptr_array_unref(ground->folders);
    g_free(ground);
}

static const Folder *folder_of(const Ground *ground, const char *path, const char **below)
{
    const Folder *folder = NULL;
    *below = path;
    for (guint i = 0; i < ground->folders->len; i++) {
        folder = ground->folders->pdata[i];
        const char *rest = folder->directory ? place_below(path, folder->directory) : path;
        if (!rest)
            continue;
        *below = rest;
        break;
    }
    return folder;
}

int ground_of(const Ground *ground, const char *path, const char **below)
{
    *below = path;
    return ground ? folder_of(ground, path, below)->fd : -1;
}

gboolean ground_is_top(const Ground *ground, const char *path)
{
    const char *below = path;
    if (ground)
        folder_of(ground, path, &below);
    return strcmp(below, ".") == 0;
}

int ground_directory(const Ground *ground, const char *path, GError **error)
{
    const char *below;
    int fd = ground_of(ground, path, &below);
    return fs_open_beneath(fd, below, O_RDONLY | O_DIRECTORY, 0, error);
}

gboolean ground_exists(const Ground *ground, const char *path)
{
    const char *below;
    int fd = ground_of(ground, path, &below);
    return fd >= 0 && fs_exists(fd, below);
}

char *ground_show(const Ground *ground, const char *path)
{
    const char *below;
    const Folder *folder = folder_of(ground, path, &below);
    return strcmp(below, ".") == 0 ? g_strdup(folder->path) : g_build_filename(folder->path, below, NULL);
}
