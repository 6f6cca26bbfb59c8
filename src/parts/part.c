/* SPDX-License-Identifier: Apache-2.0 */
/* What every part needs: a publisher's shell line run as the app's user, and the app's root opened with care. */
#include "parts/part.h"
#include "base/fault.h"
#include "base/fs.h"
#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Hands lines on and remembers the last one that says something: it is mostly the reason of a failure. */
typedef struct Tail {
    const PartContext *context;
    GString *last;
} Tail;

static void tail_line(const char *line, gpointer data)
{
    Tail *tail = data;
    if (tail->context->on_line)
        tail->context->on_line(line, tail->context->on_line_data);
    if (line[strspn(line, " \t\r")])
        g_string_assign(tail->last, line);
}

char *part_printable(const char *text)
{
    enum { KEEP = 200 };
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    GString *shown = g_string_new(NULL);
    guint n = 0;
    for (const char *p = valid; *p && n < KEEP; p = g_utf8_next_char(p), n++) {
        gunichar c = g_utf8_get_char(p);
        g_string_append_unichar(shown, g_unichar_isprint(c) ? c : ' ');
    }
    return g_strstrip(g_string_free(shown, FALSE));
}

static gboolean run(const PartContext *context, const char *name, const char *line, const char *directory,
                    gint64 timeout_ms, int code, GString *output, GError **error)
{
    g_autoptr(GString) last = g_string_new(NULL);
    Tail tail = {.context = context, .last = last};
    const ProcessSpec spec = {
        .shell = line,
        .directory = directory,
        .environment = context->environment,
        .change_user = context->place->change_user,
        .uid = context->place->uid,
        .gid = context->place->gid,
        .timeout_ms = timeout_ms,
        .keep_fds = &context->lock_fd,
        .n_keep_fds = context->lock_fd >= 0 ? 1 : 0,
        .on_line = tail_line,
        .on_line_data = &tail,
        .output = output,
    };
    ProcessOutcome outcome = {0};
    if (!process_run(&spec, &outcome, error))
        return fault_prefix(error, "%s", name);
    if (outcome.exited && outcome.status == 0)
        return TRUE;
    g_autofree char *why = process_describe(&outcome);
    g_autofree char *said = part_printable(last->str);
    fault_set(error, process_was_killed(&outcome) ? FAULT_SYSTEM : (enum fault_code)code, "%s: %s", name, why);
    return *said ? fault_hint(error, "its last line: %s", said) : FALSE;
}

gboolean part_run_line(const PartContext *context, const char *name, const char *line, const char *directory,
                       gint64 timeout_ms, int code, GError **error)
{
    return run(context, name, line, directory, timeout_ms, code, NULL, error);
}

char *part_run_output(const PartContext *context, const char *name, const char *line, const char *directory,
                      gint64 timeout_ms, int code, GError **error)
{
    g_autoptr(GString) output = g_string_new(NULL);
    if (!run(context, name, line, directory, timeout_ms, code, output, error))
        return NULL;
    return g_strstrip(g_utf8_make_valid(output->str, (gssize)output->len));
}

/* --- the app's root --- */

static gboolean user_may_write(const Place *place, const struct stat *st)
{
    return st->st_uid == place->uid || (st->st_mode & S_IWOTH) || (st->st_gid == place->gid && (st->st_mode & S_IWGRP));
}

static gboolean refuse_reachable(const Place *place, int fd, GError **error)
{
    g_autofree char *self = g_strdup_printf("/proc/self/fd/%d", fd);
    g_autofree char *path = g_file_read_link(self, NULL);
    const char *shown = path ? path : place->root;
    fault_set(error, FAULT_CONFIG, "%s: the app's user '%s' may write here", shown, place->user ? place->user : "?");
    return fault_hint(error, "chown root:root %s && chmod go-w %s", shown, shown);
}

/* Every directory above counts as well: who may rename a parent owns all that is below it. A sticky one protects
 * what others own in it, but is no place to make names in. */
static gboolean out_of_reach(const Place *place, const char *folder, int root, GError **error)
{
    struct stat st, above_st;
    fs_fd int at = fcntl(root, F_DUPFD_CLOEXEC, 0);
    if (at < 0 || fstat(at, &st) < 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot read '%s'", folder);
    if (user_may_write(place, &st))
        return refuse_reachable(place, at, error);
    for (;;) {
        int above = openat(at, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (above < 0 || fstat(above, &above_st) < 0) {
            fs_fd_clear(&above);
            return fault_errno(error, FAULT_SYSTEM, errno, "cannot read above '%s'", folder);
        }
        gboolean top = above_st.st_dev == st.st_dev && above_st.st_ino == st.st_ino;
        close(at);
        at = above;
        st = above_st;
        if (top)
            return TRUE;
        gboolean sticky = (st.st_mode & S_ISVTX) && st.st_uid != place->uid;
        if (!sticky && user_may_write(place, &st))
            return refuse_reachable(place, at, error);
    }
}

int part_open_folder(const Place *place, const char *path, GError **error)
{
    fs_fd int fd = fs_open_dir(path, error);
    if (fd < 0 || (place->change_user && !out_of_reach(place, path, fd, error)))
        return -1;
    return fs_fd_steal(&fd);
}

int part_open_root(const Place *place, GError **error)
{
    return part_open_folder(place, place->root, error);
}
