/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `release http`: a tree becomes a release that any static web server can serve.
 *
 * Below OUT: APP-VERSION.tar.zst, .tar.zst.sha256, .tar.zst.minisig, .yaml or .json (the manifest, so that a plan costs
 * no download), and releases.json with releases.json.minisig. The files of a release are there, whole and durable,
 * before the index names them. Index and signature are two files and cannot be replaced in one step: a client that
 * reads the one before and the other after finds that the signature does not fit, and asks again (engine/catalog.c does
 * so once). If we are killed in between, the next run finishes the step before anything else.
 */
#pragma once

#include <glib.h>

typedef struct ReleaseHttpOptions {
    const char *out;                  /* made if missing */
    const char *key_file;             /* secret key; NULL only together with is_unsigned */
    const char *passphrase_file;      /* see keys_open */
    gboolean is_unsigned;             /* an index without signature: for trust level checksum */
    const char *app;                  /* NULL: as the manifest says */
    const char *tree;                 /* what to publish (not for withdraw) */
    const char *channel;              /* NULL: stable; a pre-release needs one, and not stable */
    const char *changelog, *severity; /* NULL: the manifest's, none */
    gboolean dry_run;                 /* looks at tree and key, and writes nothing */
} ReleaseHttpOptions;

typedef struct ReleaseHttpReport {
    char *app, *version, *archive, *sha256;
    char *channel; /* NULL: no channel names it, as the channel has a higher version already, or for a withdrawal */
    char *public_key, *key_id; /* NULL: unsigned */
    gint64 size_bytes, index;
    gboolean nothing_to_do; /* all of it was published already */
} ReleaseHttpReport;
void release_http_report_clear(ReleaseHttpReport *report);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ReleaseHttpReport, release_http_report_clear)

/* Whether it may be the name of a channel. */
gboolean release_channel_is_valid(const char *channel);

/* Publishes. A version that is listed with other bytes, or was withdrawn, is FAULT_POLICY; another publisher at work in
 * OUT FAULT_BUSY; an index that was not signed with this key FAULT_VERIFY. After a failure the index is as it was. */
gboolean release_http(const ReleaseHttpOptions *options, ReleaseHttpReport *report, GError **error);

/* Marks a published version as withdrawn; its files stay. reason may be NULL. FAULT_ABSENT if it is not listed. */
gboolean release_http_withdraw(const ReleaseHttpOptions *options, const char *version, const char *reason,
                               ReleaseHttpReport *report, GError **error);
