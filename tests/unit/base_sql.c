/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of where statements begin and end, and of files that no migration can be. */
#include "base/fault.h"
#include "base/sql.h"

#include <string.h>

/* "LINE KIND WORD: TEXT" for each statement, on a line each. */
static char *read_all(SqlDialect dialect, const char *text)
{
    SqlReader reader = {.dialect = dialect, .at = text, .end = text + strlen(text), .line = 1};
    SqlStatement statement;
    GString *all = g_string_new(NULL);
    while (sql_next(&reader, &statement)) {
        g_autofree char *body = g_strndup(statement.text, statement.size);
        g_string_append_printf(all, "%u %d %s: %s\n", statement.line, (int)statement.kind, statement.word,
                               g_strdelimit(body, "\n", ' '));
    }
    return g_string_free(all, FALSE);
}

static void expect(SqlDialect dialect, const char *text, const char *expected)
{
    g_autofree char *all = read_all(dialect, text);
    g_assert_cmpstr(all, ==, expected);
}

static void simple(void)
{
    expect(SQL_POSTGRES, "", "");
    expect(SQL_POSTGRES, " ;; -- nothing\n/* at; all */;", "");
    expect(SQL_POSTGRES, "select 1", "1 0 SELECT: select 1\n");
    expect(SQL_POSTGRES, "-- one\nselect 1 -- two\n ;\n\n  select\n 2;",
           "2 0 SELECT: select 1\n5 0 SELECT: select  2\n");
    expect(SQL_SQLITE, "(select 1)", "1 0 SELECT: (select 1)\n");
}

static void quotes(void)
{
    expect(SQL_POSTGRES, "a 'x;''y;' b; c", "1 0 A: a 'x;''y;' b\n1 0 C: c\n");
    expect(SQL_POSTGRES, "a E'x\\';y'; b", "1 0 A: a E'x\\';y'\n1 0 B: b\n");
    expect(SQL_POSTGRES, "a 'x\\'; b", "1 0 A: a 'x\\'\n1 0 B: b\n");
    expect(SQL_POSTGRES, "a \"x;\"\"y\"; b", "1 0 A: a \"x;\"\"y\"\n1 0 B: b\n");
    expect(SQL_POSTGRES, "do $$ x; $a$ y $a$ $$; b", "1 0 DO: do $$ x; $a$ y $a$ $$\n1 0 B: b\n");
    expect(SQL_POSTGRES, "do $a$ x; $$ y; $a$; b$1$; c", "1 0 DO: do $a$ x; $$ y; $a$\n1 0 B$1$: b$1$\n1 0 C: c\n");
    expect(SQL_POSTGRES, "a $1; b", "1 0 A: a $1\n1 0 B: b\n");
    expect(SQL_POSTGRES, "a /* x; /* y; */ z; */; b", "1 0 A: a\n1 0 B: b\n");
    expect(SQL_SQLITE, "a /* x; /* y; */; b", "1 0 A: a\n1 0 B: b\n");
    expect(SQL_SQLITE, "a [x;y] `x;``y`; b", "1 0 A: a [x;y] `x;``y`\n1 0 B: b\n");
    expect(SQL_POSTGRES, "a 'never closed; b", "1 0 A: a 'never closed; b\n");
}

static void bodies(void)
{
    expect(SQL_POSTGRES, "create function f() returns int begin atomic; select case when 1 then 2 end; end; b",
           "1 0 CREATE: create function f() returns int begin atomic; select case when 1 then 2 end; end\n1 0 B: b\n");
    expect(SQL_POSTGRES, "create or replace procedure p() begin atomic; x; end; b",
           "1 0 CREATE: create or replace procedure p() begin atomic; x; end\n1 0 B: b\n");
    expect(SQL_SQLITE, "create temp trigger t after insert on u when case 1 when 1 then 1 end begin x; y; end; b",
           "1 0 CREATE: create temp trigger t after insert on u when case 1 when 1 then 1 end begin x; y; end\n"
           "1 0 B: b\n");
    expect(SQL_POSTGRES, "create rule r as on insert to t do (x; y); b",
           "1 0 CREATE: create rule r as on insert to t do (x; y)\n1 0 B: b\n");
}

