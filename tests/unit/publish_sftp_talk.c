/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of publish/sftp_talk.h: which places are taken, and what is read as nothing else. */
#include "publish/sftp_talk.h"

#include "base/fault.h"

static void places(void)
{
    static const struct {
        const char *text, *address, *port, *directory, *name;
    } rows[] = {
        {"host:", "host", NULL, ".", NULL},
        {"host:a.tar.zst", "host", NULL, ".", "a.tar.zst"},
        {"me@host.example.org:/srv/releases/", "me@host.example.org", NULL, "/srv/releases", NULL},
        {"host:/a", "host", NULL, "/", "a"},
        {"host:a b/c:d", "host", NULL, "a b", "c:d"},
        {"me@[::1]:x/", "me@[::1]", NULL, "x", NULL},
        {"sftp://host/x/", "host", NULL, "/x", NULL},
        {"sftp://me@host:2222/x/y.tar.zst", "me@host", "2222", "/x", "y.tar.zst"},
        {"sftp://[fe80::1]/", "[fe80::1]", NULL, "/", NULL},
        {"sftp://me@[fe80::1]:22/x/", "me@[fe80::1]", "22", "/x", NULL},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_auto(SftpServer) server = {0};
        g_assert_true(sftp_server_read(rows[i].text, &server, &error));
        g_assert_no_error(error);
        g_assert_cmpstr(server.address, ==, rows[i].address);
        g_assert_cmpstr(server.port, ==, rows[i].port);
        g_assert_cmpstr(server.directory, ==, rows[i].directory);
        g_assert_cmpstr(server.name, ==, rows[i].name);
    }
}

static void refused(void)
{
    static const char *const texts[] = {"",
                                        "host",
                                        "/a:b",
                                        ":x",
                                        "@host:x",
                                        "-oProxyCommand=x:y",
                                        "-me@host:x/",
                                        "me@-host:x/",
                                        "host:-x",
                                        "host:x/-y",
                                        "host:~/x",
                                        "host:x/..",
                                        "host:x*",
                                        "host:\"x\"",
                                        "host:x\nrm y",
                                        "host:x\\",
                                        "host:[x]",
                                        "ho st:x",
                                        "sftp://host",
                                        "sftp://host:22x/",
                                        "sftp://host:/x",
                                        "sftp://host:123456/x",
                                        "sftp:///x",
                                        "me@you@host:x"};
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GError) error = NULL;
        g_auto(SftpServer) server = {0};
        if (sftp_server_read(texts[i], &server, &error))
            g_error("'%s' was taken", texts[i]);
        g_assert_error(error, FAULT, FAULT_USAGE);
    }
}

static void host_keys(void)
{
    g_assert_true(sftp_host_key_is_valid("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFqcNHH5 me@here"));
    g_assert_true(sftp_host_key_is_valid("sk-ssh-ed25519@openssh.com AAAAC3NzaC1lZDI1NTE5AAAAIFqcNHH5"));
    g_assert_false(sftp_host_key_is_valid("ssh-ed25519"));
    g_assert_false(sftp_host_key_is_valid("ssh-ed25519 short"));
    g_assert_false(sftp_host_key_is_valid("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFqcNHH5\n* ssh-rsa AAAA"));
    g_assert_false(sftp_host_key_is_valid("/etc/ssh/ssh_host_ed25519_key.pub"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sftp/a place has an address and a path", places);
    g_test_add_func("/sftp/what ssh or sftp would read as something else is refused", refused);
    g_test_add_func("/sftp/a host key is one line", host_keys);
    return g_test_run();
}
