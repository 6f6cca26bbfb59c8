/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fault.h"
#include "base/fs.h"
#include "base/postgres.h"

#include "postgres_server.h"

#include <fcntl.h>
#include <signal.h>

/* One server for all tests: its start takes a second. */
typedef struct World {
    PostgresServer server;
    char *env;
} World;

static PostgresAccess access_new(const World *world)
{
    PostgresAccess access = POSTGRES_NOBODY;
    access.change_user = geteuid() == 0;
    access.uid = world->server.uid;
    access.gid = world->server.gid;
    access.url_fd = open(world->env, O_RDONLY | O_CLOEXEC);
    access.url_name = ".env";
    access.url_key = "DATABASE_URL";
    access.job = "7";
    access.timeout_ms = 60000;
    return access;
}

static void env_write(const World *world, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void env_write(const World *world, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    g_autofree char *text = g_strdup_vprintf(format, list);
    va_end(list);
    g_assert_true(g_file_set_contents(world->env, text, -1, NULL) && chmod(world->env, 0600) == 0);
}

static void world_begin(World *world)
{
    server_begin(&world->server);
    world->env = g_build_filename(world->server.top, "env", NULL);
    g_free(server_sql(&world->server, "postgres", "CREATE ROLE app LOGIN CREATEDB PASSWORD 'se:cr\\et'"));
}

static void database_new(const World *world)
{
    const PostgresServer *server = &world->server;
    g_free(server_sql(server, "postgres", "DROP DATABASE IF EXISTS app WITH (FORCE)"));
    g_free(server_sql(server, "postgres", "DROP DATABASE IF EXISTS app__copy_7 WITH (FORCE)"));
    g_free(server_sql(server, "postgres", "DROP DATABASE IF EXISTS app__failed_7 WITH (FORCE)"));
    g_free(server_sql(server, "postgres", "CREATE DATABASE app OWNER app"));
    g_free(server_run(server,
                      "psql -X -q -h '%s' -U app -d app -c 'CREATE TABLE note(id serial PRIMARY KEY, text text)' "
                      "-c \"INSERT INTO note(text) SELECT 'note ' || n FROM generate_series(1, 100) n\"",
                      server->top));
    env_write(
        world,
        "# the app's\nexport DATABASE_URL=\"postgresql+psycopg2://app:se%%3Acr%%5Cet@/app?host=%s&pool_size=5\" # x\n",
        server->top);
}

static Node *ask(const World *world, const char *operation, Node *request, GError **error)
{
    PostgresAccess access = access_new(world);
    Node *answer = postgres_ask(&access, operation, request, error);
    close(access.url_fd);
    return answer;
}

static Node *must(const World *world, const char *operation, Node *request)
{
    g_autoptr(GError) error = NULL;
    Node *answer = ask(world, operation, request, &error);
    g_assert_no_error(error);
    return answer;
}

static void test_look(gconstpointer data)
{
    const World *world = data;
    database_new(world);
    g_autoptr(Node) answer = must(world, "look", NULL);
    static const struct {
        const char *key, *value;
    } rows[] = {{"database", "app"},         {"owner", "app"}, {"role", "app"},
                {"standby", "false"},        {"fsync", "off"}, {"full_page_writes", "on"},
                {"prepared", "0"},           {"slots", "0"},   {"pooled", "false"},
                {"synchronous_commit", "on"}};
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        g_assert_cmpstr(node_get_text(answer, rows[i].key, ""), ==, rows[i].value);
    g_assert_cmpint(g_ascii_strtoll(node_get_text(answer, "bytes", "0"), NULL, 10), >, 1000000);
    Node *request = node_new_map();
    node_set_text(request, "role", "app");
    g_autoptr(Node) rights = must(world, "rights", request);
    static const char *const rights_true[] = {"owns", "app_owns", "may_create"};
    for (gsize i = 0; i < G_N_ELEMENTS(rights_true); i++)
        g_assert_cmpstr(node_get_text(rights, rights_true[i], ""), ==, "true");
    g_assert_cmpstr(node_get_text(rights, "oid", ""), ==, node_get_text(answer, "oid", "-"));
    g_assert_cmpstr(node_get_text(rights, "system", ""), ==, node_get_text(answer, "system", "-"));
}

/* A URL that libpq cannot read would be quoted by it, password and all. */
static void test_bad_urls(gconstpointer data)
{
    const World *world = data;
    static const struct {
        const char *env, *text;
    } rows[] = {
        {"DATABASE_URL=postgresql://app:geheim/x@:99999999/y z\n",
         "DATABASE_URL in .env is no URL of a PostgreSQL database"},
        {"DATABASE_URL=mysql://app:geheim@host/x\n", "DATABASE_URL in .env is no URL of a PostgreSQL database"},
        {"OTHER=postgresql://app:geheim@host/x\n", ".env has no DATABASE_URL"},
        {"DATABASE_URL=postgresql://app:geheim@/x?host=/nowhere\n",
         "cannot reach database 'x' at /nowhere: No such file or directory"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        env_write(world, "%s", rows[i].env);
        g_assert_null(ask(world, "look", NULL, &error));
        g_autofree char *text = fault_text(error);
        g_assert_cmpstr(text, ==, rows[i].text);
        g_assert_null(strstr(error->message, "geheim"));
    }
}

static char *count(const World *world, const char *database)
{
    return server_sql(&world->server, database, "SELECT count(*) || ' ' || max(text) FROM note");
}

static Node *copy_request(void)
{
    Node *request = node_new_map();
    node_set_text(request, "copy", "app__copy_7");
    return request;
}

static Node *swap_request(gint64 oid)
{
    Node *request = node_new_map();
    node_set_text(request, "incoming", "app__copy_7");
    node_set_int(request, "incoming_oid", oid);
    node_set_text(request, "aside", "app__failed_7");
    return request;
}

static void test_copy_and_swap(gconstpointer data)
{
    const World *world = data;
    const PostgresServer *server = &world->server;
    database_new(world);
    g_free(
        server_sql(server, "postgres",
                   "ALTER DATABASE app SET search_path TO \"$user\", public; ALTER DATABASE app SET work_mem TO '8MB';"
                   "GRANT CONNECT ON DATABASE app TO PUBLIC; COMMENT ON DATABASE app IS 'it''s'; ALTER DATABASE app "
                   "CONNECTION LIMIT 17"));
    const char *looks = "SELECT datconnlimit, shobj_description(d.oid, 'pg_database'), (SELECT string_agg(a::text, ' ' "
                        "ORDER BY a::text) FROM unnest(datacl) a), s.setconfig, pg_get_userbyid(datdba)"
                        " FROM pg_database d JOIN pg_db_role_setting s ON s.setdatabase = d.oid WHERE datname = 'app'";
    g_autofree char *before = server_sql(server, "postgres", looks);
    g_autoptr(Node) copied = must(world, "copy", copy_request());
    gint64 oid = node_get_int(copied, "copy_oid", 0);
    g_free(server_sql(server, "app", "UPDATE note SET text = 'gone'; DROP SEQUENCE note_id_seq CASCADE"));
    g_autoptr(Node) swapped = must(world, "swap", swap_request(oid));
    g_assert_true(node_get_bool(swapped, "swapped", FALSE));
    g_autofree char *live = count(world, "app"), *failed = count(world, "app__failed_7");
    g_assert_cmpstr(live, ==, "100 note 99");
    g_assert_cmpstr(failed, ==, "100 gone");
    g_autofree char *after = server_sql(server, "postgres", looks);
    g_assert_cmpstr(after, ==, before);
    /* Once more: it is done, and stays so. */
    g_autoptr(Node) again = must(world, "swap", swap_request(oid));
    g_assert_false(node_get_bool(again, "swapped", TRUE));
}

static void test_copy_is_gone(gconstpointer data)
{
    const World *world = data;
    database_new(world);
    g_autoptr(GError) error = NULL;
    g_assert_null(ask(world, "swap", swap_request(4711), &error));
    g_assert_error(error, FAULT, FAULT_STATE);
    g_assert_cmpstr(error->message, ==, "database 'app__copy_7' is gone: it was to take the place of 'app'");
}

/* A client that keeps coming back, and one that sits in a transaction. */
static void test_sessions_in_the_way(gconstpointer data)
{
    const World *world = data;
    const PostgresServer *server = &world->server;
    database_new(world);
    g_free(server_run(
        server,
        "(while test -e env; do psql -X -q -h '%s' -U app -d app -c 'INSERT INTO note(text) VALUES (1)'; done; true) "
        ">/dev/null 2>&1 & (psql -X -q -h '%s' -U app -d app -c 'BEGIN; INSERT INTO note(text) VALUES (2); "
        "SELECT pg_sleep(600)' >/dev/null 2>&1 &) ; sleep 0.3",
        server->top, server->top));
    g_autoptr(Node) sessions = must(world, "sessions", NULL);
    g_assert_cmpint((int)node_get(sessions, "sessions")->items->len, >=, 1);
    for (int i = 0; i < 3; i++) {
        g_autoptr(Node) copied = must(world, "copy", copy_request());
        g_autoptr(Node) swapped = must(world, "swap", swap_request(node_get_int(copied, "copy_oid", 0)));
        g_assert_true(node_get_bool(swapped, "swapped", FALSE));
        g_free(server_sql(server, "postgres", "DROP DATABASE app__failed_7 WITH (FORCE)"));
    }
    g_assert_true(g_unlink(world->env) == 0);
    g_usleep(300000);
}

static void test_dump_and_restore(gconstpointer data)
{
    const World *world = data;
    database_new(world);
    g_autofree char *path = g_build_filename(world->server.top, "dump", NULL);
    PostgresAccess access = access_new(world);
    g_autoptr(GError) error = NULL;
    access.file_fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    g_autoptr(Node) dumped = postgres_ask(&access, "dump", NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(node_get_text(node_get(dumped, "tables"), "public.note", ""), ==, "100");
    static const char *const operations[] = {"make", "fill", "finish"};
    g_autoptr(Node) restored = NULL;
    for (gsize i = 0; i < G_N_ELEMENTS(operations); i++) {
        Node *request = node_new_map();
        node_set_text(request, "into", "app__copy_7");
        g_autoptr(Node) answer = postgres_ask(&access, operations[i], request, &error);
        g_assert_no_error(error);
        if (i == 1)
            restored = g_steal_pointer(&answer);
    }
    g_assert_cmpstr(node_get_text(restored, "catalogue", "-"), ==, node_get_text(dumped, "catalogue", "+"));
    g_assert_cmpstr(node_get_text(node_get(restored, "tables"), "public.note", ""), ==, "100");
    Node *verify = node_new_map();
    node_set_int(verify, "major", 15);
    g_autoptr(Node) verified = postgres_ask(&access, "verify", verify, &error);
    g_assert_no_error(error);
    g_assert_nonnull(verified);
    /* Its second half is missing. */
    struct stat st;
    g_assert_true(fstat(access.file_fd, &st) == 0 && ftruncate(access.file_fd, st.st_size / 2) == 0);
    verify = node_new_map();
    node_set_int(verify, "major", 15);
    g_assert_null(postgres_ask(&access, "verify", verify, &error));
    g_assert_error(error, FAULT, FAULT_BACKUP);
    g_assert_true(g_str_has_prefix(error->message, "pg_restore failed: "));
    close(access.file_fd);
    close(access.url_fd);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    World world = {0};
    world_begin(&world);
    g_test_add_data_func("/postgres/a look says all that a plan needs", &world, test_look);
    g_test_add_data_func("/postgres/a bad URL is named without its password", &world, test_bad_urls);
    g_test_add_data_func("/postgres/a copy takes the place of the database, settings and grants included", &world,
                         test_copy_and_swap);
    g_test_add_data_func("/postgres/nothing is renamed when the copy is gone", &world, test_copy_is_gone);
    g_test_add_data_func("/postgres/clients that do not go away are ended", &world, test_sessions_in_the_way);
    g_test_add_data_func("/postgres/a dump gives back what was dumped, a torn one nothing", &world,
                         test_dump_and_restore);
    int status = g_test_run();
    server_end(&world.server);
    g_free(world.env);
    return status;
}
