/* SPDX-License-Identifier: Apache-2.0 */
/* Finding statements in SQL, much as psql does (PostgreSQL's psqlscan.l). */
#include "base/sql.h"

#include "base/fault.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { WORDS = 5 };

typedef struct Scan {
    SqlReader *reader;
    SqlStatement *statement;
    char words[WORDS][24];
    guint n_words;
    guint parentheses, blocks;
    gboolean after_from;
} Scan;

guint sql_lines(const char *text, gsize size)
{
    guint n = 0;
    for (gsize i = 0; i < size; i++)
        n += text[i] == '\n';
    return n;
}

/* --- moving on --- */

static char peek(const SqlReader *reader, gsize ahead)
{
    return (gsize)(reader->end - reader->at) > ahead ? reader->at[ahead] : '\0';
}

static void move(SqlReader *reader, gsize n)
{
    n = MIN(n, (gsize)(reader->end - reader->at));
    reader->line += sql_lines(reader->at, n);
    reader->at += n;
}

static gboolean starts(const SqlReader *reader, const char *text)
{
    gsize size = strlen(text);
    return (gsize)(reader->end - reader->at) >= size && memcmp(reader->at, text, size) == 0;
}

static gboolean begins_word(char c)
{
    return g_ascii_isalpha(c) || c == '_' || (guchar)c >= 0x80;
}

static gboolean goes_on(char c)
{
    return begins_word(c) || g_ascii_isdigit(c) || c == '$';
}

static void skip_line(SqlReader *reader)
{
    while (reader->at < reader->end && *reader->at != '\n')
        reader->at++;
}

/* Comments nest in PostgreSQL. */
static void skip_comment(SqlReader *reader)
{
    guint depth = 0;
    do {
        gboolean opens = starts(reader, "/*"), closes = starts(reader, "*/");
        if (opens && (depth == 0 || reader->dialect == SQL_POSTGRES))
            depth++;
        else if (closes)
            depth--;
        move(reader, opens || closes ? 2 : 1);
    } while (depth > 0 && reader->at < reader->end);
}

/* The quote doubled stands for itself; with `escapes` a backslash quotes what follows. */
static void skip_quoted(SqlReader *reader, char quote, gboolean escapes)
{
    move(reader, 1);
    while (reader->at < reader->end) {
        char c = *reader->at;
        gboolean pair = (c == quote && peek(reader, 1) == quote && quote != ']') || (escapes && c == '\\');
        move(reader, pair ? 2 : 1);
        if (c == quote && !pair)
            return;
    }
}

/* $tag$ ... $tag$; FALSE: it is none. */
static gboolean skip_dollar(SqlReader *reader)
{
    gsize size = 1;
    while (begins_word(peek(reader, size)) || (size > 1 && g_ascii_isdigit(peek(reader, size))))
        size++;
    if (peek(reader, size) != '$')
        return FALSE;
    g_autofree char *tag = g_strndup(reader->at, size + 1);
    move(reader, size + 1);
    while (reader->at < reader->end && !starts(reader, tag))
        move(reader, 1);
    move(reader, strlen(tag));
    return TRUE;
}

static gboolean skip_blank(SqlReader *reader)
{
    const char *from = reader->at;
    if (starts(reader, "--"))
        skip_line(reader);
    else if (starts(reader, "/*"))
        skip_comment(reader);
    else if (g_ascii_isspace(peek(reader, 0)) || peek(reader, 0) == '\v')
        move(reader, 1);
    return reader->at > from;
}

/* --- words --- */

static gboolean word_is(const Scan *scan, guint i, const char *word)
{
    return i < scan->n_words && i < WORDS && strcmp(scan->words[i], word) == 0;
}

/* Statements whose body may hold statements of its own, between BEGIN and END. */
static gboolean may_have_body(const Scan *scan)
{
    if (!word_is(scan, 0, "CREATE"))
        return FALSE;
    if (scan->reader->dialect == SQL_SQLITE)
        return word_is(scan, 1, "TRIGGER") || word_is(scan, 2, "TRIGGER");
    guint i = word_is(scan, 1, "OR") && word_is(scan, 2, "REPLACE") ? 3 : 1;
    return word_is(scan, i, "FUNCTION") || word_is(scan, i, "PROCEDURE");
}

static void count_blocks(Scan *scan, const char *word)
{
    if (scan->parentheses > 0 || !may_have_body(scan))
        return;
    if (strcmp(word, "BEGIN") == 0 || (scan->blocks > 0 && strcmp(word, "CASE") == 0))
        scan->blocks++;
    else if (scan->blocks > 0 && strcmp(word, "END") == 0)
        scan->blocks--;
}

