/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite: schema, statements, and files that are damaged, newer, locked, read-only or on a full disk. */
#include "base/database.h"
#include "base/fault.h"
#include "base/fs.h"

#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const DatabaseMigration schema[] = {
    {1, "CREATE TABLE app (name TEXT PRIMARY KEY, size INTEGER); CREATE TABLE job (id INTEGER PRIMARY KEY, app TEXT "
        "REFERENCES app (name));"},
    {2, "ALTER TABLE app ADD COLUMN version TEXT; INSERT INTO app (name, size) VALUES ('first', 1)"},
};

typedef struct Place {
    char *directory, *path;
} Place;

static void set_up(Place *place, gconstpointer data)
{
    place->directory = g_dir_make_tmp("liftlock-db-XXXXXX", NULL);
    place->path = g_build_filename(place->directory, "state.db", NULL);
}

static void tear_down(Place *place, gconstpointer data)
{
    g_autofree char *parent = g_path_get_dirname(place->directory), *name = g_path_get_basename(place->directory);
    fs_fd int fd = fs_open_dir(parent, NULL);
    g_assert_true(fs_remove_tree(fd, name, NULL));
    g_free(place->directory);
    g_free(place->path);
}

static Database *open_good(const Place *place, gboolean read_only)
{
    GError *error = NULL;
    Database *database = database_open(place->path, read_only, schema, G_N_ELEMENTS(schema), &error);
    g_assert_no_error(error);
    return database;
}

/* `format` has a %s for the path. */
static void assert_refused(const Place *place, gboolean read_only, int code, const char *before, const char *after)
{
    GError *error = NULL;
    g_assert_null(database_open(place->path, read_only, schema, G_N_ELEMENTS(schema), &error));
    g_assert_error(error, FAULT, code);
    g_autofree char *text = g_strconcat(before, "'", place->path, "'", after, NULL);
    g_assert_cmpstr(error->message, ==, text);
    g_error_free(error);
}

static void add_app(Database *database, const char *name, gint64 size)
{
    GError *error = NULL;
    database_run(database, &error, NULL, NULL, "INSERT INTO app (name, size) VALUES (?, ?)", "si", name, size);
    g_assert_no_error(error);
}

static void test_open(Place *place, gconstpointer data)
{
    g_autoptr(Database) database = open_good(place, FALSE);
    g_assert_cmpint(database_int(database, -1, "PRAGMA user_version", ""), ==, 2);
    g_assert_cmpint(database_int(database, -1, "PRAGMA synchronous", ""), ==, 2);
    g_assert_cmpint(database_int(database, -1, "PRAGMA foreign_keys", ""), ==, 1);
    g_autofree char *mode = database_text(database, NULL, "PRAGMA journal_mode", "");
    g_assert_cmpstr(mode, ==, "wal");
    int defensive = 0;
    sqlite3_db_config(database_handle(database), SQLITE_DBCONFIG_DEFENSIVE, -1, &defensive);
    g_assert_cmpint(defensive, ==, 1);
    struct stat st;
    g_assert_cmpint(stat(place->path, &st), ==, 0);
    g_assert_cmpint(st.st_mode & 0777, ==, 0600);
}

static gboolean stop_at_second(sqlite3_stmt *row, gpointer data)
{
    g_string_append_printf(data, "%s ", sqlite3_column_text(row, 0));
    return ((GString *)data)->len < 8;
}

static void test_statements(Place *place, gconstpointer data)
{
    g_autoptr(Database) database = open_good(place, FALSE);
    add_app(database, "b'; DROP TABLE app", G_MAXINT64);
    add_app(database, "c", -5);
    GError *error = NULL;
    g_autofree char *name = database_text(database, &error, "SELECT name FROM app WHERE size = ?", "i", G_MAXINT64);
    g_assert_cmpstr(name, ==, "b'; DROP TABLE app");
    g_assert_null(database_text(database, &error, "SELECT version FROM app WHERE name = ?", "s", "c"));
    g_assert_null(database_text(database, &error, "SELECT name FROM app WHERE name = ?", "s", NULL));
    g_assert_no_error(error);
    g_assert_cmpint(database_int(database, 9, "SELECT size FROM app WHERE name = ?", "s", "none"), ==, 9);
    g_assert_cmpint(database_int(database, 9, "SELECT no_such FROM app", ""), ==, 9);
    g_autoptr(GString) seen = g_string_new(NULL);
    g_assert_true(database_run(database, &error, stop_at_second, seen, "SELECT name FROM app ORDER BY size", ""));
    g_assert_cmpstr(seen->str, ==, "c first ");
}

