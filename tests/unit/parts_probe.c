/* SPDX-License-Identifier: Apache-2.0 */
/* Probes of every kind on real answers, good and bad. */
#include <sys/stat.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/fs.h"
#include "loopback.h"
#include "parts/probe/probe.h"

#define TEXT(text) ((char *)(text))

typedef struct World {
    char *top;
    HostPlace *host;
    Place *place;
    Loopback server;
    RemoteSession *session;
    ProbeContext context;
} World;

static const Page pages[] = {
    {"/ok", "200 OK", "all is well\nreally", 0},
    {"/about", "200 OK", "{\"version\": \"1.0.0\", \"queue\": {\"pending\": 0, \"ready\": true, \"last\": null}}", 0},
    {"/plain", "200 OK", " v2.1.0\n", 0},
    {"/empty", "200 OK", "", 0},
    {"/busy", "503 Service Unavailable", "later", 0},
    {"/slow", "200 OK", "at last", 600},
    {"/odd", "418 I'm a teapot", "short and stout", 0},
    {NULL},
};

static void world_up(World *world, gconstpointer data)
{
    world->top = g_dir_make_tmp("ll-probe-XXXXXX", NULL);
    chmod(world->top, 0755);
    world->host = host_place_new(world->top);
    world->place = place_new(world->host, "shop", NULL);
    world->place->uid = geteuid();
    world->place->gid = getegid();
    g_mkdir_with_parents(world->place->releases, 0755);
    g_autofree char *release = place_release(world->place, "1.0.0", "");
    g_mkdir_with_parents(release, 0755);
    g_assert_cmpint(symlink("releases/1.0.0", world->place->current), ==, 0);
    world->server = loopback_start(pages);
    world->context =
        (ProbeContext){.part = {.place = world->place, .lock_fd = -1}, .version = "1.1.0", .session = &world->session};
}

static void world_down(World *world, gconstpointer data)
{
    remote_session_close(world->session);
    loopback_stop(&world->server);
    fs_fd int dirfd = fs_open_dir("/", NULL);
    g_assert_true(fs_remove_tree(dirfd, world->top + 1, NULL));
    place_free(world->place);
    host_place_free(world->host);
    g_free(world->top);
}

/* Asks and compares; NULL for what does not matter. {port} in what is expected is the server's. */
static void expect(World *world, const Check *check, ProbeAnswer answer, const char *text, const char *problem)
{
    g_autoptr(GError) error = NULL;
    ProbeResult result = {0};
    gboolean asked = probe_ask(&world->context, check, &result, &error);
    g_assert_no_error(error);
    g_assert_true(asked);
    g_assert_cmpstr(result.problem, ==, problem);
    g_assert_cmpint(result.answer, ==, answer);
    if (text)
        g_assert_cmpstr(result.text, ==, text);
    probe_result_clear(&result);
}

static Check web(World *world, const char *path)
{
    static char url[100];
    g_snprintf(url, sizeof url, "http://127.0.0.1:%d%s", world->server.port, path);
    return (Check){.http = url, .timeout_ms = 5000};
}

static void test_http_status(World *world, gconstpointer data)
{
    Check check = web(world, "/ok");
    expect(world, &check, ANSWER_OK, "HTTP 200", NULL);
    check = web(world, "/busy");
    expect(world, &check, ANSWER_FAIL, "HTTP 503", "HTTP 503, not 2xx");
    check = web(world, "/odd");
    check.status = 418;
    expect(world, &check, ANSWER_OK, "HTTP 418", NULL);
    check = web(world, "/ok");
    check.status = 204;
    expect(world, &check, ANSWER_FAIL, "HTTP 200", "HTTP 200, not 204");
    g_assert_nonnull(world->session); /* one child for all of them */
}

static void test_http_answer(World *world, gconstpointer data)
{
    Check check = web(world, "/ok");
    check.expect = TEXT("well");
    expect(world, &check, ANSWER_OK, "all is well", NULL);
    check.expect = TEXT("{version}");
    expect(world, &check, ANSWER_FAIL, NULL, "answer 'all is well really' does not contain '1.1.0'");
    check = web(world, "/plain");
    check.equals = TEXT("v2.1.0");
    expect(world, &check, ANSWER_OK, "v2.1.0", NULL);
    check.equals = TEXT("{version}");
    expect(world, &check, ANSWER_FAIL, "v2.1.0", "answer is 'v2.1.0', not '1.1.0'");
}

