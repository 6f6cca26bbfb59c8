/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The backup driver for data that only the publisher's own commands can save and restore.
 *
 * The lines run as the app's user; {file} is a file in a hand (dump.h) in the app's root. The hand of a job's copy
 * stays there, closed, with the image in it, so that going back needs no room from us.
 */
#include "base/fault.h"
#include "base/fs.h"
#include "parts/backup/copy.h"
#include "parts/backup/drivers.h"
#include "parts/backup/dump.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { LINE_MS = 60 * 60 * 1000 };

static const Key no_keys[] = {{.name = NULL}};

static char *hand_name(const DataSet *set, const char *purpose)
{
    return g_strdup_printf(".liftlock-%s-%s", set->name, purpose);
}

static const char *working_directory(const Place *place)
{
    return access(place->current, X_OK) == 0 ? place->current : place->root;
}

/* Runs `save` or `restore` with {file} replaced. */
static gboolean run_line(const PartContext *context, const char *what, const char *line, const char *hand,
                         GError **error)
{
    const Place *place = context->place;
    g_autofree char *path = g_build_filename(place->root, hand, "image", NULL);
    g_autofree char *quoted = g_shell_quote(path);
    g_auto(GStrv) pieces = g_strsplit(line, "{file}", -1);
    g_autofree char *full = g_strjoinv(quoted, pieces);
    return part_run_line(context, what, full, working_directory(place), LINE_MS, FAULT_BACKUP, error);
}

static char *ask_fingerprint(const PartContext *context, const DataSet *set, GError **error)
{
    if (!set->fingerprint)
        return g_strdup("unknown");
    g_autofree char *text = part_run_output(context, "fingerprint", set->fingerprint, working_directory(context->place),
                                            LINE_MS, FAULT_BACKUP, error);
    return text ? part_printable(text) : NULL;
}

/* --- saving --- */

static gboolean save(const PartContext *context, const DataSet *set, const char *name, int hand, GError **error)
{
    return run_line(context, "save", set->save, name, error) && hand_take(hand, error);
}

static gboolean dump(const PartContext *context, const DataSet *set, const char *directory, GError **error)
{
    g_autofree char *name = hand_name(set, "dump");
    fs_fd int dir = fs_open_dir(directory, error);
    fs_fd int root = dir < 0 ? -1 : part_open_root(context->place, error);
    fs_fd int hand = root < 0 ? -1 : hand_open(context->place, root, name, error);
    if (hand < 0)
        return FALSE;
    gboolean good = save(context, set, name, hand, error) && hand_move(hand, dir, set->name, error);
    if (!fs_remove_tree(root, name, good ? error : NULL))
        return FALSE;
    return good && dump_note(dir, set->name, error);
}

static gboolean verify(const DataSet *set, const char *directory, GError **error)
{
    gboolean absent;
    fs_fd int dir = fs_open_dir(directory, error);
    return dir >= 0 && dump_check(dir, set->name, &absent, error);
}

static gboolean copy(const PartContext *context, const DataSet *set, GError **error)
{
    g_autofree char *name = hand_name(set, "copy");
    g_autofree char *key = copy_fact(set);
    g_autofree char *looks = ask_fingerprint(context, set, error);
    fs_fd int root = looks ? part_open_root(context->place, error) : -1;
    fs_fd int hand = root < 0 ? -1 : hand_open(context->place, root, name, error);
    return hand >= 0 && save(context, set, name, hand, error) && fs_sync_dir(root, error) &&
           context->facts->set(context->facts, key, looks, error);
}

/* --- going back --- */

/* The name that the image takes once it went back. */
#define RESTORED "restored"

static gboolean went_back(int hand)
{
    return fs_exists(hand, RESTORED) && !fs_exists(hand, "image");
}

static int open_copy(const PartContext *context, const DataSet *set, GError **error)
{
    g_autofree char *name = hand_name(set, "copy");
    fs_fd int root = part_open_root(context->place, error);
    return root < 0 ? -1 : fs_open_beneath(root, name, O_RDONLY | O_DIRECTORY, 0, error);
}

static const char *copied(const PartContext *context, const DataSet *set)
{
    g_autofree char *key = copy_fact(set);
    return context->facts ? context->facts->get(context->facts, key) : NULL;
}

static gboolean command_changed(const PartContext *context, const DataSet *set)
{
    const char *noted = copied(context, set);
    if (!noted)
        return FALSE;
    fs_fd int hand = open_copy(context, set, NULL);
    if (hand >= 0 && went_back(hand))
        return FALSE;
    g_autofree char *looks = set->fingerprint ? ask_fingerprint(context, set, NULL) : NULL;
    return g_strcmp0(looks, noted) != 0;
}

static gboolean restore_from(const PartContext *context, const DataSet *set, const char *name, int hand, GError **error)
{
    if (!hand_lend(context->place, hand, error))
        return FALSE;
    gboolean good = run_line(context, "restore", set->restore, name, error);
    return hand_take(hand, good ? error : NULL) && good;
}

