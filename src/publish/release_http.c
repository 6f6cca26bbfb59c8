/* SPDX-License-Identifier: Apache-2.0 */
/* Publishing onto a static web server. */
#include "publish/release_http.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/fault.h"
#include "base/fs.h"
#include "model/version.h"
#include "publish/keys.h"
#include "publish/release_index.h"
#include "publish/release_tree.h"
#include "publish/work_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

void release_http_report_clear(ReleaseHttpReport *report)
{
    char **const texts[] = {&report->app,     &report->version,    &report->archive, &report->sha256,
                            &report->channel, &report->public_key, &report->key_id};
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(*texts[i]);
    *report = (ReleaseHttpReport){0};
}

/* --- before anything is written ----------------------------------------------------------------------------- */

static MinisignSecret *open_key(const ReleaseHttpOptions *options, ReleaseHttpReport *report, GError **error)
{
    if (!options->key_file || options->is_unsigned)
        return NULL;
    MinisignSecret *secret = keys_open(options->key_file, options->passphrase_file, error);
    if (!secret)
        return NULL;
    MinisignPublic key;
    minisign_secret_public(secret, &key);
    report->public_key = minisign_public_format(&key);
    report->key_id = minisign_key_id(&key);
    return secret;
}

static gboolean check_key_wish(const ReleaseHttpOptions *options, GError **error)
{
    if (!options->key_file && !options->is_unsigned)
        return fault_set(error, FAULT_USAGE, "no key to sign with") ||
               fault_hint(error, "name one with --key FILE ('liftlock keys generate' makes it), or ask for --unsigned");
    if (options->key_file && options->is_unsigned)
        return fault_set(error, FAULT_USAGE, "a key was named, but also --unsigned");
    return TRUE;
}

static gboolean check_key_place(const ReleaseHttpOptions *options, GError **error)
{
    return keys_check_place(options->key_file, options->tree, error) &&
           keys_check_place(options->key_file, options->out, error);
}

