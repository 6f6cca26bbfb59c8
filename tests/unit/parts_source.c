/* SPDX-License-Identifier: Apache-2.0 */
/* Sources: a folder that changes under us, and a real nginx. */
#include "base/digest.h"
#include "base/fault.h"
#include "base/fs.h"
#include "loopback.h"
#include "parts/source/http_headers.h"
#include "parts/source/reference.h"
#include "parts/source/source.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct Bench {
    char *dir, *folder; /* folder: what is served */
    HostPlace *host_place;
    Place *place;
    HostConfig *host;
    AppConfig *config;
    Source *source;
    GPid server; /* 0: none */
    guint port;
} Bench;

/* --- files -------------------------------------------------------------------------------------------------- */

static char *in_folder(const Bench *bench, const char *name)
{
    return g_build_filename(bench->folder, name, NULL);
}

static void put(const Bench *bench, const char *name, const char *content, gssize size)
{
    g_autofree char *path = in_folder(bench, name);
    g_assert_true(g_file_set_contents(path, content, size, NULL));
    g_assert_cmpint(g_chmod(path, 0644), ==, 0);
}

/* Bytes that differ from place to place, so that a wrong offset shows. */
static char *pattern(gsize size, guint32 seed)
{
    char *bytes = g_malloc(size);
    for (gsize i = 0; i < size; i++) {
        seed = seed * 1664525 + 1013904223;
        bytes[i] = (char)(seed >> 24);
    }
    return bytes;
}

static char *content_of(int fd)
{
    struct stat st;
    g_assert_cmpint(fstat(fd, &st), ==, 0);
    char *text = g_malloc0((gsize)st.st_size + 1);
    g_assert_cmpint(pread(fd, text, (gsize)st.st_size, 0), ==, st.st_size);
    return text;
}

static void assert_content(int fd, const char *expected)
{
    g_autofree char *text = content_of(fd);
    g_assert_cmpstr(text, ==, expected);
}

/* --- nginx -------------------------------------------------------------------------------------------------- */

static guint free_port(void)
{
    fs_fd int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof address), ==, 0);
    g_assert_cmpint(getsockname(fd, (struct sockaddr *)&address, &size), ==, 0);
    return ntohs(address.sin_port);
}

static gboolean answers(guint port)
{
    fs_fd int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((guint16)port)};
    return connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
}

static void server_start(Bench *bench, const char *slow_rate)
{
    g_autofree char *conf = g_build_filename(bench->dir, "nginx.conf", NULL);
    g_autofree char *text =
        g_strdup_printf("daemon off; master_process off; pid %1$s/nginx.pid; error_log %1$s/error.log;\n"
                        "events { worker_connections 32; }\n"
                        "http { client_body_temp_path %1$s/t1; proxy_temp_path %1$s/t2; fastcgi_temp_path %1$s/t3; "
                        "uwsgi_temp_path %1$s/t4; scgi_temp_path %1$s/t5;\n"
                        "log_format line '$uri $status inm=$http_if_none_match ifr=$http_if_range range=$http_range "
                        "token=$http_x_token';\n"
                        "access_log %1$s/access.log line;\n"
                        "server { listen 127.0.0.1:%2$u; root %3$s;\n"
                        "location /slow/ { limit_rate %4$s; }\n"
                        "location /secret/ { if ($http_x_token != 'open') { return 403; } }\n"
                        "location = /away.bin { return 302 http://localhost:%2$u/elsewhere.bin; } } }\n",
                        bench->dir, bench->port, bench->folder, slow_rate);
    g_assert_true(g_file_set_contents(conf, text, -1, NULL));
    char *argv[] = {(char *)"nginx", (char *)"-e", (char *)"/dev/null", (char *)"-c", conf, NULL};
    g_autoptr(GError) error = NULL;
    g_spawn_async(NULL, argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD, loopback_ends_with_us, NULL,
                  &bench->server, &error);
    g_assert_no_error(error);
    for (int i = 0; i < 3000 && !answers(bench->port); i++)
        g_usleep(10000);
    g_assert_true(answers(bench->port));
}

