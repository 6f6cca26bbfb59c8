/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Furnishing an unpacked tree: a leading directory is lifted, shared paths become links, the app's user gets it all.
 *
 * The tree's door stays closed to everybody else until the end, so within it nothing needs care. shared/ belongs to
 * the app's user, who may put links and directories in the way at any moment: there every step opens beneath, and
 * what must be made is made out of reach and moved into place.
 */
#include "base/fault.h"
#include "base/fs.h"
#include "parts/layout/kin.h"
#include "parts/layout/releases.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct Furnishing {
    const Place *place;
    const Manifest *manifest;
    gboolean root; /* what we make is to be handed over */
    int tree;      /* releases/V.partial */
    int shared;
    Kin kin; /* whose files stay as they are */
} Furnishing;

/* --- ownership --- */

static gboolean claim(int parent, const char *name, const char *path, const struct stat *st, gpointer data,
                      GError **error)
{
    const Furnishing *f = data;
    const Place *place = f->place;
    mode_t mode = (st->st_mode & 0777) | (S_ISDIR(st->st_mode) ? 0700 : 0600);
    if (kin_has(&f->kin, st))
        return TRUE;
    if (f->root && fchownat(parent, name, place->uid, place->gid, AT_SYMLINK_NOFOLLOW) < 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot hand over '%s'", path);
    if (!S_ISLNK(st->st_mode) && mode != (st->st_mode & 07777) && fchmodat(parent, name, mode, AT_SYMLINK_NOFOLLOW) < 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot hand over '%s'", path);
    return TRUE;
}

static gboolean hand_over(const Furnishing *f, int fd, mode_t mode, GError **error)
{
    if ((f->root && fchown(fd, f->place->uid, f->place->gid) < 0) || fchmod(fd, mode) < 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot hand over a directory to the app's user");
    return TRUE;
}

/* --- making things where the app's user can write --- */

/* A directory that only we can enter; -1 on failure. If somebody puts a directory of theirs in its place it is refused.
 */
static int make_closed(int parent, char **name, GError **error)
{
    g_autofree char *made = g_strdup_printf(".liftlock-%08x%08x", g_random_int(), g_random_int());
    if (mkdirat(parent, made, 0700) < 0) {
        fault_errno(error, FAULT_SYSTEM, errno, "cannot make a directory");
        return -1;
    }
    fs_fd int fd = fs_open_beneath(parent, made, O_RDONLY | O_DIRECTORY, 0, error);
    struct stat st;
    if (fd < 0)
        return -1;
    if (fstat(fd, &st) < 0 || st.st_uid != geteuid() || (st.st_mode & 077)) {
        fault_set(error, FAULT_SYSTEM, "somebody replaced a directory while it was made");
        return -1;
    }
    *name = g_steal_pointer(&made);
    return fs_fd_steal(&fd);
}

/* Moves closed/from to parent/name unless that is there by now: then what is there stays. */
static gboolean move_out(int closed, const char *from, int parent, const char *name, GError **error)
{
    if (renameat2(closed, from, parent, name, RENAME_NOREPLACE) == 0)
        return TRUE;
    if (errno != EEXIST)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot make '%s'", name);
    return fs_remove_tree(closed, from, error);
}

static gboolean make_in_closed(const Furnishing *f, int closed, int parent, const char *name, GError **error)
{
    if (!fs_make_dirs(closed, "made", 0700, error))
        return FALSE;
    fs_fd int made = fs_open_beneath(closed, "made", O_RDONLY | O_DIRECTORY, 0, error);
    return made >= 0 && hand_over(f, made, 0755, error) && move_out(closed, "made", parent, name, error);
}

static gboolean make_directory(const Furnishing *f, int parent, const char *name, GError **error)
{
    if (!f->root)
        return fs_make_dirs(parent, name, 0755, error);
    g_autofree char *closed_name = NULL;
    fs_fd int closed = make_closed(parent, &closed_name, error);
    if (closed < 0)
        return FALSE;
    gboolean good = make_in_closed(f, closed, parent, name, error);
    unlinkat(parent, closed_name, AT_REMOVEDIR);
    return good;
}

/* Opens the directory that holds `path`, making what is missing; *name gets the last part. -1 on failure. */
static int open_parents(const Furnishing *f, int start, const char *path, const char **name, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);
    fs_fd int at = fs_open_beneath(start, ".", O_RDONLY | O_DIRECTORY, 0, error);
    for (char **part = parts; at >= 0 && part[1]; part++) {
        struct stat st;
        if (fstatat(at, *part, &st, AT_SYMLINK_NOFOLLOW) < 0 && !make_directory(f, at, *part, error))
            return -1;
        int next = fs_open_beneath(at, *part, O_RDONLY | O_DIRECTORY, 0, error);
        close(at);
        at = next;
    }
    const char *slash = strrchr(path, '/');
    *name = slash ? slash + 1 : path;
    return fs_fd_steal(&at);
}

/* --- shared paths --- */

static gboolean lies_inside(const char *path, const char *outer)
{
    gsize n = strlen(outer);
    return strncmp(path, outer, n) == 0 && (path[n] == '/' || !path[n]);
}

static gboolean check_shared(const GPtrArray *shared, GError **error)
{
    for (guint i = 0; i < shared->len; i++) {
        for (guint k = 0; k < shared->len; k++) {
            const SharedPath *path = shared->pdata[i], *outer = shared->pdata[k];
            if (i != k && lies_inside(path->path, outer->path))
                return fault_set(error, FAULT_MANIFEST, "shared path '%s' lies inside shared path '%s'", path->path,
                                 outer->path);
        }
    }
    return TRUE;
}

static gboolean holds_sqlite(const Manifest *manifest, const char *path)
{
    g_autofree char *below = g_strconcat("shared/", path, NULL);
    for (guint i = 0; manifest->data && i < manifest->data->len; i++) {
        const DataSet *set = manifest->data->pdata[i];
        if (g_strcmp0(set->driver, "sqlite") == 0 && g_strcmp0(set->path, below) == 0)
            return TRUE;
    }
    return FALSE;
}

/* A shared path that the release does not ship: only its name tells what the app will want there. */
static gboolean is_file(const Manifest *manifest, const SharedPath *shared, const char *name)
{
    return shared->class_ == DATA_CONFIG || strchr(name + 1, '.') || holds_sqlite(manifest, shared->path);
}

/* What goes to shared/ is the app's to write: nothing of it stays a second name of a sealed file. */
static gboolean part_with_kin(int parent, const char *name, const char *path, const struct stat *st, gpointer data,
                              GError **error)
{
    const Furnishing *f = data;
    struct stat own;
    if (!kin_has(&f->kin, st))
        return TRUE;
    fs_fd int from = fs_open_beneath(parent, name, O_RDONLY, 0, error);
    if (from < 0 || !releases_copy_over(parent, name, from, st, error))
        return FALSE;
    if (fstatat(parent, name, &own, AT_SYMLINK_NOFOLLOW) < 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot hand over '%s'", path);
    return claim(parent, name, path, &own, data, error);
}

static gboolean loosen(const Furnishing *f, int from, const char *name, const struct stat *st, GError **error)
{
    if (S_ISDIR(st->st_mode))
        return fs_walk(from, name, part_with_kin, (gpointer)f, error);
    return part_with_kin(from, name, name, st, (gpointer)f, error);
}

/* The first content of a shared path is moved there from the tree, or copied if shared/ is another file system. */
static gboolean seed(int from, int to, const char *name, GError **error)
{
    if (renameat2(from, name, to, name, RENAME_NOREPLACE) == 0 || errno == EEXIST)
        return TRUE;
    if (errno != EXDEV)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot seed shared '%s'", name);
    g_autofree char *closed_name = NULL;
    fs_fd int closed = make_closed(to, &closed_name, error);
    if (closed < 0)
        return FALSE;
    gboolean good = fs_copy_tree(from, name, closed, "copy", error) && fs_sync_file_system(closed, error) &&
                    move_out(closed, "copy", to, name, error);
    if (!good)
        fs_remove_tree(closed, "copy", NULL);
    unlinkat(to, closed_name, AT_REMOVEDIR);
    return good;
}

/* Relative, so that the app's root can move. */
static char *link_target(const char *path)
{
    GString *target = g_string_new("../../");
    for (const char *p = path; *p; p++)
        if (*p == '/')
            g_string_append(target, "../");
    g_string_append_printf(target, "shared/%s", path);
    return g_string_free(target, FALSE);
}

static gboolean place_link(const Furnishing *f, int parent, const char *name, const char *path, GError **error)
{
    g_autofree char *target = link_target(path);
    if (!fs_remove_tree(parent, name, error))
        return FALSE;
    if (symlinkat(target, parent, name) < 0 ||
        (f->root && fchownat(parent, name, f->place->uid, f->place->gid, AT_SYMLINK_NOFOLLOW) < 0))
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot link '%s'", path);
    return TRUE;
}

static gboolean share(const Furnishing *f, const SharedPath *shared, GError **error)
{
    const char *name;
    struct stat st;
    fs_fd int from = open_parents(f, f->tree, shared->path, &name, error);
    fs_fd int to = from < 0 ? -1 : open_parents(f, f->shared, shared->path, &name, error);
    if (to < 0)
        return FALSE;
    gboolean there = fstatat(to, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
    gboolean shipped =
        fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode));
    if (!there && shipped && (!loosen(f, from, name, &st, error) || !seed(from, to, name, error)))
        return FALSE;
    if (!there && !shipped && !is_file(f->manifest, shared, name) && !make_directory(f, to, name, error))
        return FALSE;
    return place_link(f, from, name, shared->path, error);
}

static gboolean share_all(const Furnishing *f, GError **error)
{
    const GPtrArray *all = f->manifest->shared;
    if (!all)
        return TRUE;
    for (guint i = 0; i < all->len; i++) {
        const SharedPath *shared = all->pdata[i];
        if (!share(f, shared, error))
            return fault_prefix(error, "shared path '%s'", shared->path);
    }
    return TRUE;
}

/* --- all of it --- */

/* The root is ours alone, so a new shared/ needs no detour. */
static int open_shared(const Furnishing *f, int root, GError **error)
{
    gboolean is_new = !fs_exists(root, "shared");
    if (is_new && !fs_make_dirs(root, "shared", 0755, error))
        return -1;
    fs_fd int shared = fs_open_beneath(root, "shared", O_RDONLY | O_DIRECTORY, 0, error);
    if (shared < 0 || (is_new && !hand_over(f, shared, 0755, error)))
        return -1;
    return fs_fd_steal(&shared);
}

static gboolean furnish_tree(Furnishing *f, GError **error)
{
    if ((f->root && fchown(f->tree, 0, 0) < 0) || fchmod(f->tree, 0700) < 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot close the tree");
    return fs_walk(f->tree, ".", claim, f, error) && fs_lift(f->tree, error) && share_all(f, error) &&
           hand_over(f, f->tree, 0755, error);
}

gboolean releases_furnish(const PartContext *context, const Manifest *manifest, const char *version, GError **error)
{
    if (!releases_name_check(version, error) || (manifest->shared && !check_shared(manifest->shared, error)))
        return FALSE;
    fs_fd int root = releases_open_store(context->place, error);
    if (root < 0)
        return FALSE;
    g_autofree char *partial = g_strconcat("releases/", version, ".partial", NULL);
    fs_fd int tree = fs_open_beneath(root, partial, O_RDONLY | O_DIRECTORY, 0, error);
    if (tree < 0)
        return FALSE;
    g_auto(Kin) kin = {0};
    fs_fd int releases = releases_open(context->place, error);
    if (releases < 0 || !kin_read(context, releases, &kin, error))
        return FALSE;
    Furnishing f = {.place = context->place, .manifest = manifest, .root = geteuid() == 0, .tree = tree, .kin = kin};
    gboolean in_place = strcmp(context->place->store, context->place->root) != 0; /* nothing is shared there */
    fs_fd int shared = in_place ? -1 : open_shared(&f, root, error);
    if (shared < 0 && !in_place)
        return FALSE;
    f.shared = shared;
    return furnish_tree(&f, error);
}
