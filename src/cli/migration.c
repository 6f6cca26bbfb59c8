/* SPDX-License-Identifier: Apache-2.0 */
/* migration create|apply|status: SQL migrations while they are being written, and those of an app. */
#include "cli/cli.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/fs.h"
#include "engine/observed.h"
#include "parts/migrate/sql.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_FOLDER "migrations"

/* --- create --- */

static int create(Call *call, const char *title, GError **error)
{
    const char *directory = call->options.dir ? call->options.dir : DEFAULT_FOLDER;
    if (!fs_make_path(directory, 0755, error))
        return -1;
    g_autofree char *name = sql_new_name(directory, title, clock_now_s(), error);
    g_autofree char *path = name ? g_build_filename(directory, name, NULL) : NULL;
    if (!name)
        return -1;
    fs_fd int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    static const char text[] = "-- Runs once, in a transaction of its own: no BEGIN, no COMMIT.\n";
    if (fd < 0 || !fs_write_all(fd, text, strlen(text))) {
        fault_errno(error, FAULT_SYSTEM, errno, "cannot write %s", path);
        return -1;
    }
    call_say(call, "%s", path);
    call->answer = node_new_map();
    node_set_text(call->answer, "file", path);
    return 0;
}

/* --- what there is --- */

static void say_line(const char *line, gpointer data)
{
    call_say(data, "%s", line);
}

static void answer_states(Call *call, const GPtrArray *files)
{
    call->answer = node_new_list();
    for (guint i = 0; i < files->len; i++) {
        const SqlMigration *migration = files->pdata[i];
        Node *row = node_new_map();
        node_set_text(row, "name", migration->name);
        node_set_text(row, "state", sql_state_names[migration->state]);
        node_set_text(row, "checksum", migration->checksum);
        node_set_text(row, "version", migration->version);
        node_set_text(row, "applied_at", migration->at);
        node_append(call->answer, row);
    }
}

static void say_states(Call *call, const GPtrArray *files)
{
    for (guint i = 0; i < files->len; i++) {
        const SqlMigration *migration = files->pdata[i];
        const char *when = migration->at ? migration->at : "", *with = migration->version ? migration->version : "";
        g_autofree char *line =
            g_strdup_printf("  %-8s  %-50s %s %s", sql_state_names[migration->state], migration->name, when, with);
        call_say(call, "%s", g_strchomp(line));
    }
    if (files->len == 0)
        call_say(call, "there are no migrations");
}

static Manifest *manifest_of(const char *tree, GError **error)
{
    for (guint i = 0; manifest_names[i]; i++) {
        g_autofree char *path = g_build_filename(tree, manifest_names[i], NULL);
        g_autoptr(GError) local = NULL;
        Node *document = document_read_file(path, FAULT_MANIFEST, &local);
        if (document)
            return manifest_read(document, path, error);
        if (!g_error_matches(local, FAULT, FAULT_ABSENT)) {
            g_propagate_error(error, g_steal_pointer(&local));
            return NULL;
        }
    }
    fault_set(error, FAULT_MANIFEST, "%s has no %s", tree, manifest_names[0]);
    return NULL;
}

/* --- a publisher's own database --- */

typedef struct Own {
    Place place;
    DataSet set;
    PartContext context;
    SqlAccess access;
    char *directory, *name, *file;
} Own;

static void own_clear(Own *own)
{
    g_free(own->directory);
    g_free(own->name);
    g_free(own->file);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Own, own_clear)

/* A database file is only ever opened as who owns it. */
static void own_file(Own *own, const char *path)
{
    struct stat st;
    g_autofree char *whole = g_canonicalize_filename(path, NULL);
    own->directory = g_path_get_dirname(whole);
    own->name = g_path_get_basename(whole);
    own->set.driver = (char *)"sqlite";
    own->set.path = own->name;
    own->place.root = own->directory;
    if (geteuid() != 0 || (stat(path, &st) < 0 && stat(own->directory, &st) < 0))
        return;
    own->place.change_user = st.st_uid != 0;
    own->place.uid = st.st_uid;
    own->place.gid = st.st_gid;
}

