/* SPDX-License-Identifier: Apache-2.0 */
/* What sources without an index rest on: secrets, digests, forges' answers, and the memory of what was seen. */
#include "base/fault.h"
#include "model/config.h"
#include "parts/source/checksum.h"
#include "parts/source/forge.h"
#include "parts/source/secret.h"
#include "parts/source/seen.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

typedef struct Bench {
    char *dir;
    HostPlace *host;
    Place *place;
} Bench;

static void bench_open(Bench *bench)
{
    bench->dir = g_dir_make_tmp("kept-XXXXXX", NULL);
    bench->host = host_place_new(bench->dir);
    bench->place = place_new(bench->host, "bookshelf", NULL);
}

static void bench_close(Bench *bench)
{
    const char *const argv[] = {"rm", "-rf", bench->dir, NULL};
    g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL);
    place_free(bench->place);
    host_place_free(bench->host);
    g_free(bench->dir);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Bench, bench_close)

static char *put(const Bench *bench, const char *path, const char *text, int mode)
{
    char *whole = g_build_filename(bench->dir, path, NULL);
    g_autofree char *folder = g_path_get_dirname(whole);
    g_assert_cmpint(g_mkdir_with_parents(folder, 0755), ==, 0);
    g_assert_true(g_file_set_contents(whole, text, -1, NULL));
    g_assert_cmpint(g_chmod(whole, mode), ==, 0);
    return whole;
}

static void assert_fault(GError **error, int code, char *message)
{
    g_assert_error(*error, FAULT, code);
    g_assert_cmpstr((*error)->message, ==, message);
    g_clear_error(error);
    g_free(message);
}

static void secrets(void)
{
    g_auto(Bench) bench = {0};
    bench_open(&bench);
    g_autoptr(GError) error = NULL;
    g_autofree char *token = put(&bench, "token", "  abc\n", 0600), *open = put(&bench, "open", "abc", 0644);
    g_autofree char *two = put(&bench, "two", "a\nb\n", 0600);
    g_free(put(&bench, "etc/credstore/name", "of etc", 0600));
    char *line = secret_line(bench.place, token, &error);
    g_assert_cmpstr(line, ==, "abc");
    secret_free(line);
    g_assert_null(secret_line(bench.place, open, &error));
    assert_fault(&error, FAULT_CONFIG,
                 g_strdup_printf("%s may be read or changed by others\nchmod 600 %s", open, open));
    g_assert_null(secret_line(bench.place, two, &error));
    assert_fault(&error, FAULT_CONFIG, g_strdup_printf("%s is not one line of text", two));
    line = secret_line(bench.place, "credential:name", &error);
    g_assert_cmpstr(line, ==, "of etc");
    secret_free(line);
    g_free(put(&bench, "run/credstore/name", "of run", 0600));
    line = secret_line(bench.place, "credential:name", &error);
    g_assert_cmpstr(line, ==, "of run");
    secret_free(line);
    g_assert_null(secret_line(bench.place, "credential:none", &error));
    assert_fault(
        &error, FAULT_CONFIG,
        g_strdup_printf("there is no credential 'none'\nput it into %s/etc/credstore/none, or encrypt it there "
                        "with systemd-creds(1)",
                        bench.dir));
}

static char *keygen(const Bench *bench, const char *name, const char *type, const char *passphrase)
{
    char *path = g_build_filename(bench->dir, name, NULL);
    const char *const argv[] = {"ssh-keygen", "-q", "-t", type, "-N", passphrase, "-f", path, NULL};
    int status = -1;
    g_assert_true(g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, &status, NULL));
    g_assert_cmpint(status, ==, 0);
    return path;
}

