/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the PostgreSQL driver on a server of their own: copies that go back from wherever they were stopped. */
#include "base/fault.h"
#include "base/fs.h"
#include "base/process.h"
#include "model/policy.h"
#include "parts/backup/backup.h"
#include "parts/postgres.h"

#include "postgres_server.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#define JOB "20261121-070909-0001"

/* One server for all tests: its start takes a second. */
static PostgresServer server;

/* --- the stage ----------------------------------------------------------------------------------------------- */

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

typedef struct Stage {
    char *directory, *dumps, *env, *lock;
    HostPlace *host;
    Place *place;
    Notes notes;
    PartContext context;
    GString *lines;
    GPtrArray *databases;
    DatabaseConfig config;
    DataSet set;
    const BackupDriver *driver;
} Stage;

static void keep_line(const char *line, gpointer data)
{
    g_string_append_printf(data, "%s\n", line);
}

static void sql(const char *database, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void sql(const char *database, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    g_autofree char *text = g_strdup_vprintf(format, list);
    va_end(list);
    g_free(server_sql(&server, database, text));
}

static void assert_sql(const char *database, const char *query, const char *wanted)
{
    g_autofree char *found = server_sql(&server, database, query);
    g_assert_cmpstr(found, ==, wanted);
}

static void as_app(const char *database, const char *statement)
{
    g_autofree char *quoted = g_shell_quote(statement);
    g_free(server_run(&server, "psql -X -q -h '%s' -U app -d %s -c %s", server.top, database, quoted));
}

static void env_write(const Stage *stage, const char *text)
{
    g_assert_true(g_file_set_contents(stage->env, text, -1, NULL) && chmod(stage->env, 0600) == 0);
    if (geteuid() == 0)
        g_assert_no_errno(chown(stage->env, server.uid, server.gid));
}

static void env_name(const Stage *stage, const char *database)
{
    g_autofree char *text = g_strdup_printf("DEBUG=no\nDATABASE_URL='postgresql://app:fla%%3Amingo%%5Cx@/%s?host=%s'\n",
                                            database, server.top);
    env_write(stage, text);
}

/* All in one session: each takes as long as what it does. */
static void database_new(void)
{
    g_free(
        server_run(&server,
                   "psql -X -q -v ON_ERROR_STOP=1 -h '%s' -U postgres -d postgres >/dev/null <<'END'\n"
                   "SELECT format('DROP DATABASE %%I WITH (FORCE)', datname) FROM pg_database WHERE datname ~ '^app' "
                   "\\gexec\n"
                   "ALTER ROLE app CREATEDB;\nCREATE DATABASE app OWNER app;\n\\c app app\n"
                   "CREATE TABLE note(id serial PRIMARY KEY, text text);\n"
                   "INSERT INTO note(text) SELECT 'note ' || n FROM generate_series(1, 100) n;\nEND\n",
                   server.top));
}

static void stage_set(Stage *stage, gconstpointer unused)
{
    stage->directory = g_dir_make_tmp("liftlock-XXXXXX", NULL);
    g_assert_no_errno(chmod(stage->directory, 0755));
    stage->host = host_place_new(stage->directory);
    stage->place = place_new(stage->host, "app", NULL);
    stage->place->user = g_strdup("app");
    stage->place->uid = server.uid;
    stage->place->gid = server.gid;
    stage->place->change_user = geteuid() == 0;
    stage->notes = (Notes){{notes_get, notes_set}, g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free)};
    stage->lines = g_string_new(NULL);
    stage->databases = g_ptr_array_new();
    stage->context = (PartContext){.place = stage->place,
                                   .job = JOB,
                                   .facts = &stage->notes.facts,
                                   .lock_fd = -1,
                                   .on_line = keep_line,
                                   .on_line_data = stage->lines,
                                   .databases = stage->databases};
    g_assert_no_errno(g_mkdir_with_parents(stage->place->shared, 0755));
    stage->env = g_build_filename(stage->place->shared, ".env", NULL);
    stage->lock = g_build_filename(stage->directory, "lock", NULL);
    g_assert_true(g_file_set_contents(stage->lock, "", 0, NULL));
    stage->dumps = g_build_filename(stage->directory, JOB, NULL);
    g_assert_no_errno(mkdir(stage->dumps, 0700));
    stage->set =
        (DataSet){.name = (char *)"main", .driver = (char *)"postgres", .url_from = (char *)".env#DATABASE_URL"};
    stage->driver = backup_find(&stage->set, NULL);
    g_assert_nonnull(stage->driver);
    database_new();
    env_name(stage, "app");
}

