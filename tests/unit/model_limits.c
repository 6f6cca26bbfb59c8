/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of model/limits.h. */
#include "model/limits.h"

#include "model_read.h"

#define HEAD "[source]\ntype = \"folder\"\npath = \"/srv/x\"\n[trust]\nlevel = \"none\"\n"

static AppConfig *config_from(const char *toml)
{
    GError *error = NULL;
    g_autofree char *text = g_strconcat(HEAD, toml, NULL);
    AppConfig *config = app_config_read(document_from(DOCUMENT_TOML, text), "demo", "demo.toml", &error);
    g_assert_no_error(error);
    return config;
}

static void expect(const char *toml, const char *message)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *all = g_strconcat(HEAD, toml, NULL), *text = g_strconcat("demo.toml:", message, NULL);
    g_assert_null(app_config_read(document_from(DOCUMENT_TOML, all), "demo", "demo.toml", &error));
    assert_fault(&error, FAULT_CONFIG, text);
}

static void refuse(const AppConfig *config, const char *path, guint64 size_bytes, const char *message)
{
    g_autoptr(GError) error = NULL;
    g_assert_false(limits_allow_file(config, path, size_bytes, &error));
    assert_fault(&error, FAULT_POLICY, message);
}

static void allow(const AppConfig *config, const char *path, guint64 size_bytes)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(limits_allow_file(config, path, size_bytes, &error));
    g_assert_no_error(error);
}

#define HINT "\n'allowed_file_types' in [security] of the app's config names what is"

static void types(void)
{
    g_autoptr(AppConfig) any = config_from("");
    allow(any, "a.exe", G_MAXINT64);
    g_autoptr(AppConfig) config = config_from("[security]\nallowed_file_types = [\".py\", \".toml\", \"\"]\n");
    allow(config, "src/a.py", 0);
    allow(config, "src/a.PY", 0);
    allow(config, "bin/app", 0);
    allow(config, "liftlock.yaml", 0);
    refuse(config, "src/a.yaml", 0, "'src/a.yaml': files of the type '.yaml' are not allowed on this host" HINT);
    refuse(config, "src/liftlock.yaml", 0,
           "'src/liftlock.yaml': files of the type '.yaml' are not allowed on this host" HINT);
    refuse(config, ".env", 0, "'.env': files of the type '.env' are not allowed on this host" HINT);
    refuse(config, "a.py/b.tar.gz", 0, "'a.py/b.tar.gz': files of the type '.gz' are not allowed on this host" HINT);
    g_autoptr(AppConfig) strict = config_from("[security]\nallowed_file_types = [\".py\"]\n");
    refuse(strict, "Makefile", 0, "'Makefile': files without a type are not allowed on this host" HINT);
    refuse(strict, "dir.py/Makefile", 0, "'dir.py/Makefile': files without a type are not allowed on this host" HINT);
}

static void sizes(void)
{
    g_autoptr(AppConfig) config = config_from("[security]\nmax_file_size = \"50MB\"\nmax_release_size = \"1GB\"\n");
    allow(config, "a", 50000000);
    refuse(config, "a", 50000001, "'a' has 50000001 bytes, this host allows 50MB a file");
    HostConfig host = {.max_file_bytes = 1000, .max_release_bytes = G_MAXINT64};
    limits_tighten(&host, config);
    g_assert_cmpint(host.max_file_bytes, ==, 1000);
    g_assert_cmpint(host.max_release_bytes, ==, 1000000000);
    g_autoptr(AppConfig) none = config_from("");
    limits_tighten(&host, none);
    g_assert_cmpint(host.max_file_bytes, ==, 1000);
}

static void privileges(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Manifest) manifest =
        manifest_read(yaml_from("version: 1\nprivileged_files: [scripts/system_config.py, \"sbin/*\"]\n"), "m", &error);
    g_assert_no_error(error);
    g_autoptr(AppConfig) none = config_from("");
    g_autoptr(AppConfig) one = config_from("[security]\nprivileged_files = [\"scripts/*.py\"]\n");
    g_assert_cmpint(limits_privilege(none, manifest, "scripts/system_config.py"), ==, PRIVILEGE_WITHHELD);
    g_assert_cmpint(limits_privilege(none, manifest, "scripts/other.py"), ==, PRIVILEGE_NONE);
    g_assert_cmpint(limits_privilege(one, manifest, "scripts/system_config.py"), ==, PRIVILEGE_GRANTED);
    g_assert_cmpint(limits_privilege(one, manifest, "scripts/other.py"), ==, PRIVILEGE_GRANTED);
    g_assert_cmpint(limits_privilege(one, manifest, "sbin/x"), ==, PRIVILEGE_WITHHELD);
    g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
    limits_note_withheld(one, manifest, notes);
    g_assert_cmpuint(notes->len, ==, 1);
    g_assert_cmpstr(notes->pdata[0], ==,
                    "the privileged 'sbin/*' does not come: 'privileged_files' in [security] of the app's config does "
                    "not name it");
}

static void wrong_config(void)
{
    expect("[security]\nallowed_file_types = [\"py\"]\n",
           "7:22: 'allowed_file_types' must list types such as .py, not 'py'");
    expect("[security]\nallowed_file_types = [\"*.py\"]\n",
           "7:22: 'allowed_file_types' must list types such as .py, not '*.py'");
    expect("[security]\nprivileged_files = [\"/etc/sudoers\"]\n",
           "7:20: the pattern '/etc/sudoers' in 'privileged_files' must not begin with '/': it is relative to the app");
    expect("[security]\nmax_file_size = 0\n",
           "7:17: 'max_file_size' must be a size of at least 1B, such as 10MB or 1GiB, not '0'");
    expect("[environment]\nLD_PRELOAD = \"/tmp/x.so\"\n",
           "6:1: a name below 'environment' must be that of a variable, not of ours (LIFTLOCK_) or of the linker "
           "(LD_), not 'LD_PRELOAD'");
    expect("[environment]\nLIFTLOCK_ROOT = \"/\"\n",
           "6:1: a name below 'environment' must be that of a variable, not of ours (LIFTLOCK_) or of the linker "
           "(LD_), not 'LIFTLOCK_ROOT'");
    expect("[policy]\ngroup = \"two words\"\n", "7:9: 'group' must be a word of at most 64 letters, not 'two words'");
    g_autoptr(AppConfig) good =
        config_from("[environment]\nREGION = \"eu\"\nWORKERS = 4\n[policy]\ngroup = \"canary\"\n");
    g_assert_cmpuint(good->environment->len, ==, 2);
    g_assert_cmpstr(((const KeyPair *)good->environment->pdata[1])->value, ==, "4");
    g_assert_cmpstr(good->policy.group, ==, "canary");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/limits/types of files are allowed or not", types);
    g_test_add_func("/limits/the lower of two sizes holds", sizes);
    g_test_add_func("/limits/privileged files come only if the host names them", privileges);
    g_test_add_func("/limits/wrong values name their place", wrong_config);
    return g_test_run();
}
