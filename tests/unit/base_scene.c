/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fault.h"
#include "base/fs.h"
#include "base/scene.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct Fixture {
    char *top, *stage, *scratch, *beside;
    int listener;
    struct sockaddr_in address;
} Fixture;

static void fixture_set_up(Fixture *fixture, gconstpointer data)
{
    fixture->top = g_dir_make_tmp("liftlock-scene-XXXXXX", NULL);
    fixture->stage = g_build_filename(fixture->top, "st:a,ge", NULL);
    fixture->scratch = g_build_filename(fixture->top, "scratch", NULL);
    fixture->beside = g_build_filename(fixture->top, "beside", NULL);
    g_autofree char *file = g_build_filename(fixture->stage, "data", NULL);
    g_assert_true(mkdir(fixture->stage, 0755) == 0 && mkdir(fixture->scratch, 0700) == 0);
    g_assert_true(g_file_set_contents(file, "old", -1, NULL) && g_file_set_contents(fixture->beside, "old", -1, NULL));
    fixture->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t size = sizeof fixture->address;
    fixture->address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    g_assert_true(bind(fixture->listener, (struct sockaddr *)&fixture->address, size) == 0 &&
                  listen(fixture->listener, 4) == 0 &&
                  getsockname(fixture->listener, (struct sockaddr *)&fixture->address, &size) == 0);
}

static void fixture_tear_down(Fixture *fixture, gconstpointer data)
{
    close(fixture->listener);
    g_autofree char *name = g_path_get_basename(fixture->top);
    g_autofree char *above = g_path_get_dirname(fixture->top);
    fs_fd int parent = fs_open_dir(above, NULL);
    fs_remove_tree(parent, name, NULL);
    g_free(fixture->top);
    g_free(fixture->stage);
    g_free(fixture->scratch);
    g_free(fixture->beside);
}

/* What a player finds, told by a number, as a test that fails in the scene would end nothing but the scene. */
enum { WRONG_PID = 1, SEES_OTHERS, WRONG_READ, NO_WRITE, WRITES_BESIDE, REACHES_OUT, NO_LOOPBACK, NO_TMP, NO_SCRATCH };

static gboolean reaches(const struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    gboolean good = connect(fd, (const struct sockaddr *)address, sizeof *address) == 0;
    close(fd);
    return good;
}

static gboolean has_loopback(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return bind(fd, (struct sockaddr *)&address, size) == 0 && listen(fd, 1) == 0 &&
           getsockname(fd, (struct sockaddr *)&address, &size) == 0 && reaches(&address);
}

static int play(gpointer data)
{
    const Fixture *fixture = data;
    g_autofree char *file = g_build_filename(fixture->stage, "data", NULL);
    g_autofree char *mine = g_build_filename(fixture->scratch, "mine", NULL);
    g_autofree char *text = NULL;
    if (getpid() != 1)
        return WRONG_PID;
    if (access("/proc/1/cmdline", R_OK) != 0 || access("/proc/2", F_OK) == 0)
        return SEES_OTHERS;
    if (!g_file_get_contents(file, &text, NULL, NULL) || strcmp(text, "old") != 0)
        return WRONG_READ;
    if (!g_file_set_contents(file, "new", -1, NULL))
        return NO_WRITE;
    int fd = open(fixture->beside, O_WRONLY);
    if (fd >= 0 || errno != EROFS)
        return WRITES_BESIDE;
    if (reaches(&fixture->address))
        return REACHES_OUT;
    if (!has_loopback())
        return NO_LOOPBACK;
    if (!g_file_set_contents("/dev/shm/liftlock-scene", "x", -1, NULL))
        return NO_TMP;
    return g_file_set_contents(mine, "x", -1, NULL) ? 0 : NO_SCRATCH;
}

static int leave_somebody(gpointer data)
{
    if (fork() == 0)
        for (;;)
            pause();
    return 7;
}

/* Runs the scene in a child, as it moves into the namespaces itself. */
static int run(const Fixture *fixture, int (*act)(gpointer))
{
    int *answer = mmap(NULL, sizeof *answer, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pid = fork();
    if (pid == 0) {
        const Scene scene = {.scratch = fixture->scratch, .stage = fixture->stage};
        g_autoptr(GError) error = NULL;
        if (!scene_run(&scene, act, (gpointer)fixture, answer, &error))
            g_printerr("# %s\n", error->message);
        _exit(error ? 1 : 0);
    }
    int raw;
    g_assert_cmpint(waitpid(pid, &raw, 0), ==, pid);
    g_assert_cmpint(raw, ==, 0);
    int status = *answer;
    munmap(answer, sizeof *answer);
    return status;
}

static void test_apart(Fixture *fixture, gconstpointer data)
{
    g_autofree char *file = g_build_filename(fixture->stage, "data", NULL);
    g_autofree char *text = NULL;
    g_assert_cmpint(run(fixture, play), ==, 0);
    g_assert_true(g_file_get_contents(file, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, "old");
    g_assert_cmpint(access("/dev/shm/liftlock-scene", F_OK), ==, -1);
}

static void test_everybody_leaves(Fixture *fixture, gconstpointer data)
{
    g_assert_cmpint(run(fixture, leave_somebody), ==, 7);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/scene/it sees the host and changes nothing of it", Fixture, NULL, fixture_set_up, test_apart,
               fixture_tear_down);
    g_test_add("/scene/it ends with its first process, whoever is left", Fixture, NULL, fixture_set_up,
               test_everybody_leaves, fixture_tear_down);
    return g_test_run();
}
