/* SPDX-License-Identifier: Apache-2.0 */
/* The audit of a repository: its targets, its older metadata, and what does not belong to it. */
#include "base/clock.h"
#include "base/digest.h"
#include "base/fault.h"
#include "base/fs.h"
#include "model/version.h"
#include "publish/repo_block.h"
#include "publish/repo_former.h"
#include "publish/repo_inner.h"
#include "publish/repo_verify_inner.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <string.h>

/* --- targets ------------------------------------------------------------------------------------------------ */

static void check_content(Audit *audit, int fd, const char *path, const TufFile *target)
{
    g_autoptr(GError) error = NULL;
    guint64 size = 0;
    g_autofree char *sha256 = digest_fd(fd, &size, &error);
    if (!sha256)
        audit_fault(audit, error);
    else if (!g_str_equal(sha256, target->sha256))
        audit_wrong(audit, "%s: its content is not what its name says", path);
    else
        g_hash_table_add(audit->good, (gpointer)target->name);
}

static void check_target(Audit *audit, const RepoFile *app, const TufFile *target)
{
    g_autoptr(GError) error = NULL;
    if (!target->sha256) {
        audit_wrong(audit, "%s: %s has no sha256", app->path, target->name);
        return;
    }
    g_autofree char *path = repo_target_file(target->name, target->sha256);
    audit_file(audit, path);
    audit->result->targets++;
    struct stat st;
    fs_fd int fd = fs_open_beneath(audit->dirfd, path, O_RDONLY | O_NONBLOCK, 0, &error);
    if (fd < 0 || fstat(fd, &st) < 0) {
        audit_wrong(audit, "%s: it is missing", path);
        return;
    }
    audit->result->bytes += st.st_size;
    if (!S_ISREG(st.st_mode))
        audit_wrong(audit, "%s: it is no file", path);
    else if (st.st_size != target->length)
        audit_wrong(audit, "%s: it has %" G_GINT64_FORMAT " bytes, not %" G_GINT64_FORMAT, path, (gint64)st.st_size,
                    target->length);
    else if (!audit->light)
        check_content(audit, fd, path, target);
}

static gboolean is_beneath(const TufRole *role, const char *path)
{
    for (guint i = 0; role && role->paths && i < role->paths->len; i++)
        if (fnmatch(role->paths->pdata[i], path, FNM_PATHNAME | FNM_NOESCAPE) == 0)
            return TRUE;
    return FALSE;
}

/* --- releases ----------------------------------------------------------------------------------------------- */

typedef struct BlockCheck {
    Audit *audit;
    const RepoFile *app;
    GHashTable *versions, *channels;
} BlockCheck;

static void check_files(BlockCheck *check, const char *version, const Node *files)
{
    if (!files || files->kind != NODE_LIST || files->items->len == 0)
        audit_wrong(check->audit, "%s: %s has no files", check->app->path, version);
    for (guint i = 0; files && files->kind == NODE_LIST && i < files->items->len; i++) {
        const Node *file = files->items->pdata[i];
        if (!file->text || !tuf_metadata_file(check->app->metadata, file->text))
            audit_wrong(check->audit, "%s: %s lists the file %s, which is no target", check->app->path, version,
                        file->text ? file->text : "?");
    }
}

static void check_block(const char *path, Node *block, gpointer data)
{
    BlockCheck *check = data;
    const char *version = node_get_text(block, "version", ""), *app = repo_app_of_role(check->app->role);
    gint64 released_s = 0;
    check->audit->result->releases++;
    if (!version_is_valid(version))
        audit_wrong(check->audit, "%s: %s has no valid version", check->app->path, path);
    else if (!g_hash_table_add(check->versions, g_strdup(version)))
        audit_wrong(check->audit, "%s: %s is there twice", check->app->path, version);
    if (g_strcmp0(node_get_text(block, "app", NULL), app) != 0)
        audit_wrong(check->audit, "%s: %s is a release of another app", check->app->path, path);
    if (!clock_parse(node_get_text(block, "released", ""), &released_s))
        audit_wrong(check->audit, "%s: %s does not say when it was released", check->app->path, version);
    check_files(check, version, node_get(block, "files"));
    const Node *channels = node_get(block, "channels");
    for (guint i = 0; channels && channels->kind == NODE_LIST && i < channels->items->len; i++) {
        const Node *channel = channels->items->pdata[i];
        if (channel->text && !g_hash_table_add(check->channels, g_strdup(channel->text)))
            audit_wrong(check->audit, "%s: the channel '%s' names two releases", check->app->path, channel->text);
        if (channel->text && repo_block_is_withdrawn(block))
            audit_note(check->audit, "%s: the channel '%s' names %s, which is withdrawn", check->app->path,
                       channel->text, version);
    }
}

static void check_app(Audit *audit, const RepoFile *app)
{
    const TufRole *role = tuf_metadata_role(audit->targets->metadata, app->role);
    if (!repo_app_of_role(app->role))
        audit_wrong(audit, "%s: the role %s is no app's", audit->targets->path, app->role);
    for (guint i = 0; i < app->metadata->files->len; i++) {
        const TufFile *target = app->metadata->files->pdata[i];
        if (!is_beneath(role, target->name))
            audit_wrong(audit, "%s: %s lies where the role may not sign", app->path, target->name);
        check_target(audit, app, target);
    }
    BlockCheck check = {.audit = audit,
                        .app = app,
                        .versions = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
                        .channels = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL)};
    if (repo_app_of_role(app->role))
        repo_blocks(app->metadata->node, check_block, &check);
    g_hash_table_unref(check.versions);
    g_hash_table_unref(check.channels);
}

/* --- older metadata ----------------------------------------------------------------------------------------- */

