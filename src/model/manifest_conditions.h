/* SPDX-License-Identifier: Apache-2.0 */
/* What a manifest says about when it is for a host: conditionals, rollout, and what programs must be there. */
#pragma once

#include "model/manifest.h"

#define CONDITIONALS_MAX 50
#define STAGES_MAX 50

/* Reads the expressions and checks what needs more than one key. FAULT_MANIFEST; of an expression: the place of its
 * text, then "character N". */
gboolean manifest_read_conditions(Manifest *manifest, const char *name, GError **error);
void manifest_clear_conditions(Manifest *manifest);
