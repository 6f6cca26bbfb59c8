/* SPDX-License-Identifier: Apache-2.0 */
/* Names of roles and targets: as file names and addresses, and which delegation is responsible for which. */
#pragma once

#include "trust/tuf_metadata.h"

/* NULL if it may be the path of a target: relative, no part empty, "." or "..", no backslash, no control character, at
 * most 1024 bytes of UTF-8. Else what is wrong with it, a static text that goes on from the path. */
const char *tuf_path_problem(const char *path);

/* Every byte but A-Za-z0-9_.-~ as %XX; with `slashes`, those stay as well. The caller frees. */
char *tuf_quote(const char *text, gboolean slashes);

/* The name of a role's file, quoted: "..%2Fx" of "../x", without ".json". NULL if it could not be one. The caller
 * frees. */
char *tuf_role_quoted(const char *role);

/* Where a target lies below the address of targets: with consistent snapshots, "DIR/HASH.NAME". Quoted. The caller
 * frees. NULL: none of its hashes is known to us. */
char *tuf_target_address(const TufFile *target, gboolean consistent_snapshot);

/* Whether a pattern (section 4.5: "*" and "?" within one part) matches. Takes time in proportion to both, whatever they
 * are. */
gboolean tuf_pattern_matches(const char *pattern, const char *path);

/* Whether a delegation speaks for a path, `digest` being the hexadecimal SHA-256 of the path. */
gboolean tuf_role_covers(const TufRole *role, const char *path, const char *digest);

/* The role of a succinct delegation that speaks for a path (TAP 15). The caller frees. */
char *tuf_succinct_role(const TufMetadata *targets, const char *digest);
