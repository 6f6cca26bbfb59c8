/* SPDX-License-Identifier: Apache-2.0 */
/* The host's word on the files of a release. */
#include "engine/admission.h"

#include "base/fault.h"
#include "base/fs.h"
#include "model/limits.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static gboolean admit_one(int parent_fd, const char *name, const char *path, const struct stat *st, gpointer data,
                          GError **error)
{
    Job *job = data;
    if (S_ISDIR(st->st_mode))
        return TRUE;
    if (S_ISREG(st->st_mode) && !limits_allow_file(job->config, path, (guint64)st->st_size, error))
        return fault_prefix(error, "%s %s", job->plan->app, job->plan->to);
    if (job->manifest->layout == LAYOUT_FILES ||
        limits_privilege(job->config, job->manifest, path) != PRIVILEGE_WITHHELD)
        return TRUE;
    if (unlinkat(parent_fd, name, 0) != 0)
        return fault_errno(error, FAULT_SYSTEM, errno, "cannot withhold %s", path);
    g_autofree char *shown = fs_display(path);
    job_say(job, "withheld: %s", shown);
    return TRUE;
}

gboolean admission_hold(Job *job, int tree_fd, GError **error)
{
    if (job->config->security.allowed_file_types->len == 0 && job->config->security.max_file_bytes == 0 &&
        job->manifest->privileged_files->len == 0)
        return TRUE;
    return fs_walk(tree_fd, ".", admit_one, job, error);
}
