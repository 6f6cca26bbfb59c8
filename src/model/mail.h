/* SPDX-License-Identifier: Apache-2.0 */
/* [notify.NAME] of type mail: what its keys may say. */
#pragma once

#include "model/config.h"

extern const char *const mail_encryption_names[]; /* starttls tls none */

/* What is wrong with the keys for mail, also where another type has them, or NULL; *key gets which one (NULL: one is
 * missing). The caller frees. */
char *mail_config_problem(const NotifyConfig *notify, const char **key);

/* "HOST:PORT", with the port that belongs to the encryption where none is said. The caller frees. */
char *mail_server(const NotifyConfig *notify);
