/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/release_sftp.h"

#include "base/digest.h"
#include "base/fault.h"
#include "base/fs.h"
#include "model/version.h"
#include "publish/keys.h"
#include "publish/release_index.h"
#include "publish/release_tree.h"
#include "publish/sftp_talk.h"
#include "publish/work_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SUFFIX ".tar.zst"

void release_sftp_report_clear(ReleaseSftpReport *report)
{
    char **const texts[] = {&report->app,  &report->version, &report->host,
                            &report->path, &report->sha256,  &report->public_key};
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(*texts[i]);
    *report = (ReleaseSftpReport){0};
}

typedef struct Upload {
    const ReleaseSftpOptions *options;
    ReleaseSftpReport *report;
    SftpServer server;
    SftpTalk talk;
    ReleaseTree *tree;
    MinisignSecret *secret; /* NULL: unsigned */
    int dirfd;              /* our own directory */
    char *name, *token;
    gboolean versioned;   /* a name of its own for each version: its content never changes */
    const char *files[4]; /* what goes up, the archive last; NULL-terminated */
    char *checksum_name, *signature_name;
} Upload;

static void upload_clear(Upload *upload)
{
    sftp_server_clear(&upload->server);
    release_tree_free(upload->tree);
    minisign_secret_free(upload->secret);
    if (upload->talk.directory) {
        fs_fd int root = fs_open_dir("/", NULL);
        if (root >= 0)
            fs_remove_tree(root, upload->talk.directory + 1, NULL);
    }
    fs_fd_clear(&upload->dirfd);
    char *const texts[] = {upload->talk.directory, upload->name, upload->token, upload->checksum_name,
                           upload->signature_name};
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(texts[i]);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Upload, upload_clear)

/* --- before anything is sent ------------------------------------------------------------------------------------ */

static gboolean check_wishes(const ReleaseSftpOptions *options, GError **error)
{
    if (!options->key_file == !options->is_unsigned)
        return fault_set(error, FAULT_USAGE,
                         options->key_file ? "a key was named, but also --unsigned"
                                           : "release: --key FILE is missing") ||
               fault_hint(error, "'liftlock keys generate NAME' makes one; --unsigned publishes without");
    if (options->host_key && !sftp_host_key_is_valid(options->host_key))
        return fault_set(error, FAULT_USAGE, "release: --host-key is no public key of a server") ||
               fault_hint(error,
                          "it looks like 'ssh-ed25519 AAAA...'; the server has it in /etc/ssh/ssh_host_*_key.pub");
    return keys_check_place(options->key_file, options->tree, error) &&
           keys_check_place(options->ssh_key, options->tree, error) &&
           work_tree_check(options->tree, FALSE, NULL, error);
}

static gboolean open_tree(Upload *upload, GError **error)
{
    const ReleaseSftpOptions *options = upload->options;
    upload->tree = release_tree_open(options->tree, options->app, "", error);
    if (!upload->tree)
        return FALSE;
    const Manifest *manifest = upload->tree->manifest;
    if (!version_is_ordered(options->version) || !version_is_ordered(manifest->version)
            ? strcmp(options->version, manifest->version) != 0
            : version_compare(options->version, manifest->version) != 0)
        return fault_set(error, FAULT_USAGE, "release: %s says %s, not %s", upload->tree->manifest_name,
                         manifest->version, options->version) ||
               fault_hint(error, "'liftlock release manifest %s' brings it there", options->version);
    upload->report->app = g_strdup(manifest->app);
    upload->report->version = g_strdup(manifest->version);
    return TRUE;
}

static gboolean name_files(Upload *upload, GError **error)
{
    const SftpServer *server = &upload->server;
    upload->versioned = !server->name;
    if (server->name && (!g_str_has_suffix(server->name, SUFFIX) || strlen(server->name) <= strlen(SUFFIX)))
        return fault_set(error, FAULT_USAGE, "release: '%s' is no name for an archive", server->name) ||
               fault_hint(error, "end a directory with '/', or a file's name with " SUFFIX);
    upload->name = server->name ? g_strdup(server->name)
                                : g_strdup_printf("%s-%s" SUFFIX, upload->report->app, upload->report->version);
    upload->checksum_name = g_strconcat(upload->name, ".sha256", NULL);
    upload->signature_name = g_strconcat(upload->name, ".minisig", NULL);
    guint n = 0;
    upload->files[n++] = upload->checksum_name;
    if (upload->options->key_file)
        upload->files[n++] = upload->signature_name;
    upload->files[n++] = upload->name;
    upload->token = g_strdup_printf("%08x%08x", g_random_int(), g_random_int());
    upload->report->host = g_strdup(server->address);
    upload->report->path = strcmp(server->directory, ".") == 0
                               ? g_strdup(upload->name)
                               : g_build_filename(server->directory, upload->name, NULL);
    return TRUE;
}

