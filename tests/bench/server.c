/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The smallest app: answers every request with the version in VERSION.
 *
 *   server PORT | SOCKET | -     listens on 127.0.0.1:PORT, on a unix socket, or on what systemd hands in
 *
 * SIGTERM ends it after the request at hand; who waits in the queue then belongs to whoever holds the socket.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define QUEUE 4096

static volatile sig_atomic_t ended;

static void end(int number)
{
    (void)number;
    ended = 1;
}

static void answer(int connection, const char *version)
{
    char request[4096], text[512], body[128];
    if (read(connection, request, sizeof request) <= 0)
        return;
    int size = snprintf(body, sizeof body, "{\"version\": \"%s\"}", version);
    int all =
        snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", size, body);
    if (write(connection, text, (size_t)all) != all)
        perror("write");
}

static int listen_tcp(const char *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(port))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    return bind(listener, (struct sockaddr *)&address, sizeof address) == 0 ? listener : -1;
}

static int listen_unix(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        return -1;
    strcpy(address.sun_path, path);
    unlink(path);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    return bind(listener, (struct sockaddr *)&address, sizeof address) == 0 ? listener : -1;
}

/* Only here the signal arrives: never in the middle of an answer. */
static int next_connection(int listener, const sigset_t *open)
{
    struct pollfd wait = {.fd = listener, .events = POLLIN};
    return !ended && ppoll(&wait, 1, NULL, open) == 1 && !ended ? accept4(listener, NULL, NULL, SOCK_CLOEXEC) : -1;
}

int main(int argc, char **argv)
{
    char version[64] = "";
    FILE *file = fopen("VERSION", "r");
    if (argc != 2 || !file || !fgets(version, sizeof version, file))
        return 2;
    fclose(file);
    version[strcspn(version, "\n")] = '\0';
    sigset_t term, open;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, &open);
    sigdelset(&open, SIGTERM);
    signal(SIGTERM, end);
    signal(SIGPIPE, SIG_IGN);
    int listener = *argv[1] == '-' ? 3 : strchr(argv[1], '/') ? listen_unix(argv[1]) : listen_tcp(argv[1]);
    if (listener < 0 || (*argv[1] != '-' && listen(listener, QUEUE) != 0)) {
        perror("cannot listen");
        return 1;
    }
    while (!ended) {
        int connection = next_connection(listener, &open);
        if (connection < 0)
            continue;
        answer(connection, version);
        shutdown(connection, SHUT_WR);
        close(connection);
    }
    return 0;
}
