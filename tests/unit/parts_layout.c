/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the layout "releases": what goes live, what comes back, and who can get in the way. */
#include "base/digest.h"
#include "base/fault.h"
#include "base/fs.h"
#include "base/remote.h"
#include "parts/layout/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

enum { APP = 65534, CHILD = 65533 };

/* The host of a test need not have the children's own user: any that is not ours will do. */
gboolean remote_child_user(uid_t *uid, gid_t *gid, GError **error)
{
    *uid = *gid = CHILD;
    return TRUE;
}

static gboolean is_root(void)
{
    return geteuid() == 0;
}

typedef struct Scene {
    char *directory;
    HostPlace *host;
    Place *place;
    PartContext context;
    Manifest manifest;
    const LayoutDriver *layout;
} Scene;

static void scene_set(Scene *scene, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    scene->directory = g_dir_make_tmp("liftlock-XXXXXX", &error);
    g_assert_no_error(error);
    g_assert_no_errno(chmod(scene->directory, 0755));
    scene->host = host_place_new(scene->directory);
    scene->place = place_new(scene->host, "bookshelf", NULL);
    scene->place->user = g_strdup("nobody");
    scene->place->uid = scene->place->gid = APP;
    scene->place->change_user = is_root();
    scene->context = (PartContext){.place = scene->place, .job = "7", .lock_fd = -1};
    scene->manifest = (Manifest){.shared = g_ptr_array_new_with_free_func(g_free)};
    scene->layout = layout_find(LAYOUT_RELEASES, &error);
    g_assert_no_error(error);
}

static void scene_clear(Scene *scene, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    fs_fd int top = fs_open_dir("/", NULL);
    fs_remove_tree(top, scene->directory + 1, &error);
    g_assert_no_error(error);
    g_ptr_array_unref(scene->manifest.shared);
    place_free(scene->place);
    host_place_free(scene->host);
    g_free(scene->directory);
}

/* --- words of the tests --- */

static char *in_root(const Scene *scene, const char *path)
{
    return g_build_filename(scene->place->root, path, NULL);
}

static void put(const Scene *scene, const char *path, const char *text)
{
    g_autofree char *full = in_root(scene, path);
    g_autofree char *above = g_path_get_dirname(full);
    g_assert_cmpint(g_mkdir_with_parents(above, 0755), ==, 0);
    g_assert_true(g_file_set_contents(full, text, -1, NULL));
}

static void assert_text(const Scene *scene, const char *path, const char *expected)
{
    g_autofree char *full = in_root(scene, path), *text = NULL;
    g_assert_true(g_file_get_contents(full, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, expected);
}

static gboolean exists(const Scene *scene, const char *path)
{
    struct stat st;
    g_autofree char *full = in_root(scene, path);
    return lstat(full, &st) == 0;
}

static struct stat look(const Scene *scene, const char *path)
{
    struct stat st = {0};
    g_autofree char *full = in_root(scene, path);
    g_assert_no_errno(lstat(full, &st));
    return st;
}

static void assert_link(const Scene *scene, const char *path, const char *target)
{
    g_autofree char *full = in_root(scene, path);
    g_autofree char *now = g_file_read_link(full, NULL);
    g_assert_cmpstr(now, ==, target);
}

static void share(Scene *scene, const char *path, DataClass class_)
{
    SharedPath *shared = g_new0(SharedPath, 1);
    shared->path = (char *)path;
    shared->class_ = class_;
    g_ptr_array_add(scene->manifest.shared, shared);
}

static void prepare(const Scene *scene, const char *version)
{
    g_autoptr(GError) error = NULL;
    fs_fd int fd = scene->layout->prepare(&scene->context, version, &error);
    g_assert_no_error(error);
    g_assert_cmpint(fd, >=, 0);
    struct stat st;
    g_assert_no_errno(fstat(fd, &st));
    g_assert_cmpuint(st.st_mode & 07777, ==, 0700);
    g_assert_cmpuint(st.st_uid, ==, is_root() ? CHILD : geteuid());
}

static void furnish(const Scene *scene, const char *version)
{
    g_autoptr(GError) error = NULL;
    scene->layout->furnish(&scene->context, &scene->manifest, version, &error);
    g_assert_no_error(error);
}

static char *seal(const Scene *scene, const char *version)
{
    g_autoptr(GError) error = NULL;
    char *digest = NULL;
    scene->layout->seal(&scene->context, version, &digest, &error);
    g_assert_no_error(error);
    g_assert_true(digest_is_valid(digest));
    return digest;
}

/* A sealed release of one file, pending. */
static char *release(const Scene *scene, const char *version, const char *text)
{
    g_autofree char *file = g_strdup_printf("releases/%s.partial/app.txt", version);
    prepare(scene, version);
    put(scene, file, text);
    furnish(scene, version);
    return seal(scene, version);
}

static void activate(const Scene *scene, const char *version)
{
    g_autoptr(GError) error = NULL;
    scene->layout->activate(&scene->context, version, &error);
    g_assert_no_error(error);
}

static void install(const Scene *scene, const char *version, const char *text)
{
    g_free(release(scene, version, text));
    activate(scene, version);
}

static void assert_current(const Scene *scene, const char *expected)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *version = scene->layout->current(scene->place, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(version, ==, expected);
}

static int compare_text(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void assert_present(const Scene *scene, const char *expected)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) versions = scene->layout->present(scene->place, &error);
    g_assert_no_error(error);
    g_ptr_array_sort(versions, compare_text);
    g_ptr_array_add(versions, NULL);
    g_autofree char *text = g_strjoinv(" ", (char **)versions->pdata);
    g_assert_cmpstr(text, ==, expected);
}

