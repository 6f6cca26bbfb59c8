/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of model/manifest_switch.h. */
#include "model/manifest_switch.h"

#include "model_read.h"

#define HEAD "app: demo\nversion: v2.1.0-rc+1\n"
#define SOCKET "\"/run/demo/{version}.sock\""
#define NONE "fence: {mode: none}\n"
#define IDENTITY "identity: {http: \"http://demo/about\", unix: " SOCKET "}\n"
#define GOOD "services: [{unit: demo@.service, switch: {socket: " SOCKET "}}]\n"

static void expect(const char *tail, const char *message)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *yaml = g_strconcat(HEAD, tail, NULL), *text = g_strconcat("liftlock.yaml:", message, NULL);
    g_assert_null(manifest_read(yaml_from(yaml), "liftlock.yaml", &error));
    assert_fault(&error, FAULT_MANIFEST, text);
}

static Manifest *manifest_from(const char *tail)
{
    GError *error = NULL;
    g_autofree char *yaml = g_strconcat(HEAD, tail, NULL);
    Manifest *manifest = manifest_read(yaml_from(yaml), "liftlock.yaml", &error);
    g_assert_no_error(error);
    return manifest;
}

static void instances(void)
{
    g_autoptr(Manifest) manifest = manifest_from(GOOD NONE IDENTITY);
    const Service *service = manifest->services->pdata[0];
    g_assert_cmpstr(service->name, ==, "demo");
    g_assert_cmpstr(service->unit, ==, "demo@2.1.0\\x2drc\\x2b1.service"); /* as systemd-escape says */
    g_assert_cmpstr(service->template_, ==, "demo@.service");
    g_assert_cmpstr(service_own_unit(service), ==, "demo@.service");
    g_assert_cmpstr(service->switch_.socket, ==, "/run/demo/2.1.0-rc+1.sock");
    g_assert_cmpint(service->switch_.drain_ms, ==, 10000);
    g_autofree char *dotted = unit_of_version("web@.service", ".1_a");
    g_assert_cmpstr(dotted, ==, "web@\\x2e1_a.service");
    g_autoptr(Manifest) plain = manifest_from("services: [{unit: demo.service}]\n");
    const Service *other = plain->services->pdata[0];
    g_assert_null(other->template_);
    g_assert_cmpstr(service_own_unit(other), ==, "demo.service");
}

static void wrong_units(void)
{
    expect("services: [{unit: demo@.service}]\n",
           "3:19: unit 'demo@.service' is a template, which only a 'switch' starts");
    expect("services: [{unit: demo.service, switch: {socket: " SOCKET "}}]\n" NONE IDENTITY,
           "3:19: service 'demo' is switched: its unit must be a template such as app@.service");
    expect("services: [{name: web, start: run, switch: {socket: " SOCKET "}}]\n" NONE IDENTITY,
           "3:12: service 'web' is switched: its unit must be a template such as app@.service");
    expect("services: [{unit: demo@.service, starts: after_commit, switch: {socket: " SOCKET "}}]\n" NONE IDENTITY,
           "3:42: service 'demo' is switched: it must start before commit, to be proven");
    expect("services: [{unit: a@.service, switch: {socket: " SOCKET "}}, {unit: b@.service, switch: {socket: " SOCKET
           "}}]\n" NONE IDENTITY,
           "3:105: services 'a' and 'b' are both switched; 'identity' speaks for one");
}

/* Two releases write at a time, and only the new one may be asked. */
static void wrong_company(void)
{
    expect(GOOD IDENTITY, "1:1: service 'demo' is switched: two releases write at a time, which only fence mode 'none' "
                          "allows");
    expect(GOOD NONE, "1:1: service 'demo' is switched: 'identity' must ask by 'http' with its socket, "
                      "/run/demo/{version}.sock, as 'unix'");
    expect(GOOD NONE "identity: {http: \"http://127.0.0.1/about\"}\n",
           "5:11: service 'demo' is switched: 'identity' must ask by 'http' with its socket, "
           "/run/demo/{version}.sock, as 'unix'");
}

