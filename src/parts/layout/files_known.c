/* SPDX-License-Identifier: Apache-2.0 */
#include "parts/layout/files_known.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/fault.h"
#include "base/fs.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_NAME "known"
#define LIMIT_BYTES (512 * 1024 * 1024)
#define SECOND_NS G_GINT64_CONSTANT(1000000000)

typedef struct Remembered {
    guint64 inode;
    gint64 size, mtime_ns, ctime_ns;
    char digest[65];
} Remembered;

struct Known {
    GHashTable *before, *now; /* path -> Remembered */
    gint64 read_at_ns;
};

static gint64 nanoseconds(const struct timespec *time)
{
    return (gint64)time->tv_sec * SECOND_NS + time->tv_nsec;
}

/* "INODE SIZE MTIME CTIME SHA256 PATH", the path escaped. */
static void line_take(GHashTable *table, char *line)
{
    Remembered *row = g_new0(Remembered, 1);
    int length = 0;
    char *path = NULL;
    if (sscanf(line, "%" G_GUINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %64s %n",
               &row->inode, &row->size, &row->mtime_ns, &row->ctime_ns, row->digest, &length) == 5 &&
        digest_is_valid(row->digest))
        path = g_uri_unescape_string(line + length, NULL);
    if (path)
        g_hash_table_insert(table, path, row);
    else
        g_free(row);
}

Known *known_read(int store, GError **error)
{
    Known *known = g_new0(Known, 1);
    known->before = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    known->now = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    known->read_at_ns = clock_now_s() * SECOND_NS;
    g_autofree char *text = fs_read(store, FILE_NAME, LIMIT_BYTES, NULL, NULL);
    for (char *line = text, *end; line && (end = strchr(line, '\n')); line = end + 1) {
        *end = '\0';
        line_take(known->before, line);
    }
    return known;
}

void known_free(Known *known)
{
    g_hash_table_unref(known->before);
    g_hash_table_unref(known->now);
    g_free(known);
}

char *known_digest(Known *known, int directory, const char *name, const char *path, const struct stat *st,
                   GError **error)
{
    const Remembered *before = g_hash_table_lookup(known->before, path);
    Remembered row = {.inode = (guint64)st->st_ino,
                      .size = (gint64)st->st_size,
                      .mtime_ns = nanoseconds(&st->st_mtim),
                      .ctime_ns = nanoseconds(&st->st_ctim)};
    if (before && before->inode == row.inode && before->size == row.size && before->mtime_ns == row.mtime_ns &&
        before->ctime_ns == row.ctime_ns) {
        g_hash_table_insert(known->now, g_strdup(path), g_memdup2(before, sizeof *before));
        return g_strdup(before->digest);
    }
    fs_fd int fd = fs_open_beneath(directory, name, O_RDONLY | O_NONBLOCK, 0, error);
    g_autofree char *digest = fd < 0 ? NULL : digest_fd(fd, NULL, error);
    if (!digest)
        return NULL;
    /* What was written in this very second may be written again without a trace in its times. */
    if (row.ctime_ns < known->read_at_ns - 2 * SECOND_NS) {
        g_strlcpy(row.digest, digest, sizeof row.digest);
        g_hash_table_insert(known->now, g_strdup(path), g_memdup2(&row, sizeof row));
    }
    return g_steal_pointer(&digest);
}

gboolean known_write(const Known *known, int store, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    GHashTableIter iter;
    gpointer key, value;
    g_hash_table_iter_init(&iter, known->now);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        const Remembered *row = value;
        g_autofree char *path = g_uri_escape_string(key, "/", FALSE);
        g_string_append_printf(
            text, "%" G_GUINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %s %s\n",
            row->inode, row->size, row->mtime_ns, row->ctime_ns, row->digest, path);
    }
    return fs_write_atomic(store, FILE_NAME, text->str, text->len, 0600, error);
}
