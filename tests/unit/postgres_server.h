/* SPDX-License-Identifier: Apache-2.0 */
/* A PostgreSQL server of a test's own, on a unix socket in a temporary directory; runs as an ordinary user. */
#pragma once

#include <glib.h>
#include <glib/gstdio.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Its directory is the argument. */
#define SERVER_START                                                                                                   \
    "pg_ctl -D data -w -l log -o \"-c listen_addresses='' -c fsync=off -c autovacuum=off -c wal_level=logical"         \
    " -c max_prepared_transactions=5 -k '%s'\" start"

typedef struct PostgresServer {
    char *top, *programs;
    uid_t uid;
    gid_t gid;
} PostgresServer;

/* Runs a shell line as the server's user; a failure ends the test with what it said. */
static inline char *server_run(const PostgresServer *server, const char *format, ...) G_GNUC_PRINTF(2, 3);
static inline char *server_run(const PostgresServer *server, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    g_autofree char *line = g_strdup_vprintf(format, list);
    va_end(list);
    g_autofree char *uid = g_strdup_printf("--reuid=%u", (unsigned)server->uid);
    g_autofree char *gid = g_strdup_printf("--regid=%u", (unsigned)server->gid);
    const char *as_user[] = {"setpriv", uid, gid, "--clear-groups", "sh", "-c", line, NULL};
    g_autofree char *path = g_strconcat("PATH=", server->programs, ":/usr/sbin:/usr/bin:/sbin:/bin", NULL);
    g_autofree char *home = g_strconcat("HOME=", server->top, NULL);
    char *environment[] = {path, home, (char *)"LC_ALL=C.UTF-8", NULL};
    g_autofree char *said = NULL, *complained = NULL;
    int status = 0;
    g_autoptr(GError) error = NULL;
    g_spawn_sync(server->top, (char **)(geteuid() == 0 ? as_user : as_user + 4), environment,
                 G_SPAWN_SEARCH_PATH_FROM_ENVP, NULL, NULL, &said, &complained, &status, &error);
    g_assert_no_error(error);
    if (status != 0)
        g_error("%s\n%s%s", line, said, complained);
    return g_strchomp(g_steal_pointer(&said));
}

/* SQL as the superuser; rows come back as psql's -A -t writes them. */
static inline char *server_sql(const PostgresServer *server, const char *database, const char *sql)
{
    g_autofree char *quoted = g_shell_quote(sql);
    return server_run(server, "psql -X -q -A -t -v ON_ERROR_STOP=1 -h '%s' -U postgres -d %s -c %s", server->top,
                      database, quoted);
}

static inline void server_begin(PostgresServer *server)
{
    g_autofree char *found = NULL;
    g_autoptr(GDir) dir = g_dir_open("/usr/lib/postgresql", 0, NULL);
    for (const char *name; dir && (name = g_dir_read_name(dir));)
        if (!found || strcmp(name, found) > 0) {
            g_free(found);
            found = g_strdup(name);
        }
    g_assert_nonnull(found); /* the package postgresql is missing: ./dev setup */
    server->programs = g_build_filename("/usr/lib/postgresql", found, "bin", NULL);
    server->top = g_dir_make_tmp("liftlock-pg-XXXXXX", NULL);
    struct passwd *user = geteuid() == 0 ? getpwnam("liftlock-test") : getpwuid(geteuid());
    g_assert_nonnull(user);
    server->uid = user->pw_uid;
    server->gid = user->pw_gid;
    g_assert_true(chmod(server->top, 0755) == 0);
    if (geteuid() == 0)
        g_assert_true(chown(server->top, server->uid, server->gid) == 0);
    g_free(server_run(server, "initdb -D data -U postgres -A trust --no-sync"));
    g_free(server_run(server, SERVER_START, server->top));
}

static inline void server_end(PostgresServer *server)
{
    g_free(server_run(server, "pg_ctl -D data -m immediate -w stop && rm -rf data log .psql_history"));
    g_autofree char *line = g_strdup_printf("rm -rf '%s'", server->top);
    g_assert_true(system(line) == 0);
    g_clear_pointer(&server->top, g_free);
    g_clear_pointer(&server->programs, g_free);
}
