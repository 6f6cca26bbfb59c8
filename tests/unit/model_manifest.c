/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of model/manifest.h. */
#include "model/manifest.h"

#include "model_read.h"

#define HEAD "app: demo\nversion: 2.1.0\n"

/* The manifest of the design, with every key that it has. */
static const char full[] =
    "app: bookshelf\nversion: 2.1.0\nreleased: \"2026-11-20\"\ndescription: Reading lists\n"
    "changelog: https://example.org/bookshelf/2.1.0\nlayout: releases\n"
    "schema: {version: 42, runs_with: \">=2.0.0\", fingerprint: {sql: \"select max(name) from migration_history\"}}\n"
    "requirements: {min_disk_space_mb: 200, required_commands: [python3], required_services: [postgresql], "
    "environment_checks: [{name: db, command: bin/check-db}]}\n"
    "conditionals: [{condition: \"current_version < '2.0.0'\", action: require_manual_intervention, "
    "message: \"...\", manual_steps: [\"...\"]}]\n"
    "busy: [{name: imports, http: \"http://127.0.0.1:8000/operations\", json: \"/pending\", equals: 0}]\n"
    "build: [\"python3 -m venv venv\", \"venv/bin/pip install --no-index -r requirements.txt\"]\n"
    "trial: [{name: starts, command: \"bin/bookshelf --version\", expect: \"{version}\"}, "
    "{name: schema, command: \"bin/bookshelf --check-migrations\", exit: {0: ok, 1: will_migrate, 2: refuse}}]\n"
    "shared: [{path: .env, class: config}, {path: media, class: append}]\n"
    "data: [{name: main, driver: postgres, url_from: .env#DATABASE_URL, class: state}]\n"
    "services: [{name: web, unit: bookshelf.service, starts: before_commit}, "
    "{name: worker, unit: bookshelf-worker.service, starts: after_commit}]\n"
    "fence: {mode: stop, file: shared/maintenance, max: 5m}\n"
    "sql: {database: main, path: \"migrations/*.sql\"}\n"
    "migrations: {\"2.0.0\": [\"bin/convert-covers\"]}\n"
    "hooks: {pre_update: [], post_update: [], rollback: []}\n"
    "post_update_tests: [{name: health, http: \"http://127.0.0.1:8000/health\", timeout: 30, retry_count: 3, "
    "retry_delay: 5}]\n"
    "identity: {http: \"http://127.0.0.1:8000/about\", json: \"/version\"}\n"
    "probe: {deadline: 60s, successes: 3, settle: 5s}\n"
    "observe: {window: 2m, on_failure: return_if_safe}\n"
    "rollback: {keep_backups: 5, auto_rollback_on: [health_check_fail, service_start_fail]}\n"
    "cleanup: {remove_files: [], remove_directories: [], commands: []}\n"
    "notifications: {on_success: [], on_failure: []}\n";

static Manifest *manifest_from(const char *yaml)
{
    GError *error = NULL;
    Manifest *manifest = manifest_read(yaml_from(yaml), "liftlock.yaml", &error);
    g_assert_no_error(error);
    return manifest;
}

static void expect(const char *tail, const char *message)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *yaml = g_strconcat(HEAD, tail, NULL);
    g_autofree char *text = g_strconcat("liftlock.yaml:", message, NULL);
    g_assert_null(manifest_read(yaml_from(yaml), "liftlock.yaml", &error));
    assert_fault(&error, FAULT_MANIFEST, text);
}

static void accept(const char *tail)
{
    g_autofree char *yaml = g_strconcat(HEAD, tail, NULL);
    g_autoptr(Manifest) manifest = manifest_from(yaml);
    g_assert_cmpstr(manifest->version, ==, "2.1.0");
}