static void stage_clear(Stage *stage, gconstpointer unused)
{
    fs_fd int top = fs_open_dir("/", NULL);
    g_assert_true(fs_remove_tree(top, stage->directory + 1, NULL));
    g_assert_null(strstr(stage->lines->str, "mingo"));
    g_hash_table_unref(stage->notes.table);
    g_string_free(stage->lines, TRUE);
    g_ptr_array_unref(stage->databases);
    place_free(stage->place);
    host_place_free(stage->host);
    g_free(stage->dumps);
    g_free(stage->lock);
    g_free(stage->env);
    g_free(stage->directory);
}

/* --- words --------------------------------------------------------------------------------------------------- */

/* One of the driver's functions, which must do it: MUST(stage, copy). */
#define MUST(stage, function, ...)                                                                                     \
    G_STMT_START                                                                                                       \
    {                                                                                                                  \
        GError *must_error = NULL;                                                                                     \
        gboolean must_done =                                                                                           \
            (stage)->driver->function(&(stage)->context, &(stage)->set __VA_OPT__(, ) __VA_ARGS__, &must_error);       \
        g_assert_no_error(must_error);                                                                                 \
        g_assert_true(must_done);                                                                                      \
    }                                                                                                                  \
    G_STMT_END

static void copy(Stage *stage)
{
    MUST(stage, copy);
}

static void put_back(Stage *stage)
{
    MUST(stage, put_back);
}

static void forget(Stage *stage)
{
    MUST(stage, forget);
}

static gboolean changed(Stage *stage)
{
    return stage->driver->changed(&stage->context, &stage->set);
}

static void assert_databases(const char *wanted)
{
    assert_sql("postgres", "SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database WHERE datname ~ '^app'",
               wanted);
}

static void assert_old(void)
{
    assert_sql("app", "SELECT count(*) || ' ' || max(text) FROM note", "100 note 99");
}

static void assert_fault(GError *error, int code, const char *message)
{
    g_assert_error(error, FAULT, code);
    g_assert_cmpstr(error->message, ==, message);
    g_error_free(error);
}

/* --- there and back ------------------------------------------------------------------------------------------ */

static void goes_back(Stage *stage, gconstpointer unused)
{
    copy(stage);
    g_assert_true(changed(stage));
    as_app("app", "UPDATE note SET text = 'new'; ALTER TABLE note ADD pages int");
    MUST(stage, sync);
    as_app("app", "INSERT INTO note(text) SELECT 'through the fence' FROM generate_series(1, 7)");
    put_back(stage);
    g_assert_false(changed(stage));
    assert_old();
    assert_sql("app__failed_" JOB, "SELECT count(*) FROM note WHERE text = 'through the fence'", "7");
    g_autofree char *kept = stage->driver->kept(&stage->context, &stage->set);
    g_assert_true(g_str_has_prefix(kept, "database 'app__failed_" JOB "', with at least "));
    g_assert_true(g_str_has_suffix(kept, " rows that were written after the migration"));
    g_assert_cmpint(g_ascii_strtoll(strstr(kept, "least ") + 6, NULL, 10), >=, 7);
    put_back(stage); /* it may be asked again */
    assert_databases("app app__failed_" JOB);
    forget(stage);
    assert_databases("app");
    forget(stage);
    assert_old();
}

static void copy_is_dropped(Stage *stage, gconstpointer unused)
{
    copy(stage);
    sql("postgres", "CREATE DATABASE app__copy_of_mine");
    sql("postgres", "CREATE DATABASE app2__copy_20261121_070909_0001");
    forget(stage);
    assert_databases("app app2__copy_20261121_070909_0001 app__copy_of_mine");
    assert_old();
}

