/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inner program that opens databases of the app: always as the app's user, never with rights, because whoever
 * writes a database file may have written it for us.
 */
#include "parts/backup/backup.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DONE, FAILED, WRONG_CALL, BUSY };
enum { BUSY_TIMEOUT_MS = 10000, PAGES_PER_STEP = 512, RESTARTS = 3 };

static void database_clear(sqlite3 **database)
{
    sqlite3_close(*database);
}
#define AUTO_DATABASE __attribute__((cleanup(database_clear))) sqlite3 *

static void statement_clear(sqlite3_stmt **statement)
{
    sqlite3_finalize(*statement);
}
#define AUTO_STATEMENT __attribute__((cleanup(statement_clear))) sqlite3_stmt *

static int fail(sqlite3 *database)
{
    fprintf(stderr, "%s\n", sqlite3_errmsg(database));
    return FAILED;
}

/* A closing connection would write the log into the database: looking must not change what it looks at. */
static void be_quiet(sqlite3 *database)
{
    sqlite3_busy_timeout(database, BUSY_TIMEOUT_MS);
    sqlite3_db_config(database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_db_config(database, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(database, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
}

static int readable(sqlite3 *database)
{
    return sqlite3_exec(database, "select count(*) from sqlite_schema", NULL, NULL, NULL);
}

/* Opens to read. Where a crash left a journal that only a writer can roll back, opens to write. */
static int open_to_read(const char *path, sqlite3 **database)
{
    int result = sqlite3_open_v2(path, database, SQLITE_OPEN_READONLY, NULL);
    be_quiet(*database);
    if (result == SQLITE_OK)
        result = readable(*database);
    if (result != SQLITE_READONLY && result != SQLITE_CANTOPEN)
        return result;
    sqlite3_close(*database);
    result = sqlite3_open_v2(path, database, SQLITE_OPEN_READWRITE, NULL);
    be_quiet(*database);
    return result == SQLITE_OK ? readable(*database) : result;
}

/* --- dump --- */

/* The dump's directory is named by a descriptor, as its parents are closed to us: SQLite must not make a full path of
 * it. */
static int keep_path(sqlite3_vfs *vfs, const char *path, int size, char *out)
{
    return g_strlcpy(out, path, (gsize)size) < (gsize)size ? SQLITE_OK : SQLITE_CANTOPEN;
}

static int open_to_dump(const char *path, sqlite3 **database)
{
    static sqlite3_vfs vfs;
    vfs = *sqlite3_vfs_find(NULL);
    vfs.zName = "as-named";
    vfs.pNext = NULL;
    vfs.xFullPathname = keep_path;
    int result = sqlite3_vfs_register(&vfs, 0);
    if (result != SQLITE_OK)
        return result;
    result = sqlite3_open_v2(path, database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, vfs.zName);
    /* Whoever takes the dump over syncs it; half of one is thrown away. */
    if (result == SQLITE_OK)
        result = sqlite3_exec(*database, "pragma journal_mode=off; pragma synchronous=off", NULL, NULL, NULL);
    return result;
}

static gboolean has_log(sqlite3 *database)
{
    AUTO_STATEMENT mode = NULL;
    return sqlite3_prepare_v2(database, "pragma journal_mode", -1, &mode, NULL) == SQLITE_OK &&
           sqlite3_step(mode) == SQLITE_ROW && g_strcmp0((const char *)sqlite3_column_text(mode, 0), "wal") == 0;
}

/* With a log one read transaction sees one state, whoever writes. Without, every write begins the dump anew: after some
 * of them it is made in one go, and writers wait. */
static int copy_pages(sqlite3 *from, sqlite3 *to)
{
    gboolean steady = has_log(from);
    if (steady && sqlite3_exec(from, "begin; select count(*) from sqlite_schema", NULL, NULL, NULL) != SQLITE_OK)
        return fail(from);
    sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");
    if (!backup)
        return fail(to);
    int result, restarts = 0, left = -1;
    gint64 deadline_us = g_get_monotonic_time() + 60 * G_USEC_PER_SEC;
    do {
        result = sqlite3_backup_step(backup, !steady && restarts >= RESTARTS ? -1 : PAGES_PER_STEP);
        int now_left = sqlite3_backup_remaining(backup);
        if (left >= 0 && now_left > left)
            restarts++;
        left = now_left;
        gboolean waits = result == SQLITE_BUSY || result == SQLITE_LOCKED;
        if (waits && g_get_monotonic_time() > deadline_us)
            break;
        if (waits || result == SQLITE_OK)
            g_usleep(waits ? 20000 : 500);
    } while (result == SQLITE_OK || result == SQLITE_BUSY || result == SQLITE_LOCKED);
    if (sqlite3_backup_finish(backup) == SQLITE_OK && result == SQLITE_DONE)
        return DONE;
    fprintf(stderr, "%s\n", sqlite3_errstr(result));
    return result == SQLITE_BUSY || result == SQLITE_LOCKED ? BUSY : FAILED;
}

static int dump(char **args)
{
    AUTO_DATABASE from = NULL;
    AUTO_DATABASE to = NULL;
    if (open_to_read(args[0], &from) != SQLITE_OK)
        return fail(from);
    if (open_to_dump(args[1], &to) != SQLITE_OK)
        return fail(to);
    return copy_pages(from, to);
}

/* --- check --- */

/* The dump is root's alone: it comes as a descriptor, and is read where it is mapped. The mapping is private, so
 * that the header can say "no log" (a database in memory has none) without a change to the file. */
static int open_mapped(int fd, sqlite3 **database)
{
    struct stat st;
    enum { HEADER = 100, WRITE_VERSION = 18, READ_VERSION = 19 };
    int result = sqlite3_open_v2(":memory:", database, SQLITE_OPEN_READWRITE, NULL);
    if (result != SQLITE_OK || fstat(fd, &st) < 0)
        return result != SQLITE_OK ? result : SQLITE_IOERR;
    if (st.st_size == 0) /* an empty file is an empty database */
        return SQLITE_OK;
    if (st.st_size < HEADER)
        return SQLITE_NOTADB;
    unsigned char *bytes = mmap(NULL, (gsize)st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        return SQLITE_NOMEM;
    if (bytes[WRITE_VERSION] == 2 && bytes[READ_VERSION] == 2)
        bytes[WRITE_VERSION] = bytes[READ_VERSION] = 1;
    return sqlite3_deserialize(*database, "main", bytes, st.st_size, st.st_size, SQLITE_DESERIALIZE_READONLY);
}

/* What the app brings itself (collations, functions) we cannot check with; the digest holds all the same. */
static gboolean needs_the_app(sqlite3 *database)
{
    const char *why = sqlite3_errmsg(database);
    return g_str_has_prefix(why, "no such collation") || g_str_has_prefix(why, "no such function") ||
           g_str_has_prefix(why, "no such module") || g_str_has_prefix(why, "unknown function");
}

static int check_integrity(sqlite3 *database)
{
    AUTO_STATEMENT rows = NULL;
    int result = sqlite3_prepare_v2(database, "pragma integrity_check(1)", -1, &rows, NULL);
    if (result == SQLITE_OK)
        result = sqlite3_step(rows);
    if (result != SQLITE_ROW && needs_the_app(database)) {
        fprintf(stderr, "not checked in full: %s\n", sqlite3_errmsg(database));
        return DONE;
    }
    if (result != SQLITE_ROW)
        return fail(database);
    const char *said = (const char *)sqlite3_column_text(rows, 0);
    if (g_strcmp0(said, "ok") == 0)
        return DONE;
    fprintf(stderr, "%s\n", said ? said : "damaged");
    return FAILED;
}

/* Rows without their parents are the app's affair and were so before: said, but no reason to refuse the dump. */
static void count_orphans(sqlite3 *database)
{
    AUTO_STATEMENT rows = NULL;
    guint64 n = 0;
    if (sqlite3_prepare_v2(database, "pragma foreign_key_check", -1, &rows, NULL) != SQLITE_OK)
        return;
    while (sqlite3_step(rows) == SQLITE_ROW)
        n++;
    if (n > 0)
        fprintf(stderr, "note: %" G_GUINT64_FORMAT " rows break a foreign key\n", n);
}

static int check(char **args)
{
    AUTO_DATABASE database = NULL;
    int result = open_mapped(atoi(args[0]), &database);
    if (result != SQLITE_OK) {
        fprintf(stderr, "%s\n", sqlite3_errstr(result));
        return FAILED;
    }
    be_quiet(database);
    int status = check_integrity(database);
    if (status == DONE)
        count_orphans(database);
    return status;
}

/* --- fingerprint --- */

static char *first_row(sqlite3 *database, const char *sql)
{
    AUTO_STATEMENT row = NULL;
    if (sqlite3_prepare_v2(database, sql, -1, &row, NULL) != SQLITE_OK || !row)
        return g_strdup_printf("(%s)", sqlite3_errmsg(database));
    if (!sqlite3_stmt_readonly(row))
        return g_strdup("(not a query)");
    GString *text = g_string_new(NULL);
    if (sqlite3_step(row) == SQLITE_ROW)
        for (int i = 0; i < sqlite3_column_count(row); i++)
            g_string_append_printf(text, "%s%s", i > 0 ? "|" : "", (const char *)sqlite3_column_text(row, i) ?: "null");
    return g_string_free(text, FALSE);
}

/* Tables that SQLite keeps for itself come and go with ANALYZE. */
static int digest_schema(sqlite3 *database, GChecksum *sum)
{
    AUTO_STATEMENT rows = NULL;
    int result = sqlite3_prepare_v2(database,
                                    "select type, name, tbl_name, sql from sqlite_schema where name not like "
                                    "'sqlite\\_%' escape '\\' order by 1, 2, 3",
                                    -1, &rows, NULL);
    if (result != SQLITE_OK)
        return result;
    while ((result = sqlite3_step(rows)) == SQLITE_ROW)
        for (int i = 0; i < 4; i++) {
            const char *text = (const char *)sqlite3_column_text(rows, i);
            g_checksum_update(sum, (const guchar *)(text ? text : ""), text ? (gssize)strlen(text) + 1 : 1);
        }
    return result == SQLITE_DONE ? SQLITE_OK : result;
}

/* The table that keeps book of migrations, where there is one. */
static int digest_book(sqlite3 *database, const char *table, GChecksum *sum)
{
    AUTO_STATEMENT rows = NULL;
    char *sql = sqlite3_mprintf("select name, checksum from \"%w\" order by 1", table);
    int result = sqlite3_prepare_v2(database, sql, -1, &rows, NULL);
    sqlite3_free(sql);
    if (result == SQLITE_ERROR)
        return SQLITE_OK;
    while (result == SQLITE_OK || result == SQLITE_ROW)
        if ((result = sqlite3_step(rows)) == SQLITE_ROW)
            for (int i = 0; i < 2; i++) {
                const char *text = (const char *)sqlite3_column_text(rows, i);
                g_checksum_update(sum, (const guchar *)(text ? text : ""), text ? (gssize)strlen(text) + 1 : 1);
            }
    return result == SQLITE_DONE ? SQLITE_OK : result;
}

static int fingerprint(char **args)
{
    AUTO_DATABASE database = NULL;
    if (open_to_read(args[0], &database) != SQLITE_OK)
        return fail(database);
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    /* One transaction, so that all of it tells of one state. */
    if (sqlite3_exec(database, "pragma query_only=1; begin", NULL, NULL, NULL) != SQLITE_OK ||
        digest_schema(database, sum) != SQLITE_OK ||
        (args[1] && args[2] && digest_book(database, args[2], sum) != SQLITE_OK))
        return fail(database);
    g_autofree char *version = first_row(database, "pragma user_version");
    printf("user_version=%s schema=%.16s", version, g_checksum_get_string(sum));
    if (args[1] && args[1][0]) {
        g_autofree char *row = first_row(database, args[1]);
        g_autofree char *shown = part_printable(row);
        g_autofree char *whole = g_compute_checksum_for_string(G_CHECKSUM_SHA256, row, -1);
        printf(" sql=%s", g_str_equal(row, shown) ? row : whole);
    }
    printf("\n");
    return DONE;
}

/* --- checkpoint --- */

static int checkpoint(char **args)
{
    AUTO_DATABASE database = NULL;
    if (sqlite3_open_v2(args[0], &database, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
        return fail(database);
    sqlite3_busy_timeout(database, 2000);
    if (readable(database) != SQLITE_OK) /* before it has read, a connection knows of no log */
        return fail(database);
    int result = sqlite3_wal_checkpoint_v2(database, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    if (result == SQLITE_OK)
        return DONE;
    fail(database);
    return result == SQLITE_BUSY || result == SQLITE_LOCKED ? BUSY : FAILED;
}

/* --- the table --- */

typedef struct Operation {
    const char *name;
    int (*run)(char **args);
    int min_args, max_args;
} Operation;

static const Operation operations[] = {
    {"dump", dump, 2, 2},
    {"check", check, 1, 1},
    {"fingerprint", fingerprint, 1, 3},
    {"checkpoint", checkpoint, 1, 1},
};

int backup_sqlite_main(int argc, char **argv)
{
    for (gsize i = 0; argc > 0 && i < G_N_ELEMENTS(operations); i++) {
        const Operation *operation = &operations[i];
        if (g_str_equal(argv[0], operation->name) && argc - 1 >= operation->min_args && argc - 1 <= operation->max_args)
            return operation->run(argv + 1);
    }
    fprintf(stderr, "usage: inner sqlite dump SRC DST | check FD | fingerprint FILE [SQL [TABLE]] | checkpoint FILE\n");
    return WRONG_CALL;
}
