/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of model/config.h and model/place.h. */
#include "model/config.h"

#include "model/mail.h"
#include "model/place.h"
#include "model_read.h"

#define KEY "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"
#define TAIL                                                                                                           \
    "[source]\ntype = \"http\"\nurl = \"https://example.org/a/\"\n[trust]\nlevel = \"minisign\"\nkey = \"" KEY "\"\n"

static AppConfig *config_from(const char *toml)
{
    GError *error = NULL;
    AppConfig *config = app_config_read(document_from(DOCUMENT_TOML, toml), "demo", "demo.toml", &error);
    g_assert_no_error(error);
    return config;
}

static void expect(const char *toml, const char *message)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = g_strconcat("demo.toml:", message, NULL);
    g_assert_null(app_config_read(document_from(DOCUMENT_TOML, toml), "demo", "demo.toml", &error));
    assert_fault(&error, FAULT_CONFIG, text);
}

static void in_full(void)
{
    g_autoptr(AppConfig) c = config_from(
        "[app]\nroot = \"/opt/bookshelf\"\nuser = \"bookshelf\"\nprivileged_hooks = false\n" TAIL
        "[policy]\nmode = \"dashboard\"\nmin_age = \"3d\"\npin = \">=2 <3\"\nkeep_backups = 0\n"
        "[notify.ops]\ntype = \"webhook\"\nurl_file = \"/etc/liftlock/secrets/hook\"\n"
        "[notify.shell]\ntype = \"command\"\ncommand = \"logger\"\non = [\"failed\"]\n[observe]\nwindow = \"1m\"\n");
    g_assert_cmpstr(c->name, ==, "demo");
    g_assert_cmpstr(c->app.root, ==, "/opt/bookshelf");
    g_assert_cmpstr(c->source.channel, ==, "stable");
    g_assert_cmpstr(c->source.versions, ==, "semver");
    g_assert_cmpint(c->trust.level, ==, TRUST_MINISIGN);
    g_assert_cmpint(c->policy.mode, ==, MODE_DASHBOARD);
    g_assert_cmpint(c->policy.min_age_ms, ==, 259200000);
    g_assert_cmpint(c->policy.keep_backups, ==, 0);
    g_assert_cmpint(c->observe.window_ms, ==, 60000);
    const NotifyConfig *ops = c->notify->pdata[0], *shell = c->notify->pdata[1];
    g_assert_cmpstr(ops->name, ==, "ops");
    g_assert_cmpuint(ops->on->len, ==, 5);
    g_assert_cmpint(ops->timeout_ms, ==, 10000);
    g_assert_cmpuint(shell->on->len, ==, 1);
}

static void smallest(void)
{
    g_autoptr(AppConfig) c =
        config_from("[source]\ntype = \"folder\"\npath = \"/srv/x/\"\n[trust]\nlevel = \"none\"\n");
    g_assert_null(c->app.root);
    g_assert_null(c->app.user);
    g_assert_cmpstr(c->source.path, ==, "/srv/x");
    g_assert_cmpint(c->policy.mode, ==, MODE_MANUAL);
    g_assert_cmpint(c->policy.max_attempts, ==, 3);
    g_assert_cmpint(c->policy.keep_releases, ==, -1);
    g_assert_cmpint(c->policy.keep_backups, ==, -1);
    g_assert_cmpint(c->observe.window_ms, ==, -1);
    g_autoptr(Node) shown = schema_show(app_config_keys, c->document, "demo.toml", c);
    g_assert_true(node_is_null(node_pointer(shown, "/observe/window/value")));
    g_assert_cmpstr(node_get_text(node_pointer(shown, "/source/path"), "origin", NULL), ==, "demo.toml:3");
}

