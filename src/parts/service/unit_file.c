/* SPDX-License-Identifier: Apache-2.0 */
#include "parts/service/unit_file.h"

#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fs.h"
#include "parts/service/systemd_bus.h"

char *unit_directory(const Place *place)
{
    if (!manager_is_user(place))
        return g_strdup("/etc/systemd/system");
    return g_build_filename(g_get_user_config_dir(), "systemd", "user", NULL);
}

/* The installed program. A job runs from a copy of its own that goes with the job, and units outlive jobs; only where
 * nothing is installed (a build tree) is it the running one. */
char *unit_program(void)
{
    if (access(LIFTLOCK_BINDIR "/liftlock", X_OK) == 0)
        return g_strdup(LIFTLOCK_BINDIR "/liftlock");
    return g_file_read_link("/proc/self/exe", NULL);
}

gboolean unit_quote(const char *path, gboolean in_command, char **quoted, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (const char *at = path; *at; at++) {
        if (g_ascii_iscntrl(*at) || *at == '"' || *at == '\\') {
            g_autofree char *shown = fs_display(path);
            return fault_set(error, FAULT_CONFIG, "'%s' cannot be named in a unit", shown);
        }
        if (*at == '%' || (in_command && *at == '$'))
            g_string_append_c(text, *at);
        g_string_append_c(text, *at);
    }
    *quoted = in_command ? g_strdup_printf("\"%s\"", text->str) : g_strdup(text->str);
    return TRUE;
}

gboolean unit_file_bring(int dirfd, const char *name, const char *text, gboolean *changed, GError **error)
{
    g_autofree char *now = fs_read(dirfd, name, 64 * 1024, NULL, NULL);
    if (text ? g_strcmp0(now, text) == 0 : !fs_exists(dirfd, name))
        return TRUE;
    *changed = TRUE;
    if (text)
        return fs_write_atomic(dirfd, name, text, strlen(text), 0644, error);
    return fs_remove_tree(dirfd, name, error) && fs_sync_dir(dirfd, error);
}
