/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SQL migrations: files of the release, each run once, in the order of their names, each in a transaction of its own
 * together with the row that says so (name, SHA-256, release, time) in a table of the app's database. A file whose
 * first line is "-- liftlock: no-transaction" is noted before and after instead. NAME.down.sql is no migration: it
 * takes NAME.sql back, when an older release comes back on these data.
 */
#pragma once

#include "parts/sql.h"

typedef enum {
    SQL_PENDING,
    SQL_APPLIED,
    SQL_EDITED, /* applied, but no longer what was applied: reported, never run again */
    SQL_GONE,   /* applied, but not in this release */
} SqlState;
extern const char *const sql_state_names[]; /* "pending" ... */

typedef struct SqlMigration {
    char *name;     /* "20261001_000004_add_status.sql" */
    char *checksum; /* SHA-256 of the file; of what was applied for SQL_GONE */
    SqlState state;
    char *version, *at; /* with which release it was applied, and when; NULL */
} SqlMigration;

/* The files of the release's tree in `directory` (a trusted path; below it no link is followed) and what the database
 * says of them, in bytewise order of names: of SqlMigration, the caller frees. Those that are pending were looked
 * through. FAULT_MIGRATE names a file that cannot be run, FAULT_BACKUP a database that cannot be asked. */
GPtrArray *sql_look(const SqlAccess *access, const Manifest *manifest, const char *directory, GError **error);

/* Runs those that are pending, one runner at a time, and returns what sql_look does then; how long each took goes to
 * on_line. NULL and FAULT_MIGRATE "FILE:LINE: ..." for the first one that fails: the ones before it stay. */
GPtrArray *sql_run(const SqlAccess *access, const Manifest *manifest, const char *directory, GError **error);

/* Whether the database has had no migration that the older release in `directory` does not know. FALSE also where that
 * cannot be found out. */
gboolean sql_knows_all(const SqlAccess *access, const char *table, const Manifest *older, const char *directory);

/* A release on disk: its manifest, and its tree (a trusted path). */
typedef struct SqlRelease {
    const Manifest *manifest;
    const char *directory;
} SqlRelease;

/* Takes back what the database has had and the release `to` does not know: by the files NAME.down.sql of `from`, beside
 * NAME.sql, newest first, each in a transaction that also takes the row of NAME.sql away. Without `apply` nothing runs,
 * but everything is looked through. Returns the files in that order (SqlMigration, the caller frees); FAULT_MIGRATE
 * names a migration that has no way down. After a failure those before it stay taken back. */
GPtrArray *sql_down(const SqlAccess *access, const SqlRelease *from, const SqlRelease *to, gboolean apply,
                    GError **error);

/* What a person should know of one: "... was edited after it was applied ..."; NULL: nothing. The caller frees. */
char *sql_remark(const SqlMigration *migration);

/* The data set that the SQL migrations of a manifest are for; NULL: there are none. */
const DataSet *sql_data_set(const Manifest *manifest);

/* The path below a tree, or on its own, of a new file: the folder of the pattern, and YYYYMMDD_NNNNNN_NAME.sql with the
 * day of `now_s` and the number after the highest of the files there. FAULT_USAGE: `title` makes no name. The caller
 * frees. */
char *sql_new_name(const char *directory, const char *title, gint64 now_s, GError **error);
