/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/quiet.h"

#include "base/fault.h"
#include "base/process.h"
#include "base/remote.h"
#include "parts/service/transient.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define GRACE_MS 500
#define TIMEOUT_MS 20000
#define SUPERVISED_MS 15000 /* in which a supervisor ends what it watches */

char *quiet_unit_name(const char *job_id)
{
    return g_strdup_printf("liftlock-job-%s.service", job_id);
}

typedef struct Marked {
    const Place *place;
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

/* Anybody may forge a mark, or be handed a descriptor: other users' processes must not keep recovery from its end. */
static GPtrArray *those_of_job(const Marked *marked, GPtrArray *found)
{
    for (guint i = found->len; i > 0; i--)
        if (!is_of_job(marked, g_ptr_array_index(found, i - 1)))
            g_ptr_array_remove_index(found, i - 1);
    return found;
}

/* Whoever has the lock of the work open does the work, whether he still holds it or not. */
static GPtrArray *find_at_work(gpointer data)
{
    const Marked *marked = data;
    const char *const paths[] = {marked->place->work, NULL};
    return those_of_job(marked, process_find_by_open_file(paths));
}

/* Supervisors come before what they watch: only they find all of it. */
static GPtrArray *find_supervisors(gpointer data)
{
    GPtrArray *found = find_at_work(data);
    for (guint i = found->len; i > 0; i--)
        if (strcmp(((const ProcessInfo *)g_ptr_array_index(found, i - 1))->name, PROCESS_SUPERVISOR) != 0)
            g_ptr_array_remove_index(found, i - 1);
    return found;
}

static GPtrArray *find_marked(gpointer data)
{
    const Marked *marked = data;
    GPtrArray *found = those_of_job(marked, process_find_by_environment(marked->mark));
    g_autoptr(GPtrArray) at_work = find_at_work(data);
    while (at_work->len > 0)
        g_ptr_array_add(found, g_ptr_array_steal_index(at_work, at_work->len - 1));
    return found;
}

gboolean quiet_job(const Place *place, const char *job_id, GError **error)
{
    g_autofree char *unit = quiet_unit_name(job_id);
    if (!service_kill_unit(place, unit, TIMEOUT_MS, error))
        return FALSE;
    g_autofree char *mark = g_strconcat("LIFTLOCK_JOB=", job_id, NULL);
    Marked marked = {
        .place = place, .mark = mark, .users = {geteuid(), place->user ? place->uid : geteuid(), geteuid()}};
    gid_t gid;
    if (!remote_child_user(&marked.users[2], &gid, NULL))
        marked.users[2] = geteuid();
    g_autofree char *left = NULL;
    process_end_all(find_supervisors, &marked, SUPERVISED_MS, SUPERVISED_MS, NULL);
    if (process_end_all(find_marked, &marked, GRACE_MS, TIMEOUT_MS, &left))
        return TRUE;
    return fault_set(error, FAULT_DRAIN, "process %s of job %s does not end", left, job_id);
}
