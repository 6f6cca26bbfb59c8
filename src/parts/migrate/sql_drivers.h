/* SPDX-License-Identifier: Apache-2.0 */
/* The databases that SQL migrations can be run on. */
#pragma once

#include "parts/migrate/sql.h"

typedef struct SqlDriver {
    const char *name; /* as in data[].driver */
    /* Name -> checksum of what the table has; no table: none. The caller frees; NULL on failure. */
    GHashTable *(*applied)(const PartContext *context, const DataSet *set, const char *table, GError **error);
    /* Runs one and records it, both or none, unless somebody else did meanwhile. */
    gboolean (*apply)(const PartContext *context, const DataSet *set, const char *table, const SqlMigration *migration,
                      const char *version, gint64 timeout_ms, GError **error);
} SqlDriver;

extern const SqlDriver sql_sqlite, sql_postgres;

/* First line of a file that cannot run in a transaction: "-- liftlock: no-transaction". */
gboolean sql_is_without_transaction(const char *text);

/* FAULT_MIGRATE "NAME:LINE: MESSAGE"; `offset` in bytes into the text, -1: unknown. Returns FALSE. */
gboolean sql_fault(const SqlMigration *migration, gssize offset, const char *message, GError **error);
