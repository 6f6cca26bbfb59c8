/* SPDX-License-Identifier: Apache-2.0 */
/* Notifications: messages, ways to send them, and that no secret shows. */
#include <sys/stat.h>

#include "base/document.h"
#include "base/fault.h"
#include "base/fs.h"
#include "loopback.h"
#include "parts/notify/notify.h"

#define TEXT(text) ((char *)(text))

typedef struct World {
    char *top;
    HostPlace *host;
    Place *place;
    Loopback server;
    GString *lines;
    PartContext context;
} World;

static const Page pages[] = {
    {"/services/T0/secret?token=hush", "200 OK", "ok", 0},
    {"/broken/secret", "500 Internal Server Error", "", 0},
    {"/refused/secret", "403 Forbidden", "", 0},
    {"/slow/secret", "200 OK", "ok", 2000},
    {NULL},
};

static const NotifyFacts facts = {
    .app = "shop", .version = "2.1.0", .from = "2.0.0", .verdict = "updated", .host = "box", .job = "17"};

static void keep_line(const char *line, gpointer data)
{
    g_string_append_printf(data, "%s\n", line);
}

static void world_up(World *world, gconstpointer data)
{
    world->top = g_dir_make_tmp("ll-notify-XXXXXX", NULL);
    world->host = host_place_new(world->top);
    world->place = place_new(world->host, "shop", NULL);
    world->place->uid = geteuid();
    world->place->gid = getegid();
    g_mkdir_with_parents(world->place->root, 0755);
    world->server = loopback_start(pages);
    world->lines = g_string_new(NULL);
    world->context =
        (PartContext){.place = world->place, .lock_fd = -1, .on_line = keep_line, .on_line_data = world->lines};
}

static void world_down(World *world, gconstpointer data)
{
    loopback_stop(&world->server);
    fs_fd int dirfd = fs_open_dir("/", NULL);
    g_assert_true(fs_remove_tree(dirfd, world->top + 1, NULL));
    place_free(world->place);
    host_place_free(world->host);
    g_string_free(world->lines, TRUE);
    g_free(world->top);
}

static char *address(World *world, const char *path)
{
    return g_strdup_printf("http://127.0.0.1:%d%s", world->server.port, path);
}

/* Requests that the server has got since the last look. */
static char *heard(World *world)
{
    char buffer[16384];
    ssize_t n = read(world->server.heard, buffer, sizeof buffer);
    g_assert_cmpint(n, >, 0);
    return g_strndup(buffer, (gsize)n);
}

static guint count(const char *text, const char *part)
{
    guint n = 0;
    for (; (text = strstr(text, part)); text++)
        n++;
    return n;
}

static void expect_fault(World *world, const NotifyConfig *config, int code, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_assert_false(notify_send(&world->context, config, &facts, &error));
    g_assert_cmpstr(error->message, ==, text);
    g_assert_error(error, FAULT, code);
    g_assert_null(strstr(error->message, "secret"));
}

static void test_expand(void)
{
    static const struct {
        const char *template_text, *text;
    } cases[] = {
        {"{app} {from} -> {version}", "shop 2.0.0 -> 2.1.0"},
        {"{verdict} on {host}, job {job}{error}", "updated on box, job 17"},
        {"{apps} {} {app", "{apps} {} {app"},
        {"{{app}}", "{shop}"},
        {"", ""},
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = notify_expand(cases[i].template_text, &facts);
        g_assert_cmpstr(text, ==, cases[i].text);
    }
    NotifyFacts tricky = facts;
    tricky.error = "{app}";
    g_autofree char *once = notify_expand("{error}", &tricky);
    g_assert_cmpstr(once, ==, "{app}");
}