static void test_http_json(World *world, gconstpointer data)
{
    static const struct {
        const char *json, *equals, *text, *problem;
    } cases[] = {
        {"/version", "1.0.0", "1.0.0", NULL},
        {"version", NULL, "1.0.0", NULL},
        {"/version", "{version}", "1.0.0", "/version is '1.0.0', not '1.1.0'"},
        {"/queue/pending", "0", "0", NULL},
        {"/queue/ready", "true", "true", NULL},
        {"/queue/last", "null", "null", NULL},
        {"/queue", NULL, "{\"pending\":0,\"ready\":true,\"last\":null}", NULL},
        {"/queue/lost", NULL, "HTTP 200", "answer has no /queue/lost"},
    };
    Check check = web(world, "/about");
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        check.json = TEXT(cases[i].json);
        check.equals = TEXT(cases[i].equals);
        expect(world, &check, cases[i].problem ? ANSWER_FAIL : ANSWER_OK, cases[i].text, cases[i].problem);
    }
    check = web(world, "/ok");
    check.json = TEXT("/version");
    ProbeResult result = {0};
    g_assert_true(probe_ask(&world->context, &check, &result, NULL));
    g_assert_true(g_str_has_prefix(result.problem, "answer is not JSON: answer:1:1: "));
    probe_result_clear(&result);
}

static void test_http_unreachable(World *world, gconstpointer data)
{
    int port, listener = loopback_listen(&port);
    close(listener);
    g_autofree char *url = g_strdup_printf("http://127.0.0.1:%d/", port);
    g_autofree char *problem = g_strdup_printf("cannot reach 127.0.0.1:%d: connection refused", port);
    Check check = {.http = url, .timeout_ms = 5000};
    expect(world, &check, ANSWER_FAIL, NULL, problem);
    check = web(world, "/slow");
    check.timeout_ms = 200;
    expect(world, &check, ANSWER_FAIL, NULL, "no answer within 200 ms");
}

static void test_http_unix(World *world, gconstpointer data)
{
    g_autofree char *path = g_build_filename(world->place->root, "web.sock", NULL);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    g_strlcpy(address.sun_path, path, sizeof address.sun_path);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(bind(listener, (struct sockaddr *)&address, sizeof address), ==, 0);
    /* The app's alone: neither the child that asks nor root's own rights are what counts. */
    g_assert_cmpint(chmod(path, 0660), ==, 0);
    if (geteuid() == 0) {
        world->place->change_user = TRUE;
        world->place->uid = world->place->gid = 65534;
        g_assert_cmpint(chown(path, 65534, 65534), ==, 0);
    }
    Check check = {.unix_socket = TEXT("web.sock"), .timeout_ms = 5000};
    expect(world, &check, ANSWER_FAIL, NULL, "cannot reach web.sock: connection refused");
    g_assert_cmpint(listen(listener, 8), ==, 0);
    Loopback server = loopback_serve(listener, pages);
    expect(world, &check, ANSWER_OK, "connected", NULL);
    check.http = TEXT("http://localhost/about");
    check.json = TEXT("/version");
    expect(world, &check, ANSWER_OK, "1.0.0", NULL);
    if (geteuid() == 0) {
        g_assert_cmpint(chown(path, 0, 0), ==, 0);
        g_autofree char *problem = g_strdup_printf("cannot reach %s: permission denied", path);
        expect(world, &check, ANSWER_FAIL, NULL, problem);
    }
    loopback_stop(&server);
    check.unix_socket = TEXT("/no/such/socket");
    expect(world, &check, ANSWER_FAIL, NULL, "cannot reach /no/such/socket: no such file or directory");
    check = (Check){.unix_socket = TEXT("/no/such/socket"), .timeout_ms = 5000};
    expect(world, &check, ANSWER_FAIL, NULL, "cannot reach /no/such/socket: no such file or directory");
}

