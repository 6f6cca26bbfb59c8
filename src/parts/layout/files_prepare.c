/* SPDX-License-Identifier: Apache-2.0 */
/* A change in place: what lies there is looked at, and what is to come is laid out beside it. */
#include "parts/layout/files_inner.h"

#include "base/digest.h"
#include "base/fault.h"
#include "base/fs.h"
#include "model/glob.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* --- one file as it lies there --- */

void found_clear(Found *live)
{
    g_free(live->content);
    g_free(live->name);
}

static gboolean is_listed(const GPtrArray *paths, const char *path)
{
    return g_ptr_array_find_with_equal_func((GPtrArray *)paths, path, g_str_equal, NULL);
}

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
    a->parent = ground_directory(a->ground, directory, &local);
    if (a->parent < 0 && !is_listed(a->becoming, directory) && ground_exists(a->ground, directory))
        a->blocked = g_strdup_printf("%s is no directory here", directory);
}

void found_look(Arranger *a, const char *path, Found *live)
{
    g_autofree char *directory = g_path_get_dirname(path);
    found_clear(live);
    *live = (Found){.path = path};
    live->name = g_path_get_basename(path);
    enter(a, directory);
    if (a->parent < 0 || fstatat(a->parent, live->name, &live->st, AT_SYMLINK_NOFOLLOW) != 0)
        return;
    live->type = S_ISREG(live->st.st_mode)   ? 'f'
                 : S_ISDIR(live->st.st_mode) ? 'd'
                 : S_ISLNK(live->st.st_mode) ? 'l'
                                             : 'o';
}

gboolean found_read(Arranger *a, Found *live, GError **error)
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

gboolean found_is(const Found *live, const InventoryEntry *entry)
{
    return entry ? live->type == entry->type && strcmp(live->content, entry->content) == 0 : !live->type;
}

/* --- what is prepared --- */

static Mount mount_of(int fd)
{
    struct statx stx;
    struct stat st;
    Mount mount = {0};
    if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &stx) == 0 && (stx.stx_mask & STATX_MNT_ID))
        mount.id = stx.stx_mnt_id; /* of kernels from 5.8 on */
    if (fstat(fd, &st) == 0)
        mount.device = st.st_dev;
    return mount;
}

static gboolean same_mount(Mount a, Mount b)
{
    return a.id == b.id && a.device == b.device;
}

/* The bay on the mount of the directory at hand: in the store, or at the top of what is mounted below the root. */
static char *bay_path(Arranger *a, const char *directory, Mount mount, GError **error)
{
    if (same_mount(mount_of(a->store), mount))
        return g_build_filename(a->context->place->store + strlen(a->context->place->root) + 1, FILES_BAY, NULL);
    g_autofree char *top = g_strdup(directory);
    while (!ground_is_top(a->ground, top)) {
        g_autofree char *above = g_path_get_dirname(top);
        fs_fd int fd = ground_directory(a->ground, above, error);
        if (fd < 0)
            return NULL;
        if (!same_mount(mount_of(fd), mount))
            break;
        g_free(top);
        top = g_steal_pointer(&above);
    }
    return g_build_filename(top, FILES_BAY_BESIDE, NULL);
}

/* Index of the bay for what goes into the directory at hand, or into one that is yet to be made. -1 on failure. */
static gint64 bay_for(Arranger *a, GError **error)
{
    fs_fd int nearest = -1;
    g_autofree char *directory = g_strdup(a->parent_dir);
    while (a->parent < 0 && nearest < 0 && strcmp(directory, ".") != 0) {
        g_autofree char *above = g_path_get_dirname(directory);
        nearest = ground_directory(a->ground, above, NULL);
        g_free(directory);
        directory = g_steal_pointer(&above);
    }
    const Mount mount = mount_of(a->parent >= 0 ? a->parent : nearest);
    for (guint i = 0; i < a->mounts->len; i++)
        if (same_mount(g_array_index(a->mounts, Mount, i), mount))
            return i;
    char *path = bay_path(a, directory, mount, error);
    if (!path)
        return -1;
    g_ptr_array_add(a->intents->bays, path);
    /* The list knows of the bay before there is one: whoever tidies up after a crash finds it. */
    int fd = intents_write(a->store, a->intents, error) ? intents_bay(a->ground, path, TRUE, error) : -1;
    if (fd < 0 || !intents_hold(a->intents, a->ground, path, error))
        return -1;
    g_array_append_val(a->bays, fd);
    g_array_append_val(a->mounts, mount);
    return a->mounts->len - 1;
}

