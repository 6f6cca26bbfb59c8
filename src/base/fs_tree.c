/* SPDX-License-Identifier: Apache-2.0 */
/* Walking and removing whole trees, of any depth, while others may be at work in them. */
#include "base/fault.h"
#include "base/fs.h"
#include "base/fs_inner.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <unistd.h>

/* --- a chain of directories --- */

enum { CHAIN_OPEN = 32 };

typedef struct Link {
    int fd; /* -1: closed for now */
    dev_t device;
    ino_t inode;
} Link;

struct FsChain {
    GArray *links;
};

FsChain *fs_chain_new(void)
{
    FsChain *chain = g_new0(FsChain, 1);
    chain->links = g_array_new(FALSE, FALSE, sizeof(Link));
    return chain;
}

void fs_chain_free(FsChain *chain)
{
    for (guint i = 0; i < chain->links->len; i++)
        fs_fd_clear(&g_array_index(chain->links, Link, i).fd);
    g_array_free(chain->links, TRUE);
    g_free(chain);
}

gboolean fs_chain_push(FsChain *chain, int fd)
{
    struct stat st;
    if (fstat(fd, &st) < 0) {
        fs_fd_clear(&fd);
        return FALSE;
    }
    Link link = {.fd = fd, .device = st.st_dev, .inode = st.st_ino};
    g_array_append_val(chain->links, link);
    if (chain->links->len > CHAIN_OPEN)
        fs_fd_clear(&g_array_index(chain->links, Link, chain->links->len - 1 - CHAIN_OPEN).fd);
    return TRUE;
}

gboolean fs_chain_pop(FsChain *chain)
{
    Link *last = &g_array_index(chain->links, Link, chain->links->len - 1);
    if (chain->links->len > 1 && last[-1].fd < 0) {
        last[-1].fd = openat(last->fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (last[-1].fd < 0)
            return FALSE;
        struct stat st;
        if (fstat(last[-1].fd, &st) < 0 || st.st_dev != last[-1].device || st.st_ino != last[-1].inode) {
            fs_fd_clear(&last[-1].fd);
            errno = ESTALE;
            return FALSE;
        }
    }
    fs_fd_clear(&last->fd);
    g_array_set_size(chain->links, chain->links->len - 1);
    return TRUE;
}

int fs_chain_last(const FsChain *chain)
{
    return g_array_index(chain->links, Link, chain->links->len - 1).fd;
}

/* --- listing --- */

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

GPtrArray *fs_list(int dirfd)
{
    int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        fs_fd_clear(&fd);
        return NULL;
    }
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    errno = 0;
    for (struct dirent *entry; (entry = readdir(dir)); errno = 0)
        if (!g_str_equal(entry->d_name, ".") && !g_str_equal(entry->d_name, ".."))
            g_ptr_array_add(names, g_strdup(entry->d_name));
    int saved = errno;
    closedir(dir);
    errno = saved;
    if (errno != 0)
        return NULL;
    g_ptr_array_sort(names, compare_names);
    return g_steal_pointer(&names);
}

/* --- walking --- */

/* One directory on the way down. */
typedef struct Level {
    GPtrArray *names;
    guint next;
    gsize path_size;  /* of the path of this directory, in the walk's path */
    const char *name; /* in the level above, whose array owns it; NULL for the start */
    struct stat st;
} Level;

typedef struct Walk {
    FsChain *chain;
    GArray *levels;
    GString *path;
    FsVisit visit;
    FsLeave leave;
    gpointer data;
} Walk;

static void level_clear(gpointer level)
{
    g_clear_pointer(&((Level *)level)->names, g_ptr_array_unref);
}

/* Goes into a directory: takes fd. */
static gboolean walk_enter(Walk *walk, int fd, const char *name, const struct stat *st, GError **error)
{
    Level level = {.name = name, .path_size = walk->path->len};
    if (st)
        level.st = *st;
    if (!fs_chain_push(walk->chain, fd) || !(level.names = fs_list(fs_chain_last(walk->chain))))
        return fs_refuse(error, errno, "read", walk->path->len ? walk->path->str : ".");
    g_array_append_val(walk->levels, level);
    return TRUE;
}