static void assert_fault(const GError *error, enum fault_code code, const char *text)
{
    g_assert_error(error, FAULT, (int)code);
    g_assert_cmpstr(error->message, ==, text);
}

/* --- the way of a release --- */

static void whole_way(Scene *scene, gconstpointer unused)
{
    assert_current(scene, NULL);
    assert_present(scene, "");
    g_autofree char *digest = release(scene, "2.1.0", "two");
    g_autoptr(GError) error = NULL;
    g_assert_true(scene->layout->verify(scene->place, "2.1.0", digest, &error));
    assert_present(scene, "");
    activate(scene, "2.1.0");
    activate(scene, "2.1.0");
    assert_current(scene, "2.1.0");
    assert_present(scene, "2.1.0");
    assert_text(scene, "current/app.txt", "two");
    assert_link(scene, "current", "releases/2.1.0");
    g_assert_true(scene->layout->verify(scene->place, "2.1.0", digest, &error));
}

static void staged(Scene *scene, gconstpointer unused)
{
    static const char *const suffixes[] = {".partial", ".pending", ""};
    for (guint i = 0; i < G_N_ELEMENTS(suffixes); i++) {
        if (i == 0)
            prepare(scene, "1.0");
        else if (i == 1)
            g_free(release(scene, "1.0", "one"));
        else
            activate(scene, "1.0");
        g_autofree char *path = NULL, *shown_as = NULL, *expected = place_release(scene->place, "1.0", suffixes[i]);
        scene->layout->staged(scene->place, "1.0", &path, &shown_as);
        g_assert_cmpstr(path, ==, expected);
        g_assert_true(g_str_has_suffix(shown_as, "/opt/bookshelf/releases/1.0"));
    }
}

static void prepare_again(Scene *scene, gconstpointer unused)
{
    prepare(scene, "1.0");
    put(scene, "releases/1.0.partial/deep/half", "x");
    prepare(scene, "1.0");
    g_assert_false(exists(scene, "releases/1.0.partial/deep"));
    g_autoptr(GError) error = NULL;
    g_assert_true(scene->layout->drop_staged(&scene->context, "1.0", &error));
    g_assert_true(scene->layout->drop_staged(&scene->context, "1.0", &error));
    g_assert_false(exists(scene, "releases/1.0.partial"));
}

static void bad_versions(Scene *scene, gconstpointer unused)
{
    static const char *const versions[] = {"../x", "1.0.partial", ".hidden", "a/b", ""};
    for (guint i = 0; i < G_N_ELEMENTS(versions); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *text = g_strdup_printf("version '%s' cannot be the name of a directory", versions[i]);
        g_assert_cmpint(scene->layout->prepare(&scene->context, versions[i], &error), ==, -1);
        assert_fault(error, FAULT_MANIFEST, text);
        g_assert_false(exists(scene, ""));
    }
}

static void other_layouts(void)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(layout_find(LAYOUT_BINARIES, &error));
    assert_fault(error, FAULT_MANIFEST, "layout 'binaries' is not supported yet");
}

/* --- furnishing --- */

static void lifted(Scene *scene, gconstpointer unused)
{
    prepare(scene, "1.0");
    put(scene, "releases/1.0.partial/book/book/inner.txt", "inner");
    put(scene, "releases/1.0.partial/book/liftlock.yaml", "app: book");
    furnish(scene, "1.0");
    assert_text(scene, "releases/1.0.partial/book/inner.txt", "inner");
    assert_text(scene, "releases/1.0.partial/liftlock.yaml", "app: book");
}

static void not_lifted(Scene *scene, gconstpointer unused)
{
    prepare(scene, "1.0");
    put(scene, "releases/1.0.partial/book/inner.txt", "inner");
    put(scene, "releases/1.0.partial/liftlock.yaml", "app: book");
    furnish(scene, "1.0");
    assert_text(scene, "releases/1.0.partial/book/inner.txt", "inner");
}

static void one_file_is_not_lifted(Scene *scene, gconstpointer unused)
{
    prepare(scene, "1.0");
    put(scene, "releases/1.0.partial/app", "x");
    furnish(scene, "1.0");
    assert_text(scene, "releases/1.0.partial/app", "x");
}

static void handed_over(Scene *scene, gconstpointer unused)
{
    prepare(scene, "1.0");
    put(scene, "releases/1.0.partial/bin/run", "x");
    put(scene, "releases/1.0.partial/readme", "x");
    g_autofree char *run = in_root(scene, "releases/1.0.partial/bin/run");
    g_assert_no_errno(chmod(run, 06555));
    furnish(scene, "1.0");
    g_assert_cmpuint(look(scene, "releases/1.0.partial/bin/run").st_mode & 07777, ==, 0755);
    g_assert_cmpuint(look(scene, "releases/1.0.partial").st_mode & 07777, ==, 0755);
    uid_t owner = is_root() ? APP : geteuid();
    g_assert_cmpuint(look(scene, "releases/1.0.partial").st_uid, ==, owner);
    g_assert_cmpuint(look(scene, "releases/1.0.partial/bin").st_uid, ==, owner);
    g_assert_cmpuint(look(scene, "releases/1.0.partial/bin/run").st_uid, ==, owner);
    g_assert_cmpuint(look(scene, "shared").st_uid, ==, owner);
}

