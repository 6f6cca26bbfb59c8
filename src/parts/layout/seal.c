/* SPDX-License-Identifier: Apache-2.0 */
/* Sealing a built tree, so that nobody writes it again, and telling whether it still is what was sealed. */
#include "base/digest.h"
#include "base/fault.h"
#include "base/fs.h"
#include "parts/layout/kin.h"
#include "parts/layout/releases.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { WRITE_AND_SPECIAL = 07222 };

/* --- private copies --- */

gboolean releases_copy_over(int parent, const char *name, int from, const struct stat *st, GError **error)
{
    g_autofree char *temporary = g_strdup_printf(".liftlock-%08x.tmp", g_random_int());
    fs_fd int to = openat(parent, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (to < 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot copy '%s'", name);
    const struct timespec times[2] = {st->st_atim, st->st_mtim};
    if (!fs_copy_content(from, to, NULL, error)) {
        unlinkat(parent, temporary, 0);
        return FALSE;
    }
    if (fchmod(to, st->st_mode & 0777) == 0 && futimens(to, times) == 0 &&
        renameat(parent, temporary, parent, name) == 0)
        return TRUE;
    int saved = errno;
    unlinkat(parent, temporary, 0);
    return fault_errno(error, FAULT_SYSTEM, saved, "cannot copy '%s'", name);
}

typedef struct Seal {
    const Place *place;
    const char *shown; /* the tree, for errors: "releases/2.0.0" */
    gboolean root;
    const Kin *kin; /* whose files are sealed already */
} Seal;

static gboolean refuse(const Seal *seal, const char *path, const char *why, int code, GError **error)
{
    g_autofree char *shown = fs_display(path);
    return fault_set(error, (enum fault_code)code, "%s/%s: %s", seal->shown, shown, why);
}

/* A file with a second name may have it outside of the tree, in the hands of somebody who could still write it. */
static gboolean unlink_twins(int parent, const char *name, const char *path, const struct stat *st, gpointer data,
                             GError **error)
{
    const Seal *seal = data;
    if (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode) && !S_ISLNK(st->st_mode))
        return refuse(seal, path, "not a file, directory or link", FAULT_BUILD, error);
    if (!S_ISREG(st->st_mode) || st->st_nlink == 1 || kin_has(seal->kin, st))
        return TRUE;
    fs_fd int from = fs_open_beneath(parent, name, O_RDONLY | O_NONBLOCK, 0, error);
    struct stat opened;
    if (from < 0 || fstat(from, &opened) < 0 || !S_ISREG(opened.st_mode))
        return error && *error ? FALSE : refuse(seal, path, "changed while it was sealed", FAULT_BUILD, error);
    /* Nor may it be a way to have root read what the app's user cannot. */
    if (seal->root && opened.st_uid != seal->place->uid)
        return refuse(seal, path, "a second name of a file that is not the app's", FAULT_BUILD, error);
    return releases_copy_over(parent, name, from, &opened, error);
}

/* --- taking the write rights away --- */

/* What the app's user could read as owner it reads as group, now that root owns it. */
static mode_t sealed_mode(const struct stat *st, gboolean root)
{
    mode_t mode = (st->st_mode & 0777) | (S_ISDIR(st->st_mode) ? 0500 : 0400);
    if (root)
        mode |= (mode & 0500) >> 3;
    return mode & ~(mode_t)WRITE_AND_SPECIAL;
}

static gboolean seal_entry(int parent, const char *name, const char *path, const struct stat *st, gpointer data,
                           GError **error)
{
    const Seal *seal = data;
    if (kin_has(seal->kin, st))
        return TRUE;
    if (seal->root && fchownat(parent, name, 0, seal->place->gid, AT_SYMLINK_NOFOLLOW) < 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot seal '%s'", path);
    if (!S_ISLNK(st->st_mode) && fchmodat(parent, name, sealed_mode(st, seal->root), AT_SYMLINK_NOFOLLOW) < 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot seal '%s'", path);
    return TRUE;
}

/* From here on nobody else enters the tree by its name. */
static gboolean close_door(int tree, gboolean root, GError **error)
{
    if ((root && fchown(tree, 0, 0) < 0) || fchmod(tree, 0700) < 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot close the tree");
    return TRUE;
}

static gboolean seal_tree(int releases, const char *partial, Seal *seal, GError **error)
{
    fs_fd int tree = fs_open_beneath(releases, partial, O_RDONLY | O_DIRECTORY, 0, error);
    /* Two walks: an ordinary user cannot replace files in a directory that has been sealed. */
    if (tree < 0 || !close_door(tree, seal->root, error) || !fs_walk(tree, ".", unlink_twins, seal, error) ||
        !fs_walk(tree, ".", seal_entry, seal, error))
        return FALSE;
    if ((seal->root && fchown(tree, 0, seal->place->gid) < 0) || fchmod(tree, 0555) < 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot seal '%s'", partial);
    return TRUE;
}

gboolean releases_seal(const PartContext *context, const char *version, char **tree_digest, GError **error)
{
    return releases_seal_told(context, version, NULL, NULL, tree_digest, error);
}

gboolean releases_seal_told(const PartContext *context, const char *version, digest_entry_fn tell, gpointer data,
                            char **tree_digest, GError **error)
{
    fs_fd int releases = releases_open(context->place, error);
    if (releases < 0 || !releases_name_check(version, error))
        return FALSE;
    g_autofree char *partial = g_strconcat(version, ".partial", NULL);
    g_autofree char *pending = g_strconcat(version, ".pending", NULL);
    g_autofree char *shown = g_strconcat("releases/", version, NULL);
    g_auto(Kin) kin = {0};
    Seal seal = {.place = context->place, .shown = shown, .root = geteuid() == 0, .kin = &kin};
    if (!kin_read(context, releases, &kin, error) || !seal_tree(releases, partial, &seal, error))
        return FALSE;
    g_autofree char *digest = digest_tree_told(releases, partial, tell, data, error);
    if (!digest || !fs_sync_file_system(releases, error) || !fs_remove_tree(releases, pending, error) ||
        !fs_rename(releases, partial, releases, pending, error))
        return FALSE;
    *tree_digest = g_steal_pointer(&digest);
    return TRUE;
}

/* --- looking again --- */

static gboolean entry_is_sealed(int parent, const char *name, const char *path, const struct stat *st, gpointer data,
                                GError **error)
{
    const Seal *seal = data;
    if (!S_ISLNK(st->st_mode) && (st->st_mode & WRITE_AND_SPECIAL))
        return refuse(seal, path, "may be written to", FAULT_STATE, error);
    if (st->st_uid != 0 && st->st_uid != geteuid())
        return refuse(seal, path, "belongs to somebody else", FAULT_STATE, error);
    return TRUE;
}

gboolean releases_is_sealed(int releases, const char *name, GError **error)
{
    struct stat st;
    if (fstatat(releases, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return fault_errno(error, FAULT_STATE, errno, "cannot read 'releases/%s'", name);
    Seal above = {.shown = "releases"};
    g_autofree char *shown = g_strconcat("releases/", name, NULL);
    Seal seal = {.shown = shown};
    return entry_is_sealed(releases, name, name, &st, &above, error) &&
           fs_walk(releases, name, entry_is_sealed, &seal, error);
}

static gboolean is_what_was_sealed(int releases, const char *name, const char *tree_digest, GError **error)
{
    if (!releases_is_sealed(releases, name, error))
        return FALSE;
    g_autofree char *now = digest_tree(releases, name, error);
    if (!now)
        return FALSE;
    if (g_str_equal(now, tree_digest))
        return TRUE;
    fault_set(error, FAULT_STATE, "releases/%s: not the tree that was sealed", name);
    return fault_hint(error, "its digest is %s, not %s", now, tree_digest);
}

gboolean releases_verify(const Place *place, const char *version, const char *tree_digest, GError **error)
{
    fs_fd int releases = releases_open(place, error);
    if (releases < 0 || !releases_name_check(version, error))
        return FALSE;
    g_autofree char *pending = g_strconcat(version, ".pending", NULL);
    gboolean is_final = fs_exists(releases, version), is_pending = fs_exists(releases, pending);
    if (!is_final && !is_pending)
        return fault_set(error, FAULT_STATE, "release %s is not on disk", version);
    if (is_final && is_pending && is_what_was_sealed(releases, version, tree_digest, NULL))
        return TRUE;
    return is_what_was_sealed(releases, is_pending ? pending : version, tree_digest, error);
}
