/* SPDX-License-Identifier: Apache-2.0 */
/* The two halves of an audit. */
#pragma once

#include "publish/repo_edit.h"
#include "publish/repo_verify.h"

typedef struct Audit {
    RepoAudit *result;
    int dirfd;
    gboolean light;
    gint64 now_s;
    GHashTable *known;                               /* paths that belong to the repository */
    GHashTable *good;                                /* names of targets whose content is what was signed */
    GHashTable *former;                              /* see repo_former_targets: of all apps */
    guint n_waiting;                                 /* of them, that readers may still ask for, */
    gint64 waiting_s;                                /* the last until then */
    RepoFile *root, *timestamp, *snapshot, *targets; /* NULL: there is none that can be read */
    GPtrArray *apps;                                 /* RepoFile */
} Audit;

void audit_wrong(Audit *audit, const char *format, ...) G_GNUC_PRINTF(2, 3);
void audit_note(Audit *audit, const char *format, ...) G_GNUC_PRINTF(2, 3);
void audit_fault(Audit *audit, const GError *error);
void audit_file(Audit *audit, const char *path); /* it belongs here */

/* Targets, blocks of releases, older metadata, and strays. */
void audit_files(Audit *audit);

/* What is in the files of releases that say which tree is theirs: each way must lead to it. FALSE: this machine could
 * not look. */
gboolean audit_ways(Audit *audit, GError **error);