static void no_copy_no_way_back(Stage *stage, gconstpointer unused)
{
    GError *error = NULL;
    g_assert_false(changed(stage));
    g_assert_false(stage->driver->put_back(&stage->context, &stage->set, &error));
    assert_fault(error, FAULT_STATE, "data 'main': nothing is known of a copy");
}

/* The names are in the job's facts: what a migration did to the app's own file does not lead us astray. */
static void env_is_changed(Stage *stage, gconstpointer unused)
{
    copy(stage);
    as_app("app", "DROP TABLE note");
    sql("postgres", "CREATE DATABASE app_new OWNER app");
    env_name(stage, "app_new");
    put_back(stage);
    assert_old();
}

static void server_is_down(Stage *stage, gconstpointer unused)
{
    GError *error = NULL;
    copy(stage);
    g_free(server_run(&server, "pg_ctl -D data -m immediate -w stop"));
    g_assert_true(changed(stage));
    g_assert_false(stage->driver->put_back(&stage->context, &stage->set, &error));
    g_autofree char *wanted =
        g_strdup_printf("data 'main': cannot reach database 'postgres' at %s: No such file or directory", server.top);
    g_autofree char *text = fault_text(error);
    g_assert_cmpstr(text, ==, wanted);
    g_clear_error(&error);
    g_free(server_run(&server, SERVER_START, server.top));
    put_back(stage);
    assert_old();
}

/* --- killed -------------------------------------------------------------------------------------------------- */

/* Does `act` in a process that is killed after `delay_us`, and waits for the end of all that it started, as recovery
 * does. The server goes on with what it was told. */
static void killed(Stage *stage, void (*act)(Stage *stage), guint delay_us)
{
    const char *const paths[] = {stage->lock, NULL};
    pid_t pid = fork();
    if (pid == 0) {
        stage->context.lock_fd = open(stage->lock, O_RDONLY | O_CLOEXEC);
        act(stage);
        _exit(0);
    }
    g_usleep(delay_us);
    kill(pid, SIGKILL);
    g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);
    for (guint left = 1; left > 0;) {
        g_autoptr(GPtrArray) at_work = process_find_by_open_file(paths);
        left = at_work->len;
    }
}

static void act_put_back(Stage *stage)
{
    stage->driver->put_back(&stage->context, &stage->set, NULL);
}

static void act_copy(Stage *stage)
{
    stage->driver->copy(&stage->context, &stage->set, NULL);
}

/* Whatever moment it is, the name leads to the old rows or to the new ones, and one more try ends with the old. */
static void killed_going_back(Stage *stage, gconstpointer unused)
{
    copy(stage);
    as_app("app", "UPDATE note SET text = 'new'");
    for (int i = 0; i < 10; i++) {
        killed(stage, act_put_back, (guint)g_test_rand_int_range(1000, 60000));
        g_autofree char *live = server_sql(&server, "app", "SELECT count(*) || ' ' || max(text) FROM note");
        g_assert_true(g_str_equal(live, "100 note 99") || g_str_equal(live, "100 new"));
        if (!changed(stage))
            break;
    }
    put_back(stage);
    assert_old();
    assert_sql("app__failed_" JOB, "SELECT count(*) || ' ' || max(text) FROM note", "100 new");
    forget(stage);
    assert_databases("app");
}

/* A connection that the dead one had asked for may reach the server after our look; it ends by itself. */
static void assert_soon_alone(Stage *stage)
{
    enum { TRIES = 50, PAUSE_US = 100000 };
    for (int i = 0; i < TRIES; i++) {
        MUST(stage, end_sessions, FALSE);
        g_autofree char *left = stage->driver->sessions(&stage->context, &stage->set);
        if (!left)
            return;
        g_usleep(PAUSE_US);
    }
    g_assert_not_reached();
}

/* The server may still be copying when the next one comes. */
static void killed_copying(Stage *stage, gconstpointer unused)
{
    for (int i = 0; i < 10; i++) {
        killed(stage, act_copy, (guint)g_test_rand_int_range(1000, 150000));
        assert_soon_alone(stage);
        assert_old();
    }
    copy(stage);
    as_app("app", "UPDATE note SET text = 'new'");
    put_back(stage);
    assert_old();
    forget(stage);
    assert_databases("app");
}

