/* SPDX-License-Identifier: Apache-2.0 */
/* Roots: beginning a repository, and signing a root in several places. */
#include "publish/repo_root.h"

#include "base/canonical.h"
#include "base/fault.h"
#include "base/fs.h"
#include "publish/repo_inner.h"
#include "trust/tuf_write.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROOT_MAX_BYTES = 512000 };

/* --- signing a root ----------------------------------------------------------------------------------------- */

static gint64 missing_of(const RepoFile *root, const TufMetadata *by)
{
    RepoSigners signers = repo_signers(by, NULL, "root");
    gint64 n_good = 0;
    for (guint i = 0; i < root->envelope->signatures->len; i++) {
        const EnvelopeSignature *signature = root->envelope->signatures->pdata[i];
        const TufKey *key = tuf_metadata_key(by, signature->keyid);
        gboolean counts = g_ptr_array_find_with_equal_func(signers.role->keyids, signature->keyid, g_str_equal, NULL);
        n_good += counts && key && tuf_key_verify(key, root->envelope->bytes, root->envelope->size, signature->sig);
    }
    return MAX(signers.role->threshold - n_good, 0);
}

gint64 repo_root_missing(const RepoFile *root, const RepoFile *before)
{
    gint64 own = missing_of(root, root->metadata), old = before ? missing_of(root, before->metadata) : 0;
    return MAX(own, old);
}

RepoFile *repo_root_sign(RepoKeys *keys, const Node *content, const RepoFile *before, const RepoFile *signed_already,
                         GError **error)
{
    g_autoptr(TufMetadata) metadata = tuf_metadata_from_node(TUF_ROOT, repo_copy(content), "root.json", error);
    g_autoptr(Envelope) envelope = envelope_new();
    if (!metadata)
        return NULL;
    envelope->bytes = canonical_write(content, &envelope->size);
    for (guint i = 0; signed_already && i < signed_already->envelope->signatures->len; i++) {
        const EnvelopeSignature *signature = signed_already->envelope->signatures->pdata[i];
        envelope_add(envelope, signature->keyid, signature->sig);
    }
    if (!repo_sign(keys, content, repo_signers(metadata, NULL, "root"), TRUE, envelope, error) ||
        (before && !repo_sign(keys, content, repo_signers(before->metadata, NULL, "root"), TRUE, envelope, error)))
        return NULL;
    gsize size = 0;
    g_autofree char *bytes = envelope_write(content, envelope->signatures, &size);
    g_autofree char *path = g_strdup_printf("pending/%" G_GINT64_FORMAT ".root.json", metadata->version);
    return repo_file_parse(path, "root", bytes, size, error);
}

/* --- publishing, or waiting --------------------------------------------------------------------------------- */

static gboolean put_pending(const Repo *repo, const RepoFile *root, RepoReport *report, GError **error)
{
    g_free(report->pending);
    report->pending = g_build_filename(repo->path, root->path, NULL);
    return fs_make_dirs(repo->dirfd, "pending", 0755, error) &&
           fs_write_atomic(repo->dirfd, root->path, root->bytes, root->size, 0644, error);
}

static gboolean satisfies(const RepoFile *file, const RepoFile *root)
{
    RepoSigners signers = repo_signers(root->metadata, NULL, file->role);
    return signers.role && tuf_metadata_verify(signers.by, signers.role, file->envelope, file->path, NULL);
}

/* What readers of the new root would not take, they get anew, signed for both. */
static gboolean publish(RepoEdit *edit, const RepoFile *root, RepoReport *report, GError **error)
{
    Repo *repo = edit->repo;
    edit->next = root;
    if (repo->targets && !satisfies(repo->targets, root))
        repo_edit_targets(edit);
    edit->snapshot |= repo->snapshot && !satisfies(repo->snapshot, root);
    edit->only_root = !edit->targets && !edit->snapshot && !edit->apps->len && satisfies(repo->timestamp, root);
    if (!repo_edit_commit(edit, error))
        return FALSE;
    report->missing = 0;
    g_clear_pointer(&report->pending, g_free);
    repo_anchor_write(root->bytes, root->size, edit->keys);
    unlinkat(repo->dirfd, root->path, 0);
    unlinkat(repo->dirfd, "pending", AT_REMOVEDIR); /* only if it is empty */
    return TRUE;
}

gboolean repo_root_publish(RepoEdit *edit, const RepoFile *root, RepoReport *report, GError **error)
{
    Repo *repo = edit->repo;
    report->root = root->metadata->version;
    report->missing = repo_root_missing(root, repo->root);
    gboolean good = report->missing ? put_pending(repo, root, report, error) : publish(edit, root, report, error);
    repo_report_written(report, edit->written);
    return good;
}

