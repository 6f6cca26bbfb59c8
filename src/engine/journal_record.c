/* SPDX-License-Identifier: Apache-2.0 */
/* Rows become structs by tables of their columns. */
#include "engine/journal_db.h"

RecordRows record_rows(const RecordShape *shape)
{
    return (RecordRows){shape, g_ptr_array_new_with_free_func(shape->free)};
}

gboolean record_row(sqlite3_stmt *row, gpointer data)
{
    const RecordRows *rows = data;
    char *record = g_malloc0(rows->shape->size);
    for (guint i = 0; i < rows->shape->n_fields; i++) {
        gpointer member = record + rows->shape->fields[i].offset;
        switch (rows->shape->fields[i].kind) {
        case 's':
            *(char **)member = g_strdup((const char *)sqlite3_column_text(row, (int)i));
            break;
        case 'i':
            *(gint64 *)member = sqlite3_column_int64(row, (int)i);
            break;
        default:
            *(gboolean *)member = sqlite3_column_int(row, (int)i) != 0;
        }
    }
    g_ptr_array_add(rows->records, record);
    return TRUE;
}

GPtrArray *record_rows_end(RecordRows *rows, gboolean good)
{
    if (!good)
        g_clear_pointer(&rows->records, g_ptr_array_unref);
    return g_steal_pointer(&rows->records);
}

gpointer record_rows_first(RecordRows *rows, gboolean good)
{
    gpointer first = good && rows->records->len > 0 ? g_ptr_array_steal_index(rows->records, 0) : NULL;
    g_clear_pointer(&rows->records, g_ptr_array_unref);
    return first;
}

void record_free(const RecordShape *shape, gpointer record)
{
    if (!record)
        return;
    for (guint i = 0; i < shape->n_fields; i++)
        if (shape->fields[i].kind == 's')
            g_free(*(char **)(gpointer)((char *)record + shape->fields[i].offset));
    g_free(record);
}
