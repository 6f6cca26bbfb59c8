/* SPDX-License-Identifier: Apache-2.0 */
/* Files beneath a directory: what is refused, what stays whole, and trees deeper than we may have descriptors. */
#include "base/digest.h"
#include "base/fault.h"
#include "base/fs.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct Place {
    char *path;
    int fd;
} Place;

static void set_up(Place *place, gconstpointer data)
{
    place->path = g_dir_make_tmp("liftlock-fs-XXXXXX", NULL);
    g_assert_nonnull(place->path);
    place->fd = fs_open_dir(place->path, NULL);
    g_assert_cmpint(place->fd, >=, 0);
}

static void tear_down(Place *place, gconstpointer data)
{
    g_autofree char *parent = g_path_get_dirname(place->path), *name = g_path_get_basename(place->path);
    fs_fd int fd = fs_open_dir(parent, NULL);
    GError *error = NULL;
    g_assert_true(fs_remove_tree(fd, name, &error));
    g_assert_no_error(error);
    close(place->fd);
    g_free(place->path);
}

static void write_file(int fd, const char *name, const char *text)
{
    GError *error = NULL;
    fs_write_atomic(fd, name, text, strlen(text), 0644, &error);
    g_assert_no_error(error);
}

static void make_dirs(int fd, const char *path)
{
    GError *error = NULL;
    fs_make_dirs(fd, path, 0755, &error);
    g_assert_no_error(error);
}

static void assert_content(int fd, const char *name, const char *expected)
{
    GError *error = NULL;
    g_autofree char *text = fs_read(fd, name, 1 << 20, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(text, ==, expected);
}

static void assert_fault(GError *error, int code, const char *text)
{
    g_assert_error(error, FAULT, code);
    g_assert_cmpstr(error->message, ==, text);
    g_error_free(error);
}

static gboolean count_entry(int parent, const char *name, const char *path, const struct stat *st, gpointer data,
                            GError **error)
{
    (*(guint *)data)++;
    return TRUE;
}

static guint count_entries(int fd)
{
    guint n = 0;
    GError *error = NULL;
    fs_walk(fd, ".", count_entry, &n, &error);
    g_assert_no_error(error);
    return n;
}

/* Runs `act` in a process that may not do what root may; its assertions count as ours. */
static void as_ordinary_user(void (*act)(Place *), Place *place)
{
    pid_t pid = fork();
    if (pid == 0) {
        if (geteuid() == 0 && (fchown(place->fd, 65534, 65534) < 0 || setresgid(65534, 65534, 65534) < 0 ||
                               setresuid(65534, 65534, 65534) < 0))
            _exit(99);
        act(place);
        _exit(0);
    }
    int status = -1;
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_cmpint(status, ==, 0);
}

/* --- whole files --- */

static void test_write(Place *place, gconstpointer data)
{
    GError *error = NULL;
    mode_t before = umask(077);
    g_assert_true(fs_write_atomic(place->fd, "a", "one", 3, 0644, &error));
    g_assert_true(fs_write_atomic(place->fd, "a", "two\0x", 5, 0640, &error));
    umask(before);
    gsize size = 0;
    g_autofree char *text = fs_read(place->fd, "a", 5, &size, &error);
    g_assert_no_error(error);
    g_assert_cmpmem(text, size + 1, "two\0x", 6);
    struct stat st;
    g_assert_cmpint(fstatat(place->fd, "a", &st, 0), ==, 0);
    g_assert_cmpint(st.st_mode & 07777, ==, 0640);
    g_assert_cmpuint(count_entries(place->fd), ==, 1);
}

static void test_write_over_link(Place *place, gconstpointer data)
{
    write_file(place->fd, "victim", "kept");
    g_assert_cmpint(symlinkat("victim", place->fd, "a"), ==, 0);
    write_file(place->fd, "a", "new");
    assert_content(place->fd, "victim", "kept");
    assert_content(place->fd, "a", "new");
}

static void write_too_large(Place *place)
{
    signal(SIGXFSZ, SIG_IGN);
    const struct rlimit limit = {1000, 1000};
    g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &limit), ==, 0);
    g_autofree char *bytes = g_malloc0(5000);
    GError *error = NULL;
    g_assert_false(fs_write_atomic(place->fd, "a", bytes, 5000, 0644, &error));
    assert_fault(error, FAULT_SYSTEM, "cannot write 'a': file too large");
}

