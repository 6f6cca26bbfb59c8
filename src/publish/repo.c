/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a repository. */
#include "publish/repo.h"

#include "base/canonical.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/fault.h"
#include "base/fs.h"

#include <errno.h>
#include <string.h>
#include <sys/file.h>

/* --- one file ----------------------------------------------------------------------------------------------- */

void repo_file_free(RepoFile *file)
{
    if (!file)
        return;
    g_free(file->role);
    g_free(file->path);
    g_free(file->bytes);
    envelope_free(file->envelope);
    tuf_metadata_free(file->metadata);
    g_free(file);
}

TufType repo_type_of(const char *role)
{
    for (guint type = 0; type < TUF_N_TYPES; type++)
        if (g_str_equal(role, tuf_type_name((TufType)type)))
            return (TufType)type;
    return TUF_TARGETS;
}

char *repo_metadata_path(const char *role, gint64 version)
{
    return version ? g_strdup_printf("metadata/%" G_GINT64_FORMAT ".%s.json", version, role)
                   : g_strdup_printf("metadata/%s.json", role);
}

RepoFile *repo_file_parse(const char *path, const char *role, const char *bytes, gsize size, GError **error)
{
    g_autoptr(RepoFile) file = g_new0(RepoFile, 1);
    file->role = g_strdup(role);
    file->path = g_strdup(path);
    file->bytes = g_malloc(size + 1);
    file->size = size;
    memcpy(file->bytes, bytes, size);
    file->bytes[size] = '\0';
    file->envelope = envelope_read(bytes, size, path, FAULT_VERIFY, error);
    if (file->envelope)
        file->metadata =
            tuf_metadata_read(repo_type_of(role), file->envelope->bytes, file->envelope->size, path, error);
    return file->metadata ? g_steal_pointer(&file) : NULL;
}

RepoFile *repo_file_read(int dirfd, const char *path, const char *role, GError **error)
{
    gsize size = 0;
    g_autofree char *bytes = fs_read(dirfd, path, CANONICAL_MAX_BYTES, &size, error);
    return bytes ? repo_file_parse(path, role, bytes, size, error) : NULL;
}

Node *repo_copy(const Node *node)
{
    gsize size = 0;
    g_autofree char *bytes = canonical_write(node, &size);
    return canonical_read_exact(bytes, size, "copy", FAULT_STATE, NULL);
}

/* --- roles -------------------------------------------------------------------------------------------------- */

char *repo_role_of_app(const char *app)
{
    return g_strconcat(REPO_ROLE_PREFIX, app, NULL);
}

const char *repo_app_of_role(const char *role)
{
    return g_str_has_prefix(role, REPO_ROLE_PREFIX) ? role + strlen(REPO_ROLE_PREFIX) : NULL;
}

const TufMetadata *repo_root(const Repo *repo)
{
    const RepoFile *root = repo->root ? repo->root : repo->pending;
    return root ? root->metadata : NULL;
}

const RepoFile *repo_app(const Repo *repo, const char *app)
{
    g_autofree char *role = repo_role_of_app(app);
    for (guint i = 0; i < repo->apps->len; i++) {
        const RepoFile *file = repo->apps->pdata[i];
        if (g_str_equal(file->role, role))
            return file;
    }
    return NULL;
}

RepoSigners repo_signers(const TufMetadata *root, const TufMetadata *targets, const char *role)
{
    const TufMetadata *by = repo_app_of_role(role) ? targets : root;
    return (RepoSigners){.by = by, .role = by ? tuf_metadata_role(by, role) : NULL};
}

/* --- loading ------------------------------------------------------------------------------------------------ */

static gboolean verify(const RepoFile *file, RepoSigners signers, GError **error)
{
    if (!signers.role)
        return fault_set(error, FAULT_VERIFY, "%s: nothing says who signs it", file->path);
    return tuf_metadata_verify(signers.by, signers.role, file->envelope, file->path, error);
}

static gboolean check_root(const RepoFile *root, const RepoFile *before, gint64 version, GError **error)
{
    if (root->metadata->version != version)
        return fault_set(error, FAULT_VERIFY, "%s: its version is %" G_GINT64_FORMAT, root->path,
                         root->metadata->version);
    return (!before || verify(root, repo_signers(before->metadata, NULL, "root"), error)) &&
           verify(root, repo_signers(root->metadata, NULL, "root"), error);
}

/* The whole chain: a root that the one before it did not sign would be followed by nobody. */
static gboolean load_roots(Repo *repo, GError **error)
{
    for (gint64 version = 1; version <= REPO_ROOTS_MAX; version++) {
        g_autofree char *path = repo_metadata_path("root", version);
        if (!fs_exists(repo->dirfd, path))
            break;
        g_autoptr(RepoFile) next = repo_file_read(repo->dirfd, path, "root", error);
        if (!next || !check_root(next, repo->root, version, error))
            return FALSE;
        repo_file_free(repo->root);
        repo->root = g_steal_pointer(&next);
    }
    return TRUE;
}

