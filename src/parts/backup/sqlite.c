/* SPDX-License-Identifier: Apache-2.0 */
/* The backup driver for SQLite databases. */
#include "base/fault.h"
#include "base/fs.h"
#include "base/process.h"
#include "parts/backup/copy.h"
#include "parts/backup/drivers.h"
#include "parts/backup/dump.h"
#include "parts/backup/look.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* A database is its main file and what a crash may have left to be rolled forward or back. The main file comes last. */
static const CopyFile files[] = {{"-shm", FALSE}, {"-wal", TRUE}, {"-journal", TRUE}, {"", TRUE}};
static const CopyKind kind = {.files = files, .n_files = G_N_ELEMENTS(files), .like_present = TRUE};
static const Key no_keys[] = {{.name = NULL}};

enum { EXIT_BUSY = 3, QUICK_MS = 60000 };

static char *data_path(const PartContext *context, const DataSet *set)
{
    return g_build_filename(context->place->root, set->path, NULL);
}

/* Opens the database's directory. *present: there is a database. -1 without *error: not even the directory is there. */
static int open_data(const PartContext *context, const DataSet *set, char **name, gboolean *present, GError **error)
{
    struct stat st;
    int live = copy_open_live(context->place, set, name, error);
    *present = live >= 0 && fstatat(live, *name, &st, AT_SYMLINK_NOFOLLOW) == 0;
    return live;
}

/* FALSE on a fault only. */
static gboolean look(const PartContext *context, const DataSet *set, gboolean *present, GError **error)
{
    g_autoptr(GError) problem = NULL;
    g_autofree char *name = NULL;
    fs_fd int live G_GNUC_UNUSED = open_data(context, set, &name, present, &problem);
    if (!problem)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&problem));
    return FALSE;
}

/* --- the inner program --- */

typedef struct Words {
    const PartContext *context;
    GString *last;
} Words;

static void hear(const char *line, gpointer data)
{
    Words *words = data;
    g_string_assign(words->last, line);
    if (words->context->on_line)
        words->context->on_line(line, words->context->on_line_data);
}

gint64 sqlite_limit_ms(guint64 bytes)
{
    enum { LEAST_MS = 5 * 60 * 1000, MS_PER_MIB = 1000 };
    return LEAST_MS + (gint64)(MIN(bytes, (guint64)1 << 50) >> 20) * MS_PER_MIB;
}

char *sqlite_why(const ProcessOutcome *outcome, const char *last)
{
    return outcome->timed_out || !*last ? process_describe(outcome) : part_printable(last);
}

/* Runs it as the app's user, with one more descriptor if fd >= 0. *status gets 0 or EXIT_BUSY; all else is a fault. By
 * way of /proc/self/exe, because our own path may be closed to that user. */
static gboolean run_inner(const PartContext *context, const char *const *arguments, int fd, gint64 timeout_ms,
                          GString *output, int *status, GError **error)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    static const char *const head[] = {"/proc/self/exe", "inner", "sqlite"};
    for (gsize i = 0; i < G_N_ELEMENTS(head); i++)
        g_ptr_array_add(argv, (gpointer)head[i]);
    for (; *arguments; arguments++)
        g_ptr_array_add(argv, (gpointer)*arguments);
    g_ptr_array_add(argv, NULL);
    const int fds[] = {fd >= 0 ? fd : context->lock_fd, context->lock_fd};
    g_autoptr(GString) last = g_string_new(NULL);
    Words words = {.context = context, .last = last};
    const ProcessSpec spec = {.argv = (const char *const *)argv->pdata,
                              .change_user = context->place->change_user,
                              .uid = context->place->uid,
                              .gid = context->place->gid,
                              .timeout_ms = timeout_ms,
                              .keep_fds = fds,
                              .n_keep_fds = (fd >= 0) + (context->lock_fd >= 0),
                              .on_line = hear,
                              .on_line_data = &words,
                              .output = output};
    ProcessOutcome outcome = {0};
    if (!process_run(&spec, &outcome, error))
        return FALSE;
    *status = outcome.status;
    if (outcome.exited && !outcome.timed_out && (outcome.status == 0 || outcome.status == EXIT_BUSY))
        return TRUE;
    g_autofree char *why = sqlite_why(&outcome, last->str);
    return fault_set(error, FAULT_BACKUP, "%s", why);
}

/* --- questions --- */

