/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects of git (gitformat-*(5)), as far as trust in a release hangs on them: a signed tag names a commit, a commit
 * names a tree, and each name is the digest of what it names. Bytes alone; nothing is run here.
 */
#pragma once

#include <glib.h>

/* The name of an object: 40 hexadecimal digits (SHA-1), or 64 (SHA-256) if `wide`. `type`: commit, tag, blob. The
 * caller frees. */
char *git_object_name(const char *type, const void *bytes, gsize size, gboolean wide);

/* The tree of a commit; NULL: it is no commit. The caller frees. */
char *git_commit_tree(const char *bytes, gsize size);

/* Whether a tag's bytes say that they are of the tag `name` and of that commit. */
gboolean git_tag_is_of(const char *bytes, gsize size, const char *name, const char *commit);

typedef enum { GIT_UNSIGNED, GIT_SIGNED_SSH, GIT_SIGNED_PGP } GitSigned;

/* Takes the signature of a tag or commit apart from what it signs; the caller frees both. */
GitSigned git_signature_split(const char *bytes, gsize size, GByteArray **payload, char **signature);
