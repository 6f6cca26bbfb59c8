/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/catalog.h"

#include "base/digest.h"
#include "base/fault.h"
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SIGNATURE_LIMIT_BYTES 16384

Catalog *catalog_open(const AppConfig *config, const HostConfig *host, const Place *place, GError **error)
{
    if (config->trust.level == TRUST_NONE && !host->allow_trust_none) {
        fault_set(error, FAULT_CONFIG, "%s: this host does not allow trust level 'none'", config->name);
        fault_hint(error, "if you mean it, set allow_trust_none = true in liftlock.toml");
        return NULL;
    }
    g_autoptr(Catalog) catalog = g_new0(Catalog, 1);
    catalog->config = config;
    catalog->host = host;
    catalog->place = place;
    if (config->trust.level == TRUST_MINISIGN && !minisign_public_parse(config->trust.key, &catalog->key, error))
        return NULL;
    catalog->source = source_open(config, host, place, error);
    return catalog->source ? g_steal_pointer(&catalog) : NULL;
}

void catalog_free(Catalog *catalog)
{
    if (!catalog)
        return;
    source_free(catalog->source);
    release_index_free(catalog->index);
    g_free(catalog);
}

static const char *base_name(const char *url)
{
    const char *slash = strrchr(url, '/');
    return slash ? slash + 1 : url;
}

static char *read_all(int fd, gsize limit, gsize *size, const char *name, GError **error)
{
    g_autofree char *bytes = g_malloc(limit + 1);
    ssize_t got = pread(fd, bytes, limit + 1, 0);
    if (got < 0 || (gsize)got > limit) {
        fault_set(error, FAULT_VERIFY, "%s: more than %zu bytes", name, limit);
        return NULL;
    }
    bytes[got] = '\0';
    *size = (gsize)got;
    return g_steal_pointer(&bytes);
}

/* The index's signature binds app and number; the number may only rise, or an old index could hide a fix. */
static gboolean index_verify(Catalog *catalog, const SourceBytes *index, const SourceBytes *signature, gint64 *number,
                             GError **error)
{
    if (signature->fd < 0) {
        fault_set(error, FAULT_VERIFY, "%s: there is no signature beside it", index->name);
        return fault_hint(error, "the publisher signs it with 'liftlock release http --key'");
    }
    gsize size;
    g_autofree char *text = read_all(signature->fd, SIGNATURE_LIMIT_BYTES, &size, signature->name, error);
    g_autofree char *comment = NULL;
    if (!text || !minisign_verify(&catalog->key, index->fd, index->name, text, size, &comment, error))
        return FALSE;
    const char *const pairs[] = {"app", catalog->config->name, "index", NULL, NULL};
    g_autofree char *any = NULL;
    if (!minisign_comment_check(comment, index->name, pairs, &any, error))
        return FALSE;
    char *end;
    errno = 0;
    *number = g_ascii_strtoll(any, &end, 10);
    if (*end || errno || *number < 1)
        return fault_set(error, FAULT_VERIFY, "%s: the signed index number '%s' is not a whole number", index->name,
                         any);
    return TRUE;
}

static gboolean index_is_new_enough(Catalog *catalog, Journal *journal, const char *name, gint64 number, GError **error)
{
    if (!journal)
        return TRUE;
    g_autoptr(AppRecord) app = journal_app(journal, catalog->config->name, NULL);
    if (app && number < app->index_seen) {
        fault_set(error, FAULT_VERIFY,
                  "%s: index %" G_GINT64_FORMAT " is older than %" G_GINT64_FORMAT ", which was seen before", name,
                  number, app->index_seen);
        return fault_hint(
            error, "the source or somebody between serves old files; if the publisher began anew, reinstall the app");
    }
    return TRUE;
}

/* An index that is made of verified metadata is in our own writing, and needs no child to be read. */
static Node *index_parse(const Catalog *catalog, const SourceBytes *index, GError **error)
{
    const char *name = base_name(index->name);
    off_t length = lseek(index->fd, 0, SEEK_END);
    if (catalog->config->trust.level != TRUST_TUF)
        return remote_parse(DOCUMENT_JSON, index->fd, name, FAULT_SOURCE, error);
    gsize size = 0;
    g_autofree char *text = read_all(index->fd, (gsize)MAX(length, 0), &size, index->name, error);
    return text ? document_parse(DOCUMENT_JSON, text, size, name, FAULT_SOURCE, error) : NULL;
}

