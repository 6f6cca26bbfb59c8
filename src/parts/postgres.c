/* SPDX-License-Identifier: Apache-2.0 */
/* Who goes to a database, and with which descriptors. */
#include "parts/postgres.h"

#include "base/fault.h"
#include "base/fs.h"
#include "base/postgres.h"
#include "base/remote.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

enum { PASSWD_ROOM = 16384 };

const DatabaseConfig *part_postgres_config(const PartContext *context, const DataSet *set)
{
    for (guint i = 0; context->databases && i < context->databases->len; i++) {
        const DatabaseConfig *config = context->databases->pdata[i];
        if (strcmp(config->name, set->name) == 0)
            return config;
    }
    return NULL;
}

/* --- files --- */

/* The folder is the app's: a link, a FIFO or a second name of somebody else's file is not followed. */
static int open_url(const PartContext *context, const char *file, GError **error)
{
    struct stat st;
    fs_fd int root = part_open_root(context->place, error);
    if (root < 0)
        return -1;
    g_autofree char *path = g_build_filename("shared", file, NULL);
    g_autofree char *full = g_build_filename(context->place->root, path, NULL);
    if (!fs_exists(root, path)) {
        fault_set(error, FAULT_CONFIG, "%s does not exist", full);
        fault_hint(error, "write the address of the database there, as the app reads it");
        return -1;
    }
    fs_fd int fd = fs_open_beneath(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, error);
    if (fd < 0)
        return -1;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1) {
        fault_set(error, FAULT_CONFIG, "%s is not a regular file with one name", full);
        return -1;
    }
    return fs_fd_steal(&fd);
}

static int open_admin(const char *path, GError **error)
{
    struct stat st;
    fs_fd int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0) {
        fault_errno(error, FAULT_CONFIG, errno, "cannot read %s", path);
        return -1;
    }
    if (S_ISREG(st.st_mode) && st.st_uid == geteuid() && !(st.st_mode & (S_IRWXG | S_IRWXO)))
        return fs_fd_steal(&fd);
    fault_set(error, FAULT_CONFIG, "%s is not a file of ours alone", path);
    fault_hint(error, "chown root:root %s && chmod 600 %s", path, path);
    return -1;
}

/* --- people --- */

static gboolean become(PostgresAccess *access, uid_t uid, gid_t gid)
{
    access->change_user = geteuid() == 0;
    access->uid = uid;
    access->gid = gid;
    return TRUE;
}

/* Somebody whom nothing belongs to. */
static gboolean become_nobody(PostgresAccess *access, GError **error)
{
    uid_t uid;
    gid_t gid;
    return remote_child_user(&uid, &gid, error) && become(access, uid, gid);
}

static gboolean become_admin(PostgresAccess *access, const char *name, GError **error)
{
    char room[PASSWD_ROOM];
    struct passwd user, *found = NULL;
    if (getpwnam_r(name, &user, room, sizeof room, &found) != 0 || !found || user.pw_uid == 0)
        return fault_set(error, FAULT_CONFIG,
                         found ? "the user '%s' of the config has the rights of root"
                               : "there is no user '%s' as the config names for its database",
                         name);
    if (geteuid() != 0 && geteuid() != user.pw_uid)
        return fault_set(error, FAULT_RIGHTS, "only root may act as the user '%s'", name);
    access->admin = TRUE;
    return become(access, user.pw_uid, user.pw_gid);
}

static gboolean become_app(PostgresAccess *access, const Place *place, GError **error)
{
    if (geteuid() == 0 && !place->change_user)
        return become_nobody(access, error); /* the app's user is root: no program of ours needs that */
    return become(access, place->change_user ? place->uid : geteuid(), place->change_user ? place->gid : getegid());
}

static gboolean cast(PostgresAccess *access, const PartContext *context, const DataSet *set, PostgresActor actor,
                     GError **error)
{
    const DatabaseConfig *config = actor == POSTGRES_AS_ADMIN ? part_postgres_config(context, set) : NULL;
    if (!config)
        return become_app(access, context->place, error);
    if (config->admin_user)
        return become_admin(access, config->admin_user, error);
    access->admin_name = config->admin_url_file;
    access->admin_fd = open_admin(config->admin_url_file, error);
    return access->admin_fd >= 0 && become_nobody(access, error);
}

Node *part_postgres(const PartContext *context, const DataSet *set, const PostgresWish *wish, GError **error)
{
    g_autoptr(Node) request = wish->request ? wish->request : node_new_map();
    const char *hash = strchr(set->url_from, '#');
    g_autofree char *file = g_strndup(set->url_from, hash ? (gsize)(hash - set->url_from) : strlen(set->url_from));
    g_autofree char *shown = g_build_filename("shared", file, NULL);
    PostgresAccess access = {.url_name = shown,
                             .url_key = hash ? hash + 1 : NULL,
                             .admin_fd = -1,
                             .job = context->job,
                             .file_fd = wish->file_fd > 0 ? wish->file_fd : -1,
                             .lock_fd = context->lock_fd,
                             .timeout_ms = wish->timeout_ms,
                             .on_line = context->on_line,
                             .on_line_data = context->on_line_data};
    fs_fd int url = open_url(context, file, error);
    access.url_fd = url;
    Node *answer = NULL;
    if (url >= 0 && cast(&access, context, set, wish->actor, error))
        answer = postgres_ask(&access, wish->operation, g_steal_pointer(&request), error);
    fs_fd_clear(&access.admin_fd);
    return answer;
}