static void test_write_fails(Place *place, gconstpointer data)
{
    write_file(place->fd, "a", "old");
    as_ordinary_user(write_too_large, place);
    assert_content(place->fd, "a", "old");
    g_assert_cmpuint(count_entries(place->fd), ==, 1);
}

static void put(const char *path, const char *text)
{
    fs_fd int fd = open(path, O_WRONLY);
    g_assert_cmpint(write(fd, text, strlen(text)), ==, (gssize)strlen(text));
}

/* A mount namespace of our own; without rights inside a user namespace. */
static gboolean enter_namespace(void)
{
    if (geteuid() == 0)
        return unshare(CLONE_NEWNS) == 0;
    g_autofree char *uid = g_strdup_printf("0 %u 1", geteuid()), *gid = g_strdup_printf("0 %u 1", getegid());
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
        return FALSE;
    put("/proc/self/setgroups", "deny");
    put("/proc/self/uid_map", uid);
    put("/proc/self/gid_map", gid);
    return TRUE;
}

static gboolean enter_small_disk(Place *place)
{
    return enter_namespace() && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("tmpfs", place->path, "tmpfs", 0, "size=256k") == 0;
}

static void fill_disk(Place *place)
{
    g_autofree char *bytes = g_malloc0(1 << 20);
    GError *error = NULL;
    if (!enter_small_disk(place)) { /* namespaces are forbidden here: a limit of file sizes comes nearest */
        write_too_large(place);
        return;
    }
    fs_fd int fd = fs_open_dir(place->path, NULL);
    write_file(fd, "a", "old");
    g_assert_false(fs_write_atomic(fd, "a", bytes, 1 << 20, 0644, &error));
    assert_fault(error, FAULT_SPACE, "cannot write 'a': no space left on device");
    error = NULL;
    g_assert_false(fs_reserve(fd, "reserve", 1 << 20, &error));
    assert_fault(error, FAULT_SPACE, "cannot reserve room in 'reserve': no space left on device");
    error = NULL;
    fs_fd int big = open("/dev/shm", O_TMPFILE | O_RDWR, 0600);
    if (big >= 0 && write(big, bytes, 1 << 20) == 1 << 20) {
        fs_fd int to = fs_open_beneath(fd, "copy", O_WRONLY | O_CREAT, 0600, NULL);
        g_assert_false(fs_copy_content(big, to, NULL, &error));
        assert_fault(error, FAULT_SPACE, "cannot copy: no space left on device");
        g_assert_true(fs_remove_tree(fd, "copy", NULL));
    }
    assert_content(fd, "a", "old");
    g_assert_cmpuint(count_entries(fd), ==, 1);
}

static void in_child(void (*act)(Place *), Place *place)
{
    pid_t pid = fork();
    if (pid == 0) {
        act(place);
        _exit(0);
    }
    int status = -1;
    waitpid(pid, &status, 0);
    g_assert_cmpint(status, ==, 0);
}

static void test_full_disk(Place *place, gconstpointer data)
{
    in_child(fill_disk, place);
}

static void test_read_refuses(Place *place, gconstpointer data)
{
    GError *error = NULL;
    g_assert_null(fs_read(place->fd, "none", 10, NULL, &error));
    assert_fault(g_steal_pointer(&error), FAULT_ABSENT, "'none' does not exist");
    write_file(place->fd, "long", "12345678901");
    g_assert_null(fs_read(place->fd, "long", 10, NULL, &error));
    assert_fault(g_steal_pointer(&error), FAULT_SYSTEM, "'long' is larger than 10 bytes");
    g_assert_cmpint(mkfifoat(place->fd, "fifo", 0666), ==, 0);
    g_assert_null(fs_read(place->fd, "fifo", 10, NULL, &error));
    assert_fault(g_steal_pointer(&error), FAULT_SYSTEM, "'fifo' is not a regular file");
    make_dirs(place->fd, "dir");
    g_assert_null(fs_read(place->fd, "dir", 10, NULL, &error));
    assert_fault(g_steal_pointer(&error), FAULT_SYSTEM, "'dir' is not a regular file");
}

/* --- staying beneath --- */

typedef gboolean (*Act)(int fd, const char *path, GError **error);

static gboolean act_open(int fd, const char *path, GError **error)
{
    fs_fd int opened = fs_open_beneath(fd, path, O_RDONLY, 0, error);
    return opened >= 0;
}

static gboolean act_read(int fd, const char *path, GError **error)
{
    g_autofree char *text = fs_read(fd, path, 100, NULL, error);
    return text != NULL;
}

