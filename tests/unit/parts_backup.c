/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of backups: dumps that hold what they say, and copies that come back from wherever the power went. */
#include "base/digest.h"
#include "base/fault.h"
#include "base/fs.h"
#include "model/policy.h"
#include "parts/backup/backup.h"
#include "parts/backup/drivers.h"
#include "parts/backup/swap.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

enum { APP = 65534 };

static gboolean is_root(void)
{
    return geteuid() == 0;
}

/* --- the stage --- */

typedef struct Notes {
    Facts facts;
    GHashTable *table;
} Notes;

static const char *notes_get(Facts *facts, const char *key)
{
    return g_hash_table_lookup(((Notes *)facts)->table, key);
}

static gboolean notes_set(Facts *facts, const char *key, const char *value, GError **error)
{
    g_hash_table_insert(((Notes *)facts)->table, g_strdup(key), g_strdup(value));
    return TRUE;
}

typedef struct Scene {
    char *directory, *dumps;
    HostPlace *host;
    Place *place;
    Notes notes;
    PartContext context;
    GString *lines;
    DataSet set;
    const BackupDriver *driver;
} Scene;

static void keep_line(const char *line, gpointer data)
{
    g_string_append_printf(data, "%s\n", line);
}

static char *in_root(const Scene *scene, const char *path)
{
    return g_build_filename(scene->place->root, path, NULL);
}

static void give_to_app(const Scene *scene, const char *path)
{
    g_autofree char *full = in_root(scene, path);
    if (is_root())
        g_assert_no_errno(lchown(full, APP, APP));
}

static void make_app_dir(const Scene *scene, const char *path)
{
    g_autofree char *full = in_root(scene, path);
    g_assert_cmpint(g_mkdir_with_parents(full, 0755), ==, 0);
    give_to_app(scene, path);
}

static void use(Scene *scene, DataSet set)
{
    g_autoptr(GError) error = NULL;
    scene->set = set;
    scene->driver = backup_find(&scene->set, &error);
    g_assert_no_error(error);
}

static void scene_build(Scene *scene)
{
    scene->host = host_place_new(scene->directory);
    scene->place = place_new(scene->host, "bookshelf", NULL);
    scene->place->user = g_strdup("nobody");
    scene->place->uid = scene->place->gid = APP;
    scene->place->change_user = is_root();
    scene->notes = (Notes){{notes_get, notes_set}, g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free)};
    scene->lines = g_string_new(NULL);
    scene->context = (PartContext){.place = scene->place,
                                   .job = "7",
                                   .facts = &scene->notes.facts,
                                   .lock_fd = -1,
                                   .on_line = keep_line,
                                   .on_line_data = scene->lines};
    make_app_dir(scene, "shared");
    scene->dumps = g_build_filename(scene->directory, "dumps", NULL);
    g_assert_no_errno(mkdir(scene->dumps, 0700));
}

static void scene_set(Scene *scene, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    scene->directory = g_dir_make_tmp("liftlock-XXXXXX", &error);
    g_assert_no_error(error);
    g_assert_no_errno(chmod(scene->directory, 0755));
    scene_build(scene);
    use(scene, (DataSet){.name = (char *)"main", .driver = (char *)"sqlite", .path = (char *)"shared/app.db"});
}

static void scene_clear(Scene *scene, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    fs_fd int top = fs_open_dir("/", NULL);
    fs_remove_tree(top, scene->directory + 1, &error);
    g_assert_no_error(error);
    g_hash_table_unref(scene->notes.table);
    g_string_free(scene->lines, TRUE);
    place_free(scene->place);
    host_place_free(scene->host);
    g_free(scene->dumps);
    g_free(scene->directory);
}

/* --- words of the tests --- */

static void assert_fault(const GError *error, enum fault_code code, const char *text)
{
    g_assert_error(error, FAULT, (int)code);
    g_assert_cmpstr(error->message, ==, text);
}

static gboolean exists(const Scene *scene, const char *path)
{
    struct stat st;
    g_autofree char *full = in_root(scene, path);
    return lstat(full, &st) == 0;
}

static struct stat look(const Scene *scene, const char *path)
{
    struct stat st = {0};
    g_autofree char *full = in_root(scene, path);
    g_assert_no_errno(lstat(full, &st));
    return st;
}

/* Writes as an app does: into the file, not over it. */
static void put(const Scene *scene, const char *path, const char *text)
{
    g_autofree char *full = in_root(scene, path);
    fs_fd int fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    g_assert_cmpint(write(fd, text, strlen(text)), ==, (gssize)strlen(text));
    give_to_app(scene, path);
}

