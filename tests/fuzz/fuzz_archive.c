/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzes the unpacker. The input is a list of entries to make a tar of, with sums that fit, so that the fuzzer gets
 * past them: TYPE, three texts (name, link, content), FLAGS; a text is its size counted from 'A', then its bytes. After
 * an odd first byte the rest is the archive itself.
 */
/* fuzz: src/base/archive.c src/base/tar.c libarchive */
#include "base/archive.h"
#include "base/fault.h"
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BLOCK = 512 };

typedef struct Input {
    const uint8_t *at, *end;
} Input;

static guint8 take_byte(Input *input)
{
    return input->at < input->end ? *input->at++ : 0;
}

/* So many bytes as the next one says. */
static GString *take_text(Input *input)
{
    gsize said = (guint8)(take_byte(input) - 'A'), size = MIN(said, (gsize)(input->end - input->at));
    GString *text = g_string_new_len((const char *)input->at, (gssize)size);
    input->at += size;
    return text;
}

static void add_header(GString *tar, char type, const GString *name, const GString *link, gsize size, guint8 flags)
{
    char header[BLOCK + 1] = {0};
    memcpy(header, name->str, MIN(name->len, 100));
    memcpy(header + 157, link->str, MIN(link->len, 100));
    g_snprintf(header + 100, 8, "%07o", flags & 1 ? 04755 : 0644);
    g_snprintf(header + 124, 12, "%011" G_GSIZE_MODIFIER "o", flags & 2 ? size * 1000 : size);
    memcpy(header + 136, "00000000001", 11);
    memset(header + 148, ' ', 8);
    header[156] = type;
    memcpy(header + 257, flags & 4 ? "ustar  \0" : "ustar\00000", 8);
    if (flags & 8)
        memcpy(header + 345, link->str, MIN(link->len, 155));
    guint sum = 0;
    for (guint i = 0; i < BLOCK; i++)
        sum += (guchar)header[i];
    g_snprintf(header + 148, 8, "%06o", sum);
    g_string_append_len(tar, header, BLOCK);
}

static void add_padding(GString *tar)
{
    static const char zeros[BLOCK] = {0};
    g_string_append_len(tar, zeros, (gssize)((BLOCK - tar->len % BLOCK) % BLOCK));
}

/* "x" and "g" entries get their text as one well-formed record. */
static GString *make_tar(Input *input)
{
    static const char types[] = "0125xgLK034567SN";
    GString *tar = g_string_new(NULL);
    while (input->at < input->end) {
        guint8 kind = take_byte(input);
        char type = kind && strchr(types, kind) ? (char)kind : types[kind % (sizeof types - 1)];
        g_autoptr(GString) name = take_text(input);
        g_autoptr(GString) link = take_text(input);
        g_autoptr(GString) content = take_text(input);
        if ((type == 'x' || type == 'g') && !(kind & 0x80)) {
            static const char *const keys[] = {"path", "linkpath", "size", "mtime", "comment", "SCHILY.acl.access"};
            g_autofree char *key = g_strdup_printf(" %s=", keys[name->len % G_N_ELEMENTS(keys)]);
            gsize length = strlen(key) + content->len + 1, total = length + 1;
            while (g_snprintf(NULL, 0, "%" G_GSIZE_FORMAT, total) + (int)length != (int)total)
                total++;
            g_string_prepend(content, key);
            g_autofree char *digits = g_strdup_printf("%" G_GSIZE_FORMAT, total);
            g_string_prepend(content, digits);
            g_string_append_c(content, '\n');
        }
        add_header(tar, type, name, link, content->len, take_byte(input));
        g_string_append_len(tar, content->str, (gssize)content->len);
        add_padding(tar);
    }
    g_string_append_len(tar, (const char[2 * BLOCK]){0}, 2 * BLOCK);
    return tar;
}

static void check_fault(const GError *error)
{
    g_assert_true(error && error->domain == FAULT && g_utf8_validate(error->message, -1, NULL));
    for (const char *at = error->message; *at; at = g_utf8_next_char(at))
        g_assert_true(g_unichar_isprint(g_utf8_get_char(at)));
}

/* Whatever came of it: plain kinds, plain modes, and no link that leads out. */
static gboolean check_entry(int parent_fd, const char *name, const char *path, const struct stat *st, gpointer data,
                            GError **error)
{
    g_assert_true(S_ISREG(st->st_mode) || S_ISDIR(st->st_mode) || S_ISLNK(st->st_mode));
    g_assert_true(S_ISLNK(st->st_mode) || (st->st_mode & 07022) == 0);
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_BENEATH};
    int fd;
    do /* a rename anywhere on the machine is reason enough for the kernel to say EAGAIN */
        fd = (int)syscall(SYS_openat2, *(int *)data, path, &how, sizeof how);
    while (fd < 0 && errno == EAGAIN);
    g_assert_true(fd >= 0 || errno == ENOENT || errno == ELOOP || errno == ENOTDIR || errno == ENAMETOOLONG);
    if (fd >= 0)
        close(fd);
    return TRUE;
}

static void unpack(int archive_fd)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_dir_make_tmp("liftlock-fuzz-XXXXXX", NULL);
    fs_fd int above = fs_open_dir(g_get_tmp_dir(), NULL), dirfd = path ? fs_open_dir(path, NULL) : -1;
    if (above < 0 || dirfd < 0)
        return;
    const ArchiveLimits limits = {.bytes = 1024 * 1024, .entries = 100};
    if (!archive_unpack(archive_fd, "x", dirfd, &limits, NULL, NULL, &error))
        check_fault(error);
    g_clear_error(&error);
    g_assert_true(fs_walk(dirfd, ".", check_entry, &dirfd, &error));
    g_autofree char *name = g_path_get_basename(path);
    g_assert_true(fs_remove_tree(above, name, &error));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Input input = {.at = data, .end = data + size};
    gboolean whole = take_byte(&input) & 1;
    g_autoptr(GString) tar = whole ? g_string_new_len((const char *)input.at, input.end - input.at) : make_tar(&input);
    fs_fd int archive_fd = memfd_create("archive", MFD_CLOEXEC);
    if (archive_fd < 0 || write(archive_fd, tar->str, tar->len) != (gssize)tar->len)
        return 0;
    static const char *const paths[] = {"m", "liftlock.yaml", NULL};
    g_autoptr(GError) error = NULL;
    g_autofree char *found = NULL;
    gsize read_size = 0;
    g_autofree char *bytes = archive_read_file(archive_fd, "x", paths, &found, &read_size, &error);
    if (!bytes)
        check_fault(error);
    unpack(archive_fd);
    return 0;
}
