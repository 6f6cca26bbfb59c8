/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the journal share, and nobody else sees. */
#pragma once

#include "engine/journal.h"

struct Journal {
    Database *database;
};

/* A text column, copied; NULL for null. */
char *journal_column(sqlite3_stmt *row, int column);
