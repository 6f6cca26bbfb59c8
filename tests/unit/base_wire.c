/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/wire: frames and descriptors over a socket pair. */
#include "base/wire.h"

#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct Pair {
    int ends[2];
} Pair;

static void set_up(Pair *pair, gconstpointer data)
{
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair->ends), ==, 0);
}

static void tear_down(Pair *pair, gconstpointer data)
{
    fs_fd_clear(&pair->ends[0]);
    fs_fd_clear(&pair->ends[1]);
}

static gint64 soon(void)
{
    return g_get_monotonic_time() / 1000 + 50;
}

static void test_frames(Pair *pair, gconstpointer data)
{
    g_autofree char *bytes = NULL, *empty = NULL;
    gsize size = 0;
    g_assert_true(wire_send(pair->ends[0], "hello\0you", 9, NULL, 0));
    g_assert_true(wire_send(pair->ends[0], "", 0, NULL, 0));
    g_assert_cmpint(wire_receive(pair->ends[1], soon(), &bytes, &size), ==, WIRE_MESSAGE);
    g_assert_cmpmem(bytes, size, "hello\0you", 9);
    g_assert_cmpint(wire_receive(pair->ends[1], soon(), &empty, &size), ==, WIRE_MESSAGE);
    g_assert_cmpuint(size, ==, 0);
    fs_fd_clear(&pair->ends[0]);
    g_assert_cmpint(wire_receive(pair->ends[1], soon(), &bytes, &size), ==, WIRE_END);
}

static void test_descriptors(Pair *pair, gconstpointer data)
{
    fs_fd int one = memfd_create("one", MFD_CLOEXEC), two = memfd_create("two", MFD_CLOEXEC);
    const int sent[] = {one, two};
    int got[WIRE_MAX_FDS];
    guint n_got = 0;
    g_autofree char *bytes = NULL;
    gsize size = 0;
    g_assert_true(wire_send(pair->ends[0], "two files", 9, sent, 2));
    g_assert_cmpint(wire_receive_fds(pair->ends[1], soon(), &bytes, &size, got, &n_got), ==, WIRE_MESSAGE);
    g_assert_cmpuint(n_got, ==, 2);
    struct stat a, b;
    for (guint i = 0; i < 2; i++) {
        g_assert_true(fstat(sent[i], &a) == 0 && fstat(got[i], &b) == 0 && a.st_ino == b.st_ino);
        g_assert_cmpint(fcntl(got[i], F_GETFD), ==, FD_CLOEXEC);
        close(got[i]);
    }
}

/* The side with rights takes none: a descriptor that we never close would be a way to hold on to it. */
static void test_descriptors_unasked(Pair *pair, gconstpointer data)
{
    fs_fd int pipe_read = -1, pipe_write = -1;
    int pipe_ends[2];
    g_assert_cmpint(pipe2(pipe_ends, O_CLOEXEC | O_NONBLOCK), ==, 0);
    pipe_read = pipe_ends[0];
    pipe_write = pipe_ends[1];
    g_autofree char *bytes = NULL;
    gsize size = 0;
    g_assert_true(wire_send(pair->ends[0], "x", 1, &pipe_write, 1));
    g_assert_cmpint(wire_receive(pair->ends[1], soon(), &bytes, &size), ==, WIRE_MESSAGE);
    fs_fd_clear(&pipe_write);
    char byte;
    g_assert_cmpint(read(pipe_read, &byte, 1), ==, 0); /* nobody holds the other end */
}

static void test_lateness(Pair *pair, gconstpointer data)
{
    char *bytes = NULL;
    gsize size = 0;
    g_assert_cmpint(wire_receive(pair->ends[1], soon(), &bytes, &size), ==, WIRE_LATE);
    g_assert_cmpint(send(pair->ends[0], "\x05\0\0\0he", 6, 0), ==, 6);
    g_assert_cmpint(wire_receive(pair->ends[1], soon(), &bytes, &size), ==, WIRE_LATE);
    g_assert_null(bytes);
}

static void test_broken(Pair *pair, gconstpointer data)
{
    char *bytes = NULL;
    gsize size = 0;
    g_assert_cmpint(send(pair->ends[0], "\x01\0\0\1", 4, 0), ==, 4); /* one more than WIRE_MAX_BYTES */
    g_assert_cmpint(wire_receive(pair->ends[1], soon(), &bytes, &size), ==, WIRE_BROKEN);
    g_assert_cmpint(send(pair->ends[0], "\x05\0\0\0he", 6, 0), ==, 6);
    fs_fd_clear(&pair->ends[0]);
    g_assert_cmpint(wire_receive(pair->ends[1], soon(), &bytes, &size), ==, WIRE_BROKEN);
    g_assert_null(bytes);
}

static void test_sending(Pair *pair, gconstpointer data)
{
    const int fds[WIRE_MAX_FDS + 1] = {0};
    g_assert_false(wire_send(pair->ends[0], "", WIRE_MAX_BYTES + 1, NULL, 0));
    g_assert_cmpint(errno, ==, EMSGSIZE);
    g_assert_false(wire_send(pair->ends[0], "", 0, fds, WIRE_MAX_FDS + 1));
    fs_fd_clear(&pair->ends[1]);
    g_assert_false(wire_send(pair->ends[0], "x", 1, NULL, 0)); /* and no SIGPIPE */
    g_assert_cmpint(errno, ==, EPIPE);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define TEST(name, function) g_test_add("/wire/" name, Pair, NULL, set_up, function, tear_down)
    TEST("frames arrive as they were sent", test_frames);
    TEST("descriptors come with their frame", test_descriptors);
    TEST("descriptors that nobody asked for are dropped", test_descriptors_unasked);
    TEST("silence ends at the deadline, also within a frame", test_lateness);
    TEST("too large and cut off are broken", test_broken);
    TEST("what cannot be sent is refused", test_sending);
    return g_test_run();
}