static void server_stop(Bench *bench, int signal)
{
    if (!bench->server)
        return;
    kill(bench->server, signal);
    waitpid(bench->server, NULL, 0);
    bench->server = 0;
}

/* What the server has logged since the last call. */
static char *server_log(Bench *bench)
{
    g_autofree char *path = g_build_filename(bench->dir, "access.log", NULL);
    char *text = NULL;
    g_usleep(20000); /* it writes the line after the last byte is sent */
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_assert_cmpint(truncate(path, 0), ==, 0);
    return text;
}

/* --- benches ------------------------------------------------------------------------------------------------ */

static void bench_open(Bench *bench, const char *source_toml)
{
    g_autoptr(GError) error = NULL;
    bench->dir = g_dir_make_tmp("liftlock-source-XXXXXX", NULL);
    g_assert_cmpint(g_chmod(bench->dir, 0755), ==, 0);
    bench->folder = g_build_filename(bench->dir, "served", NULL);
    g_assert_cmpint(g_mkdir(bench->folder, 0755), ==, 0);
    bench->host_place = host_place_new(bench->dir);
    bench->place = place_new(bench->host_place, "bookshelf", NULL);
    bench->host = host_config_read(node_new_map(), "liftlock.toml", FALSE, &error);
    g_assert_no_error(error);
    bench->host->max_index_bytes = 4096;
    g_autofree char *text = g_strdup_printf("[source]\n%s\n[trust]\nlevel = \"checksum\"\n", source_toml);
    Node *document = document_parse(DOCUMENT_TOML, text, strlen(text), "bookshelf.toml", FAULT_CONFIG, &error);
    g_assert_no_error(error);
    bench->config = app_config_read(document, "bookshelf", "bookshelf.toml", &error);
    g_assert_no_error(error);
}

static void bench_folder(Bench *bench)
{
    bench_open(bench, "type = \"folder\"\npath = \"/nowhere\"");
    g_autoptr(GError) error = NULL;
    g_free(bench->config->source.path);
    bench->config->source.path = g_strdup(bench->folder);
    bench->source = source_open(bench->config, bench->host, bench->place, &error);
    g_assert_no_error(error);
}

static void bench_http(Bench *bench)
{
    bench->port = free_port();
    g_autofree char *toml = g_strdup_printf("type = \"http\"\nurl = \"http://127.0.0.1:%u/\"", bench->port);
    bench_open(bench, toml);
    server_start(bench, "400k");
    g_autoptr(GError) error = NULL;
    bench->source = source_open(bench->config, bench->host, bench->place, &error);
    g_assert_no_error(error);
}

static void bench_close(Bench *bench)
{
    server_stop(bench, SIGTERM);
    source_free(bench->source);
    app_config_free(bench->config);
    host_config_free(bench->host);
    place_free(bench->place);
    host_place_free(bench->host_place);
    fs_fd int parent = fs_open_dir("/", NULL);
    g_assert_true(fs_remove_tree(parent, bench->dir + 1, NULL));
    g_free(bench->dir);
    g_free(bench->folder);
    *bench = (Bench){0};
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Bench, bench_close)

static void assert_index(Bench *bench, const char *content, const char *signature, gboolean not_modified)
{
    g_autoptr(GError) error = NULL;
    SourceBytes index, sig;
    gboolean good = source_index(bench->source, TRUE, &index, &sig, &error);
    g_assert_no_error(error);
    g_assert_true(good);
    assert_content(index.fd, content);
    g_assert_cmpint(index.not_modified, ==, not_modified);
    g_assert_cmpint(sig.fd >= 0, ==, signature != NULL);
    if (signature)
        assert_content(sig.fd, signature);
    source_bytes_clear(&index);
    source_bytes_clear(&sig);
}

