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
    const char *undoes;          /* name of the migration that it takes back, borrowed; NULL: it is one itself */
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

/* Of `files` (SqlFile) those whose turn it is, in their order, borrowed: those that are not in the book, and those that
 * take back one that is. `applied` is the book: name -> "done" or "begun". FAULT_MIGRATE for a file that cannot run,
 * and for one that was begun and not finished; `table` is for its hint. The array is the caller's. */
GPtrArray *sql_files_due(const GPtrArray *files, GHashTable *applied, SqlDialect dialect, const char *table,
                         GError **error);

/* The name of the row in the book that running the file makes or takes away. Borrowed. */
const char *sql_file_row(const SqlFile *file);

/* How many lines end in the first `size` bytes. */
guint sql_lines(const char *text, gsize size);