static gboolean refresh_once(Catalog *catalog, Journal *journal, GError **error)
{
    gboolean is_signed = catalog->config->trust.level == TRUST_MINISIGN && !catalog->source->driver->makes_index;
    SourceBytes index = {.fd = -1}, signature = {.fd = -1};
    gint64 number = 0;
    g_autoptr(Node) document = NULL;
    gboolean good = source_index(catalog->source, is_signed, &index, &signature, error) &&
                    (!is_signed || (index_verify(catalog, &index, &signature, &number, error) &&
                                    index_is_new_enough(catalog, journal, index.name, number, error)));
    if (good)
        document = index_parse(catalog, &index, error);
    if (document) {
        g_clear_pointer(&catalog->index, release_index_free);
        catalog->index = release_index_read(g_steal_pointer(&document), base_name(index.name), error);
    }
    if (catalog->index && g_strcmp0(catalog->index->app, catalog->config->name) != 0 && catalog->index->app) {
        fault_set(error, FAULT_VERIFY, "%s: this is the index of '%s', not of '%s'", index.name, catalog->index->app,
                  catalog->config->name);
        g_clear_pointer(&catalog->index, release_index_free);
    }
    source_bytes_clear(&index);
    source_bytes_clear(&signature);
    if (!good || !catalog->index)
        return FALSE;
    if (is_signed && journal)
        return journal_index_seen(journal, catalog->config->name, number, error);
    return TRUE;
}

gboolean catalog_refresh(Catalog *catalog, Journal *journal, GError **error)
{
    g_clear_pointer(&catalog->index, release_index_free);
    g_autoptr(GError) first = NULL;
    if (refresh_once(catalog, journal, &first))
        return TRUE;
    /* A publisher replaces index and signature one after the other; a client that falls into the gap looks again. */
    if (g_error_matches(first, FAULT, FAULT_VERIFY) && catalog->config->trust.level == TRUST_MINISIGN &&
        !catalog->source->driver->makes_index)
        return refresh_once(catalog, journal, error);
    g_propagate_error(error, g_steal_pointer(&first));
    return FALSE;
}

/* --- the archive ------------------------------------------------------------------------------------------------- */

static char *cache_name(const ArchiveWanted *wanted)
{
    g_autofree char *of_url = wanted->sha256 ? NULL : digest_bytes(wanted->url, strlen(wanted->url));
    return g_strconcat("archive-", wanted->sha256 ? wanted->sha256 : of_url, NULL);
}

guint64 catalog_cached(const Place *place, const ArchiveWanted *wanted)
{
    g_autofree char *name = cache_name(wanted);
    g_autofree char *path = g_build_filename(place->cache, name, NULL);
    struct stat st;
    return stat(path, &st) == 0 ? (guint64)st.st_size : 0;
}

static int cache_open(const Place *place, const char *name, GError **error)
{
    if (!fs_make_path(place->cache, 0700, error))
        return -1;
    fs_fd int dir = fs_open_dir(place->cache, error);
    return dir < 0 ? -1 : fs_open_beneath(dir, name, O_RDWR | O_CREAT, 0600, error);
}

static gboolean digest_check(const ArchiveWanted *wanted, const char *digest, GError **error)
{
    if (!wanted->sha256 || strcmp(wanted->sha256, digest) == 0)
        return TRUE;
    fault_set(error, FAULT_VERIFY, "%s: the digest is %s, the index says %s", base_name(wanted->url), digest,
              wanted->sha256);
    return fault_hint(error, "the file at the source is not the one that was published; nothing of it was used");
}