/* `expected` has the bench's folder as %s, or its port as %u. */
static void assert_message(GError *error, int code, char *expected)
{
    g_assert_error(error, FAULT, code);
    g_assert_cmpstr(error->message, ==, expected);
    g_free(expected);
}

static void assert_no_index(Bench *bench, int code, char *expected)
{
    g_autoptr(GError) error = NULL;
    SourceBytes index, sig;
    g_assert_false(source_index(bench->source, TRUE, &index, &sig, &error));
    assert_message(error, code, expected);
    g_assert_cmpint(index.fd, ==, -1);
    g_assert_cmpint(sig.fd, ==, -1);
}

static void assert_no_fetch(Bench *bench, const char *url, guint64 limit, int code, char *expected)
{
    g_autoptr(GError) error = NULL;
    fs_fd int fd = memfd_create("output", MFD_CLOEXEC);
    g_assert_false(source_fetch(bench->source, url, limit, fd, NULL, NULL, &error));
    assert_message(error, code, expected);
}

/* --- folder ------------------------------------------------------------------------------------------------- */

static void test_folder(void)
{
    g_auto(Bench) bench = {0};
    bench_folder(&bench);
    put(&bench, "releases.json", "{}", -1);
    assert_index(&bench, "{}", NULL, FALSE);
    put(&bench, "releases.json.minisig", "signed", -1);
    assert_index(&bench, "{}", "signed", FALSE);

    g_autoptr(GError) error = NULL;
    put(&bench, "a.tar.gz", "archive", -1);
    g_autofree char *path = in_folder(&bench, "a.tar.gz"), *url = source_resolve(bench.source, "./a.tar.gz", &error);
    g_assert_cmpstr(url, ==, path);
    fs_fd int fd = memfd_create("output", MFD_CLOEXEC);
    g_assert_cmpint(write(fd, "something longer that was here", 30), ==, 30);
    g_assert_true(source_fetch(bench.source, url, 7, fd, NULL, NULL, &error));
    g_assert_no_error(error);
    assert_content(fd, "archive");
}

/* The bytes that are verified are the bytes that are parsed, whatever the folder's owner does in between. */
static void test_folder_is_copied(void)
{
    g_auto(Bench) bench = {0};
    bench_folder(&bench);
    put(&bench, "releases.json", "good", -1);
    SourceBytes index, sig;
    g_assert_true(source_index(bench.source, FALSE, &index, &sig, NULL));
    g_autofree char *path = in_folder(&bench, "releases.json");
    fs_fd int fd = open(path, O_WRONLY | O_CLOEXEC);
    g_assert_cmpint(pwrite(fd, "evil", 4, 0), ==, 4);
    assert_content(index.fd, "good");
    source_bytes_clear(&index);
    source_bytes_clear(&sig);
}

static void test_folder_bad(void)
{
    g_auto(Bench) bench = {0};
    bench_folder(&bench);
    const char *dir = bench.folder;
    assert_no_index(
        &bench, FAULT_SOURCE,
        g_strdup_printf("%s holds no releases.json\n'liftlock release http TREE --out %s' makes one", dir, dir));
    g_autofree char *large = g_strnfill(4097, ' ');
    put(&bench, "releases.json", large, -1);
    assert_no_index(&bench, FAULT_SOURCE, g_strdup_printf("%s: 'releases.json' is larger than 4096 bytes", dir));
    large[4096] = '\0';
    put(&bench, "releases.json", large, -1);
    assert_index(&bench, large, NULL, FALSE);

    g_autofree char *index = in_folder(&bench, "releases.json"), *fifo = in_folder(&bench, "fifo"),
                    *link = in_folder(&bench, "link");
    g_assert_cmpint(unlink(index), ==, 0);
    g_assert_cmpint(symlink("/etc/passwd", index), ==, 0);
    assert_no_index(&bench, FAULT_SOURCE,
                    g_strdup_printf("%s: cannot open 'releases.json': a symbolic link is in the way", dir));
    g_assert_cmpint(mkfifo(fifo, 0600), ==, 0);
    assert_no_fetch(&bench, fifo, 100, FAULT_SOURCE, g_strdup_printf("%s is not a regular file", fifo));
    g_assert_cmpint(symlink("/etc/passwd", link), ==, 0);
    assert_no_fetch(&bench, link, 10000, FAULT_SOURCE,
                    g_strdup_printf("%s: cannot open 'link': a symbolic link is in the way", dir));
    assert_no_fetch(&bench, "/etc/passwd", 10000, FAULT_SOURCE,
                    g_strdup("/etc/passwd lies outside the source's folder"));
    put(&bench, "b", "12345678", -1);
    g_autofree char *b = in_folder(&bench, "b");
    assert_no_fetch(&bench, b, 7, FAULT_VERIFY, g_strdup_printf("fetch %s: more than 7 bytes", b));
}