static void assert_error(GError *error, int code, const char *text)
{
    g_assert_error(error, FAULT, code);
    g_assert_cmpstr(error->message, ==, text);
    g_error_free(error);
}

static void test_mistakes(Place *place, gconstpointer data)
{
    g_autoptr(Database) database = open_good(place, FALSE);
    GError *error = NULL;
    g_assert_false(database_run(database, &error, NULL, NULL, "DELETE FROM app WHERE name = ?", ""));
    assert_error(g_steal_pointer(&error), FAULT_STATE,
                 "wrong number of arguments for 'DELETE FROM app WHERE name = ?'");
    g_assert_false(database_run(database, &error, NULL, NULL, "SELECT 1; DELETE FROM app", ""));
    assert_error(g_steal_pointer(&error), FAULT_STATE, "not one statement: 'SELECT 1; DELETE FROM app'");
    g_assert_true(database_run(database, &error, NULL, NULL, "SELECT 1;\n", ""));
    g_assert_false(database_run(database, &error, NULL, NULL, "INSERT INTO job (app) VALUES (?)", "s", "nobody"));
    g_autofree char *text = g_strdup_printf("cannot use '%s': FOREIGN KEY constraint failed", place->path);
    assert_error(g_steal_pointer(&error), FAULT_STATE, text);
    g_assert_cmpint(database_int(database, 0, "SELECT count(*) FROM app", ""), ==, 1);
}

static void test_transactions(Place *place, gconstpointer data)
{
    g_autoptr(Database) database = open_good(place, FALSE);
    GError *error = NULL;
    g_assert_true(database_begin(database, &error));
    add_app(database, "a", 1);
    database_rollback(database);
    database_rollback(database);
    g_assert_true(database_begin(database, &error));
    add_app(database, "b", 1);
    g_assert_true(database_commit(database, &error));
    g_assert_no_error(error);
    g_autofree char *names =
        database_text(database, NULL, "SELECT group_concat(name, ' ') FROM (SELECT name FROM app ORDER BY rowid)", "");
    g_assert_cmpstr(names, ==, "first b");
    g_assert_false(database_commit(database, &error));
    g_autofree char *text = g_strdup_printf("cannot use '%s': cannot commit - no transaction is active", place->path);
    assert_error(error, FAULT_STATE, text);
}

static void test_migration_is_whole(Place *place, gconstpointer data)
{
    static const DatabaseMigration broken[] = {{1, "CREATE TABLE one (x)"},
                                               {2, "CREATE TABLE two (x); INSERT INTO none VALUES (1)"},
                                               {3, "CREATE TABLE three (x)"}};
    GError *error = NULL;
    g_assert_null(database_open(place->path, FALSE, broken, 3, &error));
    g_autofree char *text = g_strdup_printf("cannot use '%s': no such table: none", place->path);
    assert_error(error, FAULT_STATE, text);
    g_autoptr(Database) database = database_open(place->path, FALSE, broken, 1, NULL);
    g_autofree char *tables = database_text(database, NULL, "SELECT group_concat(name) FROM sqlite_schema", "");
    g_assert_cmpstr(tables, ==, "one");
    g_assert_cmpint(database_int(database, -1, "PRAGMA user_version", ""), ==, 1);
}

static gboolean has_no_app(Database *database)
{
    return database_int(database, -1, "SELECT count(*) FROM app", "") == 0;
}

static void test_gate(Place *place, gconstpointer data)
{
    GError *error = NULL;
    g_autoptr(Database) first = database_open_gated(place->path, FALSE, schema, 1, has_no_app, &error);
    g_assert_no_error(error); /* what was not there is made without asking */
    add_app(first, "a", 1);
    g_autoptr(Database) kept = database_open_gated(place->path, FALSE, schema, 2, has_no_app, &error);
    g_assert_no_error(error);
    g_assert_cmpint(database_int(kept, -1, "PRAGMA user_version", ""), ==, 1);
    g_assert_true(database_is_known(first, schema, 1, &error));
    database_run(kept, NULL, NULL, NULL, "DELETE FROM app", "");
    g_autoptr(Database) changed = database_open_gated(place->path, FALSE, schema, 2, has_no_app, &error);
    g_assert_no_error(error);
    g_assert_cmpint(database_int(changed, -1, "PRAGMA user_version", ""), ==, 2);
    g_assert_false(database_is_known(first, schema, 1, &error)); /* which was opened before */
    g_assert_error(error, FAULT, FAULT_CONFIG);
    g_clear_error(&error);
}

