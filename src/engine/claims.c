/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/claims.h"

#include "base/clock.h"
#include "base/document.h"
#include "base/fault.h"
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void claim_free(Claim *claim)
{
    if (!claim)
        return;
    g_free(claim->name);
    g_free(claim->reason);
    g_free(claim);
}

static const char *directory_of(const Place *place, ClaimKind kind)
{
    return kind == CLAIM_FENCE ? place->fence : place->hold;
}

static char *claim_json(const char *reason, gint64 since_s, gint64 until_s)
{
    g_autofree char *since = clock_format(since_s);
    g_autofree char *until = until_s > 0 ? clock_format(until_s) : NULL;
    g_autoptr(Node) node = node_new_map();
    node_set_text(node, "reason", reason);
    node_set_text(node, "since", since);
    node_set_text(node, "until", until);
    return node_to_json(node, 0);
}

gboolean claim_set(const Place *place, ClaimKind kind, const char *name, const char *reason, gint64 until_s,
                   GError **error)
{
    const char *directory = directory_of(place, kind);
    if (!fs_make_path(directory, 0755, error))
        return FALSE;
    fs_fd int fd = fs_open_dir(directory, error);
    if (fd < 0)
        return FALSE;
    /* The name alone is the claim. It is written in place: a temporary file beside it, left by a crash, would be a
     * claim that nobody lifts. */
    fs_fd int file = fs_open_beneath(fd, name, O_WRONLY | O_CREAT, 0644, error);
    if (file < 0)
        return FALSE;
    struct stat st;
    g_autofree char *json = claim_json(reason, clock_now_s(), until_s);
    if (fstat(file, &st) == 0 && st.st_size == 0 && write(file, json, strlen(json)) < 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot write %s/%s", directory, name);
    if (fsync(file) != 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot sync %s/%s", directory, name);
    return fs_sync_dir(fd, error);
}

gboolean claim_lift(const Place *place, ClaimKind kind, const char *name, GError **error)
{
    const char *directory = directory_of(place, kind);
    fs_fd int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? TRUE : fault_errno(error, FAULT_SYSTEM, errno, "cannot open %s", directory);
    if (unlinkat(fd, name, 0) != 0 && errno != ENOENT)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot remove %s/%s", directory, name);
    return fs_sync_dir(fd, error);
}

static gint64 time_of(const Node *node, const char *key)
{
    gint64 time_s = 0;
    const char *text = node_get_text(node, key, NULL);
    if (text)
        clock_parse(text, &time_s);
    return time_s;
}

static int claim_compare(gconstpointer a, gconstpointer b)
{
    return strcmp((*(Claim *const *)a)->name, (*(Claim *const *)b)->name);
}

GPtrArray *claims(const Place *place, ClaimKind kind)
{
    GPtrArray *all = g_ptr_array_new_with_free_func((GDestroyNotify)claim_free);
    const char *directory = directory_of(place, kind);
    g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
    fs_fd int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const char *name;
    while (dir && (name = g_dir_read_name(dir))) {
        gsize size;
        g_autofree char *bytes = fs_read(fd, name, 4096, &size, NULL);
        g_autoptr(Node) node = bytes ? document_parse(DOCUMENT_JSON, bytes, size, name, FAULT_STATE, NULL) : NULL;
        Claim *claim = g_new0(Claim, 1);
        claim->name = g_strdup(name);
        claim->reason = g_strdup(node_get_text(node, "reason", ""));
        claim->since_s = time_of(node, "since");
        claim->until_s = time_of(node, "until");
        g_ptr_array_add(all, claim);
    }
    g_ptr_array_sort(all, claim_compare);
    return all;
}

static gboolean is_plain_file(int dirfd, const char *name)
{
    struct stat st;
    return fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

/* The maintenance file lies where the app's user may write: everything goes below descriptors and follows no link. */
gboolean fence_file_update(const Place *place, const char *file, GError **error)
{
    if (!file)
        return TRUE;
    fs_fd int root_fd = open(place->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root_fd < 0)
        return errno == ENOENT ? TRUE : fault_errno(error, FAULT_SYSTEM, errno, "cannot open %s", place->root);
    g_autofree char *directory = g_path_get_dirname(file);
    g_autofree char *name = g_path_get_basename(file);
    g_autoptr(GPtrArray) standing = claims(place, CLAIM_FENCE);
    if (standing->len == 0 && !fs_exists(root_fd, directory))
        return TRUE; /* its user, or an uninstall that was interrupted, took the directory away, too */
    fs_fd int fd = fs_open_beneath(root_fd, directory, O_RDONLY | O_DIRECTORY, 0, error);
    if (fd < 0)
        return FALSE;
    if (standing->len == 0) {
        if (unlinkat(fd, name, 0) != 0 && errno != ENOENT)
            return fault_errno(error, FAULT_SYSTEM, errno, "cannot remove %s/%s", place->root, file);
        return fs_sync_dir(fd, error);
    }
    const Claim *first = g_ptr_array_index(standing, 0);
    g_autofree char *json = claim_json(first->reason, first->since_s, first->until_s);
    g_autoptr(GError) local = NULL;
    if (fs_write_atomic(fd, name, json, strlen(json), 0644, &local) || is_plain_file(fd, name))
        return TRUE; /* one that stands fences, whatever it says: going back needs no room */
    g_propagate_error(error, g_steal_pointer(&local));
    return FALSE;
}

gboolean pass_set(const Place *place, const char *unit, GError **error)
{
    if (!fs_make_path(place->pass, 0755, error))
        return FALSE;
    g_autofree char *path = g_build_filename(place->pass, unit, NULL);
    fs_fd int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    return fd >= 0 ? TRUE : fault_errno(error, FAULT_SYSTEM, errno, "cannot create %s", path);
}

gboolean passes_clear(const Place *place, GError **error)
{
    g_autofree char *parent = g_path_get_dirname(place->pass);
    g_autofree char *name = g_path_get_basename(place->pass);
    fs_fd int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? TRUE : fs_remove_tree(fd, name, error);
}
