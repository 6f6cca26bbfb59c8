/* SPDX-License-Identifier: Apache-2.0 */
/* Digests beside an archive, as sha256sum(1) writes them. */
#pragma once

#include <glib.h>

#define CHECKSUM_MAX (64 * 1024) /* bytes of such a file */

/* The digest of the file `name` in a text of "DIGEST  NAME" lines; a text of one digest alone will do. The caller
 * frees. FAULT_SOURCE; `shown` is what errors call the text. */
char *checksum_parse(const char *text, const char *shown, const char *name, GError **error);
char *checksum_read(int fd, const char *shown, const char *name, GError **error);

/* Whether the content of fd has that digest (NULL: any). FAULT_VERIFY. */
gboolean checksum_fits(int fd, const char *name, const char *sha256, GError **error);
