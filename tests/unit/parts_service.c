/* SPDX-License-Identifier: Apache-2.0 */
/* Services by shell line, on real processes; and what all drivers share. Units of systemd:
 * tests/scenario/60-systemd-parts.sh. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/fs.h"
#include "base/process.h"
#include "parts/log_file.h"
#include "parts/service/service.h"
#include "parts/service/transient.h"

#define TEXT(text) ((char *)(text))

typedef struct World {
    char *top;
    HostPlace *host;
    Place *place;
    GString *lines;
    PartContext context;
} World;

static void keep_line(const char *line, gpointer data)
{
    g_string_append_printf(data, "%s\n", line);
}

static void world_up(World *world, gconstpointer data)
{
    world->top = g_dir_make_tmp("ll-service-XXXXXX", NULL);
    world->host = host_place_new(world->top);
    world->place = place_new(world->host, "shop", NULL);
    world->place->uid = geteuid();
    world->place->gid = getegid();
    g_mkdir_with_parents(world->place->hold, 0755);
    g_mkdir_with_parents(world->place->pass, 0755);
    g_mkdir_with_parents(world->place->logs, 0755);
    g_mkdir_with_parents(world->place->current, 0755);
    world->lines = g_string_new(NULL);
    world->context =
        (PartContext){.place = world->place, .lock_fd = -1, .on_line = keep_line, .on_line_data = world->lines};
}

static void world_down(World *world, gconstpointer data)
{
    fs_fd int dirfd = fs_open_dir("/", NULL);
    g_assert_true(fs_remove_tree(dirfd, world->top + 1, NULL));
    place_free(world->place);
    host_place_free(world->host);
    g_string_free(world->lines, TRUE);
    g_free(world->top);
}

static char *read_all(World *world, const char *path)
{
    char *text = NULL;
    g_autofree char *full = g_build_filename(world->place->root, path, NULL);
    g_file_get_contents(full, &text, NULL, NULL);
    return text;
}

static void write_below(const char *directory, const char *name)
{
    g_autofree char *path = g_build_filename(directory, name, NULL);
    g_assert_true(g_file_set_contents(path, "", 0, NULL));
}

static guint n_processes(World *world, const Service *service)
{
    g_autoptr(GArray) pids = service_find(service)->processes(&world->context, service);
    return pids->len;
}

static void test_runs(World *world, gconstpointer data)
{
    Service service = {.name = TEXT("web"), .start = TEXT("echo hello; exec sleep 100")};
    const ServiceDriver *driver = service_find(&service);
    g_assert_cmpstr(driver->name, ==, "command");
    g_autoptr(GError) error = NULL;
    gint64 begin_ms = clock_monotonic_ms();
    g_assert_true(driver->start(&world->context, &service, &error));
    g_test_message("start took %d ms", (int)(clock_monotonic_ms() - begin_ms));
    g_assert_no_error(error);
    ServiceState state = {0};
    g_assert_true(driver->observe(&world->context, &service, &state, &error));
    g_assert_true(state.known && state.active && state.enabled && !state.masked);
    g_assert_cmpint(state.main_pid, >, 0);
    g_assert_cmpuint(state.main_start, ==, process_start_time(state.main_pid));
    g_autofree char *description = g_strdup_printf("running, process %d (sleep)", (int)state.main_pid);
    g_assert_cmpstr(state.description, ==, description);
    pid_t first = state.main_pid;
    service_state_clear(&state);
    g_assert_true(driver->start(&world->context, &service, &error)); /* again: nothing more */
    g_assert_cmpuint(n_processes(world, &service), ==, 1);
    g_assert_cmpint(getsid(first), ==, first);
    g_assert_true(driver->stop(&world->context, &service, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(n_processes(world, &service), ==, 0);
    g_assert_true(driver->stop(&world->context, &service, &error));
    g_assert_true(driver->observe(&world->context, &service, &state, &error));
    g_assert_false(state.active);
    g_assert_cmpstr(state.description, ==, "not running");
    service_state_clear(&state);
    g_autofree char *log = read_all(world, "logs/web.log");
    g_assert_cmpstr(log, ==, "hello\n");
}

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

static void test_no_environment(World *world, gconstpointer data)
{
    Service service = {.name = TEXT("web"),
                       .start = TEXT("trap '' TERM; env -i setsid sleep 100 & exec env -i sleep 100"),
                       .stop_timeout_ms = 300};
    const ServiceDriver *driver = service_find(&service);
    g_autoptr(GError) error = NULL;
    g_assert_true(driver->start(&world->context, &service, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(n_processes(world, &service), ==, 2);
    ServiceState state = {0};
    g_assert_true(driver->observe(&world->context, &service, &state, &error));
    g_assert_true(state.active);
    service_state_clear(&state);
    g_autoptr(GArray) pids = driver->processes(&world->context, &service);
    g_assert_true(driver->stop(&world->context, &service, &error));
    g_assert_no_error(error);
    for (guint i = 0; i < pids->len; i++)
        g_assert_cmpuint(process_start_time(g_array_index(pids, pid_t, i)), ==, 0);
}

static void expect_end(World *world, const char *start, const char *description, gboolean killed)
{
    Service service = {.name = TEXT("web"), .start = (char *)start};
    const ServiceDriver *driver = service_find(&service);
    g_autoptr(GError) error = NULL;
    g_assert_true(driver->start(&world->context, &service, &error));
    g_assert_no_error(error);
    for (guint i = 0; i < 3000 && n_processes(world, &service) > 0; i++)
        clock_sleep_ms(10);
    ServiceState state = {0};
    g_assert_true(driver->observe(&world->context, &service, &state, &error));
    g_assert_false(state.active);
    g_assert_cmpstr(state.description, ==, description);
    g_assert_cmpint(state.killed, ==, killed);
    service_state_clear(&state);
}

static void test_how_it_ended(World *world, gconstpointer data)
{
    Notes notes = {{notes_get, notes_set}, g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free)};
    world->context.facts = &notes.facts;
    expect_end(world, "sleep 0.2; exit 9", "exit status 9", FALSE);
    expect_end(world, "sleep 0.2; kill -9 $$", "killed by signal 9 (Killed)", TRUE);
    world->context.facts = NULL; /* nobody's job: nothing is known of how it ended */
    expect_end(world, "sleep 0.2; exit 9", "not running", FALSE);
    g_hash_table_unref(notes.table);
}

static void wait_for_log(World *world, const char *path, const char *text)
{
    for (int i = 0; i < 200; i++) {
        g_autofree char *log = read_all(world, path);
        if (log && strstr(log, text))
            return;
        clock_sleep_ms(10);
    }
    g_error("'%s' never came", text);
}

static void test_environment(World *world, gconstpointer data)
{
    KeyPair pair = {(char *)"PORT", (char *)"8000"};
    g_autoptr(GPtrArray) pairs = g_ptr_array_new();
    g_ptr_array_add(pairs, &pair);
    const char *environment[] = {"LIFTLOCK_APP=shop", "LIFTLOCK_JOB=17", NULL};
    world->context.environment = environment;
    Service service = {.name = TEXT("web"),
                       .start = TEXT("env | grep -E '^(LIFTLOCK|PORT)' | sort; pwd; echo end; exec sleep 100"),
                       .environment = pairs};
    g_autoptr(GError) error = NULL;
    g_assert_true(service_find(&service)->start(&world->context, &service, &error));
    wait_for_log(world, "logs/web.log", "end\n");
    g_assert_true(service_find(&service)->stop(&world->context, &service, &error));
    g_autofree char *log = read_all(world, "logs/web.log");
    g_autofree char *expected = g_strdup_printf("LIFTLOCK_APP=shop\nLIFTLOCK_UNIT=shop/web@%s\nPORT=8000\n%s\nend\n",
                                                world->top, world->place->current);
    g_assert_cmpstr(log, ==, expected);
}

static void test_ends_at_once(World *world, gconstpointer data)
{
    Service service = {.name = TEXT("web"), .start = TEXT("echo no database; exit 3")};
    g_autoptr(GError) error = NULL;
    g_assert_false(service_find(&service)->start(&world->context, &service, &error));
    g_assert_error(error, FAULT, FAULT_START);
    g_autofree char *text = fault_text(error), *hint = fault_hint_of(error);
    g_autofree char *expected = g_strdup_printf("its output is in '%s/web.log'", world->place->logs);
    g_assert_cmpstr(text, ==, "service 'web' ended at once: exit status 3");
    g_assert_cmpstr(hint, ==, expected);
    service.start = (char *)"kill -SEGV $$";
    g_clear_error(&error);
    g_assert_false(service_find(&service)->start(&world->context, &service, &error));
    g_autofree char *killed = fault_text(error);
    g_assert_cmpstr(killed, ==, "service 'web' ended at once: killed by signal 11 (Segmentation fault)");
    g_assert_error(error, FAULT, FAULT_START);
}

/* Out of memory, or an operator: not the release's fault, which a FAULT_START would be. */
static void test_is_killed(World *world, gconstpointer data)
{
    Service service = {.name = TEXT("web"), .start = TEXT("kill -KILL $$")};
    g_autoptr(GError) error = NULL;
    g_assert_false(service_find(&service)->start(&world->context, &service, &error));
    g_assert_error(error, FAULT, FAULT_SYSTEM);
    g_assert_true(g_str_has_prefix(error->message, "service 'web' ended at once: killed by signal 9 (Killed)"));
}

static void test_background(World *world, gconstpointer data)
{
    Service service = {.name = TEXT("web"), .start = TEXT("sleep 100 & (sleep 101 &) ; exit 0")};
    g_autoptr(GError) error = NULL;
    g_assert_true(service_find(&service)->start(&world->context, &service, &error));
    g_assert_cmpuint(n_processes(world, &service), ==, 2);
    Service other = {.name = TEXT("worker"), .start = TEXT("exec sleep 100")};
    g_assert_true(service_find(&other)->start(&world->context, &other, &error));
    g_assert_true(service_find(&service)->stop(&world->context, &service, &error));
    g_assert_cmpuint(n_processes(world, &service), ==, 0);
    g_assert_cmpuint(n_processes(world, &other), ==, 1);
    g_assert_true(service_find(&other)->stop(&world->context, &other, &error));
}

static void test_hold(World *world, gconstpointer data)
{
    Service service = {.name = TEXT("web"), .start = TEXT("exec sleep 100")};
    write_below(world->place->hold, "operator");
    write_below(world->place->hold, "job-17");
    g_autoptr(GError) error = NULL;
    g_assert_false(service_find(&service)->start(&world->context, &service, &error));
    g_assert_error(error, FAULT, FAULT_START);
    g_assert_cmpstr(error->message, ==, "service 'web' is held by 'job-17'");
    g_assert_cmpuint(n_processes(world, &service), ==, 0);
    g_clear_error(&error);
    write_below(world->place->pass, "web");
    g_assert_true(service_find(&service)->start(&world->context, &service, &error));
    g_assert_true(service_find(&service)->stop(&world->context, &service, &error));
}

static void test_stubborn(World *world, gconstpointer data)
{
    Service service = {.name = TEXT("web"),
                       .start = TEXT("trap '' TERM; echo up; while :; do sleep 100; done"),
                       .stop_timeout_ms = 100};
    g_autoptr(GError) error = NULL;
    g_assert_true(service_find(&service)->start(&world->context, &service, &error));
    wait_for_log(world, "logs/web.log", "up\n");
    g_assert_true(service_find(&service)->stop(&world->context, &service, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(n_processes(world, &service), ==, 0);
}

static void test_stop_line(World *world, gconstpointer data)
{
    Service service = {.name = TEXT("web"),
                       .start = TEXT("trap 'echo asked; exit 0' USR1; echo up $$; while :; do sleep 0.01; done"),
                       .stop = TEXT("kill -USR1 $(sed -n 's/^up //p' ../logs/web.log); echo stopping")};
    g_autoptr(GError) error = NULL;
    g_assert_true(service_find(&service)->start(&world->context, &service, &error));
    wait_for_log(world, "logs/web.log", "up ");
    g_assert_true(service_find(&service)->stop(&world->context, &service, &error));
    g_autofree char *log = read_all(world, "logs/web.log");
    g_assert_true(g_str_has_suffix(log, "\nasked\n"));
    g_assert_cmpstr(world->lines->str, ==, "stopping\n");
}

static void test_stop_line_fails(World *world, gconstpointer data)
{
    Service service = {.name = TEXT("web"), .start = TEXT("exec sleep 100"), .stop = TEXT("exit 4")};
    g_autoptr(GError) error = NULL;
    g_assert_true(service_find(&service)->start(&world->context, &service, &error));
    g_assert_true(service_find(&service)->stop(&world->context, &service, &error));
    g_assert_cmpuint(n_processes(world, &service), ==, 0);
    g_assert_cmpstr(world->lines->str, ==, "service 'web': its stop line: exit status 4\n");
}

/* --- logs --- */

static void test_planted_link(World *world, gconstpointer data)
{
    g_autofree char *victim = g_build_filename(world->top, "victim", NULL);
    g_autofree char *planted = g_build_filename(world->place->logs, "web.log", NULL);
    g_assert_true(g_file_set_contents(victim, "precious", -1, NULL));
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(symlink(victim, planted), ==, 0);
    g_assert_cmpint(log_file_open(world->place, "web.log", &error), ==, -1);
    g_assert_nonnull(error);
    g_clear_error(&error);
    unlink(planted);
    g_assert_cmpint(link(victim, planted), ==, 0);
    g_assert_cmpint(log_file_open(world->place, "web.log", &error), ==, -1);
    g_autofree char *expected =
        g_strdup_printf("'%s' is not a plain file of the app's with one name: not written to", planted);
    g_assert_cmpstr(error->message, ==, expected);
    g_clear_error(&error);
    unlink(planted);
    g_assert_cmpint(mkfifo(planted, 0600), ==, 0);
    g_assert_cmpint(log_file_open(world->place, "web.log", &error), ==, -1);
    g_autofree char *content = NULL;
    g_file_get_contents(victim, &content, NULL, NULL);
    g_assert_cmpstr(content, ==, "precious");
}

static void test_start_without_log(World *world, gconstpointer data)
{
    g_autofree char *planted = g_build_filename(world->place->logs, "web.log", NULL);
    mkdir(planted, 0755);
    Service service = {.name = TEXT("web"), .start = TEXT("exec sleep 100")};
    g_autoptr(GError) error = NULL;
    g_assert_true(service_find(&service)->start(&world->context, &service, &error));
    g_assert_true(g_str_has_prefix(world->lines->str, "service 'web': its output is thrown away: "));
    g_assert_true(service_find(&service)->stop(&world->context, &service, &error));
}

/* --- names, and waiting --- */

static void test_pass_names(void)
{
    static const struct {
        const char *name, *unit, *pass;
    } cases[] = {{"web", NULL, "web"},
                 {"web", "shop", "shop.service"},
                 {"web", "shop@1.service", "shop@1.service"},
                 {"web", "shop.web", "shop.web.service"}};
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        Service service = {.name = (char *)cases[i].name, .unit = (char *)cases[i].unit};
        g_autofree char *pass = service_pass_name(&service);
        g_assert_cmpstr(pass, ==, cases[i].pass);
        g_assert_cmpstr(service_find(&service)->name, ==, cases[i].unit ? "systemd" : "command");
    }
}

static void test_bad_unit_name(World *world, gconstpointer data)
{
    Service service = {.name = TEXT("web"), .unit = TEXT("../../etc/passwd")};
    g_autoptr(GError) error = NULL;
    g_assert_false(service_find(&service)->retire(&world->context, &service, &error));
    g_assert_error(error, FAULT, FAULT_MANIFEST);
    g_assert_cmpstr(error->message, ==, "'../../etc/passwd.service' is no name of a unit");
}

static pid_t wait_hold(World *world, const char *name)
{
    g_autofree char *pass = g_build_filename(world->place->pass, name, NULL);
    pid_t pid = fork();
    if (pid == 0) {
        char *argv[] = {TEXT("wait-hold"), world->place->hold, pass, NULL};
        _exit(service_wait_hold_main(3, argv));
    }
    return pid;
}

static gint64 end_of(pid_t pid)
{
    int status;
    gint64 begin_ms = clock_monotonic_ms();
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return clock_monotonic_ms() - begin_ms;
}

static void test_wait_hold(World *world, gconstpointer data)
{
    g_assert_cmpint(end_of(wait_hold(world, "shop.service")), <, 500); /* no hold */
    write_below(world->place->hold, "job-17");
    pid_t pid = wait_hold(world, "shop.service");
    clock_sleep_ms(100);
    g_assert_cmpint(waitpid(pid, NULL, WNOHANG), ==, 0);
    g_autofree char *claim = g_build_filename(world->place->hold, "job-17", NULL);
    unlink(claim);
    g_assert_cmpint(end_of(pid), <, 500);
    write_below(world->place->hold, "job-18");
    pid = wait_hold(world, "shop.service");
    clock_sleep_ms(100);
    g_assert_cmpint(waitpid(pid, NULL, WNOHANG), ==, 0);
    write_below(world->place->pass, "shop.service");
    g_assert_cmpint(end_of(pid), <, 500);
    g_autofree char *once = g_build_filename(world->place->pass, "shop.service.once", NULL);
    pid = wait_hold(world, "shop.service.once");
    clock_sleep_ms(100);
    g_assert_cmpint(waitpid(pid, NULL, WNOHANG), ==, 0); /* the other pass is not its own */
    write_below(world->place->pass, "shop.service.once");
    g_assert_cmpint(end_of(pid), <, 500);
    g_assert_false(g_file_test(once, G_FILE_TEST_EXISTS)); /* used up */
    char *argv[] = {TEXT("wait-hold"), NULL};
    g_assert_cmpint(service_wait_hold_main(1, argv), ==, 2);
}

static void test_no_manager(World *world, gconstpointer data)
{
    /* Something that looks like a user's manager, and is none. */
    g_autofree char *directory = g_build_filename(world->top, "systemd", NULL);
    mkdir(directory, 0755);
    write_below(directory, "private");
    g_setenv("XDG_RUNTIME_DIR", world->top, TRUE);
    g_unsetenv("DBUS_SESSION_BUS_ADDRESS");
    g_assert_false(service_manager_available(world->place));
    Service service = {.name = TEXT("web"), .unit = TEXT("shop.service")};
    ServiceState state = {0};
    g_autoptr(GError) error = NULL;
    g_assert_false(service_find(&service)->observe(&world->context, &service, &state, &error));
    g_assert_error(error, FAULT, FAULT_REQUIREMENT);
    g_assert_cmpstr(error->message, ==,
                    "unit 'shop.service': systemd does not answer: no manager of this user runs here");
    g_assert_true(service_kill_unit(world->place, "liftlock-job-1.service", 100, NULL));
}

#define WORLD_TEST(name, function) g_test_add("/service/" name, World, NULL, world_up, function, world_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    WORLD_TEST("a started service runs in a session of its own until it is stopped", test_runs);
    WORLD_TEST("what clears its environment is found and stopped", test_no_environment);
    WORLD_TEST("a job learns how a service ended", test_how_it_ended);
    WORLD_TEST("a service gets its environment and not the job's id", test_environment);
    WORLD_TEST("a service that ends at once is a fault with its status", test_ends_at_once);
    WORLD_TEST("a service that somebody kills at its start says nothing of the release", test_is_killed);
    WORLD_TEST("what puts itself into the background is found and stopped, and nothing else", test_background);
    WORLD_TEST("a held service starts only with a pass", test_hold);
    WORLD_TEST("a service that ignores SIGTERM is killed", test_stubborn);
    WORLD_TEST("the stop line stops", test_stop_line);
    WORLD_TEST("a stop line that fails is told, and the service stops all the same", test_stop_line_fails);
    WORLD_TEST("links and fifos planted as logs are refused", test_planted_link);
    WORLD_TEST("a log that cannot be written does not keep a service down", test_start_without_log);
    g_test_add_func("/service/passes are named after units or services", test_pass_names);
    WORLD_TEST("a unit's name cannot be a path", test_bad_unit_name);
    WORLD_TEST("waiting ends with the hold or with a pass", test_wait_hold);
    WORLD_TEST("without a manager units are a fault that says so", test_no_manager);
    return g_test_run();
}
