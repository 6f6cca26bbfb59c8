/* SPDX-License-Identifier: Apache-2.0 */
/* A small HTTP server for tests, in a process of its own on loopback or a unix socket; and the children without rights
 * beside the test program, where they are looked for. */
#pragma once

#include <arpa/inet.h>
#include <errno.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/process.h"

typedef struct Page {
    const char *path;   /* NULL ends the list */
    const char *status; /* "200 OK" */
    const char *body;
    int delay_ms;
    gboolean parts; /* a Range of it gets 206 */
} Page;

typedef struct Loopback {
    pid_t pid;
    int port;
    int heard; /* gets every request as it came */
} Loopback;

/* Answers the one range that was asked for, if it was. */
static inline char *loopback_part(const Page *page, const char *request)
{
    const char *range = page->path && page->parts ? strcasestr(request, "\r\nRange: bytes=") : NULL;
    guint64 first = 0, last = 0, size = page->path ? strlen(page->body) : 0;
    if (!range || sscanf(range + 15, "%" G_GUINT64_FORMAT "-%" G_GUINT64_FORMAT, &first, &last) != 2 || last >= size)
        return NULL;
    return g_strdup_printf("HTTP/1.1 206 Partial Content\r\nContent-Range: bytes %" G_GUINT64_FORMAT
                           "-%" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT "\r\nContent-Length: %" G_GUINT64_FORMAT
                           "\r\nConnection: close\r\n\r\n%.*s",
                           first, last, size, last - first + 1, (int)(last - first + 1), page->body + first);
}

static inline void loopback_answer(int peer, const Page *pages, int heard)
{
    g_autoptr(GString) request = g_string_new(NULL);
    char buffer[4096];
    for (ssize_t n; (n = read(peer, buffer, sizeof buffer)) > 0;) {
        g_string_append_len(request, buffer, n);
        const char *end = strstr(request->str, "\r\n\r\n"), *length = strcasestr(request->str, "\r\nContent-Length:");
        if (end && (!length || strlen(end + 4) >= strtoul(length + 17, NULL, 10)))
            break;
    }
    if (write(heard, request->str, request->len) < 0)
        _exit(1);
    g_auto(GStrv) words = g_strsplit(request->str, " ", 3);
    const Page *page = pages;
    while (page->path && (g_strv_length(words) < 2 || strcmp(page->path, words[1]) != 0))
        page++;
    const char *body = page->path ? page->body : "no such page";
    g_usleep((gulong)(page->path ? page->delay_ms : 0) * 1000);
    g_autofree char *answer = loopback_part(page, request->str);
    if (!answer)
        answer = g_strdup_printf("HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
                                 page->path ? page->status : "404 Not Found", strlen(body), body);
    if (write(peer, answer, strlen(answer)) < 0) /* who only connects, or is tired of waiting */
        g_assert_true(errno == EPIPE || errno == ECONNRESET);
}

/* For a child of the test, before it becomes another program: it ends with the test, however that ends. */
static inline void loopback_ends_with_us(gpointer data)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static inline Loopback loopback_serve(int listener, const Page *pages)
{
    int ends[2];
    g_assert_cmpint(pipe(ends), ==, 0);
    Loopback server = {.heard = ends[0], .pid = fork()};
    if (server.pid == 0) {
        loopback_ends_with_us(NULL);
        signal(SIGPIPE, SIG_IGN);
        for (;;) {
            int peer = accept(listener, NULL, NULL);
            loopback_answer(peer, pages, ends[1]);
            close(peer);
        }
    }
    close(listener);
    close(ends[1]);
    return server;
}

static inline int loopback_listen(int *port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    g_assert_cmpint(bind(fd, (struct sockaddr *)&address, size), ==, 0);
    g_assert_cmpint(listen(fd, 8), ==, 0);
    g_assert_cmpint(getsockname(fd, (struct sockaddr *)&address, &size), ==, 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static inline Loopback loopback_start(const Page *pages)
{
    int port, listener = loopback_listen(&port);
    Loopback server = loopback_serve(listener, pages);
    server.port = port;
    return server;
}

static inline void loopback_stop(Loopback *server)
{
    kill(server->pid, SIGKILL);
    waitpid(server->pid, NULL, 0);
    close(server->heard);
}

/* Runs the test program anew from a folder where the children are; they are looked for beside the running program. */
static inline void beside_children(char **argv)
{
    if (g_getenv("LIFTLOCK_TEST_BESIDE"))
        return;
    static const char *const names[] = {"liftlock-fetch", "liftlock-unpack", "liftlock-parse"};
    g_autofree char *own = process_own_directory(), *folder = g_dir_make_tmp("ll-beside-XXXXXX", NULL);
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *from = g_build_filename(own, "..", "..", "src", names[i], NULL);
        g_autofree char *to = g_build_filename(folder, names[i], NULL);
        g_assert_cmpint(symlink(from, to), ==, 0);
    }
    g_autofree char *program = g_build_filename(folder, "test", NULL), *bytes = NULL;
    gsize size;
    g_assert_true(g_file_get_contents("/proc/self/exe", &bytes, &size, NULL));
    g_assert_true(g_file_set_contents_full(program, bytes, (gssize)size, G_FILE_SET_CONTENTS_NONE, 0755, NULL));
    g_setenv("LIFTLOCK_TEST_BESIDE", folder, TRUE);
    execv(program, argv);
    g_error("cannot run '%s'", program);
}

static inline int beside_end(int status)
{
    static const char *const names[] = {"liftlock-fetch", "liftlock-unpack", "liftlock-parse", "test"};
    const char *folder = g_getenv("LIFTLOCK_TEST_BESIDE");
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_build_filename(folder, names[i], NULL);
        g_unlink(path);
    }
    g_rmdir(folder);
    return status;
}