static const RepoFile *current_of(const Audit *audit, const char *role)
{
    const RepoFile *const files[] = {audit->snapshot, audit->targets};
    for (guint i = 0; i < G_N_ELEMENTS(files); i++)
        if (files[i] && g_str_equal(files[i]->role, role))
            return files[i];
    for (guint i = 0; i < audit->apps->len; i++) {
        const RepoFile *app = audit->apps->pdata[i];
        if (g_str_equal(app->role, role))
            return app;
    }
    return NULL;
}

/* Whose keys signed it then may be gone since; its number and what it lists can still be held against the rest. */
static void check_older(Audit *audit, const char *path, const char *role, gint64 version, const RepoFile *current)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(RepoFile) file = repo_file_read(audit->dirfd, path, role, &error);
    if (!file) {
        audit_fault(audit, error);
        return;
    }
    if (file->metadata->version != version)
        audit_wrong(audit, "%s: its version is %" G_GINT64_FORMAT, path, file->metadata->version);
    for (guint i = 0; g_str_equal(role, "snapshot") && i < file->metadata->files->len; i++) {
        const TufFile *before = file->metadata->files->pdata[i],
                      *now = tuf_metadata_file(current->metadata, before->name);
        if (!now)
            audit_wrong(audit, "%s: it lists %s, which the current snapshot does not", path, before->name);
        else if (now->version < before->version)
            audit_wrong(audit, "%s: it lists %s %" G_GINT64_FORMAT ", the current snapshot only %" G_GINT64_FORMAT,
                        path, before->name, before->version, now->version);
    }
}

/* TRUE: the name is that of metadata from before the current ones. */
static gboolean is_older(Audit *audit, const char *path)
{
    const char *name = strrchr(path, '/') + 1, *dot = strchr(name, '.');
    guint64 version = 0;
    g_autofree char *number = dot ? g_strndup(name, (gsize)(dot - name)) : NULL;
    if (!dot || !g_str_has_suffix(dot, ".json") || strlen(dot) <= strlen(".json") ||
        !g_ascii_string_to_unsigned(number, 10, 1, G_MAXINT64, &version, NULL))
        return FALSE;
    g_autofree char *role = g_strndup(dot + 1, strlen(dot + 1) - strlen(".json"));
    g_autofree char *again = repo_metadata_path(role, (gint64)version);
    const RepoFile *current = current_of(audit, role);
    if (!current || !g_str_equal(again, path) || (gint64)version >= current->metadata->version)
        return FALSE;
    check_older(audit, path, role, (gint64)version, current);
    return TRUE;
}

/* --- strays ------------------------------------------------------------------------------------------------- */

/* TRUE: metadata from before have named it. */
static gboolean is_former(Audit *audit, const char *path)
{
    const gint64 *until_s = g_hash_table_lookup(audit->former, path);
    if (until_s && *until_s > audit->now_s) {
        audit->n_waiting++;
        audit->waiting_s = MAX(audit->waiting_s, *until_s);
    } else if (until_s)
        audit_note(audit, "%s: no release lists it any more; the next 'repo add' or 'repo prune' removes it", path);
    return until_s != NULL;
}

static void find_former(Audit *audit, const RepoFile *app)
{
    g_autoptr(GHashTable) former = repo_former_targets(audit->dirfd, app);
    GHashTableIter each;
    gpointer path, until;
    g_hash_table_iter_init(&each, former);
    while (g_hash_table_iter_next(&each, &path, &until)) {
        g_hash_table_iter_steal(&each);
        g_hash_table_insert(audit->former, path, until);
    }
}

static void say_waiting(Audit *audit)
{
    g_autofree char *until = clock_format(audit->waiting_s);
    if (audit->n_waiting)
        audit_note(audit, "files that no release lists any more, and that readers of older metadata find until %s: %u",
                   until, audit->n_waiting);
}

static gboolean visit(int parent_fd, const char *name, const char *path, const struct stat *st, gpointer data,
                      GError **error)
{
    Audit *audit = data;
    if (S_ISDIR(st->st_mode) || g_hash_table_contains(audit->known, path))
        return TRUE;
    if (fnmatch("pending/*.root.json", path, FNM_PATHNAME) == 0) {
        audit_note(audit, "%s: a root that waits for signatures", path);
        return TRUE;
    }
    if (g_str_has_prefix(path, "metadata/") && !strchr(path + strlen("metadata/"), '/') && is_older(audit, path))
        return TRUE;
    if (!is_former(audit, path))
        audit_wrong(audit, "%s: it does not belong here", path);
    return TRUE;
}

/* Targets first, the timestamp and then new roots last: see repo_edit.h. */
static int upload_rank(const char *path)
{
    static const char *const patterns[] = {"targets/*", "metadata/*.app-*", "metadata/*.targets.json",
                                           "metadata/*.snapshot.json", "metadata/timestamp.json"};
    for (guint i = 0; i < G_N_ELEMENTS(patterns); i++)
        if (fnmatch(patterns[i], path, 0) == 0)
            return (int)i;
    return G_N_ELEMENTS(patterns);
}

static int compare_uploads(gconstpointer a, gconstpointer b)
{
    const char *x = *(const char *const *)a, *y = *(const char *const *)b;
    int by_rank = upload_rank(x) - upload_rank(y);
    return by_rank ? by_rank : strverscmp(x, y); /* roots by number */
}

void audit_files(Audit *audit)
{
    g_autoptr(GError) error = NULL;
    for (guint i = 0; i < audit->apps->len; i++) {
        check_app(audit, audit->apps->pdata[i]);
        find_former(audit, audit->apps->pdata[i]);
    }
    if (!fs_walk(audit->dirfd, ".", visit, audit, &error))
        audit_fault(audit, error);
    say_waiting(audit);
    g_ptr_array_sort(audit->result->files, compare_uploads);
}