static gboolean load_pending(Repo *repo, GError **error)
{
    gint64 version = repo->root ? repo->root->metadata->version + 1 : 1;
    g_autofree char *path = g_strdup_printf("pending/%" G_GINT64_FORMAT ".root.json", version);
    if (fs_exists(repo->dirfd, path)) {
        repo->pending = repo_file_read(repo->dirfd, path, "root", error);
        return repo->pending != NULL;
    }
    return repo->root || fault_set(error, FAULT_USAGE, "%s holds no repository", repo->path) ||
           fault_hint(error, "'liftlock repo init %s' begins one", repo->path);
}

/* A file that another one names, with what that one says of it. */
static RepoFile *load(const Repo *repo, const char *role, const TufMetadata *listing, GError **error)
{
    g_autofree char *name = g_strconcat(role, ".json", NULL);
    const TufFile *listed = listing ? tuf_metadata_file(listing, name) : NULL;
    if (listing && !listed) {
        fault_set(error, FAULT_STATE, "%s: the snapshot does not list %s", repo->path, name);
        return NULL;
    }
    g_autofree char *path = repo_metadata_path(role, listed ? listed->version : 0);
    g_autoptr(RepoFile) file = repo_file_read(repo->dirfd, path, role, error);
    if (!file ||
        !verify(file, repo_signers(repo_root(repo), repo->targets ? repo->targets->metadata : NULL, role), error))
        return NULL;
    g_autofree char *sha256 = digest_bytes(file->bytes, file->size);
    if (listed &&
        (file->metadata->version != listed->version || (listed->length >= 0 && (gsize)listed->length != file->size) ||
         (listed->sha256 && !g_str_equal(listed->sha256, sha256)))) {
        fault_set(error, FAULT_VERIFY, "%s is not the file that was signed for", path);
        return NULL;
    }
    return g_steal_pointer(&file);
}

static gboolean load_apps(Repo *repo, GError **error)
{
    for (guint i = 0; i < repo->targets->metadata->roles->len; i++) {
        const TufRole *role = repo->targets->metadata->roles->pdata[i];
        RepoFile *app = role->name ? load(repo, role->name, repo->snapshot->metadata, error) : NULL;
        if (!role->name)
            fault_set(error, FAULT_STATE, "%s: it delegates in a way that this tool does not write",
                      repo->targets->path);
        if (!app)
            return FALSE;
        g_ptr_array_add(repo->apps, app);
    }
    return TRUE;
}

static gboolean load_all(Repo *repo, GError **error)
{
    if (!load_roots(repo, error) || !load_pending(repo, error))
        return FALSE;
    repo->timestamp = load(repo, "timestamp", NULL, error);
    repo->snapshot = repo->timestamp ? load(repo, "snapshot", repo->timestamp->metadata, error) : NULL;
    repo->targets = repo->snapshot ? load(repo, "targets", repo->snapshot->metadata, error) : NULL;
    return repo->targets && load_apps(repo, error);
}

/* --- opening ------------------------------------------------------------------------------------------------ */

static void file_free(gpointer data)
{
    repo_file_free(data);
}

void repo_free(Repo *repo)
{
    if (!repo)
        return;
    RepoFile *const files[] = {repo->root, repo->pending, repo->timestamp, repo->snapshot, repo->targets};
    for (guint i = 0; i < G_N_ELEMENTS(files); i++)
        repo_file_free(files[i]);
    g_ptr_array_unref(repo->apps);
    fs_fd_clear(&repo->dirfd);
    g_free(repo->path);
    g_free(repo);
}

static Repo *open_locked(const char *path, GError **error)
{
    g_autoptr(Repo) repo = g_new0(Repo, 1);
    g_autoptr(GError) local = NULL;
    repo->path = g_strdup(path);
    repo->apps = g_ptr_array_new_with_free_func(file_free);
    repo->now_s = clock_now_s();
    repo->dirfd = fs_open_dir(path, &local);
    if (repo->dirfd < 0) {
        fault_set(error, FAULT_USAGE, "%s", local->message);
        return NULL;
    }
    if (flock(repo->dirfd, LOCK_EX | LOCK_NB) < 0) {
        fault_set(error, FAULT_BUSY, "somebody else is at work in %s", path);
        return NULL;
    }
    return g_steal_pointer(&repo);
}

Repo *repo_open(const char *path, GError **error)
{
    g_autoptr(Repo) repo = open_locked(path, error);
    return repo && load_all(repo, error) ? g_steal_pointer(&repo) : NULL;
}

Repo *repo_open_new(const char *path, GError **error)
{
    g_autoptr(Repo) repo = fs_make_path(path, 0755, error) ? open_locked(path, error) : NULL;
    if (!repo)
        return NULL;
    if (fs_exists(repo->dirfd, "metadata/1.root.json") || fs_exists(repo->dirfd, "pending/1.root.json")) {
        fault_set(error, FAULT_USAGE, "%s holds a repository already", path);
        return NULL;
    }
    return g_steal_pointer(&repo);
}