static void shared_paths(Scene *scene, gconstpointer unused)
{
    share(scene, ".env", DATA_CONFIG);
    share(scene, "media", DATA_APPEND);
    share(scene, "var/deep/uploads", DATA_STATE);
    share(scene, "plugins", DATA_STATE);
    share(scene, "app.db", DATA_STATE);
    prepare(scene, "1.0");
    put(scene, "releases/1.0.partial/.env", "first");
    put(scene, "releases/1.0.partial/plugins/one/code", "first");
    furnish(scene, "1.0");
    assert_link(scene, "releases/1.0.partial/.env", "../../shared/.env");
    assert_link(scene, "releases/1.0.partial/var/deep/uploads", "../../../../shared/var/deep/uploads");
    assert_text(scene, "shared/.env", "first");
    assert_text(scene, "releases/1.0.partial/plugins/one/code", "first");
    /* Directories are made; a file that nobody shipped is the app's to write, through its link. */
    g_assert_true(S_ISDIR(look(scene, "shared/media").st_mode));
    g_assert_true(S_ISDIR(look(scene, "shared/var/deep/uploads").st_mode));
    g_assert_false(exists(scene, "shared/app.db"));
    put(scene, "shared/app.db", "through");
    assert_text(scene, "releases/1.0.partial/app.db", "through");
    uid_t owner = is_root() ? APP : geteuid();
    static const char *const handed[] = {"shared/.env", "shared/media", "shared/var", "shared/plugins/one/code"};
    for (guint i = 0; i < G_N_ELEMENTS(handed); i++)
        g_assert_cmpuint(look(scene, handed[i]).st_uid, ==, owner);
}

static void seeded_once(Scene *scene, gconstpointer unused)
{
    share(scene, "conf/app.ini", DATA_CONFIG);
    share(scene, "media", DATA_APPEND);
    put(scene, "shared/conf/app.ini", "edited");
    prepare(scene, "2.0");
    put(scene, "releases/2.0.partial/conf/app.ini", "default");
    put(scene, "releases/2.0.partial/conf/other.ini", "other");
    put(scene, "releases/2.0.partial/media/sample", "x");
    furnish(scene, "2.0");
    assert_text(scene, "shared/conf/app.ini", "edited");
    assert_text(scene, "releases/2.0.partial/conf/app.ini", "edited");
    assert_text(scene, "releases/2.0.partial/conf/other.ini", "other");
    assert_text(scene, "shared/media/sample", "x");
    assert_link(scene, "releases/2.0.partial/conf/app.ini", "../../../shared/conf/app.ini");
    prepare(scene, "2.1");
    put(scene, "releases/2.1.partial/media/sample", "newer");
    furnish(scene, "2.1");
    assert_text(scene, "shared/media/sample", "x");
}

static void sqlite_without_extension(Scene *scene, gconstpointer unused)
{
    DataSet set = {.name = (char *)"main", .driver = (char *)"sqlite", .path = (char *)"shared/store"};
    g_autoptr(GPtrArray) data = g_ptr_array_new();
    g_ptr_array_add(data, &set);
    scene->manifest.data = data;
    share(scene, "store", DATA_STATE);
    prepare(scene, "1.0");
    furnish(scene, "1.0");
    g_assert_false(exists(scene, "shared/store"));
    assert_link(scene, "releases/1.0.partial/store", "../../shared/store");
}

static void nested_shared(Scene *scene, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    share(scene, "media", DATA_APPEND);
    share(scene, "media/thumbs", DATA_CACHE);
    prepare(scene, "1.0");
    g_assert_false(scene->layout->furnish(&scene->context, &scene->manifest, "1.0", &error));
    assert_fault(error, FAULT_MANIFEST, "shared path 'media/thumbs' lies inside shared path 'media'");
}

static void shipped_link(Scene *scene, gconstpointer unused)
{
    share(scene, "media", DATA_APPEND);
    prepare(scene, "1.0");
    put(scene, "releases/1.0.partial/real/x", "x");
    g_autofree char *link = in_root(scene, "releases/1.0.partial/media");
    g_assert_no_errno(symlink("real", link));
    furnish(scene, "1.0");
    g_assert_true(S_ISDIR(look(scene, "shared/media").st_mode));
    assert_link(scene, "releases/1.0.partial/media", "../../shared/media");
}

/* --- the app's user in the way --- */

/* A directory that nobody but root should ever touch, and the app's own shared/. */
static char *make_victim(const Scene *scene)
{
    char *victim = g_build_filename(scene->directory, "victim", NULL);
    g_assert_no_errno(mkdir(victim, 0755));
    g_autofree char *shared = in_root(scene, "shared");
    g_assert_cmpint(g_mkdir_with_parents(shared, 0755), ==, 0);
    if (is_root())
        g_assert_no_errno(chown(shared, APP, APP));
    return victim;
}

