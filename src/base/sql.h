/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SQL as text: where statements begin and end, and which of them a migration cannot hold. Nothing is understood beyond
 * quotes, comments and the first words of a statement; what is left is the database's to judge.
 */
#pragma once

#include "base/document.h"

typedef enum { SQL_POSTGRES, SQL_SQLITE } SqlDialect;

typedef enum {
    SQL_PLAIN,
    SQL_COMMAND,     /* of psql or of the sqlite3 shell: "\connect", ".read" */
    SQL_TRANSACTION, /* begins or ends one */
    SQL_COPY_STDIN,  /* waits for rows that a client would have to send */
} SqlKind;

typedef struct SqlStatement {
    const char *text; /* of its first word; not terminated */
    gsize size;       /* without the semicolon */
    guint line;       /* of its first word, 1-based */
    SqlKind kind;
    char word[24]; /* the first, in capitals; of a command as it stands there */
} SqlStatement;

typedef struct SqlReader {
    SqlDialect dialect;
    const char *at, *end;
    guint line;
} SqlReader;

/* The next statement that is not empty; FALSE: there is none. Start with line 1. */
gboolean sql_next(SqlReader *reader, SqlStatement *statement);

/* --- files of migrations ------------------------------------------------------------------------------------- */

#define SQL_FILE_MAX_BYTES (8 * 1024 * 1024)
#define SQL_FILES_MAX 5000

typedef struct SqlFile {
    const char *name, *checksum; /* borrowed from the request */
    char *bytes;                 /* NUL-terminated */
    gsize size;
    gboolean alone; /* its first line is "-- liftlock: no-transaction" */
} SqlFile;

/* What crosses to a program that runs migrations: {files: [{name, checksum, offset, size}]}, with the contents in the
 * descriptor. The array of SqlFile is the caller's. */
GPtrArray *sql_files_take(const Node *request, int fd, GError **error);

/* FAULT_MIGRATE, "NAME:LINE: ...", for what cannot run here: no text, commands of a shell, rows from a client,
 * transactions of its own in a file that is not alone. */
gboolean sql_file_check(const SqlFile *file, SqlDialect dialect, GError **error);

/* How many lines end in the first `size` bytes. */
guint sql_lines(const char *text, gsize size);