static gboolean own_open(Own *own, Call *call, GError **error)
{
    const char *file = call->options.database, *url = call->options.url_from;
    if (!file == !url) {
        fault_set(error, FAULT_USAGE, "migration: say either --database FILE or --url-from FILE#KEY");
        return fault_hint(error,
                          "the first is a SQLite database, the second says where the URL of a PostgreSQL one is");
    }
    own->set.name = (char *)(file ? file : url);
    own->place.app = (char *)"migration";
    if (file) {
        own_file(own, file);
    } else {
        const char *hash = strchr(url, '#');
        own->file = g_strndup(url, hash ? (gsize)(hash - url) : strlen(url));
        own->set.driver = (char *)"postgres";
        own->access.url_key = hash ? hash + 1 : NULL;
    }
    own->context = (PartContext){.place = &own->place, .lock_fd = -1, .on_line = say_line, .on_line_data = call};
    own->access.context = &own->context;
    own->access.set = &own->set;
    own->access.url_file = own->file;
    return TRUE;
}

static int in_tree(Call *call, const char *tree, gboolean apply, GError **error)
{
    g_auto(Own) own = {.file = NULL};
    g_autoptr(Manifest) manifest = own_open(&own, call, error) ? manifest_of(tree, error) : NULL;
    if (!manifest)
        return -1;
    if (!manifest->sql.path) {
        fault_set(error, FAULT_MANIFEST, "the manifest in %s has no 'sql'", tree);
        fault_hint(error, "for instance: sql: {path: \"" DEFAULT_FOLDER "/*.sql\"}");
        return -1;
    }
    g_autoptr(GPtrArray) files = (apply ? sql_run : sql_look)(&own.access, manifest, tree, error);
    if (!files)
        return -1;
    answer_states(call, files);
    if (!apply)
        say_states(call, files);
    for (guint i = 0; apply && i < files->len; i++) {
        g_autofree char *remark = sql_remark(files->pdata[i]);
        if (remark)
            call_say(call, "%s", remark);
    }
    return 0;
}

/* --- an app's --- */

static int of_app(Call *call, const char *app, GError **error)
{
    g_autoptr(Observed) observed = observed_open(call->host, app, error);
    if (!observed)
        return -1;
    const DataSet *set = observed->manifest ? sql_data_set(observed->manifest) : NULL;
    if (!set) {
        fault_set(error, FAULT_ABSENT, "%s: the release that is live has no SQL migrations", app);
        return -1;
    }
    const SqlAccess access = {.context = &observed->part, .set = set};
    g_autofree char *tree = place_release(observed->place, observed->version, "");
    g_autoptr(GPtrArray) files = sql_look(&access, observed->manifest, tree, error);
    if (!files)
        return -1;
    answer_states(call, files);
    say_states(call, files);
    return 0;
}

static int act_create(Call *call, GError **error)
{
    return create(call, call->arguments->pdata[1], error);
}

static int act_apply(Call *call, GError **error)
{
    return in_tree(call, call->arguments->pdata[1], TRUE, error);
}

static int act_status(Call *call, GError **error)
{
    const char *name = call->arguments->pdata[1];
    gboolean own = call->options.database || call->options.url_from;
    return own ? in_tree(call, name, FALSE, error) : of_app(call, name, error);
}

const Act migration_acts[] = {
    {"create", "NAME", "make an empty file with the next number", act_create, 2, 2, "dir"},
    {"apply", "TREE", "run what is pending on a database of your own", act_apply, 2, 2, "database url-from"},
    {"status", "TREE|APP", "what is pending on a database of your own, or on that of an app of this host", act_status,
     2, 2, "database url-from"},
    {NULL},
};