/* --- sessions ------------------------------------------------------------------------------------------------ */

static void sessions_end(Stage *stage, gconstpointer unused)
{
    assert_soon_alone(stage); /* of the tests before */
    g_free(
        server_run(&server,
                   "(PGAPPNAME=worker psql -X -q -h '%s' -U app -d app -c 'SELECT pg_sleep(600)' >/dev/null 2>&1 &) ;"
                   " sleep 0.3",
                   server.top));
    g_autofree char *open = stage->driver->sessions(&stage->context, &stage->set);
    g_assert_nonnull(open);
    g_assert_true(g_str_has_suffix(open, " (app, worker)"));
    MUST(stage, end_sessions, FALSE);
    g_assert_nonnull(strstr(stage->lines->str, "ended 1 session that held database 'app' open\n"));
    g_autofree char *left = stage->driver->sessions(&stage->context, &stage->set);
    g_assert_null(left);
}

/* --- dumps --------------------------------------------------------------------------------------------------- */

static void dump(Stage *stage)
{
    MUST(stage, dump, stage->dumps);
    MUST(stage, verify, stage->dumps);
}

static void dump_comes_back(Stage *stage, gconstpointer unused)
{
    struct stat st;
    dump(stage);
    g_autofree char *file = g_build_filename(stage->dumps, "main", NULL);
    g_assert_no_errno(stat(file, &st));
    g_assert_cmpint(st.st_mode & 07777, ==, 0600);
    g_assert_cmpint(st.st_uid, ==, geteuid());
    as_app("app", "UPDATE note SET text = 'later'; CREATE TABLE extra(id int)");
    copy(stage);
    MUST(stage, restore, stage->dumps);
    assert_old();
    as_app("app", "INSERT INTO note(text) VALUES ('as the app')"); /* whose role owns it all */
    assert_sql("app__replaced_" JOB, "SELECT max(text) FROM note", "later");
    put_back(stage);
    assert_sql("app", "SELECT count(*) || ' ' || max(text) FROM note", "100 later");
    forget(stage);
    assert_databases("app");
}

static void dump_is_tried_out(Stage *stage, gconstpointer unused)
{
    GError *error = NULL;
    dump(stage);
    stage->context.job = NULL;
    MUST(stage, verify, stage->dumps);
    assert_databases("app");
    /* What it gives back is not what was dumped. */
    g_autofree char *path = g_build_filename(stage->dumps, "main.contents", NULL);
    g_autofree char *contents = NULL;
    g_assert_true(g_file_get_contents(path, &contents, NULL, NULL));
    g_auto(GStrv) parts = g_strsplit(contents, " 100\n", 2);
    g_assert_nonnull(parts[1]);
    g_autofree char *other = g_strjoinv(" 101\n", parts);
    g_assert_true(g_file_set_contents(path, other, -1, NULL));
    g_assert_false(stage->driver->verify(&stage->context, &stage->set, stage->dumps, &error));
    assert_fault(error, FAULT_BACKUP, "data 'main': the dump gives back 100 rows of public.note, and 101 were dumped");
    assert_databases("app");
}

static void dump_is_torn(Stage *stage, gconstpointer unused)
{
    GError *error = NULL;
    dump(stage);
    g_autofree char *file = g_build_filename(stage->dumps, "main", NULL);
    g_assert_no_errno(truncate(file, 1000));
    g_assert_false(stage->driver->verify(&stage->context, &stage->set, stage->dumps, &error));
    assert_fault(error, FAULT_BACKUP, "data 'main': the dump is not what was written");
    copy(stage);
    error = NULL;
    g_assert_false(stage->driver->restore(&stage->context, &stage->set, stage->dumps, &error));
    assert_fault(error, FAULT_BACKUP, "data 'main': the dump is not what was written");
    assert_old();
}

/* --- fingerprints -------------------------------------------------------------------------------------------- */

static char *fingerprint(Stage *stage)
{
    GError *error = NULL;
    char *text = stage->driver->fingerprint(&stage->context, &stage->set, &error);
    g_assert_no_error(error);
    return text;
}