static char *sqlite_sessions(const PartContext *context, const DataSet *set)
{
    g_autofree char *path = data_path(context, set);
    char *paths[G_N_ELEMENTS(files) + 1] = {NULL};
    for (gsize i = 0; i < G_N_ELEMENTS(files); i++)
        paths[i] = g_strconcat(path, files[i].suffix, NULL);
    char *text = backup_sessions((const char *const *)paths);
    for (gsize i = 0; i < G_N_ELEMENTS(files); i++)
        g_free(paths[i]);
    return text;
}

static gboolean size(const PartContext *context, const DataSet *set, guint64 *bytes, gboolean *shared, GError **error)
{
    gboolean present;
    g_autofree char *name = NULL;
    g_autoptr(GError) problem = NULL;
    fs_fd int live = open_data(context, set, &name, &present, &problem);
    if (problem) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return FALSE;
    }
    *bytes = 0;
    for (gsize i = 0; live >= 0 && i < G_N_ELEMENTS(files); i++) {
        struct stat st;
        g_autofree char *file = g_strconcat(name, files[i].suffix, NULL);
        if (files[i].copied && fstatat(live, file, &st, AT_SYMLINK_NOFOLLOW) == 0)
            *bytes += (guint64)st.st_size;
    }
    *shared = live >= 0 && look_shares_blocks(live);
    return TRUE;
}

static char *ask_fingerprint(const PartContext *context, const DataSet *set, GError **error)
{
    gboolean present;
    int status;
    if (!look(context, set, &present, error))
        return NULL;
    if (!present)
        return g_strdup("absent");
    g_autofree char *path = data_path(context, set);
    g_autoptr(GString) output = g_string_new(NULL);
    const char *const arguments[] = {"fingerprint", path, set->fingerprint ? set->fingerprint : "", set->migrations,
                                     NULL};
    if (!run_inner(context, arguments, -1, QUICK_MS, output, &status, error))
        return NULL;
    return g_strstrip(g_strdup(output->str));
}

/* --- dumps --- */

static gboolean dump_through(const PartContext *context, const DataSet *set, int directory, int hand, GError **error)
{
    int status;
    g_autofree char *path = data_path(context, set);
    g_autofree char *to = g_strdup_printf("/proc/self/fd/%d/image", hand);
    const char *const arguments[] = {"dump", path, to, NULL};
    guint64 bytes = 0;
    gboolean shared;
    if (!size(context, set, &bytes, &shared, error) ||
        !run_inner(context, arguments, hand, sqlite_limit_ms(bytes), NULL, &status, error))
        return FALSE;
    if (status == EXIT_BUSY)
        return fault_set(error, FAULT_BACKUP, "%s stayed locked", set->path);
    return hand_take(hand, error) && hand_move(hand, directory, set->name, error);
}

static gboolean dump(const PartContext *context, const DataSet *set, const char *directory, GError **error)
{
    gboolean present;
    fs_fd int fd = fs_open_dir(directory, error);
    if (fd < 0 || !look(context, set, &present, error) || !fs_remove_tree(fd, set->name, error))
        return FALSE;
    if (!present)
        return dump_note(fd, set->name, error);
    g_autofree char *work = g_strdup_printf(".%s.work", set->name);
    fs_fd int hand = hand_open(context->place, fd, work, error);
    if (hand < 0)
        return FALSE;
    gboolean good = dump_through(context, set, fd, hand, error);
    if (!fs_remove_tree(fd, work, good ? error : NULL))
        return FALSE;
    return good && dump_note(fd, set->name, error);
}