/* They go into the configuration of a program with rights. */
static void wrong_texts(void)
{
    static const char *const sockets[] = {"/run/demo.sock",   "/run/{version}/a b", "/run/{version};",
                                          "/run/{version}}{", "/run/.a/{version}",  "/run/.{version}"};
    for (guint i = 0; i < G_N_ELEMENTS(sockets); i++) {
        g_autofree char *tail = g_strdup_printf("services: [{unit: a@.service, switch: {socket: \"%s\"}}]\n" NONE
                                                "identity: {http: \"http://a/\", unix: \"%s\"}\n",
                                                sockets[i], sockets[i]);
        g_autofree char *message = g_strdup_printf(
            "3:48: 'socket' must be a path of letters, digits and '/_.-' with {version} in it, not '%s'", sockets[i]);
        expect(tail, message);
    }
    g_autofree char *deep = g_strnfill(100, 'd');
    g_autofree char *tail = g_strdup_printf("services: [{unit: a@.service, switch: {socket: \"/%s/{version}\"}}]\n" NONE
                                            "identity: {http: \"http://a/\", unix: \"/%s/{version}\"}\n",
                                            deep, deep);
    expect(tail, "3:48: 'socket' is longer than the 107 bytes that a socket's may be");
#define WITH(more) "services: [{unit: a@.service, switch: {socket: " SOCKET ", " more "}}]\n" NONE IDENTITY
    expect(WITH("file: web.caddy"), "3:82: 'file' must be system/NAME, not 'web.caddy'");
    expect(WITH("file: system/a/b"), "3:82: 'file' must be system/NAME, not 'system/a/b'");
    expect(WITH("file: \"system/a b\""), "3:82: 'file' must be system/NAME, not 'system/a b'");
    expect(WITH("unit: caddy"), "3:82: 'unit' must be a unit such as caddy.service, not 'caddy'");
    expect(WITH("url: localhost"), "3:81: 'url' must be an http or https address");
    expect(WITH("proxy: apache"), "3:83: 'proxy' must be caddy or nginx, not 'apache'");
}

static AppConfig *config_from(const char *tail)
{
    GError *error = NULL;
    g_autofree char *toml =
        g_strconcat("[source]\ntype = \"folder\"\npath = \"/srv\"\n[trust]\nlevel = \"none\"\n", tail, NULL);
    AppConfig *config = app_config_read(document_from(DOCUMENT_TOML, toml), "demo", "demo.toml", &error);
    g_assert_no_error(error);
    return config;
}

static void expect_view(const char *toml, const char *more, const char *view)
{
    g_autofree char *tail =
        g_strdup_printf("services: [{unit: demo@.service, switch: {socket: " SOCKET "%s}}]\n" NONE IDENTITY, more);
    g_autoptr(Manifest) manifest = manifest_from(tail);
    g_autoptr(AppConfig) config = config_from(toml);
    g_auto(SwitchView) seen = switch_view(config, manifest->services->pdata[0]);
    g_autofree char *text = g_strdup_printf("%s %s %s %s", seen.proxy, seen.file, seen.unit, seen.url);
    g_assert_cmpstr(text, ==, view);
}

static void views(void)
{
    expect_view("", "", "caddy system/demo.caddy caddy.service (null)");
    expect_view("", ", proxy: nginx, file: system/x, unit: web.service, url: \"http://a/\"",
                "nginx system/x web.service http://a/");
    expect_view("[switch.demo]\nurl = \"https://b/\"\n", ", file: system/x, url: \"http://a/\"",
                "caddy system/x caddy.service https://b/");
    expect_view("[switch.demo]\nproxy = \"nginx\"\n", ", file: system/x, unit: my.service, url: \"http://a/\"",
                "nginx system/demo.nginx nginx.service http://a/");
    expect_view("[switch.other]\nproxy = \"nginx\"\n", "", "caddy system/demo.caddy caddy.service (null)");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/switch/a release is an instance of its template", instances);
    g_test_add_func("/switch/templates and switches belong together", wrong_units);
    g_test_add_func("/switch/it needs a fence of none, and to be asked itself", wrong_company);
    g_test_add_func("/switch/what a proxy will read is plain", wrong_texts);
    g_test_add_func("/switch/the host's word comes first", views);
    return g_test_run();
}
