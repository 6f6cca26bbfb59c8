/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of SQL migrations, rows and queries on the app's database: the same on SQLite and on PostgreSQL. */
#include "base/clock.h"
#include "base/fault.h"
#include "base/fs.h"
#include "parts/migrate/sql.h"

#include "postgres_server.h"

#include <stdlib.h>
#include <sys/wait.h>

typedef struct World {
    PostgresServer server;
    const char *driver;
    char *root, *tree;
    Place place;
    DataSet set;
    PartContext context;
    Manifest manifest;
    GString *lines;
} World;

static World world;

static void keep_line(const char *line, gpointer data)
{
    g_string_append_printf(data, "%s\n", line);
}

static SqlAccess access_of(void)
{
    return (SqlAccess){.context = &world.context, .set = &world.set};
}

static void write_file(const char *directory, const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(directory, name, NULL);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static void give_away(const char *path)
{
    if (geteuid() == 0)
        g_assert_no_errno(chown(path, world.server.uid, world.server.gid));
}

/* --- a database of the driver, an empty tree --- */

static void scene_begin(const char *driver)
{
    world.driver = driver;
    world.root = g_dir_make_tmp("liftlock-sql-XXXXXX", NULL);
    g_assert_no_errno(chmod(world.root, 0755));
    world.tree = g_build_filename(world.root, "tree", NULL);
    g_autofree char *shared = g_build_filename(world.root, "shared", NULL);
    g_autofree char *folder = g_build_filename(world.tree, "sql", NULL);
    g_assert_no_errno(g_mkdir_with_parents(folder, 0755));
    g_assert_no_errno(g_mkdir(shared, 0755));
    g_free(server_sql(&world.server, "postgres", "DROP DATABASE IF EXISTS app WITH (FORCE)"));
    g_free(server_sql(&world.server, "postgres", "CREATE DATABASE app OWNER app"));
    g_autofree char *env = g_strdup_printf("DATABASE_URL=postgresql://app:geheim@/app?host=%s\n", world.server.top);
    write_file(shared, ".env", env);
    give_away(shared);
    world.place = (Place){.app = (char *)"app",
                          .user = (char *)"app",
                          .root = world.root,
                          .uid = world.server.uid,
                          .gid = world.server.gid,
                          .change_user = geteuid() == 0};
    world.set = (DataSet){.name = (char *)"main",
                          .driver = (char *)driver,
                          .path = (char *)"shared/app.db",
                          .url_from = (char *)".env#DATABASE_URL"};
    world.lines = g_string_new(NULL);
    world.context =
        (PartContext){.place = &world.place, .lock_fd = -1, .on_line = keep_line, .on_line_data = world.lines};
    world.manifest = (Manifest){.version = (char *)"2.0.0", .migrate_timeout_ms = 30000};
    world.manifest.sql.path = (char *)"sql/*.sql";
    world.manifest.sql.table = (char *)"liftlock_migrations";
}

static void scene_end(void)
{
    fs_fd int tmp = fs_open_dir("/", NULL);
    g_assert_true(fs_remove_tree(tmp, world.root + 1, NULL));
    g_string_free(world.lines, TRUE);
    g_free(world.tree);
    g_free(world.root);
}

static gboolean on_sqlite(void)
{
    return strcmp(world.driver, "sqlite") == 0;
}

static void file(const char *name, const char *text)
{
    g_autofree char *folder = g_build_filename(world.tree, "sql", NULL);
    write_file(folder, name, text);
}

/* The first column of the first row, asked by somebody else. */
static char *one(const char *sql)
{
    if (!on_sqlite())
        return server_sql(&world.server, "app", sql);
    g_autofree char *quoted = g_shell_quote(sql);
    return server_run(&world.server, "sqlite3 '%s/shared/app.db' %s", world.root, quoted);
}

static void expect_one(const char *sql, const char *expected)
{
    g_autofree char *answer = one(sql);
    g_assert_cmpstr(answer, ==, expected);
}

/* "NAME=STATE NAME=STATE" */
static char *states(GPtrArray *files)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < files->len; i++) {
        const SqlMigration *migration = files->pdata[i];
        g_string_append_printf(text, "%s%s=%s", i > 0 ? " " : "", migration->name, sql_state_names[migration->state]);
    }
    g_ptr_array_unref(files);
    return g_string_free(text, FALSE);
}

