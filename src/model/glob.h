/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns for paths, as manifests write them: relative, parts joined by "/". "*" is any run of characters within a
 * part (also none, also a leading dot), "?" one character, "[a-z]" and "[!a-z]" one of a set; "**" alone between
 * slashes is any number of parts, also none. "dir/" and "dir/ ** /" do not exist; "dir/ **" (without the blank) is all
 * that lies below dir. Matching takes time in proportion to pattern times path, whatever the pattern.
 */
#pragma once

#include <glib.h>

#define GLOB_MAX 1024 /* bytes of a pattern */

/* NULL: a good pattern. Else what is wrong with it, a static text that goes on from the pattern: "must not begin with
 * '/'". */
const char *glob_problem(const char *pattern);

/* Whether a relative path of the same form matches. The pattern must be a good one. Any bytes are fine in the path. */
gboolean glob_matches(const char *pattern, const char *path);

/* Whether everything that `narrow` could match is matched by `wide` as well. Sound, not complete: FALSE may mean that
 * only a cleverer look would see it ("[ab]*" covers "a*", but "[ab]" does not say that it covers "[a]"). */
gboolean glob_covers(const char *wide, const char *narrow);

gboolean glob_is_literal(const char *pattern); /* it can match only itself */

/* Bytes of the longest beginning that is literal and ends at a slash: 7 of "config/a*.toml", 0 of "*.py", the whole of
 * a literal pattern. All that the pattern matches begins so. */
gsize glob_directory_length(const char *pattern);
