/* SPDX-License-Identifier: Apache-2.0 */
/* A child that was taken over: stands in for liftlock-unpack and liftlock-fetch, and misbehaves as the request's text
 * says. */
#include "base/wire.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void say(const char *records)
{
    wire_send(3, records, strlen(records), NULL, 0);
}

static void crash(void)
{
    signal(SIGSEGV, SIG_DFL); /* a sanitizer may have taken it */
    kill(getpid(), SIGSEGV);
}

static void be_killed(void)
{
    kill(getpid(), SIGKILL);
}

static void leave(void)
{
    _exit(3);
}

static void chatter(void)
{
    say("hello");
}

static void flood(void)
{
    const unsigned char size[4] = {0xff, 0xff, 0xff, 0x7f};
    send(3, size, sizeof size, MSG_NOSIGNAL);
}

static void stop_short(void)
{
    const unsigned char size[4] = {100, 0, 0, 0};
    send(3, size, sizeof size, MSG_NOSIGNAL);
    _exit(0);
}

/* A code that only the side with rights may use (22, state), and a text for the terminal. */
static void deceive(void)
{
    say("0 m - 0 0 - \n1 s s 0 0 0:0:answer fault\n1 s i 0 0 0:0:code 22\n"
        "1 s s 0 0 0:0:text %1B]0;owned%07%0Asecond%20line\n");
}

static void blame_nobody(void)
{
    say("0 m - 0 0 - \n1 s s 0 0 0:0:answer fault\n1 s i 0 0 0:0:code -9223372036854775808\n");
}

/* Tells what it was born with: descriptors and environment. */
static void tell_all(void)
{
    GString *text =
        g_string_new("0 m - 0 0 - \n1 s s 0 0 0:0:answer fault\n1 s i 0 0 0:0:code 7\n1 s s 0 0 0:0:text fds");
    for (int fd = 0; fd < 1000; fd++) {
        if (fcntl(fd, F_GETFD) >= 0)
            g_string_append_printf(text, ",%d", fd);
    }
    g_string_append(text, ";env");
    for (char **variable = environ; *variable; variable++)
        g_string_append_printf(text, ",%.*s", (int)strcspn(*variable, "="), *variable);
    g_string_append_printf(text, ";group,%d\n", getpgrp() == getpid());
    say(text->str);
    g_string_free(text, TRUE);
}

/* A file that nobody asked for. */
static void mislead(void)
{
    say("0 m - 0 0 - \n1 s s 0 0 0:0:answer result\n1 s s 0 0 0:0:found ../../etc/shadow\n");
}

/* Says that it is done, but lives on and holds on to the socket. */
static void linger(void)
{
    say("0 m - 0 0 - \n1 s s 0 0 0:0:answer result\n");
    signal(SIGTERM, SIG_IGN);
    pause();
}

static const struct {
    const char *word;
    void (*act)(void);
} acts[] = {{"crash", crash},      {"leave", leave},     {"chatter", chatter},     {"flood", flood},
            {"short", stop_short}, {"deceive", deceive}, {"nobody", blame_nobody}, {"tellall", tell_all},
            {"mislead", mislead},  {"linger", linger},   {"killed", be_killed}};

int main(void)
{
    char *bytes;
    gsize size;
    if (wire_receive(3, -1, &bytes, &size) != WIRE_MESSAGE)
        return 9;
    for (gsize i = 0; i < G_N_ELEMENTS(acts); i++) {
        if (strstr(bytes, acts[i].word))
            acts[i].act();
    }
    pause();
    return 0;
}