typedef GPtrArray *(*Act)(const SqlAccess *access, const Manifest *manifest, const char *directory, GError **error);

static void expect(Act act, const char *expected)
{
    g_autoptr(GError) error = NULL;
    const SqlAccess access = access_of();
    GPtrArray *files = act(&access, &world.manifest, world.tree, &error);
    g_assert_no_error(error);
    g_autofree char *text = states(files);
    g_assert_cmpstr(text, ==, expected);
}

static void expect_fault(Act act, int code, const char *expected)
{
    g_autoptr(GError) error = NULL;
    const SqlAccess access = access_of();
    g_assert_null(act(&access, &world.manifest, world.tree, &error));
    g_assert_error(error, FAULT, code);
    g_autofree char *text = fault_text(error);
    g_assert_cmpstr(text, ==, expected);
    g_assert_null(strstr(error->message, "geheim"));
}

/* --- migrations --- */

static void runs_once(void)
{
    file("2.sql", "INSERT INTO shelf VALUES ('read; later'); INSERT INTO shelf VALUES ('lent')");
    file("10.sql", "-- comes first: bytes count\nCREATE TABLE shelf (name text);\n");
    file("readme.txt", "nonsense");
    expect(sql_look, "10.sql=pending 2.sql=pending");
    expect(sql_run, "10.sql=applied 2.sql=applied");
    g_assert_nonnull(strstr(world.lines->str, "10.sql: applied in "));
    expect_one("SELECT count(*) FROM shelf", "2");
    expect_one("SELECT count(*) FROM liftlock_migrations WHERE version = '2.0.0' AND applied_at IS NOT NULL", "2");
    expect(sql_run, "10.sql=applied 2.sql=applied");
    expect_one("SELECT count(*) FROM shelf", "2");
    file("2.sql", "DROP TABLE shelf");
    g_autofree char *first = g_build_filename(world.tree, "sql/10.sql", NULL);
    g_assert_no_errno(g_unlink(first));
    expect(sql_run, "10.sql=gone 2.sql=edited");
    expect_one("SELECT count(*) FROM shelf", "2");
}

static void failure_has_its_line(void)
{
    file("1.sql", "CREATE TABLE shelf (name text PRIMARY KEY);");
    file("2.sql", "INSERT INTO shelf VALUES ('a');\n\nINSERT INTO shelf\n  SELECT 'b'\n  FROM nowhere;");
    expect_fault(sql_run, FAULT_MIGRATE,
                 on_sqlite() ? "2.sql:3: no such table: nowhere"
                             : "2.sql:5: relation \"nowhere\" does not exist (42P01)");
    expect(sql_look, "1.sql=applied 2.sql=pending");
    expect_one("SELECT count(*) FROM shelf", "0");
    file("2.sql", "-- twice\nINSERT INTO shelf VALUES ('a');\n/* and */ INSERT INTO shelf VALUES ('a');");
    expect_fault(sql_run, FAULT_MIGRATE,
                 on_sqlite() ? "2.sql:3: UNIQUE constraint failed: shelf.name"
                             : "2.sql:3: duplicate key value violates unique constraint \"shelf_pkey\" (23505)");
    expect_one("SELECT count(*) FROM shelf", "0");
}

static void all_are_looked_through(void)
{
    file("1.sql", "CREATE TABLE shelf (name text);");
    file("2.sql", "SELECT 1;\nCOMMIT;");
    expect_fault(sql_run, FAULT_MIGRATE, "2.sql:2: COMMIT would break the transaction that the file runs in");
    file("2.sql", "SELECT 1;");
    expect(sql_look, "1.sql=pending 2.sql=pending");
}