static gboolean act_write(int fd, const char *path, GError **error)
{
    return fs_write_atomic(fd, path, "bad", 3, 0644, error);
}

static gboolean act_make(int fd, const char *path, GError **error)
{
    return fs_make_dirs(fd, path, 0755, error);
}

static gboolean act_link(int fd, const char *path, GError **error)
{
    return fs_link_atomic(fd, "bad", path, error);
}

static gboolean act_rename(int fd, const char *path, GError **error)
{
    return fs_rename(fd, "mine", fd, path, error);
}

static gboolean act_rename_from(int fd, const char *path, GError **error)
{
    return fs_rename(fd, path, fd, "stolen", error);
}

static gboolean act_reserve(int fd, const char *path, GError **error)
{
    return fs_reserve(fd, path, 100, error);
}

static gboolean act_walk(int fd, const char *path, GError **error)
{
    guint n = 0;
    return fs_walk(fd, path, count_entry, &n, error);
}

static gboolean act_remove(int fd, const char *path, GError **error)
{
    return fs_remove_tree(fd, path, error);
}

static gboolean act_copy_to(int fd, const char *path, GError **error)
{
    return fs_copy_tree(fd, "mine", fd, path, error);
}

static const struct {
    Act act;
    const char *verb;
    const char *link_text; /* what is said of a link in the way */
} acts[] = {
    {act_open, "open", "a symbolic link is in the way"},        {act_read, "open", "a symbolic link is in the way"},
    {act_write, "open", "a symbolic link is in the way"},       {act_make, "open", "a symbolic link is in the way"},
    {act_link, "open", "a symbolic link is in the way"},        {act_rename, "open", "a symbolic link is in the way"},
    {act_rename_from, "open", "a symbolic link is in the way"}, {act_reserve, "open", "a symbolic link is in the way"},
    {act_walk, "open", "a symbolic link is in the way"},        {act_remove, "open", "a symbolic link is in the way"},
    {act_copy_to, "open", "a symbolic link is in the way"},
};

/* The app's user may put a link in place of any component that is not the last. */
static void test_planted_links(Place *place, gconstpointer data)
{
    make_dirs(place->fd, "outside/b/c");
    write_file(place->fd, "outside/b/c/f", "kept");
    make_dirs(place->fd, "root");
    fs_fd int root = fs_open_beneath(place->fd, "root", O_RDONLY | O_DIRECTORY, 0, NULL);
    g_autofree char *before = digest_tree(place->fd, "outside", NULL);
    static const struct {
        const char *dirs, *link, *target;
    } plants[] = {{".", "a", "../outside"}, {"a", "a/b", "../../outside/b"}, {"a/b", "a/b/c", "../../../outside/b/c"}};
    for (guint i = 0; i < G_N_ELEMENTS(plants); i++) {
        make_dirs(root, plants[i].dirs);
        write_file(root, "mine", "mine");
        g_assert_cmpint(symlinkat(plants[i].target, root, plants[i].link), ==, 0);
        for (guint j = 0; j < G_N_ELEMENTS(acts); j++) {
            GError *error = NULL;
            g_assert_false(acts[j].act(root, "a/b/c/f", &error));
            g_autofree char *text = g_strdup_printf("cannot %s 'a/b/c/f': %s", acts[j].verb, acts[j].link_text);
            assert_fault(error, FAULT_SYSTEM, text);
        }
        g_assert_false(fs_exists(root, "a/b/c/f"));
        g_assert_true(fs_remove_tree(root, "a", NULL));
    }
    g_autofree char *after = digest_tree(place->fd, "outside", NULL);
    g_assert_cmpstr(before, ==, after);
}

static void test_leaving(Place *place, gconstpointer data)
{
    make_dirs(place->fd, "root");
    fs_fd int root = fs_open_beneath(place->fd, "root", O_RDONLY | O_DIRECTORY, 0, NULL);
    write_file(root, "mine", "mine");
    static const char *const paths[] = {"../f", "/tmp/f", "../../x/f"};
    for (guint i = 0; i < G_N_ELEMENTS(paths); i++)
        for (guint j = 0; j < G_N_ELEMENTS(acts); j++) {
            GError *error = NULL;
            g_assert_false(acts[j].act(root, paths[i], &error));
            g_autofree char *text = g_strdup_printf("cannot %s '%s': it leaves its directory", acts[j].verb, paths[i]);
            assert_fault(error, FAULT_SYSTEM, text);
        }
    g_assert_false(fs_exists(root, "../root"));
    GError *error = NULL;
    g_assert_false(fs_remove_tree(root, "..", &error));
    assert_fault(error, FAULT_SYSTEM, "cannot open '..': it leaves its directory");
    g_assert_cmpuint(count_entries(place->fd), ==, 2);
}