static void secrets_are_not_shown(void)
{
    g_autoptr(AppConfig) c =
        config_from(TAIL "[notify.ops]\ntype = \"webhook\"\nurl = \"https://hooks.example.org/T0/s3cret\"\n");
    g_autoptr(Node) shown = schema_show(app_config_keys, c->document, "demo.toml", c);
    const Node *url = node_pointer(shown, "/notify/ops/url");
    g_assert_cmpstr(node_get_text(url, "value", NULL), ==, "(secret)");
    g_assert_cmpstr(node_get_text(url, "origin", NULL), ==, "demo.toml:9");
    g_autofree char *all = node_to_json(shown, 0);
    g_assert_null(strstr(all, "s3cret"));
    g_assert_true(node_is_null(node_pointer(shown, "/notify/ops/url_file/value")));
}

static void wrong_keys(void)
{
    expect("[trust]\nlevel = \"none\"\n", "1:1: 'source' is missing\nwhere releases come from; its 'type' is folder, "
                                          "http, https, git, sftp or repository");
    expect("[source]\ntype = \"folder\"\npath = \"/x\"\n",
           "1:1: 'trust' is missing\nwhat proves that they are the publisher's; its 'level' is tuf, minisign, "
           "checksum, git or none");
    expect("sorce = 1\n" TAIL, "1:1: unknown key 'sorce'; did you mean 'source'?");
    expect(TAIL "[policy]\nmode = \"auto\"\n", "8:8: 'mode' must be manual or dashboard, not 'auto'");
    expect(TAIL "[policy]\nmin_age = \"old\"\n",
           "8:11: 'min_age' must be a time from 0s to 3650d, such as 30s, 5m or 2h, not 'old'");
    expect(TAIL "[policy]\nkeep_releases = 1\n",
           "8:17: 'keep_releases' must be a whole number from 2 to 1000, not '1'");
    expect("[app]\nuser = 0\n" TAIL, "2:8: 'user' must be a text, not '0'");
    expect("[app]\nprivileged_hooks = \"true\"\n" TAIL,
           "2:20: 'privileged_hooks' must be true or false, not the text 'true'");
}

static void rights(void)
{
    expect("[app]\nuser = \"root\"\n" TAIL,
           "2:8: 'user' is root, but 'privileged_hooks' is not true\nthe publisher's shell lines would run as root; "
           "give the app a user of its own, or allow it on purpose");
    g_autoptr(AppConfig) c = config_from("[app]\nuser = \"root\"\nprivileged_hooks = true\n" TAIL);
    g_assert_true(c->app.privileged_hooks);
    expect("[app]\nuser = \"0\"\n" TAIL, "2:8: 'user' must be a name of a user, not '0'");
    expect("[app]\ngroup = \"a b\"\n" TAIL, "2:9: 'group' must be a name of a group, not 'a b'");
    expect("[app]\nroot = \"/\"\n" TAIL, "2:8: 'root' must be a directory of the app's own, not '/'");
    expect("[app]\nroot = \"opt\"\n" TAIL, "2:8: 'root' must be an absolute path without '..', not 'opt'");
}

#define TRUST "[trust]\nlevel = \"none\"\n[source]\n"

static void sources(void)
{
    expect(TRUST "type = \"ftp\"\n", "4:8: 'type' must be folder, http, https, git, sftp or repository, not 'ftp'");
    expect(TRUST "type = \"http\"\n", "3:1: a source of type 'http' needs 'url'");
    expect(TRUST "type = \"folder\"\n", "3:1: a source of type 'folder' needs 'path'");
    expect(TRUST "type = \"folder\"\npath = \"/x\"\nurl = \"http://x\"\n",
           "6:7: 'url' has no meaning for a source of type 'folder'");
    expect(TRUST "type = \"http\"\nurl = \"http://x\"\npath = \"/x\"\n",
           "6:8: 'path' has no meaning for a source of type 'http'");
    expect(TRUST "type = \"http\"\nurl = \"gopher://x\"\n",
           "5:7: 'url' must be an http or https address, not 'gopher://x'");
    expect(TRUST "type = \"http\"\nurl = \"https://me:secret@x/\"\n",
           "5:7: 'url' must not hold a user or password\nput the header into a file of root's alone and name it in "
           "'headers_file'");
    expect(TRUST "type = \"http\"\nurl = \"https://x/\"\nheaders_file = [\"/a\", \"b\"]\n",
           "6:16: 'headers_file' must be an absolute path, not 'b'");
}