static void ssh_keys(void)
{
    static const char hint[] = "\n'ssh-keygen -t ed25519 -N \"\" -f FILE' makes one";
    g_auto(Bench) bench = {0};
    bench_open(&bench);
    g_autoptr(GError) error = NULL;
    g_autofree char *good = keygen(&bench, "good", "ed25519", ""), *rsa = keygen(&bench, "rsa", "rsa", "");
    g_autofree char *locked = keygen(&bench, "locked", "ed25519", "passphrase");
    g_autofree char *none = put(&bench, "none", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n", 0600);
    char *key = secret_ssh_key(bench.place, good, &error);
    g_assert_nonnull(key);
    secret_free(key);
    g_assert_null(secret_ssh_key(bench.place, rsa, &error));
    assert_fault(&error, FAULT_CONFIG, g_strdup_printf("%s is an RSA key, which sources do not take%s", rsa, hint));
    g_assert_null(secret_ssh_key(bench.place, locked, &error));
    assert_fault(&error, FAULT_CONFIG,
                 g_strdup_printf("%s needs a passphrase, which nobody is there to type%s", locked, hint));
    g_assert_null(secret_ssh_key(bench.place, none, &error));
    assert_fault(&error, FAULT_CONFIG, g_strdup_printf("%s is no private ssh key%s", none, hint));
}

static void memory(void)
{
    g_auto(Bench) bench = {0};
    bench_open(&bench);
    g_autoptr(GError) error = NULL;
    {
        g_autoptr(Seen) seen = seen_open(bench.place, &error);
        g_assert_true(seen_check(seen, "bookshelf", "1.0.0", "commit a", 86400, &error));
        g_assert_true(seen_check(seen, "bookshelf", "1.0.0", "commit b", 86400, &error)); /* not installed yet */
        g_assert_true(seen_save(seen, &error));
    }
    g_free(put(&bench, "etc/liftlock/apps/bookshelf.toml", "", 0600));
    {
        g_autoptr(Seen) seen = seen_open(bench.place, &error);
        g_assert_true(seen_check(seen, "bookshelf", "v1.0.0", "commit b", 864000, &error));
        g_assert_false(seen_check(seen, "bookshelf", "1.0.0", "commit c", 864000, &error));
        assert_fault(
            &error, FAULT_VERIFY,
            g_strdup("bookshelf: the source has another release under the same version 1.0.0: commit c, since "
                     "1970-01-02 commit b\na version that was published does not change; if the publisher says "
                     "that it did, 'liftlock allow bookshelf 1.0.0' takes it"));
    }
    gboolean had = FALSE;
    g_assert_true(seen_forget(bench.place, "1.0.0", &had, &error) && had);
    g_autoptr(Seen) seen = seen_open(bench.place, &error);
    g_assert_true(seen_check(seen, "bookshelf", "1.0.0", "commit c", 864000, &error));
    g_autofree char *damaged = put(&bench, "var/lib/liftlock/bookshelf/trust/seen", "no [ key file", 0600);
    g_assert_null(seen_open(bench.place, &error));
    assert_fault(&error, FAULT_STATE, g_strdup_printf("%s is damaged", damaged));
}

static void digests(void)
{
    static const char *const good[] = {
        DIGEST, DIGEST "  app.tar.gz\n", "x\n" DIGEST " *./dist/app.tar.gz\r\n",
        "0000000000000000000000000000000000000000000000000000000000000000  other\n" DIGEST "  app.tar.gz"};
    static const char *const bad[] = {"", "0123", DIGEST "x  app.tar.gz", DIGEST "  other.tar.gz"};
    for (gsize i = 0; i < G_N_ELEMENTS(good); i++) {
        g_autofree char *digest = checksum_parse(good[i], "SUMS", "app.tar.gz", NULL);
        g_assert_cmpstr(digest, ==, DIGEST);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(checksum_parse(bad[i], "SUMS", "app.tar.gz", &error));
        assert_fault(&error, FAULT_SOURCE, g_strdup("SUMS gives no SHA-256 of app.tar.gz"));
    }
}

static gboolean read_forge(const char *json, ForgeRelease *release, GError **error)
{
    g_autoptr(Node) node = document_parse(DOCUMENT_JSON, json, strlen(json), "latest", FAULT_SOURCE, error);
    g_assert_nonnull(node);
    return forge_read(node, "latest", "v*", "app-*.tar.gz", release, error);
}

static void forges(void)
{
    g_auto(ForgeRelease) release = {.size_bytes = 0};
    g_autoptr(GError) error = NULL;
    static const char good[] =
        "{\"tag_name\": \"v1.2.3\", \"assets\": [{\"name\": \"app-1.tar.gz\", \"size\": 5, "
        "\"digest\": \"sha256:" DIGEST "\", \"browser_download_url\": \"https://h/app-1.tar.gz\"}, "
        "{\"name\": \"app-1.tar.gz.minisig\", \"browser_download_url\": \"https://h/s\"}]}";
    g_assert_true(read_forge(good, &release, &error));
    g_assert_cmpstr(release.version, ==, "1.2.3");
    g_assert_cmpstr(release.sha256, ==, DIGEST);
    g_assert_cmpstr(release.signature, ==, "https://h/s");
    g_assert_cmpint(release.size_bytes, ==, 5);
    static const struct {
        const char *json, *message;
    } bad[] = {
        {"[]", "latest is no release of a forge"},
        {"{\"message\": \"Not Found\"}", "latest is no release of a forge"},
        {"{\"tag_name\": \"v1.0\", \"draft\": true}", "latest: the release is a draft"},
        {"{\"tag_name\": \"nightly\"}", "latest: the tag 'nightly' is no version"},
        {"{\"tag_name\": \"v1.0\", \"assets\": 5}", "latest: no asset is called 'app-*.tar.gz'"},
        {"{\"tag_name\": \"v1.0\", \"assets\": [{\"name\": \"app-1.tar.gz\"}, {\"name\": \"app-2.tar.gz\"}]}",
         "latest: more than one asset is called 'app-*.tar.gz'"},
        {"{\"tag_name\": \"v1.0\", \"assets\": [{\"name\": \"app-1.tar.gz\", \"browser_download_url\": "
         "\"file:///x\"}]}",
         "latest: the asset has no http or https address"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_auto(ForgeRelease) none = {.size_bytes = 0};
        g_assert_false(read_forge(bad[i].json, &none, &error));
        assert_fault(&error, FAULT_SOURCE, g_strdup(bad[i].message));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/kept/a secret is private, and found in the credential store", secrets);
    g_test_add_func("/kept/a key for ssh is not of RSA and has no passphrase", ssh_keys);
    g_test_add_func("/kept/a version that was another release is refused", memory);
    g_test_add_func("/kept/a digest is read as sha256sum writes it", digests);
    g_test_add_func("/kept/a forge's latest release is read", forges);
    return g_test_run();
}