static void shape_is_seen(Stage *stage, gconstpointer unused)
{
    static const char *const changes[] = {
        "ALTER TABLE note ADD pages int",
        "ALTER TABLE note ALTER pages SET DEFAULT 3",
        "ALTER TABLE note ADD CHECK (pages > 0)",
        "CREATE INDEX ON note(text)",
        "CREATE VIEW short AS SELECT id FROM note",
        "CREATE TYPE mood AS ENUM ('sad', 'glad')",
        "CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE SEQUENCE numbers INCREMENT 5",
        "ALTER SEQUENCE numbers INCREMENT 7",
        "CREATE TABLE schema_migrations(version text); INSERT INTO schema_migrations VALUES ('1')",
        "INSERT INTO schema_migrations VALUES ('2')",
    };
    g_autofree char *last = fingerprint(stage);
    as_app("app", "INSERT INTO note(text) VALUES ('a row')");
    g_autofree char *same = fingerprint(stage);
    g_assert_cmpstr(same, ==, last);
    for (gsize i = 0; i < G_N_ELEMENTS(changes); i++) {
        as_app("app", changes[i]);
        char *now = fingerprint(stage);
        if (g_str_equal(now, last))
            g_error("not seen: %s", changes[i]);
        g_free(last);
        last = now;
    }
    stage->set.fingerprint = (char *)"SELECT max(text) FROM note";
    g_autofree char *asked = fingerprint(stage);
    as_app("app", "UPDATE note SET text = 'z'");
    g_autofree char *other = fingerprint(stage);
    g_assert_cmpstr(asked, !=, other);
}

/* --- what speaks against it ---------------------------------------------------------------------------------- */

/* "TEXT / HINT" of each objection, a line each. */
static char *objections(Stage *stage, GPtrArray *notes)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func((GDestroyNotify)objection_free);
    GString *text = g_string_new(NULL);
    stage->driver->object(&stage->context, &stage->set, found, notes);
    for (guint i = 0; i < found->len; i++) {
        const Objection *objection = g_ptr_array_index(found, i);
        g_string_append_printf(text, "%s%s / %s", i > 0 ? "\n" : "", objection->text, objection->hint);
    }
    return g_string_free(text, FALSE);
}

static void assert_objections(Stage *stage, const char *wanted)
{
    g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *found = objections(stage, notes);
    g_assert_cmpstr(found, ==, wanted);
}

static void good_database(Stage *stage, gconstpointer unused)
{
    g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *found = objections(stage, notes);
    g_assert_cmpstr(found, ==, "");
    g_assert_cmpstr(notes->pdata[0], ==,
                    "data 'main': the database server runs with fsync off: what a power cut takes from it is outside "
                    "the guarantee");
    g_assert_cmpuint(notes->len, ==, 2); /* the room on the server: the app's role is not told where it is */
    sql("postgres", "ALTER ROLE app SET synchronous_commit TO off");
    g_autoptr(GPtrArray) more = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *again = objections(stage, more);
    sql("postgres", "ALTER ROLE app RESET synchronous_commit");
    g_assert_cmpstr(again, ==, "");
    g_assert_cmpstr(more->pdata[1], ==,
                    "data 'main': the database server runs with synchronous_commit off: what a power cut takes from "
                    "it is outside the guarantee");
}

static void rights_are_missing(Stage *stage, gconstpointer unused)
{
    GError *error = NULL;
    sql("postgres", "ALTER ROLE app NOCREATEDB");
    assert_objections(stage,
                      "data 'main': role 'app' may not copy the database 'app' / ALTER ROLE \"app\" CREATEDB, or "
                      "name who may in [database] of the app's config");
    g_assert_false(stage->driver->copy(&stage->context, &stage->set, &error));
    g_autofree char *text = fault_text(error);
    g_assert_cmpstr(text, ==, "data 'main': role 'app' may not copy the database 'app'");
    g_error_free(error);
    sql("postgres", "ALTER DATABASE app OWNER TO postgres");
    assert_objections(stage, "data 'main': the app's role 'app' does not own the database 'app' / ALTER DATABASE "
                             "\"app\" OWNER TO \"app\"");
    assert_databases("app");
}