#define REPOSITORY "[source]\ntype = \"repository\"\n"

static void repositories(void)
{
    g_autoptr(AppConfig) c =
        config_from(REPOSITORY "url = \"https://x/repo\"\n[trust]\nlevel = \"tuf\"\nroot = \"/r\"\n");
    g_assert_cmpint(c->trust.level, ==, TRUST_TUF);
    g_assert_cmpstr(c->trust.root, ==, "/r");
    g_autoptr(AppConfig) folder = config_from(REPOSITORY "path = \"/mnt\"\n[trust]\nlevel = \"tuf\"\nroot = \"/r\"\n");
    g_assert_cmpstr(folder->source.path, ==, "/mnt");
    expect(TRUST "type = \"repository\"\n", "3:1: a source of type 'repository' needs 'url'");
    expect(TRUST "type = \"repository\"\nurl = \"https://x\"\npath = \"/x\"\n",
           "6:8: 'url' and 'path' exclude one another");
    expect(TRUST "type = \"repository\"\nurl = \"ftp://x\"\n",
           "5:7: 'url' must be an http or https address, not 'ftp://x'");
    expect(TRUST "type = \"repository\"\nurl = \"https://x\"\n",
           "2:9: a source of type 'repository' needs trust level 'tuf'");
    expect("[trust]\nlevel = \"tuf\"\nroot = \"/r\"\n[source]\ntype = \"http\"\nurl = \"https://x\"\n",
           "2:9: trust level 'tuf' needs a source of type 'repository'");
    expect("[trust]\nlevel = \"tuf\"\n" REPOSITORY "url = \"https://x\"\n", "2:9: trust level 'tuf' needs 'root'");
    expect("[trust]\nlevel = \"tuf\"\nroot = \"r\"\n" REPOSITORY "url = \"https://x\"\n",
           "3:8: 'root' must be an absolute path without '..', not 'r'");
    expect("[trust]\nlevel = \"tuf\"\nroot = \"/r\"\nkey = \"x\"\n" REPOSITORY "url = \"https://x\"\n",
           "4:7: 'key' has no meaning with trust level 'tuf'");
    expect("[trust]\nlevel = \"none\"\nroot = \"/r\"\n[source]\ntype = \"http\"\nurl = \"https://x\"\n",
           "3:8: 'root' has no meaning with trust level 'none'");
}

#define ED25519 "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPKSUTyz1HwHReFVvD5obVsALAgJRNarH4TRpNePnAS"
#define SSH "key_file = \"/k\"\nhost_key = \"" ED25519 "\"\n"