static void assert_untouched(const char *victim)
{
    struct stat st;
    g_autoptr(GDir) dir = g_dir_open(victim, 0, NULL);
    g_assert_null(g_dir_read_name(dir));
    g_assert_no_errno(stat(victim, &st));
    g_assert_cmpuint(st.st_uid, ==, geteuid());
}

static void planted_parent(Scene *scene, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *victim = make_victim(scene), *link = in_root(scene, "shared/var");
    g_assert_no_errno(symlink(victim, link));
    share(scene, "var/uploads", DATA_STATE);
    prepare(scene, "1.0");
    put(scene, "releases/1.0.partial/var/uploads/x", "x");
    g_assert_false(scene->layout->furnish(&scene->context, &scene->manifest, "1.0", &error));
    assert_fault(error, FAULT_SYSTEM, "shared path 'var/uploads': cannot open 'var': a symbolic link is in the way");
    assert_untouched(victim);
}

static void planted_target(Scene *scene, gconstpointer unused)
{
    g_autofree char *victim = make_victim(scene), *link = in_root(scene, "shared/media");
    g_assert_no_errno(symlink(victim, link));
    share(scene, "media", DATA_STATE);
    prepare(scene, "1.0");
    put(scene, "releases/1.0.partial/media/x", "x");
    furnish(scene, "1.0");
    assert_untouched(victim);
    assert_link(scene, "shared/media", victim);
}

/* A directory, nothing, a link to the victim, nothing: as fast as it can, as the app's user. */
static pid_t start_swapper(const char *shared, const char *victim)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    if ((is_root() && (setgid(APP) < 0 || setuid(APP) < 0)) || chdir(shared) < 0)
        _exit(1);
    for (guint n = 0;; n++) {
        char old[32];
        snprintf(old, sizeof old, "old%u", n);
        mkdir("var", 0755);
        rename("var", old);
        rmdir(old);
        if (symlink(victim, "var") < 0 && errno != EEXIST)
            _exit(2);
        unlink("var");
    }
}

static void swapping_parent(Scene *scene, gconstpointer unused)
{
    g_autofree char *victim = make_victim(scene), *shared = in_root(scene, "shared");
    share(scene, "var/made/here", DATA_STATE);
    share(scene, "var/seeded", DATA_STATE);
    pid_t swapper = start_swapper(shared, victim);
    for (guint i = 0; i < 60; i++) {
        prepare(scene, "1.0");
        put(scene, "releases/1.0.partial/var/seeded/x", "x");
        g_autoptr(GError) error = NULL;
        scene->layout->furnish(&scene->context, &scene->manifest, "1.0", &error);
        assert_untouched(victim);
    }
    g_assert_no_errno(kill(swapper, SIGKILL));
    int status;
    g_assert_no_errno(waitpid(swapper, &status, 0));
    g_assert_true(WIFSIGNALED(status)); /* it was at it until the end */
    assert_untouched(victim);
}

static void reachable_root(Scene *scene, gconstpointer unused)
{
    static const char *const places[] = {"", "..", "../.."};
    prepare(scene, "1.0");
    for (guint i = 0; i < G_N_ELEMENTS(places); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *joined = in_root(scene, places[i]), *path = g_canonicalize_filename(joined, NULL);
        g_assert_no_errno(chmod(path, 0757));
        g_autofree char *version = scene->layout->current(scene->place, &error);
        g_assert_null(version);
        g_autofree char *text = g_strdup_printf(
            "%s: the app's user 'nobody' may write here\nchown root:root %s && chmod go-w %s", path, path, path);
        if (is_root())
            assert_fault(error, FAULT_CONFIG, text);
        else
            g_assert_no_error(error);
        /* A sticky one above is as good as closed. */
        g_clear_error(&error);
        g_assert_no_errno(chmod(path, 01757));
        g_free(scene->layout->current(scene->place, &error));
        if (is_root() && i == 0)
            assert_fault(error, FAULT_CONFIG, text);
        else
            g_assert_no_error(error);
        g_assert_no_errno(chmod(path, 0755));
    }
}

/* --- sealing --- */

static void nobody_writes(Scene *scene, gconstpointer unused)
{
    prepare(scene, "1.0");
    put(scene, "releases/1.0.partial/bin/run", "x");
    put(scene, "releases/1.0.partial/secret", "x");
    furnish(scene, "1.0");
    g_autofree char *run = in_root(scene, "releases/1.0.partial/bin/run");
    g_autofree char *secret = in_root(scene, "releases/1.0.partial/secret");
    g_assert_no_errno(chmod(run, 06777));
    g_assert_no_errno(chmod(secret, 0600));
    g_free(seal(scene, "1.0"));
    g_assert_cmpuint(look(scene, "releases/1.0.pending").st_mode & 07777, ==, 0555);
    g_assert_cmpuint(look(scene, "releases/1.0.pending/bin").st_mode & 07777, ==, 0555);
    g_assert_cmpuint(look(scene, "releases/1.0.pending/bin/run").st_mode & 07777, ==, 0555);
    /* What the app's user could read as owner it reads as group, and nobody else does. */
    struct stat st = look(scene, "releases/1.0.pending/secret");
    g_assert_cmpuint(st.st_mode & 07777, ==, is_root() ? 0440 : 0400);
    g_assert_cmpuint(st.st_uid, ==, geteuid());
    if (is_root())
        g_assert_cmpuint(st.st_gid, ==, APP);
}