static gboolean put_back(const PartContext *context, const DataSet *set, GError **error)
{
    if (!copied(context, set))
        return fault_set(error, FAULT_STATE, "this job made no copy");
    g_autofree char *name = hand_name(set, "copy");
    fs_fd int hand = open_copy(context, set, error);
    if (hand < 0)
        return FALSE;
    if (went_back(hand))
        return TRUE;
    /* After a crash the hand may still be lent. */
    return hand_take(hand, error) && restore_from(context, set, name, hand, error) &&
           fs_rename(hand, "image", hand, RESTORED, error);
}

static gboolean restore(const PartContext *context, const DataSet *set, const char *directory, GError **error)
{
    gboolean absent;
    g_autofree char *name = hand_name(set, "restore");
    if (!copied(context, set))
        return fault_set(error, FAULT_STATE, "this job made no copy");
    fs_fd int dir = fs_open_dir(directory, error);
    if (dir < 0 || !dump_check(dir, set->name, &absent, error))
        return FALSE;
    if (absent)
        return fault_set(error, FAULT_BACKUP, "the dump is empty");
    fs_fd int root = part_open_root(context->place, error);
    fs_fd int hand = root < 0 ? -1 : hand_open(context->place, root, name, error);
    if (hand < 0)
        return FALSE;
    /* From here on the data are not what the copy saw, whatever their fingerprint says. The hand is ours while it is
     * filled. */
    g_autofree char *key = copy_fact(set);
    gboolean good = context->facts->set(context->facts, key, "(restored)", error) &&
                    (!context->place->change_user || fchown(hand, 0, 0) == 0) &&
                    fs_copy_tree(dir, set->name, hand, "image", error) && restore_from(context, set, name, hand, error);
    return fs_remove_tree(root, name, good ? error : NULL) && good;
}

/* --- the rest --- */

static char *command_sessions(const PartContext *context, const DataSet *set)
{
    return NULL; /* whose they are only the publisher's commands know */
}

/* Only a path, if the manifest gives one, tells something about the size. */
static gboolean size(const PartContext *context, const DataSet *set, guint64 *bytes, gboolean *shared, GError **error)
{
    FsUsage usage = {0};
    *shared = FALSE;
    *bytes = 0;
    if (!set->path)
        return TRUE;
    fs_fd int root = part_open_root(context->place, error);
    if (root < 0)
        return FALSE;
    if (fs_exists(root, set->path) && !fs_usage(root, set->path, &usage, error))
        return FALSE;
    *bytes = usage.bytes;
    return TRUE;
}

static gboolean sync_data(const PartContext *context, const DataSet *set, GError **error)
{
    fs_fd int root = part_open_root(context->place, error);
    return root >= 0 && fs_sync_file_system(root, error);
}

static gboolean forget(const PartContext *context, const DataSet *set, GError **error)
{
    g_autofree char *name_copy = hand_name(set, "copy"), *name_restore = hand_name(set, "restore");
    fs_fd int root = part_open_root(context->place, error);
    return root >= 0 && fs_remove_tree(root, name_copy, error) && fs_remove_tree(root, name_restore, error);
}

/* --- the driver: each with the set's name before a fault --- */

static gboolean command_size(const PartContext *context, const DataSet *set, guint64 *bytes, gboolean *shared,
                             GError **error)
{
    return size(context, set, bytes, shared, error) || backup_name_fault(set, error);
}

static char *command_fingerprint(const PartContext *context, const DataSet *set, GError **error)
{
    char *text = ask_fingerprint(context, set, error);
    if (!text)
        backup_name_fault(set, error);
    return text;
}

static gboolean command_dump(const PartContext *context, const DataSet *set, const char *directory, GError **error)
{
    return dump(context, set, directory, error) || backup_name_fault(set, error);
}

static gboolean command_verify(const PartContext *context, const DataSet *set, const char *directory, GError **error)
{
    return verify(set, directory, error) || backup_name_fault(set, error);
}

static gboolean command_copy(const PartContext *context, const DataSet *set, GError **error)
{
    return copy(context, set, error) || backup_name_fault(set, error);
}

static gboolean command_put_back(const PartContext *context, const DataSet *set, GError **error)
{
    return put_back(context, set, error) || backup_name_fault(set, error);
}

static gboolean command_restore(const PartContext *context, const DataSet *set, const char *directory, GError **error)
{
    return restore(context, set, directory, error) || backup_name_fault(set, error);
}

static gboolean command_sync(const PartContext *context, const DataSet *set, GError **error)
{
    return sync_data(context, set, error) || backup_name_fault(set, error);
}

static gboolean command_forget(const PartContext *context, const DataSet *set, GError **error)
{
    return forget(context, set, error) || backup_name_fault(set, error);
}

const BackupDriver backup_command = {
    .name = "command",
    .summary = "whatever the publisher's own lines save to and restore from {file}",
    .keys = no_keys,
    .sessions = command_sessions,
    .size = command_size,
    .fingerprint = command_fingerprint,
    .dump = command_dump,
    .verify = command_verify,
    .copy = command_copy,
    .changed = command_changed,
    .put_back = command_put_back,
    .restore = command_restore,
    .sync = command_sync,
    .forget = command_forget,
};