static void test_newline(Place *place, gconstpointer data)
{
    write_file(place->fd, "a\nrun 'rm -rf x'", "x");
    GError *error = NULL;
    g_assert_null(fs_read(place->fd, "a\nrun 'rm -rf x'/b\xff", 10, NULL, &error));
    g_assert_null(fault_hint_of(error));
    assert_fault(error, FAULT_SYSTEM, "cannot open 'a\\x0arun 'rm -rf x'/b\\xff': not a directory");
    assert_content(place->fd, "a\nrun 'rm -rf x'", "x");
    g_autofree char *digest = digest_tree(place->fd, ".", NULL);
    g_assert_true(digest_is_valid(digest));
    g_assert_true(fs_remove_tree(place->fd, "a\nrun 'rm -rf x'", NULL));
    g_assert_cmpuint(count_entries(place->fd), ==, 0);
}

static void test_display(void)
{
    g_autofree char *plain = fs_display("Grüße/\x1b[31m\\");
    g_assert_cmpstr(plain, ==, "Grüße/\\x1b[31m\\");
    g_autofree char *path = g_strnfill(40000, 'a');
    g_autofree char *shown = fs_display(path);
    g_assert_cmpuint(strlen(shown), <=, 1003);
    g_assert_nonnull(strstr(shown, "a...a"));
}

static void test_make_dirs(Place *place, gconstpointer data)
{
    mode_t before = umask(077);
    GError *error = NULL;
    g_assert_true(fs_make_dirs(place->fd, "a/b", 0755, &error));
    g_assert_true(fs_make_dirs(place->fd, "a/b/c", 0700, &error));
    umask(before);
    struct stat st;
    g_assert_cmpint(fstatat(place->fd, "a", &st, 0), ==, 0);
    g_assert_cmpint(st.st_mode & 07777, ==, 0755);
    g_assert_cmpint(fstatat(place->fd, "a/b/c", &st, 0), ==, 0);
    g_assert_cmpint(st.st_mode & 07777, ==, 0700);
    write_file(place->fd, "a/file", "");
    g_assert_false(fs_make_dirs(place->fd, "a/file/x", 0755, &error));
    assert_fault(error, FAULT_SYSTEM, "cannot make 'a/file/x': not a directory");
    g_autofree char *absolute = g_strconcat(place->path, "/p/q", NULL);
    g_assert_true(fs_make_path(absolute, 0700, NULL));
    g_assert_cmpint(fstatat(place->fd, "p", &st, 0), ==, 0);
    g_assert_cmpint(st.st_mode & 07777, ==, 0755);
    g_assert_cmpint(fstatat(place->fd, "p/q", &st, 0), ==, 0);
    g_assert_cmpint(st.st_mode & 07777, ==, 0700);
}

/* --- links and names --- */

static void test_link(Place *place, gconstpointer data)
{
    GError *error = NULL;
    g_assert_null(fs_read_link(place->fd, "current", &error));
    g_assert_no_error(error);
    g_assert_true(fs_link_atomic(place->fd, "releases/1", "current", &error));
    g_assert_true(fs_link_atomic(place->fd, "releases/2", "current", &error));
    g_autofree char *target = fs_read_link(place->fd, "current", &error);
    g_assert_cmpstr(target, ==, "releases/2");
    g_assert_true(fs_exists(place->fd, "current"));
    write_file(place->fd, "file", "kept");
    g_assert_false(fs_link_atomic(place->fd, "x", "file", &error));
    assert_fault(g_steal_pointer(&error), FAULT_SYSTEM, "'file' is not a symbolic link");
    g_assert_null(fs_read_link(place->fd, "file", &error));
    assert_fault(g_steal_pointer(&error), FAULT_SYSTEM, "'file' is not a symbolic link");
    g_assert_cmpuint(count_entries(place->fd), ==, 2);
}

static gpointer hammer(gpointer data)
{
    Place *place = data;
    for (guint i = 0; i < 20000; i++) {
        char target[64];
        gssize n = readlinkat(place->fd, "current", target, sizeof target);
        if (n != 1 || (target[0] != '1' && target[0] != '2'))
            return (gpointer) "current was missing";
    }
    return NULL;
}

