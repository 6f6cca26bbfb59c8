/* SPDX-License-Identifier: Apache-2.0 */
/* The audit of a repository: its metadata. (Its files: repo_verify_files.c.) */
#include "publish/repo_verify.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/fault.h"
#include "base/fs.h"
#include "publish/repo_verify_inner.h"

#include <sys/file.h>

void repo_audit_clear(RepoAudit *audit)
{
    GPtrArray *const lists[] = {audit->wrong, audit->notes, audit->files};
    for (guint i = 0; i < G_N_ELEMENTS(lists); i++)
        if (lists[i])
            g_ptr_array_unref(lists[i]);
    *audit = (RepoAudit){0};
}

void audit_wrong(Audit *audit, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_ptr_array_add(audit->result->wrong, g_strdup_vprintf(format, args));
    va_end(args);
}

void audit_note(Audit *audit, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_ptr_array_add(audit->result->notes, g_strdup_vprintf(format, args));
    va_end(args);
}

void audit_fault(Audit *audit, const GError *error)
{
    g_autofree char *text = fault_text(error);
    audit_wrong(audit, "%s", text);
}

void audit_file(Audit *audit, const char *path)
{
    if (g_hash_table_add(audit->known, g_strdup(path)))
        g_ptr_array_add(audit->result->files, g_strdup(path));
}

/* --- one file of metadata ----------------------------------------------------------------------------------- */

static void check_signatures(Audit *audit, const RepoFile *file, RepoSigners signers)
{
    g_autoptr(GError) error = NULL;
    if (!signers.role)
        audit_wrong(audit, "%s: nothing says who signs it", file->path);
    else if (!tuf_metadata_verify(signers.by, signers.role, file->envelope, file->path, &error))
        audit_fault(audit, error);
}

static void check_expiry(Audit *audit, const RepoFile *file)
{
    gint64 left_s = file->metadata->expires_s - audit->now_s;
    g_autofree char *span = clock_span(left_s < 0 ? -left_s : left_s, FALSE);
    if (left_s <= 0)
        audit_wrong(audit, "%s: it expired %s ago", file->path, span);
    else if (left_s <= repo_lifetime_s(file->role) / 4)
        audit_note(audit, "%s: it expires in %s", file->path, span);
}

/* More keys than there are, or one that can sign nothing, would be a role that nobody can ever speak for. */
static void check_role(Audit *audit, const RepoFile *file, const TufMetadata *by, const TufRole *role)
{
    gint64 n = 0;
    for (guint i = 0; i < role->keyids->len; i++) {
        const TufKey *key = tuf_metadata_key(by, role->keyids->pdata[i]);
        if (key && key->inner)
            n++;
        else
            audit_wrong(audit, "%s: role %s names the key %.12s, which is missing or not what its name says",
                        file->path, role->name, (const char *)role->keyids->pdata[i]);
    }
    if (n < role->threshold)
        audit_wrong(audit, "%s: role %s needs %" G_GINT64_FORMAT " signatures and has %" G_GINT64_FORMAT " keys",
                    file->path, role->name, role->threshold, n);
}

static void check_roles(Audit *audit, const RepoFile *file)
{
    for (guint i = 0; i < file->metadata->roles->len; i++) {
        const TufRole *role = file->metadata->roles->pdata[i];
        if (role->name)
            check_role(audit, file, file->metadata, role);
    }
}

static RepoFile *read_file(Audit *audit, const char *path, const char *role)
{
    g_autoptr(GError) error = NULL;
    audit_file(audit, path);
    RepoFile *file = repo_file_read(audit->dirfd, path, role, &error);
    if (file)
        return file;
    if (fault_code_of(error) == FAULT_ABSENT)
        audit_wrong(audit, "%s: it is missing", path);
    else
        audit_fault(audit, error);
    return NULL;
}

/* --- roots -------------------------------------------------------------------------------------------------- */

static void check_root(Audit *audit, const RepoFile *root, const RepoFile *before, gint64 version)
{
    if (root->metadata->version != version)
        audit_wrong(audit, "%s: its version is %" G_GINT64_FORMAT, root->path, root->metadata->version);
    if (!root->metadata->consistent_snapshot)
        audit_wrong(audit, "%s: it says that snapshots are not consistent", root->path);
    if (before)
        check_signatures(audit, root, repo_signers(before->metadata, NULL, "root"));
    check_signatures(audit, root, repo_signers(root->metadata, NULL, "root"));
    check_roles(audit, root);
}

static gint64 newest_root(const Audit *audit)
{
    gint64 newest = 0;
    for (gint64 version = 1; version <= REPO_ROOTS_MAX; version++) {
        g_autofree char *path = repo_metadata_path("root", version);
        if (fs_exists(audit->dirfd, path))
            newest = version;
    }
    return newest;
}

static RepoFile *check_roots(Audit *audit)
{
    RepoFile *root = NULL;
    gint64 newest = newest_root(audit);
    for (gint64 version = 1; version <= MAX(newest, 1); version++) {
        g_autofree char *path = repo_metadata_path("root", version);
        RepoFile *next = read_file(audit, path, "root");
        if (next)
            check_root(audit, next, root, version);
        repo_file_free(root);
        root = next;
        audit->result->roots += next != NULL;
    }
    if (root)
        check_expiry(audit, root);
    return root;
}