static gboolean make_directory(Upload *upload, GError **error)
{
    upload->talk.directory = g_dir_make_tmp("liftlock-release-XXXXXX", NULL);
    if (!upload->talk.directory)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot make a directory in %s", g_get_tmp_dir());
    if (upload->talk.directory[0] != '/') {
        char *whole = g_canonicalize_filename(upload->talk.directory, NULL);
        g_free(upload->talk.directory);
        upload->talk.directory = whole;
    }
    upload->dirfd = fs_open_dir(upload->talk.directory, error);
    return upload->dirfd >= 0;
}

static gboolean pack(Upload *upload, GError **error)
{
    ReleaseSftpReport *report = upload->report;
    fs_fd int archive = fs_open_beneath(upload->dirfd, upload->name, O_RDWR | O_CREAT | O_EXCL, 0644, error);
    if (archive < 0 || !release_tree_pack(upload->tree, upload->name, archive, error))
        return FALSE;
    guint64 size = 0;
    report->sha256 = digest_fd(archive, &size, error);
    report->size_bytes = (gint64)size;
    if (!report->sha256)
        return FALSE;
    g_autofree char *checksum = g_strdup_printf("%s  %s\n", report->sha256, upload->name);
    g_autofree char *comment = g_strdup_printf("app=%s version=%s file=%s", report->app, report->version, upload->name);
    return fs_write_atomic(upload->dirfd, upload->checksum_name, checksum, strlen(checksum), 0644, error) &&
           (!upload->secret || published_sign(upload->dirfd, upload->name, archive, upload->secret, comment, error));
}

/* --- what is there ---------------------------------------------------------------------------------------------- */

/* The digest of a file that came back from the server; NULL: it did not. */
static char *digest_of(const Upload *upload, const char *name)
{
    fs_fd int fd = fs_open_beneath(upload->dirfd, name, O_RDONLY, 0, NULL);
    return fd < 0 ? NULL : digest_fd(fd, NULL, NULL);
}

/* Whether the file at the server has exactly our bytes; `there` as it is called there. *absent: nothing came back. */
static gboolean is_same(const Upload *upload, const char *ours, const char *there, gboolean *absent, GError **error)
{
    g_autofree char *batch = g_strdup_printf("-get \"%s\" .back\n", there);
    unlinkat(upload->dirfd, ".back", 0);
    if (!sftp_say(&upload->talk, batch, NULL, error))
        return FALSE;
    g_autofree char *wanted = digest_of(upload, ours), *got = digest_of(upload, ".back");
    unlinkat(upload->dirfd, ".back", 0);
    *absent = got == NULL;
    return wanted && g_strcmp0(wanted, got) == 0;
}

static gboolean find_existing(Upload *upload, GError **error)
{
    g_autofree char *batch = g_strdup_printf("-ls -1 \"%s\"\n", upload->name), *said = NULL;
    if (!sftp_say(&upload->talk, batch, &said, error))
        return FALSE;
    g_auto(GStrv) lines = g_strsplit(said, "\n", -1);
    for (char **line = lines; *line; line++)
        upload->report->replaces |= strcmp(g_strchomp(*line), upload->name) == 0;
    return TRUE;
}

/* A name that stays is compared only where its checksum is ours already: else all of it would come for nothing. */
static gboolean look(Upload *upload, GError **error)
{
    g_autoptr(GError) local = NULL;
    gboolean absent = TRUE, sidecars = TRUE;
    if (!find_existing(upload, error))
        return FALSE;
    if (!upload->report->replaces)
        return TRUE;
    for (guint i = 0; sidecars && !local && upload->files[i + 1]; i++)
        sidecars = is_same(upload, upload->files[i], upload->files[i], &absent, &local);
    if (!local && !upload->versioned && !sidecars)
        return TRUE;
    gboolean same = !local && is_same(upload, upload->name, upload->name, &absent, &local);
    if (local) {
        g_propagate_error(error, g_steal_pointer(&local));
        return FALSE;
    }
    upload->report->nothing_to_do = same && sidecars;
    if (same || !upload->versioned)
        return TRUE;
    fault_set(error, FAULT_POLICY, "%s %s is already published with other content", upload->report->app,
              upload->report->version);
    return fault_hint(error, "raise 'version' in %s", upload->tree->manifest_name);
}

/* --- uploading -------------------------------------------------------------------------------------------------- */

