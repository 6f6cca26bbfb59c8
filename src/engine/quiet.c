/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/quiet.h"

#include "base/fault.h"
#include "base/process.h"
#include "base/remote.h"
#include "parts/service/transient.h"

#include <sys/stat.h>
#include <unistd.h>

#define GRACE_MS 500
#define TIMEOUT_MS 20000

char *quiet_unit_name(const char *job_id)
{
    return g_strdup_printf("liftlock-job-%s.service", job_id);
}

typedef struct Marked {
    char *mark;
    uid_t users[3]; /* ourselves, the app's, the children's */
} Marked;

static gboolean is_of_job(const Marked *marked, const ProcessInfo *info)
{
    g_autofree char *path = g_strdup_printf("/proc/%d", (int)info->pid);
    struct stat st;
    if (stat(path, &st) != 0)
        return FALSE;
    for (guint i = 0; i < G_N_ELEMENTS(marked->users); i++)
        if (st.st_uid == marked->users[i])
            return TRUE;
    return FALSE;
}

/* A mark in the environment is cheap to forge: another user's processes must not keep recovery from its end. */
static GPtrArray *find_marked(gpointer data)
{
    const Marked *marked = data;
    GPtrArray *found = process_find_by_environment(marked->mark);
    for (guint i = found->len; i > 0; i--)
        if (!is_of_job(marked, g_ptr_array_index(found, i - 1)))
            g_ptr_array_remove_index(found, i - 1);
    return found;
}

gboolean quiet_job(const Place *place, const char *job_id, GError **error)
{
    g_autofree char *unit = quiet_unit_name(job_id);
    if (!service_kill_unit(place, unit, TIMEOUT_MS, error))
        return FALSE;
    g_autofree char *mark = g_strconcat("LIFTLOCK_JOB=", job_id, NULL);
    Marked marked = {.mark = mark, .users = {geteuid(), place->user ? place->uid : geteuid(), geteuid()}};
    gid_t gid;
    if (!remote_child_user(&marked.users[2], &gid, NULL))
        marked.users[2] = geteuid();
    g_autofree char *left = NULL;
    if (process_end_all(find_marked, &marked, GRACE_MS, TIMEOUT_MS, &left))
        return TRUE;
    return fault_set(error, FAULT_DRAIN, "process %s of job %s does not end", left, job_id);
}
