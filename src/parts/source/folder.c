/* SPDX-License-Identifier: Apache-2.0 */
/* A directory on this host that holds releases.json and archives. Whoever owns it may change it at any time, so all is
 * opened beneath it and copied before anybody looks at it. */
#include "base/fault.h"
#include "base/fs.h"
#include "model/schema.h"
#include "parts/source/source_inner.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define TELL_BYTES (16 * 1024 * 1024) /* how often progress is told: the listener writes it down */

static const Key folder_keys[] = {
    {"path", KEY_ABSOLUTE, .summary = "directory that holds releases.json and the archives", .required = TRUE},
    {0},
};

static gboolean folder_open(Source *source, GError **error)
{
    const char *path = source->config->source.path;
    if (!path || *path != '/')
        return fault_set(error, FAULT_CONFIG, "%s: a source of type 'folder' needs the absolute path of a directory",
                         source->config->name);
    return TRUE;
}

static int open_folder(const Source *source, GError **error)
{
    const char *path = source->config->source.path;
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0) {
        g_autofree char *shown = fs_display(path);
        fault_errno(error, FAULT_NETWORK, errno, "cannot reach the folder %s", shown);
    }
    return dir;
}

/* Reads a file of the folder into memory. A missing one is no error: fd stays -1. */
static gboolean read_into(const Source *source, const char *name, gsize limit, SourceBytes *bytes, GError **error)
{
    g_autofree char *path = g_build_filename(source->config->source.path, name, NULL);
    fs_fd int dir = open_folder(source, error);
    if (dir < 0)
        return FALSE;
    gsize size;
    g_autoptr(GError) local = NULL;
    g_autofree char *content = fs_read(dir, name, limit, &size, &local);
    if (!content && g_error_matches(local, FAULT, FAULT_ABSENT))
        return TRUE;
    if (!content)
        return fault_set(error, FAULT_SOURCE, "%s: %s", source->config->source.path, local->message);
    return source_bytes_fill(bytes, path, content, size, error);
}

static gboolean folder_index(Source *source, gboolean with_signature, SourceBytes *index, SourceBytes *signature,
                             GError **error)
{
    if (!read_into(source, SOURCE_INDEX_NAME, (gsize)source->host->max_index_bytes, index, error))
        return FALSE;
    if (index->fd < 0) {
        g_autofree char *shown = fs_display(source->config->source.path);
        fault_set(error, FAULT_SOURCE, "%s holds no %s", shown, SOURCE_INDEX_NAME);
        return fault_hint(error, "'liftlock release http TREE --out %s' makes one", shown);
    }
    return !with_signature ||
           read_into(source, SOURCE_INDEX_NAME SOURCE_SIGNATURE_SUFFIX, SOURCE_SIGNATURE_MAX, signature, error);
}

/* The part of an absolute path below the folder; NULL if it does not lie there. Borrowed. */
static const char *below_folder(const Source *source, const char *path)
{
    const char *folder = source->config->source.path;
    gsize size = strlen(folder);
    while (size > 0 && folder[size - 1] == '/')
        size--;
    return strncmp(path, folder, size) == 0 && path[size] == '/' ? path + size + 1 : NULL;
}

/* A regular file of the folder; *size: bytes that it has now. -1: *error is set. */
static int open_file(const Source *source, const char *url, const char *shown, guint64 *size, GError **error)
{
    const char *below = below_folder(source, url);
    if (!below)
        return fault_set(error, FAULT_SOURCE, "%s lies outside the source's folder", shown), -1;
    fs_fd int dir = open_folder(source, error);
    if (dir < 0)
        return -1;
    /* O_NONBLOCK: a FIFO must not hold us. */
    g_autoptr(GError) local = NULL;
    fs_fd int file = fs_open_beneath(dir, below, O_RDONLY | O_NONBLOCK, 0, &local);
    if (file < 0)
        return fault_set(error, FAULT_SOURCE, "%s: %s", source->config->source.path, local->message), -1;
    struct stat st;
    if (fstat(file, &st) < 0 || !S_ISREG(st.st_mode))
        return fault_set(error, FAULT_SOURCE, "%s is not a regular file", shown), -1;
    *size = (guint64)st.st_size;
    return fs_fd_steal(&file);
}

