/* SPDX-License-Identifier: Apache-2.0 */
/* Archives from elsewhere: decompressed by libarchive, taken apart by tar.c, judged by archive_rules.c, written here.
 */
#include "base/archive.h"

#include "base/archive_rules.h"
#include "base/document.h"
#include "base/fault.h"
#include "base/fs.h"
#include "base/shown.h"
#include "base/tar.h"

#include <archive.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define RATIO_FREE_BYTES (64 * 1024 * 1024) /* unpacked bytes below which any ratio is good */

static const ArchiveLimits default_limits = {.bytes = 8ull << 30, .entries = 1000000, .ratio = 1000};

/* --- decompression ------------------------------------------------------------------------------------------ */

typedef struct Packed {
    struct archive *filter;
    const char *name;
    const ArchiveLimits *limits;
    int fd;
    guint64 offset, size; /* read so far, of all; the descriptor's own offset is not used */
    guint64 unpacked;
    char buffer[64 * 1024];
} Packed;

static void packed_clear(Packed *packed)
{
    g_clear_pointer(&packed->filter, archive_read_free);
}

static la_ssize_t packed_read(struct archive *filter, void *data, const void **bytes)
{
    Packed *packed = data;
    ssize_t n;
    do
        n = pread(packed->fd, packed->buffer, sizeof packed->buffer, (off_t)packed->offset);
    while (n < 0 && errno == EINTR);
    if (n < 0) {
        archive_set_error(filter, errno, "cannot read it: %s", g_strerror(errno));
        return -1;
    }
    packed->offset += (guint64)n;
    if (packed->limits->progress)
        packed->limits->progress(packed->offset, packed->size, packed->limits->progress_data);
    *bytes = packed->buffer;
    return n;
}

static gboolean packed_refuse(Packed *packed, GError **error)
{
    const char *detail = archive_error_string(packed->filter);
    if (!detail) /* what it says, or rather does not say, of a gzip stream without its last bytes */
        return fault_set(error, FAULT_ARCHIVE, "%s: damaged or cut off", packed->name);
    g_autofree char *shown = shown_text(detail);
    return fault_set(error, FAULT_ARCHIVE, "%s: damaged: %s", packed->name, shown);
}

static gboolean packed_open(Packed *packed, GError **error)
{
    struct stat st;
    if (fstat(packed->fd, &st) < 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "%s: cannot read it", packed->name);
    if (!S_ISREG(st.st_mode))
        return fault_set(error, FAULT_ARCHIVE, "%s: not a regular file", packed->name);
    if (st.st_size == 0)
        return fault_set(error, FAULT_ARCHIVE, "%s: empty", packed->name);
    packed->size = (guint64)st.st_size;
    packed->filter = archive_read_new();
    struct archive_entry *all;
    /* Never "_all": what is not asked for cannot be attacked. A filter by an external program would be ARCHIVE_WARN. */
    if (archive_read_support_filter_gzip(packed->filter) != ARCHIVE_OK ||
        archive_read_support_filter_zstd(packed->filter) != ARCHIVE_OK ||
        archive_read_support_format_raw(packed->filter) != ARCHIVE_OK ||
        archive_read_open(packed->filter, packed, NULL, packed_read, NULL) != ARCHIVE_OK ||
        archive_read_next_header(packed->filter, &all) != ARCHIVE_OK)
        return packed_refuse(packed, error);
    return TRUE;
}