/* --- init --------------------------------------------------------------------------------------------------- */

static void report_key(RepoReport *report, const char *role, const TufKey *key)
{
    g_autofree char *id = repo_key_short(key->id);
    g_ptr_array_add(report->keys, g_strdup_printf("%-10s %s", role, id));
}

static void set_role(Node *root, TufType type, const TufKey *key)
{
    const char *const ids[] = {key->id, NULL};
    tuf_write_key(root, key);
    tuf_write_role(root, type, ids, 1);
}

static gboolean set_root_keys(const RepoRootOptions *options, RepoKeys *keys, Node *root, RepoReport *report,
                              GError **error)
{
    g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func(g_free);
    const TufKey *own = options->add ? NULL : repo_keys_make(keys, "root", error);
    if (!options->add && !own)
        return FALSE;
    for (guint i = 0; own ? i < 1 : options->add[i] != NULL; i++) {
        g_autoptr(TufKey) read = own ? NULL : repo_key_public(options->add[i], error);
        const TufKey *key = own ? own : read;
        if (!key)
            return FALSE;
        if (g_ptr_array_find_with_equal_func(ids, key->id, g_str_equal, NULL))
            return fault_set(error, FAULT_USAGE, "the key %s is named twice", options->add[i]);
        g_ptr_array_add(ids, g_strdup(key->id));
        tuf_write_key(root, key);
        report_key(report, "root", key);
    }
    gint64 n = ids->len, threshold = options->threshold ? options->threshold : n / 2 + 1;
    if (threshold > n)
        return fault_set(error, FAULT_USAGE,
                         "a threshold of %" G_GINT64_FORMAT " cannot be met by %" G_GINT64_FORMAT " keys", threshold,
                         n);
    g_ptr_array_add(ids, NULL);
    tuf_write_role(root, TUF_ROOT, (const char *const *)ids->pdata, threshold);
    if (threshold == 1)
        repo_report_note(report,
                         "whoever gets the root key owns the repository: '--root-key' with the keys of three people "
                         "takes two of them to change it");
    return TRUE;
}

static Node *first_root(const RepoRootOptions *options, const Repo *repo, RepoKeys *keys, RepoReport *report,
                        GError **error)
{
    static const TufType online[] = {TUF_TARGETS, TUF_SNAPSHOT, TUF_TIMESTAMP};
    g_autoptr(Node) root = tuf_write_new(TUF_ROOT, 1, repo->now_s + repo_lifetime_s("root"));
    if (!set_root_keys(options, keys, root, report, error))
        return NULL;
    for (guint i = 0; i < G_N_ELEMENTS(online); i++) {
        const TufKey *key = repo_keys_make(keys, tuf_type_name(online[i]), error);
        if (!key)
            return NULL;
        set_role(root, online[i], key);
        report_key(report, tuf_type_name(online[i]), key);
    }
    return g_steal_pointer(&root);
}

/* The directory of keys is the publisher's alone. */
static gboolean make_key_place(const RepoKeySources *sources, GError **error)
{
    const char *place = sources->places ? sources->places[0] : NULL;
    struct stat st;
    if (!place || stat(place, &st) == 0)
        return TRUE;
    g_autofree char *path = g_canonicalize_filename(place, NULL);
    return fs_make_path(path, 0700, error);
}

static gboolean begin(RepoEdit *edit, Node *content, RepoReport *report, GError **error)
{
    g_autoptr(RepoFile) root = repo_root_sign(edit->keys, content, NULL, NULL, error);
    if (!root)
        return FALSE;
    repo_edit_targets(edit);
    edit->snapshot = TRUE;
    if (!repo_root_missing(root, NULL))
        return repo_root_publish(edit, root, report, error);
    RepoFile *pending = edit->repo->pending = g_steal_pointer(&root); /* it says who signs the rest */
    return repo_edit_commit(edit, error) && repo_root_publish(edit, pending, report, error);
}

gboolean repo_init(const RepoRootOptions *options, RepoReport *report, GError **error)
{
    repo_report_init(report);
    g_autoptr(Repo) repo = make_key_place(&options->keys, error) ? repo_open_new(options->path, error) : NULL;
    g_autoptr(RepoKeys) keys = repo ? repo_keys_open(&options->keys, options->path, error) : NULL;
    if (!keys)
        return FALSE;
    if (!repo_keys_directory(keys)) {
        fault_set(error, FAULT_USAGE, "repo init: there is no place for its keys");
        return fault_hint(error, "name a directory of your own with --keys DIR");
    }
    g_autoptr(RepoEdit) edit = repo_edit_new(g_steal_pointer(&repo), g_steal_pointer(&keys));
    g_autoptr(Node) content = first_root(options, edit->repo, edit->keys, report, error);
    return content && begin(edit, content, report, error);
}

