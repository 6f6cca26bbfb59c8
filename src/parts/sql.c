/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks a database, and how the answer comes back. */
#include "parts/sql.h"

#include "base/fault.h"
#include "base/fs.h"
#include "base/postgres.h"
#include "base/process.h"
#include "base/remote.h"
#include "parts/postgres.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ANSWER_LIMIT_BYTES (8 * 1024 * 1024)

/* --- SQLite --- */

static int request_hold(const Node *request, GError **error)
{
    g_autofree char *records = node_to_records(request);
    fs_fd int fd = memfd_create("request", MFD_CLOEXEC);
    if (fd >= 0 && fs_write_all(fd, records, strlen(records)) && lseek(fd, 0, SEEK_SET) == 0)
        return fs_fd_steal(&fd);
    fault_errno(error, FAULT_SYSTEM, errno, "cannot ask for SQL");
    return -1;
}

static Node *answer_take(const GString *bytes, const ProcessOutcome *outcome, GError **error)
{
    g_autoptr(Node) answer = outcome->exited ? node_from_records(bytes->str, bytes->len, NULL) : NULL;
    const char *text = node_get_text(answer, "text", NULL), *hint = node_get_text(answer, "hint", NULL);
    if (answer && !text)
        return g_steal_pointer(&answer);
    gint64 code = node_get_int(answer, "code", FAULT_BACKUP);
    g_autofree char *why = text ? part_printable(text) : process_describe(outcome);
    fault_set(error, code >= 0 && code < FAULT_N_CODES ? (enum fault_code)code : FAULT_BACKUP, "%s", why);
    if (hint)
        fault_hint(error, "%s", hint);
    return NULL;
}

/* By way of /proc/self/exe, because our own path may be closed to the app's user. */
static Node *ask_sqlite(const SqlAccess *access, Node *request, int file_fd, gint64 timeout_ms, GError **error)
{
    const PartContext *context = access->context;
    g_autofree char *path = g_build_filename(context->place->root, access->set->path, NULL);
    node_set_text(request, "path", path);
    fs_fd int asked = request_hold(request, error);
    if (asked < 0)
        return NULL;
    g_autofree char *number = g_strdup_printf("%d", asked);
    const char *const argv[] = {"/proc/self/exe", "inner", "sql", number, NULL};
    const int all[] = {asked, file_fd, context->lock_fd};
    int fds[G_N_ELEMENTS(all)];
    guint n = 0;
    for (gsize i = 0; i < G_N_ELEMENTS(all); i++)
        if (all[i] >= 0)
            fds[n++] = all[i];
    g_autoptr(GString) output = g_string_new(NULL);
    const ProcessSpec spec = {.argv = argv,
                              .change_user = context->place->change_user,
                              .uid = context->place->uid,
                              .gid = context->place->gid,
                              .timeout_ms = timeout_ms,
                              .keep_fds = fds,
                              .n_keep_fds = n,
                              .on_line = context->on_line,
                              .on_line_data = context->on_line_data,
                              .output = output,
                              .output_limit = ANSWER_LIMIT_BYTES};
    ProcessOutcome outcome = {0};
    return process_run(&spec, &outcome, error) ? answer_take(output, &outcome, error) : NULL;
}

/* --- PostgreSQL --- */

/* A publisher's own file; as root somebody without rights goes there. */
static Node *ask_url(const SqlAccess *access, const char *operation, Node *request, int file_fd, gint64 timeout_ms,
                     GError **error)
{
    g_autoptr(Node) whole = request;
    PostgresAccess to = POSTGRES_NOBODY;
    fs_fd int url = open(access->url_file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (url < 0) {
        fault_errno(error, FAULT_USAGE, errno, "cannot read %s", access->url_file);
        return NULL;
    }
    to.change_user = geteuid() == 0;
    if (to.change_user && !remote_child_user(&to.uid, &to.gid, error))
        return NULL;
    to.url_fd = url;
    to.url_name = access->url_file;
    to.url_key = access->url_key;
    to.file_fd = file_fd;
    to.timeout_ms = timeout_ms;
    to.on_line = access->context->on_line;
    to.on_line_data = access->context->on_line_data;
    return postgres_ask(&to, operation, g_steal_pointer(&whole), error);
}

static Node *ask_postgres(const SqlAccess *access, const char *operation, Node *request, int file_fd, gint64 timeout_ms,
                          GError **error)
{
    const PostgresWish wish = {.actor = POSTGRES_AS_APP,
                               .operation = operation,
                               .request = request,
                               .file_fd = file_fd,
                               .timeout_ms = timeout_ms};
    return access->url_file ? ask_url(access, operation, request, file_fd, timeout_ms, error)
                            : part_postgres(access->context, access->set, &wish, error);
}

/* --- both --- */

Node *sql_ask(const SqlAccess *access, const char *operation, Node *request, int file_fd, gint64 timeout_ms,
              GError **error)
{
    g_autoptr(GError) local = NULL;
    node_set_text(request, "do", operation);
    node_set_int(request, "file_fd", file_fd);
    Node *answer = NULL;
    if (g_strcmp0(access->set->driver, "sqlite") == 0) {
        answer = ask_sqlite(access, request, file_fd, timeout_ms, &local);
        node_free(request);
    } else {
        answer = ask_postgres(access, operation, request, file_fd, timeout_ms, &local);
    }
    if (answer)
        return answer;
    if (fault_code_of(local) != FAULT_MIGRATE)
        fault_prefix(&local, "data '%s'", access->set->name);
    g_propagate_error(error, g_steal_pointer(&local));
    return NULL;
}
