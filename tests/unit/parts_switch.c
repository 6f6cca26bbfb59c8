/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of parts/switch: what a proxy is to include, and where it lies. With real proxies: scenario/43-blue-green.sh.
 */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fs.h"
#include "model/manifest_switch.h"
#include "parts/switch/switch.h"

typedef struct World {
    char *top;
    HostPlace *host;
    Place *place;
} World;

static void world_up(World *world, gconstpointer data)
{
    world->top = g_dir_make_tmp("ll-switch-XXXXXX", NULL);
    world->host = host_place_new(world->top);
    world->place = place_new(world->host, "shop", NULL);
    g_mkdir_with_parents(world->place->root, 0755);
}

static void world_down(World *world, gconstpointer data)
{
    fs_fd int dirfd = fs_open_dir("/", NULL);
    g_assert_true(fs_remove_tree(dirfd, world->top + 1, NULL));
    place_free(world->place);
    host_place_free(world->host);
    g_free(world->top);
}

static void expect_file(World *world, const char *name, const char *line)
{
    g_autofree char *path = g_build_filename(world->place->system, name, NULL), *text = NULL;
    g_autofree char *wanted =
        g_strdup_printf("# Written by liftlock at each switch: the instance that users reach.\n%s\n", line);
    struct stat st;
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, wanted);
    g_assert_cmpint(stat(path, &st), ==, 0);
    g_assert_cmpint(st.st_mode & 07777, ==, 0644);
}

static void test_texts(World *world, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(switch_write(world->place, "caddy", "system/web.caddy", "/run/shop/1.0.0.sock", &error));
    expect_file(world, "web.caddy", "reverse_proxy unix//run/shop/1.0.0.sock");
    g_assert_true(switch_write(world->place, "caddy", "system/web.caddy", "/run/shop/2.0.0.sock", &error));
    expect_file(world, "web.caddy", "reverse_proxy unix//run/shop/2.0.0.sock");
    g_assert_true(switch_write(world->place, "nginx", "system/web.nginx", "/run/shop/2.0.0.sock", &error));
    expect_file(world, "web.nginx", "proxy_pass http://unix:/run/shop/2.0.0.sock;");
    g_assert_no_error(error);
}

static void test_names(World *world, gconstpointer data)
{
    guint n = 0;
    for (; switch_drivers[n]; n++)
        g_assert_cmpstr(switch_drivers[n]->name, ==, proxy_names[n]);
    g_assert_null(proxy_names[n]);
    g_autoptr(GError) error = NULL;
    g_assert_false(switch_write(world->place, "apache", "system/web.apache", "/run/shop/1.sock", &error));
    g_assert_error(error, FAULT, FAULT_MANIFEST);
    g_assert_cmpstr(error->message, ==, "there is no switch for the proxy 'apache'");
}

static void test_removed(World *world, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    gboolean removed = TRUE;
    g_assert_true(switch_remove(world->place, "system/web.caddy", &removed, &error)); /* nothing there at all */
    g_assert_false(removed);
    g_assert_true(switch_write(world->place, "caddy", "system/web.caddy", "/run/shop/1.0.0.sock", &error));
    g_assert_true(switch_remove(world->place, "system/web.caddy", &removed, &error));
    g_assert_true(removed);
    g_assert_true(switch_remove(world->place, "system/web.caddy", &removed, &error));
    g_assert_false(removed);
    g_assert_no_error(error);
}

/* What a proxy with rights reads is never written to where somebody else leads us. */
static void test_link(World *world, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *elsewhere = g_build_filename(world->top, "elsewhere", NULL);
    g_autofree char *found = g_build_filename(elsewhere, "web.caddy", NULL);
    g_mkdir_with_parents(elsewhere, 0755);
    g_assert_cmpint(symlink(elsewhere, world->place->system), ==, 0);
    g_assert_false(switch_write(world->place, "caddy", "system/web.caddy", "/run/shop/1.0.0.sock", &error));
    g_assert_error(error, FAULT, FAULT_SYSTEM);
    g_assert_false(g_file_test(found, G_FILE_TEST_EXISTS));
}

static void test_of_others(World *world, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_mkdir_with_parents(world->place->system, 0755);
    g_assert_cmpint(chmod(world->place->system, 0777), ==, 0);
    world->place->uid = 12345;
    world->place->gid = 12345;
    world->place->change_user = TRUE;
    g_assert_false(switch_write(world->place, "caddy", "system/web.caddy", "/run/shop/1.0.0.sock", &error));
    g_assert_error(error, FAULT, FAULT_CONFIG);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define WORLD_TEST(name, function) g_test_add("/switch/" name, World, NULL, world_up, function, world_down)
    WORLD_TEST("each proxy gets the line that leads to the instance", test_texts);
    WORLD_TEST("the manifest and the drivers have the same names", test_names);
    WORLD_TEST("the file is taken away, however often", test_removed);
    WORLD_TEST("a link in its place is not followed", test_link);
    WORLD_TEST("a folder that others may write is refused", test_of_others);
    return g_test_run();
}
