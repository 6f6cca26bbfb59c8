/* SPDX-License-Identifier: Apache-2.0 */
#include "base/postgres.h"

#include "base/fault.h"
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PROGRAM "liftlock-postgres"
#define ANSWER_LIMIT_BYTES (8 * 1024 * 1024)
#define MAX_FDS 6

/* Executed by descriptor: the user that it runs as need not be able to reach the directory. */
static int open_program(GError **error)
{
    g_autofree char *own = process_own_directory();
    g_autofree char *beside = own ? g_build_filename(own, PROGRAM, NULL) : NULL;
    g_autofree char *installed = g_build_filename(LIFTLOCK_LIBEXECDIR, PROGRAM, NULL);
    int fd = beside ? open(beside, O_PATH | O_CLOEXEC) : -1;
    if (fd < 0)
        fd = open(installed, O_PATH | O_CLOEXEC);
    if (fd < 0)
        fault_errno(error, FAULT_SYSTEM, errno, "cannot start '%s'", installed);
    return fd;
}

static int request_write(const PostgresAccess *access, const char *operation, Node *request, GError **error)
{
    node_set_text(request, "do", operation);
    node_set_int(request, "url_fd", access->url_fd);
    node_set_text(request, "url_name", access->url_name ? access->url_name : "the file");
    if (access->url_key)
        node_set_text(request, "url_key", access->url_key);
    node_set_bool(request, "admin", access->admin);
    node_set_int(request, "admin_fd", access->admin_fd);
    if (access->admin_name)
        node_set_text(request, "admin_name", access->admin_name);
    node_set_int(request, "file_fd", access->file_fd);
    if (access->job)
        node_set_text(request, "job", access->job);
    g_autofree char *records = node_to_records(request);
    int fd = memfd_create("request", MFD_CLOEXEC);
    if (fd >= 0 && fs_write_all(fd, records, strlen(records)) && lseek(fd, 0, SEEK_SET) == 0)
        return fd;
    fault_errno(error, FAULT_SYSTEM, errno, "cannot ask " PROGRAM);
    fs_fd_clear(&fd);
    return -1;
}

static Node *answer_read(const GString *bytes, const ProcessOutcome *outcome, GError **error)
{
    g_autoptr(Node) answer =
        outcome->exited && outcome->status == 0 ? node_from_records(bytes->str, bytes->len, NULL) : NULL;
    const char *kind = answer ? node_get_text(answer, "answer", "") : "";
    if (strcmp(kind, "result") == 0)
        return g_steal_pointer(&answer);
    if (strcmp(kind, "fault") == 0) {
        gint64 code = node_get_int(answer, "code", FAULT_BACKUP);
        fault_set(error, code >= 0 && code < FAULT_N_CODES ? (enum fault_code)code : FAULT_BACKUP, "%s",
                  node_get_text(answer, "text", "no reason given"));
        const char *hint = node_get_text(answer, "hint", NULL);
        if (hint)
            fault_hint(error, "%s", hint);
        return NULL;
    }
    g_autofree char *why = process_describe(outcome);
    fault_set(error, FAULT_BACKUP, PROGRAM ": %s", why);
    return NULL;
}

Node *postgres_ask(const PostgresAccess *access, const char *operation, Node *request, GError **error)
{
    g_autoptr(Node) whole = request ? request : node_new_map();
    fs_fd int program = open_program(error);
    fs_fd int asked = program < 0 ? -1 : request_write(access, operation, whole, error);
    if (asked < 0)
        return NULL;
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", program);
    g_autofree char *number = g_strdup_printf("%d", asked);
    const char *const argv[] = {path, number, NULL};
    const int all[MAX_FDS] = {program, asked, access->url_fd, access->admin_fd, access->file_fd, access->lock_fd};
    int fds[MAX_FDS];
    guint n = 0;
    for (guint i = 0; i < MAX_FDS; i++)
        if (all[i] >= 0)
            fds[n++] = all[i];
    g_autoptr(GString) bytes = g_string_new(NULL);
    const ProcessSpec spec = {.argv = argv,
                              .change_user = access->change_user,
                              .uid = access->uid,
                              .gid = access->gid,
                              .timeout_ms = access->timeout_ms,
                              .keep_fds = fds,
                              .n_keep_fds = n,
                              .on_line = access->on_line,
                              .on_line_data = access->on_line_data,
                              .output = bytes,
                              .output_limit = ANSWER_LIMIT_BYTES};
    ProcessOutcome outcome = {0};
    return process_run(&spec, &outcome, error) ? answer_read(bytes, &outcome, error) : NULL;
}
