/* SPDX-License-Identifier: Apache-2.0 */
/* Changing a repository. */
#include "publish/repo_edit.h"

#include "base/canonical.h"
#include "base/fault.h"
#include "base/fs.h"
#include "publish/repo_inner.h"
#include "trust/tuf_write.h"

#include <string.h>

typedef struct RepoEditApp {
    char *app;
    Node *content;
} RepoEditApp;

/* Days that metadata are good, and bytes that clients read at most. */
static const struct {
    const char *role;
    gint64 days;
    gsize max_bytes;
} lifetimes[] = {{"timestamp", 7, 16384}, {"snapshot", 30, 2000000}, {"targets", 365, 5000000}, {"root", 365, 512000}};

/* --- putting together --------------------------------------------------------------------------------------- */

static void app_free(gpointer data)
{
    RepoEditApp *app = data;
    g_free(app->app);
    node_free(app->content);
    g_free(app);
}

RepoEdit *repo_edit_new(Repo *repo, RepoKeys *keys)
{
    RepoEdit *edit = g_new0(RepoEdit, 1);
    edit->repo = repo;
    edit->keys = keys;
    edit->apps = g_ptr_array_new_with_free_func(app_free);
    edit->written = g_ptr_array_new_with_free_func(g_free);
    return edit;
}

void repo_edit_free(RepoEdit *edit)
{
    if (!edit)
        return;
    node_free(edit->targets);
    g_ptr_array_unref(edit->apps);
    g_ptr_array_unref(edit->written);
    repo_keys_free(edit->keys);
    repo_free(edit->repo);
    g_free(edit);
}

Node *repo_edit_targets(RepoEdit *edit)
{
    if (!edit->targets)
        edit->targets = edit->repo->targets ? repo_copy(edit->repo->targets->metadata->node)
                                            : tuf_write_new(TUF_TARGETS, 1, edit->repo->now_s);
    return edit->targets;
}

Node *repo_edit_app(RepoEdit *edit, const char *name)
{
    for (guint i = 0; i < edit->apps->len; i++) {
        RepoEditApp *app = edit->apps->pdata[i];
        if (g_str_equal(app->app, name))
            return app->content;
    }
    const RepoFile *file = repo_app(edit->repo, name);
    RepoEditApp *app = g_new0(RepoEditApp, 1);
    app->app = g_strdup(name);
    app->content = file ? repo_copy(file->metadata->node) : tuf_write_new(TUF_TARGETS, 1, edit->repo->now_s);
    g_ptr_array_add(edit->apps, app);
    return app->content;
}

gint64 repo_lifetime_s(const char *role)
{
    for (guint i = 0; i < G_N_ELEMENTS(lifetimes); i++)
        if (g_str_equal(role, lifetimes[i].role))
            return lifetimes[i].days * DAY_S;
    return repo_lifetime_s("targets");
}

gboolean repo_is_due(const Repo *repo, const RepoFile *file)
{
    return file->metadata->expires_s - repo->now_s <= repo_lifetime_s(file->role) / 2;
}

/* --- signing ------------------------------------------------------------------------------------------------ */

char *repo_key_short(const char *id)
{
    return g_strndup(id, 12);
}

static gboolean has_signed(const Envelope *envelope, RepoSigners signers, const char *id)
{
    const TufKey *key = tuf_metadata_key(signers.by, id);
    for (guint i = 0; key && i < envelope->signatures->len; i++) {
        const EnvelopeSignature *signature = envelope->signatures->pdata[i];
        if (g_str_equal(signature->keyid, id))
            return tuf_key_verify(key, envelope->bytes, envelope->size, signature->sig);
    }
    return FALSE;
}

gboolean repo_fault_keys(GError **error, const char *file, RepoSigners signers, const Envelope *envelope)
{
    g_autoptr(GString) missing = g_string_new(NULL);
    gint64 n_good = 0;
    for (guint i = 0; i < signers.role->keyids->len; i++) {
        const char *id = signers.role->keyids->pdata[i];
        g_autofree char *text = repo_key_short(id);
        if (has_signed(envelope, signers, id))
            n_good++;
        else
            g_string_append_printf(missing, "%s%s", missing->len ? ", " : "", text);
    }
    gint64 n = signers.role->threshold - n_good;
    fault_set(error, FAULT_USAGE,
              n == 1 ? "%s needs %" G_GINT64_FORMAT " more signature" : "%s needs %" G_GINT64_FORMAT " more signatures",
              file, n);
    return fault_hint(error, "by keys that are not at hand (--keys PATH): %s", missing->str);
}