static void test_link_is_never_missing(Place *place, gconstpointer data)
{
    g_assert_true(fs_link_atomic(place->fd, "1", "current", NULL));
    GThread *thread = g_thread_new("hammer", hammer, place);
    for (guint i = 0; i < 200; i++)
        g_assert_true(fs_link_atomic(place->fd, i % 2 ? "1" : "2", "current", NULL));
    g_assert_cmpstr(g_thread_join(thread), ==, NULL);
}

static void test_rename(Place *place, gconstpointer data)
{
    make_dirs(place->fd, "a");
    make_dirs(place->fd, "b");
    write_file(place->fd, "a/x", "x");
    GError *error = NULL;
    g_assert_true(fs_rename(place->fd, "a/x", place->fd, "b/y", &error));
    assert_content(place->fd, "b/y", "x");
    g_assert_false(fs_rename(place->fd, "a/x", place->fd, "b/z", &error));
    assert_fault(error, FAULT_SYSTEM, "cannot rename 'a/x' to 'b/z': no such file or directory");
}

static void rename_across(Place *place)
{
    GError *error = NULL;
    fs_fd int shm = fs_open_dir("/dev/shm", NULL);
    write_file(place->fd, "x", "x");
    g_assert_false(fs_rename(place->fd, "x", shm, "y", &error));
    assert_fault(g_steal_pointer(&error), FAULT_SYSTEM, "cannot rename 'x' to 'y': invalid cross-device link");
    assert_content(place->fd, "x", "x");
    if (!enter_small_disk(place))
        return;
    fs_fd int there = fs_open_dir(place->path, NULL);
    write_file(there, "x", "x");
    /* And a mount in a tree is not for us to empty. */
    g_autofree char *parent = g_path_get_dirname(place->path), *name = g_path_get_basename(place->path);
    fs_fd int above = fs_open_dir(parent, NULL);
    g_assert_false(fs_remove_tree(above, name, &error));
    g_autofree char *text = g_strdup_printf("cannot remove '%s': a file system is mounted there", name);
    assert_fault(error, FAULT_SYSTEM, text);
    assert_content(there, "x", "x");
}

static void test_other_file_system(Place *place, gconstpointer data)
{
    in_child(rename_across, place);
}

/* --- trees --- */

static void test_remove(Place *place, gconstpointer data)
{
    make_dirs(place->fd, "kept");
    write_file(place->fd, "kept/file", "kept");
    make_dirs(place->fd, "tree/a/b");
    write_file(place->fd, "tree/a/b/f", "x");
    g_assert_cmpint(symlinkat("../../kept", place->fd, "tree/a/link"), ==, 0);
    g_assert_cmpint(mkfifoat(place->fd, "tree/fifo", 0600), ==, 0);
    GError *error = NULL;
    g_assert_true(fs_remove_tree(place->fd, "tree", &error));
    g_assert_no_error(error);
    g_assert_true(fs_remove_tree(place->fd, "tree", &error));
    g_assert_true(fs_remove_tree(place->fd, "none/at/all", &error));
    g_assert_no_error(error);
    assert_content(place->fd, "kept/file", "kept");
    g_assert_cmpint(symlinkat("kept", place->fd, "link"), ==, 0);
    g_assert_true(fs_remove_tree(place->fd, "link", &error));
    g_assert_cmpuint(count_entries(place->fd), ==, 2);
}

static void remove_read_only(Place *place)
{
    static const mode_t modes[] = {0555, 0111, 0444, 0000, 0222};
    for (guint i = 0; i < G_N_ELEMENTS(modes); i++) {
        make_dirs(place->fd, "tree/a/b");
        write_file(place->fd, "tree/a/b/f", "x");
        write_file(place->fd, "tree/a/f", "x");
        g_assert_cmpint(fchmodat(place->fd, "tree/a/b", modes[i], 0), ==, 0);
        g_assert_cmpint(fchmodat(place->fd, "tree/a", modes[i], 0), ==, 0);
        g_assert_cmpint(fchmodat(place->fd, "tree", modes[i], 0), ==, 0);
        GError *error = NULL;
        fs_remove_tree(place->fd, "tree", &error);
        g_assert_no_error(error);
        g_assert_false(fs_exists(place->fd, "tree"));
    }
}

