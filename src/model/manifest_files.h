/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of layout `files` in a manifest: by glob, by directory, and what of them contradicts itself. */
#pragma once

#include "model/manifest.h"

#define FILE_RULES_MAX 10000

/* Rows of one entry of `files` and of `directories`, for the reference. */
extern const Key file_rule_keys[], directory_rule_keys[];

/* Fills file_rules and directory_rules from the nodes, and checks them with cleanup and privileged_files: patterns are
 * good ones, keys have a meaning for their action, and no rule contradicts another. FAULT_MANIFEST. */
gboolean manifest_read_files(Manifest *manifest, const char *name, GError **error);
void manifest_clear_files(Manifest *manifest);
