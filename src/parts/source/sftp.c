/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One archive at an SFTP server. It is a new release when its size, its time or the digest beside it changes; which one
 * it is says its manifest, or with trust level minisign its signature.
 */
#include "base/fault.h"
#include "base/fs.h"
#include "base/remote_transfer.h"
#include "base/shown.h"
#include "parts/source/checksum.h"
#include "parts/source/kept.h"
#include "parts/source/link.h"
#include "parts/source/source_inner.h"

#include <string.h>
#include <unistd.h>

static const Key sftp_keys[] = {
    {"url", KEY_TEXT, .summary = "address of the archive, sftp://USER@HOST:PORT/PATH", .required = TRUE},
    {"key_file", KEY_TEXT, .summary = "file with our private ssh key; or credential:NAME", .required = TRUE},
    {"host_key", KEY_TEXTS, .summary = "the server's public ssh keys", .required = TRUE},
    {"sha256", KEY_TEXT, .summary = "digest of the one archive that is taken"},
    {"checksum_path", KEY_ABSOLUTE, .summary = "file at the server with the archive's SHA-256"},
    {0},
};

static gboolean sftp_open(Source *source, GError **error)
{
    g_auto(SshAddress) address = {.port = 0};
    if (source->config->source.url && ssh_address_parse(source->config->source.url, &address) && address.user)
        return TRUE;
    return fault_set(error, FAULT_CONFIG, "%s: a source of type 'sftp' needs an address such as sftp://user@host/path",
                     source->config->name);
}

/* Reads the file at `path` of the server. */
static gboolean read_file(const Source *source, const char *path, guint64 limit_bytes, int output_fd, RemoteFile *file,
                          RemoteProgress progress, gpointer data, GError **error)
{
    g_auto(Link) link = {.remote = {.url = NULL}};
    if (!link_open(&link, source, error))
        return FALSE;
    link.remote.path = path;
    link.remote.limit_bytes = limit_bytes;
    link.remote.progress = progress;
    link.remote.progress_data = data;
    return remote_sftp(&link.remote, output_fd, file, error);
}

/* The digest that the archive must have; NULL: none is known. */
static gboolean find_checksum(const Source *source, char **sha256, GError **error)
{
    const char *path = source->config->source.checksum_path;
    *sha256 = g_strdup(source->config->source.sha256);
    if (!path)
        return TRUE;
    fs_fd int fd = source_memory("checksum", error);
    RemoteFile file = {.size_bytes = -1, .mtime_s = -1};
    if (fd < 0 || !read_file(source, path, CHECKSUM_MAX, fd, &file, NULL, NULL, error))
        return FALSE;
    g_autofree char *name = g_path_get_basename(source->config->source.url);
    g_autofree char *shown = g_path_get_basename(path);
    *sha256 = checksum_read(fd, shown, name, error);
    return *sha256 != NULL;
}

static gint64 note_number(GKeyFile *notes, const char *key)
{
    g_autofree char *text = kept_note(notes, key);
    return text ? g_ascii_strtoll(text, NULL, 10) : -1;
}

static void set_number(GKeyFile *notes, const char *key, gint64 number)
{
    g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, number);
    kept_set_note(notes, key, text);
}

/* A new archive: fetched, verified as far as anything speaks for it, and named. */
static gboolean take(Source *source, GKeyFile *notes, int fd, const char *expected, GError **error)
{
    g_autofree char *name = g_path_get_basename(source->config->source.url), *version = NULL;
    gint64 size = 0;
    if (!checksum_fits(fd, name, expected, error))
        return FALSE;
    if (source->config->trust.level == TRUST_MINISIGN) {
        g_autofree char *signature = g_strconcat(source->config->source.url, SOURCE_SIGNATURE_SUFFIX, NULL);
        version = kept_signed_version(source, fd, name, signature, error);
    } else {
        version = kept_version(source, fd, name, error);
    }
    g_autofree char *digest = version ? kept_finish(source, fd, &size, error) : NULL;
    if (!digest)
        return FALSE;
    kept_set_note(notes, "version", version);
    kept_set_note(notes, "sha256", digest);
    return TRUE;
}

static gboolean look(Source *source, GKeyFile *notes, GError **error)
{
    g_autofree char *expected = NULL, *known = kept_note(notes, "sha256");
    g_auto(SshAddress) address = {.port = 0};
    if (!find_checksum(source, &expected, error))
        return FALSE;
    gboolean same = known && expected && strcmp(known, expected) == 0;
    if (same && source->config->source.checksum_path)
        return TRUE; /* the file beside it says that nothing changed */
    RemoteFile file = {.size_bytes = known ? note_number(notes, "size") : -1,
                       .mtime_s = known ? note_number(notes, "mtime") : -1};
    fs_fd int fd = kept_begin(source, error);
    if (fd < 0 || !ssh_address_parse(source->config->source.url, &address) ||
        !read_file(source, address.path, (guint64)source->host->max_release_bytes, fd, &file, NULL, NULL, error))
        return FALSE;
    if (!file.changed && known && (!expected || same))
        return TRUE;
    if (!file.changed)
        return checksum_fits(fd, address.path, expected, error);
    if (!take(source, notes, fd, expected, error))
        return FALSE;
    set_number(notes, "size", file.size_bytes);
    set_number(notes, "mtime", file.mtime_s);
    return TRUE;
}

static gboolean sftp_index(Source *source, gboolean with_signature, SourceBytes *index, SourceBytes *signature,
                           GError **error)
{
    g_autoptr(GKeyFile) notes = kept_notes(source);
    g_autoptr(Listing) listing = listing_new(source, error);
    if (!listing || !look(source, notes, error))
        return FALSE;
    g_autofree char *name = g_path_get_basename(source->config->source.url);
    g_autofree char *version = kept_note(notes, "version"), *sha256 = kept_note(notes, "sha256");
    g_autofree char *content = g_strconcat("sha256 ", sha256, NULL);
    Listed listed = {.version = version,
                     .url = name,
                     .sha256 = sha256,
                     .content = content,
                     .size_bytes = MAX(note_number(notes, "size"), 0)};
    if (!listing_add(listing, &listed, error))
        return FALSE;
    kept_save_notes(source, notes);
    return listing_fill(listing, index, error);
}

static gboolean sftp_fetch(Source *source, const char *url, guint64 limit_bytes, int output_fd, RemoteProgress progress,
                           gpointer data, GError **error)
{
    g_auto(SshAddress) address = {.port = 0};
    RemoteFile file = {.size_bytes = -1, .mtime_s = -1};
    if (!ssh_address_parse(url, &address))
        return fault_set(error, FAULT_SOURCE, "%s is no address of an sftp server", url);
    return read_file(source, address.path, limit_bytes, output_fd, &file, progress, data, error);
}

/* A file beside the archive. */
static char *sftp_resolve(Source *source, const char *reference, GError **error)
{
    const char *url = source->config->source.url;
    if (*reference && !strchr(reference, '/') && strcmp(reference, "..") != 0 && strcmp(reference, ".") != 0)
        return g_strdup_printf("%.*s/%s", (int)(strrchr(url, '/') - url), url, reference);
    fault_set(error, FAULT_SOURCE, "%s names no file beside the archive", reference);
    return NULL;
}

const SourceDriver source_sftp = {
    .name = "sftp",
    .summary = "one archive at an SFTP server",
    .keys = sftp_keys,
    .makes_index = TRUE,
    .open = sftp_open,
    .index = sftp_index,
    .fetch = sftp_fetch,
    .resolve = sftp_resolve,
};