static void test_remove_read_only(Place *place, gconstpointer data)
{
    as_ordinary_user(remove_read_only, place);
}

/* Makes "d/d/d/..." without ever holding its path. */
static void make_deep(int start, guint levels)
{
    int fd = dup(start);
    for (guint i = 0; i < levels; i++) {
        g_assert_cmpint(mkdirat(fd, "d", 0755), ==, 0);
        int next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        close(fd);
        fd = next;
    }
    write_file(fd, "leaf", "leaf");
    close(fd);
}

static void deep_trees(Place *place)
{
    const struct rlimit few = {80, 80};
    g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &few), ==, 0);
    make_deep(place->fd, 10000);
    GError *error = NULL;
    FsUsage usage;
    g_assert_true(fs_usage(place->fd, ".", &usage, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(usage.entries, ==, 10002);
    fs_remove_tree(place->fd, "d", &error);
    g_assert_no_error(error);
    make_deep(place->fd, 1000);
    fs_copy_tree(place->fd, "d", place->fd, "copy", &error);
    g_assert_no_error(error);
    g_autofree char *one = digest_tree(place->fd, "d", NULL), *two = digest_tree(place->fd, "copy", NULL);
    g_assert_nonnull(one);
    g_assert_cmpstr(one, ==, two);
}

static void test_deep(Place *place, gconstpointer data)
{
    in_child(deep_trees, place);
}

static void test_copy(Place *place, gconstpointer data)
{
    make_dirs(place->fd, "from/sub/empty");
    write_file(place->fd, "from/sub/f", "content");
    g_assert_cmpint(fchmodat(place->fd, "from/sub/f", 0751, 0), ==, 0);
    g_assert_cmpint(symlinkat("../nowhere", place->fd, "from/link"), ==, 0);
    const struct timespec times[2] = {{1000, 5}, {2000, 7}};
    g_assert_cmpint(utimensat(place->fd, "from/sub/f", times, 0), ==, 0);
    g_assert_cmpint(fchmodat(place->fd, "from/sub", 0555, 0), ==, 0);
    g_assert_cmpint(utimensat(place->fd, "from/sub", times, 0), ==, 0);
    GError *error = NULL;
    g_assert_true(fs_copy_tree(place->fd, "from", place->fd, "to", &error));
    g_assert_no_error(error);
    static const char *const names[] = {".", "link", "sub", "sub/f", "sub/empty"};
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *from = g_strconcat("from/", names[i], NULL), *to = g_strconcat("to/", names[i], NULL);
        struct stat a, b;
        g_assert_cmpint(fstatat(place->fd, from, &a, AT_SYMLINK_NOFOLLOW), ==, 0);
        g_assert_cmpint(fstatat(place->fd, to, &b, AT_SYMLINK_NOFOLLOW), ==, 0);
        g_assert_cmpuint(a.st_mode, ==, b.st_mode);
        g_assert_cmpint(a.st_mtim.tv_sec, ==, b.st_mtim.tv_sec);
        g_assert_cmpint(a.st_mtim.tv_nsec, ==, b.st_mtim.tv_nsec);
        g_assert_cmpuint(a.st_uid, ==, b.st_uid);
    }
    g_autofree char *one = digest_tree(place->fd, "from", NULL), *two = digest_tree(place->fd, "to", NULL);
    g_assert_cmpstr(one, ==, two);
    g_assert_false(fs_copy_tree(place->fd, "from", place->fd, "to", &error));
    assert_fault(error, FAULT_SYSTEM, "cannot copy to 'to': file exists");
}

static void test_copy_owner(Place *place, gconstpointer data)
{
    make_dirs(place->fd, "from");
    write_file(place->fd, "from/f", "x");
    gboolean root = geteuid() == 0;
    uid_t uid = root ? 65534 : geteuid();
    g_assert_true(!root || fchownat(place->fd, "from/f", 65534, 65534, 0) == 0);
    g_assert_cmpint(fchmodat(place->fd, "from/f", 04755, 0), ==, 0);
    g_assert_true(fs_copy_tree(place->fd, "from", place->fd, "to", NULL));
    struct stat st;
    g_assert_cmpint(fstatat(place->fd, "to/f", &st, 0), ==, 0);
    g_assert_cmpuint(st.st_uid, ==, uid);
    g_assert_cmpuint(st.st_mode & 07777, ==, 04755);
}