static void test_tcp(World *world, gconstpointer data)
{
    g_autofree char *address = g_strdup_printf("127.0.0.1:%d", world->server.port);
    Check check = {.tcp = address, .timeout_ms = 5000};
    expect(world, &check, ANSWER_OK, "connected", NULL);
    g_autofree char *name = g_strdup_printf("localhost:%d", world->server.port);
    check.tcp = name;
    expect(world, &check, ANSWER_OK, "connected", NULL);
    int port, listener = loopback_listen(&port);
    close(listener);
    g_autofree char *nobody = g_strdup_printf("127.0.0.1:%d", port);
    g_autofree char *problem = g_strdup_printf("cannot reach 127.0.0.1:%d: connection refused", port);
    check.tcp = nobody;
    expect(world, &check, ANSWER_FAIL, NULL, problem);
    check.tcp = TEXT("no-such-host.invalid:80");
    expect(world, &check, ANSWER_FAIL, NULL, "cannot reach no-such-host.invalid:80: no such host");
    check.tcp = TEXT("here");
    ProbeResult result = {0};
    g_autoptr(GError) error = NULL;
    g_assert_false(probe_ask(&world->context, &check, &result, &error));
    g_assert_error(error, FAULT, FAULT_MANIFEST);
    g_assert_cmpstr(error->message, ==, "check 'tcp': 'here' is not HOST:PORT");
}

static void test_command(World *world, gconstpointer data)
{
    static const struct {
        const char *command, *expect;
        ProbeAnswer answer;
        const char *text, *problem;
    } cases[] = {
        {"echo fine; echo more", NULL, ANSWER_OK, "fine", NULL},
        {"exit 1", NULL, ANSWER_WILL_MIGRATE, "", NULL},
        {"echo old; exit 2", NULL, ANSWER_REFUSE, "old", "exit status 2"},
        {"exit 3", NULL, ANSWER_FAIL, "", "exit status 3"},
        {"exit 9", NULL, ANSWER_FAIL, "", "exit status 9"},
        {"echo shop 1.1.0", "{version}", ANSWER_OK, "shop 1.1.0", NULL},
        {"echo shop 1.0.0", "{version}", ANSWER_FAIL, "shop 1.0.0", "answer 'shop 1.0.0' does not contain '1.1.0'"},
        {"printf 'a\\033[2Jb'", NULL, ANSWER_OK, "a [2Jb", NULL},
        {"exec sleep 10", NULL, ANSWER_FAIL, "", "no end after 500 ms"},
        {"basename \"$(pwd -P)\"", NULL, ANSWER_OK, "1.0.0", NULL},
    };
    KeyPair pairs[] = {{TEXT("1"), TEXT("will_migrate")}, {TEXT("2"), TEXT("refuse")}, {TEXT("3"), TEXT("fail")}};
    g_autoptr(GPtrArray) table = g_ptr_array_new();
    for (guint i = 0; i < G_N_ELEMENTS(pairs); i++)
        g_ptr_array_add(table, &pairs[i]);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        Check check = {
            .command = TEXT(cases[i].command), .expect = TEXT(cases[i].expect), .exit = table, .timeout_ms = 500};
        expect(world, &check, cases[i].answer, cases[i].text, cases[i].problem);
    }
    Check check = {.command = TEXT("echo '{\"n\": 4}'"), .json = TEXT("/n"), .equals = TEXT("5"), .timeout_ms = 500};
    expect(world, &check, ANSWER_FAIL, "4", "/n is '4', not '5'");
}

static gboolean look_at_unit(const char *unit, gboolean *active, guint64 *restarts, gpointer data, GError **error)
{
    *active = !g_str_equal(unit, "down.service");
    *restarts = g_str_equal(unit, "loop.service") ? 3 : 0;
    return TRUE;
}

static void test_unit(World *world, gconstpointer data)
{
    Check check = {.name = TEXT("worker"), .unit = TEXT("up.service")};
    ProbeResult result = {0};
    g_autoptr(GError) error = NULL;
    g_assert_false(probe_ask(&world->context, &check, &result, &error));
    g_assert_cmpstr(error->message, ==,
                    "check 'worker': unit 'up.service' cannot be looked at: no service manager here");
    world->context.unit_active = look_at_unit;
    expect(world, &check, ANSWER_OK, "active", NULL);
    check.unit = TEXT("down.service");
    expect(world, &check, ANSWER_FAIL, NULL, "unit 'down.service' is not active");
    check.unit = TEXT("loop.service");
    expect(world, &check, ANSWER_FAIL, NULL, "unit 'loop.service' has restarted 3 times");
}