static void git_sources(void)
{
    g_autoptr(AppConfig) ssh = config_from(TRUST "type = \"git\"\nurl = \"ssh://git@example.org:22/a.git\"\n" SSH);
    g_assert_cmpuint(ssh->source.host_key->len, ==, 1);
    expect(TRUST "type = \"git\"\nurl = \"git@example.org:a.git\"\n",
           "5:7: 'url' must be an https or ssh address such as ssh://git@example.org/app.git, not "
           "'git@example.org:a.git'\nmost servers have it at ssh://git@example.org/a.git");
    expect(TRUST "type = \"git\"\nurl = \"git@example.org:/srv/a.git\"\n",
           "5:7: 'url' must be an https or ssh address such as ssh://git@example.org/app.git, not "
           "'git@example.org:/srv/a.git'\nmost servers have it at ssh://git@example.org/srv/a.git");
    expect(TRUST "type = \"git\"\nurl = \"-oProxyCommand=x@h:a\"\n",
           "5:7: 'url' must be an https or ssh address such as ssh://git@example.org/app.git, not "
           "'-oProxyCommand=x@h:a'");
    expect(TRUST "type = \"git\"\nurl = \"ssh://-oProxyCommand=x/a\"\n" SSH,
           "5:7: 'url' must be an https or ssh address such as ssh://git@example.org/app.git, not "
           "'ssh://-oProxyCommand=x/a'");
    expect(TRUST "type = \"git\"\nurl = \"ssh://git:secret@example.org/a\"\n" SSH,
           "5:7: 'url' must not hold a password");
    expect(TRUST "type = \"git\"\nurl = \"https://token@example.org/a\"\n",
           "5:7: 'url' must not hold a user or password\nput the token into a file of root's alone and name it in "
           "'token_file'");
    expect(TRUST "type = \"git\"\nurl = \"ssh://git@example.org/a\"\n",
           "3:1: a source over ssh needs 'key_file'\n'ssh-keygen -t ed25519 -N \"\" -f FILE' makes one");
    expect(TRUST "type = \"git\"\nurl = \"ssh://git@example.org/a\"\nkey_file = \"/k\"\n",
           "3:1: a source over ssh needs 'host_key'\na server is never believed at first sight: compare what "
           "'ssh-keyscan -t ed25519 HOST' prints with what its owner says");
    expect(
        TRUST "type = \"git\"\nurl = \"ssh://git@example.org/a\"\nkey_file = \"/k\"\nhost_key = \"ssh-rsa AAAA\"\n",
        "7:12: 'host_key' is an RSA key, which sources do not take\nservers still sign with them over SHA-1; take the "
        "line of 'ssh-keyscan -t ed25519 HOST', after comparing it with what the server's owner says");
    expect(TRUST
           "type = \"git\"\nurl = \"ssh://git@example.org/a\"\nkey_file = \"/k\"\nhost_key = \"ssh-ed25519 AAAA\"\n",
           "7:12: 'host_key' must be a public key such as 'ssh-ed25519 AAAA...', not 'ssh-ed25519 AAAA'");
    expect(TRUST "type = \"git\"\nurl = \"https://x/a\"\nbranch = \"main\"\ntags = \"v*\"\n",
           "6:10: 'branch', 'tags' and 'commit' exclude one another");
    expect(TRUST "type = \"git\"\nurl = \"https://x/a\"\nbranch = \"--upload-pack=x\"\n",
           "6:10: 'branch' must be the name of a branch, not '--upload-pack=x'");
    expect(TRUST "type = \"git\"\nurl = \"https://x/a\"\ntags = \"v\"\n",
           "6:8: 'tags' must be a pattern of tags with one '*', such as v*, not 'v'");
    expect(TRUST "type = \"git\"\nurl = \"https://x/a\"\ncommit = \"abc\"\n",
           "6:10: 'commit' must be 40 or 64 digits 0-9 a-f, not 'abc'");
    expect(TRUST "type = \"git\"\nurl = \"https://x/a\"\nkey_file = \"/k\"\n",
           "6:12: 'key_file' has no meaning for an http address");
    expect(TRUST "type = \"git\"\nurl = \"https://x/a\"\ntoken_file = \"credential:../x\"\n",
           "6:14: 'token_file' must be an absolute path, not 'credential:../x'");
    expect("[trust]\nlevel = \"git\"\n[source]\ntype = \"git\"\nurl = \"https://x/a\"\n",
           "2:9: trust level 'git' needs 'allowed_signers' or 'keyring'");
    expect("[trust]\nlevel = \"git\"\nkeyring = \"/k\"\n[source]\ntype = \"folder\"\npath = \"/x\"\n",
           "2:9: trust level 'git' needs a source of type 'git'");
}