static void check_shared_keys(Audit *audit, const RepoFile *root)
{
    const TufRole *offline = tuf_metadata_role(root->metadata, "root"),
                  *timestamp = tuf_metadata_role(root->metadata, "timestamp");
    if (offline->threshold == 1)
        audit_note(audit, "%s: one key is enough for root: whoever gets it owns the repository", root->path);
    for (guint i = 0; i < timestamp->keyids->len; i++)
        if (g_ptr_array_find_with_equal_func(offline->keyids, timestamp->keyids->pdata[i], g_str_equal, NULL))
            audit_note(audit, "%s: the key %.12s signs timestamps and roots, so that it cannot be offline", root->path,
                       (const char *)timestamp->keyids->pdata[i]);
}

/* --- what is current ---------------------------------------------------------------------------------------- */

static void check_listed(Audit *audit, const RepoFile *file, const TufFile *listed)
{
    g_autofree char *sha256 = digest_bytes(file->bytes, file->size);
    if (file->metadata->version != listed->version)
        audit_wrong(audit, "%s: its version is %" G_GINT64_FORMAT, file->path, file->metadata->version);
    if (listed->length >= 0 && (gsize)listed->length != file->size)
        audit_wrong(audit, "%s: it has %" G_GSIZE_FORMAT " bytes, not %" G_GINT64_FORMAT, file->path, file->size,
                    listed->length);
    if (listed->sha256 && !g_str_equal(listed->sha256, sha256))
        audit_wrong(audit, "%s: it is not the file that was signed for", file->path);
}

static RepoFile *audit_current(Audit *audit, const char *role, const TufMetadata *listing)
{
    g_autofree char *name = g_strconcat(role, ".json", NULL);
    const TufFile *listed = listing ? tuf_metadata_file(listing, name) : NULL;
    if (listing && !listed) {
        audit_wrong(audit, "metadata: the snapshot does not list %s", name);
        return NULL;
    }
    g_autofree char *path = repo_metadata_path(role, listed ? listed->version : 0);
    RepoFile *file = read_file(audit, path, role);
    if (!file)
        return NULL;
    check_signatures(audit, file,
                     repo_signers(audit->root ? audit->root->metadata : NULL,
                                  audit->targets ? audit->targets->metadata : NULL, role));
    if (listed)
        check_listed(audit, file, listed);
    check_expiry(audit, file);
    return file;
}

static void check_apps(Audit *audit)
{
    const TufMetadata *targets = audit->targets->metadata;
    check_roles(audit, audit->targets);
    if (targets->files->len)
        audit_wrong(audit, "%s: it has targets of its own: they belong to apps", audit->targets->path);
    if (targets->succinct_bits)
        audit_wrong(audit, "%s: it delegates in a way that this tool does not write", audit->targets->path);
    for (guint i = 0; !targets->succinct_bits && i < targets->roles->len; i++) {
        const TufRole *role = targets->roles->pdata[i];
        RepoFile *app = audit_current(audit, role->name, audit->snapshot->metadata);
        if (!app)
            continue;
        audit->result->apps++;
        g_ptr_array_add(audit->apps, app);
    }
}

/* What the snapshot lists and no role stands for would be fetched by nobody. */
static void check_snapshot(Audit *audit)
{
    for (guint i = 0; i < audit->snapshot->metadata->files->len; i++) {
        const TufFile *file = audit->snapshot->metadata->files->pdata[i];
        g_autofree char *role =
            g_strndup(file->name, strlen(file->name) - (g_str_has_suffix(file->name, ".json") ? 5 : 0));
        if (!g_str_equal(role, "targets") && !tuf_metadata_role(audit->targets->metadata, role))
            audit_wrong(audit, "%s: it lists %s, which no role signs", audit->snapshot->path, file->name);
    }
}

static void check_metadata(Audit *audit)
{
    audit->root = check_roots(audit);
    if (audit->root)
        check_shared_keys(audit, audit->root);
    audit->timestamp = audit_current(audit, "timestamp", NULL);
    audit->snapshot = audit->timestamp ? audit_current(audit, "snapshot", audit->timestamp->metadata) : NULL;
    audit->targets = audit->snapshot ? audit_current(audit, "targets", audit->snapshot->metadata) : NULL;
    if (!audit->targets)
        return;
    check_apps(audit);
    check_snapshot(audit);
}

static void file_free(gpointer data)
{
    repo_file_free(data);
}

gboolean repo_verify(const char *path, gboolean light, RepoAudit *result, GError **error)
{
    *result = (RepoAudit){.wrong = g_ptr_array_new_with_free_func(g_free),
                          .notes = g_ptr_array_new_with_free_func(g_free),
                          .files = g_ptr_array_new_with_free_func(g_free)};
    g_autoptr(GError) local = NULL;
    fs_fd int dir = fs_open_dir(path, &local);
    if (dir < 0)
        return fault_set(error, FAULT_USAGE, "%s", local->message);
    if (flock(dir, LOCK_SH | LOCK_NB) < 0)
        return fault_set(error, FAULT_BUSY, "somebody is at work in %s", path);
    Audit audit = {.result = result,
                   .dirfd = dir,
                   .light = light,
                   .now_s = clock_now_s(),
                   .known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
                   .good = g_hash_table_new(g_str_hash, g_str_equal),
                   .former = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free),
                   .apps = g_ptr_array_new_with_free_func(file_free)};
    check_metadata(&audit);
    audit_files(&audit);
    gboolean good = audit_ways(&audit, error);
    g_hash_table_unref(audit.known);
    g_hash_table_unref(audit.good);
    g_hash_table_unref(audit.former);
    g_ptr_array_unref(audit.apps);
    RepoFile *const files[] = {audit.root, audit.timestamp, audit.snapshot, audit.targets};
    for (guint i = 0; i < G_N_ELEMENTS(files); i++)
        repo_file_free(files[i]);
    return good;
}