static void assert_text(const Scene *scene, const char *path, const char *expected)
{
    g_autofree char *full = in_root(scene, path), *text = NULL;
    g_assert_true(g_file_get_contents(full, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, expected);
}

static void move(const Scene *scene, const char *from, const char *to)
{
    g_autofree char *full_from = in_root(scene, from), *full_to = in_root(scene, to);
    g_assert_no_errno(rename(full_from, full_to));
}

#define DO(scene, operation, ...)                                                                                      \
    G_STMT_START                                                                                                       \
    {                                                                                                                  \
        g_autoptr(GError) problem = NULL;                                                                              \
        (scene)->driver->operation(&(scene)->context, &(scene)->set, ##__VA_ARGS__, &problem);                         \
        g_assert_no_error(problem);                                                                                    \
    }                                                                                                                  \
    G_STMT_END

static gboolean changed(Scene *scene)
{
    return scene->driver->changed(&scene->context, &scene->set);
}

static void assert_fingerprint(Scene *scene, const char *expected)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = scene->driver->fingerprint(&scene->context, &scene->set, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(text, ==, expected);
}

/* --- databases --- */

static void run_sql(sqlite3 *database, const char *sql)
{
    char *problem = NULL;
    sqlite3_exec(database, sql, NULL, NULL, &problem);
    g_assert_cmpstr(problem, ==, NULL);
}

static sqlite3 *open_database(const Scene *scene, const char *path)
{
    sqlite3 *database = NULL;
    g_autofree char *full = in_root(scene, path);
    g_assert_cmpint(sqlite3_open(full, &database), ==, SQLITE_OK);
    sqlite3_busy_timeout(database, 5000);
    run_sql(database, "pragma synchronous=off"); /* the disk need not see what the test does */
    return database;
}

static void give_database(const Scene *scene)
{
    static const char *const files[] = {"shared/app.db", "shared/app.db-wal", "shared/app.db-shm",
                                        "shared/app.db-journal"};
    for (guint i = 0; i < G_N_ELEMENTS(files); i++)
        if (exists(scene, files[i]))
            give_to_app(scene, files[i]);
}

static void sql(const Scene *scene, const char *text)
{
    sqlite3 *database = open_database(scene, "shared/app.db");
    run_sql(database, text);
    sqlite3_close(database);
    give_database(scene);
}

/* The same by a process that dies before it tidies up: the log stays behind. */
static void sql_and_die(const Scene *scene, const char *text)
{
    pid_t pid = fork();
    if (pid == 0) {
        run_sql(open_database(scene, "shared/app.db"), text);
        _exit(0);
    }
    int status;
    g_assert_no_errno(waitpid(pid, &status, 0));
    g_assert_cmpint(status, ==, 0);
    give_database(scene);
}

static char *value(const char *path, const char *query)
{
    sqlite3 *database = NULL;
    sqlite3_stmt *row = NULL;
    g_assert_cmpint(sqlite3_open_v2(path, &database, SQLITE_OPEN_READWRITE, NULL), ==, SQLITE_OK);
    g_assert_cmpint(sqlite3_prepare_v2(database, query, -1, &row, NULL), ==, SQLITE_OK);
    g_assert_cmpint(sqlite3_step(row), ==, SQLITE_ROW);
    char *text = g_strdup((const char *)sqlite3_column_text(row, 0));
    sqlite3_finalize(row);
    sqlite3_close(database);
    return text;
}

static void assert_value(const Scene *scene, const char *path, const char *query, const char *expected)
{
    g_autofree char *full = in_root(scene, path);
    g_autofree char *text = value(full, query);
    g_assert_cmpstr(text, ==, expected);
}

#define FIRST "pragma journal_mode=wal; create table book(title); insert into book values('Emma')"
#define SECOND "insert into book values('Persuasion')"
#define TITLES "select group_concat(title) from book"

/* A database whose last row is still in its log. */
static void make_database(const Scene *scene)
{
    sql(scene, FIRST);
    sql_and_die(scene, SECOND);
    g_assert_cmpint(look(scene, "shared/app.db-wal").st_size, >, 0);
}

/* --- the table --- */

static void find_faults(void)
{
    static const struct {
        DataSet set;
        const char *text;
    } rows[] = {
        {{.name = (char *)"main", .driver = (char *)"sqlit"},
         "data 'main': unknown driver 'sqlit'; did you mean 'sqlite'?"},
        {{.name = (char *)"main", .driver = (char *)"oracle"}, "data 'main': unknown driver 'oracle'"},
        {{.name = (char *)"main"}, "data 'main': unknown driver ''"},
        {{.name = (char *)"main", .driver = (char *)"sqlite"}, "data 'main': driver sqlite needs 'path'"},
        {{.name = (char *)"main", .driver = (char *)"files"}, "data 'main': driver files needs 'path'"},
        {{.name = (char *)"main", .driver = (char *)"command"}, "data 'main': driver command needs 'save'"},
        {{.name = (char *)"main", .driver = (char *)"command", .save = (char *)"true"},
         "data 'main': driver command needs 'restore'"},
        {{.name = (char *)"../x", .driver = (char *)"files"},
         "data '../x': a name is 1 to 64 letters, digits, '_' and '-'"},
        {{.name = (char *)"", .driver = (char *)"files"}, "data '': a name is 1 to 64 letters, digits, '_' and '-'"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(backup_find(&rows[i].set, &error));
        assert_fault(error, FAULT_MANIFEST, rows[i].text);
    }
}

/* --- sqlite: dumps --- */

static char *dump_path(const Scene *scene, const char *name)
{
    return g_build_filename(scene->dumps, name, NULL);
}

static void sqlite_dump(Scene *scene, gconstpointer unused)
{
    make_database(scene);
    sqlite3 *writer = open_database(scene, "shared/app.db");
    run_sql(writer, "begin immediate; insert into book values('Sanditon')"); /* unfinished, as the novel is */
    DO(scene, dump, scene->dumps);
    run_sql(writer, "commit");
    sqlite3_close(writer);
    DO(scene, verify, scene->dumps);
    g_autofree char *path = dump_path(scene, "main"), *copy = in_root(scene, "read-me");
    struct stat st;
    g_assert_no_errno(stat(path, &st));
    g_assert_cmpuint(st.st_mode & 07777, ==, 0600);
    g_assert_cmpuint(st.st_uid, ==, geteuid());
    fs_fd int dumps = fs_open_dir(scene->dumps, NULL);
    fs_fd int root = fs_open_dir(scene->place->root, NULL);
    g_assert_true(fs_copy_tree(dumps, "main", root, "read-me", NULL));
    g_autofree char *titles = value(copy, TITLES);
    g_assert_cmpstr(titles, ==, "Emma,Persuasion");
    g_assert_false(fs_exists(dumps, ".main.work"));
    /* The dump alone is whole: nothing lies beside it but its digest. */
    g_assert_false(fs_exists(dumps, "main-wal") || fs_exists(dumps, "main-journal"));
    assert_value(scene, "shared/app.db", TITLES, "Emma,Persuasion,Sanditon");
}

static void sqlite_dump_again(Scene *scene, gconstpointer unused)
{
    make_database(scene);
    DO(scene, dump, scene->dumps);
    sql(scene, "insert into book values('Emma, again')");
    g_autofree char *work = dump_path(scene, ".main.work");
    g_assert_no_errno(mkdir(work, 0700)); /* of a try that was killed */
    DO(scene, dump, scene->dumps);
    DO(scene, verify, scene->dumps);
    g_autofree char *path = dump_path(scene, "main");
    g_autofree char *titles = value(path, TITLES);
    g_assert_cmpstr(titles, ==, "Emma,Persuasion,Emma, again");
}

static void sqlite_dump_of_rollback_journal(Scene *scene, gconstpointer unused)
{
    sql(scene, "create table n(x); with recursive c(x) as (select 1 union all select x+1 from c where x<20000) insert "
               "into n select x from c");
    pid_t writer = fork();
    if (writer == 0) {
        sqlite3 *database = open_database(scene, "shared/app.db");
        for (;;)
            run_sql(database, "update n set x = x + 1 where x % 1000 = 0");
    }
    DO(scene, dump, scene->dumps);
    g_assert_no_errno(kill(writer, SIGKILL));
    waitpid(writer, NULL, 0);
    DO(scene, verify, scene->dumps);
    g_autofree char *path = dump_path(scene, "main");
    g_autofree char *n = value(path, "select count(*) from n");
    g_assert_cmpstr(n, ==, "20000");
}

static void note_anew(const char *path)
{
    fs_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    g_autofree char *digest = digest_fd(fd, NULL, NULL);
    g_autofree char *note = g_strconcat(path, ".sha256", NULL);
    g_assert_true(g_file_set_contents(note, digest, -1, NULL));
}

static void write_at(const char *path, off_t offset, const char *bytes, gsize size)
{
    fs_fd int fd = open(path, O_WRONLY | O_CLOEXEC);
    g_assert_cmpint(pwrite(fd, bytes, size, offset), ==, (gssize)size);
}

static void sqlite_verify(Scene *scene, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = dump_path(scene, "main"), *note = dump_path(scene, "main.sha256");
    make_database(scene);
    DO(scene, dump, scene->dumps);
    write_at(path, 4096 + 100, "????", 4);
    g_assert_false(scene->driver->verify(&scene->context, &scene->set, scene->dumps, &error));
    assert_fault(error, FAULT_BACKUP, "data 'main': the dump is not what was written");
    g_clear_error(&error);
    /* A dump that was damaged before its digest was taken. */
    write_at(path, 0, "SQLite form 4", 13);
    note_anew(path);
    g_assert_false(scene->driver->verify(&scene->context, &scene->set, scene->dumps, &error));
    assert_fault(error, FAULT_BACKUP, "data 'main': file is not a database");
    g_clear_error(&error);
    g_assert_no_errno(unlink(path));
    g_assert_false(scene->driver->verify(&scene->context, &scene->set, scene->dumps, &error));
    assert_fault(error, FAULT_BACKUP, "data 'main': the dump is gone");
    g_clear_error(&error);
    g_assert_no_errno(unlink(note));
    g_assert_false(scene->driver->verify(&scene->context, &scene->set, scene->dumps, &error));
    assert_fault(error, FAULT_ABSENT, "data 'main': 'main.sha256' does not exist");
}

static void sqlite_verify_reads_pages(Scene *scene, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = dump_path(scene, "main");
    sql(scene, "create table n(x); create index i on n(x); insert into n values(1),(2),(3)");
    DO(scene, dump, scene->dumps);
    DO(scene, verify, scene->dumps);
    /* The last page is the index's: without its cells the rows have no entries. */
    struct stat st;
    g_assert_no_errno(stat(path, &st));
    write_at(path, st.st_size - 4096 + 3, "\0\0", 2);
    note_anew(path);
    g_assert_false(scene->driver->verify(&scene->context, &scene->set, scene->dumps, &error));
    g_assert_error(error, FAULT, FAULT_BACKUP);
    g_assert_true(g_str_has_prefix(error->message, "data 'main': "));
}

static void sqlite_orphans_are_said(Scene *scene, gconstpointer unused)
{
    sql(scene, "create table a(id integer primary key); create table b(a references a(id)); insert into b values(7)");
    DO(scene, dump, scene->dumps);
    DO(scene, verify, scene->dumps);
    g_assert_cmpstr(scene->lines->str, ==, "note: 1 rows break a foreign key\n");
}

static void sqlite_absent(Scene *scene, gconstpointer unused)
{
    guint64 bytes = 7;
    gboolean shared = TRUE;
    assert_fingerprint(scene, "absent");
    DO(scene, size, &bytes, &shared);
    g_assert_cmpuint(bytes, ==, 0);
    DO(scene, sync);
    DO(scene, dump, scene->dumps);
    DO(scene, verify, scene->dumps);
    g_autofree char *note = dump_path(scene, "main.sha256"), *text = NULL;
    g_assert_true(g_file_get_contents(note, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, "absent\n");
    /* A dump of nothing puts nothing in the place of what came since. */
    make_database(scene);
    DO(scene, copy);
    DO(scene, restore, scene->dumps);
    g_assert_false(exists(scene, "shared/app.db"));
    DO(scene, put_back);
    assert_value(scene, "shared/app.db", TITLES, "Emma,Persuasion");
}

static void sqlite_no_database(Scene *scene, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    put(scene, "shared/app.db",
        "this is some text, and long enough that nobody takes it for an empty database. "
        "It goes on for more than a hundred bytes.");
    g_assert_false(scene->driver->dump(&scene->context, &scene->set, scene->dumps, &error));
    assert_fault(error, FAULT_BACKUP, "data 'main': file is not a database");
    g_clear_error(&error);
    g_assert_null(scene->driver->fingerprint(&scene->context, &scene->set, &error));
    assert_fault(error, FAULT_BACKUP, "data 'main': file is not a database");
    fs_fd int dumps = fs_open_dir(scene->dumps, NULL);
    g_assert_false(fs_exists(dumps, "main") || fs_exists(dumps, ".main.work") || fs_exists(dumps, "main.sha256"));
}

/* --- sqlite: what it looks like --- */

static void sqlite_fingerprint(Scene *scene, gconstpointer unused)
{
    make_database(scene);
    struct stat before = look(scene, "shared/app.db"), log_before = look(scene, "shared/app.db-wal");
    g_autofree char *first = scene->driver->fingerprint(&scene->context, &scene->set, NULL);
    g_assert_true(g_str_has_prefix(first, "user_version=0 schema="));
    struct stat after = look(scene, "shared/app.db"), log_after = look(scene, "shared/app.db-wal");
    g_assert_cmpint(after.st_ctim.tv_nsec, ==, before.st_ctim.tv_nsec);
    g_assert_cmpint(log_after.st_size, ==, log_before.st_size);
    sql(scene, "insert into book values('rows do not count'); analyze");
    assert_fingerprint(scene, first);
    sql(scene, "pragma user_version=42");
    g_autofree char *versioned = g_strconcat("user_version=42", strchr(first, ' '), NULL);
    assert_fingerprint(scene, versioned);
    sql(scene, "pragma user_version=0; alter table book add column author");
    g_autofree char *altered = scene->driver->fingerprint(&scene->context, &scene->set, NULL);
    g_assert_cmpstr(altered, !=, first);
}

static void sqlite_fingerprint_query(Scene *scene, gconstpointer unused)
{
    static const struct {
        const char *query, *end;
    } rows[] = {
        {"select max(rowid), 'x' from book", " sql=2|x"},
        {"select null", " sql=null"},
        {"select title from book where 0", " sql="},
        {"select max(name) from migration_history", " sql=(no such table: migration_history)"},
        {"delete from book", " sql=(not a query)"},
    };
    make_database(scene);
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        scene->set.fingerprint = (char *)rows[i].query;
        g_autofree char *text = scene->driver->fingerprint(&scene->context, &scene->set, NULL);
        g_assert_cmpstr(strstr(text, " sql="), ==, rows[i].end);
    }
    assert_value(scene, "shared/app.db", TITLES, "Emma,Persuasion");
}

static void sqlite_sessions(Scene *scene, gconstpointer unused)
{
    make_database(scene);
    g_assert_null(scene->driver->sessions(&scene->context, &scene->set));
    int ready[2], end[2];
    g_assert_no_errno(pipe(ready));
    g_assert_no_errno(pipe(end));
    pid_t pid = fork();
    if (pid == 0) {
        close(end[1]);
        sqlite3 *database = open_database(scene, "shared/app.db");
        run_sql(database, TITLES);
        g_assert_cmpint(write(ready[1], "x", 1), ==, 1);
        char byte;
        _exit(read(end[0], &byte, 1) == 0 ? 0 : 1);
    }
    char byte;
    g_assert_cmpint(read(ready[0], &byte, 1), ==, 1);
    g_autofree char *text = scene->driver->sessions(&scene->context, &scene->set);
    g_autofree char *start = g_strdup_printf("%d (", (int)pid);
    g_assert_true(text && g_str_has_prefix(text, start));
    close(end[1]);
    waitpid(pid, NULL, 0);
    close(end[0]);
    close(ready[0]);
    close(ready[1]);
}

static void sqlite_sync(Scene *scene, gconstpointer unused)
{
    make_database(scene);
    DO(scene, sync);
    g_assert_false(exists(scene, "shared/app.db-wal"));
    assert_value(scene, "shared/app.db", TITLES, "Emma,Persuasion");
}

/* --- sqlite: the copy --- */

static void migrate(const Scene *scene)
{
    sql_and_die(scene, "alter table book add column author; insert into book values('Ulysses','Joyce')");
}

static void assert_back(const Scene *scene)
{
    assert_value(scene, "shared/app.db", TITLES, "Emma,Persuasion");
    g_assert_cmpuint(look(scene, "shared/app.db").st_uid, ==, is_root() ? APP : geteuid());
    g_assert_cmpuint(look(scene, "shared/app.db").st_mode & 07777, ==, 0644);
}

static void sqlite_copy(Scene *scene, gconstpointer unused)
{
    make_database(scene);
    guint64 bytes = 0;
    gboolean shared;
    DO(scene, size, &bytes, &shared);
    g_assert_cmpint((gint64)bytes, ==, look(scene, "shared/app.db").st_size + look(scene, "shared/app.db-wal").st_size);
    g_assert_false(changed(scene));
    DO(scene, copy);
    g_assert_false(changed(scene));
    g_assert_cmpuint(look(scene, ".liftlock").st_mode & 07777, ==, 0700);
    g_assert_cmpuint(look(scene, ".liftlock/7/main/copy").st_uid, ==, geteuid());
    migrate(scene);
    g_assert_true(changed(scene));
    DO(scene, put_back);
    g_assert_false(changed(scene));
    assert_back(scene);
    /* The data that failed are kept, with their log. */
    assert_value(scene, ".liftlock/7/main/failed/app.db", "select group_concat(title) from book",
                 "Emma,Persuasion,Ulysses");
    DO(scene, forget);
    DO(scene, forget);
    g_assert_false(exists(scene, ".liftlock/7"));
    assert_back(scene);
}

/* What put_back does, move by move: each state in between is what a crash may leave. */
static const struct {
    const char *from, *to;
} moves[] = {
    {"shared/app.db-shm", ".liftlock/7/main/failed/app.db-shm"},
    {"shared/app.db-wal", ".liftlock/7/main/failed/app.db-wal"},
    {"shared/app.db-journal", ".liftlock/7/main/failed/app.db-journal"},
    {"shared/app.db", ".liftlock/7/main/failed/app.db"},
    {".liftlock/7/main/copy/app.db-wal", "shared/app.db-wal"},
    {".liftlock/7/main/copy/app.db-journal", "shared/app.db-journal"},
    {".liftlock/7/main/copy/app.db", "shared/app.db"},
    {".liftlock/7/main/copy", ".liftlock/7/main/done"},
};

static void sqlite_every_state(Scene *scene, gconstpointer unused)
{
    for (guint stop = 0; stop <= G_N_ELEMENTS(moves); stop++) {
        make_database(scene);
        DO(scene, copy);
        migrate(scene);
        g_autofree char *log = in_root(scene, ".liftlock/7/main/copy/app.db-wal"), *bytes = NULL;
        gsize size;
        g_assert_true(g_file_get_contents(log, &bytes, &size, NULL));
        for (guint i = 0; i < stop; i++)
            if (exists(scene, moves[i].from))
                move(scene, moves[i].from, moves[i].to);
        g_assert_cmpint(changed(scene), ==, stop < G_N_ELEMENTS(moves) - 1);
        DO(scene, put_back);
        DO(scene, put_back);
        g_autofree char *live_log = in_root(scene, "shared/app.db-wal"), *live = NULL;
        gsize live_size;
        g_assert_true(g_file_get_contents(live_log, &live, &live_size, NULL));
        g_assert_cmpmem(live, live_size, bytes, size);
        g_assert_false(exists(scene, "shared/app.db-shm"));
        assert_back(scene);
        assert_value(scene, ".liftlock/7/main/failed/app.db", TITLES, "Emma,Persuasion,Ulysses");
        DO(scene, forget);
        g_autofree char *database = in_root(scene, "shared/app.db");
        g_assert_no_errno(unlink(database));
    }
}

static void sqlite_killed_anywhere(Scene *scene, gconstpointer unused)
{
    for (guint i = 0; i < 25; i++) {
        make_database(scene);
        DO(scene, copy);
        migrate(scene);
        pid_t pid = fork();
        if (pid == 0)
            _exit(scene->driver->put_back(&scene->context, &scene->set, NULL) ? 0 : 1);
        g_usleep((gulong)g_test_rand_int_range(0, 4000));
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        DO(scene, put_back);
        assert_back(scene);
        assert_value(scene, ".liftlock/7/main/failed/app.db", TITLES, "Emma,Persuasion,Ulysses");
        DO(scene, forget);
        g_autofree char *database = in_root(scene, "shared/app.db");
        g_assert_no_errno(unlink(database));
    }
}

static void sqlite_hot_journal(Scene *scene, gconstpointer unused)
{
    sql(scene, "create table book(title); insert into book values('Emma')");
    /* A process that died in a transaction large enough to have reached the main file. */
    sql_and_die(scene, "pragma cache_size=1; begin; with recursive c(x) as (select 1 union all select x+1 from c where "
                       "x<5000) insert into book select 'lost' from c");
    g_assert_cmpint(look(scene, "shared/app.db-journal").st_size, >, 0);
    DO(scene, copy);
    sql(scene, "insert into book values('rolled back first')");
    g_assert_false(exists(scene, "shared/app.db-journal"));
    g_assert_true(changed(scene));
    DO(scene, put_back);
    g_assert_cmpint(look(scene, "shared/app.db-journal").st_size, >, 0);
    assert_value(scene, "shared/app.db", TITLES, "Emma");
}

static void sqlite_small_changes(Scene *scene, gconstpointer unused)
{
    sql(scene, FIRST);
    DO(scene, copy);
    /* An empty log is as good as none: a reader leaves one behind. */
    put(scene, "shared/app.db-wal", "");
    g_assert_false(changed(scene));
    g_autofree char *path = in_root(scene, "shared/app.db");
    write_at(path, 60, "\0\0\0\1", 4); /* same size, at once after the copy */
    g_assert_true(changed(scene));
}

static void sqlite_nothing_before(Scene *scene, gconstpointer unused)
{
    DO(scene, copy);
    g_assert_false(changed(scene));
    make_database(scene);
    g_assert_true(changed(scene));
    DO(scene, put_back);
    g_assert_false(exists(scene, "shared/app.db"));
    g_assert_false(exists(scene, "shared/app.db-wal"));
    assert_value(scene, ".liftlock/7/main/failed/app.db", TITLES, "Emma,Persuasion");
    /* Done is done: what comes after it belongs to the old release. */
    make_database(scene);
    g_assert_false(changed(scene));
    DO(scene, put_back);
    assert_back(scene);
}

static void sqlite_no_directory(Scene *scene, gconstpointer unused)
{
    scene->set.path = (char *)"shared/deep/app.db";
    DO(scene, copy);
    g_assert_false(changed(scene));
    DO(scene, put_back);
    make_app_dir(scene, "shared/deep");
    g_assert_false(changed(scene));
}

static void sqlite_copy_gone(Scene *scene, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    make_database(scene);
    g_assert_false(scene->driver->put_back(&scene->context, &scene->set, &error));
    assert_fault(error, FAULT_STATE, "data 'main': this job made no copy");
    g_clear_error(&error);
    DO(scene, copy);
    migrate(scene);
    g_autofree char *log = in_root(scene, ".liftlock/7/main/copy/app.db-wal");
    g_assert_no_errno(unlink(log));
    g_assert_false(scene->driver->put_back(&scene->context, &scene->set, &error));
    assert_fault(error, FAULT_STATE, "data 'main': the copy of 'app.db-wal' is gone");
    /* Nothing was moved. */
    assert_value(scene, "shared/app.db", TITLES, "Emma,Persuasion,Ulysses");
}

static void sqlite_copied_twice(Scene *scene, gconstpointer unused)
{
    make_database(scene);
    DO(scene, copy);
    migrate(scene);
    DO(scene, put_back);
    sql(scene, "insert into book values('Lady Susan')");
    DO(scene, copy);
    g_assert_false(changed(scene));
    sql(scene, "delete from book");
    DO(scene, put_back);
    assert_value(scene, "shared/app.db", TITLES, "Emma,Persuasion,Lady Susan");
    assert_value(scene, ".liftlock/7/main.1/failed/app.db", TITLES, "Emma,Persuasion,Ulysses");
    DO(scene, forget);
    g_assert_false(exists(scene, ".liftlock/7"));
}

static void sqlite_restore(Scene *scene, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    make_database(scene);
    DO(scene, dump, scene->dumps);
    migrate(scene);
    g_assert_false(scene->driver->restore(&scene->context, &scene->set, scene->dumps, &error));
    assert_fault(error, FAULT_STATE, "data 'main': this job made no copy");
    DO(scene, copy);
    DO(scene, restore, scene->dumps);
    assert_back(scene);
    g_assert_true(changed(scene));
    assert_value(scene, ".liftlock/7/main/replaced/app.db", TITLES, "Emma,Persuasion,Ulysses");
    DO(scene, put_back);
    assert_value(scene, "shared/app.db", TITLES, "Emma,Persuasion,Ulysses");
    assert_value(scene, ".liftlock/7/main/failed/app.db", TITLES, "Emma,Persuasion");
}

/* Killed within restore, the copy comes back from each state of that swap as well. */
static void sqlite_restore_killed(Scene *scene, gconstpointer unused)
{
    for (guint i = 0; i < 15; i++) {
        make_database(scene);
        DO(scene, dump, scene->dumps);
        migrate(scene);
        DO(scene, copy);
        pid_t pid = fork();
        if (pid == 0)
            _exit(scene->driver->restore(&scene->context, &scene->set, scene->dumps, NULL) ? 0 : 1);
        g_usleep((gulong)g_test_rand_int_range(0, 8000));
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        if (changed(scene))
            DO(scene, put_back);
        assert_value(scene, "shared/app.db", TITLES, "Emma,Persuasion,Ulysses");
        DO(scene, forget);
        g_autofree char *database = in_root(scene, "shared/app.db"), *log = in_root(scene, "shared/app.db-wal");
        unlink(database);
        unlink(log);
    }
}

/* --- the app's user in the way --- */

static void link_as_data(Scene *scene, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    put(scene, "elsewhere", "secret");
    g_autofree char *link = in_root(scene, "shared/app.db");
    g_assert_no_errno(symlink("../elsewhere", link));
    g_autofree char *text = g_strdup_printf(
        "data 'main': shared/app.db is a symbolic link\ndata must lie where the manifest says, below %s",
        scene->place->root);
    g_assert_false(scene->driver->copy(&scene->context, &scene->set, &error));
    assert_fault(error, FAULT_BACKUP, text);
    g_clear_error(&error);
    g_assert_false(scene->driver->dump(&scene->context, &scene->set, scene->dumps, &error));
    assert_fault(error, FAULT_BACKUP, text);
}

static void link_above_data(Scene *scene, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    make_app_dir(scene, "elsewhere");
    g_autofree char *link = in_root(scene, "shared/deep");
    g_assert_no_errno(symlink("../elsewhere", link));
    scene->set.path = (char *)"shared/deep/app.db";
    g_assert_false(scene->driver->copy(&scene->context, &scene->set, &error));
    assert_fault(error, FAULT_SYSTEM, "data 'main': cannot open 'shared/deep': a symbolic link is in the way");
}

/* After the copy a link stands where the data were: it goes aside as the link that it is. */
static void link_planted_later(Scene *scene, gconstpointer unused)
{
    make_database(scene);
    DO(scene, copy);
    put(scene, "victim", "untouched");
    g_autofree char *data = in_root(scene, "shared/app.db-wal");
    g_assert_no_errno(unlink(data));
    g_assert_no_errno(symlink("../victim", data));
    g_assert_true(changed(scene));
    DO(scene, put_back);
    assert_back(scene);
    assert_text(scene, "victim", "untouched");
    g_assert_true(S_ISLNK(look(scene, ".liftlock/7/main/failed/app.db-wal").st_mode));
}

/* --- files --- */

static void use_tree(Scene *scene)
{
    use(scene, (DataSet){.name = (char *)"media", .driver = (char *)"files", .path = (char *)"shared/media"});
    make_app_dir(scene, "shared/media");
    make_app_dir(scene, "shared/media/a");
    put(scene, "shared/media/a/one", "one");
    put(scene, "shared/media/two", "two");
    g_autofree char *link = in_root(scene, "shared/media/link");
    g_assert_no_errno(symlink("a/one", link));
}

static void files_copy(Scene *scene, gconstpointer unused)
{
    use_tree(scene);
    assert_fingerprint(scene, "directory");
    guint64 bytes = 0;
    gboolean shared;
    DO(scene, size, &bytes, &shared);
    g_assert_cmpuint(bytes, >, 0);
    DO(scene, copy);
    g_assert_false(changed(scene));
    assert_text(scene, "shared/media/a/one", "one"); /* reading is no change */
    g_assert_false(changed(scene));
    put(scene, "shared/media/a/one", "1ne");
    g_assert_true(changed(scene));
    put(scene, "shared/media/new", "new");
    DO(scene, put_back);
    g_assert_false(changed(scene));
    DO(scene, put_back);
    assert_text(scene, "shared/media/a/one", "one");
    assert_text(scene, "shared/media/link", "one");
    g_assert_false(exists(scene, "shared/media/new"));
    assert_text(scene, ".liftlock/7/media/failed/media/new", "new");
    g_assert_cmpuint(look(scene, "shared/media/a/one").st_uid, ==, is_root() ? APP : geteuid());
}

static void files_every_change_is_seen(Scene *scene, gconstpointer unused)
{
    use_tree(scene);
    g_autofree char *one = in_root(scene, "shared/media/a/one"), *two = in_root(scene, "shared/media/two");
    g_autofree char *three = in_root(scene, "shared/media/three"), *media = in_root(scene, "shared/media");
    for (guint i = 0; i < 5; i++) {
        DO(scene, copy);
        g_assert_false(changed(scene));
        if (i == 0)
            write_at(one, 0, "O", 1);
        else if (i == 1)
            g_assert_no_errno(rename(two, three));
        else if (i == 2)
            g_assert_no_errno(chmod(three, 0600));
        else if (i == 3)
            g_assert_no_errno(unlink(three));
        else
            g_assert_no_errno(chmod(media, 0700));
        g_assert_true(changed(scene));
    }
}

static void files_every_state(Scene *scene, gconstpointer unused)
{
    static const char *const steps[][2] = {{"shared/media", ".liftlock/7/media/failed/media"},
                                           {".liftlock/7/media/copy/media", "shared/media"},
                                           {".liftlock/7/media/copy", ".liftlock/7/media/done"}};
    for (guint stop = 0; stop <= G_N_ELEMENTS(steps); stop++) {
        fs_fd int root = fs_open_dir(scene->place->root, NULL);
        g_assert_true(fs_remove_tree(root, "shared/media", NULL));
        use_tree(scene);
        DO(scene, copy);
        put(scene, "shared/media/two", "changed");
        for (guint i = 0; i < stop; i++)
            move(scene, steps[i][0], steps[i][1]);
        DO(scene, put_back);
        assert_text(scene, "shared/media/two", "two");
        assert_text(scene, ".liftlock/7/media/failed/media/two", "changed");
    }
}

/* Between crash and recovery something made the directory anew: nothing is replaced, both are kept. */
static void files_made_anew(Scene *scene, gconstpointer unused)
{
    use_tree(scene);
    DO(scene, copy);
    put(scene, "shared/media/two", "changed");
    move(scene, "shared/media", ".liftlock/7/media/failed/media");
    make_app_dir(scene, "shared/media");
    put(scene, "shared/media/stray", "stray");
    DO(scene, put_back);
    assert_text(scene, "shared/media/two", "two");
    assert_text(scene, ".liftlock/7/media/failed/media/two", "changed");
    assert_text(scene, ".liftlock/7/media/failed/media.1/stray", "stray");
}

static void files_dump(Scene *scene, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    use_tree(scene);
    DO(scene, dump, scene->dumps);
    DO(scene, verify, scene->dumps);
    put(scene, "shared/media/two", "later");
    DO(scene, copy);
    DO(scene, restore, scene->dumps);
    assert_text(scene, "shared/media/two", "two");
    assert_text(scene, ".liftlock/7/media/replaced/media/two", "later");
    g_assert_cmpuint(look(scene, "shared/media/two").st_uid, ==, is_root() ? APP : geteuid());
    DO(scene, put_back);
    assert_text(scene, "shared/media/two", "later");
    g_autofree char *dumped = dump_path(scene, "media/two");
    write_at(dumped, 0, "x", 1);
    g_assert_false(scene->driver->verify(&scene->context, &scene->set, scene->dumps, &error));
    assert_fault(error, FAULT_BACKUP, "data 'media': the dump is not what was written");
    g_clear_error(&error);
    g_assert_false(scene->driver->restore(&scene->context, &scene->set, scene->dumps, &error));
    assert_fault(error, FAULT_BACKUP, "data 'media': the dump is not what was written");
    assert_text(scene, "shared/media/two", "later");
}

static void files_single(Scene *scene, gconstpointer unused)
{
    use(scene, (DataSet){.name = (char *)"flows", .driver = (char *)"files", .path = (char *)"shared/flows.json"});
    assert_fingerprint(scene, "absent");
    put(scene, "shared/flows.json", "[]");
    assert_fingerprint(scene, "file");
    DO(scene, dump, scene->dumps);
    DO(scene, verify, scene->dumps);
    DO(scene, copy);
    put(scene, "shared/flows.json", "[1]");
    DO(scene, put_back);
    assert_text(scene, "shared/flows.json", "[]");
    DO(scene, sync);
    g_assert_null(scene->driver->sessions(&scene->context, &scene->set));
}

static void files_odd_entry(Scene *scene, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    use_tree(scene);
    g_autofree char *fifo = in_root(scene, "shared/media/pipe");
    g_assert_no_errno(mkfifo(fifo, 0600));
    g_assert_false(scene->driver->copy(&scene->context, &scene->set, &error));
    assert_fault(error, FAULT_SYSTEM, "data 'media': cannot copy 'pipe': not a file, directory or link");
    g_assert_false(changed(scene));
}

/* --- command --- */

static void use_command(Scene *scene)
{
    use(scene, (DataSet){.name = (char *)"store",
                         .driver = (char *)"command",
                         .save = (char *)"cat shared/store > {file}",
                         .restore = (char *)"cat {file} > shared/store",
                         .fingerprint = (char *)"head -1 shared/store"});
    put(scene, "shared/store", "v1\nfirst\n");
}

static void command_copy(Scene *scene, gconstpointer unused)
{
    use_command(scene);
    assert_fingerprint(scene, "v1");
    DO(scene, copy);
    g_assert_false(changed(scene));
    g_assert_cmpuint(look(scene, ".liftlock-store-copy").st_mode & 07777, ==, 0700);
    g_assert_cmpuint(look(scene, ".liftlock-store-copy").st_uid, ==, geteuid());
    g_assert_cmpuint(look(scene, ".liftlock-store-copy/image").st_mode & 07777, ==, 0600);
    put(scene, "shared/store", "v2\nsecond\n");
    g_assert_true(changed(scene));
    DO(scene, put_back);
    assert_text(scene, "shared/store", "v1\nfirst\n");
    g_assert_false(changed(scene));
    /* Once is enough, and enough is kept. */
    put(scene, "shared/store", "v1\nlater\n");
    DO(scene, put_back);
    assert_text(scene, "shared/store", "v1\nlater\n");
    DO(scene, forget);
    DO(scene, forget);
    g_assert_false(exists(scene, ".liftlock-store-copy"));
}

static void command_without_fingerprint(Scene *scene, gconstpointer unused)
{
    use_command(scene);
    scene->set.fingerprint = NULL;
    assert_fingerprint(scene, "unknown");
    DO(scene, copy);
    g_assert_true(changed(scene));
}

static void command_restore_fails(Scene *scene, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    use_command(scene);
    DO(scene, copy);
    scene->set.restore = (char *)"rm -f {file}; echo 'no room' >&2; exit 9";
    g_assert_false(scene->driver->put_back(&scene->context, &scene->set, &error));
    g_assert_error(error, FAULT, FAULT_BACKUP);
    g_autofree char *text = fault_text(error);
    g_assert_cmpstr(text, ==, "data 'store': restore: exit status 9");
    /* The image outlived it: by mistake nobody removes it. */
    scene->set.restore = (char *)"cat {file} > shared/store";
    put(scene, "shared/store", "v2\n");
    DO(scene, put_back);
    assert_text(scene, "shared/store", "v1\nfirst\n");
}

/* The job goes, and the line that it ran with it, though not at the same moment: whoever comes next waits for the lock
 * that both hold, as a recovery does. */
static void put_back_killed(Scene *scene)
{
    g_autofree char *path = in_root(scene, "work-lock");
    pid_t pid = fork();
    if (pid == 0) {
        scene->context.lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        _exit(flock(scene->context.lock_fd, LOCK_EX) == 0 && scene->driver->put_back(&scene->context, &scene->set, NULL)
                  ? 0
                  : 1);
    }
    g_usleep((gulong)g_test_rand_int_range(0, 12000));
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    fs_fd int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    g_assert_no_errno(flock(lock, LOCK_EX));
}

/* The power went while the restore line ran: the hand is still lent. */
static void command_killed(Scene *scene, gconstpointer unused)
{
    use_command(scene);
    for (guint i = 0; i < 12; i++) {
        put(scene, "shared/store", "v1\nfirst\n");
        DO(scene, copy);
        put(scene, "shared/store", "v2\nsecond\n");
        put_back_killed(scene);
        DO(scene, put_back);
        assert_text(scene, "shared/store", "v1\nfirst\n");
    }
}

static void command_dump(Scene *scene, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    use_command(scene);
    g_assert_false(scene->driver->restore(&scene->context, &scene->set, scene->dumps, &error));
    assert_fault(error, FAULT_STATE, "data 'store': this job made no copy");
    DO(scene, dump, scene->dumps);
    DO(scene, verify, scene->dumps);
    g_assert_false(exists(scene, ".liftlock-store-dump"));
    put(scene, "shared/store", "v1\nsecond\n");
    DO(scene, copy);
    DO(scene, restore, scene->dumps);
    assert_text(scene, "shared/store", "v1\nfirst\n");
    g_assert_false(exists(scene, ".liftlock-store-restore"));
    /* The same fingerprint, but other data: going back knows. */
    g_assert_true(changed(scene));
    DO(scene, put_back);
    assert_text(scene, "shared/store", "v1\nsecond\n");
}

static void command_hostile_images(Scene *scene, gconstpointer unused)
{
    static const struct {
        const char *save;
        int code;
        const char *text;
    } rows[] = {
        {"true", FAULT_BACKUP, "data 'store': no file was written"},
        {"ln -s /etc/passwd {file}", FAULT_SYSTEM, "data 'store': cannot open 'image': a symbolic link is in the way"},
        {"mkdir {file}", FAULT_BACKUP, "data 'store': what was written is not a regular file of its own"},
        {"mkfifo {file}", FAULT_BACKUP, "data 'store': what was written is not a regular file of its own"},
        {"touch {file}; ln {file} shared/twin", FAULT_BACKUP,
         "data 'store': what was written is not a regular file of its own"},
        {"exit 4", FAULT_BACKUP, "data 'store': save: exit status 4"},
    };
    use_command(scene);
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        scene->set.save = (char *)rows[i].save;
        g_assert_false(scene->driver->dump(&scene->context, &scene->set, scene->dumps, &error));
        assert_fault(error, (enum fault_code)rows[i].code, rows[i].text);
        g_assert_false(exists(scene, ".liftlock-store-dump"));
        fs_fd int dumps = fs_open_dir(scene->dumps, NULL);
        g_assert_false(fs_exists(dumps, "store") || fs_exists(dumps, "store.sha256"));
    }
}

/* --- other file systems, and full ones --- */

static gboolean write_map(const char *path, const char *text)
{
    fs_fd int fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd >= 0 && write(fd, text, strlen(text)) == (gssize)strlen(text);
}

/* A mount namespace of our own; an ordinary user gets one by way of a user namespace, as the user that it is. */
static gboolean enter_namespace(void)
{
    gboolean root = is_root();
    g_autofree char *user = g_strdup_printf("%u %u 1", geteuid(), geteuid());
    g_autofree char *group = g_strdup_printf("%u %u 1", getegid(), getegid());
    if (unshare(root ? CLONE_NEWNS : CLONE_NEWNS | CLONE_NEWUSER) < 0)
        return FALSE;
    if (!root && (!write_map("/proc/self/setgroups", "deny") || !write_map("/proc/self/uid_map", user) ||
                  !write_map("/proc/self/gid_map", group)))
        return FALSE;
    return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

/* With a small file system of our own; 77: this kernel lets us mount nothing. */
static int with_mounts(Scene *scene, const char *path, const char *options, int (*body)(Scene *scene))
{
    if (!enter_namespace() || mount("tmpfs", path, "tmpfs", 0, options) < 0)
        return 77;
    return body(scene);
}

static void in_mounts(Scene *scene, const char *below, const char *options, int (*body)(Scene *scene))
{
    g_autofree char *path = g_build_filename(scene->directory, below, NULL);
    pid_t pid = fork();
    if (pid == 0)
        _exit(with_mounts(scene, path, options, body));
    int status;
    g_assert_no_errno(waitpid(pid, &status, 0));
    g_assert_true(WIFEXITED(status));
    g_assert_true(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 77);
    if (WEXITSTATUS(status) == 77)
        g_test_message("no file system could be mounted");
}

static void fill(const char *directory)
{
    static const char block[4096];
    for (guint n = 0;; n++) {
        g_autofree char *name = g_strdup_printf("%s/filler%u", directory, n);
        fs_fd int fd = open(name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        if (fd < 0)
            break;
        while (write(fd, block, sizeof block) > 0)
            continue;
    }
    g_assert_cmpint(errno, ==, ENOSPC);
}

static int put_back_when_full(Scene *scene)
{
    make_app_dir(scene, "shared");
    make_database(scene);
    DO(scene, copy);
    migrate(scene);
    fill(scene->place->root);
    DO(scene, put_back);
    g_autofree char *filler = in_root(scene, "filler0");
    g_assert_no_errno(unlink(filler)); /* SQLite itself wants room to read */
    assert_value(scene, "shared/app.db", TITLES, "Emma,Persuasion");
    return 0;
}

static void full_disk(Scene *scene, gconstpointer unused)
{
    in_mounts(scene, "opt/bookshelf", "size=1m,nr_inodes=64,mode=755", put_back_when_full);
}

static int copy_when_full(Scene *scene)
{
    g_autoptr(GError) error = NULL;
    make_app_dir(scene, "shared");
    make_database(scene);
    fill(scene->place->root);
    g_assert_false(scene->driver->copy(&scene->context, &scene->set, &error));
    g_assert_error(error, FAULT, FAULT_SPACE);
    g_assert_false(changed(scene));
    return 0;
}

static void full_before(Scene *scene, gconstpointer unused)
{
    in_mounts(scene, "opt/bookshelf", "size=1m,nr_inodes=64,mode=755", copy_when_full);
}

static int copy_beside(Scene *scene)
{
    give_to_app(scene, "shared");
    make_database(scene);
    DO(scene, copy);
    g_assert_cmpuint(look(scene, "shared/.liftlock-7").st_mode & 07777, ==, 0700);
    g_assert_cmpuint(look(scene, "shared/.liftlock-7").st_uid, ==, geteuid());
    g_assert_true(exists(scene, "shared/.liftlock-7/main/copy/app.db"));
    migrate(scene);
    g_assert_true(changed(scene));
    DO(scene, put_back);
    assert_back(scene);
    DO(scene, forget);
    g_assert_false(exists(scene, "shared/.liftlock-7"));
    return 0;
}

static void other_file_system(Scene *scene, gconstpointer unused)
{
    in_mounts(scene, "opt/bookshelf/shared", "size=1m,mode=755", copy_beside);
}

static int copy_beside_is_taken(Scene *scene)
{
    g_autoptr(GError) error = NULL;
    give_to_app(scene, "shared");
    make_database(scene);
    make_app_dir(scene, "shared/.liftlock-7");
    g_assert_false(scene->driver->copy(&scene->context, &scene->set, &error));
    assert_fault(error, FAULT_BACKUP, "data 'main': .liftlock-7: others than liftlock may write here\nmove it away");
    return 0;
}

static void other_file_system_taken(Scene *scene, gconstpointer unused)
{
    in_mounts(scene, "opt/bookshelf/shared", "size=1m,mode=755", copy_beside_is_taken);
}

static int copy_mount_point(Scene *scene)
{
    g_autoptr(GError) error = NULL;
    use(scene, (DataSet){.name = (char *)"all", .driver = (char *)"files", .path = (char *)"shared"});
    g_assert_false(scene->driver->copy(&scene->context, &scene->set, &error));
    assert_fault(error, FAULT_BACKUP,
                 "data 'all': shared is a mount point, which no rename can replace\n"
                 "name a directory inside of it, or mount the directory above it");
    g_autoptr(GPtrArray) objections = g_ptr_array_new_with_free_func((GDestroyNotify)objection_free);
    scene->driver->object_to_copy(&scene->context, &scene->set, objections);
    g_assert_cmpuint(objections->len, ==, 1);
    const Objection *objection = objections->pdata[0];
    g_assert_cmpint(objection->code, ==, FAULT_REQUIREMENT);
    g_assert_cmpstr(objection->text, ==, "data 'all': shared is a mount point, which no rename can replace");
    return 0;
}

static void mount_point(Scene *scene, gconstpointer unused)
{
    in_mounts(scene, "opt/bookshelf/shared", "size=1m,mode=755", copy_mount_point);
}

static void reading_a_database_has_a_limit(void)
{
    g_assert_cmpint(sqlite_limit_ms(0), ==, 300 * 1000);
    g_assert_cmpint(sqlite_limit_ms(10ull << 30), ==, (300 + 10 * 1024) * 1000);
    g_assert_cmpint(sqlite_limit_ms(G_MAXUINT64), >, 0);
    const ProcessOutcome late = {.timed_out = TRUE, .status = SIGKILL, .duration_ms = sqlite_limit_ms(0)},
                         failed = {.exited = TRUE, .status = 1};
    g_autofree char *ended = sqlite_why(&late, "what it said before"), *said = sqlite_why(&failed, "it is damaged"),
                    *silent = sqlite_why(&failed, "");
    g_assert_cmpstr(ended, ==, "no end after 300 s");
    g_assert_cmpstr(said, ==, "it is damaged");
    g_assert_cmpstr(silent, ==, "exit status 1");
}

#define ADD(name, function) g_test_add("/backup/" name, Scene, NULL, scene_set, function, scene_clear)

int main(int argc, char **argv)
{
    if (argc > 3 && g_str_equal(argv[1], "inner") && g_str_equal(argv[2], "sqlite"))
        return backup_sqlite_main(argc - 3, argv + 3);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/backup/a set that no driver can serve is refused", find_faults);
    g_test_add_func("/backup/sqlite: how long reading a database may take grows with it",
                    reading_a_database_has_a_limit);
    ADD("sqlite: a dump while somebody writes holds what was committed", sqlite_dump);
    ADD("sqlite: a dump replaces an older one and a half one", sqlite_dump_again);
    ADD("sqlite: a dump under constant writes ends", sqlite_dump_of_rollback_journal);
    ADD("sqlite: verify finds damage", sqlite_verify);
    ADD("sqlite: verify reads every page", sqlite_verify_reads_pages);
    ADD("sqlite: rows without parents are said and let pass", sqlite_orphans_are_said);
    ADD("sqlite: no database is a state like others", sqlite_absent);
    ADD("sqlite: what is no database is refused", sqlite_no_database);
    ADD("sqlite: the fingerprint follows the schema, not the rows", sqlite_fingerprint);
    ADD("sqlite: the fingerprint asks the publisher's query", sqlite_fingerprint_query);
    ADD("sqlite: who has it open is named", sqlite_sessions);
    ADD("sqlite: sync empties the log", sqlite_sync);
    ADD("sqlite: the copy comes back with its log", sqlite_copy);
    ADD("sqlite: the copy comes back from every state", sqlite_every_state);
    ADD("sqlite: killed anywhere, the copy comes back", sqlite_killed_anywhere);
    ADD("sqlite: a journal that a crash left belongs to it", sqlite_hot_journal);
    ADD("sqlite: small changes count, an empty log does not", sqlite_small_changes);
    ADD("sqlite: back to nothing moves the new aside, once", sqlite_nothing_before);
    ADD("sqlite: a directory that does not exist yet", sqlite_no_directory);
    ADD("sqlite: without its copy nothing is moved", sqlite_copy_gone);
    ADD("sqlite: a second copy of the same job keeps what failed", sqlite_copied_twice);
    ADD("sqlite: a dump is restored, and the copy still comes back", sqlite_restore);
    ADD("sqlite: killed in a restore, the copy comes back", sqlite_restore_killed);
    ADD("a link as data is refused", link_as_data);
    ADD("a link above data is refused", link_above_data);
    ADD("a link planted later goes aside", link_planted_later);
    ADD("files: the copy of a tree comes back", files_copy);
    ADD("files: every change is seen", files_every_change_is_seen);
    ADD("files: the copy comes back from every state", files_every_state);
    ADD("files: what was made anew meanwhile is kept", files_made_anew);
    ADD("files: a dump is verified and restored", files_dump);
    ADD("files: a single file", files_single);
    ADD("files: a pipe is refused", files_odd_entry);
    ADD("command: the copy comes back once", command_copy);
    ADD("command: without a fingerprint all counts as changed", command_without_fingerprint);
    ADD("command: an image outlives a restore that fails", command_restore_fails);
    ADD("command: killed anywhere, the copy comes back", command_killed);
    ADD("command: a dump is restored, and the copy still comes back", command_dump);
    ADD("command: what is no file of its own is not taken over", command_hostile_images);
    ADD("put_back needs no room", full_disk);
    ADD("a copy without room changes nothing", full_before);
    ADD("data on another file system are copied beside them", other_file_system);
    ADD("a place beside the data that is not ours is refused", other_file_system_taken);
    ADD("a mount point is refused", mount_point);
    return g_test_run();
}