static void test_webhook(World *world, gconstpointer data)
{
    g_autofree char *url = address(world, "/services/T0/secret?token=hush");
    NotifyConfig config = {.name = TEXT("ops"),
                           .type = TEXT("webhook"),
                           .url = url,
                           .timeout_ms = 5000,
                           .message = TEXT("\"{app}\" is {verdict}\n")};
    g_autoptr(GError) error = NULL;
    g_assert_true(notify_send(&world->context, &config, &facts, &error));
    g_autofree char *request = heard(world);
    g_assert_true(g_str_has_prefix(request, "POST /services/T0/secret?token=hush HTTP/1.1\r\n"));
    g_assert_nonnull(strcasestr(request, "\r\nContent-Type: application/json\r\n"));
    g_assert_true(g_str_has_suffix(request, "\r\n\r\n{\"text\":\"\\\"shop\\\" is updated\\n\"}"));
}

static void test_webhook_file(World *world, gconstpointer data)
{
    g_autofree char *url = address(world, "/services/T0/secret?token=hush\n"),
                    *file = g_build_filename(world->top, "hook", NULL);
    g_assert_true(g_file_set_contents(file, url, -1, NULL));
    NotifyConfig config = {.name = TEXT("ops"), .type = TEXT("webhook"), .url_file = file, .timeout_ms = 5000};
    g_assert_true(notify_send(&world->context, &config, &facts, NULL));
    g_autofree char *request = heard(world);
    g_assert_true(g_str_has_suffix(request, "{\"text\":\"shop 2.1.0 on box: updated\"}"));
    unlink(file);
    g_autofree char *problem = g_strdup_printf("notification 'ops': url_file '%s': 'hook' does not exist", file);
    expect_fault(world, &config, FAULT_ABSENT, problem);
    g_assert_true(g_file_set_contents(file, "secret", -1, NULL));
    expect_fault(world, &config, FAULT_CONFIG,
                 "notification 'ops': webhook: its address is not an http or https address");
}

static void test_webhook_fails(World *world, gconstpointer data)
{
    g_autofree char *broken = address(world, "/broken/secret"), *refused = address(world, "/refused/secret");
    NotifyConfig config = {
        .name = TEXT("ops"), .type = TEXT("webhook"), .url = broken, .timeout_ms = 5000, .retry_count = 1};
    expect_fault(world, &config, FAULT_NETWORK, "notification 'ops': webhook 127.0.0.1: HTTP 500");
    g_autofree char *tries = heard(world);
    g_assert_cmpuint(count(tries, "POST "), ==, 2);
    config.url = refused;
    expect_fault(world, &config, FAULT_CONFIG, "notification 'ops': webhook 127.0.0.1: HTTP 403");
    g_autofree char *once = heard(world);
    g_assert_cmpuint(count(once, "POST "), ==, 1);
}

static void test_webhook_unreachable(World *world, gconstpointer data)
{
    int port, listener = loopback_listen(&port);
    close(listener);
    g_autofree char *url = g_strdup_printf("http://user:secret@127.0.0.1:%d/secret?secret=1", port);
    g_autofree char *problem =
        g_strdup_printf("notification 'ops': webhook 127.0.0.1: cannot reach 127.0.0.1:%d: connection refused", port);
    NotifyConfig config = {.name = TEXT("ops"), .type = TEXT("webhook"), .url = url, .timeout_ms = 5000};
    expect_fault(world, &config, FAULT_NETWORK, problem);
    g_autofree char *slow = address(world, "/slow/secret");
    config.url = slow;
    config.timeout_ms = 200;
    g_autoptr(GError) error = NULL;
    g_assert_false(notify_send(&world->context, &config, &facts, &error));
    g_assert_error(error, FAULT, FAULT_NETWORK);
    g_assert_null(strstr(error->message, "secret"));
}

