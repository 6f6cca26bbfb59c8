/* SPDX-License-Identifier: Apache-2.0 */
/* Passphrases: from a file or the terminal, never from the command line or the environment. */
#pragma once

#include <glib.h>

#define PASSPHRASE_MAX 1024 /* bytes, as minisign(1) */

/* The first line of a file (or pipe) that others may not read; with file NULL asked for on the terminal, a new one
 * twice. `whose` ends what is said of it: "of a.key", "of the new key". FAULT_USAGE where there is no terminal. The
 * caller frees with passphrase_free. */
char *passphrase_read(const char *file, const char *whose, gboolean is_new, GError **error);

/* Wipes and frees; NULL is good. */
void passphrase_free(char *passphrase);
