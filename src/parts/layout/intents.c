/* SPDX-License-Identifier: Apache-2.0 */
#include "parts/layout/intents.h"

#include "base/fault.h"
#include "base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#define LIST "intents"
#define LIMIT_BYTES (512 * 1024 * 1024)

static const char *const kind_names[] = {"replace", "add", "remove", NULL};
G_STATIC_ASSERT(G_N_ELEMENTS(kind_names) == INTENT_N_KINDS + 1);

static void intent_free(gpointer data)
{
    g_free(((Intent *)data)->path);
    g_free(data);
}

Intents *intents_new(const char *from, const char *to)
{
    Intents *intents = g_new0(Intents, 1);
    intents->from = g_strdup(from);
    intents->to = g_strdup(to);
    intents->away = g_ptr_array_new_with_free_func(place_away_free);
    intents->bays = g_ptr_array_new_with_free_func(g_free);
    intents->holders = g_array_new(FALSE, FALSE, sizeof(IntentHolder));
    intents->list = g_ptr_array_new_with_free_func(intent_free);
    intents->empty = g_ptr_array_new_with_free_func(g_free);
    return intents;
}

void intents_free(Intents *intents)
{
    if (!intents)
        return;
    g_free(intents->from);
    g_free(intents->to);
    g_ptr_array_unref(intents->away);
    g_ptr_array_unref(intents->bays);
    g_array_unref(intents->holders);
    g_ptr_array_unref(intents->list);
    g_ptr_array_unref(intents->empty);
    g_free(intents);
}

/* --- on disk: a line each, "KIND BAY SLOT NEW OLD CTIME PATH", paths escaped; the last line says that it is whole ---
 */

static void line_add(GString *text, const char *word, const char *path)
{
    g_autofree char *escaped = g_uri_escape_string(path, "/", FALSE);
    g_string_append_printf(text, "%s %s\n", word, escaped);
}

gboolean intents_write(int store, const Intents *intents, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    if (intents->from)
        line_add(text, "from", intents->from);
    if (intents->to)
        line_add(text, "to", intents->to);
    for (guint i = 0; i < intents->away->len; i++) {
        const PlaceAway *away = intents->away->pdata[i];
        g_autofree char *directory = g_uri_escape_string(away->directory, "/", FALSE);
        g_autofree char *word = g_strconcat("away ", directory, NULL);
        line_add(text, word, away->path);
    }
    for (guint i = 0; i < intents->bays->len; i++)
        line_add(text, "bay", intents->bays->pdata[i]);
    for (guint i = 0; i < intents->holders->len; i++) {
        const IntentHolder *holder = &g_array_index(intents->holders, IntentHolder, i);
        g_string_append_printf(text, "holder %" G_GINT64_FORMAT " %" G_GINT64_FORMAT "\n", holder->inode, holder->type);
    }
    for (guint i = 0; i < intents->empty->len; i++)
        line_add(text, "empty", intents->empty->pdata[i]);
    for (guint i = 0; i < intents->list->len; i++) {
        const Intent *intent = intents->list->pdata[i];
        g_autofree char *word = g_strdup_printf("%s %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT
                                                " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT,
                                                kind_names[intent->kind], intent->bay, intent->slot, intent->new_inode,
                                                intent->old_inode, intent->old_ctime_ns);
        line_add(text, word, intent->path);
    }
    g_string_append(text, "end\n");
    return fs_write_atomic(store, LIST, text->str, text->len, 0600, error);
}

static gboolean intent_take(Intents *intents, int kind, const char *rest)
{
    Intent *intent = g_new0(Intent, 1);
    int length = 0;
    intent->kind = kind;
    g_ptr_array_add(intents->list, intent);
    if (sscanf(rest,
               "%" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT
               " %n",
               &intent->bay, &intent->slot, &intent->new_inode, &intent->old_inode, &intent->old_ctime_ns,
               &length) == 5)
        intent->path = g_uri_unescape_string(rest + length, NULL);
    return intent->path && intent->bay >= 0 && intent->bay < intents->bays->len;
}

static gboolean holder_take(Intents *intents, const char *rest)
{
    IntentHolder holder;
    int length = 0;
    gboolean good =
        sscanf(rest, "%" G_GINT64_FORMAT " %" G_GINT64_FORMAT "%n", &holder.inode, &holder.type, &length) == 2;
    g_array_append_val(intents->holders, holder);
    return good && !rest[length] && intents->holders->len <= intents->bays->len;
}