static void test_command(World *world, gconstpointer data)
{
    NotifyConfig config = {.name = TEXT("mail"),
                           .type = TEXT("command"),
                           .timeout_ms = 2000,
                           .command =
                               TEXT("cat; printf '%s %s\\n' \"$LIFTLOCK_MESSAGE\" $LIFTLOCK_VERDICT # and no more"),
                           .message = TEXT("{app}; $(id) `id` \\n '")};
    g_autoptr(GError) error = NULL;
    g_assert_true(notify_send(&world->context, &config, &facts, &error));
    g_assert_no_error(error);
    g_assert_cmpstr(world->lines->str, ==, "shop; $(id) `id` \\n '\nshop; $(id) `id` \\n ' updated\n");
    config.command = TEXT("exit 3");
    expect_fault(world, &config, FAULT_HOOK, "notification 'mail': command: exit status 3");
    config.command = TEXT("sleep 10");
    config.timeout_ms = 100;
    expect_fault(world, &config, FAULT_HOOK, "notification 'mail': command: no end after 100 ms");
}

static void test_log(World *world, gconstpointer data)
{
    NotifyConfig config = {.name = TEXT("file"), .type = TEXT("log")};
    g_assert_true(notify_send(&world->context, &config, &facts, NULL));
    g_assert_true(notify_send(&world->context, &config, &facts, NULL));
    g_autofree char *path = g_build_filename(world->place->logs, "notify.log", NULL), *text = NULL;
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_assert_cmpuint(g_strv_length(lines), ==, 3);
    g_autoptr(Node) line = document_parse(DOCUMENT_JSON, lines[1], strlen(lines[1]), "line", FAULT_STATE, NULL);
    g_assert_cmpstr(node_get_text(line, "verdict", NULL), ==, "updated");
    g_assert_cmpstr(node_get_text(line, "message", NULL), ==, "shop 2.1.0 on box: updated");
}

static void test_only_wanted(World *world, gconstpointer data)
{
    g_autoptr(GPtrArray) on = g_ptr_array_new();
    g_ptr_array_add(on, TEXT("failed"));
    NotifyConfig config = {
        .name = TEXT("mail"), .type = TEXT("command"), .command = TEXT("echo sent"), .timeout_ms = 2000, .on = on};
    g_assert_true(notify_send(&world->context, &config, &facts, NULL));
    g_assert_cmpstr(world->lines->str, ==, "");
    g_ptr_array_add(on, TEXT("updated"));
    g_assert_true(notify_send(&world->context, &config, &facts, NULL));
    g_assert_cmpstr(world->lines->str, ==, "sent\n");
    config.type = TEXT("pigeon");
    expect_fault(world, &config, FAULT_CONFIG, "notification 'mail': no way to send 'pigeon'");
}

static void test_redacts(World *world, gconstpointer data)
{
    NotifyFacts leaky = facts;
    leaky.error = "cannot reach postgres://me:hush@db:5432/x, nor https://token@host/a@b, but me@host";
    NotifyConfig config = {.name = TEXT("cat"),
                           .type = TEXT("command"),
                           .timeout_ms = 2000,
                           .command = TEXT("cat"),
                           .message = TEXT("{error}")};
    g_assert_true(notify_send(&world->context, &config, &leaky, NULL));
    g_assert_cmpstr(world->lines->str, ==,
                    "cannot reach postgres://...@db:5432/x, nor https://...@host/a@b, but me@host\n");
}

#define WORLD_TEST(name, function) g_test_add("/notify/" name, World, NULL, world_up, function, world_down)

int main(int argc, char **argv)
{
    beside_children(argv);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/notify/facts are filled in once, other braces stay", test_expand);
    WORLD_TEST("a webhook gets a JSON message", test_webhook);
    WORLD_TEST("a webhook's address may come from a file", test_webhook_file);
    WORLD_TEST("a webhook that fails is tried again if that may help", test_webhook_fails);
    WORLD_TEST("a webhook that cannot be reached does not give its address away", test_webhook_unreachable);
    WORLD_TEST("a command gets the message, and no shell reads it", test_command);
    WORLD_TEST("credentials in an address stay here", test_redacts);
    WORLD_TEST("the log gets one line of JSON", test_log);
    WORLD_TEST("only verdicts that are asked for are told", test_only_wanted);
    return beside_end(g_test_run());
}
