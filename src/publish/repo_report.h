/* SPDX-License-Identifier: Apache-2.0 */
/* What a command of `repo` has done, for people and programs. */
#pragma once

#include <glib.h>

/* A file that came to a release. */
typedef struct RepoReportFile {
    char *what;          /* "pack", "delta from 1.3.0" */
    char *path, *sha256; /* NULL: it is not made yet */
    gint64 size_bytes;
} RepoReportFile;

typedef struct RepoReport {
    char *app, *version, *archive, *sha256; /* NULL: not about a release */
    char *channel;                          /* that names the release now; NULL: none does by this command */
    gint64 size_bytes;
    gboolean nothing_to_do;
    gint64 root;        /* the version of the root that was published, or waits; 0: nothing happened to it */
    gint64 missing;     /* signatures that it waits for; 0: it is published */
    char *pending;      /* where it waits */
    gboolean attention; /* something will expire that could not be signed here: see notes */
    GPtrArray *keys;    /* char *: "targets 1a2b3c4d5e6f", those that were made */
    GPtrArray *files;   /* RepoReportFile: besides the archive */
    GPtrArray *notes;   /* char *: what people should know */
    GPtrArray *written; /* char *: paths beneath the repository, in the order in which they are to be uploaded */
} RepoReport;

void repo_report_init(RepoReport *report);
void repo_report_clear(RepoReport *report);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(RepoReport, repo_report_clear)

void repo_report_note(RepoReport *report, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* NULL path and digest: it would be made. */
void repo_report_file(RepoReport *report, const char *path, const char *sha256, gint64 size_bytes, const char *format,
                      ...) G_GNUC_PRINTF(5, 6);

/* Adds copies of the paths. */
void repo_report_written(RepoReport *report, const GPtrArray *paths);