static gboolean walk_entry(Walk *walk, const char *name, GError **error)
{
    int parent = fs_chain_last(walk->chain);
    if (walk->path->len)
        g_string_append_c(walk->path, '/');
    g_string_append(walk->path, name);
    struct stat st;
    if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT || fs_refuse(error, errno, "read", walk->path->str);
    if (!walk->visit(parent, name, walk->path->str, &st, walk->data, error))
        return FALSE;
    if (!S_ISDIR(st.st_mode))
        return TRUE;
    int fd = fs_openat2(parent, name, O_RDONLY | O_DIRECTORY, 0, 0);
    if (fd < 0 && errno == ENOENT) /* gone since: nothing is below it */
        return !walk->leave || walk->leave(parent, name, walk->path->str, &st, walk->data, error);
    if (fd < 0)
        return fs_refuse(error, errno, "read", walk->path->str);
    struct stat opened;
    if (fstat(fd, &opened) < 0 || opened.st_dev != st.st_dev || opened.st_ino != st.st_ino) {
        fs_fd_clear(&fd);
        return fs_refuse(error, ESTALE, "read", walk->path->str);
    }
    return walk_enter(walk, fd, name, &st, error);
}

static gboolean walk_leave(Walk *walk, GError **error)
{
    Level *level = &g_array_index(walk->levels, Level, walk->levels->len - 1);
    g_string_truncate(walk->path, level->path_size);
    if (!fs_chain_pop(walk->chain))
        return fs_refuse(error, errno, "read", walk->path->len ? walk->path->str : ".");
    gboolean good =
        !walk->leave || !level->name ||
        walk->leave(fs_chain_last(walk->chain), level->name, walk->path->str, &level->st, walk->data, error);
    g_array_set_size(walk->levels, walk->levels->len - 1);
    return good;
}

static gboolean walk_run(Walk *walk, GError **error)
{
    while (walk->levels->len > 0) {
        Level *level = &g_array_index(walk->levels, Level, walk->levels->len - 1);
        g_string_truncate(walk->path, level->path_size);
        if (level->next >= level->names->len) {
            if (!walk_leave(walk, error))
                return FALSE;
        } else if (!walk_entry(walk, level->names->pdata[level->next++], error)) {
            return FALSE;
        }
    }
    return TRUE;
}

gboolean fs_walk_both(int dirfd, const char *path, FsVisit visit, FsLeave leave, gpointer data, GError **error)
{
    int fd = fs_open_beneath(dirfd, *path ? path : ".", O_RDONLY | O_DIRECTORY, 0, error);
    if (fd < 0)
        return FALSE;
    g_autoptr(FsChain) chain = fs_chain_new();
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GArray) levels = g_array_new(FALSE, FALSE, sizeof(Level));
    g_array_set_clear_func(levels, level_clear);
    Walk walk = {.chain = chain, .levels = levels, .path = text, .visit = visit, .leave = leave, .data = data};
    return walk_enter(&walk, fd, NULL, NULL, error) && walk_run(&walk, error);
}

gboolean fs_walk(int dirfd, const char *path, FsVisit visit, gpointer data, GError **error)
{
    return fs_walk_both(dirfd, path, visit, NULL, data, error);
}

/* --- removing --- */

/* Writers that are still at work may fill a directory again while we empty it: so often do we begin anew. */
enum { REMOVE_ROUNDS = 16 };

/* Gives ourselves the owner's rights on a directory of ours that refused us. */
static gboolean unlock_dir(int fd)
{
    struct stat st;
    if (fstat(fd, &st) < 0 || st.st_uid != geteuid() || !S_ISDIR(st.st_mode) || (st.st_mode & 0700) == 0700) {
        errno = EACCES;
        return FALSE;
    }
    /* By way of /proc, because fchmod refuses the O_PATH descriptor that a directory without rights gives us. */
    g_autofree char *self = g_strdup_printf("/proc/self/fd/%d", fd);
    return chmod(self, (st.st_mode & 07777) | 0700) == 0;
}

