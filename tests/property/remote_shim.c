/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lets the property tests ask the children without rights:
 *     remote-shim unpack ARCHIVE NAME DIR [bytes=N] [entries=N] [file_bytes=N]
 *     remote-shim member ARCHIVE NAME PATH...
 *     remote-shim pack TREE NAME OUTPUT MTIME [GLOB...]
 *     remote-shim parse FILE NAME yaml|json|toml
 *     remote-shim fetch URL OUTPUT [etag=E] [resume_from=N] [limit_bytes=N] [stall_ms=N] [total_ms=N] [ca_file=F]
 *         [header=H]
 *     remote-shim ranges URL OUTPUT AT-SIZE,AT-SIZE... FILE_BYTES [stall_ms=N] [total_ms=N] [ca_file=F] [header=H]
 *     remote-shim request URL [method=M] [unix_socket=S] [body=B] [timeout_ms=N] [limit_bytes=N] [times=N]
 * The answer is one line of JSON: {"ok": true, ...} or {"ok": false, "code", "text", "hint"}.
 */
#include "base/fault.h"
#include "base/fs.h"
#include "base/remote.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *option(char **args, const char *name)
{
    gsize size = strlen(name);
    for (; *args; args++) {
        if (strncmp(*args, name, size) == 0 && (*args)[size] == '=')
            return *args + size + 1;
    }
    return NULL;
}

static guint64 number(char **args, const char *name)
{
    const char *text = option(args, name);
    return text ? g_ascii_strtoull(text, NULL, 10) : 0;
}

static int open_or_die(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0644);
    if (fd < 0) {
        fprintf(stderr, "%s: %s\n", path, g_strerror(errno));
        exit(2);
    }
    return fd;
}

static void count_progress(guint64 done, guint64 total, gpointer data)
{
    *(guint *)data += done <= total || total == 0;
}

static gboolean run_unpack(char **args, Node *answer, GError **error)
{
    fs_fd int archive = open_or_die(args[0], O_RDONLY);
    fs_fd int dir = open_or_die(args[2], O_RDONLY | O_DIRECTORY);
    RemoteLimits limits = {number(args + 3, "bytes"), number(args + 3, "entries"), number(args + 3, "file_bytes")};
    guint n_progress = 0;
    gboolean done = remote_unpack(archive, args[1], dir, &limits, count_progress, &n_progress, error);
    node_set_bool(answer, "progress", n_progress > 0);
    return done;
}

static gboolean run_member(char **args, Node *answer, GError **error)
{
    fs_fd int archive = open_or_die(args[0], O_RDONLY);
    g_autofree char *found = NULL;
    gsize size = 0;
    g_autofree char *bytes = remote_read_member(archive, args[1], (const char *const *)args + 2, &found, &size, error);
    if (!bytes)
        return FALSE;
    g_autofree char *base64 = g_base64_encode((const guchar *)bytes, size);
    node_set_text(answer, "found", found);
    node_set_text(answer, "bytes", base64);
    return TRUE;
}

static gboolean run_pack(char **args, Node *answer, GError **error)
{
    fs_fd int tree = open_or_die(args[0], O_RDONLY | O_DIRECTORY);
    fs_fd int output = open_or_die(args[2], O_WRONLY | O_CREAT | O_TRUNC);
    return remote_pack(tree, args[1], output, g_ascii_strtoll(args[3], NULL, 10), (const char *const *)args + 4, error);
}

static gboolean run_parse(char **args, Node *answer, GError **error)
{
    DocumentLanguage language = g_str_equal(args[2], "yaml")   ? DOCUMENT_YAML
                                : g_str_equal(args[2], "json") ? DOCUMENT_JSON
                                                               : DOCUMENT_TOML;
    fs_fd int fd = open_or_die(args[0], O_RDONLY);
    Node *document = remote_parse(language, fd, args[1], FAULT_SOURCE, error);
    if (document)
        node_set(answer, "document", document);
    return document != NULL;
}

static gboolean run_fetch(char **args, Node *answer, GError **error)
{
    fs_fd int output = open_or_die(args[1], O_RDWR | O_CREAT);
    const char *const headers[] = {option(args, "header"), NULL};
    guint n_progress = 0;
    RemoteFetch fetch = {
        .url = args[0],
        .headers = headers,
        .etag = option(args, "etag"),
        .resume_from = number(args, "resume_from"),
        .limit_bytes = number(args, "limit_bytes"),
        .stall_timeout_ms = (gint64)number(args, "stall_ms"),
        .total_timeout_ms = (gint64)number(args, "total_ms"),
        .ca_file = option(args, "ca_file"),
        .proxy = option(args, "proxy"),
        .progress = count_progress,
        .progress_data = &n_progress,
    };
    RemoteResult result;
    gboolean done = remote_fetch(&fetch, output, &result, error);
    node_set_int(answer, "status", result.status);
    node_set_int(answer, "size_bytes", (gint64)result.size_bytes);
    node_set_bool(answer, "resumed", result.resumed);
    node_set_bool(answer, "progress", n_progress > 0);
    node_set_text(answer, "etag", result.etag);
    remote_result_clear(&result);
    return done;
}

