/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/sftp_talk.h"

#include "base/fault.h"
#include "base/fs.h"
#include "base/shown.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define TALK_LIMIT_S (4 * 60 * 60) /* a large archive over a slow line; a silent server ends it far earlier */
#define ALIAS "liftlock-pinned"    /* what the pinned key's server is called in our own known_hosts */

void sftp_server_clear(SftpServer *server)
{
    g_free(server->address);
    g_free(server->port);
    g_free(server->directory);
    g_free(server->name);
    *server = (SftpServer){0};
}

/* --- addresses -------------------------------------------------------------------------------------------------- */

static gboolean is_made_of(const char *text, gsize size, const char *others)
{
    for (gsize i = 0; i < size; i++)
        if (!g_ascii_isalnum(text[i]) && !strchr(others, text[i]))
            return FALSE;
    return size > 0;
}

/* [USER@]HOST, where HOST may be an IPv6 address in brackets. */
static gboolean is_address(const char *text, gsize size)
{
    const char *at = memchr(text, '@', size);
    const char *host = at ? at + 1 : text;
    gsize host_size = size - (gsize)(host - text);
    if (at && (text[0] == '-' || !is_made_of(text, (gsize)(at - text), "._-")))
        return FALSE;
    if (host_size > 2 && host[0] == '[')
        return host[host_size - 1] == ']' && is_made_of(host + 1, host_size - 2, ":.");
    return host_size > 0 && g_ascii_isalnum(host[0]) && is_made_of(host, host_size, "._-");
}

static gboolean set_path(SftpServer *server, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    if (*path && (!is_made_of(path, strlen(path), "._/+@=,:%~ -") || *path == '-' || *path == '~'))
        return FALSE;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || *name == '-')
        return FALSE;
    server->name = *name ? g_strdup(name) : NULL;
    server->directory = !slash ? g_strdup(".") : slash == path ? g_strdup("/") : g_strndup(path, slash - path);
    return TRUE;
}

/* Where the address ends: at the ":" of HOST:PATH behind all brackets, at the "/" of a URL. */
static const char *address_end(const char *text, gboolean url)
{
    const char *closing = strchr(text, ']');
    const char *slash = strchr(text, '/');
    if (url)
        return slash;
    const char *colon = strchr(closing && (!slash || closing < slash) ? closing : text, ':');
    return colon && (!slash || colon < slash) ? colon : NULL;
}

gboolean sftp_server_read(const char *text, SftpServer *server, GError **error)
{
    gboolean url = g_str_has_prefix(text, "sftp://");
    const char *start = url ? text + strlen("sftp://") : text, *end = address_end(start, url);
    const char *address_stop = end;
    *server = (SftpServer){0};
    if (end && url) {
        const char *colon = g_strrstr_len(start, end - start, ":");
        if (colon && !memchr(colon, ']', (gsize)(end - colon))) {
            server->port = g_strndup(colon + 1, end - colon - 1);
            address_stop = colon;
        }
    }
    gboolean good = end && is_address(start, (gsize)(address_stop - start));
    if (good && server->port)
        good = strlen(server->port) <= 5 && is_made_of(server->port, strlen(server->port), "") &&
               strspn(server->port, "0123456789") == strlen(server->port);
    if (good && set_path(server, url ? end : end + 1)) {
        server->address = g_strndup(start, address_stop - start);
        return TRUE;
    }
    g_autofree char *shown = shown_text(text);
    fault_set(error, FAULT_USAGE, "release: '%s' is no place that sftp could reach", shown);
    return fault_hint(error, "it is USER@HOST:DIRECTORY/ or sftp://USER@HOST:PORT/DIRECTORY/");
}

gboolean sftp_host_key_is_valid(const char *key)
{
    g_auto(GStrv) words = g_strsplit(key, " ", 3);
    return words[0] && words[1] && is_made_of(words[0], strlen(words[0]), "@.-") &&
           is_made_of(words[1], strlen(words[1]), "+/=") && strlen(words[1]) > 16 && !strpbrk(key, "\r\n");
}

/* --- talking ---------------------------------------------------------------------------------------------------- */

static gboolean write_file(const SftpTalk *talk, const char *name, const char *text, GError **error)
{
    fs_fd int dirfd = fs_open_dir(talk->directory, error);
    return dirfd >= 0 && fs_write_atomic(dirfd, name, text, strlen(text), 0600, error);
}

static void add_option(GPtrArray *argv, const char *option)
{
    g_ptr_array_add(argv, g_strdup("-o"));
    g_ptr_array_add(argv, g_strdup(option));
}

/* sftp(1)'s arguments: no key of a host is ever learnt, and a silent server is given up after a minute. */
static GPtrArray *arguments(const SftpTalk *talk)
{
    static const char *const always[] = {"StrictHostKeyChecking=yes", "UpdateHostKeys=no",      "VerifyHostKeyDNS=no",
                                         "ConnectTimeout=20",         "ServerAliveInterval=15", "ServerAliveCountMax=4",
                                         "ForwardAgent=no",           "ClearAllForwardings=yes"};
    GPtrArray *argv = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(argv, g_strdup("sftp"));
    g_ptr_array_add(argv, g_strdup("-b"));
    g_ptr_array_add(argv, g_strdup(".batch"));
    for (guint i = 0; i < G_N_ELEMENTS(always); i++)
        add_option(argv, always[i]);
    if (talk->host_key) {
        add_option(argv, "UserKnownHostsFile=.known"); /* where sftp runs: in our own directory */
        add_option(argv, "GlobalKnownHostsFile=/dev/null");
        add_option(argv, "HostKeyAlias=" ALIAS);
    }
    char real[PATH_MAX];
    if (talk->ssh_key) {
        add_option(argv, "IdentitiesOnly=yes");
        g_ptr_array_add(argv, g_strdup("-i"));
        g_ptr_array_add(argv, g_strdup(realpath(talk->ssh_key, real) ? real : talk->ssh_key));
    }
    if (talk->server->port) {
        g_ptr_array_add(argv, g_strdup("-P"));
        g_ptr_array_add(argv, g_strdup(talk->server->port));
    }
    g_ptr_array_add(argv, g_strdup("--"));
    g_ptr_array_add(argv, g_strdup(talk->server->address));
    g_ptr_array_add(argv, NULL);
    return argv;
}

gboolean sftp_say(const SftpTalk *talk, const char *batch, char **output, GError **error)
{
    g_autofree char *known = talk->host_key ? g_strdup_printf(ALIAS " %s\n", talk->host_key) : NULL;
    g_autofree char *whole = g_strdup_printf("cd \"%s\"\n%s", talk->server->directory, batch);
    if ((known && !write_file(talk, ".known", known, error)) || !write_file(talk, ".batch", whole, error))
        return FALSE;
    g_autoptr(GPtrArray) argv = arguments(talk);
    g_auto(ProgramAnswer) answer = {0};
    if (!program_run((const char *const *)argv->pdata, talk->directory, TALK_LIMIT_S, &answer, error))
        return FALSE;
    if (output)
        *output = g_steal_pointer(&answer.output);
    return answer.status == 0 || fault_set(error, FAULT_NETWORK, "%s: %s", talk->server->address, answer.complaint);
}