static void second_names(Scene *scene, gconstpointer unused)
{
    prepare(scene, "1.0");
    put(scene, "releases/1.0.partial/one", "same");
    furnish(scene, "1.0");
    g_autofree char *one = in_root(scene, "releases/1.0.partial/one"),
                    *two = in_root(scene, "releases/1.0.partial/two");
    g_autofree char *outside = in_root(scene, "shared/outside");
    g_assert_no_errno(link(one, two));
    g_assert_no_errno(link(one, outside));
    const struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 2000}};
    g_assert_no_errno(utimensat(AT_FDCWD, one, times, 0));
    g_autofree char *digest = seal(scene, "1.0");
    /* Whoever holds the other name still owns it, and writes into nothing but that. */
    g_assert_cmpuint(look(scene, "shared/outside").st_uid, ==, is_root() ? APP : geteuid());
    fs_fd int fd = open(outside, O_WRONLY | O_CLOEXEC);
    g_assert_cmpint(write(fd, "othr", 4), ==, 4);
    assert_text(scene, "releases/1.0.pending/one", "same");
    assert_text(scene, "releases/1.0.pending/two", "same");
    g_assert_cmpuint(look(scene, "releases/1.0.pending/one").st_nlink, ==, 1);
    g_assert_cmpint(look(scene, "releases/1.0.pending/one").st_mtime, ==, 2000);
    g_autoptr(GError) error = NULL;
    g_assert_true(scene->layout->verify(scene->place, "1.0", digest, &error));
}

/* A second name of a file that is not the app's: sealed, it would be read to everybody in the group. */
static void foreign_second_name(Scene *scene, gconstpointer unused)
{
    prepare(scene, "1.0");
    furnish(scene, "1.0");
    put(scene, "secret", "root's");
    g_autofree char *secret = in_root(scene, "secret"), *twin = in_root(scene, "releases/1.0.partial/twin");
    g_assert_no_errno(chmod(secret, 0600));
    g_assert_no_errno(link(secret, twin));
    g_autoptr(GError) error = NULL;
    g_autofree char *digest = NULL;
    gboolean sealed = scene->layout->seal(&scene->context, "1.0", &digest, &error);
    struct stat st = look(scene, "secret");
    g_assert_cmpuint(st.st_mode & 07777, ==, 0600);
    g_assert_cmpuint(st.st_uid, ==, geteuid());
    if (is_root())
        assert_fault(error, FAULT_BUILD, "releases/1.0/twin: a second name of a file that is not the app's");
    else
        g_assert_true(sealed);
}

/* What is shared with a sealed release stays as it is there, and what is the app's to write is shared with nobody.
 * Without root nothing is: the same user could write it. */
static void kin_stays_sealed(Scene *scene, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *old = release(scene, "1.0", "same");
    activate(scene, "1.0");
    struct stat before = look(scene, "releases/1.0/app.txt");
    scene->context.kin = "1.0";
    share(scene, "settings.ini", DATA_CONFIG);
    prepare(scene, "2.0");
    g_autofree char *from = in_root(scene, "releases/1.0/app.txt"),
                    *kept = in_root(scene, "releases/2.0.partial/moved.txt"),
                    *own = in_root(scene, "releases/2.0.partial/settings.ini");
    g_assert_no_errno(link(from, own));
    if (is_root())
        g_assert_no_errno(link(from, kept));
    put(scene, "releases/2.0.partial/new.txt", "new");
    furnish(scene, "2.0");
    g_autofree char *digest = seal(scene, "2.0");
    struct stat after = look(scene, "releases/1.0/app.txt"), settings = look(scene, "shared/settings.ini");
    if (is_root()) {
        g_assert_cmpuint(look(scene, "releases/2.0.pending/moved.txt").st_ino, ==, before.st_ino);
        g_assert_cmpuint(after.st_mode, ==, before.st_mode);
        g_assert_cmpuint(after.st_uid, ==, before.st_uid);
        g_assert_cmpuint(after.st_gid, ==, before.st_gid);
        g_assert_cmpuint(settings.st_ino, !=, before.st_ino);
        g_assert_cmpuint(settings.st_uid, ==, APP);
        scene->layout->verify(scene->place, "1.0", old, &error);
        g_assert_no_error(error);
    }
    g_assert_cmpuint(settings.st_mode & 0600, ==, 0600);
    scene->layout->verify(scene->place, "2.0", digest, &error);
    g_assert_no_error(error);
}

static void odd_entry(Scene *scene, gconstpointer unused)
{
    prepare(scene, "1.0");
    furnish(scene, "1.0");
    g_autofree char *fifo = in_root(scene, "releases/1.0.partial/pipe");
    g_assert_no_errno(mkfifo(fifo, 0600));
    g_autoptr(GError) error = NULL;
    g_autofree char *digest = NULL;
    g_assert_false(scene->layout->seal(&scene->context, "1.0", &digest, &error));
    assert_fault(error, FAULT_BUILD, "releases/1.0/pipe: not a file, directory or link");
    g_assert_false(exists(scene, "releases/1.0.pending"));
}

