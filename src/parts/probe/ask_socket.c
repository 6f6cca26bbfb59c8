/* SPDX-License-Identifier: Apache-2.0 */
/* The probes "tcp" and "unix": does something accept a connection? Nothing is read, so nothing foreign is parsed here;
 * names are looked up by a program of their own. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/process.h"
#include "parts/probe/ask.h"

/* errno of a connection attempt, 0 for success, ETIMEDOUT at the deadline. */
static int try_connect(const struct sockaddr *address, socklen_t length, gint64 deadline_ms)
{
    fs_fd int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return errno;
    if (connect(fd, address, length) == 0)
        return 0;
    if (errno != EINPROGRESS)
        return errno;
    for (;;) {
        gint64 left_ms = deadline_ms - clock_monotonic_ms();
        struct pollfd wait = {.fd = fd, .events = POLLOUT};
        int n = left_ms > 0 ? poll(&wait, 1, (int)MIN(left_ms, G_MAXINT)) : 0;
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0 ? ETIMEDOUT : errno;
        int problem = 0;
        socklen_t size = sizeof problem;
        return getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem, &size) == 0 ? problem : errno;
    }
}

static gboolean say(const Check *check, const char *where, int problem, gboolean late, ProbeResult *result)
{
    if (problem == 0) {
        g_free(result->text);
        result->text = g_strdup("connected");
        return TRUE;
    }
    g_autofree char *limit = ask_time(check->timeout_ms), *why = g_ascii_strdown(g_strerror(problem), -1);
    return late ? ask_problem(result, "no answer within %s", limit)
                : ask_problem(result, "cannot reach %s: %s", where, why);
}

/* --- tcp -------------------------------------------------------------------------------------------------------- */

static gboolean tcp_applies(const Check *check)
{
    return check->tcp != NULL;
}

/* "host:port", "[::1]:port" */
static gboolean split_address(const char *text, char **host, char **port)
{
    const char *colon = strrchr(text, ':');
    if (!colon || colon == text || !colon[1])
        return FALSE;
    gboolean bracketed = text[0] == '[' && colon[-1] == ']';
    *host = bracketed ? g_strndup(text + 1, (gsize)(colon - text) - 2) : g_strndup(text, (gsize)(colon - text));
    *port = g_strdup(colon + 1);
    return TRUE;
}

/* getent(1) does the asking, as the app's user: answers of name servers are foreign bytes. Its lines begin with an
 * address. */
static GStrv look_up(const ProbeContext *context, const char *host, gint64 timeout_ms)
{
    if (g_str_equal(host, "localhost"))
        return g_strsplit("127.0.0.1 ::1", " ", 0);
    struct in6_addr scratch;
    if (inet_pton(AF_INET, host, &scratch) == 1 || inet_pton(AF_INET6, host, &scratch) == 1)
        return g_strsplit(host, " ", 0);
    const Place *place = context->part.place;
    const char *const argv[] = {"getent", "ahosts", "--", host, NULL};
    g_autoptr(GString) output = g_string_new(NULL);
    ProcessSpec spec = {.argv = argv,
                        .change_user = place->change_user,
                        .uid = place->uid,
                        .gid = place->gid,
                        .timeout_ms = timeout_ms,
                        .output = output};
    ProcessOutcome outcome = {0};
    g_autoptr(GStrvBuilder) found = g_strv_builder_new();
    if (process_run(&spec, &outcome, NULL) && outcome.exited && outcome.status == 0) {
        g_auto(GStrv) lines = g_strsplit(output->str, "\n", -1);
        for (char **line = lines; *line; line++)
            if (strstr(*line, "STREAM")) {
                (*line)[strcspn(*line, " \t")] = '\0';
                g_strv_builder_add(found, *line);
            }
    }
    return g_strv_builder_end(found);
}

static int connect_tcp(const char *numeric, const char *port, gint64 deadline_ms)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV}, *list = NULL;
    if (getaddrinfo(numeric, port, &hints, &list) != 0)
        return EINVAL;
    int problem = try_connect(list->ai_addr, list->ai_addrlen, deadline_ms);
    freeaddrinfo(list);
    return problem;
}

static gboolean tcp_ask(const ProbeContext *context, const Check *check, ProbeResult *result, GError **error)
{
    g_autofree char *host = NULL, *port = NULL;
    if (!split_address(check->tcp, &host, &port))
        return fault_set(error, FAULT_MANIFEST, "'%s' is not HOST:PORT", check->tcp);
    gint64 deadline_ms = clock_monotonic_ms() + (check->timeout_ms > 0 ? check->timeout_ms : 30 * 1000);
    g_auto(GStrv) addresses = look_up(context, host, check->timeout_ms);
    if (!*addresses)
        return ask_problem(result, "cannot reach %s: no such host", check->tcp);
    int first_problem = 0;
    for (char **address = addresses; *address; address++) {
        int problem = connect_tcp(*address, port, deadline_ms);
        if (problem == 0)
            return say(check, check->tcp, 0, FALSE, result);
        if (!first_problem)
            first_problem = problem;
    }
    return say(check, check->tcp, first_problem, clock_monotonic_ms() >= deadline_ms, result);
}

const ProbeDriver ask_tcp = {
    .name = "tcp", .summary = "HOST:PORT accepts a connection", .applies = tcp_applies, .ask = tcp_ask};

/* --- unix ------------------------------------------------------------------------------------------------------- */

static gboolean unix_applies(const Check *check)
{
    return check->unix_socket != NULL && check->http == NULL;
}

static gboolean unix_ask(const ProbeContext *context, const Check *check, ProbeResult *result, GError **error)
{
    g_autofree char *path = ask_path(context, check->unix_socket);
    fs_fd int at = open(path, O_PATH | O_CLOEXEC);
    if (at < 0)
        return say(check, check->unix_socket, errno, FALSE, result);
    /* By descriptor: a socket's address holds only 108 bytes of path. */
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    g_snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d", at);
    gint64 deadline_ms = clock_monotonic_ms() + (check->timeout_ms > 0 ? check->timeout_ms : 30 * 1000);
    for (;;) {
        int problem = try_connect((const struct sockaddr *)&address, sizeof address, deadline_ms);
        gboolean late = clock_monotonic_ms() >= deadline_ms;
        if (problem != EAGAIN || late) /* EAGAIN: its queue is full */
            return say(check, check->unix_socket, problem, late, result);
        clock_sleep_ms(10);
    }
}

const ProbeDriver ask_unix = {
    .name = "unix", .summary = "a unix socket accepts a connection", .applies = unix_applies, .ask = unix_ask};
