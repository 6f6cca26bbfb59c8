/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transient units: where a job runs, so that nothing that it restarts can kill it.
 *
 * The manager is the system's own for root, the user's for anybody else and, if the user's can be reached, with
 * LIFTLOCK_ROOT. Every call connects anew and keeps nothing.
 */
#pragma once

#include "model/place.h"

/* Whether a systemd manager answers. FALSE is no error: a job then gets a session of its own (process_start, detached).
 */
gboolean service_manager_available(const Place *place);

typedef struct TransientUnit {
    const char *name;               /* "liftlock-job-ID.service" */
    const char *description;        /* for people: "liftlock: bookshelf, update to 2.1.0" */
    const char *const *argv;        /* NULL-terminated; argv[0] is an absolute path */
    const char *const *environment; /* "NAME=value", NULL-terminated; may be NULL. LIFTLOCK_ROOT is added by the callee
                                       if it is set here: a manager's children inherit nothing from us */
    const char *directory;          /* NULL: "/" */
} TransientUnit;

/* Starts it (Type=exec: returns once the program itself runs) as a unit that is forgotten when it ends (CollectMode),
 * with KillMode=control-group, in system.slice for the system's manager, standard input and output /dev/null. A unit of
 * that name that still exists is FAULT_BUSY; all else is FAULT_START. */
gboolean service_start_transient(const Place *place, const TransientUnit *unit, GError **error);

/* Pids of all processes in a unit's cgroup and below it: GArray of pid_t, empty if there is no such unit or no manager.
 * The caller frees. */
GArray *service_unit_processes(const Place *place, const char *unit);

/* Makes a unit quiet: SIGKILL to all of its cgroup until none is left, whatever state its manager says it is in.
 * Ourselves are spared if we happen to be in it. Returns TRUE once none is left (or there never was one), else
 * FAULT_DRAIN within timeout_ms. */
gboolean service_kill_unit(const Place *place, const char *unit, gint64 timeout_ms, GError **error);
