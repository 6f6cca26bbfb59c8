/* SPDX-License-Identifier: Apache-2.0 */
/* The memory of what a source showed: a key file with one group a version. */
#include "parts/source/seen.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/fs.h"

#include <string.h>
#include <unistd.h>

#define SEEN_FILE "seen"
#define SEEN_MAX (8 * 1024 * 1024)

struct Seen {
    const Place *place;
    GKeyFile *file;
    gboolean installed, changed;
};

Seen *seen_open(const Place *place, GError **error)
{
    g_autoptr(Seen) seen = g_new0(Seen, 1);
    *seen = (Seen){.place = place, .file = g_key_file_new(), .installed = access(place->config, F_OK) == 0};
    g_autofree char *path = g_build_filename(place->trust, SEEN_FILE, NULL);
    if (access(path, F_OK) != 0)
        return g_steal_pointer(&seen);
    fs_fd int dir = fs_open_dir(place->trust, error);
    gsize size = 0;
    g_autofree char *text = dir < 0 ? NULL : fs_read(dir, SEEN_FILE, SEEN_MAX, &size, error);
    if (!text)
        return NULL;
    if (size > 0 && !g_key_file_load_from_data(seen->file, text, size, G_KEY_FILE_NONE, NULL)) {
        fault_set(error, FAULT_STATE, "%s is damaged", path);
        return NULL;
    }
    return g_steal_pointer(&seen);
}

void seen_free(Seen *seen)
{
    if (!seen)
        return;
    g_key_file_free(seen->file);
    g_free(seen);
}

static const char *group_of(const char *version)
{
    return *version == 'v' ? version + 1 : version;
}

char *seen_content(const Seen *seen, const char *version, gint64 *since_s)
{
    char *content = g_key_file_get_string(seen->file, group_of(version), "content", NULL);
    if (since_s)
        *since_s = content ? g_key_file_get_int64(seen->file, group_of(version), "since", NULL) : 0;
    return content;
}

gboolean seen_check(Seen *seen, const char *app, const char *version, const char *content, gint64 now_s, GError **error)
{
    gint64 since_s = 0;
    g_autofree char *old = seen_content(seen, version, &since_s);
    if (old && strcmp(old, content) != 0 && seen->installed) {
        g_autofree char *since = clock_format(since_s);
        fault_set(error, FAULT_VERIFY,
                  "%s: the source has another release under the same version %s: %s, since %.10s %s", app,
                  group_of(version), content, since, old);
        return fault_hint(error,
                          "a version that was published does not change; if the publisher says that it did, "
                          "'liftlock allow %s %s' takes it",
                          app, group_of(version));
    }
    if (g_strcmp0(old, content) == 0)
        return TRUE;
    g_key_file_set_string(seen->file, group_of(version), "content", content);
    g_key_file_set_int64(seen->file, group_of(version), "since", now_s);
    seen->changed = TRUE;
    return TRUE;
}

gboolean seen_save(Seen *seen, GError **error)
{
    if (!seen->changed)
        return TRUE;
    gsize size = 0;
    g_autofree char *text = g_key_file_to_data(seen->file, &size, NULL);
    if (!fs_make_path(seen->place->trust, 0700, error))
        return FALSE;
    fs_fd int dir = fs_open_dir(seen->place->trust, error);
    return dir >= 0 && fs_write_atomic(dir, SEEN_FILE, text, size, 0600, error);
}

gboolean seen_forget(const Place *place, const char *version, gboolean *had, GError **error)
{
    g_autoptr(Seen) seen = seen_open(place, error);
    if (!seen)
        return FALSE;
    if (!g_key_file_remove_group(seen->file, group_of(version), NULL))
        return TRUE;
    *had = seen->changed = TRUE;
    return seen_save(seen, error);
}