static void test_copy_fifo(Place *place, gconstpointer data)
{
    make_dirs(place->fd, "from/a");
    g_assert_cmpint(mkfifoat(place->fd, "from/a/fifo", 0600), ==, 0);
    GError *error = NULL;
    g_assert_false(fs_copy_tree(place->fd, "from", place->fd, "to", &error));
    assert_fault(g_steal_pointer(&error), FAULT_SYSTEM, "cannot copy 'fifo': not a file, directory or link");
    g_assert_false(fs_exists(place->fd, "to"));
    g_assert_false(fs_copy_tree(place->fd, "none", place->fd, "to", &error));
    assert_fault(error, FAULT_SYSTEM, "cannot copy 'none': no such file or directory");
}

static void test_copy_part(Place *place, gconstpointer data)
{
    fs_fd int from = fs_open_beneath(place->fd, "from", O_RDWR | O_CREAT, 0600, NULL);
    fs_fd int to = fs_open_beneath(place->fd, "to", O_RDWR | O_CREAT, 0600, NULL);
    char content[16] = "";
    g_assert_cmpint(pwrite(from, "0123456789", 10, 0), ==, 10);
    g_assert_cmpint(pwrite(to, "abcdefghijkl", 12, 0), ==, 12);
    GError *error = NULL;
    g_assert_true(fs_copy_part(from, to, 2, 3, &error));
    g_assert_no_error(error);
    g_assert_cmpint(pread(to, content, sizeof content, 0), ==, 12);
    g_assert_cmpstr(content, ==, "ab234fghijkl");
    g_assert_false(fs_copy_part(from, to, 8, 3, &error));
    assert_fault(error, FAULT_SYSTEM, "cannot copy: the file has ended");
    g_assert_cmpint(pread(to, content, sizeof content, 0), ==, 12);
    g_assert_cmpstr(content, ==, "ab234fgh89kl");
}

