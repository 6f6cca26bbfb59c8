/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SQL on the app's database, whichever it is: SQLite by an inner program as the app's user, PostgreSQL by
 * liftlock-postgres as the app's user and role. Both know the same operations:
 *
 *   migrate  {table, version, lock, lock_ms, each_ms, apply, files} -> {rows: [{name, checksum, version, at}], ran}
 *            a file with `undoes` takes that one's row away instead of adding its own
 *   query    {sql} -> {rows: [[...]]}
 *   record   {table, fields: [{column, value, is_time, is_key}]}: made if there is none, and no row like it
 */
#pragma once

#include "base/document.h"
#include "parts/part.h"

typedef struct SqlAccess {
    const PartContext *context;
    const DataSet *set;   /* of driver sqlite or postgres */
    const char *url_file; /* a publisher's own database: where its address is, instead of the set's url_from; NULL */
    const char *url_key;
} SqlAccess;

/* Takes `request`; `file_fd` (-1: none) is handed over. The answer is the caller's; NULL on the fault of the operation,
 * with "data 'NAME': " before all but FAULT_MIGRATE. */
Node *sql_ask(const SqlAccess *access, const char *operation, Node *request, int file_fd, gint64 timeout_ms,
              GError **error);

/* The inner program `liftlock inner sql FD`: reads a request there, answers on standard output. */
int sql_inner_main(int argc, char **argv);