static void alone_is_seen_half_done(void)
{
    file("1.sql", "CREATE TABLE shelf (name text);");
    file("2.sql", on_sqlite()
                      ? "-- liftlock: no-transaction\nVACUUM;\nBEGIN;\nINSERT INTO shelf VALUES (1);\nCOMMIT;"
                      : "-- liftlock: no-transaction\nCREATE INDEX CONCURRENTLY i ON shelf (name);\nVACUUM shelf");
    expect(sql_run, "1.sql=applied 2.sql=applied");
    expect_one("SELECT count(*) FROM liftlock_migrations WHERE applied_at IS NULL", "0");
    file("3.sql", "-- liftlock: no-transaction\nINSERT INTO shelf VALUES ('half');\nINSERT INTO nowhere VALUES (1);");
    expect_fault(sql_run, FAULT_MIGRATE,
                 on_sqlite() ? "3.sql:3: no such table: nowhere"
                             : "3.sql:3: relation \"nowhere\" does not exist (42P01)");
    expect_one("SELECT count(*) FROM shelf WHERE name = 'half'", "1");
    expect_fault(sql_run, FAULT_MIGRATE, "3.sql was begun outside of a transaction and not finished");
    g_free(one("DELETE FROM liftlock_migrations WHERE name = '3.sql'"));
    file("3.sql", "-- liftlock: no-transaction\nBEGIN; INSERT INTO shelf VALUES ('half')");
    expect_fault(sql_run, FAULT_MIGRATE, "3.sql: the file begins a transaction and does not end it");
}

static void endless_is_ended(void)
{
    world.manifest.migrate_timeout_ms = 1000;
    file("1.sql", on_sqlite() ? "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n;"
                              : "SELECT 1;\nSELECT pg_sleep(60);");
    gint64 began = clock_monotonic_ms();
    expect_fault(sql_run, FAULT_MIGRATE, on_sqlite() ? "1.sql:1: no end after 1 s" : "1.sql:2: no end after 1 s");
    g_assert_cmpint(clock_monotonic_ms() - began, <, 5000);
    if (!on_sqlite())
        expect_one(
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()", "0");
}

/* Two at once: each file runs in one of them. */
static void two_runners(void)
{
    file("1.sql", "CREATE TABLE shelf (name text);");
    for (int i = 2; i < 8; i++) {
        g_autofree char *name = g_strdup_printf("%d.sql", i);
        file(name, "INSERT INTO shelf VALUES ('x');");
    }
    const SqlAccess access = access_of();
    pid_t children[2];
    for (int i = 0; i < 2; i++)
        if ((children[i] = fork()) == 0) {
            GPtrArray *files = sql_run(&access, &world.manifest, world.tree, NULL);
            _exit(files && files->len == 7 ? 0 : 1);
        }
    for (int i = 0; i < 2; i++) {
        int status = -1;
        g_assert_cmpint(waitpid(children[i], &status, 0), ==, children[i]);
        g_assert_cmpint(status, ==, 0);
    }
    expect_one("SELECT count(*) FROM shelf", "6");
    expect_one("SELECT count(*) FROM liftlock_migrations", "7");
}

static void bad_trees(void)
{
    g_autofree char *link = g_build_filename(world.tree, "sql/1.sql", NULL);
    g_assert_no_errno(symlink("/etc/passwd", link));
    g_autoptr(GError) error = NULL;
    const SqlAccess access = access_of();
    g_assert_null(sql_look(&access, &world.manifest, world.tree, &error));
    g_assert_error(error, FAULT, FAULT_MIGRATE);
    g_assert_no_errno(g_unlink(link));
    file("1\n.sql", "");
    expect_fault(sql_look, FAULT_MIGRATE, "'1\\x0a.sql' is no name for a migration");
    world.manifest.sql.path = (char *)"none/*.sql";
    expect_fault(sql_look, FAULT_MIGRATE, "the release has no folder 'none', where its migrations should be");
}

/* --- PostgreSQL alone --- */

static void files_do_not_feel_one_another(void)
{
    g_free(server_sql(&world.server, "app", "CREATE SCHEMA other AUTHORIZATION app"));
    file("1.sql", "SELECT set_config('search_path', '', false); SET statement_timeout = 1; RESET statement_timeout;"
                  "CREATE TABLE public.shelf (name text); SET LOCAL synchronous_commit = off;");
    file("2.sql", "\xef\xbb\xbfINSERT INTO shelf VALUES (E'it\\'s; here'); COPY shelf TO STDOUT;");
    expect_one("GRANT CREATE ON SCHEMA public TO app", "");
    expect(sql_run, "1.sql=applied 2.sql=applied");
    world.manifest.sql.table = (char *)"other.book";
    expect(sql_look, "1.sql=pending 2.sql=pending");
}

static void line_of_a_later_place(void)
{
    file("1.sql", "SELECT 'ä', 'ö',\n  'ü',\n  nothing;");
    expect_fault(sql_run, FAULT_MIGRATE, "1.sql:3: column \"nothing\" does not exist (42703)");
    file("1.sql", "DO $$ BEGIN COMMIT; END $$");
    expect_fault(sql_run, FAULT_MIGRATE, "1.sql:1: invalid transaction termination (2D000)");
}

static void by_a_url_of_ones_own(void)
{
    g_autofree char *env = g_build_filename(world.root, "shared", ".env", NULL);
    file("1.sql", "CREATE TABLE shelf (name text);");
    const SqlAccess access = {.context = &world.context, .set = &world.set, .url_file = env, .url_key = "DATABASE_URL"};
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) files = sql_run(&access, &world.manifest, world.tree, &error);
    g_assert_no_error(error);
    g_assert_nonnull(files);
    expect_one("SELECT count(*) FROM shelf", "0");
    const SqlAccess wrong = {.context = &world.context, .set = &world.set, .url_file = env, .url_key = "OTHER"};
    g_assert_null(sql_look(&wrong, &world.manifest, world.tree, &error));
    g_autofree char *expected = g_strdup_printf("data 'main': %s has no OTHER", env);
    g_assert_cmpstr(error->message, ==, expected);
}

