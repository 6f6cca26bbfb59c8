/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PostgreSQL, at arm's length: one operation by the program liftlock-postgres (libexec/postgres.h names them), run as
 * somebody without rights. This side links no database library and sees no password.
 */
#pragma once

#include "base/document.h"
#include "base/process.h"

typedef struct PostgresAccess {
    gboolean change_user;
    uid_t uid; /* whose account the program runs as */
    gid_t gid;
    int url_fd;           /* the file with the app's URL */
    const char *url_name; /* what messages call it */
    const char *url_key;  /* KEY=URL in it; NULL: it holds the URL alone */
    gboolean admin;       /* acts as the account that it runs as */
    int admin_fd;         /* or by the URL in this file; -1 */
    const char *admin_name;
    const char *job;     /* shown by the server; NULL */
    int file_fd;         /* a dump; -1 */
    int lock_fd;         /* handed on to all that it starts; -1 */
    gint64 timeout_ms;   /* 0: none */
    ProcessLine on_line; /* what pg_dump and others say; may be NULL */
    gpointer on_line_data;
} PostgresAccess;
#define POSTGRES_NOBODY                                                                                                \
    {                                                                                                                  \
        .url_fd = -1, .admin_fd = -1, .file_fd = -1, .lock_fd = -1                                                     \
    }

/* Takes `request` (a map; NULL: an empty one). The answer is the caller's to free; NULL with the fault that the program
 * named (FAULT_BACKUP, FAULT_CONFIG, FAULT_STATE ...), or FAULT_BACKUP if it told nothing. */
Node *postgres_ask(const PostgresAccess *access, const char *operation, Node *request, GError **error);