/* --- signing elsewhere -------------------------------------------------------------------------------------- */

static RepoFile *read_root(const char *path, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(path), *name = g_path_get_basename(path);
    fs_fd int dir = fs_open_dir(folder, error);
    gsize size = 0;
    g_autofree char *bytes = dir >= 0 ? fs_read(dir, name, ROOT_MAX_BYTES, &size, error) : NULL;
    return bytes ? repo_file_parse(path, "root", bytes, size, error) : NULL;
}

/* Signatures that others have made on their copies. */
static gboolean take_over(RepoFile *root, const char *const *copies, GError **error)
{
    for (guint i = 0; copies && copies[i]; i++) {
        g_autoptr(RepoFile) copy = read_root(copies[i], error);
        if (!copy)
            return FALSE;
        if (copy->envelope->size != root->envelope->size ||
            memcmp(copy->envelope->bytes, root->envelope->bytes, root->envelope->size) != 0)
            return fault_set(error, FAULT_USAGE, "%s is not a copy of %s", copies[i], root->path);
        for (guint j = 0; j < copy->envelope->signatures->len; j++) {
            const EnvelopeSignature *signature = copy->envelope->signatures->pdata[j];
            envelope_add(root->envelope, signature->keyid, signature->sig);
        }
    }
    return TRUE;
}

/* Whoever leaves has to sign too, and stands only in the root before: a key that was named as a file signs in any case.
 */
static gboolean sign_by_named(RepoKeys *keys, RepoFile *root, GError **error)
{
    g_autoptr(GPtrArray) ids = repo_keys_directory(keys) ? g_ptr_array_new() : repo_keys_ids(keys);
    for (guint i = 0; i < ids->len; i++) {
        const TufSecret *secret = repo_keys_secret(keys, ids->pdata[i], error);
        g_autofree char *sig = secret ? tuf_secret_sign(secret, root->metadata->node, error) : NULL;
        if (!sig)
            return FALSE;
        envelope_add(root->envelope, ids->pdata[i], sig);
    }
    return TRUE;
}

gboolean repo_sign_file(const char *file, const char *const *copies, const RepoKeySources *sources, RepoReport *report,
                        GError **error)
{
    repo_report_init(report);
    g_autoptr(RepoKeys) keys = repo_keys_open(sources, NULL, error);
    g_autoptr(RepoFile) root = keys ? read_root(file, error) : NULL;
    if (!root || !take_over(root, copies, error))
        return FALSE;
    guint before = root->envelope->signatures->len;
    if (!sign_by_named(keys, root, error))
        return FALSE;
    g_autoptr(RepoFile) done = repo_root_sign(keys, root->metadata->node, NULL, root, error);
    if (!done)
        return FALSE;
    report->root = done->metadata->version;
    report->missing = repo_root_missing(done, NULL);
    report->pending = g_strdup(file);
    report->nothing_to_do = done->envelope->signatures->len == before && (!copies || !*copies);
    if (report->nothing_to_do)
        return fault_set(error, FAULT_USAGE, "none of the keys at hand signs %s", file);
    g_autofree char *folder = g_path_get_dirname(file), *name = g_path_get_basename(file);
    fs_fd int dir = fs_open_dir(folder, error);
    return dir >= 0 && fs_write_atomic(dir, name, done->bytes, done->size, 0644, error);
}

static gboolean sign_pending(RepoEdit *edit, const char *const *copies, RepoReport *report, GError **error)
{
    Repo *repo = edit->repo;
    if (!repo->pending)
        return fault_set(error, FAULT_USAGE, "no root waits for signatures in %s", repo->path);
    if (!take_over(repo->pending, copies, error))
        return FALSE;
    g_autoptr(RepoFile) root =
        repo_root_sign(edit->keys, repo->pending->metadata->node, repo->root, repo->pending, error);
    /* What was signed stays signed, also where a key that publishing needs is elsewhere. */
    return root && put_pending(repo, root, report, error) && repo_root_publish(edit, root, report, error);
}

gboolean repo_sign_pending(const RepoRootOptions *options, const char *const *copies, RepoReport *report,
                           GError **error)
{
    repo_report_init(report);
    g_autoptr(Repo) repo = repo_open(options->path, error);
    g_autoptr(RepoKeys) keys = repo ? repo_keys_open(&options->keys, options->path, error) : NULL;
    if (!keys || (repo->root && !repo_anchor_check(repo, keys, error)))
        return FALSE;
    g_autoptr(RepoEdit) edit = repo_edit_new(g_steal_pointer(&repo), g_steal_pointer(&keys));
    return sign_pending(edit, copies, report, error);
}