static void test_folder_gone(void)
{
    g_auto(Bench) bench = {0};
    bench_folder(&bench);
    g_assert_cmpint(g_rmdir(bench.folder), ==, 0);
    assert_no_index(&bench, FAULT_NETWORK,
                    g_strdup_printf("cannot reach the folder %s: no such file or directory", bench.folder));
}

static void test_folder_resolve(void)
{
    static const char *const bad[] = {"",  "/etc/passwd", "../a",       "a/../../b", "a//b", "a/",
                                      ".", "a\nb",        "http://x/a", "a\\..\\b",  "..",   "a/.."};
    g_auto(Bench) bench = {0};
    bench_folder(&bench);
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *quoted = schema_quote(bad[i]);
        g_assert_null(source_resolve(bench.source, bad[i], &error));
        assert_message(error, FAULT_SOURCE,
                       g_strdup_printf("%s names %s, which is no path below it", bench.folder, quoted));
    }
}

/* --- addresses and headers ---------------------------------------------------------------------------------- */

static void test_join(void)
{
    static const struct {
        const char *base, *reference, *expected;
    } rows[] = {
        {"https://h/releases.json", "a-1.tar.zst", "https://h/a-1.tar.zst"},
        {"https://h/x/releases.json", "a-1.tar.zst", "https://h/x/a-1.tar.zst"},
        {"https://h/x/releases.json", "./d/a-1.tar.zst?t=1/../2", "https://h/x/d/a-1.tar.zst?t=1/../2"},
        {"https://h/x/y/releases.json", "../a", "https://h/x/a"},
        {"https://h:8443/x/releases.json", "/a", "https://h:8443/a"},
        {"https://h/x/releases.json", "https://cdn.example.org/a", "https://cdn.example.org/a"},
        {"http://h/x/releases.json", "https://h/a", "https://h/a"},
        {"https://h/x/releases.json", "./a%2fb:c", "https://h/x/a%2fb:c"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *joined = reference_join(rows[i].base, rows[i].reference, &error);
        g_assert_no_error(error);
        g_assert_cmpstr(joined, ==, rows[i].expected);
    }
}

static void test_join_refuses(void)
{
    static const struct {
        const char *base, *reference, *expected;
    } rows[] = {
        {"https://h/r.json", "http://h/a", "the index names 'http://h/a', which would give up https"},
        {"https://h/r.json", "file:///etc/passwd",
         "the index names 'file:///etc/passwd', but only http and https are fetched"},
        {"https://h/r.json", "ftp:a", "the index names 'ftp:a', but only http and https are fetched"},
        {"https://h/r.json", "https://u:p@h/a",
         "the index names 'https://u:p@h/a', which is no plain address of a file"},
        {"https://h/r.json", "https:a", "the index names 'https:a', but only http and https are fetched"},
        {"https://h/r.json", "//evil/a", "the index names '//evil/a', another host without saying how it is reached"},
        {"https://h/x/r.json", "../../a", "the index names '../../a', which leads above the root of its host"},
        {"https://h/r.json", "/../a", "the index names '/../a', which leads above the root of its host"},
        {"https://h/r.json", "", "the index names '', which is no plain address of a file"},
        {"https://h/r.json", "?a", "the index names '?a', which is no plain address of a file"},
        {"https://h/r.json", "a b", "the index names 'a b', which is no plain address of a file"},
        {"https://h/r.json", "a#b", "the index names 'a#b', which is no plain address of a file"},
        {"https://h/r.json", "\\\\evil\\a", "the index names '\\\\evil\\a', which is no plain address of a file"},
        {"https://h/r.json", "a\r\nX: y", "the index names 'a\\x0d\\x0aX: y', which is no plain address of a file"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(reference_join(rows[i].base, rows[i].reference, &error));
        assert_message(error, FAULT_SOURCE, g_strdup(rows[i].expected));
    }
}

static void test_same_place(void)
{
    g_assert_true(reference_same_place("https://H.example/a", "https://h.example:443/b"));
    g_assert_true(reference_same_place("http://h:80/a", "HTTP://h/b"));
    g_assert_false(reference_same_place("https://h/a", "http://h/a"));
    g_assert_false(reference_same_place("https://h/a", "https://h:8443/a"));
    g_assert_false(reference_same_place("https://h/a", "https://h.evil/a"));
    g_assert_false(reference_same_place("https://h", "https://h2"));
}

static void assert_headers(const char *path, mode_t mode, const char *content, gssize size, char *expected)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) headers = g_ptr_array_new_with_free_func(g_free);
    g_assert_true(g_file_set_contents(path, content, size, NULL));
    g_assert_cmpint(g_chmod(path, mode), ==, 0);
    gboolean good = http_headers_read(NULL, path, headers, &error);
    g_assert_cmpint(good, ==, expected == NULL);
    if (expected)
        assert_message(error, FAULT_CONFIG, expected);
}

