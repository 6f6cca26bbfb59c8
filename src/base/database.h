/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite, with the few habits that the journal needs: synchronous=FULL, one statement a call, errors as faults. */
#pragma once

#include <glib.h>
#include <sqlite3.h>

typedef struct Database Database;

typedef struct DatabaseMigration {
    int version;     /* user_version after it */
    const char *sql; /* one or more statements */
} DatabaseMigration;

/* Opens (mode 0600, WAL, synchronous=FULL, foreign_keys, defensive, busy timeout 10 s) and brings the schema up to
 * the last migration, each in its own transaction. A schema newer than ours opens only to read. A damaged file is
 * FAULT_STATE. read_only: opens only what exists (else FAULT_ABSENT), and changes nothing in it. */
/* Asked inside the transaction, before a schema that is there already is changed: FALSE leaves it as it is for now. */
typedef gboolean (*DatabaseGate)(Database *database);
Database *database_open_gated(const char *path, gboolean read_only, const DatabaseMigration *migrations,
                              guint n_migrations, DatabaseGate gate, GError **error);
/* FALSE, with FAULT_CONFIG: its schema is newer than the last migration. Changes while it is open are seen. */
gboolean database_is_known(Database *database, const DatabaseMigration *migrations, guint n_migrations, GError **error);
Database *database_open(const char *path, gboolean read_only, const DatabaseMigration *migrations, guint n_migrations,
                        GError **error);
void database_close(Database *database);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Database, database_close)

/* Runs one statement with bound arguments: format has a letter per "?": s text (NULL: null), i gint64, passed by value.
 * Rows, if any, go to `row` (may be NULL); it returns FALSE to stop. */
typedef gboolean (*DatabaseRow)(sqlite3_stmt *row, gpointer data);
gboolean database_run(Database *database, GError **error, DatabaseRow row, gpointer data, const char *sql,
                      const char *format, ...);

/* First column of the first row as text (caller frees), or NULL: without error if there is no row or it is null. */
char *database_text(Database *database, GError **error, const char *sql, const char *format, ...);
gint64 database_int(Database *database, gint64 fallback, const char *sql, const char *format, ...);

/* Whether what is written from here on is on the disk when its call returns (as after opening), or with the next write
 * that is so at the latest, and never after it. Not within a transaction. */
gboolean database_set_durable(Database *database, gboolean durable, GError **error);

gboolean database_begin(Database *database, GError **error);  /* BEGIN IMMEDIATE */
gboolean database_commit(Database *database, GError **error); /* rolls back if it fails */
void database_rollback(Database *database);
sqlite3 *database_handle(Database *database);
