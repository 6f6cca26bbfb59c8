/* SPDX-License-Identifier: Apache-2.0 */
/* Which database a set of data is, asked each time: names and rights change, object ids tell. */
#pragma once

#include "parts/backup/backup.h"
#include "parts/postgres.h"

typedef struct PostgresFound {
    Node *look, *rights;     /* what the server said to the app's role, and to who copies */
    const char *name, *role; /* borrowed from look */
    gint64 oid, bytes;
} PostgresFound;

/* Finds the database and makes sure that it is the app's to change: it exists, its owner is the app's role, and who
 * copies and renames sees the same one and may. FAULT_BACKUP or FAULT_CONFIG with the line to type as hint. */
gboolean postgres_find(const PartContext *context, const DataSet *set, PostgresFound *found, GError **error);
void postgres_found_clear(PostgresFound *found);

/* One operation on the database `name` (NULL: the one of the app's address); takes request. */
Node *postgres_do(const PartContext *context, const DataSet *set, PostgresActor actor, const char *operation,
                  const char *name, Node *request, GError **error);

/* "NAME__KIND_JOB"; the caller frees. */
char *postgres_beside(const char *name, const char *kind, const char *job);

void postgres_object(const PartContext *context, const DataSet *set, GPtrArray *objections, GPtrArray *notes);
char *postgres_sessions(const PartContext *context, const DataSet *set);
gboolean postgres_end_sessions(const PartContext *context, const DataSet *set, gboolean own, GError **error);
char *postgres_server(const PartContext *context, const DataSet *set, GError **error);
char *postgres_claim(const PartContext *context, const DataSet *set);

gboolean postgres_dump(const PartContext *context, const DataSet *set, const char *directory, GError **error);
gboolean postgres_verify(const PartContext *context, const DataSet *set, const char *directory, GError **error);
gboolean postgres_scratch(const PartContext *context, const DataSet *set, const char *directory, GError **error);
gboolean postgres_scratch_drop(const PartContext *context, const DataSet *set, GError **error);
/* A dump as the database `into`, compared with what was dumped. *oid gets its object id. */
gboolean postgres_fill(const PartContext *context, const DataSet *set, const char *directory, const char *name,
                       const char *into, gint64 *oid, GError **error);