static void what_an_older_release_knows(void)
{
    const SqlAccess access = access_of();
    file("1.sql", "CREATE TABLE shelf (name text);");
    expect(sql_run, "1.sql=applied");
    g_assert_true(sql_knows_all(&access, "liftlock_migrations", &world.manifest, world.tree));
    Manifest none = {.version = (char *)"1.0.0"};
    g_assert_false(sql_knows_all(&access, "liftlock_migrations", &none, world.tree));
    g_assert_true(sql_knows_all(&access, "other_book", &none, world.tree));
}

/* --- the way down --- */

/* To a release whose tree has these migrations, NULL-terminated. */
static GPtrArray *down_to(const char *const *kept, gboolean apply, GError **error)
{
    const SqlAccess access = access_of();
    g_autofree char *tree = g_build_filename(world.root, "older", NULL);
    g_autofree char *folder = g_build_filename(tree, "sql", NULL);
    g_assert_no_errno(g_mkdir_with_parents(folder, 0755));
    for (guint i = 0; kept[i]; i++)
        write_file(folder, kept[i], "whatever it says");
    const Manifest older = {.version = (char *)"1.0.0", .sql = {.path = (char *)"sql/*.sql"}};
    const SqlRelease from = {&world.manifest, world.tree}, to = {&older, tree};
    return sql_down(&access, &from, &to, apply, error);
}

static void expect_down(const char *const *kept, gboolean apply, const char *expected)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) files = down_to(kept, apply, &error);
    g_assert_no_error(error);
    g_autoptr(GString) names = g_string_new(NULL);
    for (guint i = 0; i < files->len; i++)
        g_string_append_printf(names, "%s ", ((SqlMigration *)files->pdata[i])->name);
    g_assert_cmpstr(names->str, ==, expected);
}

static void expect_no_way_down(const char *const *kept, const char *expected)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(down_to(kept, TRUE, &error));
    g_assert_error(error, FAULT, FAULT_MIGRATE);
    g_autofree char *text = fault_text(error);
    g_assert_cmpstr(text, ==, expected);
}

static void three_up(void)
{
    file("1.sql", "CREATE TABLE shelf (name text);");
    file("2.sql", "CREATE TABLE status (name text);");
    file("2.down.sql", "DROP TABLE status;");
    file("3.sql", "INSERT INTO status VALUES ('three');");
    file("3.down.sql", "DELETE FROM status WHERE name = 'three';");
    expect(sql_run, "1.sql=applied 2.sql=applied 3.sql=applied");
    g_free(one("INSERT INTO shelf VALUES ('of a user')"));
}

