/* SPDX-License-Identifier: Apache-2.0 */
/* A publisher's signing keys: files NAME.key (secret) and NAME.pub, both as minisign(1) has them. */
#pragma once

#include "trust/minisign.h"

/* Makes NAME.key (mode 0600) and NAME.pub; NAME may end in either suffix. Neither is ever overwritten (FAULT_USAGE).
 * passphrase NULL or "": not encrypted. If it fails, neither file is there. */
gboolean keys_generate(const char *name, const char *passphrase, MinisignPublic *key, GError **error);

/* The public key of a .pub or secret key file. For an encrypted one the passphrase is asked for as in keys_open. */
gboolean keys_show(const char *path, const char *passphrase_file, MinisignPublic *key, GError **error);

/* Opens a secret key file. An encrypted one asks for its passphrase: from the first line of passphrase_file, else on
 * the terminal. A file that others may read is refused (FAULT_USAGE). */
MinisignSecret *keys_open(const char *path, const char *passphrase_file, GError **error);

/* Writes NAME.key (mode 0600) and NAME.pub with these texts; as keys_generate. */
gboolean keys_write(const char *name, const char *secret, const char *public, GError **error);

/* A key file as text; `private`: one that others may read is refused. FAULT_USAGE. The caller frees with
 * passphrase_free. */
char *keys_read(const char *path, gboolean private, GError **error);

/* Whoever publishes the key with the release has no key any more: FAULT_USAGE if the file lies in what is published.
 * Either may be NULL. */
gboolean keys_check_place(const char *key_file, const char *published, GError **error);