/* TarSource. At the end nothing of the file may be left: a reader that goes on would find something else there. */
static gssize packed_next(gpointer data, const char **bytes, GError **error)
{
    Packed *packed = data;
    const void *block;
    size_t size;
    la_int64_t offset;
    int outcome = archive_read_data_block(packed->filter, &block, &size, &offset);
    if (outcome == ARCHIVE_EOF) {
        gint64 used = archive_filter_bytes(packed->filter, -1);
        if (used >= 0 && (guint64)used >= packed->size)
            return 0;
        fault_set(error, FAULT_ARCHIVE, "%s: something follows its end", packed->name);
        return -1;
    }
    if (outcome != ARCHIVE_OK) {
        packed_refuse(packed, error);
        return -1;
    }
    packed->unpacked += size;
    if (packed->unpacked > RATIO_FREE_BYTES && packed->unpacked / packed->limits->ratio > packed->offset) {
        fault_set(error, FAULT_ARCHIVE, "%s: it unpacks to more than %u times its size", packed->name,
                  packed->limits->ratio);
        return -1;
    }
    *bytes = block;
    return (gssize)size;
}

/* --- entries ------------------------------------------------------------------------------------------------ */

/* One reading of an archive. `visit` gets each entry that the rules admit, under its clean path; it may take the
 * content from `tar`. */
typedef struct Walk Walk;
struct Walk {
    const char *name;
    ArchiveLimits limits;
    ArchiveRules *rules;
    TarReader *tar;
    guint64 n_entries, n_bytes;
    gboolean (*visit)(Walk *walk, const TarEntry *entry, const char *path, GError **error);
    gpointer data;
};

static gboolean refuse_entry(const Walk *walk, const char *path, GError **error, const char *why)
{
    g_autofree char *shown = shown_text(path);
    return fault_set(error, FAULT_ARCHIVE, "%s: entry '%s': %s", walk->name, shown, why);
}

static gboolean fail_entry(const Walk *walk, const char *path, GError **error, const char *verb)
{
    int saved = errno;
    g_autofree char *shown = shown_text(path);
    return fault_errno(error, FAULT_SYSTEM, saved, "%s: entry '%s': cannot %s", walk->name, shown, verb);
}

/* Without "./" before it and, of a directory, without "/" behind it. The tree itself becomes "". */
static char *clean_path(const char *path, gboolean directory)
{
    while (g_str_has_prefix(path, "./"))
        path += strlen("./");
    gsize size = strlen(path);
    if (directory && (g_str_equal(path, ".") || (size > 1 && path[size - 1] == '/')))
        size--;
    return g_strndup(path, size);
}

/* Whoever set the limit can set another; that says nothing of the archive. */
static gboolean over_limit(const Walk *walk, const char *limit, GError **error)
{
    if (!walk->limits.host || !error)
        return FALSE;
    (*error)->code = FAULT_REQUIREMENT;
    return fault_hint(error, "if that is right, raise %s in the configuration", limit);
}

static gboolean count_entry(Walk *walk, const TarEntry *entry, GError **error)
{
    const ArchiveLimits *limits = &walk->limits;
    if (++walk->n_entries > limits->entries) {
        fault_set(error, FAULT_ARCHIVE, "%s: more than %" G_GUINT64_FORMAT " entries", walk->name, limits->entries);
        return over_limit(walk, "max_entries", error);
    }
    if (entry->size > limits->file_bytes) {
        g_autofree char *why = g_strdup_printf("more than %" G_GUINT64_FORMAT " bytes", limits->file_bytes);
        refuse_entry(walk, entry->path, error, why);
        return over_limit(walk, "max_file_size", error);
    }
    walk->n_bytes += entry->size; /* below 2^63 each, and the sum is checked each time */
    if (walk->n_bytes > limits->bytes) {
        fault_set(error, FAULT_ARCHIVE, "%s: it unpacks to more than %" G_GUINT64_FORMAT " bytes", walk->name,
                  limits->bytes);
        return over_limit(walk, "max_release_size", error);
    }
    return TRUE;
}

/* A hard link is a second name of a file that this archive brought. */
static const char *hardlink_fault(const ArchiveRules *rules, const char *target)
{
    g_autofree char *clean = clean_path(target, FALSE);
    RulesKind kind;
    if (!archive_rules_find(rules, clean, &kind))
        return "its target is not in the archive before it";
    return kind == RULES_FILE ? NULL : "its target is not a file";
}