static void newest_is_taken_back_first(void)
{
    static const char *const kept[] = {"1.sql", NULL};
    three_up();
    expect_down(kept, FALSE, "3.down.sql 2.down.sql ");
    expect_one("SELECT count(*) FROM liftlock_migrations", "3");
    expect_down(kept, TRUE, "3.down.sql 2.down.sql ");
    expect_one("SELECT count(*) || ' ' || min(name) FROM liftlock_migrations", "1 1.sql");
    expect_one("SELECT name FROM shelf", "of a user");
    g_assert_nonnull(strstr(world.lines->str, "3.down.sql: taken back in "));
    expect_down(kept, TRUE, "");
    expect(sql_run, "1.sql=applied 2.sql=applied 3.sql=applied");
}

static void no_way_down_is_named(void)
{
    static const char *const none[] = {NULL}, *const kept[] = {"1.sql", NULL};
    three_up();
    expect_no_way_down(none, "1.sql was applied, and 2.0.0 has no 1.down.sql to take it back");
    file("2.down.sql", "DROP TABLE status;\nCOMMIT;");
    expect_no_way_down(kept, "2.down.sql:2: COMMIT would break the transaction that the file runs in");
    expect_one("SELECT count(*) FROM liftlock_migrations", "3");
    file("2.down.sql", "DROP TABLE status;\nDROP TABLE status;");
    expect_no_way_down(kept, on_sqlite() ? "2.down.sql:2: no such table: status"
                                         : "2.down.sql:2: table \"status\" does not exist (42P01)");
    expect_one("SELECT count(*) FROM liftlock_migrations", "2");
    expect_one("SELECT count(*) FROM status", "0");
}

static void alone_on_the_way_down(void)
{
    static const char *const kept[] = {"1.sql", NULL};
    three_up();
    file("3.down.sql", "-- liftlock: no-transaction\nDELETE FROM status;\nDELETE FROM nowhere;");
    expect_no_way_down(kept, on_sqlite() ? "3.down.sql:3: no such table: nowhere"
                                         : "3.down.sql:3: relation \"nowhere\" does not exist (42P01)");
    expect_no_way_down(kept, "3.sql was begun outside of a transaction and not finished");
    g_free(one("UPDATE liftlock_migrations SET applied_at = CURRENT_TIMESTAMP"));
    file("3.down.sql", "-- liftlock: no-transaction\nDELETE FROM status;\n");
    expect_down(kept, TRUE, "3.down.sql 2.down.sql ");
}

/* --- rows and queries --- */

static Node *field(const char *column, const char *value, gboolean is_key)
{
    Node *node = node_new_map();
    node_set_text(node, "column", column);
    node_set_text(node, "value", value);
    node_set_bool(node, "is_time", g_str_has_suffix(column, "_at"));
    node_set_bool(node, "is_key", is_key);
    return node;
}

static void record(const char *status, const char *from)
{
    Node *request = node_new_map(), *fields = node_new_list();
    node_set_text(request, "table", "update_history");
    node_append(fields, field("version_from", from, TRUE));
    node_append(fields, field("status", status, FALSE));
    node_append(fields, field("started_at", "2026-11-21T02:34:31Z", TRUE));
    node_set(request, "fields", fields);
    const SqlAccess access = access_of();
    g_autoptr(GError) error = NULL;
    g_autoptr(Node) answer = sql_ask(&access, "record", request, -1, 10000, &error);
    g_assert_no_error(error);
    g_assert_nonnull(answer);
}

static void rows_are_added_once(void)
{
    file("1.sql", "CREATE TABLE other (a int);");
    expect(sql_run, "1.sql=applied"); /* there is a database */
    if (!on_sqlite())                 /* the app's own, with types of its own */
        g_free(server_run(&world.server,
                          "psql -X -q -h '%s' -U app -d app -c 'CREATE TABLE update_history (id serial PRIMARY KEY, "
                          "version_from varchar(50), status varchar(20), started_at timestamp NOT NULL)'",
                          world.server.top));
    record("it's done", NULL);
    record("again", NULL);
    record("done", "1.0.0");
    expect_one("SELECT count(*) FROM update_history", "2");
    expect_one("SELECT status FROM update_history WHERE version_from IS NULL", "it's done");
}

static char *query(const char *sql, GError **error)
{
    Node *request = node_new_map();
    node_set_text(request, "sql", sql);
    const SqlAccess access = access_of();
    g_autoptr(Node) answer = sql_ask(&access, "query", request, -1, 10000, error);
    return answer ? node_to_json(answer, 0) : NULL;
}

