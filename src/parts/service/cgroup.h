/* SPDX-License-Identifier: Apache-2.0 */
/* Control groups as systemd uses them: which processes belong to a unit. */
#pragma once

#include <glib.h>
#include <sys/types.h>

/* Adds the pids of all processes in `group` ("/system.slice/web.service") and below it to `pids`, each once. Looks in
 * every hierarchy that systemd keeps units in (unified, hybrid and the old one of its own). A missing group adds
 * nothing. */
void cgroup_add_processes(const char *group, GArray *pids);

/* Our own group in systemd's hierarchy, "/" if there is none. The caller frees. */
char *cgroup_own(void);
