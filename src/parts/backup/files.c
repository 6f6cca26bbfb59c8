/* SPDX-License-Identifier: Apache-2.0 */
/* The backup driver for a file or a directory. */
#include "base/fault.h"
#include "base/fs.h"
#include "parts/backup/copy.h"
#include "parts/backup/drivers.h"
#include "parts/backup/dump.h"
#include "parts/backup/look.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static const CopyFile one[] = {{"", TRUE}};
static const CopyKind kind = {.files = one, .n_files = G_N_ELEMENTS(one)};
static const Key no_keys[] = {{.name = NULL}};

/* Opens the directory that holds the data and looks at them: st->st_mode is 0 if there are none. FALSE on a fault only;
 * *live is -1 if not even the directory is there. */
static gboolean look(const PartContext *context, const DataSet *set, int *live, char **name, struct stat *st,
                     GError **error)
{
    g_autoptr(GError) problem = NULL;
    st->st_mode = 0;
    *live = copy_open_live(context->place, set, name, &problem);
    if (problem) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return FALSE;
    }
    if (*live >= 0 && fstatat(*live, *name, st, AT_SYMLINK_NOFOLLOW) < 0) {
        st->st_mode = 0;
        return errno == ENOENT || fault_errno(error, FAULT_SYSTEM, errno, "cannot read '%s'", set->path);
    }
    return TRUE;
}

/* --- questions --- */

typedef struct Paths {
    const char *top;
    GPtrArray *all;
} Paths;

static gboolean add_path(int parent, const char *name, const char *path, const struct stat *st, gpointer data,
                         GError **error)
{
    Paths *paths = data;
    if (S_ISREG(st->st_mode))
        g_ptr_array_add(paths->all, g_build_filename(paths->top, path, NULL));
    return TRUE;
}

/* What cannot be looked at has no sessions that could be told: the copy then fails by name. */
static char *files_sessions(const PartContext *context, const DataSet *set)
{
    fs_fd int live = -1;
    struct stat st;
    g_autofree char *name = NULL;
    g_autofree char *top = g_build_filename(context->place->root, set->path, NULL);
    g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(g_free);
    if (!look(context, set, &live, &name, &st, NULL) || st.st_mode == 0)
        return NULL;
    Paths paths = {.top = top, .all = all};
    if (S_ISDIR(st.st_mode))
        fs_walk(live, name, add_path, &paths, NULL);
    else
        g_ptr_array_add(all, g_strdup(top));
    g_ptr_array_add(all, NULL);
    return backup_sessions((const char *const *)all->pdata);
}

static gboolean size(const PartContext *context, const DataSet *set, guint64 *bytes, gboolean *shared, GError **error)
{
    fs_fd int live = -1;
    struct stat st;
    FsUsage usage = {0};
    g_autofree char *name = NULL;
    if (!look(context, set, &live, &name, &st, error))
        return FALSE;
    if (st.st_mode != 0 && !fs_usage(live, name, &usage, error))
        return FALSE;
    *bytes = usage.bytes;
    *shared = live >= 0 && look_shares_blocks(live);
    return TRUE;
}

/* Files have no schema that we could see: only whether they are there, and as what. */
static char *kind_of_data(const PartContext *context, const DataSet *set, GError **error)
{
    fs_fd int live = -1;
    struct stat st;
    g_autofree char *name = NULL;
    if (!look(context, set, &live, &name, &st, error))
        return NULL;
    return g_strdup(st.st_mode == 0 ? "absent" : S_ISDIR(st.st_mode) ? "directory" : "file");
}

/* --- dumps --- */

static gboolean dump(const PartContext *context, const DataSet *set, const char *directory, GError **error)
{
    fs_fd int live = -1;
    struct stat st;
    g_autofree char *name = NULL;
    fs_fd int dir = fs_open_dir(directory, error);
    if (dir < 0 || !look(context, set, &live, &name, &st, error) || !fs_remove_tree(dir, set->name, error))
        return FALSE;
    if (st.st_mode != 0 && (!fs_copy_tree(live, name, dir, set->name, error) || !fs_sync_file_system(dir, error)))
        return FALSE;
    return dump_note(dir, set->name, error);
}