static char *partial_of(const Upload *upload, const char *file)
{
    return g_strdup_printf(".%s.%s.partial", file, upload->token);
}

static gboolean remove_partials(const Upload *upload, const char *which)
{
    g_autoptr(GString) batch = g_string_new(NULL);
    for (guint i = 0; upload->files[i]; i++)
        g_string_append_printf(batch, "-rm \".%s.%s.partial\"\n", upload->files[i], which);
    return sftp_say(&upload->talk, batch->str, NULL, NULL);
}

static gboolean send(const Upload *upload, GError **error)
{
    g_autoptr(GString) batch = g_string_new(NULL);
    for (guint i = 0; upload->files[i]; i++) {
        g_autofree char *partial = partial_of(upload, upload->files[i]);
        g_string_append_printf(batch, "put -f \"%s\" \"%s\"\n", upload->files[i], partial);
    }
    if (!sftp_say(&upload->talk, batch->str, NULL, error))
        return FALSE;
    for (guint i = 0; upload->files[i]; i++) {
        g_autofree char *partial = partial_of(upload, upload->files[i]);
        g_autoptr(GError) local = NULL;
        gboolean absent;
        if (is_same(upload, upload->files[i], partial, &absent, &local))
            continue;
        return fault_set(error, FAULT_NETWORK, "%s: %s did not arrive whole: %s", upload->report->host,
                         upload->files[i], local ? local->message : "what came back is not what was sent");
    }
    return TRUE;
}

/* A new name appears when all that belongs to it is there; a name that stays changes before its checksum, so that a
 * server which refuses the rename has changed nothing. */
static gboolean put_in_place(const Upload *upload, GError **error)
{
    g_autoptr(GString) batch = g_string_new(NULL);
    guint n = g_strv_length((char **)upload->files);
    for (guint i = 0; i < n; i++) {
        const char *file = upload->files[upload->report->replaces ? n - 1 - i : i];
        g_autofree char *partial = partial_of(upload, file);
        g_string_append_printf(batch, "rename \"%s\" \"%s\"\n", partial, file);
    }
    g_autoptr(GError) local = NULL;
    if (sftp_say(&upload->talk, batch->str, NULL, &local))
        return TRUE;
    guint in_place = 0; /* the connection may have ended after all was done */
    for (guint i = 0; i < n; i++) {
        gboolean absent;
        g_autoptr(GError) silence = NULL;
        in_place += is_same(upload, upload->files[i], upload->files[i], &absent, &silence);
        if (silence)
            return fault_set(error, FAULT_NETWORK, "whether %s is in its place is not known: %s", upload->report->path,
                             local->message) ||
                   fault_hint(error, "say the same again when the server answers");
    }
    if (in_place == n)
        return TRUE;
    fault_set(error, FAULT_NETWORK, "%s could not be put in its place: %s", upload->report->path, local->message);
    return fault_hint(error, in_place ? "some of its files are; say the same again" : "what was there is as it was");
}

static gboolean transfer(const Upload *upload, GError **error)
{
    if (!send(upload, error)) {
        remove_partials(upload, upload->token);
        return fault_hint(error, upload->report->replaces ? "what is there under this name is as it was"
                                                          : "nothing appeared under this name");
    }
    if (!put_in_place(upload, error)) {
        remove_partials(upload, upload->token);
        return FALSE;
    }
    remove_partials(upload, "*"); /* what runs that were killed have left */
    return TRUE;
}

static gboolean open_key(Upload *upload, GError **error)
{
    const ReleaseSftpOptions *options = upload->options;
    if (!options->key_file)
        return TRUE;
    upload->secret = keys_open(options->key_file, options->passphrase_file, error);
    if (!upload->secret)
        return FALSE;
    MinisignPublic key;
    minisign_secret_public(upload->secret, &key);
    upload->report->public_key = minisign_public_format(&key);
    return TRUE;
}

gboolean release_sftp(const ReleaseSftpOptions *options, ReleaseSftpReport *report, GError **error)
{
    *report = (ReleaseSftpReport){0};
    g_auto(Upload) upload = {.options = options, .report = report, .dirfd = -1};
    upload.talk = (SftpTalk){.server = &upload.server, .host_key = options->host_key, .ssh_key = options->ssh_key};
    if (!sftp_server_read(options->destination, &upload.server, error) || !check_wishes(options, error) ||
        !open_tree(&upload, error) || !name_files(&upload, error) || !open_key(&upload, error) ||
        !make_directory(&upload, error) || !pack(&upload, error) || !look(&upload, error))
        return FALSE;
    return report->nothing_to_do || options->dry_run || transfer(&upload, error);
}
