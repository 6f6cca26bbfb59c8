/* SPDX-License-Identifier: Apache-2.0 */
/* Reads cgroup.procs of a group and of the groups below it. */
#include "parts/service/cgroup.h"

#include <stdlib.h>
#include <string.h>

static void add_once(GArray *pids, pid_t pid)
{
    for (guint i = 0; i < pids->len; i++)
        if (g_array_index(pids, pid_t, i) == pid)
            return;
    g_array_append_val(pids, pid);
}

static void add_below(const char *directory, GArray *pids)
{
    g_autofree char *list = g_build_filename(directory, "cgroup.procs", NULL);
    g_autofree char *content = NULL;
    if (g_file_get_contents(list, &content, NULL, NULL)) {
        g_auto(GStrv) lines = g_strsplit(content, "\n", -1);
        for (char **line = lines; *line; line++) {
            pid_t pid = atoi(*line);
            if (pid > 0) /* 0: of a pid namespace outside ours */
                add_once(pids, pid);
        }
    }
    g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
    for (const char *name; dir && (name = g_dir_read_name(dir));) {
        g_autofree char *below = g_build_filename(directory, name, NULL);
        if (g_file_test(below, G_FILE_TEST_IS_DIR))
            add_below(below, pids);
    }
}

void cgroup_add_processes(const char *group, GArray *pids)
{
    static const char *const hierarchies[] = {"/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup"};
    if (!group || !group[strspn(group, "/")] || strstr(group, ".."))
        return; /* the root group is everybody's */
    for (guint i = 0; i < G_N_ELEMENTS(hierarchies); i++) {
        g_autofree char *directory = g_build_filename(hierarchies[i], group, NULL);
        if (g_file_test(directory, G_FILE_TEST_IS_DIR))
            add_below(directory, pids);
    }
}

char *cgroup_own(void)
{
    g_autofree char *content = NULL;
    if (!g_file_get_contents("/proc/self/cgroup", &content, NULL, NULL))
        return g_strdup("/");
    g_auto(GStrv) lines = g_strsplit(content, "\n", -1);
    static const char *const marks[] = {":name=systemd:", "0::"};
    for (guint i = 0; i < G_N_ELEMENTS(marks); i++)
        for (char **line = lines; *line; line++) {
            const char *at = strstr(*line, marks[i]);
            if (at)
                return g_strdup(at + strlen(marks[i]));
        }
    return g_strdup("/");
}
