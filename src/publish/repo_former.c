/* SPDX-License-Identifier: Apache-2.0 */
/* Which files older metadata of an app have named, and until when readers may follow them. */
#include "publish/repo_former.h"

#include "base/digest.h"
#include "base/fs.h"
#include "publish/repo_edit.h"
#include "publish/repo_inner.h"
#include "trust/tuf_names.h"

#include <dirent.h>
#include <fcntl.h>

static int compare_descending(gconstpointer a, gconstpointer b)
{
    gint64 x = *(const gint64 *)a, y = *(const gint64 *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

/* The versions of a role that lie there and are older than `version`, newest first. */
static GArray *older_versions(int dirfd, const char *role, gint64 version)
{
    GArray *versions = g_array_new(FALSE, FALSE, sizeof(gint64));
    g_autofree char *end = g_strconcat(".", role, ".json", NULL);
    int fd = fs_open_beneath(dirfd, "metadata", O_RDONLY | O_DIRECTORY, 0, NULL);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    for (const struct dirent *entry; dir && (entry = readdir(dir));) {
        guint64 number = 0;
        g_autofree char *digits = g_strndup(entry->d_name, strspn(entry->d_name, "0123456789"));
        if (g_str_equal(entry->d_name + strlen(digits), end) &&
            g_ascii_string_to_unsigned(digits, 10, 1, G_MAXINT64, &number, NULL) && (gint64)number < version) {
            gint64 older = (gint64)number;
            g_array_append_val(versions, older);
        }
    }
    if (dir)
        closedir(dir);
    g_array_sort(versions, compare_descending);
    return versions;
}

/* A former publisher of this role may have been a thief: nothing but files of this app. */
static char *file_of(const char *app, const TufFile *target)
{
    g_autofree char *folder = g_strconcat(app, "/", NULL);
    if (!target->sha256 || !digest_is_valid(target->sha256) || tuf_path_problem(target->name) ||
        !g_str_has_prefix(target->name, folder) || strchr(target->name + strlen(folder), '/'))
        return NULL;
    return repo_target_file(target->name, target->sha256);
}

/* When those who have it can no longer believe a timestamp that leads to the one before it. */
static gint64 let_go_s(const RepoFile *file)
{
    return file->metadata->expires_s - repo_lifetime_s(file->role) + repo_lifetime_s("timestamp");
}

static void add_former(GHashTable *former, GHashTable *named, const RepoFile *older, gint64 until_s)
{
    const char *app = repo_app_of_role(older->role);
    for (guint i = 0; i < older->metadata->files->len; i++) {
        char *path = file_of(app, older->metadata->files->pdata[i]);
        if (path && !g_hash_table_contains(named, path) && !g_hash_table_contains(former, path))
            g_hash_table_insert(former, path, g_memdup2(&until_s, sizeof until_s));
        else
            g_free(path);
    }
}

GHashTable *repo_former_targets(int dirfd, const RepoFile *app)
{
    GHashTable *former = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    if (!repo_app_of_role(app->role))
        return former;
    g_autoptr(GHashTable) named = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < app->metadata->files->len; i++) {
        const TufFile *target = app->metadata->files->pdata[i];
        g_hash_table_add(named, repo_target_file(target->name, target->sha256 ? target->sha256 : ""));
    }
    g_autoptr(GArray) versions = older_versions(dirfd, app->role, app->metadata->version);
    gint64 until_s = let_go_s(app);
    for (guint i = 0; i < versions->len; i++) {
        g_autofree char *path = repo_metadata_path(app->role, g_array_index(versions, gint64, i));
        g_autoptr(RepoFile) older = repo_file_read(dirfd, path, app->role, NULL);
        if (!older)
            continue;
        add_former(former, named, older, until_s);
        until_s = let_go_s(older);
    }
    return former;
}
