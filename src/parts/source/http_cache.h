/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What http keeps below place->cache, all of it only to save transfers: a file that is missing, damaged or cannot be
 * written costs a download, never more.
 *
 *   index.json, index.etag    the last index, and "SHA256 ETAG URL" of it
 *   part-SHA256.etag          the ETag of a first part that the caller keeps, by the SHA-256 of its URL
 */
#pragma once

#include "model/place.h"

/* The cached index of `url` with its ETag (both for the caller to free), if it is whole. */
gboolean http_cache_index(const Place *place, const char *url, gsize limit, char **content, gsize *size, char **etag);
void http_cache_keep_index(const Place *place, const char *url, const char *content, gsize size, const char *etag);

/* The ETag of a first part; NULL if none is known. The caller frees. */
char *http_cache_part(const Place *place, const char *url);
void http_cache_keep_part(const Place *place, const char *url, const char *etag); /* NULL: forget */