static void plain_sources(void)
{
    expect(TRUST "type = \"sftp\"\nurl = \"sftp://example.org/a\"\n" SSH,
           "5:7: 'url' must be an address such as sftp://user@example.org/releases/app.tar.gz, not "
           "'sftp://example.org/a'");
    expect(TRUST "type = \"sftp\"\nurl = \"sftp://joe:secret@example.org/a\"\n" SSH,
           "5:7: 'url' must not hold a password");
    expect(TRUST "type = \"sftp\"\nurl = \"sftp://joe@example.org/a\"\nbranch = \"main\"\n" SSH,
           "6:10: 'branch' has no meaning for a source of type 'sftp'");
    expect(TRUST "type = \"https\"\nurl = \"https://x/a\"\napi = \"github\"\n",
           "6:7: 'api' needs 'asset', the name of the archive in a release");
    expect(
        TRUST "type = \"https\"\nurl = \"https://x/a\"\nmirrors = [\"https://joe:secret@x/a\"]\n",
        "6:11: 'mirrors' must not hold a user or password\nput the header into a file of root's alone and name it in "
        "'headers_file'");
    expect(TRUST "type = \"https\"\nurl = \"https://x/a\"\nsha256 = \"x\"\n",
           "6:10: 'sha256' must be 64 hexadecimal digits, not 'x'");
    expect("[trust]\nlevel = \"checksum\"\n[source]\ntype = \"https\"\nurl = \"https://x/a\"\n",
           "2:9: trust level 'checksum' needs 'sha256' or 'checksum_url'");
    g_autoptr(AppConfig) c =
        config_from(TRUST "type = \"https\"\nurl = \"https://x/a\"\nproxy = \"http://joe:pw@p:1\"\n");
    g_autoptr(Node) shown = schema_show(app_config_keys, c->document, "demo.toml", c);
    g_assert_cmpstr(node_get_text(node_pointer(shown, "/source/proxy"), "value", NULL), ==, "http://(secret)@p:1");
}

#define SOURCE "[source]\ntype = \"folder\"\npath = \"/x\"\n[trust]\n"

static void trust(void)
{
    expect(SOURCE "level = \"full\"\n", "5:9: 'level' must be tuf, minisign, checksum, git or none, not 'full'");
    expect(SOURCE "level = \"minisign\"\n", "4:1: trust level 'minisign' needs 'key'");
    expect(SOURCE "level = \"minisign\"\nkey = \"RWshort\"\n",
           "6:7: 'key' must be a minisign public key (RW and 54 more characters), not 'RWshort'");
    /* Right length, wrong algorithm: "RX" begins with "E|", not "Ed". */
    expect(SOURCE "level = \"minisign\"\nkey = \"RXQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3\"\n",
           "6:7: 'key' must be a minisign public key (RW and 54 more characters), not "
           "'RXQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3'");
    expect(SOURCE "level = \"checksum\"\nkey = \"" KEY "\"\n", "6:7: 'key' has no meaning with trust level 'checksum'");
}

static void switches(void)
{
    expect(TAIL "[switch.web]\nunit = \"a b\"\n", "8:8: 'unit' must be a unit such as caddy.service, not 'a b'");
    expect(TAIL "[switch.web]\nurl = \"localhost\"\n", "8:7: 'url' must be an http or https address");
    expect(TAIL "[switch.web]\nproxy = \"apache\"\n", "8:9: 'proxy' must be caddy or nginx, not 'apache'");
}

static void database(void)
{
    expect(TAIL "[database.main]\n", "7:1: database 'main' needs either 'admin_user' or 'admin_url_file'");
    expect(TAIL "[database.main]\nadmin_user = \"postgres\"\nadmin_url_file = \"/x\"\n",
           "7:1: database 'main' needs either 'admin_user' or 'admin_url_file'");
    expect(TAIL "[database.main]\nadmin_user = \"root\"\n",
           "8:14: 'admin_user' must be a name of a user other than root, not 'root'");
    expect(TAIL "[database.main]\nadmin_user = \"a b\"\n",
           "8:14: 'admin_user' must be a name of a user other than root, not 'a b'");
    g_autoptr(AppConfig) c = config_from(TAIL "[database.main]\nadmin_user = \"postgres\"\n");
    g_assert_cmpstr(((const DatabaseConfig *)c->database->pdata[0])->name, ==, "main");
    g_assert_cmpstr(((const DatabaseConfig *)c->database->pdata[0])->admin_user, ==, "postgres");
}

