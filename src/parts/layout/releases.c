/* SPDX-License-Identifier: Apache-2.0 */
/* The layout "releases": which version is live, and how another becomes it. */
#include "parts/layout/releases.h"
#include "base/digest.h"
#include "base/fault.h"
#include "base/fs.h"
#include "base/remote.h"
#include "model/version.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char *name_of(const char *version, const char *suffix)
{
    return g_strconcat(version, suffix, NULL);
}

gboolean releases_name_check(const char *version, GError **error)
{
    if (version_is_valid(version))
        return TRUE;
    g_autofree char *shown = part_printable(version);
    return fault_set(error, FAULT_MANIFEST, "version '%s' cannot be the name of a directory", shown);
}

/* What holds the releases: the root, or for files in place a directory of root's alone in it. */
int releases_open_store(const Place *place, GError **error)
{
    fs_fd int root = part_open_root(place, error);
    if (root < 0 || strcmp(place->store, place->root) == 0)
        return fs_fd_steal(&root);
    const char *name = place->store + strlen(place->root) + 1;
    return fs_open_beneath(root, name, O_RDONLY | O_DIRECTORY, 0, error);
}

/* Below a root that is already open. */
static int open_releases(int root, GError **error)
{
    return fs_open_beneath(root, "releases", O_RDONLY | O_DIRECTORY, 0, error);
}

int releases_open(const Place *place, GError **error)
{
    fs_fd int root = releases_open_store(place, error);
    return root < 0 ? -1 : open_releases(root, error);
}

/* Whether there is nothing at all yet: what a first install finds. */
static gboolean nothing_there(const char *path)
{
    return access(path, F_OK) < 0 && errno == ENOENT;
}

/* --- what is there --- */

static char *version_of_link(const char *target, GError **error)
{
    const char *version = g_str_has_prefix(target, "releases/") ? target + strlen("releases/") : NULL;
    if (version && version_is_valid(version))
        return g_strdup(version);
    g_autofree char *shown = part_printable(target);
    fault_set(error, FAULT_STATE, "current points to '%s', which is no release", shown);
    fault_hint(error, "make it point to releases/VERSION again: see 'liftlock playbook'");
    return NULL;
}

static char *current_in(int root, GError **error)
{
    g_autofree char *target = fs_read_link(root, RELEASES_CURRENT, error);
    return target ? version_of_link(target, error) : NULL;
}

char *releases_current(const Place *place, GError **error)
{
    if (nothing_there(place->store))
        return NULL;
    fs_fd int root = releases_open_store(place, error);
    return root < 0 ? NULL : current_in(root, error);
}

