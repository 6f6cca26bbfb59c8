/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the side with rights asks of the children without rights.
 *
 * liftlock-fetch does all that touches the network (download, HTTP probes, webhooks, mail); liftlock-parse reads the
 * documents that came from there (indexes, manifests, signed metadata), liftlock-unpack the archives, and writes those
 * of publishers. Each is an executable of its own next to ours (or in libexec), started per request, as the system user
 * "liftlock" when we are root, with no_new_privs and Landlock. Requests and answers are records (document.h) over a
 * socket pair; files travel as descriptors. When a call returns, its child is gone and has been reaped: only then may
 * the caller hash or use the file.
 */
#pragma once

#include "base/document.h"
#include "base/envelope.h"
#include "base/ranges.h"

typedef void (*RemoteProgress)(guint64 done, guint64 total, gpointer data);

typedef struct RemoteFetch {
    const char *url;
    const char *const *headers;
    const char *etag;           /* of what output_fd holds (resume) or of what we have elsewhere (conditional) */
    const char *modified_since; /* of what we have elsewhere: Last-Modified as the server gave it; NULL */
    guint64 resume_from;
    guint64 limit_bytes;
    gint64 stall_timeout_ms, total_timeout_ms;
    gboolean no_redirects;        /* a 3xx is a failure like any other status */
    const char *ca_file;          /* PEM certificates that replace the system's; NULL */
    const char *proxy, *no_proxy; /* as https_proxy and no_proxy elsewhere; the environment is never asked */
    RemoteProgress progress;
    gpointer progress_data;
} RemoteFetch;

typedef struct RemoteResult {
    int status; /* HTTP status; 304: not modified, output untouched */
    char *etag, *last_modified;
    guint64 size_bytes;
    gboolean resumed;
} RemoteResult;
void remote_result_clear(RemoteResult *result);

/* Downloads into output_fd. Statuses other than 200, 206 and 304 are FAULT_SOURCE: "fetch URL: HTTP 404". On
 * FAULT_NETWORK, *result holds etag and size of what came: with both, the next call resumes. result->etag is set as
 * soon as it is known (`progress` may look). Other texts: http_perform. */
gboolean remote_fetch(const RemoteFetch *fetch, int output_fd, RemoteResult *result, GError **error);

/* Writes the ranges (ranges_are_sound) of a file to their own places in output_fd, and touches nothing else of it: in
 * one call to the child, over connections that are kept, several requests at a time. Of `fetch` count neither etag,
 * modified_since, resume_from nor limit_bytes: never is more written than the ranges hold. `progress` is told one sum
 * of all. A server that knows no ranges sends the whole file, of which the same is taken. What came before a failure
 * stays. Texts beyond those of remote_fetch, all FAULT_SOURCE:
 *   "fetch URL: it has N bytes, and not M"                        file_bytes is M
 *   "fetch URL: it changed while parts of it were fetched"
 *   "fetch URL: asked for the bytes N to M, got others"
 *   "fetch URL: these are no parts of a file of M bytes"          nothing was asked */
gboolean remote_fetch_ranges(const RemoteFetch *fetch, const ByteRange *ranges, guint n_ranges, guint64 file_bytes,
                             int output_fd, RemoteResult *result, GError **error);

typedef struct RemoteUser {
    uid_t uid;
    gid_t gid;
} RemoteUser;

typedef struct RemoteRequest {
    const char *method, *url, *unix_socket, *body, *content_type;
    const char *const *headers;
    const RemoteUser *as; /* when we are root: who may connect to the socket; a child of his asks (remote_request) */
    gint64 timeout_ms;
    guint64 limit_bytes;                    /* of the answer; 0: 64 KiB, 1 MiB at most */
    const char *ca_file, *proxy, *no_proxy; /* as in RemoteFetch */
} RemoteRequest;

/* One request whose answer is small: probes and webhooks. Any status is success; no redirect is followed. *body (may be
 * NULL) gets the answer as UTF-8, wrong bytes and NUL replaced; the caller frees. timeout_ms 0: 30 s. */
gboolean remote_request(const RemoteRequest *request, int *status, char **body, GError **error);

/* The same to one child that stays for many requests: where a probe is asked again and again. A child that died is
 * replaced at the next request. */
typedef struct RemoteSession RemoteSession;
RemoteSession *remote_session_open(GError **error);
gboolean remote_session_request(RemoteSession *session, const RemoteRequest *request, int *status, char **body,
                                GError **error);
void remote_session_close(RemoteSession *session);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RemoteSession, remote_session_close)

/* A download by the session's child, which stays and may still write: what came counts only once it has been copied to
 * where the child cannot reach it. The connection is kept for the next one; redirects are not followed. */
gboolean remote_session_fetch(RemoteSession *session, const RemoteFetch *fetch, int output_fd, RemoteResult *result,
                              GError **error);

typedef struct RemoteMail {
    const char *server; /* "HOST:PORT" */
    gboolean tls, starttls;
    const char *user, *password, *from;
    const char *const *to;
    const char *text, *ca_file;
    gint64 timeout_ms;
} RemoteMail;

/* Sends one mail; see mail_perform. */
gboolean remote_mail(const RemoteMail *mail, GError **error);

/* Parses a document from bytes that came from elsewhere, in the child. Read from offset 0, whatever fd's own is. */
Node *remote_parse(DocumentLanguage language, int fd, const char *name, int fault_code, GError **error);

/* Takes a signed document apart in the child: nothing of it has been parsed here (envelope.h). The caller frees. */
Envelope *remote_envelope(const char *bytes, gsize size, const char *name, int fault_code, GError **error);

typedef struct RemoteLimits {
    guint64 bytes, entries, file_bytes;
    gboolean host; /* see ArchiveLimits */
} RemoteLimits;

/* Unpacks an archive into `dirfd` (empty; the child gets it as its only writable place; when we are root it must
 * belong to the child's user: see remote_child_user). */
gboolean remote_unpack(int archive_fd, const char *name, int dirfd, const RemoteLimits *limits, RemoteProgress progress,
                       gpointer data, GError **error);

/* One small file out of an archive; see archive_read_file. */
char *remote_read_member(int archive_fd, const char *name, const char *const *paths, char **found, gsize *size,
                         GError **error);

/* Writes an archive of a tree (publishers). */
gboolean remote_pack(int tree_dirfd, const char *name, int output_fd, gint64 mtime_s, const char *const *exclude,
                     GError **error);

/* The name that git gives the tree in an archive: 40 hexadecimal digits, 64 if `wide`. The caller frees. */
char *remote_git_tree(int archive_fd, const char *name, gboolean wide, GError **error);

/* The user that the children run as: our own without rights, "liftlock" when we are root (FAULT_CONFIG with the
 * command that makes it, if it does not exist). */
gboolean remote_child_user(uid_t *uid, gid_t *gid, GError **error);
