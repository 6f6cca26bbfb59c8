/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal: what liftlock knows that the host itself cannot tell. One SQLite file for all apps.
 *
 * What is written is durable when the call returns, but for notes (see journal_mark). Reading one's own host (links,
 * processes, digests) always wins over what stands here (rule 1).
 */
#pragma once

#include "base/database.h"
#include "model/place.h"
#include "model/plan.h"
#include "model/version.h"

typedef struct Journal Journal;

/* Opens VAR/state.db; makes it if missing unless read_only (then a missing one is NULL without an error). */
Journal *journal_open(const HostPlace *host, gboolean read_only, GError **error);
/* Whether a newer liftlock has changed it: then it can only be read, and FAULT_CONFIG says so. */
gboolean journal_is_newer(const HostPlace *host, GError **error);
void journal_close(Journal *journal);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Journal, journal_close)

/* --- apps --------------------------------------------------------------------------------------------------- */

typedef struct AppRecord {
    char *name;
    char *root;        /* the app's directory; NULL: the usual one */
    char *version;     /* of the last healthy verdict; NULL: none */
    char *floor;       /* highest version that was ever healthy here */
    char *pin;         /* version or range; NULL */
    gint64 index_seen; /* highest N of a signed index */
} AppRecord;
void app_record_free(AppRecord *record);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AppRecord, app_record_free)

AppRecord *journal_app(Journal *journal, const char *app, GError **error); /* NULL without error: unknown */
gboolean journal_app_set(Journal *journal, const char *app, const char *column, const char *value, GError **error);
gboolean journal_index_seen(Journal *journal, const char *app, gint64 index, GError **error); /* only ever raises it */
gboolean journal_app_forget(Journal *journal, const char *app, GError **error); /* all but its jobs: history stays.
        A job that has its verdict is at its end with it */

/* --- releases that are complete on disk ------------------------------------------------------------------------ */

typedef struct ReleaseRecord {
    char *version, *sha256, *tree; /* of the archive, of the tree */
    char *manifest;                /* as records (base/document.h) */
    gint64 sealed_s;
} ReleaseRecord;
void release_record_free(ReleaseRecord *record);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ReleaseRecord, release_record_free)

gboolean journal_release_put(Journal *journal, const char *app, const ReleaseRecord *record, GError **error);
ReleaseRecord *journal_release(Journal *journal, const char *app, const char *version,
                               GError **error);                                 /* NULL without error */
GPtrArray *journal_releases(Journal *journal, const char *app, GError **error); /* ReleaseRecord, newest sealed first */
gboolean journal_release_forget(Journal *journal, const char *app, const char *version, GError **error);

/* --- jobs ----------------------------------------------------------------------------------------------------- */

typedef struct JobRecord {
    gint64 sequence;
    char *id, *app, *kind, *plan; /* plan: JSON */
    char *from, *to;
    gboolean open;
    char *verdict; /* updated rolled-back failed refused needs-help; NULL while open without one */
    char *code;    /* fault_row name; NULL */
    char *error, *hint;
    char *failed_step;
    char *requested_by;
    gint64 attempt, started_s, ended_s;
} JobRecord;
void job_record_free(JobRecord *record);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(JobRecord, job_record_free)

/* `replaces` (may be NULL): a job that is closed in the same transaction. */
gboolean journal_job_begin(Journal *journal, const char *id, const Plan *plan, const char *requested_by,
                           const char *replaces, GError **error);
/* Writes verdict and error; the job stays open until journal_job_close. */
gboolean journal_job_verdict(Journal *journal, const char *id, const char *verdict, const char *failed_step,
                             const GError *cause, GError **error);
gboolean journal_job_close(Journal *journal, const char *id, GError **error);
JobRecord *journal_job(Journal *journal, const char *id, GError **error); /* NULL without error */
JobRecord *journal_job_open_of(Journal *journal, const char *app,
                               GError **error); /* the app's open job; NULL without error */
/* Whether a job that ended well made it the live release once: only then it is a way back. */
gboolean journal_was_live(Journal *journal, const char *app, const char *version);
GPtrArray *journal_jobs(Journal *journal, const char *app, gint64 limit,
                        GError **error); /* JobRecord, newest first; app NULL: all */

/* Marks, in order of writing. "begun" and "done" downwards, "undone" upwards. "begun" is durable when the call returns,
 * the others with the next write that is: recovery goes by what was begun, and commit writes its own "done". */
gboolean journal_mark(Journal *journal, const char *job, const char *step, const char *mark, gint64 duration_ms,
                      GError **error);
typedef struct MarkRecord {
    char *step, *mark;
    gint64 at_s, duration_ms;
} MarkRecord;
void mark_record_free(MarkRecord *record);
GPtrArray *journal_marks(Journal *journal, const char *job, GError **error); /* MarkRecord */

gboolean journal_fact_set(Journal *journal, const char *job, const char *key, const char *value, GError **error);
/* The same, but durable only with the next write that is. */
gboolean journal_fact_note(Journal *journal, const char *job, const char *key, const char *value, GError **error);
GHashTable *journal_facts(Journal *journal, const char *job, GError **error); /* char * -> char * */

/* Everything that commit writes, in one transaction: the step's done mark, the app's version and floor, its root. */
gboolean journal_commit(Journal *journal, const char *job, const char *step, const Plan *plan, const char *root,
                        GError **error);

/* --- memory of failures, wishes ---------------------------------------------------------------------------------- */

gboolean journal_reject(Journal *journal, const char *app, const char *sha256, const char *version, const char *reason,
                        gint64 at_s, GError **error);
GPtrArray *journal_rejected(Journal *journal, const char *app, GError **error); /* Rejection */
gboolean journal_allow(Journal *journal, const char *app, const char *version, gboolean *had,
                       GError **error); /* clears rejection, skip and attempts */
gint64 journal_attempts(Journal *journal, const char *app, const char *sha256);
gboolean journal_attempt_count(Journal *journal, const char *app, const char *sha256, GError **error);
gboolean journal_attempts_clear(Journal *journal, const char *app, GError **error);
gboolean journal_skip(Journal *journal, const char *app, const char *version, GError **error);
GPtrArray *journal_skipped(Journal *journal, const char *app, GError **error); /* char * */

/* --- backups --- */

typedef struct BackupRecord {
    char *id, *app, *job, *version; /* version: of the release whose data it holds */
    char *manifest_version;         /* schema version text */
    char *reason;                   /* "update", "rollback", "by hand" */
    gint64 made_s, size_bytes;
} BackupRecord;
void backup_record_free(BackupRecord *record);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BackupRecord, backup_record_free)

gboolean journal_backup_put(Journal *journal, const BackupRecord *record, GError **error);
GPtrArray *journal_backups(Journal *journal, const char *app, GError **error); /* BackupRecord, newest first */
gboolean journal_backup_forget(Journal *journal, const char *id, GError **error);

/* --- ownership (rule 12) --- */

/* Who owns a thing ("unit", "path", "port"); NULL: nobody. The caller frees. */
char *journal_owner(Journal *journal, const char *kind, const char *name);
/* Replaces all that the app owns by these pairs kind, name, kind, name ... NULL. */
gboolean journal_own(Journal *journal, const char *app, const GPtrArray *kinds, const GPtrArray *names, GError **error);
