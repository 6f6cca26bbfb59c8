/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Talking to a systemd manager (org.freedesktop.systemd1, see org.freedesktop.systemd1(5)).
 *
 * As systemctl does, we use the manager's private socket where we may, so that no bus daemon is needed (early at boot,
 * in rescue), and the bus otherwise.
 */
#pragma once

#include <gio/gio.h>

#include "model/place.h"

typedef struct Manager {
    GDBusConnection *connection;
    const char *destination; /* NULL on the private socket */
    gboolean user;           /* the user's manager, not the system's */
    GMainContext *loop;      /* where signals of this connection arrive */
} Manager;

/* FAULT_REQUIREMENT "systemd does not answer: ..." */
Manager *manager_connect(const Place *place, GError **error);
void manager_free(Manager *manager);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Manager, manager_free)

/* LIFTLOCK_ROOT as the place was made with it: "" for the system's own places. The caller frees. */
char *manager_host_root(const Place *place);

/* Whether manager_connect would go to the user's manager. */
gboolean manager_is_user(const Place *place);

/* One call of the Manager interface. `parameters` may be floating; `reply` may be NULL. On failure *error is the D-Bus
 * error with its prefix stripped, as FAULT_START, or as FAULT_SYSTEM if nobody answered. */
gboolean manager_call(Manager *manager, const char *method, GVariant *parameters, const char *reply_type,
                      GVariant **reply, GError **error);

/* FAULT_SYSTEM if the manager is on its way down, and stops what it runs, or does not answer. */
gboolean manager_stands(Manager *manager, GError **error);

/* Calls StartUnit, StopUnit, StartTransientUnit ... (their reply is a job) and waits for that job. *result (may be
 * NULL) is systemd's word: "done", "failed", "timeout", "dependency", "canceled", "skipped" ...; "unknown" if the
 * manager started anew meanwhile. At the deadline FALSE and FAULT_START "no end after 30 s". */
gboolean manager_run_job(Manager *manager, const char *method, GVariant *parameters, const char *unit,
                         gint64 timeout_ms, char **result, GError **error);

/* The same; `queued` (may be NULL) is called when the manager has taken the job, before it is waited for. */
gboolean manager_run_job_with(Manager *manager, const char *method, GVariant *parameters, const char *unit,
                              gint64 timeout_ms, void (*queued)(gpointer), gpointer data, char **result,
                              GError **error);

/* What the manager knows of a unit; loads it if need be. Strings belong to the struct. */
typedef struct UnitFacts {
    char *load_state, *active_state, *sub_state, *file_state, *result, *control_group, *slice, *type;
    GStrv triggered_by;
    gboolean condition_result, condition_checked, foreign_triggers; /* has "|" conditions that are not ours */
    guint32 job, restarts, main_pid;
    gint32 exec_status, exec_code; /* of the main process: CLD_EXITED ... */
    gint64 since_s;
} UnitFacts;
gboolean manager_unit_facts(Manager *manager, const char *unit, UnitFacts *facts, GError **error);
void unit_facts_clear(UnitFacts *facts);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(UnitFacts, unit_facts_clear)

/* All properties of a unit's own interface (of "web.service": org.freedesktop.systemd1.Service), an a{sv}. NULL on
 * failure. */
GVariant *manager_unit_properties(Manager *manager, const char *unit, GError **error);

/* The cgroups that a unit's processes may be in: the one that `facts` names and the one where its slice would put it (a
 * unit that ended with processes left over has no cgroup of its own any more, but they are still there).
 * NULL-terminated; the caller frees. */
GStrv manager_unit_groups(Manager *manager, const char *unit, const UnitFacts *facts);

/* Pids of all processes in such groups: GArray of pid_t. */
GArray *groups_processes(const char *const *groups);
