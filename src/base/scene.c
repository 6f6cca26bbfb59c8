/* SPDX-License-Identifier: Apache-2.0 */
/* A scene: namespaces for processes, mounts and network, with an overlay over the stage. */
#include "base/scene.h"
#include "base/fault.h"
#include "base/fs.h"
#include "base/namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NOT_BUILT = 126, KILLED = 127 };

/* What programs may always write to, wherever it is not above the scene itself. */
static const char *const own_places[] = {"/tmp", "/var/tmp", "/dev/shm"};

static gboolean refuse(GError **error, const char *what)
{
    return fault_errno(error, FAULT_REQUIREMENT, errno, "this host gives no place for a rehearsal: %s", what);
}

static gboolean unshare_all(GError **error)
{
    const int flags = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWIPC;
    g_autofree char *users = g_strdup_printf("%u %u 1", (unsigned)geteuid(), (unsigned)geteuid());
    g_autofree char *groups = g_strdup_printf("%u %u 1", (unsigned)getegid(), (unsigned)getegid());
    return namespaces_unshare(flags, users, groups) || refuse(error, "namespaces");
}

/* --- mounts --- */

static gboolean is_below(const char *path, const char *directory)
{
    gsize size = strlen(directory);
    return strncmp(path, directory, size) == 0 && (path[size] == '/' || path[size] == '\0');
}

/* overlayfs's options take ':' and ',' and '\' only behind a backslash. */
static void append_escaped(GString *options, const char *key, const char *path)
{
    g_string_append_printf(options, "%s%s=", options->len > 0 ? "," : "", key);
    for (; *path; path++) {
        if (strchr(":,\\", *path))
            g_string_append_c(options, '\\');
        g_string_append_c(options, *path);
    }
}

static gboolean mount_stage(const Scene *scene, GError **error)
{
    g_autofree char *upper = g_build_filename(scene->scratch, "changes", NULL);
    g_autofree char *work = g_build_filename(scene->scratch, "work", NULL);
    g_autoptr(GString) options = g_string_new(geteuid() == 0 ? "redirect_dir=on" : "userxattr");
    append_escaped(options, "lowerdir", scene->stage);
    append_escaped(options, "upperdir", upper);
    append_escaped(options, "workdir", work);
    return mount("overlay", scene->stage, "overlay", MS_NOSUID | MS_NODEV, options->str) == 0 ||
           refuse(error, "an overlay of the app's directory");
}

static gboolean mount_own_places(const Scene *scene, GError **error)
{
    for (gsize i = 0; i < G_N_ELEMENTS(own_places); i++) {
        const char *place = own_places[i];
        if (is_below(scene->scratch, place) || is_below(scene->stage, place) || access(place, F_OK) != 0)
            continue;
        if (mount("tmpfs", place, "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777,size=64m") < 0)
            return refuse(error, place);
    }
    for (guint i = 0; scene->empty && i < scene->empty->len; i++) {
        const char *place = g_ptr_array_index(scene->empty, i);
        g_autofree char *options =
            g_strdup_printf("mode=0755,size=16m,uid=%u,gid=%u", (unsigned)scene->uid, (unsigned)scene->gid);
        if (mount("tmpfs", place, "tmpfs", MS_NOSUID | MS_NODEV, options) < 0)
            return refuse(error, place);
    }
    return mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0 || refuse(error, "/proc");
}

/* The scratch directory as it was before all was frozen. */
static gboolean build(const Scene *scene, GError **error)
{
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return refuse(error, "private mounts");
    fs_fd int scratch = (int)syscall(SYS_open_tree, AT_FDCWD, scene->scratch, OPEN_TREE_CLONE | O_CLOEXEC);
    if (scratch < 0)
        return refuse(error, "a scratch directory");
    if (!namespaces_freeze("/"))
        return refuse(error, "read-only mounts");
    if (syscall(SYS_move_mount, scratch, "", AT_FDCWD, scene->scratch, MOVE_MOUNT_F_EMPTY_PATH) < 0)
        return refuse(error, "a scratch directory");
    return mount_stage(scene, error) && mount_own_places(scene, error) &&
           (namespaces_raise_loopback() || refuse(error, "a loopback of its own"));
}

/* --- the first process --- */

static G_GNUC_NORETURN void play(const Scene *scene, int (*act)(gpointer), gpointer data, int problem_fd)
{
    g_autoptr(GError) error = NULL;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (!build(scene, &error)) {
        fs_write_all(problem_fd, error->message, strlen(error->message));
        _exit(NOT_BUILT);
    }
    close(problem_fd);
    int status = act(data);
    fflush(NULL);
    _exit(status);
}

static gboolean make_directories(const Scene *scene, GError **error)
{
    static const char *const names[] = {"changes", "work"};
    fs_fd int fd = fs_open_dir(scene->scratch, error);
    for (gsize i = 0; fd >= 0 && i < G_N_ELEMENTS(names); i++)
        if (!fs_make_dirs(fd, names[i], 0700, error))
            return FALSE;
    /* What the app sees as its directory has the mode of `changes`. */
    struct stat st;
    if (fd < 0 || stat(scene->stage, &st) < 0)
        return fd < 0 ? FALSE : fault_errno(error, FAULT_SYSTEM, errno, "cannot read %s", scene->stage);
    fs_fd int changes = fs_open_beneath(fd, "changes", O_RDONLY | O_DIRECTORY, 0, error);
    if (changes < 0)
        return FALSE;
    if ((geteuid() == 0 && fchown(changes, st.st_uid, st.st_gid) < 0) || fchmod(changes, st.st_mode & 0777) < 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot prepare %s", scene->scratch);
    return TRUE;
}

static gboolean await(pid_t pid, int problem_fd, int *status, GError **error)
{
    char problem[1024];
    gsize used = 0;
    for (gssize n; used < sizeof problem - 1 && (n = read(problem_fd, problem + used, sizeof problem - 1 - used)) > 0;)
        used += (gsize)n;
    problem[used] = '\0';
    int raw;
    while (waitpid(pid, &raw, 0) < 0)
        if (errno != EINTR)
            return fault_errno(error, FAULT_SYSTEM, errno, "cannot wait for the rehearsal");
    *status = WIFEXITED(raw) ? WEXITSTATUS(raw) : KILLED;
    if (*status == NOT_BUILT)
        return fault_set(error, FAULT_REQUIREMENT, "%s", problem);
    return TRUE;
}

/* The namespace of processes is for children: the child that is made next is its first, and takes all others with it.
 */
gboolean scene_run(const Scene *scene, int (*act)(gpointer data), gpointer data, int *status, GError **error)
{
    int problem[2];
    if (!make_directories(scene, error) || !unshare_all(error))
        return FALSE;
    if (pipe2(problem, O_CLOEXEC) < 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot make a pipe");
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        play(scene, act, data, problem[1]);
    close(problem[1]);
    gboolean good = pid > 0 ? await(pid, problem[0], status, error) : refuse(error, "processes of its own");
    close(problem[0]);
    return good;
}