static gboolean folder_fetch(Source *source, const char *url, guint64 limit_bytes, int output_fd,
                             RemoteProgress progress, gpointer data, GError **error)
{
    g_autofree char *shown = fs_display(url);
    guint64 size = 0;
    fs_fd int file = open_file(source, url, shown, &size, error);
    if (file < 0)
        return FALSE;
    if (size > limit_bytes)
        return fault_set(error, FAULT_VERIFY, "fetch %s: more than %" G_GUINT64_FORMAT " bytes", shown, limit_bytes);
    if (!fs_copy_content(file, output_fd, NULL, error))
        return fault_prefix(error, "fetch %s", shown);
    if (progress)
        progress(size, size, data);
    return TRUE;
}

static gboolean folder_ranges(Source *source, const char *url, const SourceRange *ranges, guint n_ranges,
                              guint64 file_bytes, int output_fd, RemoteProgress progress, gpointer data, GError **error)
{
    g_autofree char *shown = fs_display(url);
    if (!ranges_are_sound(ranges, n_ranges, file_bytes))
        return fault_set(error, FAULT_SOURCE, "fetch %s: these are no parts of a file of %" G_GUINT64_FORMAT " bytes",
                         shown, file_bytes);
    guint64 size = 0, done = 0, told = 0, total = ranges_sum(ranges, n_ranges);
    fs_fd int file = open_file(source, url, shown, &size, error);
    if (file < 0)
        return FALSE;
    if (size != file_bytes)
        return fault_set(error, FAULT_SOURCE,
                         "fetch %s: it has %" G_GUINT64_FORMAT " bytes, and not %" G_GUINT64_FORMAT, shown, size,
                         file_bytes);
    for (guint i = 0; i < n_ranges; i++) {
        if (!fs_copy_part(file, output_fd, ranges[i].at, ranges[i].size, error))
            return fault_prefix(error, "fetch %s", shown);
        done += ranges[i].size;
        if (progress && (done == total || done - told >= TELL_BYTES)) {
            told = done;
            progress(done, total, data);
        }
    }
    return TRUE;
}

static gboolean part_is_good(const char *part)
{
    return *part && strcmp(part, "..") != 0;
}

/* A path below the folder, parts of "." left out. */
static char *folder_resolve(Source *source, const char *reference, GError **error)
{
    g_autoptr(GPtrArray) kept = g_ptr_array_new();
    g_ptr_array_add(kept, (gpointer)source->config->source.path);
    g_auto(GStrv) parts = g_strsplit(reference, "/", -1);
    gboolean good = *reference && !strstr(reference, "://") && !strpbrk(reference, "\r\n\t\\") &&
                    g_utf8_validate(reference, -1, NULL);
    for (guint i = 0; good && parts[i]; i++) {
        good = part_is_good(parts[i]);
        if (strcmp(parts[i], ".") != 0)
            g_ptr_array_add(kept, parts[i]);
    }
    if (!good || kept->len < 2) {
        g_autofree char *quoted = schema_quote(reference);
        fault_set(error, FAULT_SOURCE, "%s names %s, which is no path below it", source->config->source.path, quoted);
        return NULL;
    }
    g_ptr_array_add(kept, NULL);
    return g_build_filenamev((char **)kept->pdata);
}

const SourceDriver source_folder = {
    .name = "folder",
    .summary = "releases.json and archives in a directory of this host",
    .keys = folder_keys,
    .open = folder_open,
    .index = folder_index,
    .fetch = folder_fetch,
    .ranges = folder_ranges,
    .resolve = folder_resolve,
};