static gboolean verify(const DataSet *set, const char *directory, GError **error)
{
    gboolean absent;
    fs_fd int dir = fs_open_dir(directory, error);
    return dir >= 0 && dump_check(dir, set->name, &absent, error);
}

static gboolean restore(const PartContext *context, const DataSet *set, const char *directory, GError **error)
{
    gboolean absent;
    fs_fd int dir = fs_open_dir(directory, error);
    return dir >= 0 && dump_check(dir, set->name, &absent, error) &&
           copy_restore(context, set, &kind, absent ? -1 : dir, error);
}

static gboolean sync_data(const PartContext *context, const DataSet *set, GError **error)
{
    fs_fd int live = -1;
    struct stat st;
    g_autofree char *name = NULL;
    return look(context, set, &live, &name, &st, error) && (live < 0 || fs_sync_file_system(live, error));
}

/* --- the driver: each with the set's name before a fault --- */

static gboolean files_size(const PartContext *context, const DataSet *set, guint64 *bytes, gboolean *shared,
                           GError **error)
{
    return size(context, set, bytes, shared, error) || backup_name_fault(set, error);
}

static char *files_fingerprint(const PartContext *context, const DataSet *set, GError **error)
{
    char *text = kind_of_data(context, set, error);
    if (!text)
        backup_name_fault(set, error);
    return text;
}

static gboolean files_dump(const PartContext *context, const DataSet *set, const char *directory, GError **error)
{
    return dump(context, set, directory, error) || backup_name_fault(set, error);
}

static gboolean files_verify(const PartContext *context, const DataSet *set, const char *directory, GError **error)
{
    return verify(set, directory, error) || backup_name_fault(set, error);
}

static gboolean files_copy(const PartContext *context, const DataSet *set, GError **error)
{
    return copy_make(context, set, &kind, error) || backup_name_fault(set, error);
}

static gboolean files_changed(const PartContext *context, const DataSet *set)
{
    return copy_changed(context, set, &kind);
}

static gboolean files_put_back(const PartContext *context, const DataSet *set, GError **error)
{
    return copy_put_back(context, set, &kind, error) || backup_name_fault(set, error);
}

static gboolean files_restore(const PartContext *context, const DataSet *set, const char *directory, GError **error)
{
    return restore(context, set, directory, error) || backup_name_fault(set, error);
}

static gboolean files_sync(const PartContext *context, const DataSet *set, GError **error)
{
    return sync_data(context, set, error) || backup_name_fault(set, error);
}

static gboolean files_forget(const PartContext *context, const DataSet *set, GError **error)
{
    return copy_forget(context, set, error) || backup_name_fault(set, error);
}

static gboolean files_scratch(const PartContext *context, const DataSet *set, const char *directory, GError **error)
{
    gboolean absent;
    fs_fd int dir = fs_open_dir(directory, error);
    return (dir >= 0 && dump_check(dir, set->name, &absent, error) &&
            copy_replace(context->place, set, &kind, absent ? -1 : dir, error)) ||
           backup_name_fault(set, error);
}

const BackupDriver backup_files = {
    .name = "files",
    .summary = "a file or a directory; blocks are shared where the file system can",
    .keys = no_keys,
    .object_to_copy = copy_object,
    .sessions = files_sessions,
    .size = files_size,
    .fingerprint = files_fingerprint,
    .dump = files_dump,
    .verify = files_verify,
    .copy = files_copy,
    .changed = files_changed,
    .put_back = files_put_back,
    .restore = files_restore,
    .scratch = files_scratch,
    .sync = files_sync,
    .forget = files_forget,
};
