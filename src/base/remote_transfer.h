/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the side with rights asks of liftlock-transfer, the child without rights that runs git(1) and ssh(1). As with
 * remote.h: when a call returns, the child and all that it ran are gone.
 */
#pragma once

#include "base/remote.h"

/* How a server is reached. What is secret here travels to the child by its socket, and lies in its scratch directory
 * while it works; it is in no argument, environment or error. */
typedef struct RemoteLink {
    const char *url; /* https, http or ssh (git); sftp */
    const char *user, *host, *path;
    guint port;                   /* of ssh and sftp, taken out of the url */
    const char *key;              /* text of a private ssh key; NULL: not over ssh */
    const char *const *host_keys; /* "TYPE BASE64", NULL-terminated */
    const char *username, *token; /* of git over http; token NULL: none */
    const char *ca_file, *proxy, *no_proxy;
    const char *scratch; /* directory in which the child's scratch directory is made */
    guint64 limit_bytes; /* of any file that is written */
    RemoteProgress progress;
    gpointer progress_data;
} RemoteLink;

/* {refs: [{name, commit}...]} of those that match a git-ls-remote(1) pattern; one request. The caller frees. */
Node *remote_git_refs(const RemoteLink *link, const char *pattern, GError **error);

/* Fetches the commit that `ref` ("refs/tags/v1.0", or the commit itself) must name, nothing before it, and writes its
 * tree as a tar into output_fd. {commit, tag}: base64 of the bytes of both objects; no tag where the ref names the
 * commit itself. The caller frees. */
Node *remote_git_archive(const RemoteLink *link, const char *ref, const char *commit, int output_fd, GError **error);

/* Whether the history of `ref` holds a commit. */
gboolean remote_git_holds(const RemoteLink *link, const char *ref, const char *commit, gboolean *holds, GError **error);

typedef struct RemoteFile {
    gint64 size_bytes, mtime_s; /* -1: unknown */
    gboolean changed;           /* since it had the size and time given; only then output_fd has it */
} RemoteFile;

/* Reads link->path of an sftp server into output_fd. *file says what is known of it before, and gets what it is. */
gboolean remote_sftp(const RemoteLink *link, int output_fd, RemoteFile *file, GError **error);
