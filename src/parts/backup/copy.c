/* SPDX-License-Identifier: Apache-2.0 */
/* The copy of data that are files. */
#include "parts/backup/copy.h"
#include "base/fault.h"
#include "base/fs.h"
#include "model/policy.h"
#include "parts/backup/look.h"
#include "parts/backup/swap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MAX_FILES = 4 };

/* What is known of a copy: the fact, read. */
typedef struct Copy {
    char *way;               /* below the app's root */
    char *seen[MAX_FILES];   /* what each file looked like; "-": absent */
    ino_t inodes[MAX_FILES]; /* of the copies; 0: none */
} Copy;

static void copy_clear(Copy *copy)
{
    g_free(copy->way);
    for (guint i = 0; i < MAX_FILES; i++)
        g_free(copy->seen[i]);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Copy, copy_clear)

char *copy_fact(const DataSet *set)
{
    return g_strconcat("copy.", set->name, NULL);
}

static gboolean copy_write(const PartContext *context, const DataSet *set, const CopyKind *kind, const Copy *copy,
                           GError **error)
{
    g_autoptr(GString) text = g_string_new(copy->way);
    for (guint i = 0; i < kind->n_files; i++)
        g_string_append_printf(text, "\n%s %" G_GUINT64_FORMAT, copy->seen[i], (guint64)copy->inodes[i]);
    g_autofree char *key = copy_fact(set);
    return context->facts->set(context->facts, key, text->str, error);
}

/* FALSE if there is no fact; a fact that cannot be read counts as none, with *error set. */
static gboolean copy_read(const PartContext *context, const DataSet *set, const CopyKind *kind, Copy *copy,
                          GError **error)
{
    g_autofree char *key = copy_fact(set);
    const char *text = context->facts ? context->facts->get(context->facts, key) : NULL;
    if (!text)
        return FALSE;
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    if (g_strv_length(lines) != kind->n_files + 1)
        return fault_set(error, FAULT_STATE, "the record of its copy is damaged");
    copy->way = g_strdup(lines[0]);
    for (guint i = 0; i < kind->n_files; i++) {
        const char *space = strchr(lines[i + 1], ' ');
        if (!space)
            return fault_set(error, FAULT_STATE, "the record of its copy is damaged");
        copy->seen[i] = g_strndup(lines[i + 1], (gsize)(space - lines[i + 1]));
        copy->inodes[i] = (ino_t)g_ascii_strtoull(space + 1, NULL, 10);
    }
    return TRUE;
}

/* --- places --- */

