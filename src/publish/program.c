/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/program.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/fs.h"
#include "base/shown.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define GIT_LIMIT_S (30 * 60) /* a push of much over a slow line */

void program_answer_clear(ProgramAnswer *answer)
{
    g_free(answer->output);
    g_free(answer->complaint);
    *answer = (ProgramAnswer){0};
}

/* The first line that calls itself an error, else the last one; advice and that it is over say less. */
static char *find_complaint(const char *said)
{
    g_auto(GStrv) lines = g_strsplit_set(said, "\r\n", -1);
    const char *last = "", *error = NULL;
    for (char **line = lines; *line; line++) {
        g_strchomp(*line);
        const char *plain = g_str_has_prefix(*line, "remote: ") ? *line + strlen("remote: ") : *line;
        if (*plain && !g_str_has_prefix(plain, "hint: ") && !g_str_has_prefix(plain, "Connection closed"))
            last = plain;
        if (!error && (g_str_has_prefix(plain, "fatal: ") || g_str_has_prefix(plain, "error: ")))
            error = plain + strlen("fatal: ");
    }
    return shown_text(error ? error : last);
}

/* One piece of what is said; FALSE at the end. */
static gboolean take(int fd, GString *text)
{
    char bytes[16384];
    ssize_t n = read(fd, bytes, sizeof bytes);
    if (n < 0)
        return errno == EINTR || errno == EAGAIN;
    gsize room = text->len < PROGRAM_OUTPUT_MAX ? PROGRAM_OUTPUT_MAX - text->len : 0;
    g_string_append_len(text, bytes, (gssize)MIN((gsize)n, room));
    return n > 0;
}

typedef struct Run {
    GPid pid;
    int fds[2], status;
    gboolean ended;
    GString *texts[2];
} Run;

/* What is there to read; FALSE if there was nothing for so long. */
static gboolean hear(Run *run, int wait_ms)
{
    struct pollfd polled[2] = {{.fd = run->fds[0], .events = POLLIN}, {.fd = run->fds[1], .events = POLLIN}};
    if (poll(polled, 2, wait_ms) <= 0)
        return FALSE;
    for (int i = 0; i < 2; i++)
        if (polled[i].revents && !take(run->fds[i], run->texts[i])) {
            close(run->fds[i]);
            run->fds[i] = -1;
        }
    return TRUE;
}

static void reap(Run *run, int flags)
{
    int status = 0;
    pid_t got;
    while ((got = waitpid(run->pid, &status, flags)) < 0 && errno == EINTR)
        ;
    if (got == 0)
        return;
    run->ended = TRUE;
    run->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* To the end of the program, not of its streams: a connection that ssh keeps open for later holds on to them. */
static gboolean follow(Run *run, gint64 until_ms)
{
    while (!run->ended && clock_monotonic_ms() < until_ms) {
        hear(run, run->fds[0] < 0 && run->fds[1] < 0 ? 2 : 50);
        reap(run, WNOHANG);
    }
    gboolean in_time = run->ended;
    if (!in_time) {
        kill(run->pid, SIGKILL);
        reap(run, 0);
    }
    gint64 enough_ms = clock_monotonic_ms() + 1000; /* for what is still in the pipes */
    while (hear(run, 0) && clock_monotonic_ms() < enough_ms)
        ;
    return in_time;
}

gboolean program_run(const char *const *argv, const char *directory, gint64 limit_s, ProgramAnswer *answer,
                     GError **error)
{
    *answer = (ProgramAnswer){0};
    g_autoptr(GError) local = NULL;
    g_auto(GStrv) environment = g_environ_setenv(g_get_environ(), "LC_ALL", "C", TRUE);
    Run run = {.fds = {-1, -1}, .status = -1};
    if (!g_spawn_async_with_pipes(directory, (char **)argv, environment,
                                  G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &run.pid, NULL,
                                  &run.fds[0], &run.fds[1], &local))
        return fault_set(error, FAULT_SYSTEM, "%s cannot be run: %s", argv[0], local->message);
    run.texts[0] = g_string_new(NULL);
    run.texts[1] = g_string_new(NULL);
    gboolean in_time = follow(&run, clock_monotonic_ms() + limit_s * 1000);
    for (int i = 0; i < 2; i++)
        fs_fd_clear(&run.fds[i]);
    answer->status = run.status;
    answer->size = run.texts[0]->len;
    answer->complaint = find_complaint(run.texts[1]->str);
    answer->output = g_string_free(run.texts[0], FALSE);
    g_string_free(run.texts[1], TRUE);
    if (!in_time)
        return fault_set(error, FAULT_NETWORK, "%s did not end within %" G_GINT64_FORMAT " s", argv[0], limit_s);
    return TRUE;
}

char *git_ask(const char *directory, GError **error, const char *command, ...)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_ptr_array_add(argv, (gpointer) "git");
    g_ptr_array_add(argv, (gpointer)command);
    va_list rest;
    va_start(rest, command);
    for (const char *argument; (argument = va_arg(rest, const char *));)
        g_ptr_array_add(argv, (gpointer)argument);
    va_end(rest);
    g_ptr_array_add(argv, NULL);
    g_auto(ProgramAnswer) answer = {0};
    if (!program_run((const char *const *)argv->pdata, directory, GIT_LIMIT_S, &answer, error))
        return NULL;
    if (answer.status != 0) {
        fault_set(error, FAULT_SYSTEM, "git %s: %s", command, answer.complaint);
        return NULL;
    }
    if (answer.size && answer.output[answer.size - 1] == '\n')
        answer.output[answer.size - 1] = '\0';
    return g_steal_pointer(&answer.output);
}