static gint64 ctime_of(const struct stat *st)
{
    return (gint64)st->st_ctim.tv_sec * G_GINT64_CONSTANT(1000000000) + st->st_ctim.tv_nsec;
}

static Intent *intend(Arranger *a, IntentKind kind, const char *path, const Found *live, GError **error)
{
    gint64 bay = a->looks ? 0 : bay_for(a, error);
    if (bay < 0)
        return NULL;
    Intent *intent = g_new0(Intent, 1);
    *intent = (Intent){.kind = (int)kind, .path = g_strdup(path), .bay = bay, .slot = a->slots++};
    if (live->type)
        intent->old_inode = (gint64)live->st.st_ino;
    if (live->type && live->type != 'd') /* a directory changes when what is in it goes; it must be empty then */
        intent->old_ctime_ns = ctime_of(&live->st);
    g_ptr_array_add(a->intents->list, intent);
    return intent;
}

gboolean arranger_is_privileged(const Arranger *a, const char *path)
{
    const GPtrArray *named = a->change->manifest->privileged_files;
    for (guint i = 0; named && i < named->len; i++)
        if (glob_matches(named->pdata[i], path))
            return TRUE;
    return FALSE;
}

/* Owner and rights are those of the file that was there; a new one is the app's. Whether it may be executed follows the
 * release where that changed. */