static void in_full(void)
{
    g_autoptr(Manifest) m = manifest_from(full);
    g_assert_cmpstr(m->app, ==, "bookshelf");
    g_assert_cmpint(m->schema.version, ==, 42);
    g_assert_cmpstr(m->schema.runs_with, ==, ">=2.0.0");
    g_assert_cmpstr(m->schema.fingerprint.sql, ==, "select max(name) from migration_history");
    const Conditional *conditional = m->conditionals->pdata[0];
    g_assert_cmpint(conditional->action, ==, CONDITION_REQUIRE_MANUAL);
    const Check *busy = m->busy->pdata[0];
    g_assert_cmpstr(busy->equals, ==, "0");
    g_assert_cmpstr(check_kind(busy), ==, "http");
    const Check *trial = m->trial->pdata[1];
    g_assert_cmpuint(trial->exit->len, ==, 3);
    g_assert_cmpstr(((const KeyPair *)trial->exit->pdata[2])->value, ==, "refuse");
    g_assert_cmpint(((const SharedPath *)m->shared->pdata[1])->class_, ==, DATA_APPEND);
    const DataSet *set = m->data->pdata[0];
    g_assert_cmpstr(node_get_text(set->node, "url_from", NULL), ==, ".env#DATABASE_URL");
    const Service *worker = m->services->pdata[1];
    g_assert_cmpint(worker->starts, ==, STARTS_AFTER_COMMIT);
    g_assert_cmpint(m->fence.max_ms, ==, 300000);
    g_assert_cmpstr(m->sql.database, ==, "main");
    g_assert_cmpstr(m->sql.path, ==, "migrations/*.sql");
    g_assert_cmpstr(m->sql.table, ==, "liftlock_migrations");
    const Check *health = m->post_update_tests->pdata[0];
    g_assert_cmpint(health->timeout_ms, ==, 30000);
    g_assert_cmpint(health->retry_count, ==, 3);
    g_assert_cmpint(health->retry_delay_ms, ==, 5000);
    g_assert_cmpstr(m->identity.json, ==, "/version");
    g_assert_cmpint(m->observe.window_ms, ==, 120000);
    g_assert_cmpuint(m->rollback.auto_rollback_on->len, ==, 2);
}

static void smallest(void)
{
    g_autoptr(Manifest) m = manifest_from("version: 1\n");
    g_assert_null(m->app);
    g_assert_cmpint(m->layout, ==, LAYOUT_RELEASES);
    g_assert_null(check_kind(&m->identity));
    g_assert_cmpint(m->probe.successes, ==, 3);
    g_assert_cmpint(m->fence.mode, ==, FENCE_STOP);
    g_assert_cmpint(m->rollback.keep_backups, ==, 5);
    g_assert_cmpint(m->build_timeout_ms, ==, 1800000);
    g_assert_null(m->files);
}

static Manifest *manifest_of_file(const char *name)
{
    GError *error = NULL;
    g_autofree char *path = g_test_build_filename(G_TEST_DIST, "manifests", name, NULL);
    Node *document = document_read_file(path, FAULT_MANIFEST, &error);
    g_assert_no_error(error);
    Manifest *manifest = manifest_read(document, name, &error);
    g_assert_no_error(error);
    return manifest;
}

static void older_documents(void)
{
    g_autoptr(Manifest) m = manifest_of_file("ship-full.yaml");
    g_assert_cmpstr(m->version, ==, "1.2.3");
    g_assert_cmpstr(m->released, ==, "2025-01-20");
    g_assert_cmpstr(node_get_text(node_get(m->files, "config.toml"), "action", NULL), ==, "merge_toml");
    g_assert_cmpuint(m->hooks.pre_update->len, ==, 2);
    g_assert_cmpuint(m->hooks.post_update->len, ==, 4);
    g_assert_cmpstr(m->requirements.min_python_version, ==, "3.8");
    g_assert_cmpuint(m->post_update_tests->len, ==, 2);
    g_assert_cmpstr(((const Notification *)m->notifications.on_failure->pdata[0])->message, ==,
                    "MyApp update failed: {error}");
    g_assert_cmpuint(m->cleanup.remove_files->len, ==, 2);
    g_autoptr(Manifest) major = manifest_of_file("ship-major.yaml");
    g_assert_cmpuint(((const Conditional *)major->conditionals->pdata[0])->manual_steps->len, ==, 2);
    g_autoptr(Manifest) config = manifest_of_file("ship-config.yaml");
    g_assert_cmpstr(config->version, ==, "1.1.1");
    g_autoptr(Manifest) bugfix = manifest_of_file("ship-bugfix.yaml");
    g_assert_cmpstr(bugfix->description, ==, "Bugfix Release");
    g_autoptr(Manifest) pikit = manifest_of_file("pikit-manifest.json");
    g_assert_cmpint(pikit->files->kind, ==, NODE_LIST);
    g_assert_cmpuint(pikit->post_install->items->len, ==, 2);
}

