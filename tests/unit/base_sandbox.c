/* SPDX-License-Identifier: Apache-2.0 */
/* What is left after rights were given up: each check runs in a process of its own, because there is no way back. */
#include "base/fault.h"
#include "base/fs.h"
#include "base/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct Place {
    char *path;
    int fd;
} Place;

static void set_up(Place *place, gconstpointer data)
{
    place->path = g_dir_make_tmp("liftlock-sandbox-XXXXXX", NULL);
    place->fd = fs_open_dir(place->path, NULL);
    g_assert_true(fs_make_dirs(place->fd, "read", 0755, NULL) && fs_make_dirs(place->fd, "write", 0755, NULL) &&
                  fs_make_dirs(place->fd, "by-fd", 0755, NULL) && fs_make_dirs(place->fd, "other", 0755, NULL));
    g_assert_true(fs_write_atomic(place->fd, "read/f", "r", 1, 0644, NULL) &&
                  fs_write_atomic(place->fd, "other/f", "o", 1, 0644, NULL));
}

static void tear_down(Place *place, gconstpointer data)
{
    g_autofree char *parent = g_path_get_dirname(place->path), *name = g_path_get_basename(place->path);
    fs_fd int fd = fs_open_dir(parent, NULL);
    g_assert_true(fs_remove_tree(fd, name, NULL));
    close(place->fd);
    g_free(place->path);
}

static int status_of(int (*act)(Place *), Place *place)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(act(place));
    int status = -1;
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* Number of the first check that fails; 0: none. */
#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        n++;                                                                                                           \
        if (!(condition))                                                                                              \
            return n;                                                                                                  \
    } while (0)

static gboolean can_open(Place *place, const char *path, int flags)
{
    fs_fd int fd = openat(place->fd, path, flags, 0644);
    return fd >= 0;
}

static gboolean is_denied(Place *place, const char *path, int flags)
{
    return !can_open(place, path, flags) && errno == EACCES;
}

static int confine(Place *place)
{
    int n = 0;
    g_autofree char *read = g_build_filename(place->path, "read", NULL);
    g_autofree char *write = g_build_filename(place->path, "write", NULL);
    fs_fd int by_fd = openat(place->fd, "by-fd", O_RDONLY | O_DIRECTORY);
    const char *const reads[] = {read, "/no/such/path", NULL}, *const writes[] = {write, NULL};
    SandboxRules rules = {.read_paths = reads, .write_paths = writes, .write_fds = &by_fd, .n_write_fds = 1};
    gboolean confined = FALSE;
    GError *error = NULL;
    CHECK(sandbox_enter(&rules, &confined, &error));
    CHECK(confined == sandbox_available());
    CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
    CHECK(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
    struct rlimit core;
    CHECK(getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_cur == 0 && core.rlim_max == 0);
    if (!confined)
        return 0;
    CHECK(can_open(place, "read/f", O_RDONLY)); /* 6 */
    CHECK(is_denied(place, "read/f", O_WRONLY));
    CHECK(is_denied(place, "read/new", O_WRONLY | O_CREAT));
    CHECK(can_open(place, "write/new", O_RDWR | O_CREAT | O_TRUNC));
    CHECK(can_open(place, "by-fd/new", O_RDWR | O_CREAT));
    CHECK(is_denied(place, "other/f", O_RDONLY)); /* 11 */
    CHECK(is_denied(place, "other/f", O_WRONLY));
    CHECK(is_denied(place, "other/new", O_WRONLY | O_CREAT));
    CHECK(is_denied(place, "other", O_RDONLY | O_DIRECTORY));
    CHECK(mkdirat(place->fd, "write/sub", 0755) == 0);
    CHECK(mkdirat(place->fd, "read/sub", 0755) < 0 && errno == EACCES); /* 16 */
    CHECK(unlinkat(place->fd, "read/f", 0) < 0 && errno == EACCES);
    CHECK(truncate(read, 0) < 0);
    CHECK(renameat(place->fd, "write/new", place->fd, "other/new") < 0);
    CHECK(linkat(place->fd, "read/f", place->fd, "write/linked", 0) < 0);
    CHECK(access("/etc/passwd", R_OK) == 0 && is_denied(place, "/etc/passwd", O_RDONLY)); /* 21 */
    execl("/bin/true", "true", NULL);
    CHECK(errno == EACCES);
    return 0;
}

static void test_confine(Place *place, gconstpointer data)
{
    g_assert_cmpint(status_of(confine, place), ==, 0);
}

static int confine_nothing(Place *place)
{
    int n = 0;
    SandboxRules rules = {0};
    gboolean confined = FALSE;
    CHECK(sandbox_enter(&rules, &confined, NULL));
    if (!confined)
        return 0;
    CHECK(is_denied(place, "read/f", O_RDONLY));
    CHECK(is_denied(place, "/", O_RDONLY | O_DIRECTORY));
    /* What is open already stays so: files travel as descriptors. */
    struct stat st;
    CHECK(fstat(place->fd, &st) == 0);
    return 0;
}

static void test_nothing(Place *place, gconstpointer data)
{
    g_assert_cmpint(status_of(confine_nothing, place), ==, 0);
}

static int confine_with_exec(Place *place)
{
    const char *const reads[] = {"/bin", "/usr", "/lib", "/lib64", "/etc", NULL};
    SandboxRules rules = {.read_paths = reads, .allow_exec = TRUE};
    gboolean confined = FALSE;
    if (!sandbox_enter(&rules, &confined, NULL))
        return 1;
    execl("/bin/sh", "sh", "-c", "exit 42", NULL);
    return 2;
}

static void test_exec(Place *place, gconstpointer data)
{
    g_assert_cmpint(status_of(confine_with_exec, place), ==, 42);
}

static int confine_a_bad_fd(Place *place)
{
    int n = 0;
    const int bad = 999;
    SandboxRules rules = {.write_fds = &bad, .n_write_fds = 1};
    gboolean confined = TRUE;
    GError *error = NULL;
    if (!sandbox_available())
        return 0;
    CHECK(!sandbox_enter(&rules, &confined, &error));
    CHECK(g_error_matches(error, FAULT, FAULT_SYSTEM));
    CHECK(g_str_equal(error->message, "cannot give up rights: bad file descriptor"));
    CHECK(!confined);
    return 0;
}

static void test_bad_fd(Place *place, gconstpointer data)
{
    g_assert_cmpint(status_of(confine_a_bad_fd, place), ==, 0);
}

static void add(const char *name, void (*test)(Place *, gconstpointer))
{
    g_test_add(name, Place, NULL, set_up, test, tear_down);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add("/sandbox/only what was named can be read or written", test_confine);
    add("/sandbox/without rules nothing can be opened", test_nothing);
    add("/sandbox/execution is allowed only on request", test_exec);
    add("/sandbox/rules that cannot be made are an error", test_bad_fd);
    return g_test_run();
}
