/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of a large file: out of a folder, and of a repository on a real nginx, over HTTP/1.1 and HTTP/2. What servers
 * may get wrong: tests/property/test_ranges.py. */
#include "base/fault.h"
#include "base/fs.h"
#include "loopback.h"
#include "parts/source/source.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define PACK_BYTES (8 * 1024 * 1024)
#define FILLED 0xAA /* what lies in the output before */

typedef struct Bench {
    char *dir, *folder; /* folder: what is served */
    char *pack;         /* content of FOLDER/app.pack */
    HostPlace *host_place;
    Place *place;
    HostConfig *host;
    AppConfig *config;
    Source *source;
    GPid server; /* 0: none */
    guint port, secure_port;
} Bench;

/* --- the bench ---------------------------------------------------------------------------------------------- */

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

/* Lays the pack anew under its name: another file with another time. */
static void put_pack(Bench *bench, guint32 seed, time_t time_s)
{
    g_autofree char *path = g_build_filename(bench->folder, "app.pack", NULL),
                    *new = g_build_filename(bench->folder, "new", NULL);
    g_free(bench->pack);
    bench->pack = pattern(PACK_BYTES, seed);
    g_assert_true(g_file_set_contents(new, bench->pack, PACK_BYTES, NULL));
    const struct timespec times[2] = {{.tv_sec = time_s}, {.tv_sec = time_s}};
    g_assert_cmpint(utimensat(AT_FDCWD, new, times, 0), ==, 0);
    g_assert_cmpint(chmod(new, 0644), ==, 0);
    g_assert_cmpint(rename(new, path), ==, 0);
}

static void bench_make(Bench *bench)
{
    bench->dir = g_dir_make_tmp("liftlock-ranges-XXXXXX", NULL);
    g_assert_cmpint(chmod(bench->dir, 0755), ==, 0);
    bench->folder = g_build_filename(bench->dir, "served", NULL);
    g_assert_cmpint(g_mkdir(bench->folder, 0755), ==, 0);
    put_pack(bench, 1, 1000000);
}

static void bench_open(Bench *bench, const char *source_toml)
{
    g_autoptr(GError) error = NULL;
    bench->host_place = host_place_new(bench->dir);
    bench->place = place_new(bench->host_place, "bookshelf", NULL);
    bench->host = host_config_read(node_new_map(), "liftlock.toml", FALSE, &error);
    g_assert_no_error(error);
    g_autofree char *text = g_strdup_printf("[source]\n%s\n", source_toml);
    Node *document = document_parse(DOCUMENT_TOML, text, strlen(text), "bookshelf.toml", FAULT_CONFIG, &error);
    g_assert_no_error(error);
    bench->config = app_config_read(document, "bookshelf", "bookshelf.toml", &error);
    g_assert_no_error(error);
    bench->source = source_open(bench->config, bench->host, bench->place, &error);
    g_assert_no_error(error);
}

static void bench_folder(Bench *bench, const char *type, const char *level)
{
    bench_make(bench);
    g_autofree char *toml =
        g_strdup_printf("type = \"%s\"\npath = \"%s\"\n[trust]\nlevel = \"%s\"%s", type, bench->folder, level,
                        g_str_equal(level, "tuf") ? "\nroot = \"/nonexistent\"" : "");
    bench_open(bench, toml);
}

static void server_stop(Bench *bench, int signal)
{
    if (!bench->server)
        return;
    kill(bench->server, signal);
    waitpid(bench->server, NULL, 0);
    bench->server = 0;
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
    g_free(bench->pack);
    *bench = (Bench){0};
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Bench, bench_close)

/* --- nginx -------------------------------------------------------------------------------------------------- */

static void make_certificate(Bench *bench)
{
    g_autofree char *key = g_build_filename(bench->dir, "key.pem", NULL),
                    *certificate = g_build_filename(bench->dir, "cert.pem", NULL);
    const char *argv[] = {"openssl",
                          "req",
                          "-x509",
                          "-newkey",
                          "ec",
                          "-pkeyopt",
                          "ec_paramgen_curve:P-256",
                          "-nodes",
                          "-subj",
                          "/CN=liftlock test",
                          "-addext",
                          "subjectAltName=IP:127.0.0.1",
                          "-days",
                          "2",
                          "-keyout",
                          key,
                          "-out",
                          certificate,
                          NULL};
    int status = -1;
    g_autoptr(GError) error = NULL;
    g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, NULL, NULL,
                 &status, &error);
    g_assert_no_error(error);
    g_assert_cmpint(status, ==, 0);
}

