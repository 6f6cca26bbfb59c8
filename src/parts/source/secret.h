/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets of sources, by reference: a file of the operator's, or a name in the systemd credential store. */
#pragma once

#include "model/place.h"

/* "/PATH": a file that nobody else may read or change. "credential:NAME": the first of credstore/NAME below /run and
 * /etc, else /etc/credstore.encrypted/NAME through systemd-creds(1). At most `limit` bytes; NUL is appended. The caller
 * wipes and frees (secret_free). FAULT_CONFIG, in words that never repeat a byte of it. */
char *secret_read(const Place *place, const char *reference, gsize limit, gsize *size, GError **error);
void secret_free(char *secret); /* wipes it first */

/* One line of text without the white space around it: a token. */
char *secret_line(const Place *place, const char *reference, GError **error);

/* A private key for ssh(1): not of RSA, and without a passphrase, which nobody would be there to type. */
char *secret_ssh_key(const Place *place, const char *reference, GError **error);