static gboolean judge_entry(Walk *walk, const TarEntry *entry, GError **error)
{
    g_autofree char *path = clean_path(entry->path, entry->kind == TAR_DIRECTORY);
    if (entry->kind != TAR_SYMLINK && entry->mode & 07000)
        return refuse_entry(walk, entry->path, error, "a setuid, setgid or sticky bit");
    if (entry->kind == TAR_DIRECTORY && !*path && *entry->path)
        return TRUE; /* "./" */
    if (!count_entry(walk, entry, error))
        return FALSE;
    if (entry->kind == TAR_HARDLINK) {
        const char *fault = hardlink_fault(walk->rules, entry->link);
        if (fault)
            return refuse_entry(walk, entry->path, error, fault);
    }
    RulesKind kind = entry->kind == TAR_DIRECTORY ? RULES_DIRECTORY
                     : entry->kind == TAR_SYMLINK ? RULES_SYMLINK
                                                  : RULES_FILE;
    g_autofree char *why = archive_rules_admit(walk->rules, path, kind, entry->link);
    return why ? refuse_entry(walk, entry->path, error, why) : walk->visit(walk, entry, path, error);
}

static gboolean walk_entries(Walk *walk, GError **error)
{
    const TarEntry *entry;
    for (;;) {
        TarOutcome outcome = tar_next(walk->tar, &entry, error);
        if (outcome != TAR_ENTRY)
            return outcome == TAR_END;
        if (!judge_entry(walk, entry, error))
            return FALSE;
    }
}

static ArchiveLimits fill_limits(const ArchiveLimits *limits)
{
    ArchiveLimits full = limits ? *limits : default_limits;
    full.bytes = full.bytes ? full.bytes : default_limits.bytes;
    full.entries = full.entries ? full.entries : default_limits.entries;
    full.file_bytes = full.file_bytes ? full.file_bytes : full.bytes;
    full.ratio = full.ratio ? full.ratio : default_limits.ratio;
    return full;
}

static gboolean walk_archive(Walk *walk, int archive_fd, GError **error)
{
    g_autofree Packed *room = g_new0(Packed, 1);
    *room = (Packed){.name = walk->name, .limits = &walk->limits, .fd = archive_fd};
    g_autoptr(ArchiveRules) rules = archive_rules_new();
    /* An entry has up to three headers before it. */
    g_autoptr(TarReader) tar = tar_reader_new(walk->name, walk->limits.entries * 4 + 16, packed_next, room);
    walk->rules = rules;
    walk->tar = tar;
    gboolean done = packed_open(room, error) && walk_entries(walk, error);
    packed_clear(room);
    return done;
}

/* --- writing ------------------------------------------------------------------------------------------------ */

typedef struct Tree {
    int root;
    int parent; /* of the last entry: most entries follow their neighbours */
    char *parent_path;
    gint64 now_s;
} Tree;

/* Descriptor of the directory of `path`, made if need be; borrowed. *name points at the last component. */
static int tree_parent(Tree *tree, const char *path, const char **name, GError **error)
{
    const char *slash = strrchr(path, '/');
    *name = slash ? slash + 1 : path;
    if (!slash)
        return tree->root;
    g_autofree char *parent_path = g_strndup(path, (gsize)(slash - path));
    if (g_strcmp0(parent_path, tree->parent_path) == 0)
        return tree->parent;
    int fd = fs_open_beneath(tree->root, parent_path, O_RDONLY | O_DIRECTORY, 0, NULL);
    if (fd < 0 && fs_make_dirs(tree->root, parent_path, 0755, error))
        fd = fs_open_beneath(tree->root, parent_path, O_RDONLY | O_DIRECTORY, 0, error);
    if (fd < 0)
        return -1;
    fs_fd_clear(&tree->parent);
    tree->parent = fd;
    g_free(tree->parent_path);
    tree->parent_path = g_steal_pointer(&parent_path);
    return fd;
}