static void sealed_again(Scene *scene, gconstpointer unused)
{
    g_autofree char *first = release(scene, "1.0", "first");
    g_autofree char *second = release(scene, "1.0", "second");
    g_assert_cmpstr(first, !=, second);
    assert_text(scene, "releases/1.0.pending/app.txt", "second");
}

static void verify_says(Scene *scene, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *digest = release(scene, "1.0", "one");
    activate(scene, "1.0");
    g_assert_false(scene->layout->verify(scene->place, "2.0", digest, &error));
    assert_fault(error, FAULT_STATE, "release 2.0 is not on disk");
    g_clear_error(&error);

    g_autofree char *file = in_root(scene, "releases/1.0/app.txt");
    g_assert_no_errno(chmod(file, 0644));
    g_assert_false(scene->layout->verify(scene->place, "1.0", digest, &error));
    assert_fault(error, FAULT_STATE, "releases/1.0/app.txt: may be written to");
    g_clear_error(&error);

    int fd = open(file, O_WRONLY | O_CLOEXEC);
    g_assert_cmpint(write(fd, "ten", 3), ==, 3);
    close(fd);
    g_assert_no_errno(chmod(file, 0444));
    g_assert_false(scene->layout->verify(scene->place, "1.0", digest, &error));
    g_assert_error(error, FAULT, FAULT_STATE);
    g_autofree char *text = fault_text(error), *hint = fault_hint_of(error);
    g_assert_cmpstr(text, ==, "releases/1.0: not the tree that was sealed");
    g_assert_true(g_str_has_prefix(hint, "its digest is ") && g_str_has_suffix(hint, digest));
    g_clear_error(&error);

    g_autofree char *top = in_root(scene, "releases/1.0");
    g_assert_no_errno(chmod(top, 0755));
    g_assert_false(scene->layout->verify(scene->place, "1.0", digest, &error));
    assert_fault(error, FAULT_STATE, "releases/1.0: may be written to");
    g_clear_error(&error);
    g_assert_no_errno(chmod(top, 0555));
    if (is_root()) {
        g_assert_no_errno(chown(file, APP, APP));
        g_assert_false(scene->layout->verify(scene->place, "1.0", digest, &error));
        assert_fault(error, FAULT_STATE, "releases/1.0/app.txt: belongs to somebody else");
    }
}

/* --- the switch, from every state that a crash can leave --- */

static void both_there(Scene *scene, gconstpointer unused)
{
    install(scene, "1.0", "one");
    g_free(release(scene, "1.0", "one"));
    g_assert_true(exists(scene, "releases/1.0.pending"));
    activate(scene, "1.0");
    g_assert_false(exists(scene, "releases/1.0.pending"));
    g_assert_false(exists(scene, "releases/1.0.partial"));
    assert_current(scene, "1.0");

    g_autoptr(GError) error = NULL;
    g_free(release(scene, "1.0", "other"));
    g_assert_false(scene->layout->activate(&scene->context, "1.0", &error));
    assert_fault(error, FAULT_STATE,
                 "releases/1.0 is there already, and is not the tree that was sealed\n"
                 "if nothing uses it, remove it: rm -r releases/1.0");
    assert_text(scene, "current/app.txt", "one");
    assert_text(scene, "releases/1.0.pending/app.txt", "other");
}

/* The double was half removed when the power went: it is out of its name by then. */
static void half_removed_double(Scene *scene, gconstpointer unused)
{
    install(scene, "1.0", "one");
    g_free(release(scene, "1.0", "one"));
    g_autofree char *from = in_root(scene, "releases/1.0.pending"), *to = in_root(scene, "releases/1.0.partial");
    g_assert_no_errno(rename(from, to));
    activate(scene, "1.0");
    assert_text(scene, "current/app.txt", "one");
}

static void activate_states(Scene *scene, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    install(scene, "1.0", "one");
    g_assert_false(scene->layout->activate(&scene->context, "2.0", &error));
    assert_fault(error, FAULT_STATE, "release 2.0 is not on disk");
    assert_current(scene, "1.0");
    /* Renamed, but not yet linked. */
    g_free(release(scene, "2.0", "two"));
    g_autofree char *from = in_root(scene, "releases/2.0.pending"), *to = in_root(scene, "releases/2.0");
    g_assert_no_errno(rename(from, to));
    activate(scene, "2.0");
    assert_current(scene, "2.0");
}

static void prepare_revert(const Scene *scene, const char *back)
{
    g_autoptr(GError) error = NULL;
    scene->layout->prepare_revert(&scene->context, back, &error);
    g_assert_no_error(error);
}

static void revert(const Scene *scene, const char *back)
{
    g_autoptr(GError) error = NULL;
    scene->layout->revert(&scene->context, back, &error);
    g_assert_no_error(error);
}