static void address_is_wrong(Stage *stage, gconstpointer unused)
{
    env_name(stage, "appetite");
    g_autofree char *wanted = g_strdup_printf(
        "data 'main': cannot reach database 'appetite' at %s: database \"appetite\" does not exist / (null)",
        server.top);
    assert_objections(stage, wanted);
    env_write(stage, "DATABASE_URL=postgresql://app:gehe/im@host/x\n");
    assert_objections(stage,
                      "data 'main': DATABASE_URL in shared/.env is no URL of a PostgreSQL database / it looks like "
                      "this: postgresql://USER:PASSWORD@HOST/DATABASE, with %XX for what is no letter or digit");
    g_assert_no_errno(unlink(stage->env));
    g_autofree char *gone = g_strdup_printf(
        "data 'main': %s does not exist / write the address of the database there, as the app reads it", stage->env);
    assert_objections(stage, gone);
    g_assert_no_errno(symlink("/etc/passwd", stage->env));
    g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *link = objections(stage, notes);
    g_assert_true(g_str_has_prefix(link, "data 'main': cannot open 'shared/.env'"));
}

static void kind_is_wrong(Stage *stage, gconstpointer unused)
{
    sql("app", "BEGIN; INSERT INTO note(text) VALUES ('two'); PREPARE TRANSACTION 'x'");
    assert_objections(stage,
                      "data 'main': the database 'app' has prepared transactions / commit them or roll them back "
                      "first");
    sql("app", "ROLLBACK PREPARED 'x'");
    sql("app", "SELECT pg_create_logical_replication_slot('reader', 'test_decoding')");
    assert_objections(stage, "data 'main': the database 'app' has replication slots / what reads them would lose its "
                             "place; drop them for the update");
    sql("app", "SELECT pg_drop_replication_slot('reader')");
    assert_objections(stage, "");
    sql("postgres", "CREATE DATABASE app_with_a_name_that_is_so_very_long OWNER app");
    env_name(stage, "app_with_a_name_that_is_so_very_long");
    assert_objections(stage,
                      "data 'main': the database's name 'app_with_a_name_that_is_so_very_long' is too long: there "
                      "must be room for __replaced_JOB / rename it");
}

static void session_of_another(Stage *stage, gconstpointer unused)
{
    g_free(server_run(&server,
                      "(PGAPPNAME=auditor psql -X -q -h '%s' -U postgres -d app -c 'SELECT pg_sleep(600)' >/dev/null "
                      "2>&1 &) ; sleep 0.3",
                      server.top));
    g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *found = objections(stage, notes);
    g_assert_nonnull(strstr(found,
                            " of 'postgres' (auditor) uses the database 'app', and 'app' may not end it / end it, "
                            "or name who may end it in [database] of the app's config"));
    sql("postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'auditor'");
}

static void tools_are_old(Stage *stage, gconstpointer unused)
{
    GError *error = NULL;
    Node *request = node_new_map();
    node_set_int(request, "major", 99);
    const PostgresWish wish = {.operation = "tools", .request = request};
    g_assert_null(part_postgres(&stage->context, &stage->set, &wish, &error));
    g_assert_error(error, FAULT, FAULT_REQUIREMENT);
    g_assert_true(g_str_has_prefix(error->message, "pg_dump 1"));
    g_assert_true(
        g_str_has_suffix(error->message, " is older than the server (99)\ninstall the package postgresql-client-99"));
    g_error_free(error);
}

static void database_is_gone(Stage *stage, gconstpointer unused)
{
    GError *error = NULL;
    assert_objections(stage, "");
    sql("postgres", "DROP DATABASE app");
    g_assert_false(stage->driver->copy(&stage->context, &stage->set, &error));
    g_autofree char *wanted =
        g_strdup_printf("data 'main': cannot reach database 'app' at %s: database \"app\" does not exist", server.top);
    assert_fault(error, FAULT_BACKUP, wanted);
    assert_sql("postgres", "SELECT count(*) FROM pg_database WHERE datname ~ '^app'", "0");
}

