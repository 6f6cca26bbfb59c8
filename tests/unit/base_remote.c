/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/remote from inside a program; what the children do with hostile input: tests/property. */
#include "base/remote.h"

#include "base/fault.h"
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROOT_LINE "root:x:0:0:root:/root:/bin/sh\n"
#define CHILD_LINE "liftlock:x:64999:64999::/nonexistent:/usr/sbin/nologin\n"

/* In a mount namespace of our own, the host has just these users. */
static void pretend_users(const char *lines)
{
    g_autofree char *path = NULL;
    g_autoptr(GError) error = NULL;
    fs_fd int fd = g_file_open_tmp("passwd-XXXXXX", &path, &error);
    g_assert_no_error(error);
    g_assert_cmpint(write(fd, lines, strlen(lines)), ==, (gssize)strlen(lines));
    g_assert_cmpint(fchmod(fd, 0644), ==, 0);
    g_assert_cmpint(unshare(CLONE_NEWNS), ==, 0);
    g_assert_cmpint(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), ==, 0);
    umount2("/etc/passwd", MNT_DETACH); /* what an earlier call put there, if any */
    g_assert_cmpint(mount(path, "/etc/passwd", NULL, MS_BIND, NULL), ==, 0);
    unlink(path);
}

static void assert_fault(GError **error, int code, const char *message)
{
    g_assert_error(*error, FAULT, code);
    g_assert_cmpstr((*error)->message, ==, message);
    g_clear_error(error);
}

static int text_fd(const char *text)
{
    int fd = memfd_create("text", MFD_CLOEXEC);
    g_assert_cmpint(write(fd, text, strlen(text)), ==, (gssize)strlen(text));
    return fd;
}

/* waitpid knows of no child, living or dead. */
static void assert_alone(void)
{
    g_assert_cmpint(waitpid(-1, NULL, WNOHANG), ==, -1);
    g_assert_cmpint(errno, ==, ECHILD);
}

static void test_user(void)
{
    uid_t uid = 77;
    gid_t gid = 77;
    g_autoptr(GError) error = NULL;
    g_assert_true(remote_child_user(&uid, &gid, &error));
    g_assert_no_error(error);
    if (geteuid() != 0) {
        g_assert_cmpuint(uid, ==, geteuid());
        g_assert_cmpuint(gid, ==, getegid());
        return;
    }
    g_assert_cmpuint(uid, ==, getpwnam("liftlock")->pw_uid);
    g_assert_cmpuint(uid, !=, 0);
}

static void test_no_user(void)
{
    uid_t uid;
    gid_t gid;
    g_autoptr(GError) error = NULL;
    if (geteuid() != 0) { /* then no other user is needed */
        g_assert_true(remote_child_user(&uid, &gid, NULL));
        return;
    }
    if (!g_test_subprocess()) {
        g_test_trap_subprocess(NULL, 0, 0);
        g_test_trap_assert_passed();
        return;
    }
    const char *hint = "useradd --system --no-create-home --shell /usr/sbin/nologin liftlock";
    pretend_users(ROOT_LINE);
    g_autofree char *missing = g_strconcat("the user 'liftlock' does not exist\n", hint, NULL);
    g_assert_false(remote_child_user(&uid, &gid, &error));
    assert_fault(&error, FAULT_CONFIG, missing);
    fs_fd int fd = text_fd("{}");
    g_assert_null(remote_parse(DOCUMENT_JSON, fd, "x.json", FAULT_SOURCE, &error));
    assert_fault(&error, FAULT_CONFIG, missing);
    pretend_users(ROOT_LINE "liftlock:x:0:0::/:/bin/sh\n");
    g_autofree char *mighty = g_strconcat("the user 'liftlock' has the rights of root\n", hint, NULL);
    g_assert_false(remote_child_user(&uid, &gid, &error));
    assert_fault(&error, FAULT_CONFIG, mighty);
}