static gboolean away_take(Intents *intents, const char *rest)
{
    const char *space = strchr(rest, ' ');
    g_autofree char *directory = space ? g_uri_unescape_segment(rest, space, NULL) : NULL;
    g_autofree char *path = space ? g_uri_unescape_string(space + 1, NULL) : NULL;
    if (!directory || !path)
        return FALSE;
    g_ptr_array_add(intents->away, place_away_new(directory, path));
    return TRUE;
}

static gboolean line_take(Intents *intents, const char *line)
{
    const char *space = strchr(line, ' ');
    if (!space)
        return FALSE;
    g_autofree char *word = g_strndup(line, (gsize)(space - line));
    for (int kind = 0; kind < INTENT_N_KINDS; kind++)
        if (strcmp(word, kind_names[kind]) == 0)
            return intent_take(intents, kind, space + 1);
    if (strcmp(word, "away") == 0)
        return away_take(intents, space + 1);
    if (strcmp(word, "holder") == 0)
        return holder_take(intents, space + 1);
    g_autofree char *text = g_uri_unescape_string(space + 1, NULL);
    GPtrArray *list = strcmp(word, "bay") == 0 ? intents->bays : strcmp(word, "empty") == 0 ? intents->empty : NULL;
    char **version = strcmp(word, "from") == 0 ? &intents->from : strcmp(word, "to") == 0 ? &intents->to : NULL;
    if (!text || (!list && (!version || *version)))
        return FALSE;
    if (list)
        g_ptr_array_add(list, g_steal_pointer(&text));
    else
        *version = g_steal_pointer(&text);
    return TRUE;
}

Intents *intents_read(int store, GError **error)
{
    if (!fs_exists(store, LIST))
        return NULL;
    g_autofree char *text = fs_read(store, LIST, LIMIT_BYTES, NULL, error);
    if (!text)
        return NULL;
    g_autoptr(Intents) intents = intents_new(NULL, NULL);
    char *line = text;
    for (char *end; (end = strchr(line, '\n')) && strcmp(line, "end\n") != 0; line = end + 1) {
        *end = '\0';
        if (!line_take(intents, line))
            break;
    }
    if (strcmp(line, "end\n") == 0)
        return g_steal_pointer(&intents);
    fault_set(error, FAULT_STATE, "the list of what was to change is damaged");
    return NULL;
}

int intents_bay(const Ground *ground, const char *path, gboolean anew, GError **error)
{
    const char *below;
    int root = ground_of(ground, path, &below);
    if (anew && !fs_remove_tree(root, below, error))
        return -1;
    if (!fs_exists(root, below) && !fs_make_dirs(root, below, 0700, error))
        return -1;
    fs_fd int fd = fs_open_beneath(root, below, O_RDONLY | O_DIRECTORY, 0, error);
    struct stat st;
    if (fd < 0)
        return -1;
    if (fstat(fd, &st) == 0 && st.st_uid == geteuid() && !(st.st_mode & 077))
        return fs_fd_steal(&fd);
    fault_set(error, FAULT_STATE, "%s is not liftlock's own: remove it", path);
    return -1;
}

