/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/joblog.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/fault.h"
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define SUM_DIGITS 16
#define TYPE_OUTPUT "output"
#define OUTPUT_LIMIT_BYTES (4 * 1024 * 1024) /* of hooks and builds; steps and verdicts are always written */

struct JobLog {
    int fd; /* -1: lines for people on standard error, nothing else */
    gint64 sequence;
    char sum[SUM_DIGITS + 1]; /* of the last line */
    guint lost;               /* lines that could not be written */
    gsize output_bytes;       /* what the job's children have filled so far */
};

static void line_sum(const char *before, const char *json, gsize size, char sum[SUM_DIGITS + 1])
{
    g_autofree char *both = g_strdup_printf("%s%.*s", before, (int)size, json);
    g_autofree char *digest = digest_bytes(both, strlen(both));
    memcpy(sum, digest, SUM_DIGITS);
    sum[SUM_DIGITS] = '\0';
}

/* A line is JSON, a blank, the checksum. NULL if it does not hold; `before` moves on. */
static Node *line_parse(const char *line, gsize size, char before[SUM_DIGITS + 1])
{
    if (size < SUM_DIGITS + 2 || line[size - SUM_DIGITS - 1] != ' ')
        return NULL;
    gsize json_size = size - SUM_DIGITS - 1;
    char sum[SUM_DIGITS + 1];
    line_sum(before, line, json_size, sum);
    if (memcmp(sum, line + json_size + 1, SUM_DIGITS) != 0)
        return NULL;
    Node *node = document_parse(DOCUMENT_JSON, line, json_size, "log", FAULT_STATE, NULL);
    if (node)
        memcpy(before, sum, sizeof sum);
    return node;
}

static char *log_path(const char *job_directory)
{
    return g_build_filename(job_directory, "log", NULL);
}

/* Goes through lines that follow the one with the checksum `sum`; calls `each` with every one that holds. Returns the
 * offset after the last one. */
static guint64 log_walk(const char *bytes, gsize size, char sum[SUM_DIGITS + 1],
                        void (*each)(Node *, guint64 end, gpointer), gpointer data)
{
    guint64 good = 0;
    while (good < size) {
        const char *end = memchr(bytes + good, '\n', size - good);
        Node *node = end ? line_parse(bytes + good, (gsize)(end - bytes - (gssize)good), sum) : NULL;
        if (!node)
            break;
        good = (guint64)(end - bytes) + 1;
        each(node, good, data);
    }
    return good;
}

static void count_line(Node *node, guint64 end, gpointer data)
{
    (*(gint64 *)data)++;
    node_free(node);
}

JobLog *job_log_open(const char *job_directory, GError **error)
{
    g_autofree char *path = log_path(job_directory);
    fs_fd int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        fault_errno(error, FAULT_SYSTEM, errno, "cannot open %s", path);
        return NULL;
    }
    g_autofree char *bytes = NULL;
    gsize size = 0;
    if (!g_file_get_contents(path, &bytes, &size, error))
        return NULL;
    JobLog *log = g_new0(JobLog, 1);
    guint64 end = log_walk(bytes, size, log->sum, count_line, &log->sequence);
    if (end < size && ftruncate(fd, (off_t)end) != 0) /* a torn last line, from a crash */
        log->lost++;
    lseek(fd, (off_t)end, SEEK_SET);
    log->fd = fs_fd_steal(&fd);
    return log;
}

JobLog *job_log_spoken(void)
{
    JobLog *log = g_new0(JobLog, 1);
    log->fd = -1;
    return log;
}

void job_log_close(JobLog *log)
{
    if (!log)
        return;
    if (log->fd >= 0)
        close(log->fd);
    g_free(log);
}

void job_log_write(JobLog *log, const char *type, Node *fields, gboolean durable)
{
    g_autoptr(Node) given = fields;
    if (log->fd < 0) {
        const char *text = given ? node_get_text(given, "text", NULL) : NULL;
        if (text)
            g_printerr("%s\n", text);
        return;
    }
    g_autoptr(Node) node = node_new_map();
    g_autofree char *now = clock_format(clock_now_s());
    node_set_int(node, "seq", log->sequence + 1);
    node_set_text(node, "at", now);
    node_set_text(node, "type", type);
    for (guint i = 0; given && i < given->items->len; i++) {
        Entry *entry = g_ptr_array_index(given->items, i);
        node_set(node, entry->key, g_steal_pointer(&entry->value));
    }
    g_autofree char *json = node_to_json(node, 0);
    char sum[SUM_DIGITS + 1];
    line_sum(log->sum, json, strlen(json), sum);
    g_autofree char *line = g_strdup_printf("%s %s\n", json, sum);
    gsize size = strlen(line);
    off_t start = lseek(log->fd, 0, SEEK_CUR);
    ssize_t written = write(log->fd, line, size);
    if (written != (ssize_t)size) {
        /* Not a whole line: take it back, so that later lines can hold again. */
        if (written > 0 && ftruncate(log->fd, start) == 0)
            lseek(log->fd, start, SEEK_SET);
        log->lost++;
        return;
    }
    memcpy(log->sum, sum, sizeof sum);
    log->sequence++;
    if (strcmp(type, TYPE_OUTPUT) == 0)
        log->output_bytes += size;
    if (durable)
        fdatasync(log->fd);
}

void job_log_text(JobLog *log, const char *type, const char *text)
{
    Node *fields = node_new_map();
    node_set_text(fields, "text", text);
    job_log_write(log, type, fields, FALSE);
}

void job_log_output(JobLog *log, const char *line)
{
    if (log->output_bytes > OUTPUT_LIMIT_BYTES)
        return;
    job_log_text(log, TYPE_OUTPUT, line);
    if (log->output_bytes > OUTPUT_LIMIT_BYTES)
        job_log_text(log, "note", "further output is not kept: this job has written more than 4 MiB of it");
}

static void collect_line(Node *node, guint64 end, gpointer data)
{
    g_ptr_array_add(data, node);
}

/* What came after `offset`; the line before it gives the checksum to go on from. A follower reads often, and must not
 * read all of a long log every time. */
static GString *log_tail(const char *path, guint64 offset, char sum[SUM_DIGITS + 1], GError **error)
{
    fs_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    sum[0] = '\0';
    if (fd < 0 || (offset > 0 && pread(fd, sum, SUM_DIGITS, (off_t)offset - SUM_DIGITS - 1) != SUM_DIGITS)) {
        fault_errno(error, FAULT_SYSTEM, errno, "cannot read %s", path);
        return NULL;
    }
    sum[offset > 0 ? SUM_DIGITS : 0] = '\0';
    g_autoptr(GString) bytes = g_string_new(NULL);
    char buffer[65536];
    ssize_t n;
    while ((n = pread(fd, buffer, sizeof buffer, (off_t)(offset + bytes->len))) > 0)
        g_string_append_len(bytes, buffer, n);
    if (n == 0)
        return g_steal_pointer(&bytes);
    fault_errno(error, FAULT_SYSTEM, errno, "cannot read %s", path);
    return NULL;
}

GPtrArray *job_log_read(const char *job_directory, guint64 *offset, GError **error)
{
    g_autofree char *path = log_path(job_directory);
    char sum[SUM_DIGITS + 1];
    g_autoptr(GString) bytes = log_tail(path, *offset, sum, error);
    if (!bytes)
        return NULL;
    GPtrArray *lines = g_ptr_array_new_with_free_func((GDestroyNotify)node_free);
    *offset += log_walk(bytes->str, bytes->len, sum, collect_line, lines);
    return lines;
}
