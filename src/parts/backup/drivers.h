/* SPDX-License-Identifier: Apache-2.0 */
/* What the backup drivers share among themselves. */
#pragma once

#include "parts/backup/backup.h"

extern const BackupDriver backup_sqlite, backup_files, backup_command;

/* "123 (python3), 140 (sqlite3)": the processes that hold one of these files open; NULL: none. */
char *backup_sessions(const char *const *paths);

/* Puts "data 'NAME': " before a fault. Returns FALSE. */
gboolean backup_name_fault(const DataSet *set, GError **error);