static int free_port(void)
{
    int port, listener = loopback_listen(&port);
    close(listener);
    return port;
}

static gboolean answers(guint port)
{
    fs_fd int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((guint16)port)};
    return connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
}

/* `more`: lines of the server's configuration. */
static void server_start(Bench *bench, const char *more)
{
    g_autofree char *conf = g_build_filename(bench->dir, "nginx.conf", NULL);
    g_autofree char *text =
        g_strdup_printf("daemon off; master_process off; pid %1$s/nginx.pid; error_log %1$s/error.log;\n"
                        "events { worker_connections 32; }\n"
                        "http { client_body_temp_path %1$s/t1; proxy_temp_path %1$s/t2; fastcgi_temp_path %1$s/t3; "
                        "uwsgi_temp_path %1$s/t4; scgi_temp_path %1$s/t5;\n"
                        "log_format line '$connection $server_protocol $status $http_range token=$http_x_token';\n"
                        "access_log %1$s/access.log line;\n"
                        "server { listen 127.0.0.1:%2$u; listen 127.0.0.1:%3$u ssl http2;\n"
                        "ssl_certificate %1$s/cert.pem; ssl_certificate_key %1$s/key.pem;\n"
                        "root %4$s; %5$s } }\n",
                        bench->dir, bench->port, bench->secure_port, bench->folder, more);
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

/* A repository at nginx, with a header for its operator's eyes only; *url is its pack's. */
static void bench_nginx(Bench *bench, gboolean secure, const char *more, char **url)
{
    bench_make(bench);
    make_certificate(bench);
    bench->port = (guint)free_port();
    bench->secure_port = (guint)free_port();
    server_start(bench, more);
    g_autofree char *token = g_build_filename(bench->dir, "token", NULL);
    g_assert_true(g_file_set_contents(token, "X-Token: open\n", -1, NULL));
    g_assert_cmpint(chmod(token, 0600), ==, 0);
    g_autofree char *base =
        g_strdup_printf("%s://127.0.0.1:%u/", secure ? "https" : "http", secure ? bench->secure_port : bench->port);
    g_autofree char *toml =
        g_strdup_printf("type = \"repository\"\nurl = \"%s\"\nheaders_file = [\"%s\"]\nca_file = \"%s/cert.pem\"\n"
                        "[trust]\nlevel = \"tuf\"\nroot = \"/nonexistent\"",
                        base, token, bench->dir);
    bench_open(bench, toml);
    *url = g_strconcat(base, "app.pack", NULL);
}

typedef struct Log {
    guint n_lines, n_connections, n_good; /* good: 206, the protocol, the token */
} Log;

/* What the server has logged; it writes the lines when a connection has ended, at the latest. */
static Log server_log(Bench *bench, const char *protocol)
{
    g_autofree char *path = g_build_filename(bench->dir, "access.log", NULL), *text = NULL,
                    *good = g_strconcat(" ", protocol, " 206 bytes=", NULL);
    Log log = {0};
    server_stop(bench, SIGQUIT);
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_autoptr(GHashTable) connections = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i] && *lines[i]; i++) {
        log.n_lines++;
        log.n_good += strstr(lines[i], good) && g_str_has_suffix(lines[i], " token=open");
        g_hash_table_add(connections, g_strndup(lines[i], strcspn(lines[i], " ")));
    }
    log.n_connections = g_hash_table_size(connections);
    return log;
}

/* --- the output --------------------------------------------------------------------------------------------- */

static int filled_output(void)
{
    int fd = memfd_create("output", MFD_CLOEXEC);
    g_autofree char *fill = g_malloc(PACK_BYTES);
    memset(fill, FILLED, PACK_BYTES);
    g_assert_cmpint(write(fd, fill, PACK_BYTES), ==, PACK_BYTES);
    return fd;
}

/* The ranges hold the pack's bytes, all else is as it was. */
static void assert_ranges(const Bench *bench, int fd, const SourceRange *ranges, guint n_ranges)
{
    g_autofree char *expected = g_malloc(PACK_BYTES), *content = g_malloc(PACK_BYTES + 1);
    memset(expected, FILLED, PACK_BYTES);
    for (guint i = 0; i < n_ranges; i++)
        memcpy(expected + ranges[i].at, bench->pack + ranges[i].at, ranges[i].size);
    g_assert_cmpint(pread(fd, content, PACK_BYTES + 1, 0), ==, PACK_BYTES);
    g_assert_true(memcmp(content, expected, PACK_BYTES) == 0);
}