static void wrong_keys(void)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(manifest_read(yaml_from("app: demo\n"), "liftlock.yaml", &error));
    assert_fault(&error, FAULT_MANIFEST, "liftlock.yaml:1:1: 'version' is missing");
    expect("hoks: {}\n", "3:1: unknown key 'hoks'; did you mean 'hooks'?");
    expect("hooks: [a]\n", "3:8: 'hooks' must be a map, not a list");
    expect("rollback:\n  keep_backups: many\n",
           "4:17: 'keep_backups' must be a whole number from 0 to 1000, not 'many'");
    expect("layout: symlink\n", "3:9: 'layout' must be releases, files, binaries or container, not 'symlink'");
    expect("rollback: {auto_rollback_on: [cosmic_ray]}\n",
           "3:31: an item of 'auto_rollback_on' must be health_check_fail, service_start_fail or critical_error, not "
           "'cosmic_ray'");
    expect("probe: {deadline: 0}\n", "3:19: 'deadline' must be a time from 1ms to 1d, such as 30s, 5m or 2h, not '0'");
    expect("shared: [{path: ../etc}]\n", "3:17: 'path' must be a relative path that stays inside, not '../etc'");
    expect("release_date: x\nreleased: y\n", "3:1: 'release_date' is another name of 'released'; give one of them");
}

static void wrong_head(void)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(manifest_read(yaml_from("app: Demo/..\nversion: 1\n"), "m", &error));
    assert_fault(&error, FAULT_MANIFEST, "m:1:6: 'app' must be at most 32 of a-z, 0-9, '_' and '-', not 'Demo/..'");
    g_assert_null(manifest_read(yaml_from("app: liftlock\nversion: 1\n"), "m", &error));
    assert_fault(&error, FAULT_MANIFEST, "m:1:6: 'app' must be at most 32 of a-z, 0-9, '_' and '-', not 'liftlock'");
    expect("requirements: {min_python_version: new}\n",
           "3:36: 'min_python_version' must be a version such as 3.8, not 'new'");
    expect("schema: {fingerprint: {sql: a, command: b}}\n",
           "3:23: 'fingerprint' has both 'sql' and 'command'; give one of them");
    expect("fence: {mode: file}\n", "3:8: fence mode 'file' needs 'file'");
    accept("fence: {mode: none}\nmigrations: {'2.0': [x]}\n");
}

#define DATA "data: [{name: main, driver: sqlite, path: shared/a.db}, {name: media, driver: files, path: shared/m}]\n"

static void wrong_sql(void)
{
    expect("sql: {path: 'a/*.sql'}\n", "3:6: 'sql' needs data of the driver sqlite or postgres");
    expect(DATA "sql: {}\n", "4:6: 'path' is missing");
    expect(DATA "sql: {path: 'a/*.sql', database: media}\n",
           "4:34: 'sql' needs data of the driver sqlite or postgres: none is called 'media'");
    expect(DATA "sql: {path: 'a/*/b.sql'}\n",
           "4:13: 'path' must be a pattern for files of one folder such as \"migrations/*.sql\", not 'a/*/b.sql'");
    expect(DATA "sql: {path: '../*.sql'}\n",
           "4:13: 'path' must be a pattern for files of one folder such as \"migrations/*.sql\", not '../*.sql'");
    expect(DATA "sql: {path: 'a/*.sql', table: 'a b'}\n",
           "4:31: 'table' must be a plain name or SCHEMA.NAME, not 'a b'");
    expect("trial: [{name: a, sql: select 1}]\n", "3:9: 'sql' needs data of the driver sqlite or postgres");
    expect(DATA "trial: [{name: a, sql: select 1, database: none}]\n",
           "4:44: 'sql' needs data of the driver sqlite or postgres: none is called 'none'");
    expect(DATA "trial: [{name: a, command: x, database: main}]\n", "4:41: 'database' has no meaning without 'sql'");
    accept(DATA "sql: {path: 'a/*.sql', table: other.book}\ntrial: [{name: a, sql: select 1, database: main}]\n");
}

