/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures of tags and commits, judged by ssh-keygen(1) and gpgv(1), which run without rights and without network. */
#pragma once

#include <glib.h>

/* Checks that the object was signed by one of the operator's keys: `allowed_signers` as ssh-keygen(1) describes it,
 * `keyring` as 'gpg --export' writes it; either may be NULL. `what` is what errors call the object. FAULT_VERIFY. */
gboolean git_signature_verify(const char *bytes, gsize size, const char *what, const char *allowed_signers,
                              const char *keyring, GError **error);