static gboolean verify(const PartContext *context, const DataSet *set, const char *directory, GError **error)
{
    gboolean absent;
    int status;
    fs_fd int dir = fs_open_dir(directory, error);
    if (dir < 0 || !dump_check(dir, set->name, &absent, error))
        return FALSE;
    if (absent)
        return TRUE;
    fs_fd int fd = fs_open_beneath(dir, set->name, O_RDONLY, 0, error);
    if (fd < 0)
        return FALSE;
    struct stat st;
    if (fstat(fd, &st) != 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot read '%s'", set->name);
    g_autofree char *number = g_strdup_printf("%d", fd);
    const char *const arguments[] = {"check", number, NULL};
    return run_inner(context, arguments, fd, sqlite_limit_ms((guint64)st.st_size), NULL, &status, error);
}

static gboolean restore(const PartContext *context, const DataSet *set, const char *directory, GError **error)
{
    gboolean absent;
    fs_fd int dir = fs_open_dir(directory, error);
    return dir >= 0 && dump_check(dir, set->name, &absent, error) &&
           copy_restore(context, set, &kind, absent ? -1 : dir, error);
}

/* --- durability --- */

/* A reader may keep the log from being emptied: then the log itself is made durable, which is as good. */
static gboolean sync_files(const PartContext *context, const DataSet *set, GError **error)
{
    g_autofree char *name = NULL;
    gboolean present;
    fs_fd int live = open_data(context, set, &name, &present, error);
    if (!present)
        return error && *error ? FALSE : fault_set(error, FAULT_BACKUP, "%s is gone", set->path);
    for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *file = g_strconcat(name, files[i].suffix, NULL);
        if (!files[i].copied || !fs_exists(live, file))
            continue;
        fs_fd int fd = fs_open_beneath(live, file, O_RDONLY | O_NONBLOCK, 0, error);
        if (fd < 0)
            return FALSE;
        if (fsync(fd) < 0)
            return fault_errno(error, FAULT_SYSTEM, errno, "cannot sync '%s'", file);
    }
    return fs_sync_dir(live, error);
}

static gboolean sync_data(const PartContext *context, const DataSet *set, GError **error)
{
    gboolean present;
    int status;
    if (!look(context, set, &present, error))
        return FALSE;
    if (!present)
        return TRUE;
    g_autofree char *path = data_path(context, set);
    const char *const arguments[] = {"checkpoint", path, NULL};
    return run_inner(context, arguments, -1, QUICK_MS, NULL, &status, error) && sync_files(context, set, error);
}

/* --- the driver: each with the set's name before a fault --- */

static gboolean sqlite_size(const PartContext *context, const DataSet *set, guint64 *bytes, gboolean *shared,
                            GError **error)
{
    return size(context, set, bytes, shared, error) || backup_name_fault(set, error);
}

static char *sqlite_fingerprint(const PartContext *context, const DataSet *set, GError **error)
{
    char *text = ask_fingerprint(context, set, error);
    if (!text)
        backup_name_fault(set, error);
    return text;
}

static gboolean sqlite_dump(const PartContext *context, const DataSet *set, const char *directory, GError **error)
{
    return dump(context, set, directory, error) || backup_name_fault(set, error);
}

static gboolean sqlite_verify(const PartContext *context, const DataSet *set, const char *directory, GError **error)
{
    return verify(context, set, directory, error) || backup_name_fault(set, error);
}

static gboolean sqlite_copy(const PartContext *context, const DataSet *set, GError **error)
{
    return copy_make(context, set, &kind, error) || backup_name_fault(set, error);
}

static gboolean sqlite_changed(const PartContext *context, const DataSet *set)
{
    return copy_changed(context, set, &kind);
}

static gboolean sqlite_put_back(const PartContext *context, const DataSet *set, GError **error)
{
    return copy_put_back(context, set, &kind, error) || backup_name_fault(set, error);
}

static gboolean sqlite_restore(const PartContext *context, const DataSet *set, const char *directory, GError **error)
{
    return restore(context, set, directory, error) || backup_name_fault(set, error);
}

static gboolean sqlite_sync(const PartContext *context, const DataSet *set, GError **error)
{
    return sync_data(context, set, error) || backup_name_fault(set, error);
}

static gboolean sqlite_forget(const PartContext *context, const DataSet *set, GError **error)
{
    return copy_forget(context, set, error) || backup_name_fault(set, error);
}

static gboolean sqlite_scratch(const PartContext *context, const DataSet *set, const char *directory, GError **error)
{
    gboolean absent;
    fs_fd int dir = fs_open_dir(directory, error);
    return (dir >= 0 && dump_check(dir, set->name, &absent, error) &&
            copy_replace(context->place, set, &kind, absent ? -1 : dir, error)) ||
           backup_name_fault(set, error);
}

const BackupDriver backup_sqlite = {
    .name = "sqlite",
    .summary = "a SQLite database; dumped through its own backup interface while it is in use",
    .keys = no_keys,
    .object_to_copy = copy_object,
    .sessions = sqlite_sessions,
    .size = sqlite_size,
    .fingerprint = sqlite_fingerprint,
    .dump = sqlite_dump,
    .verify = sqlite_verify,
    .copy = sqlite_copy,
    .changed = sqlite_changed,
    .put_back = sqlite_put_back,
    .restore = sqlite_restore,
    .scratch = sqlite_scratch,
    .sync = sqlite_sync,
    .forget = sqlite_forget,
};