static void queries_only_read(void)
{
    g_autoptr(GError) error = NULL;
    file("1.sql", "CREATE TABLE shelf (a int, b text); INSERT INTO shelf VALUES (1, NULL);");
    expect(sql_run, "1.sql=applied");
    g_autofree char *answer = query("SELECT a, b FROM shelf", &error);
    g_assert_no_error(error);
    g_assert_nonnull(strstr(answer, "\"rows\":[[\"1\",null]]"));
    g_assert_null(query("DELETE FROM shelf", NULL));
    g_assert_null(query("SELECT nothing", &error));
    g_assert_error(error, FAULT, FAULT_BACKUP);
    g_assert_true(g_str_has_prefix(error->message, "data 'main': "));
    expect_one("SELECT count(*) FROM shelf", "1");
}

/* --- new files --- */

static void new_names(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *folder = g_build_filename(world.tree, "sql", NULL);
    g_autofree char *first = sql_new_name(folder, "Add Status!", 1795132800, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(first, ==, "20261120_000001_add_status_.sql");
    file("20251022_000041_x.sql", "");
    file("99999999_x.sql", "");
    g_autofree char *next = sql_new_name(folder, "y", 1795132800, NULL);
    g_assert_cmpstr(next, ==, "20261120_000042_y.sql");
    g_assert_null(sql_new_name(folder, "...", 0, &error));
    g_assert_cmpstr(error->message, ==, "'...' is no name for a migration; use letters and digits");
}

/* --- all --- */

static const struct {
    const char *name;
    void (*run)(void);
    gboolean sqlite, postgres;
} tests[] = {
    {"files run once, in order, and are recorded", runs_once, TRUE, TRUE},
    {"a failure has its line, and leaves nothing", failure_has_its_line, TRUE, TRUE},
    {"all are looked through before the first runs", all_are_looked_through, TRUE, TRUE},
    {"one without a transaction is seen to be half done", alone_is_seen_half_done, TRUE, TRUE},
    {"one that never ends is ended, on the server too", endless_is_ended, TRUE, TRUE},
    {"two runners run each file once", two_runners, TRUE, TRUE},
    {"a tree that holds no migrations is refused", bad_trees, TRUE, FALSE},
    {"no file feels what another has set", files_do_not_feel_one_another, FALSE, TRUE},
    {"a failure has the line of its place", line_of_a_later_place, FALSE, TRUE},
    {"a publisher's own database has its URL in a file", by_a_url_of_ones_own, FALSE, TRUE},
    {"what an older release does not know is found", what_an_older_release_knows, TRUE, TRUE},
    {"the newest is taken back first, and comes again", newest_is_taken_back_first, TRUE, TRUE},
    {"what has no way down is named", no_way_down_is_named, TRUE, TRUE},
    {"one without a transaction is seen half taken back", alone_on_the_way_down, TRUE, TRUE},
    {"a row is added once", rows_are_added_once, TRUE, TRUE},
    {"a query only reads", queries_only_read, TRUE, TRUE},
    {"a new file gets the next number", new_names, TRUE, FALSE},
};

typedef struct Case {
    void (*run)(void);
    const char *driver;
} Case;

static void run_case(gconstpointer data)
{
    const Case *test = data;
    scene_begin(test->driver);
    test->run();
    scene_end();
}

static void add(const char *driver, gboolean wanted, guint i)
{
    if (!wanted)
        return;
    Case *test = g_new(Case, 1);
    *test = (Case){tests[i].run, driver};
    g_autofree char *path = g_strdup_printf("/sql/%s: %s", driver, tests[i].name);
    g_test_add_data_func_full(path, test, run_case, g_free);
}

int main(int argc, char **argv)
{
    if (argc > 3 && g_str_equal(argv[1], "inner") && g_str_equal(argv[2], "sql"))
        return sql_inner_main(argc - 3, argv + 3);
    g_test_init(&argc, &argv, NULL);
    server_begin(&world.server);
    g_free(server_sql(&world.server, "postgres", "CREATE ROLE app LOGIN PASSWORD 'geheim'"));
    for (guint i = 0; i < G_N_ELEMENTS(tests); i++) {
        add("sqlite", tests[i].sqlite, i);
        add("postgres", tests[i].postgres, i);
    }
    int status = g_test_run();
    server_end(&world.server);
    return status;
}
