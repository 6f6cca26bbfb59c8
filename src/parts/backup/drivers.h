/* SPDX-License-Identifier: Apache-2.0 */
/* What the backup drivers share among themselves. */
#pragma once

#include "base/process.h"
#include "parts/backup/backup.h"

extern const BackupDriver backup_sqlite, backup_files, backup_postgres, backup_command;

/* "123 (python3), 140 (sqlite3)": the processes that hold one of these files open; NULL: none. */
char *backup_sessions(const char *const *paths);

/* How long reading a database of this size through may take: five minutes, and a second for each MiB. */
gint64 sqlite_limit_ms(guint64 bytes);

/* Why the inner program failed: what it said last, unless it was ended at its limit ("no end after 300 s"). The caller
 * frees. */
char *sqlite_why(const ProcessOutcome *outcome, const char *last);

/* Puts "data 'NAME': " before a fault. Returns FALSE. */
gboolean backup_name_fault(const DataSet *set, GError **error);