/* So many of that size, spread over the pack. The caller frees. */
static SourceRange *spread(guint n_ranges, guint64 size)
{
    SourceRange *ranges = g_new(SourceRange, n_ranges);
    for (guint i = 0; i < n_ranges; i++)
        ranges[i] = (SourceRange){.at = (guint64)i * PACK_BYTES / n_ranges + 7, .size = size};
    return ranges;
}

static void assert_fetch(Bench *bench, const char *url, const SourceRange *ranges, guint n_ranges)
{
    g_autoptr(GError) error = NULL;
    fs_fd int fd = filled_output();
    g_assert_true(source_fetch_ranges(bench->source, url, ranges, n_ranges, PACK_BYTES, fd, NULL, NULL, &error));
    g_assert_no_error(error);
    assert_ranges(bench, fd, ranges, n_ranges);
}

static void assert_no_fetch(Bench *bench, const char *url, SourceRange range, guint64 file_bytes, int code,
                            char *expected)
{
    g_autoptr(GError) error = NULL;
    fs_fd int fd = filled_output();
    g_assert_false(source_fetch_ranges(bench->source, url, &range, 1, file_bytes, fd, NULL, NULL, &error));
    g_assert_error(error, FAULT, code);
    g_assert_cmpstr(error->message, ==, expected);
    assert_ranges(bench, fd, NULL, 0);
    g_free(expected);
}

/* --- folders ------------------------------------------------------------------------------------------------ */

typedef struct Told {
    guint n;
    guint64 done, total;
} Told;

static void note_progress(guint64 done, guint64 total, gpointer data)
{
    Told *told = data;
    g_assert_cmpuint(done, >=, told->done);
    *told = (Told){.n = told->n + 1, .done = done, .total = total};
}

static void test_folder(void)
{
    g_auto(Bench) bench = {0};
    bench_folder(&bench, "folder", "none");
    g_autofree char *path = g_build_filename(bench.folder, "app.pack", NULL);
    static const SourceRange ranges[] = {{0, 1}, {1, 4095}, {100000, 3000000}, {PACK_BYTES - 1, 1}};
    fs_fd int fd = filled_output();
    g_autoptr(GError) error = NULL;
    Told told = {0};
    g_assert_true(source_fetch_ranges(bench.source, path, ranges, 4, PACK_BYTES, fd, note_progress, &told, &error));
    g_assert_no_error(error);
    assert_ranges(&bench, fd, ranges, 4);
    g_assert_cmpuint(told.n, ==, 1); /* each is written down: a few times will do */
    g_assert_cmpuint(told.done, ==, 1 + 4095 + 3000000 + 1);
    g_assert_cmpuint(told.total, ==, told.done);
    assert_fetch(&bench, path, ranges, 0);
}

/* A repository that was copied into a folder is one, and an empty file to write to is filled only where it must be. */
static void test_repository_in_folder(void)
{
    g_auto(Bench) bench = {0};
    bench_folder(&bench, "repository", "tuf");
    g_autofree char *path = g_build_filename(bench.folder, "app.pack", NULL), *output = NULL;
    g_autofree SourceRange *ranges = spread(50, 1000);
    assert_fetch(&bench, path, ranges, 50);
    g_autoptr(GError) error = NULL;
    fs_fd int fd = g_file_open_tmp("ranges-XXXXXX", &output, NULL);
    static const SourceRange last = {PACK_BYTES - 1000, 1000};
    g_assert_true(source_fetch_ranges(bench.source, path, &last, 1, PACK_BYTES, fd, NULL, NULL, &error));
    struct stat st;
    g_assert_cmpint(fstat(fd, &st), ==, 0);
    g_assert_cmpint(st.st_size, ==, PACK_BYTES);
    g_assert_cmpint(st.st_blocks, <, 1024);
    g_assert_cmpint(unlink(output), ==, 0);
}