static void pooler_is_seen(Stage *stage, gconstpointer unused)
{
    g_free(server_run(
        &server,
        "printf '[databases]\\n* = host=%s user=app\\n[pgbouncer]\\nlisten_addr =\\nunix_socket_dir = %s\\nlisten_port "
        "= 6432\\nauth_type = any\\nlogfile = %s/pool.log\\npidfile = %s/pool.pid\\n' >pool.ini && "
        "pgbouncer -q -d pool.ini && sleep 0.2",
        server.top, server.top, server.top, server.top));
    g_autofree char *text = g_strdup_printf("DATABASE_URL=postgresql://app@/app?host=%s&port=6432\n", server.top);
    env_write(stage, text);
    g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *found = objections(stage, notes);
    g_free(server_run(&server, "kill -9 $(cat pool.pid); rm -f pool.ini pool.pid pool.log .s.PGSQL.6432"));
    g_auto(GStrv) first = g_strsplit(found, "\n", 2);
    g_assert_cmpstr(first[0], ==,
                    "data 'main': the database 'app' is reached through a connection pooler / name an address of the "
                    "server itself, past the pooler");
}

/* --- secrets -------------------------------------------------------------------------------------------------- */

static gboolean holds_secret(const char *path)
{
    g_autofree char *bytes = NULL;
    gsize size = 0;
    if (!g_file_get_contents(path, &bytes, &size, NULL))
        return FALSE;
    return memmem(bytes, size, "mingo", strlen("mingo")) != NULL;
}

/* Looks at all processes until `pid` ends. */
static gboolean dump_was_seen(pid_t pid)
{
    gboolean seen = FALSE;
    while (waitpid(pid, NULL, WNOHANG) == 0) {
        g_autoptr(GDir) proc = g_dir_open("/proc", 0, NULL);
        for (const char *name; (name = g_dir_read_name(proc));) {
            g_autofree char *arguments = g_build_filename("/proc", name, "cmdline", NULL);
            g_autofree char *environment = g_build_filename("/proc", name, "environ", NULL);
            g_autofree char *bytes = NULL;
            if (!g_ascii_isdigit(*name) || !g_file_get_contents(arguments, &bytes, NULL, NULL))
                continue;
            seen = seen || strstr(bytes, "/pg_dump");
            g_assert_false(holds_secret(arguments));
            g_assert_false(holds_secret(environment));
        }
        g_usleep(2000);
    }
    return seen;
}

static void secret_is_kept(Stage *stage, gconstpointer unused)
{
    g_free(
        server_run(&server,
                   "(psql -X -q -h '%s' -U app -d app -c 'BEGIN; LOCK note; SELECT pg_sleep(0.7)' >/dev/null 2>&1 &) "
                   "; sleep 0.2",
                   server.top));
    pid_t pid = fork();
    if (pid == 0)
        _exit(stage->driver->dump(&stage->context, &stage->set, stage->dumps, NULL) ? 0 : 1);
    g_assert_true(dump_was_seen(pid));
}

/* --- who may -------------------------------------------------------------------------------------------------- */

static void admin_by_url(Stage *stage, gconstpointer unused)
{
    g_autofree char *file = g_build_filename(stage->directory, "secret", NULL);
    g_autofree char *url = g_strdup_printf("postgresql://dba:admin-geheim@/postgres?host=%s\n", server.top);
    g_assert_true(g_file_set_contents(file, url, -1, NULL) && chmod(file, 0644) == 0);
    stage->config = (DatabaseConfig){.name = (char *)"main", .admin_url_file = file};
    g_ptr_array_add(stage->databases, &stage->config);
    sql("postgres", "ALTER ROLE app NOCREATEDB");
    g_autofree char *wanted = g_strdup_printf("data 'main': %s is not a file of ours alone / chown root:root %s && "
                                              "chmod 600 %s",
                                              file, file, file);
    assert_objections(stage, wanted);
    g_assert_no_errno(chmod(file, 0600));
    assert_objections(stage, "");
    /* What a dump makes the server do, it does with the rights of the app alone. */
    as_app("app", "CREATE FUNCTION who(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN IF current_setting("
                  "'is_superuser') = 'on' THEN RAISE 'as superuser'; END IF; RETURN $1; END $$; "
                  "CREATE INDEX ON note(who(text))");
    dump(stage);
    copy(stage);
    as_app("app", "UPDATE note SET text = 'new'");
    MUST(stage, restore, stage->dumps);
    assert_old();
    as_app("app", "UPDATE note SET text = 'newer'");
    put_back(stage);
    assert_old();
    as_app("app", "INSERT INTO note(text) VALUES ('still the app''s')");
    forget(stage);
    assert_databases("app");
}