gboolean repo_sign(RepoKeys *keys, const Node *content, RepoSigners signers, gboolean all, Envelope *envelope,
                   GError **error)
{
    gint64 n_good = 0;
    for (guint i = 0; i < signers.role->keyids->len && (all || n_good < signers.role->threshold); i++) {
        const char *id = signers.role->keyids->pdata[i];
        g_autoptr(GError) local = NULL;
        if (has_signed(envelope, signers, id)) {
            n_good++;
            continue;
        }
        const TufSecret *secret = repo_keys_secret(keys, id, &local);
        g_autofree char *sig = secret ? tuf_secret_sign(secret, content, &local) : NULL;
        if (local)
            return g_propagate_error(error, g_steal_pointer(&local)), FALSE;
        n_good += sig && envelope_add(envelope, id, sig);
    }
    return TRUE;
}

typedef struct Staged {
    char *path, *bytes;
    gsize size;
} Staged;

static void staged_free(gpointer data)
{
    Staged *staged = data;
    g_free(staged->path);
    g_free(staged->bytes);
    g_free(staged);
}

typedef struct Commit {
    RepoEdit *edit;
    GPtrArray *files;           /* Staged */
    const TufMetadata *root;    /* that readers have */
    const TufMetadata *next;    /* that they will have; NULL: the same */
    const TufMetadata *targets; /* that will be published: it says who signs for apps */
    gboolean gap;               /* what the old root would want cannot be signed: the new root must come first */
    TufMetadata *new_targets;   /* owned */
} Commit;

static gboolean is_signed(const Envelope *envelope, RepoSigners signers)
{
    return signers.role && tuf_metadata_verify(signers.by, signers.role, envelope, "", NULL);
}

/* Signs for those who have the root of now, and for those who will have the next one. */
static gboolean sign_for_both(Commit *commit, const char *role, const char *path, const Node *content,
                              Envelope *envelope, GError **error)
{
    RepoKeys *keys = commit->edit->keys;
    RepoSigners now = repo_signers(commit->root, commit->targets, role),
                next = repo_signers(commit->next ? commit->next : commit->root, commit->targets, role);
    if (!repo_sign(keys, content, now, FALSE, envelope, error) ||
        !repo_sign(keys, content, next, FALSE, envelope, error))
        return FALSE;
    if (!is_signed(envelope, next))
        return repo_fault_keys(error, path, next, envelope);
    if (!is_signed(envelope, now))
        commit->gap = TRUE;
    return TRUE;
}

static gsize max_bytes(const char *role)
{
    for (guint i = 0; i < G_N_ELEMENTS(lifetimes); i++)
        if (g_str_equal(role, lifetimes[i].role))
            return lifetimes[i].max_bytes;
    return max_bytes("targets");
}

/* Gives a content its number and its end, signs it and puts it among what will be written. */
static const Staged *stage(Commit *commit, const char *role, const RepoFile *before, Node *content, GError **error)
{
    const Repo *repo = commit->edit->repo;
    if (before && before->metadata->version == G_MAXINT64) { /* nobody counts so far but to keep others from going on */
        fault_set(error, FAULT_POLICY, "%s: no version comes after %" G_GINT64_FORMAT, before->path, G_MAXINT64);
        fault_hint(error, "go on from a copy of the repository that is older, and rotate the keys of snapshot and "
                          "timestamp");
        return NULL;
    }
    gint64 version = before ? before->metadata->version + 1 : 1;
    tuf_write_version(content, version, repo->now_s + repo_lifetime_s(role));
    g_autofree char *path = repo_metadata_path(role, repo_type_of(role) == TUF_TIMESTAMP ? 0 : version);
    g_autoptr(TufMetadata) checked = tuf_metadata_from_node(repo_type_of(role), repo_copy(content), path, error);
    g_autoptr(Envelope) envelope = envelope_new();
    envelope->bytes = canonical_write(content, &envelope->size);
    if (!checked || !sign_for_both(commit, role, path, content, envelope, error))
        return NULL;
    Staged *staged = g_new0(Staged, 1);
    g_ptr_array_add(commit->files, staged);
    staged->bytes = envelope_write(content, envelope->signatures, &staged->size);
    staged->path = g_steal_pointer(&path);
    if (staged->size > max_bytes(role)) {
        fault_set(error, FAULT_POLICY,
                  "%s would have %" G_GSIZE_FORMAT " bytes, and clients read at most %" G_GSIZE_FORMAT, staged->path,
                  staged->size, max_bytes(role));
        return NULL;
    }
    return staged;
}

/* --- the roles, from the leaves to the timestamp ------------------------------------------------------------ */

static void list_staged(Node *listing, const char *role, gint64 version, const Staged *staged)
{
    g_autofree char *name = g_strconcat(role, ".json", NULL);
    tuf_write_meta(listing, name, version, staged->bytes, staged->size);
}

