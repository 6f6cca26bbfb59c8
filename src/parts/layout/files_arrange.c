/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a change in place does with each file: three things are held against one another, what the installed release
 * brought, what the new one brings, and what lies there now.
 */
#include "parts/layout/files.h"

#include "base/digest.h"
#include "base/fault.h"
#include "base/fs.h"
#include "model/glob.h"
#include "parts/layout/files_known.h"
#include "parts/layout/releases.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct Arranger {
    const PartContext *context;
    const LayoutChange *change;
    LayoutReport *report;
    int root, store;
    Known *known;
    Intents *intents;
    gint64 slots; /* taken so far */
    GArray *bays; /* int: opened, as intents->bays */
    GArray *devices;
    int parent; /* of the file at hand; -1: there is none */
    char *parent_dir;
    char *blocked; /* why nothing can be done below parent_dir; NULL: something can */
} Arranger;

static void arranger_clear(Arranger *a)
{
    fs_fd_clear(&a->root);
    fs_fd_clear(&a->store);
    fs_fd_clear(&a->parent);
    g_free(a->parent_dir);
    g_free(a->blocked);
    for (guint i = 0; a->bays && i < a->bays->len; i++)
        close(g_array_index(a->bays, int, i));
    g_clear_pointer(&a->bays, g_array_unref);
    g_clear_pointer(&a->devices, g_array_unref);
    g_clear_pointer(&a->known, known_free);
    g_clear_pointer(&a->intents, intents_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Arranger, arranger_clear)

/* --- one file as it lies there --- */

typedef struct Live {
    const char *path;
    struct stat st;
    char type;     /* f, d, l, o (anything else), or 0: nothing */
    char *content; /* as in an inventory; read when it is first asked for */
    char *name;
} Live;

static void live_clear(Live *live)
{
    g_free(live->content);
    g_free(live->name);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Live, live_clear)

/* A link that a user made on the way is never followed: what lies behind it is not the app's to change. */
static void enter(Arranger *a, const char *directory)
{
    if (a->parent_dir && strcmp(a->parent_dir, directory) == 0)
        return;
    g_autoptr(GError) local = NULL;
    fs_fd_clear(&a->parent);
    g_free(a->parent_dir);
    a->parent_dir = g_strdup(directory);
    g_clear_pointer(&a->blocked, g_free);
    a->parent = fs_open_beneath(a->root, directory, O_RDONLY | O_DIRECTORY, 0, &local);
    if (a->parent < 0 && fs_exists(a->root, directory))
        a->blocked = g_strdup_printf("%s is no directory here", directory);
}

static void live_look(Arranger *a, const char *path, Live *live)
{
    g_autofree char *directory = g_path_get_dirname(path);
    live->path = path;
    live->name = g_path_get_basename(path);
    enter(a, directory);
    if (a->parent < 0 || fstatat(a->parent, live->name, &live->st, AT_SYMLINK_NOFOLLOW) != 0)
        return;
    live->type = S_ISREG(live->st.st_mode)   ? 'f'
                 : S_ISDIR(live->st.st_mode) ? 'd'
                 : S_ISLNK(live->st.st_mode) ? 'l'
                                             : 'o';
}

static gboolean live_read(Arranger *a, Live *live, GError **error)
{
    if (live->content)
        return TRUE;
    if (live->type == 'l')
        live->content = fs_read_link(a->parent, live->name, error);
    else if (live->type == 'f')
        live->content = known_digest(a->known, a->parent, live->name, live->path, &live->st, error);
    else
        live->content = g_strdup("");
    return live->content != NULL;
}

/* Whether what lies there is what a release brought. Rights do not count: they are the host's. */
static gboolean live_is(const Live *live, const InventoryEntry *entry)
{
    return entry ? live->type == entry->type && strcmp(live->content, entry->content) == 0 : !live->type;
}

/* --- what is prepared --- */

/* The bay on the file system of the directory at hand: in the store, or at the top of what is mounted below the root.
 */
static gboolean bay_path(Arranger *a, dev_t device, char **path, GError **error)
{
    struct stat st;
    if (fstat(a->store, &st) == 0 && st.st_dev == device) {
        *path = g_build_filename(a->context->place->store + strlen(a->context->place->root) + 1, FILES_BAY, NULL);
        return TRUE;
    }
    g_autofree char *top = g_strdup(a->parent_dir);
    for (;;) {
        g_autofree char *above = g_path_get_dirname(top);
        fs_fd int fd = fs_open_beneath(a->root, above, O_RDONLY | O_DIRECTORY, 0, error);
        if (fd < 0)
            return FALSE;
        if (fstat(fd, &st) != 0 || st.st_dev != device)
            break;
        g_free(top);
        top = g_steal_pointer(&above);
    }
    *path = g_build_filename(top, FILES_BAY_BESIDE, NULL);
    return TRUE;
}

/* Index of the bay for what goes into the directory at hand, or into one that is yet to be made. -1 on failure. */
static gint64 bay_for(Arranger *a, GError **error)
{
    struct stat st;
    fs_fd int nearest = -1;
    g_autofree char *directory = g_strdup(a->parent_dir);
    while (a->parent < 0 && nearest < 0) {
        g_autofree char *above = g_path_get_dirname(directory);
        nearest = fs_open_beneath(a->root, above, O_RDONLY | O_DIRECTORY, 0, NULL);
        g_free(directory);
        directory = g_steal_pointer(&above);
    }
    if (fstat(a->parent >= 0 ? a->parent : nearest, &st) != 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot look at %s", directory), -1;
    for (guint i = 0; i < a->devices->len; i++)
        if (g_array_index(a->devices, dev_t, i) == st.st_dev)
            return i;
    char *path = NULL;
    if (!bay_path(a, st.st_dev, &path, error))
        return -1;
    g_ptr_array_add(a->intents->bays, path);
    /* The list knows of the bay before there is one: whoever tidies up after a crash finds it. */
    int fd = intents_write(a->store, a->intents, error) ? intents_bay(a->root, path, TRUE, error) : -1;
    if (fd < 0)
        return -1;
    g_array_append_val(a->bays, fd);
    g_array_append_val(a->devices, st.st_dev);
    return a->devices->len - 1;
}

static gint64 ctime_of(const struct stat *st)
{
    return (gint64)st->st_ctim.tv_sec * G_GINT64_CONSTANT(1000000000) + st->st_ctim.tv_nsec;
}

static Intent *intend(Arranger *a, IntentKind kind, const char *path, const Live *live, GError **error)
{
    gint64 bay = bay_for(a, error);
    if (bay < 0)
        return NULL;
    Intent *intent = g_new0(Intent, 1);
    *intent = (Intent){.kind = (int)kind, .path = g_strdup(path), .bay = bay, .slot = a->slots++};
    if (live->type) {
        intent->old_inode = (gint64)live->st.st_ino;
        intent->old_ctime_ns = ctime_of(&live->st);
    }
    g_ptr_array_add(a->intents->list, intent);
    return intent;
}

static gboolean is_privileged(const Arranger *a, const char *path)
{
    const GPtrArray *named = a->change->manifest->privileged_files;
    for (guint i = 0; named && i < named->len; i++)
        if (glob_matches(named->pdata[i], path))
            return TRUE;
    return FALSE;
}

/* Owner and rights are those of the file that was there; a new one is the app's. Whether it may be executed follows the
 * release where that changed. */
static gboolean dress(Arranger *a, int fd, const Live *live, const InventoryEntry *old, const InventoryEntry *new,
                      GError **error)
{
    const Place *place = a->context->place;
    gboolean privileged = is_privileged(a, live->path); /* and let in: root's own, so that the app cannot change it */
    mode_t runs = new &&new->runs ? 0111 : 0, mode = 0644 | runs;
    if (live->type == 'f') {
        mode = live->st.st_mode & 0777;
        if (new && (!old || old->runs != new->runs))
            mode = (mode & ~(mode_t)0111) | (runs & ((mode & 0444) >> 2));
    }
    uid_t uid = privileged ? 0 : live->type ? live->st.st_uid : place->uid;
    gid_t gid = privileged ? 0 : live->type ? live->st.st_gid : place->gid;
    if (privileged)
        mode = 0644 | runs;
    if (geteuid() == 0 && fchown(fd, uid, gid) != 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot hand over %s", live->path);
    return fchmod(fd, mode) == 0 || fault_errno(error, FAULT_SYSTEM, errno, "cannot hand over %s", live->path);
}

/* An empty file in the intent's slot; -1 on failure. */
static int slot_open(Arranger *a, const Intent *intent, GError **error)
{
    char name[24];
    g_snprintf(name, sizeof name, "%" G_GINT64_FORMAT, intent->slot);
    int fd = openat(g_array_index(a->bays, int, intent->bay), name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        fault_errno(error, FAULT_SYSTEM, errno, "cannot prepare %s", intent->path);
    return fd;
}

static gboolean slot_note(Intent *intent, int fd, GError **error)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot prepare %s", intent->path);
    intent->new_inode = (gint64)st.st_ino;
    return TRUE;
}

static int release_open(Arranger *a, const char *version, const char *path, GError **error)
{
    g_autofree char *whole = g_build_filename("releases", version, path, NULL);
    return fs_open_beneath(a->store, whole, O_RDONLY, 0, error);
}

static gboolean prepare_link(Arranger *a, Intent *intent, const InventoryEntry *new, GError **error)
{
    const Place *place = a->context->place;
    char name[24];
    struct stat st;
    int bay = g_array_index(a->bays, int, intent->bay);
    g_snprintf(name, sizeof name, "%" G_GINT64_FORMAT, intent->slot);
    if (symlinkat(new->content, bay, name) != 0 ||
        (geteuid() == 0 && fchownat(bay, name, place->uid, place->gid, AT_SYMLINK_NOFOLLOW) != 0) ||
        fstatat(bay, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot prepare %s", intent->path);
    intent->new_inode = (gint64)st.st_ino;
    return TRUE;
}

static gboolean prepare_directory(Arranger *a, const char *path, GError **error)
{
    const Place *place = a->context->place;
    char name[24];
    g_auto(Live) live = {0};
    live_look(a, path, &live);
    Intent *intent = intend(a, INTENT_ADD, path, &live, error);
    if (!intent)
        return FALSE;
    int bay = g_array_index(a->bays, int, intent->bay);
    g_snprintf(name, sizeof name, "%" G_GINT64_FORMAT, intent->slot);
    if (mkdirat(bay, name, 0700) != 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot prepare %s", path);
    fs_fd int fd = fs_open_beneath(bay, name, O_RDONLY | O_DIRECTORY, 0, error);
    if (fd < 0 || !slot_note(intent, fd, error))
        return FALSE;
    return ((geteuid() != 0 || fchown(fd, place->uid, place->gid) == 0) && fchmod(fd, 0755) == 0) ||
           fault_errno(error, FAULT_SYSTEM, errno, "cannot hand over %s", path);
}

typedef struct Case { /* one path, and who has what there */
    const InventoryEntry *old, *new;
    const FileRule *rule;
    Live *live;
} Case;

static gboolean prepare_content(Arranger *a, const Case *c, int out, GError **error)
{
    fs_fd int release = release_open(a, a->change->to, c->live->path, error);
    return release >= 0 && fs_copy_content(release, out, NULL, error);
}

/* What the release brings, where something else or nothing lies. */
static gboolean bring(Arranger *a, const Case *c, GError **error)
{
    Intent *intent = intend(a, c->live->type ? INTENT_REPLACE : INTENT_ADD, c->live->path, c->live, error);
    if (!intent)
        return FALSE;
    if (c->new->type == 'l')
        return prepare_link(a, intent, c->new, error);
    fs_fd int out = slot_open(a, intent, error);
    return out >= 0 && prepare_content(a, c, out, error) && dress(a, out, c->live, c->old, c->new, error) &&
           slot_note(intent, out, error);
}

static gboolean remove_it(Arranger *a, const Case *c, GError **error)
{
    return intend(a, INTENT_REMOVE, c->live->path, c->live, error) != NULL;
}

static void note(Arranger *a, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void note(Arranger *a, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    g_ptr_array_add(a->report->notes, part_printable(text));
}

static void conflict(Arranger *a, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void conflict(Arranger *a, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    g_ptr_array_add(a->report->conflicts, part_printable(text));
}

/* The file as it was, beside it, for its user. One of an earlier try to the same version is the older truth. */
static gboolean keep_for_user(Arranger *a, const Case *c, GError **error)
{
    g_autofree char *path = g_strdup_printf("%s.before-%s", c->live->path, a->change->to ? a->change->to : "removal");
    g_auto(Live) beside = {0};
    live_look(a, path, &beside);
    if (beside.type || c->live->type != 'f')
        return TRUE;
    Intent *intent = intend(a, INTENT_ADD, path, &beside, error);
    fs_fd int from = intent ? fs_open_beneath(a->parent, c->live->name, O_RDONLY, 0, error) : -1;
    fs_fd int out = from < 0 ? -1 : slot_open(a, intent, error);
    if (out < 0 || !fs_copy_content(from, out, NULL, error) || !dress(a, out, c->live, NULL, NULL, error) ||
        !slot_note(intent, out, error))
        return FALSE;
    note(a, "%s is kept as %s", c->live->path, path);
    return TRUE;
}

/* --- deciding --- */

static gboolean merge_it(Arranger *a, const Case *c, GError **error)
{
    fs_fd int user = fs_open_beneath(a->parent, c->live->name, O_RDONLY, 0, error);
    fs_fd int release = user < 0 ? -1 : release_open(a, a->change->to, c->live->path, error);
    fs_fd int base = c->old && c->old->type == 'f' ? release_open(a, a->change->from, c->live->path, NULL) : -1;
    Intent *intent = release < 0 ? NULL : intend(a, INTENT_REPLACE, c->live->path, c->live, error);
    fs_fd int out = intent ? slot_open(a, intent, error) : -1;
    const FilesMerge merge = {c->rule, c->live->path, user, base, release, out};
    if (out < 0 || !files_merge(a->context, &merge, a->report, error) ||
        !dress(a, out, c->live, c->old, c->new, error) || !slot_note(intent, out, error))
        return FALSE;
    g_autofree char *merged = digest_fd(out, NULL, error);
    if (merged && strcmp(merged, c->live->content) != 0)
        return (!c->rule->backup || keep_for_user(a, c, error));
    g_ptr_array_remove_index(a->intents->list, a->intents->list->len - 1); /* nothing changes; settle clears the bay */
    return merged != NULL;
}

static gboolean is_merge(const FileRule *rule)
{
    return rule && rule->action >= FILE_MERGE_TOML;
}

/* It is in the user's hands: not what the installed release brought, nor what the new one brings. */
static gboolean decide_edited(Arranger *a, const Case *c, GError **error)
{
    const FileRule *rule = c->rule;
    gboolean readable = c->live->type == 'f' && c->new->type == 'f';
    if (is_merge(rule) && readable)
        return merge_it(a, c, error);
    if (rule || a->change->take_release) {
        gboolean keeps = !rule || rule->backup || rule->action == FILE_BACKUP_REPLACE;
        return (!keeps || keep_for_user(a, c, error)) && bring(a, c, error);
    }
    if (inventory_same(c->old, c->new)) { /* the release has nothing new to say */
        note(a, "%s was edited and stays as it is", c->live->path);
        return TRUE;
    }
    conflict(a,
             c->old ? "%s was edited here and changed by the release" : "%s is there already, and is not the release's",
             c->live->path);
    return TRUE;
}

static gboolean decide_new(Arranger *a, const Case *c, GError **error)
{
    Live *live = c->live;
    if (a->blocked || live->type == 'd' || live->type == 'o') {
        conflict(a, "%s cannot be put there: %s", live->path, a->blocked ? a->blocked : "it is no file here");
        return TRUE;
    }
    if (!live->type && c->old && inventory_same(c->old, c->new) && !c->rule) {
        note(a, "%s was removed here and stays away", live->path);
        return TRUE;
    }
    if (!live->type)
        return bring(a, c, error);
    if (!live_read(a, live, error))
        return FALSE;
    gboolean runs = live->type == 'f' && (live->st.st_mode & 0100);
    if (live_is(live, c->new)) /* in substance; a release that makes it a program has its way */
        return !c->old || c->old->runs == c->new->runs || runs == c->new->runs || bring(a, c, error);
    if (c->old && live_is(live, c->old) && !(is_merge(c->rule) && c->rule->merge_strategy == MERGE_RULE_UPDATE_ONLY))
        return (!c->rule || !c->rule->backup || keep_for_user(a, c, error)) && bring(a, c, error);
    return decide_edited(a, c, error);
}

/* The new release has it no more. What the user made of it is the user's. */
static gboolean decide_gone(Arranger *a, const Case *c, GError **error)
{
    if (!c->live->type || a->blocked)
        return TRUE;
    if (!live_read(a, c->live, error))
        return FALSE;
    if (live_is(c->live, c->old))
        return remove_it(a, c, error);
    note(a, "%s is no longer part of the release; it was edited and stays", c->live->path);
    return TRUE;
}

static gboolean is_let_in(const Arranger *a, const char *path)
{
    for (guint i = 0; a->change->privileged && i < a->change->privileged->len; i++)
        if (glob_matches(a->change->privileged->pdata[i], path))
            return TRUE;
    return FALSE;
}

static gboolean is_out_of_bounds(const Arranger *a, const char *path)
{
    const DirectoryRule *rule = manifest_directory_rule(a->change->manifest, path);
    return rule && rule->preserve;
}

static gboolean decide(Arranger *a, const InventoryEntry *old, const InventoryEntry *new, GError **error)
{
    const char *path = new ? new->path : old->path;
    g_auto(Live) live = {0};
    Case c = {old, new, manifest_file_rule(a->change->manifest, path), &live};
    if (is_out_of_bounds(a, path) || (c.rule && c.rule->action == FILE_SKIP))
        return TRUE;
    if (is_privileged(a, path) && !is_let_in(a, path)) {
        if (!inventory_same(old, new))
            note(a, "%s is privileged and stays as it is: 'privileged_files' of this host does not name it", path);
        return TRUE;
    }
    live_look(a, path, &live);
    return new ? decide_new(a, &c, error) : decide_gone(a, &c, error);
}

/* --- all of them --- */

/* A directory of the new release where there is none yet. */
static gboolean arrange_directory(Arranger *a, const char *path, GError **error)
{
    g_auto(Live) live = {0};
    live_look(a, path, &live);
    if (live.type == 'd')
        return TRUE;
    if (live.type || a->blocked) {
        conflict(a, "%s cannot be made: %s", path, a->blocked ? a->blocked : "it is no directory here");
        return TRUE;
    }
    return prepare_directory(a, path, error);
}

static gboolean arrange_entry(Arranger *a, const InventoryEntry *old, const InventoryEntry *new, GError **error)
{
    char old_type = old ? old->type : 0, new_type = new ? new->type : 0;
    if (new_type == 'd')
        return is_out_of_bounds(a, new->path) && manifest_directory_rule(a->change->manifest, new->path) &&
                       strcmp(manifest_directory_rule(a->change->manifest, new->path)->path, new->path) != 0
                   ? TRUE
                   : arrange_directory(a, new->path, error);
    if (old_type == 'd' && !new_type) {
        if (!is_out_of_bounds(a, old->path))
            g_ptr_array_insert(a->intents->empty, 0, g_strdup(old->path)); /* the deepest come first that way */
        return TRUE;
    }
    if (old_type == 'd') {
        conflict(a, "%s was a directory and is none any more: move it away", old->path);
        return TRUE;
    }
    return decide(a, old, new, error);
}

static gboolean arrange_all(Arranger *a, GError **error)
{
    g_autoptr(GPtrArray) old = inventory_read(a->store, a->change->from, error);
    g_autoptr(GPtrArray) new = old ? inventory_read(a->store, a->change->to, error) : NULL;
    if (!new)
        return FALSE;
    for (guint i = 0, j = 0; i < old->len || j < new->len;) {
        const InventoryEntry *o = i < old->len ? old->pdata[i] : NULL, *n = j < new->len ? new->pdata[j] : NULL;
        int order = !o ? 1 : !n ? -1 : strcmp(o->path, n->path);
        if (!arrange_entry(a, order <= 0 ? o : NULL, order >= 0 ? n : NULL, error))
            return FALSE;
        i += order <= 0;
        j += order >= 0;
    }
    return TRUE;
}

static gboolean begin(Arranger *a, GError **error)
{
    const Place *place = a->context->place;
    a->root = part_open_root(place, error);
    if (a->root < 0 || !fs_make_path(place->store, 0755, error) || (a->store = releases_open_store(place, error)) < 0 ||
        !(a->known = known_read(a->store, error)))
        return FALSE;
    a->intents = intents_new(a->change->from, a->change->to);
    a->bays = g_array_new(FALSE, FALSE, sizeof(int));
    a->devices = g_array_new(FALSE, FALSE, sizeof(dev_t));
    g_autoptr(GError) local = NULL;
    g_autoptr(Intents) earlier = intents_read(a->store, &local);
    g_autofree char *live = releases_current(place, NULL);
    gboolean made = earlier && g_strcmp0(earlier->to, live) == 0;
    return !earlier || intents_forget(a->root, a->store, earlier, made, error);
}

static gboolean finish(Arranger *a, GError **error)
{
    for (guint i = 0; i < a->bays->len; i++)
        if (!fs_sync_file_system(g_array_index(a->bays, int, i), error))
            return FALSE;
    return known_write(a->known, a->store, error) && intents_write(a->store, a->intents, error);
}

gboolean files_arrange(const PartContext *context, const LayoutChange *change, LayoutReport *report, GError **error)
{
    g_auto(Arranger)
        a = {.context = context, .change = change, .report = report, .root = -1, .store = -1, .parent = -1};
    return begin(&a, error) && arrange_all(&a, error) && (report->conflicts->len > 0 || finish(&a, error));
}