static void test_newer(Place *place, gconstpointer data)
{
    g_autoptr(Database) database = open_good(place, FALSE);
    g_assert_true(database_run(database, NULL, NULL, NULL, "PRAGMA user_version = 7", ""));
    assert_refused(place, FALSE, FAULT_CONFIG, "",
                   " was written by a newer version (schema 7, this one knows 2)\nuse the newer version of liftlock");
    g_autoptr(Database) reader = open_good(place, TRUE);
    g_assert_cmpint(database_int(reader, 0, "SELECT size FROM app", ""), ==, 1);
}

static void test_read_only(Place *place, gconstpointer data)
{
    assert_refused(place, TRUE, FAULT_ABSENT, "", " does not exist");
    g_assert_cmpint(access(place->path, F_OK), ==, -1);
    g_autoptr(Database) writer = open_good(place, FALSE);
    add_app(writer, "still in the log", 3);
    g_autoptr(Database) reader = open_good(place, TRUE);
    g_assert_cmpint(database_int(reader, 0, "SELECT sum(size) FROM app", ""), ==, 4);
    GError *error = NULL;
    g_assert_false(database_run(reader, &error, NULL, NULL, "DELETE FROM app", ""));
    g_autofree char *text = g_strdup_printf("cannot use '%s': attempt to write a readonly database", place->path);
    assert_error(error, FAULT_RIGHTS, text);
    g_clear_pointer(&writer, database_close);
    add_app(writer = open_good(place, FALSE), "more", 4);
    g_assert_cmpint(database_int(reader, 0, "SELECT sum(size) FROM app", ""), ==, 8);
}

/* Runs `act` without root's rights. */
static void as_ordinary_user(void (*act)(const Place *), const Place *place)
{
    pid_t pid = fork();
    if (pid == 0) {
        if (geteuid() == 0 && (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0))
            _exit(99);
        act(place);
        _exit(0);
    }
    int status = -1;
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_cmpint(status, ==, 0);
}

static void read_without_rights(const Place *place)
{
    g_autoptr(Database) reader = open_good(place, TRUE);
    g_assert_cmpint(database_int(reader, 0, "SELECT size FROM app", ""), ==, 1);
    assert_refused(place, FALSE, FAULT_RIGHTS, "cannot use ", ": attempt to write a readonly database");
}

static void read_forbidden(const Place *place)
{
    assert_refused(place, TRUE, FAULT_RIGHTS, "cannot open ", ": permission denied");
    assert_refused(place, FALSE, FAULT_RIGHTS, "cannot open ", ": permission denied");
}

static void test_without_rights(Place *place, gconstpointer data)
{
    database_close(open_good(place, FALSE));
    g_assert_cmpint(chmod(place->path, 0444), ==, 0);
    g_assert_cmpint(chmod(place->directory, 0555), ==, 0);
    as_ordinary_user(read_without_rights, place);
    g_assert_cmpint(chmod(place->path, 0000), ==, 0);
    as_ordinary_user(read_forbidden, place);
    g_assert_cmpint(chmod(place->directory, 0700), ==, 0);
}

static void test_damage(Place *place, gconstpointer data)
{
    Database *database = open_good(place, FALSE);
    g_autofree char *text = g_strnfill(20000, 'x');
    for (guint i = 0; i < 20; i++)
        database_run(database, NULL, NULL, NULL, "INSERT INTO app (name, version) VALUES (hex(randomblob(8)), ?)", "s",
                     text);
    database_close(database);
    g_assert_cmpint(truncate(place->path, 8192), ==, 0);
    static const char *const malformed = " is damaged: database disk image is malformed\nrun 'liftlock recover'";
    assert_refused(place, FALSE, FAULT_STATE, "", malformed);
    assert_refused(place, TRUE, FAULT_STATE, "", malformed);
    static const char *const garbage = " is damaged: file is not a database\nrun 'liftlock recover'";
    g_assert_true(g_file_set_contents(place->path, text, 20000, NULL));
    assert_refused(place, FALSE, FAULT_STATE, "", garbage);
    assert_refused(place, TRUE, FAULT_STATE, "", garbage);
    struct stat st;
    g_assert_cmpint(stat(place->path, &st), ==, 0);
    g_assert_cmpint(st.st_size, ==, 20000);
}

