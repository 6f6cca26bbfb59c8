/* SPDX-License-Identifier: Apache-2.0 */
/* Conversations with an SFTP server, through sftp(1). */
#pragma once

#include "publish/program.h"

typedef struct SftpServer {
    char *address;   /* [USER@]HOST as sftp(1) takes it; begins with a letter, a digit or "[" */
    char *port;      /* NULL: ssh's */
    char *directory; /* at the server; "." for where one arrives */
    char *name;      /* of a file in it; NULL: none was named */
} SftpServer;
void sftp_server_clear(SftpServer *server);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SftpServer, sftp_server_clear)

/* Reads [USER@]HOST:PATH or sftp://[USER@]HOST[:PORT]/PATH. Only characters that neither ssh nor sftp reads as anything
 * else. FAULT_USAGE. */
gboolean sftp_server_read(const char *text, SftpServer *server, GError **error);

/* "ssh-ed25519 AAAA..." (a comment may follow): a line that known_hosts can hold. */
gboolean sftp_host_key_is_valid(const char *key);

typedef struct SftpTalk {
    const SftpServer *server;
    const char *host_key, *ssh_key; /* NULL: see release_sftp.h */
    char *directory;                /* here, of our own, where files come from and go to */
} SftpTalk;

/* Says the lines of a batch in the server's directory, each as sftp(1) has it; the first that fails ends it, unless it
 * begins with "-". TRUE if all went well. FAULT_NETWORK with sftp's own complaint. `output` may be NULL. */
gboolean sftp_say(const SftpTalk *talk, const char *batch, char **output, GError **error);