/* What runs that were killed have left: with the lock in hand, nobody else is writing these. */
static void sweep(int out)
{
    static const char *const leftovers[] = {".liftlock-*.tmp", ".*.tar.zst.partial"};
    int again = openat(out, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = again < 0 ? NULL : fdopendir(again);
    for (const struct dirent *entry; dir && (entry = readdir(dir));)
        for (guint i = 0; i < G_N_ELEMENTS(leftovers); i++)
            if (fnmatch(leftovers[i], entry->d_name, 0) == 0)
                unlinkat(out, entry->d_name, 0);
    if (dir)
        closedir(dir);
    else
        fs_fd_clear(&again);
}

/* The directory, locked against other publishers for as long as it is open. */
static int open_out(const char *out, gboolean make, GError **error)
{
    if (make && !fs_make_path(out, 0755, error))
        return -1;
    fs_fd int dir = fs_open_dir(out, error);
    if (dir < 0)
        return -1;
    if (flock(dir, LOCK_EX | LOCK_NB) < 0) {
        fault_set(error, FAULT_BUSY, "somebody else is publishing into %s", out);
        return -1;
    }
    sweep(dir);
    return fs_fd_steal(&dir);
}

gboolean release_channel_is_valid(const char *channel)
{
    gsize size = strspn(channel, G_CSET_a_2_z G_CSET_DIGITS "_-");
    return size > 0 && size <= 32 && channel[size] == '\0' && g_ascii_isalnum(*channel);
}

static const char *choose_channel(const ReleaseHttpOptions *options, const Manifest *manifest, GError **error)
{
    const char *channel = options->channel ? options->channel : "stable";
    if (!release_channel_is_valid(channel)) {
        g_autofree char *quoted = schema_quote(channel);
        fault_set(error, FAULT_USAGE, "a channel is at most 32 of a-z, 0-9, '_' and '-', not %s", quoted);
        return NULL;
    }
    if (version_is_prerelease(manifest->version) && strcmp(channel, "stable") == 0) {
        fault_set(error, FAULT_USAGE, "%s %s is a pre-release and cannot go to the channel 'stable'", manifest->app,
                  manifest->version);
        fault_hint(error, "name a channel for it: --channel beta");
        return NULL;
    }
    return channel;
}

/* --- the files of a release --------------------------------------------------------------------------------- */

typedef struct Publication {
    const ReleaseHttpOptions *options;
    ReleaseHttpReport *report;
    const ReleaseTree *tree;
    const MinisignSecret *secret; /* NULL: unsigned */
    int out;
    char *partial;  /* the archive until it is whole */
    char *manifest; /* its file's name */
    int archive;
} Publication;

static gboolean pack(Publication *publication, GError **error)
{
    ReleaseHttpReport *report = publication->report;
    publication->archive =
        fs_open_beneath(publication->out, publication->partial, O_RDWR | O_CREAT | O_TRUNC, 0644, error);
    if (publication->archive < 0 || !release_tree_pack(publication->tree, report->archive, publication->archive, error))
        return FALSE;
    guint64 size = 0;
    if (fchmod(publication->archive, 0644) < 0 || fsync(publication->archive) < 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot write %s", report->archive);
    report->sha256 = digest_fd(publication->archive, &size, error);
    report->size_bytes = (gint64)size;
    return report->sha256 != NULL;
}

/* All that the index will name, whole and durable. The archive comes last: where it is, the rest is. */
static gboolean put_files(const Publication *publication, GError **error)
{
    const ReleaseHttpReport *report = publication->report;
    const ReleaseTree *tree = publication->tree;
    g_autofree char *checksum_name = g_strconcat(report->archive, ".sha256", NULL);
    g_autofree char *checksum = g_strdup_printf("%s  %s\n", report->sha256, report->archive);
    g_autofree char *comment =
        g_strdup_printf("app=%s version=%s file=%s", report->app, report->version, report->archive);
    return fs_write_atomic(publication->out, checksum_name, checksum, strlen(checksum), 0644, error) &&
           fs_write_atomic(publication->out, publication->manifest, tree->manifest_bytes, tree->manifest_size, 0644,
                           error) &&
           (!publication->secret || published_sign(publication->out, report->archive, publication->archive,
                                                   publication->secret, comment, error)) &&
           fs_rename(publication->out, publication->partial, publication->out, report->archive, error);
}

static void set_if(Node *map, const char *key, const char *value)
{
    if (value)
        node_set_text(map, key, value);
}

static Node *describe(const Publication *publication)
{
    const ReleaseHttpReport *report = publication->report;
    const ReleaseTree *tree = publication->tree;
    const ReleaseHttpOptions *options = publication->options;
    g_autofree char *now = clock_format(clock_now_s()),
                    *manifest_sha256 = digest_bytes(tree->manifest_bytes, tree->manifest_size);
    g_autofree char *signature = publication->secret ? g_strconcat(report->archive, ".minisig", NULL) : NULL;
    Node *release = node_new_map();
    node_set_text(release, "version", report->version);
    node_set_text(release, "released", tree->manifest->released ? tree->manifest->released : now);
    node_set_text(release, "url", report->archive);
    node_set_text(release, "sha256", report->sha256);
    node_set_int(release, "size", report->size_bytes);
    set_if(release, "signature", signature);
    node_set_text(release, "manifest", publication->manifest);
    node_set_text(release, "manifest_sha256", manifest_sha256);
    node_set_int(release, "unpacked_size", tree->bytes);
    node_set_int(release, "unpacked_entries", tree->entries);
    set_if(release, "changelog", options->changelog ? options->changelog : tree->manifest->changelog);
    set_if(release, "severity", options->severity);
    set_if(release, "description", tree->manifest->description);
    return release;
}

/* --- the index ---------------------------------------------------------------------------------------------- */

/* Bytes that were published under a version are what it is, for ever. */
static gboolean check_listed(const Publication *publication, const Release *listed, GError **error)
{
    const ReleaseHttpReport *report = publication->report;
    gboolean same = g_strcmp0(listed->sha256, report->sha256) == 0;
    if (same && !listed->withdrawn)
        return TRUE;
    fault_set(error, FAULT_POLICY, same ? "%s %s was withdrawn" : "%s %s is already published with other content",
              report->app, report->version);
    return fault_hint(error, "raise 'version' in %s", publication->tree->manifest_name);
}

/* Whether the channel should name this version: a fix of an older line does not take the channel back. */
static gboolean channel_moves(const PublishedIndex *published, const char *channel, const char *version)
{
    const Node *channels = node_get(published->document, "channels");
    const char *now = node_get_text(channels, channel, NULL);
    if (!now && strcmp(channel, "stable") == 0)
        now = node_get_text(published->document, "latest_stable", NULL);
    const Release *named = now && published->index ? release_index_find(published->index, now) : NULL;
    if (!named || named->withdrawn || !version_is_ordered(now) || !version_is_ordered(version))
        return g_strcmp0(now, version) != 0;
    return version_compare(version, now) > 0;
}

static void set_channel(PublishedIndex *published, const char *channel, const char *version)
{
    Node *channels = (Node *)node_get(published->document, "channels");
    if (!channels) {
        channels = node_new_map();
        node_set(published->document, "channels", channels);
    }
    node_set_text(channels, channel, version);
    if (strcmp(channel, "stable") == 0 && node_get(published->document, "latest_stable"))
        node_set_text(published->document, "latest_stable", version);
}

/* The release that no reader could tell from this version by its order: builds of one version are one release here. */
static const Release *listed_as(const PublishedIndex *published, const char *version)
{
    for (guint i = 0; published->index && i < published->index->releases->len; i++) {
        const Release *release = published->index->releases->pdata[i];
        if (version_compare(release->version, version) == 0)
            return release;
    }
    return NULL;
}

static gboolean publish(Publication *publication, PublishedIndex *published, const char *channel, GError **error)
{
    ReleaseHttpReport *report = publication->report;
    const Release *listed = listed_as(published, report->version);
    if (listed && !check_listed(publication, listed, error))
        return FALSE;
    const char *version = listed ? listed->version : report->version;
    gboolean moves = channel_moves(published, channel, version);
    report->nothing_to_do = listed && !moves;
    if (moves || g_strcmp0(node_get_text(node_get(published->document, "channels"), channel, NULL), version) == 0)
        report->channel = g_strdup(channel);
    report->index = node_get_int(published->document, "index", 0);
    if (report->nothing_to_do)
        return put_files(publication, error);
    if (moves)
        set_channel(published, channel, version);
    if (!listed)
        published_index_add(published, describe(publication));
    return published_index_number(published, &report->index, error) && put_files(publication, error) &&
           published_index_replace(published, publication->out, publication->secret, error);
}

static void name_files(Publication *publication)
{
    ReleaseHttpReport *report = publication->report;
    const Manifest *manifest = publication->tree->manifest;
    const char *suffix = strrchr(publication->tree->manifest_name, '.');
    report->app = g_strdup(manifest->app);
    report->version = g_strdup(manifest->version);
    report->archive = g_strdup_printf("%s-%s.tar.zst", manifest->app, manifest->version);
    publication->partial = g_strdup_printf(".%s.partial", report->archive);
    publication->manifest = g_strdup_printf("%s-%s%s", manifest->app, manifest->version, suffix);
}

static gboolean run(Publication *publication, const char *channel, GError **error)
{
    g_autoptr(PublishedIndex) published =
        published_index_open(publication->out, publication->report->app, publication->secret, error);
    return published && pack(publication, error) && publish(publication, published, channel, error);
}

gboolean release_http(const ReleaseHttpOptions *options, ReleaseHttpReport *report, GError **error)
{
    *report = (ReleaseHttpReport){0};
    if (!check_key_wish(options, error))
        return FALSE;
    if (!work_tree_check(options->tree, FALSE, options->out, error))
        return FALSE;
    fs_fd int out = options->dry_run ? -1 : open_out(options->out, TRUE, error);
    gboolean ready = out >= 0 || options->dry_run;
    g_autoptr(ReleaseTree) tree = ready ? release_tree_open(options->tree, options->app, options->out, error) : NULL;
    const char *channel = tree ? choose_channel(options, tree->manifest, error) : NULL;
    if (!channel || !check_key_place(options, error))
        return FALSE;
    g_autoptr(MinisignSecret) secret = open_key(options, report, error);
    if (!secret && !options->is_unsigned)
        return FALSE;
    Publication publication = {
        .options = options, .report = report, .tree = tree, .secret = secret, .out = out, .archive = -1};
    name_files(&publication);
    gboolean good = options->dry_run || run(&publication, channel, error);
    fs_fd_clear(&publication.archive);
    if (out >= 0)
        unlinkat(out, publication.partial, 0);
    g_free(publication.partial);
    g_free(publication.manifest);
    return good;
}

/* --- withdrawing -------------------------------------------------------------------------------------------- */

/* Whose index it is stands in the index itself; published_index_open holds the signature against it. */
static char *app_of(int out, GError **error)
{
    gsize size;
    g_autofree char *bytes = fs_read(out, "releases.json", DOCUMENT_MAX_BYTES, &size, error);
    g_autoptr(Node) document =
        bytes ? document_parse(DOCUMENT_JSON, bytes, size, "releases.json", FAULT_SOURCE, error) : NULL;
    return document ? g_strdup(node_get_text(document, "app", "")) : NULL;
}

static gboolean withdraw(PublishedIndex *published, const MinisignSecret *secret, int out, const char *version,
                         const char *reason, ReleaseHttpReport *report, GError **error)
{
    Node *release = published_index_release(published, version);
    if (!release)
        return fault_set(error, FAULT_ABSENT, "%s %s is not published here", report->app, version);
    report->version = g_strdup(node_get_text(release, "version", ""));
    report->index = node_get_int(published->document, "index", 0);
    const char *before = node_get_text(release, "withdrawn_reason", NULL);
    report->nothing_to_do = node_get_bool(release, "withdrawn", FALSE) && (!reason || g_strcmp0(before, reason) == 0);
    if (report->nothing_to_do)
        return TRUE;
    node_set_bool(release, "withdrawn", TRUE);
    set_if(release, "withdrawn_reason", reason);
    return published_index_number(published, &report->index, error) &&
           published_index_replace(published, out, secret, error);
}

gboolean release_http_withdraw(const ReleaseHttpOptions *options, const char *version, const char *reason,
                               ReleaseHttpReport *report, GError **error)
{
    *report = (ReleaseHttpReport){0};
    if (!check_key_wish(options, error) || !check_key_place(options, error))
        return FALSE;
    fs_fd int out = open_out(options->out, FALSE, error);
    if (out < 0 || !(report->app = app_of(out, error)))
        return FALSE;
    g_autoptr(MinisignSecret) secret = open_key(options, report, error);
    if (!secret && !options->is_unsigned)
        return FALSE;
    g_autoptr(PublishedIndex) published = published_index_open(out, report->app, secret, error);
    return published && withdraw(published, secret, out, version, reason, report, error);
}
