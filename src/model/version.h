/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Versions: SemVer 2.0 section 11 after an optional "v", any number of numeric fields, missing ones count as 0; a
 * part after "-" makes a pre-release; build metadata after "+" is ignored. At most 64 of [0-9A-Za-z.+_-].
 */
#pragma once

#include <glib.h>

#define VERSION_MAX 64

gboolean version_is_valid(const char *text); /* allowed characters and length, no leading "." or "-", and not ending in
                                                ".partial" or ".pending": safe as a file name */
gboolean version_is_ordered(const char *text); /* also has the numeric form that can be compared */
gboolean version_is_prerelease(const char *text);
int version_compare(const char *a, const char *b); /* <0, 0, >0; both valid; of any length of digits; forms without
                                                      order compare bytewise after those with one */

typedef enum { VERSION_MAJOR, VERSION_MINOR, VERSION_PATCH, VERSION_N_PARTS } VersionPart;
extern const char *const version_part_names[]; /* "major", "minor", "patch", NULL */

/* The next version, without "v" and build metadata: 1.2.3 becomes 2.0.0, 1.3.0 or 1.2.4, and 1.3.0-rc.1 becomes 1.3.0
 * where that is higher in the part asked for. Fields that miss are written as far as the part. NULL: the version has no
 * order, or the next one would be too long. The caller frees. */
char *version_bump(const char *version, VersionPart part);

/* A range: comparisons joined by "," or space, all must hold: ">=2.0.0 <3", "=1.4", "1.4" (equal), ">1,!=1.5". Only "="
 * and
 * "!=" hold for versions without order. Pre-releases count by their order alone: 3.0.0-rc.1 is "<3". */
gboolean version_range_is_valid(const char *range);
gboolean version_matches(const char *version, const char *range);

/* The first version in what a program says of itself, without "v" and what follows its digits: "2.39.5" of "git version
 * 2.39.5", "15.5" of "psql (PostgreSQL) 15.5 (Debian 15.5-0+deb12u1)". A word of digits and points goes before a bare
 * number ("less 590"). NULL: there is none. The caller frees. */
char *version_find(const char *text);

/* A commit of a branch as a release: "1.4.0+g0123456789ab", so that the next commit of the same version is another one;
 * and the version that the release calls itself. The caller frees. */
char *version_with_commit(const char *version, const char *commit);
char *version_without_commit(const char *version);