GPtrArray *releases_present(const Place *place, GError **error)
{
    g_autoptr(GPtrArray) versions = g_ptr_array_new_with_free_func(g_free);
    if (nothing_there(place->releases))
        return g_steal_pointer(&versions);
    fs_fd int releases = releases_open(place, error);
    if (releases < 0)
        return NULL;
    g_autofree char *self = g_strdup_printf("/proc/self/fd/%d", releases);
    g_autoptr(GDir) dir = g_dir_open(self, 0, NULL);
    if (!dir) {
        fault_set(error, FAULT_SYSTEM, "cannot read '%s'", place->releases);
        return NULL;
    }
    struct stat st;
    for (const char *name; (name = g_dir_read_name(dir));)
        if (version_is_valid(name) && fstatat(releases, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
            g_ptr_array_add(versions, g_strdup(name));
    return g_steal_pointer(&versions);
}

/* --- the place of a new one --- */

/* The unpacking child gets it as its only writable place. */
static gboolean give_to_child(int fd, GError **error)
{
    uid_t uid;
    gid_t gid;
    if (geteuid() != 0)
        return TRUE;
    if (!remote_child_user(&uid, &gid, error))
        return FALSE;
    return fchown(fd, uid, gid) == 0 || fault_errno(error, FAULT_SYSTEM, errno, "cannot hand over the place to unpack");
}

int layout_scratch(int directory, const char *name, GError **error)
{
    if (!fs_remove_tree(directory, name, error) || !fs_make_dirs(directory, name, 0700, error))
        return -1;
    fs_fd int tree = fs_open_beneath(directory, name, O_RDONLY | O_DIRECTORY, 0, error);
    if (tree < 0 || !give_to_child(tree, error))
        return -1;
    return fs_fd_steal(&tree);
}

int releases_prepare(const PartContext *context, const char *version, GError **error)
{
    const Place *place = context->place;
    if (!releases_name_check(version, error) || !fs_make_path(place->root, 0755, error) ||
        !fs_make_path(place->store, 0755, error))
        return -1;
    fs_fd int root = releases_open_store(place, error);
    if (root < 0 || !fs_make_dirs(root, "releases", 0755, error))
        return -1;
    fs_fd int releases = open_releases(root, error);
    g_autofree char *partial = name_of(version, ".partial");
    return releases < 0 ? -1 : layout_scratch(releases, partial, error);
}

void releases_staged(const Place *place, const char *version, char **path, char **shown_as)
{
    static const char *const suffixes[] = {".partial", ".pending", ""};
    *shown_as = place_release(place, version, "");
    *path = NULL;
    for (guint i = 0; i < G_N_ELEMENTS(suffixes); i++) {
        g_autofree char *candidate = place_release(place, version, suffixes[i]);
        if (!*path && (!nothing_there(candidate) || i == G_N_ELEMENTS(suffixes) - 1))
            *path = g_steal_pointer(&candidate);
    }
}

gboolean releases_drop_staged(const PartContext *context, const char *version, GError **error)
{
    if (nothing_there(context->place->releases))
        return TRUE;
    fs_fd int releases = releases_open(context->place, error);
    g_autofree char *partial = name_of(version, ".partial");
    return releases >= 0 && releases_name_check(version, error) && fs_remove_tree(releases, partial, error);
}

/* --- the switch --- */

static gboolean not_on_disk(GError **error, const char *version)
{
    return fault_set(error, FAULT_STATE, "release %s is not on disk", version);
}

/* Takes a tree away so that a crash in between leaves nothing that looks whole: first out of its name. */
static gboolean retire(int releases, const char *name, const char *version, GError **error)
{
    g_autofree char *partial = name_of(version, ".partial");
    if (!fs_exists(releases, name))
        return TRUE;
    return fs_remove_tree(releases, partial, error) && fs_rename(releases, name, releases, partial, error) &&
           fs_remove_tree(releases, partial, error);
}

/* The same version was sealed a second time: good if both are the same. */
static gboolean drop_double(int releases, const char *version, const char *pending, GError **error)
{
    if (!releases_is_sealed(releases, version, error))
        return FALSE;
    g_autofree char *ours = digest_tree(releases, version, error);
    g_autofree char *theirs = ours ? digest_tree(releases, pending, error) : NULL;
    if (!theirs)
        return FALSE;
    if (!g_str_equal(ours, theirs)) {
        fault_set(error, FAULT_STATE, "releases/%s is there already, and is not the tree that was sealed", version);
        return fault_hint(error, "if nothing uses it, remove it: rm -r releases/%s", version);
    }
    return retire(releases, pending, version, error);
}

static gboolean make_final(int releases, const char *version, GError **error)
{
    g_autofree char *pending = name_of(version, ".pending");
    gboolean is_final = fs_exists(releases, version), is_pending = fs_exists(releases, pending);
    if (is_final && is_pending)
        return drop_double(releases, version, pending, error);
    if (is_pending)
        return fs_rename(releases, pending, releases, version, error);
    return is_final || not_on_disk(error, version);
}

gboolean releases_promote(const PartContext *context, const char *version, GError **error)
{
    fs_fd int root = releases_open_store(context->place, error);
    fs_fd int releases = root < 0 ? -1 : open_releases(root, error);
    return releases >= 0 && releases_name_check(version, error) && make_final(releases, version, error);
}

static gboolean releases_activate(const PartContext *context, const char *version, GError **error)
{
    fs_fd int root = releases_open_store(context->place, error);
    fs_fd int releases = root < 0 ? -1 : open_releases(root, error);
    if (releases < 0 || !releases_name_check(version, error) || !make_final(releases, version, error) ||
        !fs_sync_file_system(releases, error))
        return FALSE;
    g_autofree char *target = g_strconcat("releases/", version, NULL);
    return fs_link_atomic(root, target, RELEASES_CURRENT, error);
}

/* A link of ours, or nothing: what else stands there is not ours to replace. */
static gboolean check_link(int root, const char *name, GError **error)
{
    g_autoptr(GError) problem = NULL;
    g_free(fs_read_link(root, name, &problem));
    if (!problem)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&problem));
    return FALSE;
}