static void test_folder_bad(void)
{
    g_auto(Bench) bench = {0};
    bench_folder(&bench, "folder", "none");
    g_autofree char *path = g_build_filename(bench.folder, "app.pack", NULL),
                    *link = g_build_filename(bench.folder, "link", NULL),
                    *gone = g_build_filename(bench.folder, "gone", NULL);
    const SourceRange one = {10, 20};
    assert_no_fetch(&bench, path, one, PACK_BYTES + 1, FAULT_SOURCE,
                    g_strdup_printf("fetch %s: it has %d bytes, and not %d", path, PACK_BYTES, PACK_BYTES + 1));
    assert_no_fetch(&bench, path, one, 100, FAULT_SOURCE,
                    g_strdup_printf("fetch %s: it has %d bytes, and not 100", path, PACK_BYTES));
    assert_no_fetch(&bench, path, (SourceRange){PACK_BYTES - 5, 6}, PACK_BYTES, FAULT_SOURCE,
                    g_strdup_printf("fetch %s: these are no parts of a file of %d bytes", path, PACK_BYTES));
    assert_no_fetch(&bench, "/etc/passwd", one, 1000, FAULT_SOURCE,
                    g_strdup("/etc/passwd lies outside the source's folder"));
    g_assert_cmpint(symlink("/etc/passwd", link), ==, 0);
    assert_no_fetch(&bench, link, one, 1000, FAULT_SOURCE,
                    g_strdup_printf("%s: cannot open 'link': a symbolic link is in the way", bench.folder));
    assert_no_fetch(&bench, gone, one, 1000, FAULT_SOURCE,
                    g_strdup_printf("%s: cannot open 'gone': no such file or directory", bench.folder));
    g_assert_cmpint(mkfifo(gone, 0600), ==, 0);
    assert_no_fetch(&bench, gone, one, 1000, FAULT_SOURCE, g_strdup_printf("%s is not a regular file", gone));
}

static void test_cannot(void)
{
    g_auto(Bench) bench = {0};
    bench_make(&bench);
    bench_open(&bench, "type = \"http\"\nurl = \"http://127.0.0.1:1/\"\n[trust]\nlevel = \"none\"");
    assert_no_fetch(&bench, "http://127.0.0.1:1/a", (SourceRange){0, 1}, 10, FAULT_SOURCE,
                    g_strdup("sources of type 'http' give no parts of files"));
}

/* As many as one call takes, none touching another: they reach the child, and are told apart from what is no list. */
static void test_as_many_as_there_may_be(void)
{
    g_auto(Bench) bench = {0};
    bench_make(&bench);
    bench_open(&bench, "type = \"repository\"\nurl = \"http://127.0.0.1:1/\"\n[trust]\nlevel = \"tuf\"\n"
                       "root = \"/nonexistent\"");
    guint64 step = 1000000000000, file_bytes = (RANGES_MAX + 1) * step;
    g_autofree SourceRange *ranges = g_new(SourceRange, RANGES_MAX + 1);
    for (guint i = 0; i <= RANGES_MAX; i++)
        ranges[i] = (SourceRange){.at = i * step, .size = step - 1};
    g_autoptr(GError) error = NULL;
    fs_fd int fd = filled_output();
    const char *url = "http://127.0.0.1:1/app.pack";
    g_assert_false(source_fetch_ranges(bench.source, url, ranges, RANGES_MAX, file_bytes, fd, NULL, NULL, &error));
    g_assert_error(error, FAULT, FAULT_NETWORK);
    g_assert_cmpstr(error->message, ==, "cannot reach 127.0.0.1:1: connection refused");
    g_clear_error(&error);
    g_assert_false(source_fetch_ranges(bench.source, url, ranges, RANGES_MAX + 1, file_bytes, fd, NULL, NULL, &error));
    g_autofree char *expected =
        g_strdup_printf("fetch %s: these are no parts of a file of %" G_GUINT64_FORMAT " bytes", url, file_bytes);
    g_assert_error(error, FAULT, FAULT_SOURCE);
    g_assert_cmpstr(error->message, ==, expected);
}

/* --- web servers -------------------------------------------------------------------------------------------- */

static void test_http(void)
{
    g_auto(Bench) bench = {0};
    g_autofree char *url = NULL;
    bench_nginx(&bench, FALSE, "", &url);
    g_autofree SourceRange *ranges = spread(1000, 3000);
    gint64 start = g_get_monotonic_time();
    assert_fetch(&bench, url, ranges, 1000);
    g_assert_cmpint(g_get_monotonic_time() - start, <, 3 * G_USEC_PER_SEC);
    Log log = server_log(&bench, "HTTP/1.1");
    g_assert_cmpuint(log.n_lines, ==, 1000);
    g_assert_cmpuint(log.n_good, ==, 1000);
    g_assert_cmpuint(log.n_connections, <=, 4);
}