static void test_headers_file(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *dir = g_dir_make_tmp("liftlock-headers-XXXXXX", NULL),
                    *path = g_build_filename(dir, "token", NULL);
    assert_headers(path, 0600, "X-Token: secret\n", -1, NULL);
    assert_headers(path, 0640, "# comment\n\nX-Token: secret\r\nX-Other: b", -1, NULL);
    assert_headers(path, 0644, "X-Token: s\n", -1,
                   g_strdup_printf("%s may be read or changed by others\nchmod 600 %s", path, path));
    assert_headers(path, 0620, "X-Token: s\n", -1,
                   g_strdup_printf("%s may be read or changed by others\nchmod 600 %s", path, path));
    assert_headers(path, 0600, "\nsecret\n", -1, g_strdup_printf("%s:2: not a header of the form 'Name: value'", path));
    assert_headers(path, 0600, "X-Token:\n", -1, g_strdup_printf("%s:1: not a header of the form 'Name: value'", path));
    assert_headers(path, 0600, "Host: evil\n", -1,
                   g_strdup_printf("%s:1: not a header of the form 'Name: value'", path));
    assert_headers(path, 0600, "X-T: a\rX: b\n", -1,
                   g_strdup_printf("%s:1: not a header of the form 'Name: value'", path));
    assert_headers(path, 0600, "X-T: a\0b\n", 9, g_strdup_printf("%s is too large, or no text", path));
    g_autofree char *large = g_strnfill(64 * 1024 + 1, '\n');
    assert_headers(path, 0600, large, -1, g_strdup_printf("%s is too large, or no text", path));
    g_assert_cmpint(g_remove(path), ==, 0);
    g_autoptr(GPtrArray) headers = g_ptr_array_new();
    g_assert_false(http_headers_read(NULL, path, headers, &error));
    assert_message(error, FAULT_CONFIG, g_strdup_printf("cannot read %s: no such file or directory", path));
    g_assert_cmpint(g_rmdir(dir), ==, 0);
}