static void notify(void)
{
    expect(TAIL "[notify.a]\ntype = \"webhook\"\n", "7:1: notify 'a' needs either 'url' or 'url_file'");
    expect(TAIL "[notify.a]\ntype = \"webhook\"\nurl = \"http://x\"\nurl_file = \"/x\"\n",
           "7:1: notify 'a' needs either 'url' or 'url_file'");
    expect(TAIL "[notify.a]\ntype = \"webhook\"\nurl = \"x\"\n",
           "7:1: 'url' of notify 'a' must be an http or https address");
    expect(TAIL "[notify.a]\ntype = \"command\"\n", "7:1: notify 'a' needs 'command'");
    expect(TAIL "[notify.a]\ntype = \"log\"\ncommand = \"x\"\n",
           "7:1: 'command' has no meaning for notify 'a' of type 'log'");
    expect(TAIL "[notify.a]\ntype = \"log\"\non = []\n",
           "9:6: 'on' of notify 'a' is empty\nleave 'on' out to be told of all, or remove [notify.a]");
    expect(TAIL "[notify.a]\ntype = \"log\"\non = [\"fail\"]\n",
           "9:7: an item of 'on' must be updated, rolled-back, failed, refused or needs-help, not 'fail'");
}

static void names(void)
{
    static const char *const good[] = {"a", "0", "bookshelf", "node-red", "a_b", "a23456789012345678901234567890bc"};
    static const char *const bad[] = {"",    "A",        "-a",  "_a", "a.b",
                                      "a/b", "liftlock", "a b", "..", "a23456789012345678901234567890bcd"};
    for (gsize i = 0; i < G_N_ELEMENTS(good); i++)
        g_assert_true(app_name_is_valid(good[i]));
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_false(app_name_is_valid(bad[i]));
    g_assert_false(app_name_is_valid(NULL));
    g_autoptr(GError) error = NULL;
    g_assert_null(app_config_read(document_from(DOCUMENT_TOML, TAIL), "a.b", "a.b.toml", &error));
    assert_fault(&error, FAULT_CONFIG,
                 "a.b.toml: 'a.b' is no name of an app\nnames are at most 32 of a-z, 0-9, '_' and '-', and begin with "
                 "a letter or digit");
}

static void host(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(HostConfig) c = host_config_read(document_from(DOCUMENT_TOML, ""), "liftlock.toml", FALSE, &error);
    g_assert_no_error(error);
    g_assert_false(c->allow_trust_none);
    g_assert_cmpint(c->max_index_bytes, ==, 1048576);
    g_assert_null(c->proxy);
    g_assert_null(
        host_config_read(document_from(DOCUMENT_TOML, "space_margin = \"much\"\n"), "liftlock.toml", FALSE, &error));
    assert_fault(&error, FAULT_CONFIG,
                 "liftlock.toml:1:16: 'space_margin' must be a size such as 10MB or 1GiB, not 'much'");
}

