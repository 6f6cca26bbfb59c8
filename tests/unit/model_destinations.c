/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of model/destinations.h, and of where a place sends a directory. */
#include "model/destinations.h"

#include "model/place.h"
#include "model_read.h"

#define HEAD "[source]\ntype = \"folder\"\npath = \"/srv/x\"\n[trust]\nlevel = \"none\"\n"
#define FILES "[app]\nlayout = \"files\"\n[destinations]\n"

static AppConfig *config_from(const char *toml, GError **error)
{
    g_autofree char *text = g_strconcat(HEAD, toml, NULL);
    return app_config_read(document_from(DOCUMENT_TOML, text), "demo", "demo.toml", error);
}

static void expect(const char *toml, const char *message)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = g_strconcat("demo.toml:", message, NULL);
    g_assert_null(config_from(toml, &error));
    assert_fault(&error, FAULT_CONFIG, text);
}

static void several(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(AppConfig) config =
        config_from(FILES "www = \"/srv/www\"\nwww2 = \"/srv/www2\"\n\"share/pages\" = \"/usr/share/demo\"\n", &error);
    g_assert_no_error(error);
    g_assert_cmpuint(config->destinations->len, ==, 3);
    g_assert_cmpstr(((const KeyPair *)config->destinations->pdata[2])->name, ==, "share/pages");
}

static void wrong(void)
{
    static const struct {
        const char *line, *message;
    } rows[] = {
        {"\"/www\" = \"/srv/www\"\n", "a name below 'destinations' must be a directory of the release, not '/www'"},
        {"\"../www\" = \"/srv/www\"\n", "a name below 'destinations' must be a directory of the release, not '../www'"},
        {"\"www/\" = \"/srv/www\"\n", "a name below 'destinations' must be a directory of the release, not 'www/'"},
        {"\"w*\" = \"/srv/www\"\n", "a name below 'destinations' must be a directory of the release, not 'w*'"},
        {"\".liftlock-store\" = \"/srv/www\"\n",
         "a name below 'destinations' must be a directory of the release, not '.liftlock-store'"},
        {"www = \"srv/www\"\n",
         "the destination of 'www' must be an absolute path, without '..' and a slash at its end, not 'srv/www'"},
        {"www = \"/srv/../etc\"\n",
         "the destination of 'www' must be an absolute path, without '..' and a slash at its end, not '/srv/../etc'"},
        {"www = \"/srv/www/\"\n",
         "the destination of 'www' must be an absolute path, without '..' and a slash at its end, not '/srv/www/'"},
        {"www = \"/\"\n",
         "the destination of 'www' must be an absolute path, without '..' and a slash at its end, not '/'"},
        {"www = \"/opt\"\n", "the destination of 'www' and the app's root /opt/demo lie in one another"},
        {"www = \"/opt/demo/www\"\n", "the destination of 'www' and the app's root /opt/demo lie in one another"},
        {"www = \"/srv/a\"\nimg = \"/srv/a/b\"\n", "the destinations 'www' and 'img' lie in one another"},
        {"www = \"/srv/a\"\n\"www/img\" = \"/srv/b\"\n", "the destinations 'www' and 'www/img' lie in one another"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *toml = g_strconcat(FILES, rows[i].line, NULL);
        g_autofree char *message = g_strconcat("8:1: ", rows[i].message, NULL);
        expect(toml, message);
    }
    expect("[destinations]\nwww = \"/srv/www\"\n", "6:1: 'destinations' has no meaning but with the layout 'files'");
}

static void below(void)
{
    g_assert_cmpstr(place_below("www", "www"), ==, ".");
    g_assert_cmpstr(place_below("www/a/b", "www"), ==, "a/b");
    g_assert_null(place_below("www2/a", "www"));
    g_assert_null(place_below("ww", "www"));
    g_assert_null(place_below("a/www", "www"));
}

static void below_the_host(void)
{
    g_autoptr(HostPlace) host = host_place_new("/tmp/host");
    g_autoptr(Place) place = place_new(host, "demo", NULL);
    place_send_away(place, host, "www", "/srv/www");
    place_send_away(place, host, "img", "/tmp/host/img");
    g_assert_cmpstr(((const PlaceAway *)place->away->pdata[0])->path, ==, "/tmp/host/srv/www");
    g_assert_cmpstr(((const PlaceAway *)place->away->pdata[1])->path, ==, "/tmp/host/img");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/destinations/several folders", several);
    g_test_add_func("/destinations/wrong ones name their place", wrong);
    g_test_add_func("/destinations/a path lies in a directory by whole names", below);
    g_test_add_func("/destinations/they move below the root of the host", below_the_host);
    return g_test_run();
}