/* What progress said: whether it ever went back, and the last of it. */
typedef struct Told {
    guint64 done, total;
    gboolean back;
} Told;

static void note_progress(guint64 done, guint64 total, gpointer data)
{
    Told *told = data;
    told->back |= done < told->done || done > total;
    *told = (Told){.done = done, .total = total, .back = told->back};
}

static GArray *read_ranges(const char *text)
{
    GArray *ranges = g_array_new(FALSE, FALSE, sizeof(ByteRange));
    g_auto(GStrv) words = g_strsplit(text, ",", -1);
    for (guint i = 0; words[i] && *words[i]; i++) {
        char *end = NULL;
        ByteRange range = {.at = g_ascii_strtoull(words[i], &end, 10)};
        range.size = *end == '-' ? g_ascii_strtoull(end + 1, NULL, 10) : 0;
        g_array_append_val(ranges, range);
    }
    return ranges;
}

static gboolean run_ranges(char **args, Node *answer, GError **error)
{
    fs_fd int output = open_or_die(args[1], O_RDWR | O_CREAT);
    const char *const headers[] = {option(args, "header"), NULL};
    Told told = {0};
    RemoteFetch fetch = {
        .url = args[0],
        .headers = headers,
        .stall_timeout_ms = (gint64)number(args, "stall_ms"),
        .total_timeout_ms = (gint64)number(args, "total_ms"),
        .ca_file = option(args, "ca_file"),
        .proxy = option(args, "proxy"),
        .progress = note_progress,
        .progress_data = &told,
    };
    g_autoptr(GArray) ranges = read_ranges(args[2]);
    RemoteResult result;
    gboolean done = remote_fetch_ranges(&fetch, (const ByteRange *)(void *)ranges->data, ranges->len,
                                        g_ascii_strtoull(args[3], NULL, 10), output, &result, error);
    node_set_int(answer, "status", result.status);
    node_set_int(answer, "told_total", (gint64)told.total);
    node_set_bool(answer, "told_back", told.back);
    remote_result_clear(&result);
    return done;
}

/* times=N: so often through one session; the last answer counts. */
static gboolean run_request(char **args, Node *answer, GError **error)
{
    const char *const headers[] = {option(args, "header"), NULL};
    RemoteRequest request = {
        .url = args[0],
        .method = option(args, "method"),
        .unix_socket = option(args, "unix_socket"),
        .body = option(args, "body"),
        .content_type = option(args, "content_type"),
        .headers = headers,
        .timeout_ms = (gint64)number(args, "timeout_ms"),
        .limit_bytes = number(args, "limit_bytes"),
        .ca_file = option(args, "ca_file"),
    };
    int status = 0;
    g_autofree char *body = NULL;
    guint64 times = MAX(number(args, "times"), 1);
    g_autoptr(RemoteSession) session = times > 1 ? remote_session_open(error) : NULL;
    gboolean done = times == 1 && remote_request(&request, &status, &body, error);
    for (guint64 i = 0; session && i < times; i++) {
        g_clear_pointer(&body, g_free);
        g_clear_error(error);
        done = remote_session_request(session, &request, &status, &body, error);
    }
    if (done) {
        node_set_int(answer, "status", status);
        node_set_text(answer, "body", body);
    }
    return done;
}

static const struct {
    const char *name;
    int n_args;
    gboolean (*run)(char **args, Node *answer, GError **error);
} operations[] = {
    {"unpack", 3, run_unpack}, {"member", 3, run_member}, {"pack", 4, run_pack},       {"parse", 3, run_parse},
    {"fetch", 2, run_fetch},   {"ranges", 4, run_ranges}, {"request", 1, run_request},
};

static void describe(Node *answer, const GError *error)
{
    g_autofree char *text = fault_text(error), *hint = fault_hint_of(error);
    node_set_text(answer, "code", fault_row(fault_code_of(error))->name);
    node_set_text(answer, "text", text);
    node_set_text(answer, "hint", hint);
}

int main(int argc, char **argv)
{
    for (gsize i = 0; argc > 1 && i < G_N_ELEMENTS(operations); i++) {
        if (!g_str_equal(argv[1], operations[i].name) || argc - 2 < operations[i].n_args)
            continue;
        g_autoptr(GError) error = NULL;
        g_autoptr(Node) answer = node_new_map();
        gboolean done = operations[i].run(argv + 2, answer, &error);
        node_set_bool(answer, "ok", done);
        if (!done)
            describe(answer, error);
        g_autofree char *json = node_to_json(answer, 0);
        puts(json);
        return done ? 0 : 1;
    }
    fputs("usage: remote-shim unpack|member|pack|parse|fetch|ranges|request ...\n", stderr);
    return 2;
}