static void test_http2(void)
{
    g_auto(Bench) bench = {0};
    g_autofree char *url = NULL;
    bench_nginx(&bench, TRUE, "", &url);
    g_autofree SourceRange *ranges = spread(1000, 3000);
    gint64 start = g_get_monotonic_time();
    assert_fetch(&bench, url, ranges, 1000);
    g_assert_cmpint(g_get_monotonic_time() - start, <, 3 * G_USEC_PER_SEC);
    Log log = server_log(&bench, "HTTP/2.0");
    g_assert_cmpuint(log.n_lines, ==, 1000);
    g_assert_cmpuint(log.n_good, ==, 1000);
    g_assert_cmpuint(log.n_connections, ==, 1);
}

/* A server may end a connection after any answer: nobody is to notice. */
static void test_short_connections(gconstpointer secure)
{
    g_auto(Bench) bench = {0};
    g_autofree char *url = NULL;
    bench_nginx(&bench, secure != NULL, "keepalive_requests 7;", &url);
    g_autofree SourceRange *ranges = spread(200, 3000);
    assert_fetch(&bench, url, ranges, 200);
    Log log = server_log(&bench, secure ? "HTTP/2.0" : "HTTP/1.1");
    g_assert_cmpuint(log.n_good, >=, 200);
    g_assert_cmpuint(log.n_connections, >=, 200 / 7);
}

typedef struct Turn {
    Bench *bench;
    gboolean kill, done;
} Turn;

static void turn_server(guint64 done, guint64 total, gpointer data)
{
    Turn *turn = data;
    if (done == 0 || turn->done)
        return;
    turn->done = TRUE;
    if (turn->kill)
        server_stop(turn->bench, SIGKILL);
    else
        put_pack(turn->bench, 2, 2000000); /* nginx makes its ETag of time and size */
}

static void test_changed_meanwhile(gconstpointer secure)
{
    g_auto(Bench) bench = {0};
    g_autofree char *url = NULL;
    bench_nginx(&bench, secure != NULL, "limit_rate 400k;", &url);
    g_autofree SourceRange *ranges = spread(24, 40000);
    g_autoptr(GError) error = NULL;
    fs_fd int fd = filled_output();
    Turn turn = {.bench = &bench};
    g_assert_false(source_fetch_ranges(bench.source, url, ranges, 24, PACK_BYTES, fd, turn_server, &turn, &error));
    g_autofree char *expected = g_strdup_printf("fetch %s: it changed while parts of it were fetched", url);
    g_assert_error(error, FAULT, FAULT_SOURCE);
    g_assert_cmpstr(error->message, ==, expected);
    assert_fetch(&bench, url, ranges, 2);
}

/* What came before the server went stays, and the same call makes the rest of it. */
static void test_server_dies(gconstpointer secure)
{
    g_auto(Bench) bench = {0};
    g_autofree char *url = NULL;
    bench_nginx(&bench, secure != NULL, "limit_rate 400k;", &url);
    g_autofree SourceRange *ranges = spread(24, 40000);
    g_autoptr(GError) error = NULL;
    fs_fd int fd = filled_output();
    Turn turn = {.bench = &bench, .kill = TRUE};
    g_assert_false(source_fetch_ranges(bench.source, url, ranges, 24, PACK_BYTES, fd, turn_server, &turn, &error));
    g_assert_error(error, FAULT, FAULT_NETWORK);
    g_autofree char *first = g_malloc(1000);
    g_assert_cmpint(pread(fd, first, 1000, (off_t)ranges[0].at), ==, 1000);
    g_assert_true(memcmp(first, bench.pack + ranges[0].at, 1000) == 0);
    server_start(&bench, "");
    g_clear_error(&error);
    g_assert_true(source_fetch_ranges(bench.source, url, ranges, 24, PACK_BYTES, fd, NULL, NULL, &error));
    g_assert_no_error(error);
    assert_ranges(&bench, fd, ranges, 24);
}