static gboolean archive_signature_check(Catalog *catalog, const ArchiveWanted *wanted, int fd, GError **error)
{
    if (catalog->config->trust.level != TRUST_MINISIGN)
        return TRUE;
    fs_fd int signature_fd = memfd_create("signature", MFD_CLOEXEC);
    if (signature_fd < 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot make room for a signature");
    if (!source_fetch(catalog->source, wanted->signature_url, SIGNATURE_LIMIT_BYTES, signature_fd, NULL, NULL, error))
        return FALSE;
    const char *name = base_name(wanted->url);
    gsize size;
    g_autofree char *text = read_all(signature_fd, SIGNATURE_LIMIT_BYTES, &size, name, error);
    g_autofree char *comment = NULL;
    if (!text || !minisign_verify(&catalog->key, fd, name, text, size, &comment, error))
        return FALSE;
    const char *const pairs[] = {"app", catalog->config->name, "version", wanted->version, "file", name, NULL};
    return minisign_comment_check(comment, name, pairs, NULL, error);
}

static guint64 archive_limit(const Catalog *catalog, const ArchiveWanted *wanted)
{
    guint64 limit = (guint64)catalog->host->max_release_bytes;
    return wanted->size_bytes > 0 ? MIN((guint64)wanted->size_bytes, limit) : limit;
}

/* From the cache or the source, with the digest that is wanted: `fd` is its file of the cache. */
static gboolean get_file(Catalog *catalog, const ArchiveWanted *wanted, int fd, RemoteProgress progress, gpointer data,
                         char **sha256, GError **error)
{
    guint64 size = 0;
    g_autofree char *digest = wanted->sha256 ? digest_fd(fd, &size, error) : g_strdup("");
    if (!digest)
        return FALSE;
    if (!wanted->sha256 || strcmp(digest, wanted->sha256) != 0) {
        if (wanted->size_bytes > 0 && size >= (guint64)wanted->size_bytes && ftruncate(fd, 0) != 0)
            return fault_errno(error, FAULT_SYSTEM, errno, "cannot empty what was fetched of %s",
                               base_name(wanted->url));
        if (!source_fetch(catalog->source, wanted->url, archive_limit(catalog, wanted), fd, progress, data, error))
            return FALSE;
        g_free(digest);
        digest = digest_fd(fd, &size, error);
        if (!digest)
            return FALSE;
    }
    *sha256 = g_steal_pointer(&digest);
    return TRUE;
}

/* What failed verification is not kept: the next try must not build on it. */
static void cache_empty(const Catalog *catalog, const char *name, int fd, GError **error)
{
    if (ftruncate(fd, 0) != 0)
        fault_hint(error, "empty %s/%s by hand", catalog->place->cache, name);
}

int catalog_archive(Catalog *catalog, const ArchiveWanted *wanted, RemoteProgress progress, gpointer data,
                    char **sha256, GError **error)
{
    if (!wanted->sha256 && catalog->config->trust.level != TRUST_NONE) {
        fault_set(error, FAULT_VERIFY, "%s %s: the index gives no digest for it", catalog->config->name,
                  wanted->version);
        return -1;
    }
    g_autofree char *name = cache_name(wanted), *digest = NULL;
    fs_fd int fd = cache_open(catalog->place, name, error);
    if (fd < 0 || !get_file(catalog, wanted, fd, progress, data, &digest, error))
        return -1;
    gboolean as_listed = digest_check(wanted, digest, error);
    if (!as_listed || !archive_signature_check(catalog, wanted, fd, error)) {
        /* What the index names by its digest is good; a signature that is wrong, or not to be had, is another file's
         * fault. */
        if (!(as_listed && wanted->sha256))
            cache_empty(catalog, name, fd, error);
        return -1;
    }
    if (sha256)
        *sha256 = g_steal_pointer(&digest);
    return fs_fd_steal(&fd);
}

int catalog_file(Catalog *catalog, const PlanFile *file, RemoteProgress progress, gpointer data, GError **error)
{
    const ArchiveWanted wanted = {.url = file->url, .sha256 = file->sha256, .size_bytes = file->bytes};
    g_autofree char *name = cache_name(&wanted), *digest = NULL;
    fs_fd int fd = cache_open(catalog->place, name, error);
    if (fd < 0 || !get_file(catalog, &wanted, fd, progress, data, &digest, error))
        return -1;
    if (digest_check(&wanted, digest, error))
        return fs_fd_steal(&fd);
    cache_empty(catalog, name, fd, error);
    return -1;
}

int catalog_part(const Catalog *catalog, const PlanFile *file, GError **error)
{
    const ArchiveWanted wanted = {.sha256 = file->sha256};
    g_autofree char *name = cache_name(&wanted);
    return cache_open(catalog->place, name, error);
}

void catalog_cache_prune(const Place *place, const char *keep)
{
    g_autofree char *kept = keep ? g_strconcat("archive-", keep, NULL) : NULL;
    g_autoptr(GDir) dir = g_dir_open(place->cache, 0, NULL);
    const char *name;
    while (dir && (name = g_dir_read_name(dir)))
        if ((g_str_has_prefix(name, "archive-") && g_strcmp0(name, kept) != 0) || g_str_has_prefix(name, "part-")) {
            g_autofree char *path = g_build_filename(place->cache, name, NULL);
            unlink(path);
        }
}

gboolean catalog_pin(Catalog *catalog, const Release *release, RemoteProgress progress, gpointer data, GError **error)
{
    const SourceDriver *driver = catalog->source->driver;
    if (release->sha256 || !driver->pin)
        return TRUE;
    guint place = 0;
    g_autofree char *url = source_resolve(catalog->source, release->url, error);
    if (!url || !g_ptr_array_find(catalog->index->releases, release, &place))
        return FALSE;
    Release *own = catalog->index->releases->pdata[place];
    return driver->pin(catalog->source, url, progress, data, &own->sha256, &own->size_bytes, error);
}

/* --- the manifest ------------------------------------------------------------------------------------------------ */

static DocumentLanguage language_of(const char *name)
{
    return g_str_has_suffix(name, ".json") ? DOCUMENT_JSON : DOCUMENT_YAML;
}

/* `rollout` (may be NULL) goes before the manifest's own: a publisher widens it without making the release anew. */
static Manifest *manifest_rolled_out(int fd, const char *name, const Node *rollout, char **records, GError **error)
{
    g_autoptr(Node) document = remote_parse(language_of(name), fd, name, FAULT_MANIFEST, error);
    if (!document)
        return NULL;
    if (records)
        *records = node_to_records(document);
    if (rollout && document->kind == NODE_MAP)
        node_set(document, "rollout", node_copy(rollout));
    return manifest_read(g_steal_pointer(&document), name, error);
}

Manifest *manifest_from_fd(int fd, const char *name, char **records, GError **error)
{
    return manifest_rolled_out(fd, name, NULL, records, error);
}

Manifest *manifest_from_records(const char *records, GError **error)
{
    Node *document = node_from_records(records, strlen(records), error);
    return document ? manifest_read(document, "manifest", error) : NULL;
}

static int bytes_to_fd(const char *bytes, gsize size, GError **error)
{
    fs_fd int fd = memfd_create("manifest", MFD_CLOEXEC);
    if (fd < 0 || pwrite(fd, bytes, size, 0) != (ssize_t)size) {
        fault_errno(error, FAULT_SYSTEM, errno, "cannot make room for a manifest");
        return -1;
    }
    return fs_fd_steal(&fd);
}

static int manifest_beside(Catalog *catalog, const Release *release, GError **error)
{
    g_autofree char *url = source_resolve(catalog->source, release->manifest, error);
    fs_fd int fd = url ? memfd_create("manifest", MFD_CLOEXEC) : -1;
    if (fd < 0 || !source_fetch(catalog->source, url, DOCUMENT_MAX_BYTES, fd, NULL, NULL, error))
        return -1;
    g_autofree char *digest = digest_fd(fd, NULL, error);
    if (!digest)
        return -1;
    if (g_strcmp0(digest, release->manifest_sha256) != 0) {
        fault_set(error, FAULT_VERIFY, "%s: the digest is %s, the index says %s", base_name(url), digest,
                  release->manifest_sha256);
        return -1;
    }
    return fs_fd_steal(&fd);
}

static const char *const *names_of(const AppConfig *config, const char *own[2])
{
    own[0] = config->app.manifest;
    return config->app.manifest ? own : manifest_names;
}

static int manifest_inside(Catalog *catalog, const Release *release, RemoteProgress progress, gpointer data,
                           char **name, GError **error)
{
    g_autofree char *url = source_resolve(catalog->source, release->url, error);
    g_autofree char *reference =
        release->signature ? g_strdup(release->signature) : g_strconcat(release->url, ".minisig", NULL);
    g_autofree char *signature_url = url ? source_resolve(catalog->source, reference, error) : NULL;
    if (!signature_url)
        return -1;
    ArchiveWanted wanted = {release->version, url, signature_url, release->sha256, release->size_bytes};
    fs_fd int archive = catalog_archive(catalog, &wanted, progress, data, NULL, error);
    if (archive < 0)
        return -1;
    const char *own[2] = {NULL, NULL};
    gsize size;
    g_autoptr(GError) local = NULL;
    g_autofree char *bytes =
        remote_read_member(archive, base_name(url), names_of(catalog->config, own), name, &size, &local);
    if (bytes)
        return bytes_to_fd(bytes, size, error);
    if (g_error_matches(local, FAULT, FAULT_ABSENT)) /* the publisher forgot it; the caller named nothing wrong */
        local->code = FAULT_MANIFEST;
    g_propagate_error(error, g_steal_pointer(&local));
    return -1;
}

Manifest *catalog_manifest(Catalog *catalog, const Release *release, RemoteProgress progress, gpointer data,
                           char **records, char **digest, GError **error)
{
    g_autofree char *name = NULL;
    gboolean beside = release->manifest && release->manifest_sha256;
    fs_fd int fd = beside ? manifest_beside(catalog, release, error)
                          : manifest_inside(catalog, release, progress, data, &name, error);
    if (fd < 0)
        return NULL;
    if (digest && !(*digest = digest_fd(fd, NULL, error)))
        return NULL;
    return manifest_rolled_out(fd, beside ? base_name(release->manifest) : name, release->rollout, records, error);
}