/* The app's user writes the address: it must not make the admin work on what is not the app's. */
static void admin_for_another(Stage *stage, gconstpointer unused)
{
    GError *error = NULL;
    g_autofree char *file = g_build_filename(stage->directory, "secret", NULL);
    g_autofree char *url = g_strdup_printf("postgresql://dba:admin-geheim@/postgres?host=%s\n", server.top);
    g_assert_true(g_file_set_contents(file, url, -1, NULL) && chmod(file, 0600) == 0);
    stage->config = (DatabaseConfig){.name = (char *)"main", .admin_url_file = file};
    g_ptr_array_add(stage->databases, &stage->config);
    env_name(stage, "postgres");
    g_assert_false(stage->driver->copy(&stage->context, &stage->set, &error));
    assert_fault(error, FAULT_BACKUP,
                 "data 'main': the app's role 'app' does not own the database 'postgres'\nALTER DATABASE \"postgres\" "
                 "OWNER TO \"app\"");
    error = NULL;
    g_assert_false(stage->driver->end_sessions(&stage->context, &stage->set, FALSE, &error));
    g_assert_error(error, FAULT, FAULT_BACKUP);
    g_error_free(error);
}

static void claim_stays(Stage *stage, gconstpointer unused)
{
    g_autofree char *before = stage->driver->claim(&stage->context, &stage->set);
    g_assert_true(g_str_has_suffix(before, "/app"));
    copy(stage);
    put_back(stage);
    g_autofree char *after = stage->driver->claim(&stage->context, &stage->set);
    g_assert_cmpstr(after, ==, before);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    server_begin(&server);
    sql("postgres", "CREATE ROLE app LOGIN CREATEDB PASSWORD 'fla:mingo\\x'");
    sql("postgres", "CREATE ROLE dba LOGIN SUPERUSER PASSWORD 'admin-geheim'");
    static const struct {
        const char *name;
        void (*test)(Stage *stage, gconstpointer unused);
    } tests[] = {
        {"the old database comes back, and the failed one is kept", goes_back},
        {"a copy that is not needed is dropped, and nothing else", copy_is_dropped},
        {"without a copy there is no way back", no_copy_no_way_back},
        {"the way back does not depend on the app's own file", env_is_changed},
        {"a server that is down is asked again", server_is_down},
        {"killed on the way back, the name leads to the old or the new", killed_going_back},
        {"killed while copying, the next copy is whole", killed_copying},
        {"a statement that outlives its client is ended", sessions_end},
        {"a dump comes back as the app's own", dump_comes_back},
        {"a dump is restored and counted where nobody waits", dump_is_tried_out},
        {"a torn dump is seen", dump_is_torn},
        {"every change of shape is seen", shape_is_seen},
        {"nothing speaks against a good database", good_database},
        {"what to type is said where rights are missing", rights_are_missing},
        {"a wrong address is named without its password", address_is_wrong},
        {"a database that cannot be copied soundly is refused", kind_is_wrong},
        {"a session that we may not end is named", session_of_another},
        {"programs older than the server are named", tools_are_old},
        {"a database that is gone since the plan is not copied", database_is_gone},
        {"a pooler is seen", pooler_is_seen},
        {"no process shows the password", secret_is_kept},
        {"another role may copy it", admin_by_url},
        {"nobody copies what is not the app's", admin_for_another},
        {"a claim outlives the way back", claim_stays},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_autofree char *path = g_strconcat("/postgres driver/", tests[i].name, NULL);
        g_test_add(path, Stage, NULL, stage_set, tests[i].test, stage_clear);
    }
    int status = g_test_run();
    server_end(&server);
    return status;
}
