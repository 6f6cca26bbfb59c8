/* SPDX-License-Identifier: Apache-2.0 */
/* What a run that was killed has left: files that nobody was told of. With the lock in hand, nobody else writes them.
 */
#include "base/digest.h"
#include "base/fs.h"
#include "publish/repo_former.h"
#include "publish/repo_inner.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* "12.app-books.json" -> 12 and the role; 0: no such name. */
static gint64 read_name(const char *name, char **role)
{
    const char *dot = strchr(name, '.');
    guint64 version = 0;
    g_autofree char *number = dot ? g_strndup(name, (gsize)(dot - name)) : NULL;
    *role = NULL;
    if (!dot || !g_str_has_suffix(dot, ".json") || strlen(dot) <= strlen(".json") ||
        !g_ascii_string_to_unsigned(number, 10, 1, G_MAXINT64, &version, NULL))
        return 0;
    *role = g_strndup(dot + 1, strlen(dot + 1) - strlen(".json"));
    return (gint64)version;
}

static gint64 current_version(const Repo *repo, const char *role)
{
    const RepoFile *const files[] = {repo->snapshot, repo->targets};
    const char *app = repo_app_of_role(role);
    const RepoFile *found = app ? repo_app(repo, app) : NULL;
    for (guint i = 0; i < G_N_ELEMENTS(files); i++)
        if (files[i] && g_str_equal(files[i]->role, role))
            found = files[i];
    return found ? found->metadata->version : 0;
}

/* Of metadata those are left over that are newer than what the snapshot lists. Roots are their own chain. */
static gboolean is_left_in_metadata(const Repo *repo, const char *name)
{
    g_autofree char *role = NULL;
    gint64 version = read_name(name, &role);
    return version && !g_str_equal(role, "root") && version > current_version(repo, role);
}

/* A root that was published waits no more. */
static gboolean is_left_in_pending(const Repo *repo, const char *name)
{
    g_autofree char *role = NULL;
    gint64 version = read_name(name, &role);
    return version && repo->root && version <= repo->root->metadata->version;
}

static void sweep(const Repo *repo, const char *folder, gboolean (*is_left)(const Repo *repo, const char *name))
{
    int fd = fs_open_beneath(repo->dirfd, folder, O_RDONLY | O_DIRECTORY, 0, NULL);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    for (const struct dirent *entry; dir && (entry = readdir(dir));)
        if (g_str_has_prefix(entry->d_name, ".liftlock-") || is_left(repo, entry->d_name))
            unlinkat(fd, entry->d_name, 0);
    if (dir)
        closedir(dir);
}

void repo_sweep(const Repo *repo)
{
    sweep(repo, "metadata", is_left_in_metadata);
    sweep(repo, "pending", is_left_in_pending);
    unlinkat(repo->dirfd, "pending", AT_REMOVEDIR); /* only if it is empty */
}

void repo_sweep_targets(const Repo *repo, const char *app)
{
    const RepoFile *role = repo_app(repo, app);
    g_autofree char *folder = g_build_filename("targets", app, NULL);
    g_autoptr(GHashTable) named = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; role && i < role->metadata->files->len; i++) {
        const TufFile *file = role->metadata->files->pdata[i];
        g_autofree char *path = repo_target_file(file->name, file->sha256 ? file->sha256 : "");
        g_hash_table_add(named, g_path_get_basename(path));
    }
    g_autoptr(GHashTable) former = role ? repo_former_targets(repo->dirfd, role) : NULL;
    int fd = fs_open_beneath(repo->dirfd, folder, O_RDONLY | O_DIRECTORY, 0, NULL);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    for (const struct dirent *entry; dir && (entry = readdir(dir));) {
        const char *name = entry->d_name;
        g_autofree char *sha256 = g_strndup(name, strcspn(name, "."));
        gboolean ours =
            digest_is_valid(sha256) || g_str_has_suffix(name, ".partial") || g_str_has_prefix(name, ".liftlock-");
        g_autofree char *path = g_build_filename(folder, name, NULL);
        const gint64 *until_s = former ? g_hash_table_lookup(former, path) : NULL;
        if (ours && !g_hash_table_contains(named, name) && !(until_s && *until_s > repo->now_s))
            unlinkat(fd, name, 0);
    }
    if (dir)
        closedir(dir);
}