static void revert_states(Scene *scene, gconstpointer unused)
{
    g_autofree char *current = in_root(scene, "current"), *back = in_root(scene, "current.back");
    install(scene, "1.0", "one");
    g_free(release(scene, "2.0", "two"));
    prepare_revert(scene, "1.0");
    assert_link(scene, "current.back", "releases/1.0");
    /* Before the switch. */
    revert(scene, "1.0");
    assert_current(scene, "1.0");
    /* After it: by the link that was prepared. */
    prepare_revert(scene, "1.0");
    activate(scene, "2.0");
    revert(scene, "1.0");
    assert_current(scene, "1.0");
    g_assert_false(exists(scene, "current.back"));
    /* Once more, when it was done. */
    revert(scene, "1.0");
    assert_current(scene, "1.0");
    /* Without the link that was prepared. */
    activate(scene, "2.0");
    revert(scene, "1.0");
    assert_current(scene, "1.0");
    /* With one that an earlier job left. */
    activate(scene, "2.0");
    g_assert_no_errno(symlink("releases/0.9", back));
    revert(scene, "1.0");
    assert_current(scene, "1.0");
    assert_link(scene, "current.back", "releases/0.9");
    prepare_revert(scene, NULL);
    g_assert_false(exists(scene, "current.back"));
    prepare_revert(scene, NULL);
    /* With the switch gone. */
    g_assert_no_errno(unlink(current));
    revert(scene, "1.0");
    assert_current(scene, "1.0");
}

static void revert_to_nothing(Scene *scene, gconstpointer unused)
{
    revert(scene, NULL);
    install(scene, "1.0", "one");
    revert(scene, NULL);
    assert_current(scene, NULL);
    assert_present(scene, "1.0");
    revert(scene, NULL);
    g_assert_false(exists(scene, "current"));
}

static void revert_to_missing(Scene *scene, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    install(scene, "2.0", "two");
    g_assert_false(scene->layout->revert(&scene->context, "1.0", &error));
    assert_fault(error, FAULT_STATE, "release 1.0 is not on disk");
    g_clear_error(&error);
    g_assert_false(scene->layout->prepare_revert(&scene->context, "1.0", &error));
    assert_fault(error, FAULT_STATE, "release 1.0 is not on disk");
    assert_current(scene, "2.0");
}

static void no_link_of_ours(Scene *scene, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    install(scene, "1.0", "one");
    g_autofree char *current = in_root(scene, "current");
    g_assert_no_errno(unlink(current));
    g_assert_no_errno(symlink("../elsewhere", current));
    g_assert_null(scene->layout->current(scene->place, &error));
    assert_fault(error, FAULT_STATE,
                 "current points to '../elsewhere', which is no release\n"
                 "make it point to releases/VERSION again: see 'liftlock playbook'");
    g_clear_error(&error);
    g_assert_false(scene->layout->remove(scene->place, "1.0", &error));
    g_assert_error(error, FAULT, FAULT_STATE);
    g_clear_error(&error);
    g_assert_no_errno(unlink(current));
    put(scene, "current/file", "a directory of the operator's");
    prepare_revert(scene, "1.0");
    g_assert_false(scene->layout->revert(&scene->context, "1.0", &error));
    assert_fault(error, FAULT_SYSTEM, "'current' is not a symbolic link");
    g_clear_error(&error);
    g_assert_false(scene->layout->activate(&scene->context, "1.0", &error));
    assert_fault(error, FAULT_SYSTEM, "'current' is not a symbolic link");
    assert_text(scene, "current/file", "a directory of the operator's");
}

static void removing(Scene *scene, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(scene->layout->remove(scene->place, "0.9", &error));
    install(scene, "1.0", "one");
    install(scene, "2.0", "two");
    g_assert_false(scene->layout->remove(scene->place, "2.0", &error));
    assert_fault(error, FAULT_POLICY, "release 2.0 is live");
    g_clear_error(&error);
    g_assert_true(scene->layout->remove(scene->place, "1.0", &error));
    g_assert_true(scene->layout->remove(scene->place, "1.0", &error));
    g_assert_no_error(error);
    assert_present(scene, "2.0");
    g_assert_false(exists(scene, "releases/1.0.partial"));
    g_free(release(scene, "3.0", "three"));
    g_assert_true(scene->layout->remove(scene->place, "3.0", &error));
    g_assert_false(exists(scene, "releases/3.0.pending"));
}

/* --- power and room --- */

/* Switches to and fro until it is killed. */
static void switch_forever(const Scene *scene)
{
    for (;;)
        if (!scene->layout->prepare_revert(&scene->context, "1.0", NULL) ||
            !scene->layout->activate(&scene->context, "2.0", NULL) ||
            !scene->layout->revert(&scene->context, "1.0", NULL))
            _exit(1);
}

/* As users' requests see it, at every moment. */
static gboolean always_there(const Scene *scene, gint64 until_us)
{
    g_autofree char *path = g_build_filename(scene->place->root, "current", NULL);
    gboolean good;
    do {
        g_autofree char *target = g_file_read_link(path, NULL);
        good = g_strcmp0(target, "releases/1.0") == 0 || g_strcmp0(target, "releases/2.0") == 0;
    } while (good && g_get_monotonic_time() < until_us);
    return good;
}

static void killed_anywhere(Scene *scene, gconstpointer unused)
{
    install(scene, "1.0", "one");
    g_free(release(scene, "2.0", "two"));
    for (guint i = 0; i < 40; i++) {
        pid_t pid = fork();
        if (pid == 0)
            switch_forever(scene);
        gboolean good = always_there(scene, g_get_monotonic_time() + g_test_rand_int_range(0, 20000));
        g_assert_no_errno(kill(pid, SIGKILL));
        int status;
        g_assert_no_errno(waitpid(pid, &status, 0));
        g_assert_true(WIFSIGNALED(status));
        g_assert_true(good);
        g_autoptr(GError) error = NULL;
        g_autofree char *live = scene->layout->current(scene->place, &error);
        g_assert_no_error(error);
        assert_text(scene, "current/app.txt", g_str_equal(live, "1.0") ? "one" : "two");
        revert(scene, "1.0");
        assert_text(scene, "current/app.txt", "one");
    }
}

