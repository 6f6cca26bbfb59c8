/* SPDX-License-Identifier: Apache-2.0 */
/* The part of sandbox.c that may run between fork and exec: no allocation, no locks. */
#pragma once

#include "base/sandbox.h"

/* From here on may write only below `paths` (NULL-terminated; those that are missing grant nothing) and to the harmless
 * devices. Needs no_new_privs or rights. FALSE and errno if it is not in force. */
gboolean sandbox_restrict_writes(const char *const *paths);
