/* SPDX-License-Identifier: Apache-2.0 */
/* Transfers over http and https, as every source that speaks them makes them: through the child without rights. */
#pragma once

#include "parts/source/source.h"

/* What one transfer is about. The operator's headers go to `home`'s host alone. */
typedef struct WebRequest {
    const char *home, *url;
    const char *etag, *since; /* of what we have elsewhere: 304 is an answer then; may be NULL */
    guint64 limit_bytes;
    RemoteProgress progress;
    gpointer data;
} WebRequest;

/* The operator's headers, NULL-terminated; none where the address is not at the source's own place: they may be
 * secrets. The caller frees. */
GPtrArray *web_headers(const Source *source, const char *url, const char *home, GError **error);

/* Into a new file in memory: -1 on failure; *result tells of 304 and of what the server refused. */
int web_small(const Source *source, const WebRequest *request, RemoteResult *result, GError **error);
/* All of such a file; NUL is appended. The caller frees. */
char *web_read(int fd, gsize *size, GError **error);

/* Into output_fd from its beginning. */
gboolean web_whole(const Source *source, const WebRequest *request, int output_fd, RemoteResult *result,
                   GError **error);

/* Ranges of a file of request->limit_bytes, to their own places in output_fd (SourceDriver.ranges). */
gboolean web_ranges(const Source *source, const WebRequest *request, const SourceRange *ranges, guint n_ranges,
                    int output_fd, GError **error);

/* Into output_fd, going on with a first part of it that was fetched before (place->cache tells). */
gboolean web_fetch(const Source *source, const WebRequest *request, int output_fd, GError **error);