/* Removes one of our links; absent is good. */
static gboolean drop_link(int root, const char *name, GError **error)
{
    if (!check_link(root, name, error))
        return FALSE;
    if (unlinkat(root, name, 0) < 0 && errno != ENOENT)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot remove '%s'", name);
    return fs_sync_dir(root, error);
}

static gboolean check_back(int root, const char *back, GError **error)
{
    if (!releases_name_check(back, error))
        return FALSE;
    fs_fd int releases = open_releases(root, error);
    if (releases < 0)
        return FALSE;
    return fs_exists(releases, back) || not_on_disk(error, back);
}

static gboolean releases_prepare_revert(const PartContext *context, const char *back, GError **error)
{
    fs_fd int root = releases_open_store(context->place, error);
    if (root < 0)
        return FALSE;
    if (!back)
        return drop_link(root, RELEASES_BACK, error);
    g_autofree char *target = g_strconcat("releases/", back, NULL);
    return check_back(root, back, error) && fs_link_atomic(root, target, RELEASES_BACK, error);
}

static gboolean link_is(int root, const char *name, const char *target)
{
    g_autofree char *now = fs_read_link(root, name, NULL);
    return g_strcmp0(now, target) == 0;
}

static gboolean link_back(int root, const char *back, GError **error)
{
    g_autofree char *target = g_strconcat("releases/", back, NULL);
    if (link_is(root, RELEASES_BACK, target))
        return check_link(root, RELEASES_CURRENT, error) &&
               fs_rename(root, RELEASES_BACK, root, RELEASES_CURRENT, error);
    if (link_is(root, RELEASES_CURRENT, target))
        return fs_sync_dir(root, error);
    return fs_link_atomic(root, target, RELEASES_CURRENT, error);
}

static gboolean releases_revert(const PartContext *context, const char *back, GError **error)
{
    if (!back && nothing_there(context->place->store))
        return TRUE;
    fs_fd int root = releases_open_store(context->place, error);
    if (root < 0)
        return FALSE;
    return back ? check_back(root, back, error) && link_back(root, back, error)
                : drop_link(root, RELEASES_CURRENT, error);
}

static gboolean releases_remove(const Place *place, const char *version, GError **error)
{
    if (nothing_there(place->releases))
        return TRUE;
    fs_fd int root = releases_open_store(place, error);
    fs_fd int releases = root < 0 ? -1 : open_releases(root, error);
    if (releases < 0 || !releases_name_check(version, error))
        return FALSE;
    /* Without a live one that we can name, none is known not to be live. */
    g_autoptr(GError) problem = NULL;
    g_autofree char *live = current_in(root, &problem);
    if (problem) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return FALSE;
    }
    if (g_strcmp0(live, version) == 0)
        return fault_set(error, FAULT_POLICY, "release %s is live", version);
    g_autofree char *pending = name_of(version, ".pending");
    return retire(releases, version, version, error) && retire(releases, pending, version, error);
}

const LayoutDriver layout_releases = {
    .name = "releases",
    .summary = "a directory per version and a symbolic link to the live one",
    .current = releases_current,
    .present = releases_present,
    .prepare = releases_prepare,
    .furnish = releases_furnish,
    .staged = releases_staged,
    .seal = releases_seal,
    .drop_staged = releases_drop_staged,
    .verify = releases_verify,
    .promote = releases_promote,
    .activate = releases_activate,
    .prepare_revert = releases_prepare_revert,
    .revert = releases_revert,
    .remove = releases_remove,
};