static gboolean write_file(Walk *walk, int parent, const char *name, const TarEntry *entry, const char *path,
                           GError **error)
{
    const Tree *tree = walk->data;
    fs_fd int fd =
        openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, entry->mode & 0100 ? 0755 : 0644);
    if (fd < 0)
        return fail_entry(walk, path, error, "make it");
    const char *bytes;
    gssize n;
    while ((n = tar_content(walk->tar, &bytes, error)) > 0) {
        if (!fs_write_all(fd, bytes, (gsize)n))
            return fail_entry(walk, path, error, "write it");
    }
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = (time_t)entry->mtime_s}};
    if (n == 0 && entry->mtime_s <= tree->now_s && futimens(fd, times) < 0)
        return fail_entry(walk, path, error, "set its time");
    return n == 0;
}

static gboolean write_hardlink(Walk *walk, int parent, const char *name, const TarEntry *entry, GError **error)
{
    const Tree *tree = walk->data;
    g_autofree char *target = clean_path(entry->link, FALSE);
    const char *slash = strrchr(target, '/');
    g_autofree char *from_path = slash ? g_strndup(target, (gsize)(slash - target)) : g_strdup(".");
    fs_fd int from = fs_open_beneath(tree->root, from_path, O_RDONLY | O_DIRECTORY, 0, error);
    if (from < 0)
        return FALSE;
    if (linkat(from, slash ? slash + 1 : target, parent, name, 0) < 0)
        return fail_entry(walk, entry->path, error, "link it");
    return TRUE;
}

static gboolean write_entry(Walk *walk, const TarEntry *entry, const char *path, GError **error)
{
    const char *name;
    int parent = tree_parent(walk->data, path, &name, error);
    if (parent < 0)
        return fault_prefix(error, "%s", walk->name);
    switch (entry->kind) {
    case TAR_FILE:
        return write_file(walk, parent, name, entry, path, error);
    case TAR_HARDLINK:
        return write_hardlink(walk, parent, name, entry, error);
    case TAR_SYMLINK:
        return symlinkat(entry->link, parent, name) == 0 || fail_entry(walk, path, error, "make it");
    case TAR_DIRECTORY:
        /* It may be there: an entry below it came first. The rules know of nothing else by this name. */
        return mkdirat(parent, name, 0755) == 0 || errno == EEXIST || fail_entry(walk, path, error, "make it");
    }
    return refuse_entry(walk, path, error, "unknown kind");
}

static gboolean check_empty(int dirfd, const char *name, GError **error)
{
    int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        int saved = errno;
        fs_fd_clear(&fd);
        return fault_errno(error, FAULT_SYSTEM, saved, "%s: cannot open the directory to unpack into", name);
    }
    gboolean empty = TRUE;
    for (const struct dirent *entry; empty && (entry = readdir(dir));)
        empty = g_str_equal(entry->d_name, ".") || g_str_equal(entry->d_name, "..");
    closedir(dir);
    return empty || fault_set(error, FAULT_SYSTEM, "%s: the directory to unpack into is not empty", name);
}

gboolean archive_unpack(int archive_fd, const char *name, int dirfd, const ArchiveLimits *limits, guint64 *n_entries,
                        guint64 *n_bytes, GError **error)
{
    Tree tree = {.root = dirfd, .parent = -1, .now_s = g_get_real_time() / G_USEC_PER_SEC};
    Walk walk = {.name = name, .limits = fill_limits(limits), .visit = write_entry, .data = &tree};
    mode_t old_mask = umask(022);
    gboolean done = check_empty(dirfd, name, error) && walk_archive(&walk, archive_fd, error);
    umask(old_mask);
    fs_fd_clear(&tree.parent);
    g_free(tree.parent_path);
    if (n_entries)
        *n_entries = walk.n_entries;
    if (n_bytes)
        *n_bytes = walk.n_bytes;
    return done;
}

/* --- reading one file --------------------------------------------------------------------------------------- */

typedef struct Hit {
    char *path;
    GString *bytes; /* NULL: too large */
    gboolean deep;  /* in a directory, which must be the only one */
} Hit;