static gboolean stage_apps(Commit *commit, Node *snapshot, GError **error)
{
    for (guint i = 0; i < commit->edit->apps->len; i++) {
        const RepoEditApp *app = commit->edit->apps->pdata[i];
        g_autofree char *role = repo_role_of_app(app->app);
        const RepoFile *before = repo_app(commit->edit->repo, app->app);
        const Staged *staged = stage(commit, role, before, app->content, error);
        if (!staged)
            return FALSE;
        list_staged(snapshot, role, before ? before->metadata->version + 1 : 1, staged);
    }
    return TRUE;
}

static gboolean stage_targets(Commit *commit, Node *snapshot, GError **error)
{
    RepoEdit *edit = commit->edit;
    const RepoFile *before = edit->repo->targets;
    const Staged *staged = edit->targets ? stage(commit, "targets", before, edit->targets, error) : NULL;
    if (staged)
        list_staged(snapshot, "targets", before ? before->metadata->version + 1 : 1, staged);
    return staged || !edit->targets;
}

static gboolean stage_listings(Commit *commit, Node *snapshot, gboolean is_changed, GError **error)
{
    const Repo *repo = commit->edit->repo;
    g_autoptr(Node) timestamp =
        repo->timestamp ? repo_copy(repo->timestamp->metadata->node) : tuf_write_new(TUF_TIMESTAMP, 1, repo->now_s);
    const Staged *staged = is_changed ? stage(commit, "snapshot", repo->snapshot, snapshot, error) : NULL;
    if (staged)
        list_staged(timestamp, "snapshot", repo->snapshot ? repo->snapshot->metadata->version + 1 : 1, staged);
    return (staged || !is_changed) && stage(commit, "timestamp", repo->timestamp, timestamp, error);
}

static gboolean stage_all(Commit *commit, GError **error)
{
    RepoEdit *edit = commit->edit;
    g_autoptr(Node) snapshot = edit->repo->snapshot ? repo_copy(edit->repo->snapshot->metadata->node)
                                                    : tuf_write_new(TUF_SNAPSHOT, 1, edit->repo->now_s);
    if (edit->targets) {
        /* Who signs for apps says the new content, before it has its number. */
        commit->new_targets = tuf_metadata_from_node(TUF_TARGETS, repo_copy(edit->targets), "targets.json", error);
        if (!commit->new_targets)
            return FALSE;
        commit->targets = commit->new_targets;
    }
    return stage_apps(commit, snapshot, error) && stage_targets(commit, snapshot, error) &&
           stage_listings(commit, snapshot, edit->snapshot || edit->targets || edit->apps->len, error);
}

/* --- writing ------------------------------------------------------------------------------------------------ */

static gboolean write_file(Commit *commit, const char *path, const char *bytes, gsize size, GError **error)
{
    if (!fs_write_atomic(commit->edit->repo->dirfd, path, bytes, size, 0644, error))
        return FALSE;
    g_ptr_array_add(commit->edit->written, g_strdup(path));
    return TRUE;
}

static gboolean write_root(Commit *commit, GError **error)
{
    const RepoFile *next = commit->edit->next;
    g_autofree char *path = next ? repo_metadata_path("root", next->metadata->version) : NULL;
    return !next || write_file(commit, path, next->bytes, next->size, error);
}

static gboolean write_all(Commit *commit, GError **error)
{
    const Repo *repo = commit->edit->repo;
    repo_sweep(repo);
    if (!fs_make_dirs(repo->dirfd, "metadata", 0755, error) || !fs_make_dirs(repo->dirfd, "targets", 0755, error))
        return FALSE;
    for (guint i = 0; i < commit->files->len; i++) {
        const Staged *staged = commit->files->pdata[i];
        gboolean last = i + 1 == commit->files->len;
        if ((last && commit->gap && !write_root(commit, error)) ||
            !write_file(commit, staged->path, staged->bytes, staged->size, error))
            return FALSE;
    }
    return commit->gap || write_root(commit, error);
}

static void commit_begin(Commit *commit, RepoEdit *edit)
{
    const Repo *repo = edit->repo;
    *commit = (Commit){.edit = edit,
                       .files = g_ptr_array_new_with_free_func(staged_free),
                       .root = repo_root(repo) ? repo_root(repo) : edit->next->metadata,
                       .next = edit->next ? edit->next->metadata : NULL,
                       .targets = repo->targets ? repo->targets->metadata : NULL};
}

static void commit_end(Commit *commit)
{
    g_ptr_array_unref(commit->files);
    tuf_metadata_free(commit->new_targets);
}

gboolean repo_edit_rehearse(RepoEdit *edit, GError **error)
{
    Commit commit;
    commit_begin(&commit, edit);
    gboolean good = stage_all(&commit, error);
    commit_end(&commit);
    return good;
}

gboolean repo_edit_commit(RepoEdit *edit, GError **error)
{
    Commit commit;
    commit_begin(&commit, edit);
    gboolean good = (edit->only_root || stage_all(&commit, error)) && write_all(&commit, error);
    commit_end(&commit);
    return good;
}