static gboolean holder_read(const Ground *ground, const char *bay, IntentHolder *holder, GError **error)
{
    struct stat st;
    struct statfs fs;
    g_autofree char *above = g_path_get_dirname(bay);
    fs_fd int fd = ground_directory(ground, above, error);
    if (fd < 0)
        return FALSE;
    if (fstat(fd, &st) != 0 || fstatfs(fd, &fs) != 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot look at %s", above);
    *holder = (IntentHolder){(gint64)st.st_ino, (gint64)fs.f_type};
    return TRUE;
}

gboolean intents_hold(Intents *intents, const Ground *ground, const char *path, GError **error)
{
    IntentHolder holder;
    if (!holder_read(ground, path, &holder, error))
        return FALSE;
    g_array_append_val(intents->holders, holder);
    return TRUE;
}

/* An empty mount point must not pass for a place where nothing has moved. */
static gboolean bays_are_there(const Ground *ground, const Intents *intents, GError **error)
{
    for (guint i = 0; i < intents->holders->len; i++) {
        const IntentHolder *then = &g_array_index(intents->holders, IntentHolder, i);
        IntentHolder now = {0};
        if (holder_read(ground, intents->bays->pdata[i], &now, NULL) && now.inode == then->inode &&
            now.type == then->type)
            continue;
        g_autofree char *above = g_path_get_dirname(intents->bays->pdata[i]);
        g_autofree char *shown = ground_show(ground, above);
        fault_set(error, FAULT_STATE, "%s is not what it was when the change was prepared", shown);
        return fault_hint(error, "is its file system mounted?");
    }
    return TRUE;
}

/* --- moving --- */

typedef struct Move {
    const Intent *intent;
    int parent, bay;  /* of the destination; of its slot. -1: it is not there */
    char *parent_dir; /* what `parent` was opened by, kept for the next */
    int *bays;
    const Ground *ground;
    char slot[24], *name;
} Move;

static void move_clear(Move *move)
{
    fs_fd_clear(&move->parent);
    g_free(move->parent_dir);
    g_free(move->name);
    for (guint i = 0; move->bays && move->bays[i] != -2; i++)
        fs_fd_clear(&move->bays[i]);
    g_free(move->bays);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Move, move_clear)

static gboolean move_begin(Move *move, const Ground *ground, const Intents *intents, GError **error)
{
    *move = (Move){.ground = ground, .parent = -1, .bay = -1, .bays = g_new(int, intents->bays->len + 1)};
    for (guint i = 0; i <= intents->bays->len; i++)
        move->bays[i] = -2;
    if (!bays_are_there(ground, intents, error))
        return FALSE;
    for (guint i = 0; i < intents->bays->len; i++)
        if ((move->bays[i] = intents_bay(ground, intents->bays->pdata[i], FALSE, error)) < 0)
            return FALSE;
    return TRUE;
}

/* The parent may be one that is yet to be made, or was never: then it has no file to move either. */
static void move_aim(Move *move, const Intent *intent)
{
    g_autofree char *directory = g_path_get_dirname(intent->path);
    move->intent = intent;
    move->bay = move->bays[intent->bay];
    g_free(move->name);
    move->name = g_path_get_basename(intent->path);
    g_snprintf(move->slot, sizeof move->slot, "%" G_GINT64_FORMAT, intent->slot);
    if (move->parent >= 0 && g_strcmp0(directory, move->parent_dir) == 0)
        return;
    fs_fd_clear(&move->parent);
    move->parent = ground_directory(move->ground, directory, NULL);
    g_free(move->parent_dir);
    move->parent_dir = g_steal_pointer(&directory);
}

/* 0: there is nothing. */
static gint64 inode_in(int directory, const char *name, gint64 *ctime_ns)
{
    struct stat st;
    if (directory < 0 || fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return 0;
    if (ctime_ns)
        *ctime_ns = (gint64)st.st_ctim.tv_sec * G_GINT64_CONSTANT(1000000000) + st.st_ctim.tv_nsec;
    return (gint64)st.st_ino;
}

static gboolean failed(const Move *move, const char *what, GError **error)
{
    int saved = errno;
    g_autofree char *shown = fs_display(move->intent->path);
    return fault_errno(error, FAULT_SYSTEM, saved, "cannot %s %s", what, shown);
}

/* --- there --- */

static gboolean was_changed(const Move *move, GError **error)
{
    g_autofree char *shown = fs_display(move->intent->path);
    fault_set(error, FAULT_BUSY, "%s was changed after the update had looked at it", shown);
    return fault_hint(error, "try again when nobody edits the app's files");
}

static gboolean is_as_it_was(const Move *move, GError **error)
{
    const Intent *intent = move->intent;
    gint64 ctime_ns = 0, now = inode_in(move->parent, move->name, &ctime_ns);
    if ((intent->new_inode && now == intent->new_inode) ||
        (now == intent->old_inode && (!now || !intent->old_ctime_ns || ctime_ns == intent->old_ctime_ns)) ||
        (!now && intent->kind == INTENT_REMOVE && inode_in(move->bay, move->slot, NULL) == intent->old_inode))
        return TRUE;
    return was_changed(move, error);
}

/* A directory that gives way: what came into it since it was looked at is somebody's. */
static gboolean is_empty_if_directory(const Move *move, gint64 now, GError **error)
{
    if (!now || now != move->intent->old_inode || move->intent->old_ctime_ns)
        return TRUE;
    fs_fd int fd = fs_open_beneath(move->parent, move->name, O_RDONLY | O_DIRECTORY, 0, error);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    if (!directory)
        return fd < 0 ? FALSE : failed(move, "look into", error);
    fs_fd_steal(&fd);
    gboolean empty = TRUE;
    for (struct dirent *entry; empty && (entry = readdir(directory));)
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    closedir(directory);
    return empty || was_changed(move, error);
}

static gboolean move_there(const Move *move, GError **error)
{
    const Intent *intent = move->intent;
    gint64 now = inode_in(move->parent, move->name, NULL);
    if (!is_empty_if_directory(move, now, error))
        return FALSE;
    if (intent->kind == INTENT_REMOVE)
        return !now || renameat2(move->parent, move->name, move->bay, move->slot, RENAME_NOREPLACE) == 0 ||
               failed(move, "remove", error);
    if (now == intent->new_inode)
        return TRUE;
    guint flags = now ? RENAME_EXCHANGE : RENAME_NOREPLACE;
    return renameat2(move->bay, move->slot, move->parent, move->name, flags) == 0 || failed(move, "put", error);
}

static gboolean sync_all(const Move *move, GError **error)
{
    for (guint i = 0; move->bays[i] != -2; i++)
        if (!fs_sync_file_system(move->bays[i], error))
            return FALSE;
    return TRUE;
}

gboolean intents_switch(const Ground *ground, const Intents *intents, GError **error)
{
    g_auto(Move) move = {.parent = -1};
    if (!move_begin(&move, ground, intents, error))
        return FALSE;
    for (guint i = 0; i < intents->list->len; i++) {
        move_aim(&move, intents->list->pdata[i]);
        if (!is_as_it_was(&move, error))
            return FALSE;
    }
    for (guint i = 0; i < intents->list->len; i++) {
        move_aim(&move, intents->list->pdata[i]);
        if (!move_there(&move, error))
            return FALSE;
    }
    return sync_all(&move, error);
}

/* --- back --- */

/* What the bay says decides: it holds the old file only once that was moved there. */
static gboolean move_back(const Move *move, GError **error)
{
    const Intent *intent = move->intent;
    gint64 now = inode_in(move->parent, move->name, NULL), kept = inode_in(move->bay, move->slot, NULL);
    guint flags = now ? RENAME_EXCHANGE : RENAME_NOREPLACE;
    if (intent->kind == INTENT_ADD)
        return !now || kept || renameat2(move->parent, move->name, move->bay, move->slot, RENAME_NOREPLACE) == 0 ||
               failed(move, "take back", error);
    return !kept || kept != intent->old_inode ||
           renameat2(move->bay, move->slot, move->parent, move->name, flags) == 0 || failed(move, "put back", error);
}

gboolean intents_back(const Ground *ground, const Intents *intents, GError **error)
{
    g_auto(Move) move = {.parent = -1};
    if (!move_begin(&move, ground, intents, error))
        return FALSE;
    for (guint i = intents->list->len; i > 0; i--) {
        move_aim(&move, intents->list->pdata[i - 1]);
        if (!move_back(&move, error))
            return FALSE;
    }
    return sync_all(&move, error);
}

gboolean intents_forget(const Ground *ground, int store, const Intents *intents, gboolean made, GError **error)
{
    if (!bays_are_there(ground, intents, error))
        return FALSE;
    for (guint i = 0; made && i < intents->empty->len; i++) {
        g_autofree char *above = g_path_get_dirname(intents->empty->pdata[i]);
        g_autofree char *name = g_path_get_basename(intents->empty->pdata[i]);
        fs_fd int parent = ground_directory(ground, above, NULL);
        if (parent >= 0)
            unlinkat(parent, name, AT_REMOVEDIR); /* what is not empty is somebody's */
    }
    for (guint i = 0; i < intents->bays->len; i++) {
        const char *below;
        int root = ground_of(ground, intents->bays->pdata[i], &below);
        g_autofree char *above = g_path_get_dirname(intents->bays->pdata[i]);
        fs_fd int parent = fs_remove_tree(root, below, error) ? ground_directory(ground, above, error) : -1;
        /* Durably, each on its own disk, as long as the list still says where they were. */
        if (parent < 0 || !fs_sync_dir(parent, error))
            return FALSE;
    }
    if (unlinkat(store, LIST, 0) != 0 && errno != ENOENT)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot remove the list of what was to change");
    return fs_sync_dir(store, error);
}
