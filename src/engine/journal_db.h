/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the journal share, and nobody else sees: records as tables of their columns. */
#pragma once

#include "engine/journal.h"

/* In a file of their own: tests build a liftlock with another one. */
extern const DatabaseMigration journal_migrations[];
extern const guint n_journal_migrations;

struct Journal {
    Database *database;
};

typedef struct RecordField {
    char kind; /* s: char *, i: gint64, b: gboolean */
    gsize offset;
} RecordField;

/* How a row of a SELECT becomes a struct: a field per column, in order. */
typedef struct RecordShape {
    gsize size;
    const RecordField *fields;
    guint n_fields;
    GDestroyNotify free;
} RecordShape;

typedef struct RecordRows {
    const RecordShape *shape;
    GPtrArray *records; /* owns them */
} RecordRows;

/* For database_run: collects rows. Begin with record_rows, end with record_rows_end. */
RecordRows record_rows(const RecordShape *shape);
gboolean record_row(sqlite3_stmt *row, gpointer rows);
/* The list, or NULL if `good` is FALSE; the list is freed then. */
GPtrArray *record_rows_end(RecordRows *rows, gboolean good);
/* The first record or NULL; the list goes. */
gpointer record_rows_first(RecordRows *rows, gboolean good);

/* Frees a record of this shape; NULL is good. */
void record_free(const RecordShape *shape, gpointer record);