static void wrong_history(void)
{
    expect("history: {table: h}\n", "3:10: 'history' needs data of the driver sqlite or postgres");
    expect(DATA "history: {table: 'h;'}\n", "4:18: 'table' must be a plain name, not 'h;'");
    expect(DATA "history: {table: h, columns: {who: me}}\n",
           "4:31: 'who' is no column of the history; there are version_from, version_to, status, started_at, "
           "finished_at, error, kind, job");
    expect(DATA "history: {table: h, columns: {status: 'a b'}}\n", "4:39: a column must have a plain name, not 'a b'");
    expect(DATA "history: {table: h, words: {good: yes}}\n",
           "4:29: 'good' is no verdict of the history; there are updated, rolled-back, failed");
    accept(DATA "history: {table: h, columns: {status: state}, words: {updated: success}}\n");
}

static void wrong_checks(void)
{
    expect("trial: [{name: x}]\n", "3:9: check 'x' needs one of command, http, tcp, unix, unit, file or sql");
    expect("trial: [{command: a}, {}]\n",
           "3:23: check 'trial 2' needs one of command, http, tcp, unix, unit, file or sql");
    expect("busy: [{name: x, command: a, tcp: 'b:1'}]\n",
           "3:8: check 'x' has both 'command' and 'tcp'; give one of them");
    expect("busy: [{name: x, command: a, unix: b}]\n",
           "3:8: check 'x' has both 'command' and 'unix'; give one of them");
    accept("busy: [{name: x, http: 'http://app/health', unix: /run/app.sock}]\n");
    expect("busy: [{name: x, command: ''}]\n", "3:27: 'command' is empty");
    expect("identity: {}\n", "3:11: check 'identity' needs one of command, http, tcp, unix, unit, file or sql");
    expect("identity: {http: 'ftp://x/'}\n", "3:18: 'http' must be an http or https address, not 'ftp://x/'");
    expect("identity: {http: 'http://a:b@x/'}\n", "3:18: 'http' must be an http or https address, not 'http://a:b@x/'");
    expect("identity: {tcp: 'localhost'}\n", "3:17: 'tcp' must be HOST:PORT, not 'localhost'");
    expect("identity: {tcp: 'localhost:70000'}\n", "3:17: 'tcp' must be HOST:PORT, not 'localhost:70000'");
    expect("identity: {unit: ../x.service}\n", "3:18: 'unit' must be a unit such as app.service, not '../x.service'");
    expect("identity: {unit: app}\n", "3:18: 'unit' must be a unit such as app.service, not 'app'");
    expect("identity: {command: a, status: 200}\n", "3:32: 'status' has no meaning without 'http'");
    expect("identity: {tcp: 'a:1', exit: {0: ok}}\n", "3:30: 'exit' has no meaning without 'command'");
    expect("trial: [{name: a, command: b, exit: {x: ok}}]\n",
           "3:38: an exit status must be a number from 0 to 255, not 'x'");
    expect("trial: [{name: a, command: b, exit: {256: ok}}]\n",
           "3:38: an exit status must be a number from 0 to 255, not '256'");
    expect("trial: [{name: a, command: b, exit: {1: maybe}}]\n",
           "3:41: '1' in 'exit' must be ok, will_migrate, refuse or fail, not 'maybe'");
    expect("trial: [{name: a, command: b}, {name: a, command: c}]\n", "3:39: two checks are named 'a'");
    expect("probe: {progress: {name: p}}\n",
           "3:19: check 'p' needs one of command, http, tcp, unix, unit, file or sql");
    expect("requirements: {environment_checks: [{name: p}]}\n",
           "3:37: check 'p' needs one of command, http, tcp, unix, unit, file or sql");
}

