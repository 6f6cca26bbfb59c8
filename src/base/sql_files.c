/* SPDX-License-Identifier: Apache-2.0 */
/* Files of migrations on the side that runs them: taken out of a request, and looked through before any of them runs.
 */
#include "base/sql.h"

#include "base/fault.h"
#include "base/shown.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define MARK "-- liftlock:"
#define BYTE_ORDER_MARK "\xef\xbb\xbf"

static void file_free(gpointer data)
{
    SqlFile *file = data;
    g_free(file->bytes);
    g_free(file);
}

static gboolean read_at(int fd, char *bytes, gsize size, gint64 offset)
{
    for (gsize done = 0; done < size;) {
        ssize_t n = pread(fd, bytes + done, size - done, offset + (gint64)done);
        if (n <= 0)
            return FALSE;
        done += (gsize)n;
    }
    return TRUE;
}

/* What the first line asks of us, in the caller's hands; NULL: nothing. */
static char *wish_of(const SqlFile *file)
{
    if (!g_str_has_prefix(file->bytes, MARK))
        return NULL;
    const char *line = file->bytes + strlen(MARK);
    return g_strstrip(g_strndup(line, strcspn(line, "\n")));
}

static SqlFile *file_take(const Node *row, int fd)
{
    gint64 offset = node_get_int(row, "offset", -1), size = node_get_int(row, "size", -1);
    if (offset < 0 || size < 0 || size > SQL_FILE_MAX_BYTES)
        return NULL;
    SqlFile *file = g_new0(SqlFile, 1);
    file->name = node_get_text(row, "name", "");
    file->checksum = node_get_text(row, "checksum", "");
    file->undoes = node_get_text(row, "undoes", NULL);
    file->size = (gsize)size;
    file->bytes = g_malloc0(file->size + 1);
    if (!read_at(fd, file->bytes, file->size, offset)) {
        file_free(file);
        return NULL;
    }
    if (g_str_has_prefix(file->bytes, BYTE_ORDER_MARK)) {
        file->size -= strlen(BYTE_ORDER_MARK);
        memmove(file->bytes, file->bytes + strlen(BYTE_ORDER_MARK), file->size + 1);
    }
    g_autofree char *wish = wish_of(file);
    file->alone = g_strcmp0(wish, "no-transaction") == 0;
    return file;
}

GPtrArray *sql_files_take(const Node *request, int fd, GError **error)
{
    const Node *list = node_get(request, "files");
    g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(file_free);
    for (guint i = 0; list && list->kind == NODE_LIST && i < list->items->len; i++) {
        SqlFile *file = file_take(list->items->pdata[i], fd);
        if (!file) {
            fault_set(error, FAULT_SYSTEM, "cannot read the files of the migrations");
            return NULL;
        }
        g_ptr_array_add(files, file);
    }
    return g_steal_pointer(&files);
}

static gboolean check_text(const SqlFile *file, GError **error)
{
    const char *end = NULL;
    if (!g_utf8_validate(file->bytes, (gssize)file->size, &end)) /* nor with a NUL in it */
        return fault_set(error, FAULT_MIGRATE, "%s:%u: this is not text in UTF-8", file->name,
                         1 + sql_lines(file->bytes, (gsize)(end - file->bytes)));
    g_autofree char *wish = wish_of(file);
    if (!wish || file->alone)
        return TRUE;
    g_autofree char *shown = shown_bytes(wish, strlen(wish), 40);
    return fault_set(error, FAULT_MIGRATE, "%s:1: '%s' cannot be asked of liftlock here, only 'no-transaction'",
                     file->name, shown);
}

static gboolean refuse(const SqlFile *file, const SqlStatement *statement, SqlDialect dialect, GError **error)
{
    g_autofree char *word = shown_bytes(statement->word, strlen(statement->word), sizeof statement->word);
    switch (statement->kind) {
    case SQL_COMMAND:
        fault_set(error, FAULT_MIGRATE, "%s:%u: '%s' is a command of %s, not SQL", file->name, statement->line, word,
                  dialect == SQL_POSTGRES ? "psql" : "the sqlite3 shell");
        return fault_hint(error, "the file goes to the database as it is; write it in SQL alone");
    case SQL_COPY_STDIN:
        fault_set(error, FAULT_MIGRATE, "%s:%u: COPY FROM STDIN waits for rows that nobody sends", file->name,
                  statement->line);
        return fault_hint(error, "write the rows as INSERT");
    default:
        fault_set(error, FAULT_MIGRATE, "%s:%u: %s would break the transaction that the file runs in", file->name,
                  statement->line, word);
        return fault_hint(error, "each file is one transaction of its own: leave BEGIN and COMMIT out, or begin the "
                                 "file with the line '" MARK " no-transaction'");
    }
}

gboolean sql_file_check(const SqlFile *file, SqlDialect dialect, GError **error)
{
    if (!check_text(file, error))
        return FALSE;
    SqlReader reader = {.dialect = dialect, .at = file->bytes, .end = file->bytes + file->size, .line = 1};
    SqlStatement statement;
    while (sql_next(&reader, &statement))
        if (statement.kind != SQL_PLAIN && !(statement.kind == SQL_TRANSACTION && file->alone))
            return refuse(file, &statement, dialect, error);
    return TRUE;
}

const char *sql_file_row(const SqlFile *file)
{
    return file->undoes ? file->undoes : file->name;
}

GPtrArray *sql_files_due(const GPtrArray *files, GHashTable *applied, SqlDialect dialect, const char *table,
                         GError **error)
{
    g_autoptr(GPtrArray) due = g_ptr_array_new();
    for (guint i = 0; i < files->len; i++) {
        const SqlFile *file = files->pdata[i];
        const char *row = sql_file_row(file), *known = g_hash_table_lookup(applied, row);
        if (g_strcmp0(known, "begun") == 0) {
            fault_set(error, FAULT_MIGRATE, "%s was begun outside of a transaction and not finished", row);
            fault_hint(error,
                       "see what it left, then set applied_at in its row of %s, or delete the row to run it again",
                       table);
            return NULL;
        }
        if (!known == !file->undoes) {
            if (!sql_file_check(file, dialect, error))
                return NULL;
            g_ptr_array_add(due, (gpointer)file);
        }
    }
    return g_steal_pointer(&due);
}