static void test_open_refuses(void)
{
    g_auto(Bench) bench = {0};
    bench_open(&bench, "type = \"http\"\nurl = \"https://h/?token=x\"");
    g_autoptr(GError) error = NULL;
    g_assert_null(source_open(bench.config, bench.host, bench.place, &error));
    assert_message(error, FAULT_CONFIG,
                   g_strdup("bookshelf: the source's address must not hold '?' or '#'\na token belongs into a file "
                            "named in 'headers_file'"));
    g_clear_error(&error);
    g_free(bench.config->source.type);
    bench.config->source.type = g_strdup("ftp");
    g_assert_null(source_open(bench.config, bench.host, bench.place, &error));
    assert_message(error, FAULT_CONFIG,
                   g_strdup("bookshelf: sources of type 'ftp' are not known to this liftlock\nit knows these: "
                            "folder, http, https, git, sftp, repository"));
}

/* --- http --------------------------------------------------------------------------------------------------- */

static void test_http_etag(void)
{
    g_auto(Bench) bench = {0};
    bench_http(&bench);
    put(&bench, "releases.json", "{\"a\": 1}", -1);
    put(&bench, "releases.json.minisig", "signed", -1);
    assert_index(&bench, "{\"a\": 1}", "signed", FALSE);
    g_autofree char *first = server_log(&bench);
    g_assert_cmpstr(
        first, ==,
        "/releases.json 200 inm=- ifr=- range=- token=-\n/releases.json.minisig 200 inm=- ifr=- range=- token=-\n");
    assert_index(&bench, "{\"a\": 1}", "signed", TRUE);
    g_autofree char *second = server_log(&bench);
    g_assert_true(g_str_has_prefix(second, "/releases.json 304 inm=\\x22"));

    put(&bench, "releases.json", "{\"a\": 22}", -1);
    assert_index(&bench, "{\"a\": 22}", "signed", FALSE);
    assert_index(&bench, "{\"a\": 22}", "signed", TRUE);
}

static void test_http_damaged_cache(void)
{
    g_auto(Bench) bench = {0};
    bench_http(&bench);
    put(&bench, "releases.json", "{\"a\": 1}", -1);
    assert_index(&bench, "{\"a\": 1}", NULL, FALSE);
    g_autofree char *cached = g_build_filename(bench.place->cache, "index.json", NULL);
    g_assert_true(g_file_set_contents(cached, "{\"a\": 9}", -1, NULL));
    assert_index(&bench, "{\"a\": 1}", NULL, FALSE);
    assert_index(&bench, "{\"a\": 1}", NULL, TRUE);
}

/* The cache saves a transfer; it does not stand in for a server that is away. */
static void test_http_unreachable(void)
{
    g_auto(Bench) bench = {0};
    bench_http(&bench);
    put(&bench, "releases.json", "{}", -1);
    assert_index(&bench, "{}", NULL, FALSE);
    server_stop(&bench, SIGTERM);
    assert_no_index(&bench, FAULT_NETWORK,
                    g_strdup_printf("cannot reach 127.0.0.1:%u: connection refused", bench.port));
}

static void test_http_bad(void)
{
    g_auto(Bench) bench = {0};
    bench_http(&bench);
    guint port = bench.port;
    assert_no_index(&bench, FAULT_SOURCE, g_strdup_printf("fetch http://127.0.0.1:%u/releases.json: HTTP 404", port));
    g_autofree char *large = g_strnfill(4097, ' ');
    put(&bench, "releases.json", large, -1);
    assert_no_index(&bench, FAULT_VERIFY,
                    g_strdup_printf("fetch http://127.0.0.1:%u/releases.json: more than 4096 bytes", port));
    put(&bench, "releases.json", "{}", -1);
    g_autofree char *long_signature = g_strnfill(16385, 'x');
    put(&bench, "releases.json.minisig", long_signature, -1);
    assert_no_index(&bench, FAULT_VERIFY,
                    g_strdup_printf("fetch http://127.0.0.1:%u/releases.json.minisig: more than 16384 bytes", port));
    put(&bench, "releases.json.minisig", "signed", -1);
    assert_index(&bench, "{}", "signed", TRUE);

    put(&bench, "a.bin", "12345678", -1);
    g_autofree char *url = source_resolve(bench.source, "a.bin", NULL);
    assert_no_fetch(&bench, url, 7, FAULT_VERIFY,
                    g_strdup_printf("fetch http://127.0.0.1:%u/a.bin: more than 7 bytes", port));
}

