/* SPDX-License-Identifier: Apache-2.0 */
/*
 * liftlock's TUF client with the command line of theupdateframework/tuf-conformance (CLIENT-CLI.md):
 *
 *     tuf-client --metadata-dir D init ROOT
 *     tuf-client --metadata-dir D --metadata-url U refresh
 *     tuf-client --metadata-dir D --metadata-url U --target-name T... --target-dir X --target-base-url B download
 *
 * Everything goes the way that it goes in liftlock: the network and the taking apart of files in children without
 * rights, which lie beside this program. Exit code 0, or 1 for any failure.
 */
#include "base/fault.h"
#include "base/fs.h"
#include "trust/tuf_names.h"
#include "trust/tuf_remote.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NAME_MAX_BYTES 200

typedef struct Options {
    char *metadata_dir, *metadata_url, *target_dir, *target_base_url;
    char **target_names;
    char **words;
    gint stall_ms, total_ms;
} Options;

static gboolean init(const Options *options, int dirfd, GError **error)
{
    g_autofree char *bytes = NULL;
    gsize size = 0;
    return g_file_get_contents(options->words[1], &bytes, &size, error) && tuf_client_pin(dirfd, bytes, size, error);
}

/* The name of a target's file: the quoted path, or its hash where that is no name for a file. The caller frees. */
static char *file_name(const TufFile *target)
{
    g_autofree char *quoted = tuf_quote(target->name, FALSE);
    if (strlen(quoted) > NAME_MAX_BYTES || quoted[0] == '.')
        return g_compute_checksum_for_string(G_CHECKSUM_SHA256, target->name, -1);
    return g_steal_pointer(&quoted);
}

/* Nothing that is not verified ever has a name in the directory. */
static gboolean put_in_place(int dirfd, int fd, const char *name, GError **error)
{
    g_autofree char *from = g_strdup_printf("/proc/self/fd/%d", fd),
                    *aside = g_strdup_printf(".%ld.verified", (long)getpid());
    if (fsync(fd) == 0 && linkat(AT_FDCWD, from, dirfd, aside, AT_SYMLINK_FOLLOW) == 0 &&
        renameat(dirfd, aside, dirfd, name) == 0)
        return fs_sync_dir(dirfd, error);
    int code = errno;
    unlinkat(dirfd, aside, 0);
    return fault_errno(error, FAULT_SYSTEM, code, "cannot write '%s'", name);
}

static gboolean download_one(const Options *options, TufClient *client, const TufRemote *remote, const char *path,
                             GError **error)
{
    const TufFile *target = tuf_client_find(client, path, error);
    fs_fd int dirfd = target ? fs_open_dir(options->target_dir, error) : -1;
    if (dirfd < 0)
        return FALSE;
    g_autofree char *name = file_name(target);
    fs_fd int known = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (known >= 0 && tuf_file_check_fd(target, known, name, NULL))
        return TRUE;
    fs_fd int fd = openat(dirfd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0644);
    if (fd < 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot write '%s'", name);
    return tuf_remote_target(remote, target, tuf_client_trusted(client, TUF_ROOT)->consistent_snapshot, fd, 0, NULL,
                             NULL, error) &&
           put_in_place(dirfd, fd, name, error);
}

static gboolean update(const Options *options, int dirfd, gboolean download, GError **error)
{
    g_autoptr(RemoteSession) session = remote_session_open(error);
    if (!session)
        return FALSE;
    TufRemote remote = {.metadata_url = options->metadata_url,
                        .targets_url = options->target_base_url,
                        .stall_timeout_ms = options->stall_ms,
                        .total_timeout_ms = options->total_ms,
                        .session = session};
    TufNet net = tuf_remote_net(&remote);
    g_autoptr(TufClient) client = tuf_client_open(dirfd, &net, (gint64)time(NULL), error);
    gboolean good = client && tuf_client_refresh(client, error);
    for (char **name = options->target_names; good && download && name && *name; name++)
        good = download_one(options, client, &remote, *name, error);
    return good;
}

static gboolean run(const Options *options, GError **error)
{
    guint n_words = options->words ? g_strv_length(options->words) : 0;
    const char *verb = n_words ? options->words[0] : "";
    gboolean is_init = g_str_equal(verb, "init"), is_download = g_str_equal(verb, "download");
    if (!options->metadata_dir || n_words != (is_init ? 2 : 1) ||
        (!is_init && !is_download && !g_str_equal(verb, "refresh")) || (!is_init && !options->metadata_url) ||
        (is_download && (!options->target_dir || !options->target_base_url || !options->target_names)))
        return fault_set(error, FAULT_USAGE, "usage: see the head of tests/tuf-client/tuf_client.c");
    fs_fd int dirfd = fs_open_dir(options->metadata_dir, error);
    if (dirfd < 0)
        return FALSE;
    return is_init ? init(options, dirfd, error) : update(options, dirfd, is_download, error);
}

int main(int argc, char **argv)
{
    Options options = {.metadata_dir = NULL};
    const GOptionEntry entries[] = {
        {"metadata-dir", 0, 0, G_OPTION_ARG_FILENAME, &options.metadata_dir, NULL, NULL},
        {"metadata-url", 0, 0, G_OPTION_ARG_STRING, &options.metadata_url, NULL, NULL},
        {"target-name", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options.target_names, NULL, NULL},
        {"target-dir", 0, 0, G_OPTION_ARG_FILENAME, &options.target_dir, NULL, NULL},
        {"target-base-url", 0, 0, G_OPTION_ARG_STRING, &options.target_base_url, NULL, NULL},
        {"stall-ms", 0, 0, G_OPTION_ARG_INT, &options.stall_ms, "for our own tests", NULL},
        {"total-ms", 0, 0, G_OPTION_ARG_INT, &options.total_ms, "for our own tests", NULL},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options.words, NULL, NULL},
        {NULL},
    };
    g_autoptr(GError) error = NULL;
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_option_context_add_main_entries(context, entries, NULL);
    gboolean good = g_option_context_parse(context, &argc, &argv, &error) && run(&options, &error);
    if (!good)
        fprintf(stderr, "tuf-client: %s\n", error->message);
    g_free(options.metadata_dir);
    g_free(options.metadata_url);
    g_free(options.target_dir);
    g_free(options.target_base_url);
    g_strfreev(options.target_names);
    g_strfreev(options.words);
    return good ? 0 : 1;
}