static gboolean dress(Arranger *a, int fd, const Found *live, const InventoryEntry *old, const InventoryEntry *new,
                      GError **error)
{
    const Place *place = a->context->place;
    gboolean privileged =
        arranger_is_privileged(a, live->path); /* and let in: root's own, so that the app cannot change it */
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
    if (a->looks)
        return memfd_create("looked-at", MFD_CLOEXEC);
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
    if (a->tree >= 0 && version == a->change->to)
        return fs_open_beneath(a->tree, path, O_RDONLY, 0, error);
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

gboolean arranger_make_directory(Arranger *a, const char *path, GError **error)
{
    const Place *place = a->context->place;
    char name[24];
    g_auto(Found) live = {0};
    found_look(a, path, &live);
    Intent *intent = intend(a, live.type ? INTENT_REPLACE : INTENT_ADD, path, &live, error);
    if (!intent || a->looks)
        return intent != NULL;
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

static gboolean prepare_content(Arranger *a, const Case *c, int out, GError **error)
{
    fs_fd int release = release_open(a, a->change->to, c->live->path, error);
    return release >= 0 && fs_copy_content(release, out, NULL, error);
}

gboolean arranger_bring(Arranger *a, const Case *c, GError **error)
{
    const IntentKind kind = c->live->type ? INTENT_REPLACE : INTENT_ADD;
    Intent *intent = intend(a, kind, c->live->path, c->live, error);
    a->report->n[kind == INTENT_ADD ? LAYOUT_ADDS : LAYOUT_REPLACES]++;
    if (!intent || a->looks)
        return intent != NULL;
    if (c->new->type == 'l')
        return prepare_link(a, intent, c->new, error);
    fs_fd int out = slot_open(a, intent, error);
    return out >= 0 && prepare_content(a, c, out, error) && dress(a, out, c->live, c->old, c->new, error) &&
           slot_note(intent, out, error);
}

gboolean arranger_remove(Arranger *a, const Case *c, GError **error)
{
    a->report->n[LAYOUT_REMOVES] += c->live->type != 'd';
    return intend(a, INTENT_REMOVE, c->live->path, c->live, error) != NULL;
}

void arranger_note(Arranger *a, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    g_ptr_array_add(a->report->notes, part_printable(text));
}

static void conflict_add(Arranger *a, const char *hint, const char *text)
{
    LayoutConflict *conflict = g_new0(LayoutConflict, 1);
    *conflict = (LayoutConflict){part_printable(text), hint};
    g_ptr_array_add(a->report->conflicts, conflict);
}

void arranger_conflict(Arranger *a, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    conflict_add(a, LAYOUT_CONFLICT_HINT, text);
}

void arranger_stuck(Arranger *a, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    conflict_add(a, LAYOUT_STUCK_HINT, text);
}

gboolean arranger_keep(Arranger *a, const Case *c, GError **error)
{
    g_autofree char *path = g_strdup_printf("%s.before-%s", c->live->path, a->change->to ? a->change->to : "removal");
    g_auto(Found) beside = {0};
    found_look(a, path, &beside);
    if (beside.type || c->live->type != 'f')
        return TRUE;
    Intent *intent = a->looks ? NULL : intend(a, INTENT_ADD, path, &beside, error);
    fs_fd int from = intent ? fs_open_beneath(a->parent, c->live->name, O_RDONLY, 0, error) : -1;
    fs_fd int out = from < 0 ? -1 : slot_open(a, intent, error);
    if (!a->looks && (out < 0 || !fs_copy_content(from, out, NULL, error) ||
                      !dress(a, out, c->live, NULL, NULL, error) || !slot_note(intent, out, error)))
        return FALSE;
    arranger_note(a, "%s is kept as %s", c->live->path, path);
    return TRUE;
}

/* Its slot stays empty-handed in the bay. */
static void forget_last(Arranger *a)
{
    g_ptr_array_remove_index(a->intents->list, a->intents->list->len - 1);
}

static gboolean merge_ask(Arranger *a, const Case *c, const FileRule *rule, int out, GError **error)
{
    fs_fd int user = fs_open_beneath(a->parent, c->live->name, O_RDONLY, 0, error);
    fs_fd int release = user < 0 ? -1 : release_open(a, a->change->to, c->live->path, error);
    fs_fd int base = c->old && c->old->type == 'f' ? release_open(a, a->change->from, c->live->path, NULL) : -1;
    const FilesMerge merge = {rule, c->live->path, user, base, release, out};
    return release >= 0 && files_merge(a->context, &merge, a->report, error);
}

/* A text that is not what it says it is: somebody has to mend it, or to do without it. */
static gboolean merge_failed(Arranger *a, const Case *c, GError **fault, GError **error)
{
    if (fault_code_of(*fault) != FAULT_POLICY) {
        g_propagate_error(error, g_steal_pointer(fault));
        return FALSE;
    }
    if (!a->change->take_release) {
        arranger_conflict(a, "%s", (*fault)->message);
        return TRUE;
    }
    arranger_note(a, "%s cannot be merged and gives way to the release's: %s", c->live->path, (*fault)->message);
    return arranger_keep(a, c, error) && arranger_bring(a, c, error);
}

gboolean arranger_merge(Arranger *a, const Case *c, GError **error)
{
    g_autoptr(GError) fault = NULL;
    Intent *intent = intend(a, INTENT_REPLACE, c->live->path, c->live, error);
    fs_fd int out = intent ? slot_open(a, intent, error) : -1;
    if (out < 0)
        return FALSE;
    if (!merge_ask(a, c, c->rule, out, &fault)) {
        forget_last(a);
        return merge_failed(a, c, &fault, error);
    }
    g_autofree char *merged = digest_fd(out, NULL, error);
    if (!merged)
        return FALSE;
    if (strcmp(merged, c->live->content) == 0) { /* nothing changes; settle clears the bay */
        forget_last(a);
        return TRUE;
    }
    a->report->n[LAYOUT_MERGES]++;
    if (!a->looks && (!dress(a, out, c->live, c->old, c->new, error) || !slot_note(intent, out, error)))
        return FALSE;
    return !c->rule->backup || arranger_keep(a, c, error);
}

gboolean arranger_show(Arranger *a, const Case *c, GError **error)
{
    if (!a->report->diffs || c->live->type != 'f' || c->new->type != 'f')
        return TRUE;
    return merge_ask(a, c, NULL, -1, error);
}
