/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `repo verify`: an audit of a whole repository, by somebody who trusts nothing of it. It says all that is wrong, not
 * only the first: signatures and thresholds of every root and of all that is current, versions, lengths, hashes, ends
 * of validity, blocks of releases, and what is missing or should not be there.
 */
#pragma once

#include <glib.h>

typedef struct RepoAudit {
    GPtrArray *wrong; /* char *: "PATH: what is wrong", in the order in which a reader would come upon them */
    GPtrArray *notes; /* char *: what is worth knowing, and not wrong */
    GPtrArray *files; /* char *: paths that belong to the repository, in the order in which they are to be uploaded */
    gint64 roots, apps, releases, targets, bytes; /* how much was looked at; bytes of the targets */
} RepoAudit;
void repo_audit_clear(RepoAudit *audit);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(RepoAudit, repo_audit_clear)

/* FALSE only if it could not be looked at; else see audit->wrong. `light`: contents of targets are not hashed. */
gboolean repo_verify(const char *path, gboolean light, RepoAudit *audit, GError **error);
