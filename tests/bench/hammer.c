/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Users: so many requests a second, each on a connection of its own and begun when its time has come, whatever became
 * of those before. Until SIGTERM; then waits for the answers that are still due.
 *
 *   hammer PORT RATE [HOST]   prints "asking" when it has the first answer, at the end "REQUESTS FAILED LONGEST_MS
 *                             ANSWER..."; says the first failures on stderr
 *
 * Failed is what gets no complete answer of status 200 within 20 s. Longest: from when it should have begun to its end.
 * Those whose time came while this program did not run (200 ms and more) are never begun: all at once they would be
 * another load.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PENDING 16384
#define TIMEOUT_NS 20000000000LL
#define STALL_NS 200000000LL
#define ANSWERS 8

typedef struct {
    int fd, sent;
    long long due_ns;
    size_t size;
    char text[1024];
} Request;

typedef struct {
    struct sockaddr_in address;
    char question[256];
    int epoll;
    long requests, failed, pending;
    long long longest_ns;
    char answers[ANSWERS][64];
    Request *all;
} Client;

static volatile sig_atomic_t ended;

static void end(int number)
{
    (void)number;
    ended = 1;
}

static long long now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void request_end(Client *client, Request *request, const char *problem)
{
    long long took_ns = now_ns() - request->due_ns;
    if (took_ns > client->longest_ns)
        client->longest_ns = took_ns;
    if (problem && client->failed++ < 5)
        fprintf(stderr, "%s after %lld ms\n", problem, took_ns / 1000000);
    close(request->fd);
    request->fd = -1;
    client->pending--;
}

static void note_answer(Client *client, const char *body)
{
    for (int i = 0; i < ANSWERS; i++) {
        if (strncmp(client->answers[i], body, sizeof client->answers[i] - 1) == 0)
            return;
        if (!*client->answers[i]) {
            snprintf(client->answers[i], sizeof client->answers[i], "%s", body);
            if (i == 0) {
                puts("asking");
                fflush(stdout);
            }
            return;
        }
    }
}

static void judge(Client *client, Request *request)
{
    request->text[request->size] = '\0';
    const char *body = strstr(request->text, "\r\n\r\n");
    const char *length = strcasestr(request->text, "content-length:");
    char problem[64];
    if (!body || strncmp(request->text, "HTTP/1.", 7) != 0) {
        request_end(client, request, request->size ? "half an answer" : "no answer");
    } else if (strncmp(request->text + 9, "200", 3) != 0) {
        snprintf(problem, sizeof problem, "status %.3s", request->text + 9);
        request_end(client, request, problem);
    } else if (length && strlen(body + 4) < (size_t)atoi(length + 15)) {
        request_end(client, request, "half an answer");
    } else {
        note_answer(client, body + 4);
        request_end(client, request, NULL);
    }
}

static void request_begin(Client *client, long long due_ns)
{
    Request *request = NULL;
    for (int i = 0; i < PENDING && !request; i++)
        if (client->all[i].fd < 0)
            request = &client->all[i];
    client->requests++;
    if (!request) {
        client->failed++;
        return;
    }
    *request = (Request){.due_ns = due_ns, .fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)};
    client->pending++;
    if (connect(request->fd, (struct sockaddr *)&client->address, sizeof client->address) != 0 &&
        errno != EINPROGRESS) {
        request_end(client, request, strerror(errno));
        return;
    }
    struct epoll_event event = {.events = EPOLLOUT | EPOLLIN, .data.ptr = request};
    epoll_ctl(client->epoll, EPOLL_CTL_ADD, request->fd, &event);
}

static void request_go_on(Client *client, Request *request)
{
    int problem = 0;
    socklen_t size = sizeof problem;
    getsockopt(request->fd, SOL_SOCKET, SO_ERROR, &problem, &size);
    if (problem) {
        request_end(client, request, strerror(problem));
        return;
    }
    if (!request->sent) {
        ssize_t all = (ssize_t)strlen(client->question);
        if (write(request->fd, client->question, (size_t)all) != all) {
            request_end(client, request, "cannot ask");
            return;
        }
        request->sent = 1;
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = request};
        epoll_ctl(client->epoll, EPOLL_CTL_MOD, request->fd, &event);
        return;
    }
    ssize_t n = read(request->fd, request->text + request->size, sizeof request->text - 1 - request->size);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n < 0)
        request_end(client, request, strerror(errno));
    else if (n == 0 || (request->size += (size_t)n) == sizeof request->text - 1)
        judge(client, request);
}

static void wait_for_events(Client *client, long long until_ns)
{
    struct epoll_event events[256];
    long long left_ns = until_ns - now_ns();
    int n = epoll_wait(client->epoll, events, 256, left_ns <= 0 ? 0 : (int)(left_ns / 1000000) + 1);
    for (int i = 0; i < n; i++)
        if (((Request *)events[i].data.ptr)->fd >= 0)
            request_go_on(client, events[i].data.ptr);
}

static void end_late_ones(Client *client)
{
    for (int i = 0; i < PENDING; i++)
        if (client->all[i].fd >= 0 && now_ns() - client->all[i].due_ns > TIMEOUT_NS)
            request_end(client, &client->all[i], "no answer");
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    Client client = {.epoll = epoll_create1(EPOLL_CLOEXEC), .all = malloc(PENDING * sizeof(Request))};
    client.address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(argv[1]))};
    client.address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    snprintf(client.question, sizeof client.question, "GET /about HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n",
             argc > 3 ? argv[3] : "127.0.0.1");
    for (int i = 0; i < PENDING; i++)
        client.all[i].fd = -1;
    signal(SIGTERM, end);
    signal(SIGPIPE, SIG_IGN);
    long long step_ns = 1000000000LL / atoi(argv[2]), due_ns = now_ns();
    while (!ended || client.pending > 0) {
        if (now_ns() - due_ns > STALL_NS)
            due_ns = now_ns();
        for (; !ended && due_ns <= now_ns(); due_ns += step_ns)
            request_begin(&client, due_ns);
        wait_for_events(&client, ended ? now_ns() + 50000000 : due_ns);
        if (client.pending > 1000 || ended)
            end_late_ones(&client);
    }
    printf("%ld %ld %lld", client.requests, client.failed, client.longest_ns / 1000000);
    for (int i = 0; i < ANSWERS && *client.answers[i]; i++)
        printf(" %s", client.answers[i]);
    printf("\n");
    close(client.epoll);
    free(client.all);
    return 0;
}
