/* SPDX-License-Identifier: Apache-2.0 */
/*
 * liftlock-postgres: the only program that talks to PostgreSQL. It runs as the app's user, or as the account that the
 * operator named for it, never as root, does one operation and tells one answer. Client: base/postgres.h.
 *
 * Every request names where the database is: {url_fd, url_key} is the file with the app's URL. With `admin` it acts as
 * the account that it runs as, or by the URL in {admin_fd}; without, as the app's own role.
 */
#pragma once

#include "base/document.h"

#include <libpq-fe.h>

typedef Node *(*PostgresOperation)(const Node *request, GError **error); /* the answer, NULL on a fault */

typedef enum {
    TO_APP,         /* the app's database, as its role */
    TO_MAINTENANCE, /* "postgres" or "template1", as who may create and rename databases */
} Destination;

/* While the app serves somebody may keep a table for himself. We wait a while, and then it is his turn. */
#define POSTGRES_LOCK_WAIT_MS "30000"
#define POSTGRES_BEGIN_READING                                                                                         \
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL lock_timeout = " POSTGRES_LOCK_WAIT_MS

PGconn *postgres_connect(const Node *request, Destination destination, GError **error);
/* The same as who may create databases, to one of ours. */
PGconn *postgres_connect_to(const Node *request, const char *database, GError **error);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PGconn, PQfinish)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PGresult, PQclear)

/* The database that is meant: {database}, else the one of the app's URL. NULL on a fault; the caller frees. */
char *postgres_database(const Node *request, GError **error);

/* The file with the app's URL, and the URL in it (NULL: none). Both are secrets; the caller frees. */
char *postgres_url_file(const Node *request);
char *postgres_url(const Node *request);

/* For pg_dump and pg_restore: a connection string without a password; *passfile gets a descriptor of a file with it
 * (-1: none is needed). As who may create databases if `as_admin`. The caller frees and closes. */
char *postgres_conninfo(const Node *request, gboolean as_admin, const char *database, int *passfile, GError **error);

/* One statement with text parameters (NULL-terminated after `sql`); its rows. FAULT_BACKUP with SQLSTATE's text. */
PGresult *postgres_rows(PGconn *connection, GError **error, const char *sql, ...) G_GNUC_NULL_TERMINATED;
/* The same for what has no rows; several statements are one transaction. */
gboolean postgres_run(PGconn *connection, const char *sql, GError **error);
/* The fault of a failed result: "MESSAGE (SQLSTATE)", with detail and hint in its hint. Returns FALSE. */
gboolean postgres_fault(const PGresult *result, int code, GError **error);
/* "name" quoted as an identifier; the caller frees. */
char *postgres_name(PGconn *connection, const char *name);

/* Ends the sessions on a database that we may end, and statements that an earlier one of us left running; returns how
 * many sessions are left, -1 on a fault. */
int postgres_end_sessions(PGconn *connection, const char *database, GError **error);

/* Sends `sql` on `connection` while it ends, on another connection, whatever holds `database` open. */
gboolean postgres_run_alone(const Node *request, PGconn *connection, const char *sql, const char *database,
                            GError **error);

/* Gives `to` the settings, grants, limit and comment of `from`, which no copy and no dump has. */
gboolean postgres_dress(PGconn *connection, const char *from, const char *to, GError **error);

/* A digest of what the app's own schemas look like. NULL on a fault; the caller frees. */
char *postgres_catalogue(PGconn *connection, GError **error);

Node *postgres_rights(const Node *request, GError **error);
Node *postgres_look(const Node *request, GError **error);
Node *postgres_retarget(const Node *request, GError **error);
Node *postgres_query(const Node *request, GError **error);
Node *postgres_fingerprint(const Node *request, GError **error);
Node *postgres_sessions(const Node *request, GError **error);
Node *postgres_end(const Node *request, GError **error);
Node *postgres_oids(const Node *request, GError **error);
Node *postgres_copy(const Node *request, GError **error);
Node *postgres_swap(const Node *request, GError **error);
Node *postgres_drop(const Node *request, GError **error);
Node *postgres_flush(const Node *request, GError **error);
Node *postgres_dump(const Node *request, GError **error);
Node *postgres_make(const Node *request, GError **error);
Node *postgres_fill(const Node *request, GError **error);
Node *postgres_finish(const Node *request, GError **error);
Node *postgres_tools(const Node *request, GError **error);
Node *postgres_verify(const Node *request, GError **error);
Node *postgres_migrate(const Node *request, GError **error);
Node *postgres_record(const Node *request, GError **error);