static void transactions(void)
{
    static const char *const ends[] = {"BEGIN", "commit", "END", "abort", "rollback", "ROLLBACK WORK"};
    for (gsize i = 0; i < G_N_ELEMENTS(ends); i++) {
        g_autofree char *word = g_ascii_strup(ends[i], (gssize)strcspn(ends[i], " "));
        g_autofree char *expected = g_strdup_printf("1 2 %s: %s\n", word, ends[i]);
        expect(SQL_POSTGRES, ends[i], expected);
        expect(SQL_SQLITE, ends[i], expected);
    }
    expect(SQL_POSTGRES, "start transaction", "1 2 START: start transaction\n");
    expect(SQL_POSTGRES, "prepare transaction 'x'", "1 2 PREPARE: prepare transaction 'x'\n");
    expect(SQL_POSTGRES, "prepare q as select 1", "1 0 PREPARE: prepare q as select 1\n");
    expect(SQL_POSTGRES, "rollback to savepoint a", "1 0 ROLLBACK: rollback to savepoint a\n");
    expect(SQL_POSTGRES, "rollback work to a", "1 0 ROLLBACK: rollback work to a\n");
}

static void commands(void)
{
    expect(SQL_POSTGRES, "a;\n\\connect other\nb", "1 0 A: a\n2 1 \\connect: \\connect other\n3 0 B: b\n");
    expect(SQL_POSTGRES, "a\nb \\gexec", "2 1 \\gexec: a b \\gexec\n");
    expect(SQL_SQLITE, "a;\n.read x.sql\nb", "1 0 A: a\n2 1 .read: .read x.sql\n3 0 B: b\n");
    expect(SQL_SQLITE, "a .5", "1 0 A: a .5\n");
    expect(SQL_POSTGRES, "copy t (stdin) from stdin", "1 3 COPY: copy t (stdin) from stdin\n");
    expect(SQL_POSTGRES, "copy t from 'stdin'", "1 0 COPY: copy t from 'stdin'\n");
    expect(SQL_POSTGRES, "select a from stdin", "1 0 SELECT: select a from stdin\n");
}

static void refused(const char *text, const char *expected)
{
    g_autoptr(GError) error = NULL;
    const SqlFile file = {.name = "1.sql", .bytes = (char *)text, .size = strlen(text)};
    g_assert_false(sql_file_check(&file, SQL_POSTGRES, &error));
    g_assert_error(error, FAULT, FAULT_MIGRATE);
    g_autofree char *said = fault_text(error);
    g_assert_cmpstr(said, ==, expected);
}

static void bad_files(void)
{
    refused("a;\n\xff;", "1.sql:2: this is not text in UTF-8");
    refused("a;\n\\i x", "1.sql:2: '\\i' is a command of psql, not SQL");
    refused("a;\ncopy t from stdin", "1.sql:2: COPY FROM STDIN waits for rows that nobody sends");
    refused("begin;\na;\ncommit;", "1.sql:1: BEGIN would break the transaction that the file runs in");
    refused("-- liftlock: no-transactoin\na;",
            "1.sql:1: 'no-transactoin' cannot be asked of liftlock here, only 'no-transaction'");
    const char hidden[] = "a\0b";
    const SqlFile file = {.name = "1.sql", .bytes = (char *)hidden, .size = sizeof hidden - 1};
    g_assert_false(sql_file_check(&file, SQL_POSTGRES, NULL));
    const char alone[] = "-- liftlock: no-transaction\nbegin; commit;";
    const SqlFile good = {.name = "1.sql", .bytes = (char *)alone, .size = strlen(alone), .alone = TRUE};
    g_assert_true(sql_file_check(&good, SQL_POSTGRES, NULL));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sql/statements end at semicolons, and know their line", simple);
    g_test_add_func("/sql/what is quoted ends nothing", quotes);
    g_test_add_func("/sql/statements within statements are part of them", bodies);
    g_test_add_func("/sql/what begins and ends transactions is told", transactions);
    g_test_add_func("/sql/commands of a shell are told", commands);
    g_test_add_func("/sql/files that cannot run are refused by line", bad_files);
    return g_test_run();
}
