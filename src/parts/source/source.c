/* SPDX-License-Identifier: Apache-2.0 */
/* The registry of sources, and what every one of them does alike. */
#include "parts/source/source.h"

#include "base/fault.h"
#include "base/fs.h"
#include "parts/source/seen.h"
#include "parts/source/source_inner.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

const SourceDriver *const source_drivers[] = {&source_folder, &source_http,       &source_https, &source_git,
                                              &source_sftp,   &source_repository, NULL};

static char *driver_names(void)
{
    GString *names = g_string_new(NULL);
    for (const SourceDriver *const *driver = source_drivers; *driver; driver++)
        g_string_append_printf(names, "%s%s", names->len ? ", " : "", (*driver)->name);
    return g_string_free(names, FALSE);
}

Source *source_open(const AppConfig *config, const HostConfig *host, const Place *place, GError **error)
{
    const SourceDriver *const *driver = source_drivers;
    while (*driver && strcmp((*driver)->name, config->source.type) != 0)
        driver++;
    if (!*driver) {
        g_autofree char *names = driver_names();
        fault_set(error, FAULT_CONFIG, "%s: sources of type '%s' are not known to this liftlock", config->name,
                  config->source.type);
        fault_hint(error, "it knows these: %s", names);
        return NULL;
    }
    g_autoptr(Source) source = g_new0(Source, 1);
    *source = (Source){.driver = *driver, .config = config, .host = host, .place = place};
    if (!(*driver)->open(source, error))
        return NULL;
    return g_steal_pointer(&source);
}

void source_free(Source *source)
{
    if (!source)
        return;
    g_free(source->state);
    g_free(source);
}

gboolean source_index(Source *source, gboolean with_signature, SourceBytes *index, SourceBytes *signature,
                      GError **error)
{
    *index = (SourceBytes){.fd = -1};
    *signature = (SourceBytes){.fd = -1};
    if (source->driver->index(source, with_signature, index, signature, error))
        return TRUE;
    source_bytes_clear(index);
    source_bytes_clear(signature);
    return FALSE;
}

gboolean source_fetch(Source *source, const char *url, guint64 limit_bytes, int output_fd, RemoteProgress progress,
                      gpointer data, GError **error)
{
    return source->driver->fetch(source, url, limit_bytes, output_fd, progress, data, error);
}

gboolean source_fetch_ranges(Source *source, const char *url, const SourceRange *ranges, guint n_ranges,
                             guint64 file_bytes, int output_fd, RemoteProgress progress, gpointer data, GError **error)
{
    if (!source->driver->ranges)
        return fault_set(error, FAULT_SOURCE, "sources of type '%s' give no parts of files", source->driver->name);
    if (n_ranges == 0)
        return TRUE;
    return source->driver->ranges(source, url, ranges, n_ranges, file_bytes, output_fd, progress, data, error);
}

char *source_resolve(Source *source, const char *reference, GError **error)
{
    return source->driver->resolve(source, reference, error);
}

gboolean source_forget(const Place *place, const char *version, gboolean *had, GError **error)
{
    return seen_forget(place, version, had, error);
}

void source_bytes_clear(SourceBytes *bytes)
{
    if (bytes->name && bytes->fd >= 0) /* one that was only zeroed holds no descriptor, though its fd says 0 */
        close(bytes->fd);
    g_free(bytes->name);
    *bytes = (SourceBytes){.fd = -1};
}

/* --- shared by the drivers ---------------------------------------------------------------------------------- */

int source_memory(const char *name, GError **error)
{
    int fd = memfd_create(name, MFD_CLOEXEC);
    if (fd < 0)
        fault_errno(error, FAULT_SYSTEM, errno, "cannot make room for %s", name);
    return fd;
}

gboolean source_bytes_fill(SourceBytes *bytes, const char *name, const char *content, gsize size, GError **error)
{
    fs_fd int fd = source_memory(SOURCE_INDEX_NAME, error);
    if (fd < 0)
        return FALSE;
    if (!fs_write_all(fd, content, size) || lseek(fd, 0, SEEK_SET) < 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot make room for %s", name);
    bytes->fd = fs_fd_steal(&fd);
    bytes->name = g_strdup(name);
    return TRUE;
}