typedef struct Search {
    const char *const *paths;
    GPtrArray *hits; /* of Hit *, few: names do not repeat, and deep ones are dropped with the second directory */
} Search;

static void hit_free(gpointer data)
{
    Hit *hit = data;
    g_free(hit->path);
    if (hit->bytes)
        g_string_free(hit->bytes, TRUE);
    g_free(hit);
}

static gboolean collect(Walk *walk, const TarEntry *entry, const char *path, GError **error)
{
    const Search *search = walk->data;
    gboolean single = archive_rules_single_top(walk->rules) != NULL;
    for (guint i = search->hits->len; !single && i > 0; i--) {
        const Hit *hit = g_ptr_array_index(search->hits, i - 1);
        if (hit->deep)
            g_ptr_array_remove_index(search->hits, i - 1);
    }
    const char *slash = strchr(path, '/');
    gboolean top = g_strv_contains(search->paths, path);
    gboolean deep = !top && single && slash && g_strv_contains(search->paths, slash + 1);
    if (entry->kind != TAR_FILE || (!top && !deep))
        return TRUE;
    Hit *hit = g_new0(Hit, 1);
    *hit = (Hit){.path = g_strdup(path), .deep = deep};
    g_ptr_array_add(search->hits, hit);
    if (entry->size > DOCUMENT_MAX_BYTES)
        return TRUE;
    hit->bytes = g_string_sized_new(entry->size + 1);
    const char *bytes;
    gssize n;
    while ((n = tar_content(walk->tar, &bytes, error)) > 0)
        g_string_append_len(hit->bytes, bytes, n);
    return n == 0;
}

static Hit *judge_hits(const Walk *walk, const Search *search, GError **error)
{
    if (search->hits->len == 0) {
        g_autofree char *list = g_strjoinv(", ", (char **)search->paths);
        fault_set(error, FAULT_ABSENT, "%s: nothing of %s is in it", walk->name, list);
        return NULL;
    }
    Hit *first = g_ptr_array_index(search->hits, 0);
    if (search->hits->len > 1) {
        const Hit *second = g_ptr_array_index(search->hits, 1);
        fault_set(error, FAULT_ARCHIVE, "%s: both '%s' and '%s' are in it", walk->name, first->path, second->path);
        return NULL;
    }
    if (!first->bytes)
        refuse_entry(walk, first->path, error, "more than 1048576 bytes");
    return first->bytes ? first : NULL;
}

char *archive_read_file(int archive_fd, const char *name, const char *const *paths, char **found, gsize *size,
                        GError **error)
{
    g_autoptr(GPtrArray) hits = g_ptr_array_new_with_free_func(hit_free);
    Search search = {.paths = paths, .hits = hits};
    Walk walk = {.name = name, .limits = fill_limits(NULL), .visit = collect, .data = &search};
    if (!walk_archive(&walk, archive_fd, error))
        return NULL;
    Hit *hit = judge_hits(&walk, &search, error);
    if (!hit)
        return NULL;
    if (size)
        *size = hit->bytes->len;
    if (found)
        *found = g_steal_pointer(&hit->path);
    return g_string_free(g_steal_pointer(&hit->bytes), FALSE);
}

/* --- reading all of it --------------------------------------------------------------------------------------- */

typedef struct Visitor {
    ArchiveVisit visit;
    gpointer data;
} Visitor;

static gboolean pass_on(Walk *walk, const TarEntry *entry, const char *path, GError **error)
{
    const Visitor *visitor = walk->data;
    return visitor->visit(entry, path, walk->tar, visitor->data, error);
}

gboolean archive_walk(int archive_fd, const char *name, ArchiveVisit visit, gpointer data, GError **error)
{
    Visitor visitor = {.visit = visit, .data = data};
    Walk walk = {.name = name, .limits = fill_limits(NULL), .visit = pass_on, .data = &visitor};
    return walk_archive(&walk, archive_fd, error);
}