static void take_word(Scan *scan)
{
    SqlReader *reader = scan->reader;
    gsize size = 1;
    while (goes_on(peek(reader, size)))
        size++;
    g_autofree char *plain = g_strndup(reader->at, size);
    g_autofree char *word = g_ascii_strup(plain, -1);
    reader->at += size;
    if (strcmp(word, "E") == 0 && peek(reader, 0) == '\'' && reader->dialect == SQL_POSTGRES) {
        skip_quoted(reader, '\'', TRUE);
        return;
    }
    if (scan->n_words < WORDS)
        g_strlcpy(scan->words[scan->n_words], word, sizeof scan->words[0]);
    scan->n_words++;
    count_blocks(scan, word);
    if (scan->after_from && strcmp(word, "STDIN") == 0 && word_is(scan, 0, "COPY"))
        scan->statement->kind = SQL_COPY_STDIN;
    scan->after_from = scan->parentheses == 0 && strcmp(word, "FROM") == 0;
}

/* --- statements --- */

static gboolean is_command(const Scan *scan)
{
    const SqlReader *reader = scan->reader;
    if (reader->dialect == SQL_POSTGRES)
        return *reader->at == '\\';
    return *reader->at == '.' && reader->at == scan->statement->text && g_ascii_isalpha(peek(reader, 1));
}

/* A command ends with its line. */
static void take_command(Scan *scan)
{
    SqlReader *reader = scan->reader;
    const char *from = reader->at;
    g_autofree char *rest = g_strndup(from, (gsize)MIN(reader->end - from, (gssize)sizeof scan->statement->word));
    rest[strcspn(rest, " \t\r\n;")] = '\0';
    g_strlcpy(scan->statement->word, rest, sizeof scan->statement->word);
    scan->statement->kind = SQL_COMMAND;
    scan->statement->line = reader->line;
    skip_line(reader);
}

static void take_token(Scan *scan)
{
    SqlReader *reader = scan->reader;
    char c = *reader->at;
    gboolean sqlite = reader->dialect == SQL_SQLITE;
    if (begins_word(c)) {
        take_word(scan);
        return;
    }
    scan->after_from = FALSE;
    if (c == '\'' || c == '"' || (sqlite && c == '`'))
        skip_quoted(reader, c, FALSE);
    else if (sqlite && c == '[')
        skip_quoted(reader, ']', FALSE);
    else if (c == '$' && !sqlite && skip_dollar(reader))
        return;
    else if (g_ascii_isdigit(c) || c == '$')
        do
            reader->at++;
        while (goes_on(peek(reader, 0)));
    else {
        scan->parentheses += c == '(';
        scan->parentheses -= c == ')' && scan->parentheses > 0;
        move(reader, 1);
    }
}

static gboolean is_transaction(const Scan *scan)
{
    static const char *const simple[] = {"BEGIN", "COMMIT", "END", "ABORT", NULL};
    if (scan->n_words == 0)
        return FALSE;
    if (g_strv_contains(simple, scan->words[0]))
        return TRUE;
    if (word_is(scan, 0, "ROLLBACK")) /* back to a savepoint is no end */
        return !word_is(scan, 1, "TO") && !word_is(scan, 2, "TO");
    return (word_is(scan, 0, "START") || word_is(scan, 0, "PREPARE")) && word_is(scan, 1, "TRANSACTION");
}

gboolean sql_next(SqlReader *reader, SqlStatement *statement)
{
    Scan scan = {.reader = reader, .statement = statement};
    while (reader->at < reader->end && (skip_blank(reader) || *reader->at == ';'))
        if (reader->at < reader->end && *reader->at == ';')
            reader->at++;
    if (reader->at >= reader->end)
        return FALSE;
    *statement = (SqlStatement){.text = reader->at, .line = reader->line};
    const char *last = reader->at;
    while (reader->at < reader->end && statement->kind != SQL_COMMAND) {
        if (*reader->at == ';' && scan.parentheses == 0 && scan.blocks == 0)
            break;
        if (is_command(&scan))
            take_command(&scan);
        else if (skip_blank(reader))
            continue;
        else
            take_token(&scan);
        last = reader->at;
    }
    statement->size = (gsize)(last - statement->text);
    if (statement->kind == SQL_COMMAND)
        return TRUE;
    g_strlcpy(statement->word, scan.n_words > 0 ? scan.words[0] : "", sizeof statement->word);
    if (statement->kind == SQL_PLAIN && is_transaction(&scan))
        statement->kind = SQL_TRANSACTION;
    return TRUE;
}
