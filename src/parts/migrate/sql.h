/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SQL migrations: files of the release, each run once, in the order of their names, each in a transaction of its own
 * together with the row that says so (name, SHA-256, release, time) in a table of the app's database.
 */
#pragma once

#include "parts/part.h"

typedef enum {
    SQL_PENDING,
    SQL_APPLIED,
    SQL_EDITED, /* applied, but no longer what was applied: reported, never run again */
    SQL_GONE,   /* applied, but not in this release */
} SqlState;

typedef struct SqlMigration {
    char *name;     /* "20261001_000004_add_status.sql" */
    char *checksum; /* SHA-256 of the file; of what was applied for SQL_GONE */
    char *text;     /* NULL for SQL_GONE */
    SqlState state;
} SqlMigration;

/* The files of the release's tree in `directory` and what the database says of them, in order of names: of
 * SqlMigration, the caller frees. FAULT_MIGRATE names a file that cannot be run, FAULT_BACKUP a database that cannot be
 * asked. `set` is the data set that manifest->sql.database names. */
GPtrArray *sql_look(const PartContext *context, const Manifest *manifest, const DataSet *set, const char *directory,
                    GError **error);

/* Runs those that are pending; what is edited or gone is told to on_line. FAULT_MIGRATE "FILE:LINE: ..." for the first
 * one that fails: the ones before it stay. */
gboolean sql_run(const PartContext *context, const Manifest *manifest, const DataSet *set, const char *directory,
                 GError **error);

/* The data set that the SQL migrations of a manifest are for; NULL: there are none. */
const DataSet *sql_data_set(const Manifest *manifest);

/* The inner program `liftlock inner sqlite-migrate applied FILE TABLE | apply FILE TABLE NAME CHECKSUM VERSION FD`, run
 * as the app's user. Returns an exit status: 0 done, 1 failed (why: last line of standard error). */
int sql_sqlite_main(int argc, char **argv);