/* A page that is wrong inside shows when it is read. */
static void test_damage_inside(Place *place, gconstpointer data)
{
    Database *database = open_good(place, FALSE);
    database_close(database);
    fs_fd int fd = open(place->path, O_WRONLY);
    g_autofree char *bytes = g_strnfill(4096, '\xee');
    for (int page = 1; page < 5; page++)
        g_assert_cmpint(pwrite(fd, bytes, 4096, page * 4096), ==, 4096);
    g_autoptr(Database) again = open_good(place, FALSE);
    GError *error = NULL;
    g_assert_null(database_text(again, &error, "SELECT name FROM app WHERE size = ?", "i", (gint64)1));
    g_autofree char *text =
        g_strdup_printf("'%s' is damaged: database disk image is malformed\nrun 'liftlock recover'", place->path);
    assert_error(error, FAULT_STATE, text);
}

static void test_full(Place *place, gconstpointer data)
{
    g_autoptr(Database) database = open_good(place, FALSE);
    g_assert_true(database_run(database, NULL, NULL, NULL, "PRAGMA max_page_count = 10", ""));
    GError *error = NULL;
    g_assert_false(
        database_run(database, &error, NULL, NULL, "INSERT INTO app (name) VALUES (hex(zeroblob(90000)))", ""));
    g_autofree char *text = g_strdup_printf("cannot use '%s': database or disk is full", place->path);
    assert_error(error, FAULT_SPACE, text);
    add_app(database, "small", 1);
}

static void test_link(Place *place, gconstpointer data)
{
    g_autofree char *target = g_build_filename(place->directory, "elsewhere", NULL);
    g_assert_true(g_file_set_contents(target, "", 0, NULL));
    g_assert_cmpint(symlink(target, place->path), ==, 0);
    assert_refused(place, FALSE, FAULT_SYSTEM, "cannot open ", ": it is a symbolic link");
    assert_refused(place, TRUE, FAULT_SYSTEM, "cannot open ", ": it is a symbolic link");
    struct stat st;
    g_assert_cmpint(stat(target, &st), ==, 0);
    g_assert_cmpint(st.st_size, ==, 0);
}

static void test_locked(Place *place, gconstpointer data)
{
    g_autoptr(Database) one = open_good(place, FALSE), two = open_good(place, FALSE);
    g_assert_true(database_begin(one, NULL));
    sqlite3_busy_timeout(database_handle(two), 10);
    GError *error = NULL;
    g_assert_false(database_begin(two, &error));
    g_autofree char *text = g_strdup_printf("cannot use '%s': database is locked", place->path);
    assert_error(error, FAULT_BUSY, text);
    g_assert_cmpint(database_int(two, 0, "SELECT size FROM app", ""), ==, 1);
}

static void add(const char *name, void (*test)(Place *, gconstpointer))
{
    g_test_add(name, Place, NULL, set_up, test, tear_down);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add("/database/a new file is private, durable and of the newest schema", test_open);
    add("/database/arguments are bound not pasted", test_statements);
    add("/database/statements that do not fit are refused", test_mistakes);
    add("/database/transactions end one way or the other", test_transactions);
    add("/database/a migration happens whole or not", test_migration_is_whole);
    add("/database/a newer schema opens only to read", test_newer);
    add("/database/a schema is changed when its gate opens", test_gate);
    add("/database/a reader changes nothing and sees what is written", test_read_only);
    add("/database/without rights it can still be read where that is allowed", test_without_rights);
    add("/database/a damaged file is told and left alone", test_damage);
    add("/database/a damaged page is told when it is read", test_damage_inside);
    add("/database/a full disk is told", test_full);
    add("/database/a link in place of the file is refused", test_link);
    add("/database/a lock held by another is told", test_locked);
    return g_test_run();
}