static int open_for_removal(int parent, const char *name)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
    int fd = fs_openat2(parent, name, flags, 0, RESOLVE_NO_XDEV);
    if (fd >= 0 || errno != EACCES)
        return fd;
    fs_fd int handle = fs_openat2(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0, RESOLVE_NO_XDEV);
    if (handle < 0 || !unlock_dir(handle))
        return -1;
    return fs_openat2(parent, name, flags, 0, RESOLVE_NO_XDEV);
}

/* Unlinks, making a read-only parent writable on the way. */
static int unlink_from(int parent, const char *name, int flags)
{
    int result = unlinkat(parent, name, flags);
    if (result < 0 && errno == EACCES && unlock_dir(parent))
        result = unlinkat(parent, name, flags);
    return result;
}

typedef struct Removal {
    FsChain *chain;
    GArray *levels; /* of Level; path_size unused */
    guint rounds;
} Removal;

static gboolean refuse_removal(GError **error, int errno_value, const char *name)
{
    if (errno_value != EXDEV && errno_value != EBUSY)
        return fs_refuse(error, errno_value, "remove", name);
    g_autofree char *shown = fs_display(name);
    return fault_set(error, FAULT_SYSTEM, "cannot remove '%s': a file system is mounted there", shown);
}

static gboolean removal_enter(Removal *removal, const char *name, GError **error)
{
    int fd = open_for_removal(fs_chain_last(removal->chain), name);
    if (fd < 0)
        return errno == ENOENT || refuse_removal(error, errno, name);
    Level level = {.name = name};
    /* x without r lets us open nothing, r without x lets us open but not act. */
    if (faccessat(fd, ".", X_OK, AT_EACCESS) < 0)
        unlock_dir(fd);
    if (!fs_chain_push(removal->chain, fd) || !(level.names = fs_list(fs_chain_last(removal->chain))))
        return fs_refuse(error, errno, "remove", name);
    g_array_append_val(removal->levels, level);
    return TRUE;
}

/* Removes a name in the last directory of the chain, or goes into it if it is a directory. */
static gboolean removal_entry(Removal *removal, const char *name, GError **error)
{
    int parent = fs_chain_last(removal->chain);
    if (unlink_from(parent, name, 0) == 0 || errno == ENOENT)
        return TRUE;
    int saved = errno;
    struct stat st;
    if (saved == EISDIR || (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode)))
        return removal_enter(removal, name, error);
    return refuse_removal(error, saved, name);
}

static gboolean removal_leave(Removal *removal, GError **error)
{
    Level *level = &g_array_index(removal->levels, Level, removal->levels->len - 1);
    g_autofree char *name = g_strdup(level->name);
    if (!fs_chain_pop(removal->chain))
        return fs_refuse(error, errno, "remove", name);
    const char *kept = level->name;
    g_array_set_size(removal->levels, removal->levels->len - 1);
    if (unlink_from(fs_chain_last(removal->chain), name, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return TRUE;
    if (errno == ENOTEMPTY && removal->rounds++ < REMOVE_ROUNDS)
        return removal_enter(removal, kept, error);
    return refuse_removal(error, errno, name);
}

gboolean fs_remove_tree(int dirfd, const char *path, GError **error)
{
    g_autofree char *base = NULL;
    int parent = fs_open_parent(dirfd, path, &base);
    if (parent < 0 && errno == ENOENT)
        return TRUE;
    if (parent < 0)
        return fs_refuse_open(error, errno, path);
    g_autoptr(FsChain) chain = fs_chain_new();
    g_autoptr(GArray) levels = g_array_new(FALSE, FALSE, sizeof(Level));
    g_array_set_clear_func(levels, level_clear);
    Removal removal = {.chain = chain, .levels = levels};
    if (!fs_chain_push(chain, parent))
        return fs_refuse(error, errno, "remove", path);
    gboolean good = removal_entry(&removal, base, error);
    while (good && levels->len > 0) {
        Level *level = &g_array_index(levels, Level, levels->len - 1);
        good = level->next < level->names->len ? removal_entry(&removal, level->names->pdata[level->next++], error)
                                               : removal_leave(&removal, error);
    }
    return good;
}