static void test_file(World *world, gconstpointer data)
{
    g_autofree char *path = g_build_filename(world->place->current, "VERSION", NULL);
    g_assert_true(g_file_set_contents(path, "1.1.0\n", -1, NULL));
    Check check = {.file = TEXT("current/VERSION"), .equals = TEXT("{version}")};
    expect(world, &check, ANSWER_OK, "1.1.0", NULL);
    check.file = TEXT("current/NONE");
    expect(world, &check, ANSWER_FAIL, NULL, "file 'current/NONE' does not exist");
    g_autofree char *link = g_build_filename(world->place->root, "link", NULL);
    g_assert_cmpint(symlink("/etc/passwd", link), ==, 0);
    check = (Check){.file = TEXT("link")};
    ProbeResult result = {0};
    g_assert_true(probe_ask(&world->context, &check, &result, NULL));
    g_assert_cmpint(result.answer, ==, ANSWER_FAIL);
    probe_result_clear(&result);
}

static void test_patience(World *world, gconstpointer data)
{
    g_autofree char *count = g_build_filename(world->top, "count", NULL);
    g_autofree char *line = g_strdup_printf("echo x >>%s; [ $(wc -l <%s) -ge 3 ]", count, count);
    Check check = {.command = line, .timeout_ms = 2000, .retry_count = 1, .retry_delay_ms = 1};
    ProbeResult result = {0};
    g_assert_true(probe_ask_patiently(&world->context, &check, &result, NULL));
    g_assert_cmpint(result.answer, ==, ANSWER_FAIL);
    probe_result_clear(&result);
    g_assert_true(probe_ask_patiently(&world->context, &check, &result, NULL));
    g_assert_cmpint(result.answer, ==, ANSWER_OK);
    probe_result_clear(&result);
}

static void test_identity(World *world, gconstpointer data)
{
    Check check = web(world, "/plain");
    g_autofree char *plain = probe_identity(&world->context, &check, NULL);
    g_assert_cmpstr(plain, ==, "2.1.0");
    check = web(world, "/about");
    check.json = TEXT("version");
    g_autofree char *pointed = probe_identity(&world->context, &check, NULL);
    g_assert_cmpstr(pointed, ==, "1.0.0");
    g_autoptr(GError) error = NULL;
    check = web(world, "/busy");
    g_assert_null(probe_identity(&world->context, &check, &error));
    g_assert_error(error, FAULT, FAULT_PROBE);
    g_assert_cmpstr(error->message, ==, "identity: HTTP 503, not 2xx");
    g_clear_error(&error);
    check = web(world, "/empty");
    g_assert_null(probe_identity(&world->context, &check, &error));
    g_assert_cmpstr(error->message, ==, "identity: the answer is empty");
}

static void test_speed(World *world, gconstpointer data)
{
    Check check = web(world, "/ok");
    expect(world, &check, ANSWER_OK, NULL, NULL);
    gint64 begin = g_get_monotonic_time();
    for (int i = 0; i < 20; i++)
        expect(world, &check, ANSWER_OK, NULL, NULL);
    g_test_message("an http probe takes %d us", (int)(g_get_monotonic_time() - begin) / 20);
    check = web(world, "/about");
    check.json = TEXT("/version");
    begin = g_get_monotonic_time();
    for (int i = 0; i < 20; i++)
        expect(world, &check, ANSWER_OK, NULL, NULL);
    g_test_message("with json it takes %d us", (int)(g_get_monotonic_time() - begin) / 20);
}

#define WORLD_TEST(name, function) g_test_add("/probe/" name, World, NULL, world_up, function, world_down)

int main(int argc, char **argv)
{
    beside_children(argv);
    g_test_init(&argc, &argv, NULL);
    WORLD_TEST("http is judged by its status", test_http_status);
    WORLD_TEST("http is judged by its answer", test_http_answer);
    WORLD_TEST("a value in a JSON answer is compared", test_http_json);
    WORLD_TEST("who cannot be reached, or is late, is a bad answer", test_http_unreachable);
    WORLD_TEST("a unix socket is connected to, or carries http", test_http_unix);
    WORLD_TEST("tcp is connected to", test_tcp);
    WORLD_TEST("a command answers by status and output", test_command);
    WORLD_TEST("a unit is looked at by lent eyes", test_unit);
    WORLD_TEST("a file below the root answers, no link leads out", test_file);
    WORLD_TEST("patience is as long as the check says", test_patience);
    WORLD_TEST("identity is what the process says, without its v", test_identity);
    WORLD_TEST("asking again is cheap", test_speed);
    return beside_end(g_test_run());
}