int copy_open_live(const Place *place, const DataSet *set, char **name, GError **error)
{
    g_autofree char *above = g_path_get_dirname(set->path);
    *name = g_path_get_basename(set->path);
    fs_fd int root = part_open_root(place, error);
    if (root < 0)
        return -1;
    struct stat st;
    if (fstatat(root, above, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
        return -1;
    fs_fd int live = fs_open_beneath(root, above, O_RDONLY | O_DIRECTORY, 0, error);
    if (live < 0)
        return -1;
    /* A copy of a link would be a copy of nothing. */
    if (fstatat(live, *name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode)) {
        fault_set(error, FAULT_BACKUP, "%s is a symbolic link", set->path);
        fault_hint(error, "data must lie where the manifest says, below %s", place->root);
        return -1;
    }
    return fs_fd_steal(&live);
}

/* Opens one of our directories, which nobody else can enter; -1 with a fault if it is not ours alone. */
static int open_closed(int dirfd, const char *path, GError **error)
{
    fs_fd int fd = fs_open_beneath(dirfd, path, O_RDONLY | O_DIRECTORY, 0, error);
    struct stat st;
    if (fd < 0)
        return -1;
    if (fstat(fd, &st) < 0 || st.st_uid != geteuid() || (st.st_mode & 077)) {
        fault_set(error, FAULT_BACKUP, "%s: others than liftlock may write here", path);
        fault_hint(error, "move it away");
        return -1;
    }
    return fs_fd_steal(&fd);
}

/* Where the copy goes: below wayback, or beside the data if only that is on the same mount. */
static char *choose_way(const PartContext *context, const DataSet *set, int root, int live, GError **error)
{
    g_autofree char *wayback = g_path_get_basename(context->place->wayback);
    g_autofree char *job = g_build_filename(wayback, context->job, NULL);
    if (!fs_make_dirs(root, job, 0700, error))
        return NULL;
    fs_fd int fd = open_closed(root, job, error);
    if (fd < 0)
        return NULL;
    if (live < 0 || swap_is_near(fd, live))
        return g_build_filename(job, set->name, NULL);
    g_autofree char *beside = g_strconcat(".liftlock-", context->job, NULL);
    if (mkdirat(live, beside, 0700) < 0 && errno != EEXIST) {
        fault_errno(error, FAULT_SYSTEM, errno, "cannot make '%s'", beside);
        return NULL;
    }
    fs_fd int closed = open_closed(live, beside, error);
    g_autofree char *above = g_path_get_dirname(set->path);
    return closed < 0 ? NULL : g_build_filename(above, beside, set->name, NULL);
}

/* An earlier try of the same job may have left failed data here: they are kept, under another name. */
static gboolean clear_way(int root, const char *way, GError **error)
{
    if (!fs_exists(root, way))
        return TRUE;
    for (guint n = 1;; n++) {
        g_autofree char *old = g_strdup_printf("%s.%u", way, n);
        if (!fs_exists(root, old))
            return fs_rename(root, way, root, old, error);
    }
}

static int make_way(int root, const char *way, GError **error)
{
    if (!clear_way(root, way, error) || !fs_make_dirs(root, way, 0700, error))
        return -1;
    fs_fd int fd = open_closed(root, way, error);
    if (fd < 0 || !fs_make_dirs(fd, "copy", 0700, error) || !fs_make_dirs(fd, "failed", 0700, error))
        return -1;
    return fs_fd_steal(&fd);
}

/* Makes the names of all directories down to `way` durable. */
static gboolean sync_way(int root, const char *way, GError **error)
{
    g_autofree char *at = g_strdup(way);
    for (char *slash; (slash = strrchr(at, '/')); *slash = '\0') {
        fs_fd int fd = fs_open_beneath(root, at, O_RDONLY | O_DIRECTORY, 0, error);
        if (fd < 0 || !fs_sync_dir(fd, error))
            return FALSE;
    }
    fs_fd int top = fs_open_beneath(root, at, O_RDONLY | O_DIRECTORY, 0, error);
    return top >= 0 && fs_sync_dir(top, error) && fs_sync_dir(root, error);
}

/* --- making it --- */

static gboolean refuse_mount(int live, const char *name, const DataSet *set, GError **error)
{
    fs_fd int fd = openat(live, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || swap_is_near(live, fd))
        return TRUE;
    fault_set(error, FAULT_BACKUP, "%s is a mount point, which no rename can replace", set->path);
    return fault_hint(error, "name a directory inside of it, or mount the directory above it");
}

void copy_object(const PartContext *context, const DataSet *set, GPtrArray *objections)
{
    g_autofree char *name = NULL;
    g_autoptr(GError) error = NULL;
    fs_fd int live = copy_open_live(context->place, set, &name, &error);
    if (live >= 0 ? refuse_mount(live, name, set, &error) : !error)
        return;
    g_autofree char *text = fault_text(error), *hint = fault_hint_of(error);
    objection_add(objections, FAULT_REQUIREMENT, NULL, hint, "data '%s': %s", set->name, text);
}

static gboolean sync_one(int dirfd, const char *name, GError **error)
{
    struct stat st;
    if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
        return fs_sync_file_system(dirfd, error);
    fs_fd int fd = fs_open_beneath(dirfd, name, O_RDONLY, 0, error);
    if (fd < 0)
        return FALSE;
    return fsync(fd) == 0 || fault_errno(error, FAULT_SYSTEM, errno, "cannot sync '%s'", name);
}

static gboolean refuse_changed(const DataSet *set, GError **error)
{
    return fault_set(error, FAULT_BACKUP, "%s changed while it was copied", set->path);
}

/* Copies one file of the set and notes what it looked like, before and after. */
static gboolean copy_one(const DataSet *set, const char *name, const CopyFile *file, int live, int to, char **seen,
                         ino_t *inode, GError **error)
{
    struct timespec latest = {0};
    struct stat st;
    *seen = live < 0 ? g_strdup("-") : look_see(live, name, *file->suffix != '\0', &latest, error);
    if (!*seen)
        return FALSE;
    if (!file->copied || g_str_equal(*seen, "-"))
        return TRUE;
    if (!fs_copy_tree(live, name, to, name, error) || !sync_one(to, name, error))
        return FALSE;
    if (fstatat(to, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot read the copy of '%s'", name);
    *inode = st.st_ino;
    g_autofree char *again = look_see(live, name, *file->suffix != '\0', NULL, error);
    if (!again)
        return FALSE;
    if (!g_str_equal(again, *seen))
        return refuse_changed(set, error);
    look_pass_tick(&latest);
    return TRUE;
}

static gboolean copy_files(const DataSet *set, const CopyKind *kind, const char *name, int live, int way, Copy *copy,
                           GError **error)
{
    fs_fd int to = open_closed(way, "copy", error);
    if (to < 0)
        return FALSE;
    for (guint i = 0; i < kind->n_files; i++) {
        g_autofree char *file = g_strconcat(name, kind->files[i].suffix, NULL);
        if (!copy_one(set, file, &kind->files[i], live, to, &copy->seen[i], &copy->inodes[i], error))
            return FALSE;
    }
    return fs_sync_dir(to, error);
}

gboolean copy_make(const PartContext *context, const DataSet *set, const CopyKind *kind, GError **error)
{
    g_assert(kind->n_files <= MAX_FILES && context->job && context->facts);
    g_auto(Copy) copy = {0};
    g_autoptr(GError) problem = NULL;
    g_autofree char *name = NULL;
    fs_fd int live = copy_open_live(context->place, set, &name, &problem);
    if (problem) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return FALSE;
    }
    fs_fd int root = part_open_root(context->place, error);
    if (root < 0 || (live >= 0 && !refuse_mount(live, name, set, error)))
        return FALSE;
    copy.way = choose_way(context, set, root, live, error);
    fs_fd int way = copy.way ? make_way(root, copy.way, error) : -1;
    return way >= 0 && copy_files(set, kind, name, live, way, &copy, error) && sync_way(root, copy.way, error) &&
           copy_write(context, set, kind, &copy, error);
}

/* --- going back --- */

/* All that a swap needs, opened. */
typedef struct Opened {
    Copy copy;
    char *name;
    int live, way, incoming, aside;
    SwapPart parts[MAX_FILES];
    Swap swap;
} Opened;

static void opened_clear(Opened *opened)
{
    copy_clear(&opened->copy);
    g_free(opened->name);
    fs_fd_clear(&opened->live);
    fs_fd_clear(&opened->way);
    fs_fd_clear(&opened->incoming);
    fs_fd_clear(&opened->aside);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Opened, opened_clear)
#define OPENED_NONE                                                                                                    \
    {                                                                                                                  \
        .live = -1, .way = -1, .incoming = -1, .aside = -1                                                             \
    }

/* FALSE without *error: no copy was made. */
static gboolean open_way(const PartContext *context, const DataSet *set, const CopyKind *kind, Opened *opened,
                         GError **error)
{
    if (!copy_read(context, set, kind, &opened->copy, error))
        return FALSE;
    fs_fd int root = part_open_root(context->place, error);
    if (root < 0)
        return FALSE;
    opened->way = open_closed(root, opened->copy.way, error);
    return opened->way >= 0;
}

/* The same where there must be one. */
static gboolean need_way(const PartContext *context, const DataSet *set, const CopyKind *kind, Opened *opened,
                         GError **error)
{
    g_autoptr(GError) problem = NULL;
    if (open_way(context, set, kind, opened, &problem))
        return TRUE;
    if (!problem)
        fault_set(&problem, FAULT_STATE, "this job made no copy");
    g_propagate_error(error, g_steal_pointer(&problem));
    return FALSE;
}

static gboolean open_swap(const PartContext *context, const DataSet *set, const CopyKind *kind, const char *incoming,
                          const char *aside, Opened *opened, GError **error)
{
    g_autoptr(GError) problem = NULL;
    opened->live = copy_open_live(context->place, set, &opened->name, &problem);
    if (problem) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return FALSE;
    }
    opened->incoming = open_closed(opened->way, incoming, error);
    opened->aside = opened->incoming < 0 ? -1 : open_closed(opened->way, aside, error);
    for (guint i = 0; i < kind->n_files; i++)
        opened->parts[i] = (SwapPart){kind->files[i].suffix, opened->copy.inodes[i]};
    opened->swap = (Swap){.name = opened->name,
                          .live = opened->live,
                          .incoming = opened->incoming,
                          .aside = opened->aside,
                          .parts = opened->parts,
                          .n_parts = kind->n_files};
    return opened->aside >= 0;
}

static gboolean went_back(int way)
{
    return fs_exists(way, "done") && !fs_exists(way, "copy");
}

static gboolean looks_different(const CopyKind *kind, const Opened *opened)
{
    for (guint i = 0; i < kind->n_files; i++) {
        const CopyFile *file = &kind->files[i];
        g_autofree char *name = g_strconcat(opened->name, file->suffix, NULL);
        g_autofree char *now = look_see(opened->live, name, *file->suffix != '\0', NULL, NULL);
        if (file->copied && g_strcmp0(now, opened->copy.seen[i]) != 0)
            return TRUE;
    }
    return FALSE;
}

static gboolean held_nothing(const CopyKind *kind, const Copy *copy)
{
    for (guint i = 0; i < kind->n_files; i++)
        if (copy->inodes[i] != 0)
            return FALSE;
    return TRUE;
}

gboolean copy_changed(const PartContext *context, const DataSet *set, const CopyKind *kind)
{
    g_auto(Opened) opened = OPENED_NONE;
    g_autoptr(GError) problem = NULL;
    if (!open_way(context, set, kind, &opened, &problem))
        return problem != NULL; /* no copy, so nothing came after it either */
    if (went_back(opened.way))
        return FALSE;
    if (!open_swap(context, set, kind, "copy", "failed", &opened, &problem))
        return TRUE;
    if (opened.live < 0)
        return !held_nothing(kind, &opened.copy);
    return !swap_is_done(&opened.swap) && looks_different(kind, &opened);
}

gboolean copy_put_back(const PartContext *context, const DataSet *set, const CopyKind *kind, GError **error)
{
    g_auto(Opened) opened = OPENED_NONE;
    if (!need_way(context, set, kind, &opened, error))
        return FALSE;
    if (went_back(opened.way))
        return TRUE;
    if (!open_swap(context, set, kind, "copy", "failed", &opened, error))
        return FALSE;
    if (opened.live < 0 && !held_nothing(kind, &opened.copy))
        return fault_set(error, FAULT_STATE, "the directory of %s is gone", set->path);
    if (opened.live >= 0 && !swap_run(&opened.swap, error))
        return FALSE;
    return fs_rename(opened.way, "copy", opened.way, "done", error);
}

/* --- a dump in place of the data --- */

/* Owner and mode of what was there, or of the app's user where there was nothing (NULL). */
static gboolean set_like(const Place *place, const struct stat *like, int directory, const char *name, GError **error)
{
    struct stat st = {.st_uid = place->uid, .st_gid = place->gid, .st_mode = 0600};
    if (like)
        st = *like;
    fs_fd int fd = fs_open_beneath(directory, name, O_RDONLY, 0, error);
    if (fd < 0)
        return FALSE;
    gboolean foreign = geteuid() == 0 && (like || place->change_user);
    if ((foreign && fchown(fd, st.st_uid, st.st_gid) < 0) || fchmod(fd, st.st_mode & 0777) < 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot set the owner of '%s'", name);
    return TRUE;
}

static gboolean make_like(const Place *place, int live, int incoming, const char *name, GError **error)
{
    struct stat st;
    gboolean present = live >= 0 && fstatat(live, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
    return set_like(place, present ? &st : NULL, incoming, name, error);
}

static gboolean bring_in(const PartContext *context, const DataSet *set, const CopyKind *kind, int directory,
                         Opened *opened, GError **error)
{
    struct stat st;
    if (directory < 0)
        return TRUE;
    if (!fs_copy_tree(directory, set->name, opened->incoming, opened->name, error) ||
        (kind->like_present && !make_like(context->place, opened->live, opened->incoming, opened->name, error)) ||
        !sync_one(opened->incoming, opened->name, error) || !fs_sync_dir(opened->incoming, error))
        return FALSE;
    if (fstatat(opened->incoming, opened->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot read '%s'", opened->name);
    opened->parts[kind->n_files - 1].inode = st.st_ino;
    return TRUE;
}

/* No fact of its own: a crash before commit goes back to the copy, from wherever this stopped. */
gboolean copy_restore(const PartContext *context, const DataSet *set, const CopyKind *kind, int directory,
                      GError **error)
{
    g_auto(Opened) opened = OPENED_NONE;
    if (!need_way(context, set, kind, &opened, error) || !fs_remove_tree(opened.way, "restore", error) ||
        !fs_make_dirs(opened.way, "restore", 0700, error) || !fs_make_dirs(opened.way, "replaced", 0700, error) ||
        !open_swap(context, set, kind, "restore", "replaced", &opened, error))
        return FALSE;
    for (guint i = 0; i < kind->n_files; i++)
        opened.parts[i].inode = 0;
    if (!bring_in(context, set, kind, directory, &opened, error))
        return FALSE;
    if (opened.live >= 0)
        return swap_run(&opened.swap, error);
    return directory < 0 || fault_set(error, FAULT_BACKUP, "the directory of %s does not exist", set->path);
}

gboolean copy_replace(const Place *place, const DataSet *set, const CopyKind *kind, int directory, GError **error)
{
    struct stat st;
    g_autofree char *name = NULL;
    g_autoptr(GError) problem = NULL;
    fs_fd int live = copy_open_live(place, set, &name, &problem);
    if (live < 0 && !problem)
        return directory < 0 || fault_set(error, FAULT_BACKUP, "the directory of %s does not exist", set->path);
    if (live < 0) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return FALSE;
    }
    gboolean present = fstatat(live, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
    for (guint i = 0; i < kind->n_files; i++) {
        g_autofree char *file = g_strconcat(name, kind->files[i].suffix, NULL);
        if (!fs_remove_tree(live, file, error))
            return FALSE;
    }
    if (directory < 0)
        return TRUE;
    return fs_copy_tree(directory, set->name, live, name, error) &&
           (!kind->like_present || set_like(place, present ? &st : NULL, live, name, error));
}

/* --- the end of it --- */

gboolean copy_forget(const PartContext *context, const DataSet *set, GError **error)
{
    g_autofree char *key = copy_fact(set);
    const char *text = context->facts ? context->facts->get(context->facts, key) : NULL;
    if (!text)
        return TRUE;
    g_autofree char *way = g_strndup(text, strcspn(text, "\n"));
    g_autofree char *above = g_path_get_dirname(way);
    g_autofree char *name = g_path_get_basename(way);
    fs_fd int root = part_open_root(context->place, error);
    if (root < 0)
        return FALSE;
    if (!fs_exists(root, above))
        return TRUE;
    fs_fd int closed = open_closed(root, above, error);
    if (closed < 0 || !fs_remove_tree(closed, name, error))
        return FALSE;
    for (guint n = 1;; n++) {
        g_autofree char *old = g_strdup_printf("%s.%u", name, n);
        if (!fs_exists(closed, old))
            break;
        if (!fs_remove_tree(closed, old, error))
            return FALSE;
    }
    /* Other data sets of the job may still have theirs here. */
    g_autofree char *job = g_path_get_basename(above), *over = g_path_get_dirname(above);
    fs_fd int parent = fs_open_beneath(root, over, O_RDONLY | O_DIRECTORY, 0, NULL);
    if (parent >= 0)
        unlinkat(parent, job, AT_REMOVEDIR);
    return TRUE;
}