static void wrong_services(void)
{
    expect("services: [{name: web}]\n", "3:12: service 'web' needs either 'unit' or 'start'");
    expect("services: [{name: web, unit: a.service, start: b}]\n",
           "3:12: service 'web' needs either 'unit' or 'start'");
    expect("services: [{unit: a/b.service}]\n", "3:19: 'unit' must be a unit such as app.service, not 'a/b.service'");
    expect("services: [{name: web, unit: a}]\n", "3:30: 'unit' must be a unit such as app.service, not 'a'");
    expect("services: [{unit: a.service, stop: x}]\n", "3:36: 'stop' has no meaning without 'start'");
    expect("services: [{unit: a.service, environment: {A: b}}]\n",
           "3:43: 'environment' has no meaning without 'start'");
    expect("services: [{name: w, start: a, environment: {'1=2': b}}]\n",
           "3:45: '1=2' is not a name of an environment variable");
    expect("services: [{name: '../w', start: a}]\n",
           "3:19: 'name' must be at most 64 letters, digits or '_.@-', not '../w'");
    expect("services: [{name: w, start: a}, {name: w, start: b}]\n", "3:40: two services are named 'w'");
    expect("services: [{name: v, unit: a.service}, {name: w, unit: a.service}]\n",
           "3:56: two services have the unit 'a.service'");
}

static void names_filled_in(void)
{
    g_autoptr(Manifest) m = manifest_from("version: 1\nservices: [{unit: web.service}, {start: x}]\n"
                                          "trial: [{command: a}, {command: b}]\nidentity: {command: c}\n");
    g_assert_cmpstr(((const Service *)m->services->pdata[0])->name, ==, "web");
    g_assert_cmpstr(((const Service *)m->services->pdata[1])->name, ==, "service-2");
    g_assert_cmpstr(((const Check *)m->trial->pdata[1])->name, ==, "trial 2");
    g_assert_cmpstr(m->identity.name, ==, "identity");
}

static void wrong_data(void)
{
    expect("shared: [{path: a/b}, {path: a}]\n", "3:30: shared paths 'a/b' and 'a' overlap");
    accept("shared: [{path: a/b}, {path: a/bc}, {path: a.b}]\n");
    expect("data: [{name: d, driver: sqlite}]\n", "3:8: data 'd' needs 'path'");
    expect("data: [{name: d, driver: command, save: x}]\n", "3:8: data 'd' needs 'restore'");
    expect("data: [{name: d, driver: command, restore: x}]\n", "3:8: data 'd' needs 'save'");
    expect("data: [{name: d, driver: sqlite, pth: x}]\n", "3:34: unknown key 'pth'; did you mean 'path'?");
    expect("data: [{name: d, driver: files, path: current/x}]\n",
           "3:39: data 'd' cannot be kept in 'current/x'; use 'shared/'");
    expect("data: [{name: d, driver: files, path: .liftlock}]\n",
           "3:39: data 'd' cannot be kept in '.liftlock'; use 'shared/'");
    expect("data: [{name: d, driver: files, path: a}, {name: d, driver: files, path: b}]\n",
           "3:50: two data sets are named 'd'");
    expect("data: [{name: d, driver: files, path: a}, {name: e, driver: sqlite, path: a/x.db}]\n",
           "3:75: data paths 'a' and 'a/x.db' overlap");
    expect("data: [{name: d, driver: postgres}]\n", "3:8: data 'd' needs 'url_from'");
    expect("data: [{name: d, driver: postgres, url_from: '#KEY'}]\n",
           "3:46: 'url_from' must be a file below shared/, or FILE#KEY, not '#KEY'");
    expect("data: [{name: d, driver: postgres, url_from: '.env#A B'}]\n",
           "3:46: 'url_from' must be a file below shared/, or FILE#KEY, not '.env#A B'");
    expect("data: [{name: d, driver: postgres, url_from: 'a/..#A'}]\n",
           "3:46: 'url_from' must be a file below shared/, or FILE#KEY, not 'a/..#A'");
    expect("data: [{name: d, driver: postgres, url_from: ../a}]\n",
           "3:46: 'url_from' must be a relative path that stays inside, not '../a'");
    expect("data: [{name: d, driver: postgres, url_form: a}]\n",
           "3:36: unknown key 'url_form'; did you mean 'url_from'?");
    accept(
        "data: [{name: d, driver: postgres, url_from: secrets/url}, {name: e, driver: postgres, url_from: .env#B}]\n");
    expect("data: [{name: 'a/b', driver: files, path: a}]\n",
           "3:15: 'name' must be at most 64 letters, digits or '_.@-', not 'a/b'");
}

