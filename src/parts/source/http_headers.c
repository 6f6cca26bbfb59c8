/* SPDX-License-Identifier: Apache-2.0 */
/* Reading of header files. */
#include "parts/source/http_headers.h"

#include "base/fault.h"
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX (64 * 1024)

/* RFC 9110 section 5.6.2 */
static gsize token_size(const char *text)
{
    return strspn(text, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "!#$%&'*+-.^_`|~");
}

/* The headers that say where and how long a message is are the client's own. */
static gboolean is_header(const char *line)
{
    static const char *const own[] = {"host",  "content-length", "transfer-encoding", "connection",
                                      "range", "if-range",       "if-none-match",     NULL};
    gsize size = token_size(line);
    if (size == 0 || line[size] != ':')
        return FALSE;
    g_autofree char *name = g_ascii_strdown(line, (gssize)size);
    for (const char *at = line + size + 1; *at; at++)
        if (g_ascii_iscntrl(*at) && *at != '\t')
            return FALSE;
    return line[size + 1 + strspn(line + size + 1, " \t")] != '\0' && !g_strv_contains(own, name);
}

static gboolean add_lines(const char *path, char *content, GPtrArray *headers, GError **error)
{
    guint number = 0;
    for (char *line = content, *next; line; line = next) {
        number++;
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        g_strstrip(line);
        if (!*line || *line == '#')
            continue;
        if (!is_header(line))
            return fault_set(error, FAULT_CONFIG, "%s:%u: not a header of the form 'Name: value'", path, number);
        g_ptr_array_add(headers, g_strdup(line));
    }
    return TRUE;
}

static int open_private(const char *path, GError **error)
{
    /* O_NONBLOCK: a FIFO must not hold us. */
    fs_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0) {
        fault_errno(error, FAULT_CONFIG, errno, "cannot read %s", path);
        return -1;
    }
    if (!S_ISREG(st.st_mode)) {
        fault_set(error, FAULT_CONFIG, "%s is not a regular file", path);
        return -1;
    }
    if (st.st_mode & (S_IRWXO | S_IWGRP)) {
        fault_set(error, FAULT_CONFIG, "%s may be read or changed by others", path);
        fault_hint(error, "chmod 600 %s", path);
        return -1;
    }
    if (st.st_uid != 0 && st.st_uid != geteuid()) {
        fault_set(error, FAULT_CONFIG, "%s belongs to another user", path);
        fault_hint(error, "chown root: %s", path);
        return -1;
    }
    return fs_fd_steal(&fd);
}

gboolean http_headers_read(const char *path, GPtrArray *headers, GError **error)
{
    fs_fd int fd = open_private(path, error);
    if (fd < 0)
        return FALSE;
    char content[FILE_MAX + 1] = {0};
    gsize size = 0;
    ssize_t n = 1;
    while (size < sizeof content && (n = pread(fd, content + size, sizeof content - size, (off_t)size)) > 0)
        size += (gsize)n;
    gboolean good = n >= 0 && size <= FILE_MAX && !memchr(content, '\0', size);
    content[MIN(size, FILE_MAX)] = '\0';
    good = good ? add_lines(path, content, headers, error)
                : fault_set(error, FAULT_CONFIG, "%s is not a file of headers", path);
    explicit_bzero(content, sizeof content);
    return good;
}
