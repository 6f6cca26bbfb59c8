/* SPDX-License-Identifier: Apache-2.0 */
/* Writing a release's archive: the same tree gives the same bytes. */
#include "base/archive.h"

#include "base/archive_rules.h"
#include "base/fault.h"
#include "base/fs.h"
#include "base/shown.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <string.h>
#include <unistd.h>

/* Level 12 packs a few per cent worse than 19 in a tenth of the time. No threads, no time stamp: both change bytes. */
static const struct {
    const char *suffix;
    int (*add_filter)(struct archive *);
    const char *options;
} formats[] = {
    {".tar.gz", archive_write_add_filter_gzip, "gzip:compression-level=9,gzip:!timestamp"},
    {".tgz", archive_write_add_filter_gzip, "gzip:compression-level=9,gzip:!timestamp"},
    {".tar.zst", archive_write_add_filter_zstd, "zstd:compression-level=12"},
    {".tzst", archive_write_add_filter_zstd, "zstd:compression-level=12"},
};

typedef struct Packing {
    struct archive *archive;
    const char *name;
    const char *const *exclude;
    gint64 mtime_s;
    ArchiveRules *rules;
} Packing;

static gboolean refuse_entry(const Packing *packing, const char *path, GError **error, const char *why)
{
    g_autofree char *shown = shown_text(path);
    return fault_set(error, FAULT_ARCHIVE, "%s: entry '%s': %s", packing->name, shown, why);
}

static gboolean fail_read(const Packing *packing, const char *path, GError **error)
{
    int saved = errno;
    g_autofree char *shown = shown_text(path);
    return fault_errno(error, FAULT_SYSTEM, saved, "%s: cannot read '%s'", packing->name, shown);
}

/* libarchive's words, with errno's meaning kept: a full disk is no damage. */
static gboolean fail_write(const Packing *packing, GError **error)
{
    int number = archive_errno(packing->archive);
    if (number > 0)
        return fault_errno(error, FAULT_SYSTEM, number, "%s: cannot write it", packing->name);
    const char *detail = archive_error_string(packing->archive);
    return fault_set(error, FAULT_SYSTEM, "%s: cannot write it: %s", packing->name,
                     detail ? detail : "no reason given");
}

static gboolean is_excluded(const char *const *exclude, const char *path)
{
    for (; exclude && *exclude; exclude++) {
        if (fnmatch(*exclude, path, FNM_PATHNAME | FNM_LEADING_DIR) == 0)
            return TRUE;
    }
    return FALSE;
}

static gboolean write_content(Packing *packing, int fd, const char *path, guint64 size, GError **error)
{
    char buffer[64 * 1024];
    while (size > 0) {
        ssize_t n = read(fd, buffer, (size_t)MIN(size, sizeof buffer));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_read(packing, path, error);
        if (n == 0)
            return refuse_entry(packing, path, error, "it became shorter while it was packed");
        if (archive_write_data(packing->archive, buffer, (size_t)n) != n)
            return fail_write(packing, error);
        size -= (guint64)n;
    }
    return TRUE;
}

static char *admit(Packing *packing, const char *path, const struct stat *st, const char *link)
{
    if (S_ISREG(st->st_mode))
        return archive_rules_admit(packing->rules, path, RULES_FILE, NULL);
    if (S_ISDIR(st->st_mode))
        return archive_rules_admit(packing->rules, path, RULES_DIRECTORY, NULL);
    if (S_ISLNK(st->st_mode))
        return archive_rules_admit(packing->rules, path, RULES_SYMLINK, link);
    return g_strdup("neither file, directory nor link");
}

static gboolean write_header(Packing *packing, const char *path, const struct stat *st, const char *link,
                             GError **error)
{
    struct archive_entry *entry = archive_entry_new();
    g_autofree char *slashed = S_ISDIR(st->st_mode) ? g_strconcat(path, "/", NULL) : NULL;
    archive_entry_set_pathname(entry, slashed ? slashed : path);
    archive_entry_set_filetype(entry, st->st_mode & S_IFMT);
    archive_entry_set_perm(entry, S_ISDIR(st->st_mode) || S_ISLNK(st->st_mode) || st->st_mode & 0100 ? 0755 : 0644);
    archive_entry_set_mtime(entry, (time_t)packing->mtime_s, 0);
    archive_entry_set_size(entry, S_ISREG(st->st_mode) ? st->st_size : 0);
    if (link)
        archive_entry_set_symlink(entry, link);
    int outcome = archive_write_header(packing->archive, entry);
    archive_entry_free(entry);
    return outcome == ARCHIVE_OK || fail_write(packing, error);
}

static gboolean pack_entry(int parent_fd, const char *name, const char *path, const struct stat *st, gpointer data,
                           GError **error)
{
    Packing *packing = data;
    if (is_excluded(packing->exclude, path))
        return TRUE;
    g_autofree char *link = S_ISLNK(st->st_mode) ? fs_read_link(parent_fd, name, error) : NULL;
    if (S_ISLNK(st->st_mode) && !link)
        return FALSE;
    g_autofree char *why = admit(packing, path, st, link);
    if (why)
        return refuse_entry(packing, path, error, why);
    if (!S_ISREG(st->st_mode))
        return write_header(packing, path, st, link, error);
    /* What we opened counts, not what stood there a moment ago. */
    fs_fd int fd = fs_open_beneath(parent_fd, name, O_RDONLY | O_NONBLOCK, 0, error);
    struct stat now;
    if (fd < 0)
        return fault_prefix(error, "%s: entry '%s'", packing->name, path);
    if (fstat(fd, &now) < 0 || !S_ISREG(now.st_mode))
        return refuse_entry(packing, path, error, "it changed while it was packed");
    return write_header(packing, path, &now, NULL, error) &&
           write_content(packing, fd, path, (guint64)now.st_size, error);
}

static gboolean open_output(Packing *packing, int output_fd, GError **error)
{
    for (gsize i = 0; i < G_N_ELEMENTS(formats); i++) {
        if (!g_str_has_suffix(packing->name, formats[i].suffix))
            continue;
        if (formats[i].add_filter(packing->archive) != ARCHIVE_OK ||
            archive_write_set_format_pax_restricted(packing->archive) != ARCHIVE_OK ||
            archive_write_set_options(packing->archive, formats[i].options) != ARCHIVE_OK ||
            archive_write_set_bytes_in_last_block(packing->archive, 1) != ARCHIVE_OK ||
            archive_write_open_fd(packing->archive, output_fd) != ARCHIVE_OK)
            return fail_write(packing, error);
        return TRUE;
    }
    return fault_set(error, FAULT_USAGE, "%s: neither .tar.gz nor .tar.zst", packing->name);
}

gboolean archive_pack(int tree_dirfd, const char *name, int output_fd, gint64 mtime_s, const char *const *exclude,
                      GError **error)
{
    g_autoptr(ArchiveRules) rules = archive_rules_new();
    Packing packing = {
        .archive = archive_write_new(), .name = name, .exclude = exclude, .mtime_s = mtime_s, .rules = rules};
    gboolean done = open_output(&packing, output_fd, error) && fs_walk(tree_dirfd, ".", pack_entry, &packing, error);
    if (done)
        done = archive_write_close(packing.archive) == ARCHIVE_OK || fail_write(&packing, error);
    else
        archive_write_fail(packing.archive);
    archive_write_free(packing.archive);
    return done;
}