static gboolean write_map(const char *path, const char *text)
{
    fs_fd int fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd >= 0 && write(fd, text, strlen(text)) == (gssize)strlen(text);
}

/* A mount namespace of our own; an ordinary user gets one by way of a user namespace, as the user that it is. */
static gboolean enter_namespace(void)
{
    gboolean root = is_root();
    g_autofree char *user = g_strdup_printf("%u %u 1", geteuid(), geteuid());
    g_autofree char *group = g_strdup_printf("%u %u 1", getegid(), getegid());
    if (unshare(root ? CLONE_NEWNS : CLONE_NEWNS | CLONE_NEWUSER) < 0)
        return FALSE;
    if (!root && (!write_map("/proc/self/setgroups", "deny") || !write_map("/proc/self/uid_map", user) ||
                  !write_map("/proc/self/gid_map", group)))
        return FALSE;
    return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

/* Fills a small file system to the last block and name; exit status 0 if the way back needed neither. */
static int revert_on_full_disk(Scene *scene)
{
    g_autofree char *mounted = g_strconcat(scene->host->root, "/opt", NULL);
    if (!enter_namespace() || g_mkdir_with_parents(mounted, 0755) < 0 ||
        mount("tmpfs", mounted, "tmpfs", 0, "size=256k,nr_inodes=64,mode=755") < 0)
        return 77;
    install(scene, "1.0", "one");
    g_free(release(scene, "2.0", "two"));
    prepare_revert(scene, "1.0");
    activate(scene, "2.0");
    guint n = 0;
    for (;; n++) {
        g_autofree char *name = g_strdup_printf("%s/filler%u", mounted, n);
        int fd = open(name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        if (fd < 0)
            break;
        static const char block[4096];
        while (write(fd, block, sizeof block) > 0)
            continue;
        close(fd);
    }
    if (errno != ENOSPC || scene->layout->prepare_revert(&scene->context, "2.0", NULL))
        return 2;
    revert(scene, "1.0");
    revert(scene, "1.0");
    assert_current(scene, "1.0");
    assert_text(scene, "current/app.txt", "one");
    return 0;
}

static void full_disk(Scene *scene, gconstpointer unused)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(revert_on_full_disk(scene));
    int status;
    g_assert_no_errno(waitpid(pid, &status, 0));
    g_assert_true(WIFEXITED(status));
    /* 77: this kernel lets us mount nothing; then the rename alone, in revert_states, has to do. */
    g_assert_true(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 77);
    if (WEXITSTATUS(status) == 77)
        g_test_message("no file system could be mounted: not filled");
}

#define ADD(name, function) g_test_add("/layout/" name, Scene, NULL, scene_set, function, scene_clear)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("a release goes from unpacked to live", whole_way);
    ADD("build and trial find the tree where it is now", staged);
    ADD("a place is empty again after a failed try", prepare_again);
    ADD("a version that is no file name is refused", bad_versions);
    g_test_add_func("/layout/an unknown layout is refused by name", other_layouts);
    ADD("a single leading directory is lifted", lifted);
    ADD("a directory beside a manifest stays", not_lifted);
    ADD("a single file stays", one_file_is_not_lifted);
    ADD("the app's user gets the tree without special bits", handed_over);
    ADD("shared paths become relative links", shared_paths);
    ADD("shared paths are seeded once", seeded_once);
    ADD("a database without an extension is a file", sqlite_without_extension);
    ADD("a shared path inside another is refused", nested_shared);
    ADD("a shipped link seeds nothing", shipped_link);
    ADD("a link planted above a shared path is refused", planted_parent);
    ADD("a link planted at a shared path is left alone", planted_target);
    ADD("a parent swapped all the time redirects nothing", swapping_parent);
    ADD("a root that the app's user may write is refused", reachable_root);
    ADD("nobody writes a sealed tree", nobody_writes);
    ADD("files with second names become private", second_names);
    ADD("a second name of a foreign file is refused", foreign_second_name);
    ADD("what is shared with a sealed release stays sealed", kin_stays_sealed);
    ADD("a pipe in a tree is refused", odd_entry);
    ADD("sealing again replaces what was pending", sealed_again);
    ADD("verify says what differs", verify_says);
    ADD("the same tree sealed twice is one", both_there);
    ADD("a double half removed does not hinder", half_removed_double);
    ADD("activate goes on from every state", activate_states);
    ADD("revert goes back from every state", revert_states);
    ADD("revert to nothing removes the switch", revert_to_nothing);
    ADD("revert to a missing release is refused", revert_to_missing);
    ADD("a switch that is not ours is left alone", no_link_of_ours);
    ADD("the live release is not removed", removing);
    ADD("always, and killed anywhere, current is one of two", killed_anywhere);
    ADD("revert needs no room", full_disk);
    return g_test_run();
}