static void test_parse(void)
{
    g_autoptr(GError) error = NULL;
    fs_fd int fd = text_fd("{\"app\": \"bookshelf\",\n \"latest\": 7}");
    g_autoptr(Node) node = remote_parse(DOCUMENT_JSON, fd, "releases.json", FAULT_SOURCE, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(node_get_text(node, "app", NULL), ==, "bookshelf");
    const Node *latest = node_get(node, "latest");
    g_assert_cmpint(latest->type, ==, SCALAR_INTEGER);
    g_assert_cmpuint(latest->line, ==, 2);
    g_assert_cmpuint(latest->column, ==, 12);
    assert_alone();
}

/* The caller's code counts, also one that a child may not use by itself. */
static void test_parse_fault(void)
{
    g_autoptr(GError) error = NULL;
    fs_fd int fd = text_fd("a: [1\n");
    g_assert_null(remote_parse(DOCUMENT_YAML, fd, "liftlock.yaml", FAULT_MANIFEST, &error));
    g_assert_error(error, FAULT, FAULT_MANIFEST);
    g_assert_true(g_str_has_prefix(error->message, "liftlock.yaml:"));
    g_clear_error(&error);
    g_assert_null(remote_parse(DOCUMENT_YAML, fd, "liftlock.yaml", FAULT_POLICY, &error));
    g_assert_error(error, FAULT, FAULT_POLICY);
    assert_alone();
}

static void test_unreachable(void)
{
    g_autoptr(GError) error = NULL;
    fs_fd int fd = text_fd("as it was");
    RemoteFetch fetch = {.url = "http://user:secret@127.0.0.1:1/x?secret"};
    RemoteResult result;
    g_assert_false(remote_fetch(&fetch, fd, &result, &error));
    assert_fault(&error, FAULT_NETWORK, "cannot reach 127.0.0.1:1: connection refused");
    g_assert_cmpint(lseek(fd, 0, SEEK_END), ==, 9);
    remote_result_clear(&result);
    int status = 0;
    RemoteRequest request = {.url = "http://localhost/", .unix_socket = "/nonexistent/app.sock"};
    g_assert_false(remote_request(&request, &status, NULL, &error));
    assert_fault(&error, FAULT_NETWORK, "cannot reach /nonexistent/app.sock: no such file or directory");
    assert_alone();
}

static void test_session(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(RemoteSession) session = remote_session_open(&error);
    g_assert_no_error(error);
    RemoteRequest request = {.url = "http://127.0.0.1:1/health"};
    for (int i = 0; i < 3; i++) {
        int status = 0;
        g_assert_false(remote_session_request(session, &request, &status, NULL, &error));
        assert_fault(&error, FAULT_NETWORK, "cannot reach 127.0.0.1:1: connection refused");
    }
    g_assert_cmpint(waitpid(-1, NULL, WNOHANG), ==, 0); /* the child is there and waits */
    g_clear_pointer(&session, remote_session_close);
    assert_alone();
}

/* Descriptors below 4 are the child's own numbers: those handed over must survive being there. */
static void test_low_descriptors(void)
{
    g_autoptr(GError) error = NULL;
    fs_fd int fd = text_fd("{}");
    fs_fd int saved = dup(0);
    g_assert_cmpint(dup2(fd, 0), ==, 0);
    g_autoptr(Node) node = remote_parse(DOCUMENT_JSON, 0, "x.json", FAULT_SOURCE, &error);
    dup2(saved, 0);
    g_assert_no_error(error);
    g_assert_nonnull(node);
}

int main(int argc, char **argv)
{
    if (geteuid() == 0 && !getpwnam("liftlock"))
        pretend_users(ROOT_LINE CHILD_LINE);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/remote/the children's user is ours, or liftlock", test_user);
    g_test_add_func("/remote/without its user root gets the command that makes it", test_no_user);
    g_test_add_func("/remote/a document keeps its lines and columns", test_parse);
    g_test_add_func("/remote/a document that is none is the fault that was asked for", test_parse_fault);
    g_test_add_func("/remote/who cannot be reached is named without secrets", test_unreachable);
    g_test_add_func("/remote/a session keeps one child to its end", test_session);
    g_test_add_func("/remote/low descriptors are handed over too", test_low_descriptors);
    return g_test_run();
}
