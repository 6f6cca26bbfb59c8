/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/leftovers.h"

#include "base/fault.h"
#include "base/fs.h"
#include "parts/backup/copy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define UNUSED_AFTER_S 3600 /* nobody takes so long from the first file of a job's folder to its row */

typedef gboolean (*IsLeft)(int dirfd, const char *name, gpointer data);

/* The names are taken before anything is removed. */
static GPtrArray *names_left(int dirfd, IsLeft is_left, gpointer data)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    fs_fd int again = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = again < 0 ? NULL : fdopendir(again);
    if (!dir)
        return names;
    fs_fd_steal(&again);
    for (struct dirent *entry; (entry = readdir(dir));)
        if (entry->d_name[0] && is_left(dirfd, entry->d_name, data))
            g_ptr_array_add(names, g_strdup(entry->d_name));
    closedir(dir);
    return names;
}

static gboolean remove_left(int dirfd, IsLeft is_left, gpointer data, GError **error)
{
    g_autoptr(GPtrArray) names = names_left(dirfd, is_left, data);
    for (guint i = 0; i < names->len; i++)
        if (!fs_remove_tree(dirfd, g_ptr_array_index(names, i), error))
            return FALSE;
    return TRUE;
}

/* --- temporary files --- */

static gboolean is_temporary(int dirfd, const char *name, gpointer data)
{
    return fs_is_abandoned(dirfd, name);
}

static gboolean temporaries_prune(const Place *place, const char *fence_file, GError **error)
{
    g_autofree char *config = g_path_get_dirname(place->config);
    const char *const paths[] = {place->root, place->cache, config};
    for (guint i = 0; i < G_N_ELEMENTS(paths); i++) {
        fs_fd int fd = open(paths[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0 && !remove_left(fd, is_temporary, NULL, error))
            return FALSE;
    }
    fs_fd int root = fence_file ? open(place->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    g_autofree char *above = fence_file ? g_path_get_dirname(fence_file) : NULL;
    fs_fd int fd = root < 0 ? -1 : fs_open_beneath(root, above, O_RDONLY | O_DIRECTORY, 0, NULL);
    return fd < 0 || remove_left(fd, is_temporary, NULL, error);
}

/* --- folders of jobs --- */

static gboolean is_job_id(const char *name)
{
    static const char shape[] = "dddddddd-dddddd-xxxx";
    for (guint i = 0; i < sizeof shape; i++)
        if (shape[i] == 'd'   ? !g_ascii_isdigit(name[i])
            : shape[i] == 'x' ? !g_ascii_isxdigit(name[i])
                              : name[i] != shape[i])
            return FALSE;
    return TRUE;
}

/* The folder comes first, its row last: without a row it is of a process that died in between, or is at it right now.
 */
static gboolean is_unborn(int dirfd, const char *name, gpointer data)
{
    struct stat st;
    g_autoptr(GError) unknown = NULL;
    if (!is_job_id(name) || fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(st.st_mode) ||
        time(NULL) - st.st_mtime < UNUSED_AFTER_S)
        return FALSE;
    g_autoptr(JobRecord) record = journal_job(data, name, &unknown);
    return !record && !unknown;
}

static gboolean jobs_prune(Journal *journal, const Place *place, GError **error)
{
    fs_fd int fd = open(place->jobs, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 || remove_left(fd, is_unborn, journal, error);
}

/* --- beside the data --- */

typedef struct Beside {
    Journal *journal;
    const char *app;
} Beside;

/* The app's user may write here: only what nobody but us could enter is ours. */
static gboolean is_closed_jobs(int dirfd, const char *name, gpointer data)
{
    static const char prefix[] = ".liftlock-";
    const Beside *beside = data;
    struct stat st;
    if (!g_str_has_prefix(name, prefix) || !is_job_id(name + strlen(prefix)) ||
        fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid() ||
        (st.st_mode & 077))
        return FALSE;
    g_autoptr(JobRecord) record = journal_job(beside->journal, name + strlen(prefix), NULL);
    return record && !record->open && g_strcmp0(record->app, beside->app) == 0;
}

static gboolean beside_data_prune(Journal *journal, const Place *place, const GPtrArray *sets, GError **error)
{
    Beside beside = {journal, place->app};
    for (guint i = 0; i < sets->len; i++) {
        const DataSet *set = g_ptr_array_index(sets, i);
        g_autofree char *name = NULL;
        fs_fd int live = set->path ? copy_open_live(place, set, &name, NULL) : -1;
        if (live >= 0 && !remove_left(live, is_closed_jobs, &beside, error))
            return FALSE;
    }
    return TRUE;
}

gboolean leftovers_prune(Journal *journal, const Place *place, const GPtrArray *sets, const char *fence_file,
                         GError **error)
{
    return temporaries_prune(place, fence_file, error) && jobs_prune(journal, place, error) &&
           beside_data_prune(journal, place, sets, error);
}