static void test_copy_content(Place *place, gconstpointer data)
{
    fs_fd int from = fs_open_beneath(place->fd, "from", O_RDWR | O_CREAT, 0600, NULL);
    fs_fd int to = fs_open_beneath(place->fd, "to", O_RDWR | O_CREAT, 0600, NULL);
    g_assert_cmpint(pwrite(from, "start", 5, 0), ==, 5);
    g_assert_cmpint(pwrite(from, "end", 3, 64 << 20), ==, 3);
    g_assert_cmpint(ftruncate(from, (64 << 20) + 5000), ==, 0);
    g_assert_cmpint(pwrite(to, "something longer that must go", 29, 100), ==, 29);
    gboolean shared = TRUE;
    GError *error = NULL;
    g_assert_true(fs_copy_content(from, to, &shared, &error));
    g_assert_no_error(error);
    guint64 size_from = 0, size_to = 0;
    g_autofree char *one = digest_fd(from, &size_from, NULL), *two = digest_fd(to, &size_to, NULL);
    g_assert_cmpuint(size_from, ==, (64 << 20) + 5000);
    g_assert_cmpuint(size_to, ==, size_from);
    g_assert_cmpstr(one, ==, two);
    struct stat st;
    g_assert_cmpint(fstat(to, &st), ==, 0);
    g_assert_true(shared || st.st_blocks * 512 < 1 << 20);
    int pipe_fds[2];
    g_assert_cmpint(pipe(pipe_fds), ==, 0);
    g_assert_false(fs_copy_content(pipe_fds[0], to, NULL, &error));
    assert_fault(error, FAULT_SYSTEM, "cannot copy: invalid argument");
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

static gboolean note_path(int parent, const char *name, const char *path, const struct stat *st, gpointer data,
                          GError **error)
{
    g_string_append_printf(data, "%s%s ", path, S_ISDIR(st->st_mode) ? "/" : "");
    return !g_str_has_suffix(path, "stop") || fault_set(error, FAULT_USAGE, "stopped");
}

static void test_walk(Place *place, gconstpointer data)
{
    make_dirs(place->fd, "t/b/z");
    make_dirs(place->fd, "t/a");
    write_file(place->fd, "t/a.x", "");
    write_file(place->fd, "t/a/B", "");
    write_file(place->fd, "t/a/a", "");
    g_assert_cmpint(symlinkat("a", place->fd, "t/c"), ==, 0);
    g_autoptr(GString) seen = g_string_new(NULL);
    GError *error = NULL;
    g_assert_true(fs_walk(place->fd, "t", note_path, seen, &error));
    g_assert_cmpstr(seen->str, ==, "a/ a/B a/a a.x b/ b/z/ c ");
    write_file(place->fd, "t/a/Stop-and-stop", "");
    g_string_truncate(seen, 0);
    g_assert_false(fs_walk(place->fd, "t", note_path, seen, &error));
    assert_fault(error, FAULT_USAGE, "stopped");
    g_assert_cmpstr(seen->str, ==, "a/ a/B a/Stop-and-stop ");
}

static void test_usage(Place *place, gconstpointer data)
{
    make_dirs(place->fd, "t");
    g_autofree char *bytes = g_malloc0(100000);
    g_assert_true(fs_write_atomic(place->fd, "t/a", bytes, 100000, 0644, NULL));
    FsUsage once, twice, file;
    g_assert_true(fs_usage(place->fd, "t", &once, NULL));
    g_assert_cmpuint(once.entries, ==, 2);
    g_assert_cmpuint(once.bytes, >=, 100000);
    g_assert_cmpint(linkat(place->fd, "t/a", place->fd, "t/b", 0), ==, 0);
    g_assert_true(fs_usage(place->fd, "t", &twice, NULL));
    g_assert_cmpuint(twice.entries, ==, 3);
    g_assert_cmpuint(twice.bytes, ==, once.bytes);
    g_assert_true(fs_usage(place->fd, "t/a", &file, NULL));
    g_assert_cmpuint(file.entries, ==, 1);
}

static void test_room(Place *place, gconstpointer data)
{
    g_autofree char *missing = g_strconcat(place->path, "/not/yet/there", NULL);
    FsRoom room, parent;
    GError *error = NULL;
    g_assert_true(fs_room(missing, &room, &error));
    g_assert_no_error(error);
    g_assert_true(fs_room(place->path, &parent, NULL));
    g_assert_true(room.device == parent.device);
    g_assert_cmpuint(room.free_bytes, >, 0);
    g_assert_cmpuint(room.free_inodes, >, 0);
}

static void test_reserve(Place *place, gconstpointer data)
{
    GError *error = NULL;
    g_assert_true(fs_reserve(place->fd, "reserve", 1 << 20, &error));
    g_assert_no_error(error);
    FsUsage usage;
    g_assert_true(fs_usage(place->fd, "reserve", &usage, NULL));
    g_assert_cmpuint(usage.bytes, >=, 1 << 20);
    g_assert_true(fs_reserve(place->fd, "empty", 0, NULL));
    g_assert_true(fs_sync_dir(place->fd, NULL));
    g_assert_true(fs_sync_file_system(place->fd, NULL));
}

static void add(const char *name, void (*test)(Place *, gconstpointer))
{
    g_test_add(name, Place, NULL, set_up, test, tear_down);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add("/fs/a file is replaced as a whole", test_write);
    add("/fs/a link in the place of a file is replaced not followed", test_write_over_link);
    add("/fs/a write that fails leaves the old file and nothing else", test_write_fails);
    add("/fs/a full disk is told and leaves the old file", test_full_disk);
    add("/fs/reading refuses what is absent or too long or no file", test_read_refuses);
    add("/fs/a planted link is refused at every component", test_planted_links);
    add("/fs/no path leaves its directory", test_leaving);
    add("/fs/a newline in a name stays out of fault texts", test_newline);
    g_test_add_func("/fs/paths are shown on one line", test_display);
    add("/fs/directories get the mode asked for whatever the umask", test_make_dirs);
    add("/fs/a link is switched and a file is not overwritten by it", test_link);
    add("/fs/a reader never finds the link missing", test_link_is_never_missing);
    add("/fs/renaming names both ends", test_rename);
    add("/fs/another file system is neither renamed into nor emptied", test_other_file_system);
    add("/fs/removing a tree follows no link", test_remove);
    add("/fs/removing clears read-only directories of ours", test_remove_read_only);
    add("/fs/ten thousand levels need few descriptors", test_deep);
    add("/fs/a copy has the modes and times of the original", test_copy);
    add("/fs/a copy has the owners of the original", test_copy_owner);
    add("/fs/a copy that is refused leaves nothing", test_copy_fifo);
    add("/fs/a copied content keeps its holes", test_copy_content);
    add("/fs/a copied part touches nothing beside it", test_copy_part);
    add("/fs/a walk is in order and can be ended", test_walk);
    add("/fs/files with several names count once", test_usage);
    add("/fs/room is that of the nearest parent", test_room);
    add("/fs/room can be reserved", test_reserve);
    return g_test_run();
}