static void test_nginx_bad(void)
{
    g_auto(Bench) bench = {0};
    g_autofree char *url = NULL;
    bench_nginx(&bench, TRUE, "", &url);
    assert_no_fetch(&bench, url, (SourceRange){10, 20}, PACK_BYTES - 1, FAULT_SOURCE,
                    g_strdup_printf("fetch %s: it has %d bytes, and not %d", url, PACK_BYTES, PACK_BYTES - 1));
    assert_no_fetch(&bench, url, (SourceRange){PACK_BYTES + 5, 20}, PACK_BYTES + 25, FAULT_SOURCE,
                    g_strdup_printf("fetch %s: it has %d bytes, and not %d", url, PACK_BYTES, PACK_BYTES + 25));
    g_autofree char *gone = g_strconcat(url, ".gone", NULL);
    assert_no_fetch(&bench, gone, (SourceRange){10, 20}, PACK_BYTES, FAULT_SOURCE,
                    g_strdup_printf("fetch %s: HTTP 404", gone));
}

/* --- a server that knows no ranges ---------------------------------------------------------------------------- */

static void test_loopback(gconstpointer knows)
{
    g_auto(Bench) bench = {0};
    bench_make(&bench);
    g_autofree char *body = g_strnfill(PACK_BYTES, 'b');
    for (guint i = 0; i < PACK_BYTES; i++)
        body[i] = (char)('a' + (i / 1000 + i) % 26);
    memcpy(bench.pack, body, PACK_BYTES);
    const Page pages[] = {{"/app.pack", "200 OK", body, .parts = knows != NULL}, {0}};
    Loopback server = loopback_start(pages);
    g_autofree char *toml = g_strdup_printf("type = \"repository\"\nurl = \"http://127.0.0.1:%d/\"\n[trust]\n"
                                            "level = \"tuf\"\nroot = \"/nonexistent\"",
                                            server.port);
    bench_open(&bench, toml);
    g_autofree char *url = g_strdup_printf("http://127.0.0.1:%d/app.pack", server.port);
    g_autofree SourceRange *ranges = spread(10, 5000);
    assert_fetch(&bench, url, ranges, 10);
    loopback_stop(&server);
}

/* The operator's proxy is asked, and finds the host whose name nobody here knows. */
static void test_proxy(void)
{
    g_auto(Bench) bench = {0};
    bench_make(&bench);
    memset(bench.pack, 'p', PACK_BYTES);
    g_autofree char *body = g_strnfill(PACK_BYTES, 'p');
    const Page pages[] = {{"http://example.invalid/app.pack", "200 OK", body, .parts = TRUE}, {0}};
    Loopback server = loopback_start(pages);
    g_autofree char *toml =
        g_strdup_printf("type = \"repository\"\nurl = \"http://example.invalid/\"\nproxy = \"http://127.0.0.1:%d\"\n"
                        "[trust]\nlevel = \"tuf\"\nroot = \"/nonexistent\"",
                        server.port);
    bench_open(&bench, toml);
    g_autofree SourceRange *ranges = spread(10, 5000);
    assert_fetch(&bench, "http://example.invalid/app.pack", ranges, 10);
    loopback_stop(&server);
}

int main(int argc, char **argv)
{
    static const char secure[] = "yes";
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ranges/folder/parts are copied to their places", test_folder);
    g_test_add_func("/ranges/folder/a repository may lie in one", test_repository_in_folder);
    g_test_add_func("/ranges/folder/another size, links and what lies elsewhere are refused", test_folder_bad);
    g_test_add_func("/ranges/a source that cannot says so", test_cannot);
    g_test_add_func("/ranges/web/there is a limit to their number", test_as_many_as_there_may_be);
    g_test_add_func("/ranges/web/a thousand come quickly, over four connections", test_http);
    g_test_add_func("/ranges/web/a thousand come over one connection of HTTP 2", test_http2);
    g_test_add_data_func("/ranges/web/connections may end at any time", NULL, test_short_connections);
    g_test_add_data_func("/ranges/web/connections of HTTP 2 may end at any time", secure, test_short_connections);
    g_test_add_data_func("/ranges/web/a file that changes meanwhile is refused", NULL, test_changed_meanwhile);
    g_test_add_data_func("/ranges/web/the same over HTTP 2", secure, test_changed_meanwhile);
    g_test_add_data_func("/ranges/web/what came before the server died stays", NULL, test_server_dies);
    g_test_add_data_func("/ranges/web/what came over HTTP 2 stays too", secure, test_server_dies);
    g_test_add_func("/ranges/web/a file of another size is refused", test_nginx_bad);
    g_test_add_data_func("/ranges/web/of a server that knows no ranges the parts are taken", NULL, test_loopback);
    g_test_add_data_func("/ranges/web/a connection for each is good enough", secure, test_loopback);
    g_test_add_func("/ranges/web/the operator's proxy leads there", test_proxy);
    return g_test_run();
}
