/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the search for statements in SQL (libFuzzer): it ends, in order, within the text, and leaves out nothing but
 * blanks, comments and semicolons; what it finds once it finds again in each statement alone. */
#include "base/sql.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void hold(gboolean true_always, const char *law)
{
    if (!true_always)
        g_error("%s", law);
}

/* What lies between statements holds none. */
static void check_gap(SqlDialect dialect, const char *from, const char *to)
{
    SqlReader reader = {.dialect = dialect, .at = from, .end = to, .line = 1};
    SqlStatement statement;
    hold(!sql_next(&reader, &statement), "no statement is passed over");
}

static void check_again(SqlDialect dialect, const SqlStatement *statement)
{
    SqlReader reader = {.dialect = dialect, .at = statement->text, .end = statement->text + statement->size, .line = 1};
    SqlStatement again;
    hold(sql_next(&reader, &again), "a statement is one");
    hold(again.text == statement->text && again.size == statement->size, "a statement is one alone, too");
    hold(again.kind == statement->kind && strcmp(again.word, statement->word) == 0, "and of the same kind");
    hold(!sql_next(&reader, &again), "it is not two");
}

static void read_all(SqlDialect dialect, const char *text, gsize size)
{
    SqlReader reader = {.dialect = dialect, .at = text, .end = text + size, .line = 1};
    SqlStatement statement;
    const char *last = text;
    while (sql_next(&reader, &statement)) {
        hold(statement.text >= last && statement.size > 0, "statements follow one another");
        hold(statement.text + statement.size <= text + size, "statements lie in the text");
        check_gap(dialect, last, statement.text);
        check_again(dialect, &statement);
        gsize above = (gsize)(statement.text - text);
        guint first = 1 + sql_lines(text, above), latest = first + sql_lines(statement.text, statement.size);
        hold(statement.kind == SQL_COMMAND ? statement.line >= first && statement.line <= latest
                                           : statement.line == first,
             "a statement knows its line");
        last = statement.text + statement.size;
    }
    hold(reader.at == reader.end, "all of it is read");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size); /* ends at a NUL */
    read_all(SQL_POSTGRES, text, strlen(text));
    read_all(SQL_SQLITE, text, strlen(text));
    SqlFile file = {.name = "a.sql", .bytes = text, .size = strlen(text), .alone = size % 2 == 1};
    g_autoptr(GError) error = NULL;
    hold(sql_file_check(&file, SQL_POSTGRES, &error) == !error, "what is refused has a reason");
    return 0;
}
