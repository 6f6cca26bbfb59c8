/* SPDX-License-Identifier: Apache-2.0 */
/* What people may be shown of text that came from elsewhere: nothing that a terminal obeys, nothing secret, no novel.
 */
#pragma once

#include <glib.h>

/* Valid UTF-8 of printable characters; other bytes become \xNN, and what is longer than `limit` bytes ends in "...".
 * The caller frees. */
char *shown_bytes(const char *bytes, gsize size, gsize limit);
char *shown_text(const char *text);

/* An address without credentials, query and fragment, at most 200 bytes. The caller frees. */
char *shown_url(const char *url);

/* An address with "(secret)" for its user and password: a token stands in either. The bare user of ssh and sftp is
 * none. The caller frees. */
char *shown_address(const char *url);