static void test_http_headers_stay_home(void)
{
    g_auto(Bench) bench = {0};
    bench_http(&bench);
    g_autoptr(GError) error = NULL;
    g_autofree char *token = g_build_filename(bench.dir, "token", NULL);
    g_assert_true(g_file_set_contents(token, "X-Token: open\n", -1, NULL));
    g_assert_cmpint(g_chmod(token, 0600), ==, 0);
    g_ptr_array_add(bench.config->source.headers_file, g_strdup(token));
    put(&bench, "elsewhere.bin", "elsewhere", -1);
    put(&bench, "releases.json", "{}", -1);
    assert_index(&bench, "{}", NULL, FALSE);
    fs_fd int fd = memfd_create("output", MFD_CLOEXEC);
    /* The same server by another name is another place, asked for outright or by a redirect. */
    g_autofree char *other = g_strdup_printf("http://localhost:%u/elsewhere.bin", bench.port),
                    *away = source_resolve(bench.source, "away.bin", NULL);
    g_assert_true(source_fetch(bench.source, other, 100, fd, NULL, NULL, &error));
    g_assert_no_error(error);
    g_assert_true(source_fetch(bench.source, away, 100, fd, NULL, NULL, &error));
    g_assert_no_error(error);
    assert_content(fd, "elsewhere");
    g_autofree char *log = server_log(&bench);
    g_assert_cmpstr(
        log, ==,
        "/releases.json 200 inm=- ifr=- range=- token=open\n/releases.json.minisig 404 inm=- ifr=- range=- token=open\n"
        "/elsewhere.bin 200 inm=- ifr=- range=- token=-\n"
        "/away.bin 302 inm=- ifr=- range=- token=open\n/elsewhere.bin 200 inm=- ifr=- range=- token=-\n");
}

/* --- resuming ----------------------------------------------------------------------------------------------- */

#define LARGE (2 * 1024 * 1024)

typedef struct Cut {
    Bench *bench;
    guint64 at;
} Cut;

static void cut_server(guint64 done, guint64 total, gpointer data)
{
    Cut *cut = data;
    if (done >= cut->at)
        server_stop(cut->bench, SIGKILL);
}

static int cut_transfer(Bench *bench, const char *url)
{
    g_autoptr(GError) error = NULL;
    int fd = memfd_create("output", MFD_CLOEXEC);
    Cut cut = {bench, 1};
    g_assert_false(source_fetch(bench->source, url, LARGE, fd, cut_server, &cut, &error));
    g_assert_error(error, FAULT, FAULT_NETWORK);
    struct stat st;
    g_assert_cmpint(fstat(fd, &st), ==, 0);
    g_assert_cmpint(st.st_size, >, 0);
    g_assert_cmpint(st.st_size, <, LARGE);
    server_start(bench, "0");
    g_free(server_log(bench));
    return fd;
}

static void assert_whole(Bench *bench, const char *url, int fd, const char *content)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(source_fetch(bench->source, url, LARGE, fd, NULL, NULL, &error));
    g_assert_no_error(error);
    g_autofree char *expected = digest_bytes(content, LARGE), *digest = digest_fd(fd, NULL, NULL);
    g_assert_cmpstr(digest, ==, expected);
}

static void put_large(Bench *bench, const char *content)
{
    g_autofree char *slow = in_folder(bench, "slow");
    g_mkdir(slow, 0755);
    put(bench, "slow/a.bin", content, LARGE);
}

