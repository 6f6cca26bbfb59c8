/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way to the database of a data set: who acts, and where it is. What talks to PostgreSQL is the program
 * liftlock-postgres (libexec/postgres.h has its operations), which reads the app's URL from a descriptor of ours.
 */
#pragma once

#include "base/document.h"
#include "parts/part.h"

typedef enum {
    POSTGRES_AS_APP,   /* the app's own role, as the app's user */
    POSTGRES_AS_ADMIN, /* who may copy and rename it: [database.NAME] of the app's config; without one the app's role */
} PostgresActor;

typedef struct PostgresWish {
    PostgresActor actor;
    const char *operation;
    Node *request;     /* a map; taken in any case; NULL: nothing but the operation */
    int file_fd;       /* handed over as "file_fd"; 0 or -1: none */
    gint64 timeout_ms; /* 0: none */
} PostgresWish;

/* Does one operation on the database of `set` (which has url_from). The answer is the caller's to free; NULL: the fault
 * of the operation, or FAULT_CONFIG where the file with the URL or the admin's account is not what it has to be. Lines
 * of pg_dump and pg_restore go to on_line. */
Node *part_postgres(const PartContext *context, const DataSet *set, const PostgresWish *wish, GError **error);

/* What the config says of this set; NULL: nothing. */
const DatabaseConfig *part_postgres_config(const PartContext *context, const DataSet *set);