static void host_environment(void)
{
    g_autoptr(GError) error = NULL;
    g_setenv("LIFTLOCK_PROXY", "http://proxy:3128", TRUE);
    g_setenv("LIFTLOCK_ALLOW_TRUST_NONE", "true", TRUE);
    g_autoptr(HostConfig) with =
        host_config_read(document_from(DOCUMENT_TOML, "proxy = \"http://a\"\n"), "h", TRUE, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(with->proxy, ==, "http://proxy:3128");
    g_assert_false(with->allow_trust_none);
    g_autoptr(HostConfig) without =
        host_config_read(document_from(DOCUMENT_TOML, "proxy = \"http://a\"\n"), "h", FALSE, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(without->proxy, ==, "http://a");
    g_setenv("LIFTLOCK_MAX_ENTRIES", "none", TRUE);
    g_assert_null(host_config_read(document_from(DOCUMENT_TOML, ""), "h", TRUE, &error));
    assert_fault(&error, FAULT_CONFIG,
                 "LIFTLOCK_MAX_ENTRIES: 'max_entries' must be a whole number from 1 to 100000000, not 'none'");
    g_unsetenv("LIFTLOCK_PROXY");
    g_unsetenv("LIFTLOCK_MAX_ENTRIES");
}

/* Trust is the file's alone: no row of the app's config may ever get a variable. */
static void no_variables(const Key *keys)
{
    for (const Key *key = keys; key->name; key++) {
        g_assert_null(key->env);
        if (key->table)
            no_variables(key->table);
    }
}

static void trust_has_no_variable(void)
{
    no_variables(app_config_keys);
    for (const Key *key = host_config_keys; key->name; key++)
        if (strstr(key->name, "trust") || strstr(key->name, "user"))
            g_assert_null(key->env);
}

static void summaries(const Key *keys)
{
    for (const Key *key = keys; key->name; key++) {
        g_assert_nonnull(key->summary);
        g_assert_false(g_str_has_suffix(key->summary, "."));
        if (key->table)
            summaries(key->table);
    }
}

static void every_row_is_described(void)
{
    summaries(host_config_keys);
    summaries(app_config_keys);
    summaries(manifest_keys);
}

static void places(void)
{
    g_autoptr(HostPlace) host_place = host_place_new(NULL);
    g_assert_cmpstr(host_place->state_db, ==, "/var/lib/liftlock/state.db");
    g_assert_false(host_place->own_root);
    g_autoptr(Place) place = place_new(host_place, "demo", NULL);
    g_assert_cmpstr(place->current, ==, "/opt/demo/current");
    g_assert_cmpstr(place->wayback, ==, "/opt/demo/.liftlock");
    g_assert_cmpstr(place->hold, ==, "/var/lib/liftlock/demo/hold");
    g_assert_cmpstr(place->config, ==, "/etc/liftlock/apps/demo.toml");
    g_assert_cmpstr(place->lock, ==, "/run/liftlock/demo.lock");
    g_assert_cmpstr(place->work, ==, "/run/liftlock/demo.work");
    g_autofree char *partial = place_release(place, "2.0", ".partial");
    g_assert_cmpstr(partial, ==, "/opt/demo/releases/2.0.partial");
}

static void places_below_a_root(void)
{
    g_autoptr(HostPlace) host_place = host_place_new("/tmp/x/");
    g_assert_cmpstr(host_place->root, ==, "/tmp/x");
    g_assert_cmpstr(host_place->run, ==, "/tmp/x/run/liftlock");
    g_assert_true(host_place->own_root);
    static const char *const roots[][2] = {{NULL, "/tmp/x/opt/demo"},
                                           {"/srv/demo", "/tmp/x/srv/demo"},
                                           {"/tmp/x/srv/demo", "/tmp/x/srv/demo"},
                                           {"/tmp/xy", "/tmp/x/tmp/xy"}};
    for (gsize i = 0; i < G_N_ELEMENTS(roots); i++) {
        g_autoptr(Place) place = place_new(host_place, "demo", roots[i][0]);
        g_assert_cmpstr(place->root, ==, roots[i][1]);
    }
    g_autoptr(HostPlace) empty = host_place_new("");
    g_assert_false(empty->own_root);
    g_assert_cmpstr(empty->etc, ==, "/etc/liftlock");
}

#define MAIL "[notify.a]\ntype = \"mail\"\n"

static void mail(void)
{
    expect(TAIL MAIL, "7:1: notify 'a' needs 'server'");
    expect(TAIL MAIL "server = \"mx\"\n", "7:1: notify 'a' needs 'to'");
    expect(TAIL MAIL "server = \"mx\"\nto = \"a@b\"\nuser = \"me\"\n",
           "7:1: notify 'a' needs both 'user' and 'password_file', or neither");
    expect(TAIL MAIL "server = \"mx\"\nto = \"a@b\"\nuser = \"me\"\npassword_file = \"/p\"\nencryption = \"none\"\n",
           "12:17: the password would go over the network in the clear; 'encryption' must be starttls or tls");
    static const char *const servers[] = {"smtp://mx", "mx:", "mx:0", "mx:65536", "mx:25x",
                                          "",          "a b", "[::1", "me@mx",    ":25"};
    for (guint i = 0; i < G_N_ELEMENTS(servers); i++) {
        g_autofree char *toml = g_strdup_printf(TAIL MAIL "server = \"%s\"\nto = \"a@b\"\n", servers[i]);
        g_autofree char *text = g_strdup_printf("9:10: 'server' must be a host, or HOST:PORT, not '%s'", servers[i]);
        expect(toml, text);
    }
    static const char *const addresses[] = {"a", "a@", "@b", "a b@c", "A <a@b>", "a@b, c@d", "a@b c", "\\u00e4@b"};
    for (guint i = 0; i < G_N_ELEMENTS(addresses); i++) {
        g_autofree char *toml = g_strdup_printf(TAIL MAIL "server = \"mx\"\nto = [\"a@b\", \"%s\"]\n", addresses[i]);
        g_autofree char *text = g_strdup_printf("10:6: 'to' must be an address such as ops@example.org, not '%s'",
                                                addresses[i][0] == '\\' ? "\xc3\xa4@b" : addresses[i]);
        expect(toml, text);
    }
    expect(TAIL MAIL "server = \"mx\"\nto = \"a@b\"\nfrom = \"a@b\\r\\nBcc: c@d\"\n",
           "11:8: 'from' must be an address such as ops@example.org, not 'a@b\\x0d\\x0aBcc: c@d'");
    expect(TAIL "[notify.a]\ntype = \"log\"\nto = \"a@b\"\n", "9:6: 'to' has no meaning for notify 'a' of type 'log'");
    expect(TAIL "[notify.a]\ntype = \"mail\"\nserver = \"mx\"\nto = \"a@b\"\nurl = \"http://x\"\n",
           "7:1: 'url' has no meaning for notify 'a' of type 'mail'");
}

static void mail_ports(void)
{
    static const char *const cases[][3] = {
        {"mx", "starttls", "mx:587"},       {"mx", "tls", "mx:465"},       {"mx", "none", "mx:25"},
        {"mx:2525", "tls", "mx:2525"},      {"[::1]", "none", "[::1]:25"}, {"[::1]:26", "none", "[::1]:26"},
        {"10.0.0.1", "tls", "10.0.0.1:465"}};
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *toml =
            g_strdup_printf(TAIL MAIL "server = \"%s\"\nencryption = \"%s\"\nto = \"a@b\"\n", cases[i][0], cases[i][1]);
        g_autoptr(AppConfig) config = config_from(toml);
        g_autofree char *server = mail_server(config->notify->pdata[0]);
        g_assert_cmpstr(server, ==, cases[i][2]);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/config/an app's file with every table is read", in_full);
    g_test_add_func("/config/source and trust are enough", smallest);
    g_test_add_func("/app/secrets are not shown", secrets_are_not_shown);
    g_test_add_func("/config/a wrong key is refused at its place", wrong_keys);
    g_test_add_func("/config/root needs privileged hooks", rights);
    g_test_add_func("/config/a source has what its type needs", sources);
    g_test_add_func("/config/a repository is trusted by its root", repositories);
    g_test_add_func("/config/a git source says whom it believes", git_sources);
    g_test_add_func("/config/https and sftp sources have what they need", plain_sources);
    g_test_add_func("/config/trust has the key that its level needs", trust);
    g_test_add_func("/config/a notify has what its type needs", notify);
    g_test_add_func("/config/a mail goes to addresses and nowhere else", mail);
    g_test_add_func("/config/a mail server has the port of its encryption", mail_ports);
    g_test_add_func("/config/a database has one who may copy it", database);
    g_test_add_func("/config/a switch names a unit and an address", switches);
    g_test_add_func("/config/names of apps are short and plain", names);
    g_test_add_func("/config/the host's file may be empty", host);
    g_test_add_func("/config/the environment overrides the host's scalars", host_environment);
    g_test_add_func("/config/trust and rights have no variable", trust_has_no_variable);
    g_test_add_func("/config/every row is described", every_row_is_described);
    g_test_add_func("/place/everything has its place", places);
    g_test_add_func("/place/a root of one's own holds everything", places_below_a_root);
    return g_test_run();
}