static void test_http_resume(void)
{
    g_auto(Bench) bench = {0};
    bench_http(&bench);
    g_autofree char *content = pattern(LARGE, 1), *url = source_resolve(bench.source, "slow/a.bin", NULL);
    put_large(&bench, content);
    fs_fd int fd = cut_transfer(&bench, url);
    struct stat st;
    g_assert_cmpint(fstat(fd, &st), ==, 0);
    g_autofree char *range = g_strdup_printf(" range=bytes=%" G_GINT64_FORMAT "- ", (gint64)st.st_size);
    assert_whole(&bench, url, fd, content);
    g_autofree char *log = server_log(&bench);
    g_assert_true(g_str_has_prefix(log, "/slow/a.bin 206 inm=- ifr=\\x22"));
    g_assert_nonnull(strstr(log, range));
    /* What is whole leaves no note behind. */
    g_autoptr(GDir) dir = g_dir_open(bench.place->cache, 0, NULL);
    const char *name;
    while ((name = g_dir_read_name(dir)))
        g_assert_false(g_str_has_prefix(name, "part-"));
}

static void test_http_changed_meanwhile(void)
{
    g_auto(Bench) bench = {0};
    bench_http(&bench);
    g_autofree char *content = pattern(LARGE, 1), *other = pattern(LARGE, 2),
                    *url = source_resolve(bench.source, "slow/a.bin", NULL);
    put_large(&bench, content);
    fs_fd int fd = cut_transfer(&bench, url);
    put_large(&bench, other);
    g_autofree char *path = in_folder(&bench, "slow/a.bin");
    const struct timespec times[2] = {{.tv_sec = 1000000}, {.tv_sec = 1000000}};
    g_assert_cmpint(utimensat(AT_FDCWD, path, times, 0), ==, 0); /* nginx makes its ETag of time and size */
    assert_whole(&bench, url, fd, other);
    g_autofree char *log = server_log(&bench);
    g_assert_true(g_str_has_prefix(log, "/slow/a.bin 200 inm=- ifr=\\x22"));
}

/* A first part of which nobody knows the ETag is worth nothing. */
static void test_http_unknown_part(void)
{
    g_auto(Bench) bench = {0};
    bench_http(&bench);
    g_autofree char *content = pattern(LARGE, 1);
    put(&bench, "a.bin", content, LARGE);
    g_autofree char *url = source_resolve(bench.source, "a.bin", NULL);
    fs_fd int fd = memfd_create("output", MFD_CLOEXEC);
    g_assert_cmpint(write(fd, "other bytes", 11), ==, 11);
    assert_whole(&bench, url, fd, content);
    g_autofree char *log = server_log(&bench);
    g_assert_cmpstr(log, ==, "/a.bin 200 inm=- ifr=- range=- token=-\n");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/source/folder/index, signature and archive are copied out", test_folder);
    g_test_add_func("/source/folder/what was read does not change any more", test_folder_is_copied);
    g_test_add_func("/source/folder/links, pipes and large files are refused", test_folder_bad);
    g_test_add_func("/source/folder/a missing folder cannot be reached", test_folder_gone);
    g_test_add_func("/source/folder/references stay inside", test_folder_resolve);
    g_test_add_func("/source/references are joined", test_join);
    g_test_add_func("/source/references that lead astray are refused", test_join_refuses);
    g_test_add_func("/source/places are told apart", test_same_place);
    g_test_add_func("/source/header files are private and well formed", test_headers_file);
    g_test_add_func("/source/what has no driver or a query is refused", test_open_refuses);
    g_test_add_func("/source/http/an unchanged index is not sent again", test_http_etag);
    g_test_add_func("/source/http/a damaged cache is not used", test_http_damaged_cache);
    g_test_add_func("/source/http/the cache does not replace the server", test_http_unreachable);
    g_test_add_func("/source/http/missing and large files are refused", test_http_bad);
    g_test_add_func("/source/http/headers go to the source alone", test_http_headers_stay_home);
    g_test_add_func("/source/http/a cut transfer is continued", test_http_resume);
    g_test_add_func("/source/http/a file that changed is fetched anew", test_http_changed_meanwhile);
    g_test_add_func("/source/http/a first part of unknown origin is dropped", test_http_unknown_part);
    return g_test_run();
}
