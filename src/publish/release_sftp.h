/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `release sftp`: a tree becomes one archive on a server that is reached by sftp(1).
 *
 * Archive, checksum (NAME.sha256, as sha256sum(1) has it) and signature (NAME.minisig) are uploaded under names of
 * their own, synced where the server can, and read back; only then they take their places by rename. Who looks at the
 * server finds the old file whole or the new one. The server's host key must be pinned: by --host-key, or in the
 * known_hosts of whoever publishes; an unknown one is never taken.
 */
#pragma once

#include <glib.h>

typedef struct ReleaseSftpOptions {
    const char *destination; /* [USER@]HOST:PATH or sftp://[USER@]HOST[:PORT]/PATH; a PATH that ends in "/" is a
                                directory, else the archive's own name */
    const char *version;     /* must be the manifest's */
    const char *app;         /* NULL: as the manifest says */
    const char *tree;
    const char *key_file, *passphrase_file; /* as in ReleaseHttpOptions */
    gboolean is_unsigned;
    const char *host_key; /* "ssh-ed25519 AAAA..."; NULL: known_hosts decides */
    const char *ssh_key;  /* file; NULL: what ssh(1) would take */
    gboolean dry_run;     /* packs and looks, and uploads nothing */
} ReleaseSftpOptions;

typedef struct ReleaseSftpReport {
    char *app, *version, *host, *path, *sha256;
    char *public_key; /* NULL: unsigned */
    gint64 size_bytes;
    gboolean replaces;      /* there was something under this name */
    gboolean nothing_to_do; /* it was exactly this */
} ReleaseSftpReport;
void release_sftp_report_clear(ReleaseSftpReport *report);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ReleaseSftpReport, release_sftp_report_clear)

/* Publishes. In a directory a version that is there with other content is FAULT_POLICY. After a failure what was there
 * under the name is there; FAULT_NETWORK says so, or that nobody knows. */
gboolean release_sftp(const ReleaseSftpOptions *options, ReleaseSftpReport *report, GError **error);