static void wrong_migrations(void)
{
    expect("migrations:\n  latest: [x]\n",
           "4:3: a migration must be named after a version such as 2.1.0, not 'latest'");
    expect("migrations:\n  3.0.0: [x]\n",
           "4:3: migration '3.0.0' is newer than this release, 2.1.0, and would never run");
    expect("migrations:\n  2.0: [x]\n  2.0.0: [x]\n", "5:3: migrations '2.0' and '2.0.0' are of one version");
    expect("migrations:\n  2.0.0: [x]\ndown:\n  2.0.1: [y]\n",
           "6:3: 'down' takes back '2.0.1', but 'migrations' has nothing of that version");
    expect("migrations:\n  2.0.0: [x]\ndown:\n  latest: [y]\n",
           "6:3: 'down' takes back 'latest', but 'migrations' has nothing of that version");
    expect("migrations:\n  2.0.0: [x]\ndown:\n  2.0: [y]\n  2.0.0: [y]\n",
           "7:3: 'down' has '2.0' and '2.0.0', which are one version");
    expect("migrate: {at_start: sometimes}\n", "3:21: 'at_start' must be true or false, not 'sometimes'");
    g_autoptr(GError) error = NULL;
    g_assert_null(manifest_read(yaml_from("version: nightly\nmigrations: {1.0: [x]}\n"), "m", &error));
    assert_fault(&error, FAULT_MANIFEST, "m:2:14: migrations need a release whose version has an order, not 'nightly'");
}

static void wrong_notifications(void)
{
    expect("notifications: {on_success: [{type: webhook}]}\n", "3:30: a notification of type 'webhook' needs 'url'");
    expect("notifications: {on_failure: [{type: command}]}\n",
           "3:30: a notification of type 'command' needs 'command'");
    expect("notifications: {on_failure: [{type: webhook, url: 'file:///etc/passwd'}]}\n",
           "3:51: 'url' must be an http or https address");
    expect("notifications: {on_failure: [{type: pigeon}]}\n",
           "3:37: 'type' must be webhook, command or log, not 'pigeon'");
}

static char *due(const Manifest *manifest, const char *from, const char *to)
{
    g_autoptr(GPtrArray) list = manifest_migrations_due(manifest, from, to);
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < list->len; i++)
        g_string_append_printf(text, "%s%s", i ? " " : "", ((const VersionCommands *)list->pdata[i])->name);
    return g_string_free(text, FALSE);
}

static void migrations_due(void)
{
    g_autoptr(Manifest) m = manifest_from("version: '10.0'\nmigrations: {10.0: [d], 1.2: [a], 9.1: [c], 2.0: [b]}\n");
    static const char *const rows[][3] = {
        {"1.0", "10.0", "1.2 2.0 9.1 10.0"}, {"1.2.0", "9.1", "2.0 9.1"}, {"10.0", "10.0", ""},
        {"2.0-rc.1", "2.0", "2.0"},          {NULL, "10.0", ""},          {"10.0", "1.0", ""}};
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *text = due(m, rows[i][0], rows[i][1]);
        g_assert_cmpstr(text, ==, rows[i][2]);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/manifest/a manifest with every key is read", in_full);
    g_test_add_func("/manifest/everything but the version has a default", smallest);
    g_test_add_func("/manifest/documents of the older systems are valid", older_documents);
    g_test_add_func("/manifest/a wrong key is refused at its place", wrong_keys);
    g_test_add_func("/manifest/a wrong name, requirement or fence is refused", wrong_head);
    g_test_add_func("/manifest/a check is exactly one kind", wrong_checks);
    g_test_add_func("/manifest/SQL migrations have a place and a database", wrong_sql);
    g_test_add_func("/manifest/a history has a table with known columns", wrong_history);
    g_test_add_func("/manifest/a service is a unit or a command", wrong_services);
    g_test_add_func("/manifest/checks and services without a name get one", names_filled_in);
    g_test_add_func("/manifest/data and shared paths do not overlap", wrong_data);
    g_test_add_func("/manifest/a migration that would never run is refused", wrong_migrations);
    g_test_add_func("/manifest/a notification says where it goes", wrong_notifications);
    g_test_add_func("/manifest/migrations between two versions are due in order", migrations_due);
    return g_test_run();
}
